//! What a server is told of the clients of its WebSockets: who may come, and what they have from the start.

use super::{ProxySettings, TokenSettings};

/// Who may connect, and as whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientSettings {
    /// Whether clients need no tokens and may do anything, for trying things out. Default no; yes where requests need no
    /// API key, no token can be verified and no back end is asked who connects, which is on loopback alone. A server that others can reach does not start with
    /// it.
    pub insecure: bool,
    /// By what users are known.
    pub tokens: TokenSettings,
    /// Whether each connection of a user `42` is subscribed to the channel `#42` from the start. Default no.
    pub personal: bool,
    /// The back end that says who a client is that connects without a token.
    pub connect_proxy: ProxySettings,
    /// The back end that answers calls of clients that the engine has not.
    pub rpc_proxy: ProxySettings,
}
