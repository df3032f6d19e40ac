//! What may be set of the clients of WebSockets.

use arrw_server::KeyFamily;

use super::kind::Kind;
use super::table::Setting;

/// Who may connect, and by which tokens users are known.
pub(crate) const CLIENTS: &[Setting] = &[
    client(
        "client.insecure",
        "Whether clients of WebSockets need no tokens and may do anything, to try things out; only while nobody else can reach the server",
        Kind::Switch(|config| &mut config.clients.insecure),
    ),
    client(
        "client.user_subscribe_to_personal",
        "Whether each connection of a user `42` is subscribed to the channel `#42` from the start",
        Kind::Switch(|config| &mut config.clients.personal),
    ),
    client(
        "client.compression",
        "Whether messages are compressed for clients that offer it (permessage-deflate): fewer bytes on the line for more time",
        Kind::Switch(|config| &mut config.compression),
    ),
    client(
        "client.ping_ms",
        "How often a client is asked whether it is there; begun seconds count, as for those below",
        Kind::Millis { range: (1_000, 3_600_000), field: |config| &mut config.socket_limits.ping },
    ),
    client(
        "client.presence_grace_ms",
        "How long one whose connection ended stays in the presence, so that who comes back meanwhile was never away",
        Kind::Millis {
            range: (0, 3_600_000),
            field: |config| &mut config.socket_limits.presence_grace,
        },
    ),
    client(
        "client.expiry_grace_ms",
        "How long a client whose token has ended may take to bring a new one",
        Kind::Millis {
            range: (0, 3_600_000),
            field: |config| &mut config.socket_limits.expiry_grace,
        },
    ),
    client(
        "client.token.hmac_secret_key",
        "Secret that verifies tokens by HS256, HS384 and HS512; 32 bytes at least, drawn at random (`openssl rand -hex 32`)",
        Kind::Secret(|config| &mut config.clients.tokens.hmac_secret_key),
    ),
    client(
        "client.token.hmac_previous_secret_key",
        "The secret before, as long as tokens are about that it signed",
        Kind::Secret(|config| &mut config.clients.tokens.hmac_previous_secret_key),
    ),
    client(
        "client.token.rsa_public_key",
        "Key that verifies tokens by RS256, RS384 and RS512",
        Kind::PublicKey(KeyFamily::Rsa, |config| &mut config.clients.tokens.rsa_public_key),
    ),
    client(
        "client.token.rsa_previous_public_key",
        "The key before",
        Kind::PublicKey(KeyFamily::Rsa, |config| {
            &mut config.clients.tokens.rsa_previous_public_key
        }),
    ),
    client(
        "client.token.ecdsa_public_key",
        "Key that verifies tokens by ES256 (P-256) or ES384 (P-384)",
        Kind::PublicKey(KeyFamily::Ecdsa, |config| &mut config.clients.tokens.ecdsa_public_key),
    ),
    client(
        "client.token.ecdsa_previous_public_key",
        "The key before, on either curve",
        Kind::PublicKey(KeyFamily::Ecdsa, |config| {
            &mut config.clients.tokens.ecdsa_previous_public_key
        }),
    ),
    client(
        "client.token.ed25519_public_key",
        "Key that verifies tokens by EdDSA",
        Kind::PublicKey(KeyFamily::Ed25519, |config| &mut config.clients.tokens.ed25519_public_key),
    ),
    client(
        "client.token.ed25519_previous_public_key",
        "The key before",
        Kind::PublicKey(KeyFamily::Ed25519, |config| {
            &mut config.clients.tokens.ed25519_previous_public_key
        }),
    ),
    client(
        "client.token.audience",
        "What must be among the `aud` of every token",
        Kind::TextOrNone(|config| &mut config.clients.tokens.audience),
    ),
    client(
        "client.token.issuer",
        "What the `iss` of every token must be",
        Kind::TextOrNone(|config| &mut config.clients.tokens.issuer),
    ),
    client(
        "client.token.leeway_ms",
        "How far the clock of who makes the tokens may be from the server's; begun seconds count",
        Kind::Millis { range: (0, LEEWAY_MAX), field: |config| &mut config.clients.tokens.leeway },
    ),
    client(
        "client.token.revocations",
        "File of what `arrwdb token revoke` took back; read again when it changes",
        Kind::FileOrNone(|config| &mut config.clients.tokens.revocations),
    ),
    client(
        "client.proxy.connect.endpoint",
        "URL of the back end that says who a client is that connects without a token",
        Kind::Endpoint(|config| &mut config.clients.connect_proxy.endpoint),
    ),
    client(
        "client.proxy.connect.timeout_ms",
        "How long its answer may take; then the client is told to try again",
        Kind::Millis {
            range: (10, 60_000),
            field: |config| &mut config.clients.connect_proxy.timeout,
        },
    ),
    client(
        "client.proxy.connect.http_headers",
        "Headers of the client's request that are passed on",
        Kind::Headers(|config| &mut config.clients.connect_proxy.http_headers),
    ),
    client(
        "client.proxy.connect.secret",
        "Sent as `authorization: Bearer ..`, so that the back end knows who asks",
        Kind::Secret(|config| &mut config.clients.connect_proxy.secret),
    ),
    client(
        "client.proxy.connect.authorities",
        "File of the authorities that an `https://` endpoint must be known by, in PEM",
        Kind::FileOrNone(|config| &mut config.clients.connect_proxy.authorities),
    ),
    client(
        "rpc.proxy.endpoint",
        "URL of the back end that answers the calls that the server has not",
        Kind::Endpoint(|config| &mut config.clients.rpc_proxy.endpoint),
    ),
    client(
        "rpc.proxy.timeout_ms",
        "How long its answer may take; then the client is told to try again",
        Kind::Millis { range: (10, 60_000), field: |config| &mut config.clients.rpc_proxy.timeout },
    ),
    client(
        "rpc.proxy.http_headers",
        "Headers of the client's request that are passed on",
        Kind::Headers(|config| &mut config.clients.rpc_proxy.http_headers),
    ),
    client(
        "rpc.proxy.secret",
        "Sent as `authorization: Bearer ..`, so that the back end knows who asks",
        Kind::Secret(|config| &mut config.clients.rpc_proxy.secret),
    ),
    client(
        "rpc.proxy.authorities",
        "File of the authorities that an `https://` endpoint must be known by, in PEM",
        Kind::FileOrNone(|config| &mut config.clients.rpc_proxy.authorities),
    ),
];

/// Ten minutes, in milliseconds: a clock that is further off is wrong.
const LEEWAY_MAX: u64 = 600_000;

const fn client(key: &'static str, doc: &'static str, kind: Kind) -> Setting {
    Setting { key, flag: None, doc, kind }
}
