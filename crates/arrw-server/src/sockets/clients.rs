//! What a server is told of the clients of its WebSockets: who may come, and what they have from the start.

use super::TokenSettings;

/// Who may connect, and as whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientSettings {
    /// Whether clients need no tokens and may do anything, for trying things out. Default no; yes where requests need no
    /// API key and no token can be verified, which is on loopback alone. A server that others can reach does not start with
    /// it.
    pub insecure: bool,
    /// By what users are known.
    pub tokens: TokenSettings,
    /// Whether each connection of a user `42` is subscribed to the channel `#42` from the start. Default no.
    pub personal: bool,
}
