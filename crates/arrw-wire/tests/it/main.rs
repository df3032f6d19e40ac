//! The codec against others that speak the same.

mod tungstenite;
