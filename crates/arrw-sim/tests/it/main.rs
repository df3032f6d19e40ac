//! The simulated machine keeps the contract of `Storage`, and so do the storages of the log.

mod conformance;
mod crash_states;
mod damage;
mod failed_sync;
mod faults;
mod fixture;
mod full_disk;
mod io_faults;
mod log_crash;
mod log_format;
mod log_model;
mod machine;
mod made;
mod model;
mod repair_cut_off;
mod work;
