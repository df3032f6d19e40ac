//! Planted faults, each of which must be noticed.
