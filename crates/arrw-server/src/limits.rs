//! Every bound of the server, with its unit, its reason and what happens when it is reached.
//!
//! Those in [`Limits`] can be set; their constants are the defaults.

use std::time::Duration;

/// The bounds that an operator may set. `docs/settings.md` has the same, with what can be set.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Default [`CONNECTIONS_MAX`].
    pub connections: usize,
    /// Default [`ADDRESS_CONNECTIONS_MAX`].
    pub connections_per_address: usize,
    /// Default [`LOOPBACK_CONNECTIONS_MAX`].
    pub connections_per_loopback: usize,
    /// Default [`ADDRESS_RATE_MAX`].
    pub requests_per_address: usize,
    /// Default [`LOOPBACK_RATE_MAX`].
    pub requests_per_loopback: usize,
    /// Default [`KEY_RATE_MAX`].
    pub requests_per_key: usize,
    /// Default [`STREAMS_MAX`].
    pub streams: usize,
    /// Default [`HEAD_TIME_MAX`].
    pub head: Duration,
    /// Default [`BODY_IDLE_MAX`].
    pub body_idle: Duration,
    /// Default [`WRITE_STALL_MAX`].
    pub write_stall: Duration,
    /// Default [`DRAIN_TIME_MAX`].
    pub drain: Duration,
    /// Default [`JSON_BYTES_MAX`].
    pub json_bytes: usize,
    /// Default [`LINE_BYTES_MAX`].
    pub line_bytes: usize,
    /// Default [`BODIES_BYTES_MAX`].
    pub bodies_bytes: usize,
    /// Default [`PAGE_EVENTS_MAX`].
    pub page_events: usize,
    /// Default [`WAIT_MAX`].
    pub page_wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: CONNECTIONS_MAX,
            connections_per_address: ADDRESS_CONNECTIONS_MAX,
            connections_per_loopback: LOOPBACK_CONNECTIONS_MAX,
            requests_per_address: ADDRESS_RATE_MAX,
            requests_per_loopback: LOOPBACK_RATE_MAX,
            requests_per_key: KEY_RATE_MAX,
            streams: STREAMS_MAX,
            head: HEAD_TIME_MAX,
            body_idle: BODY_IDLE_MAX,
            write_stall: WRITE_STALL_MAX,
            drain: DRAIN_TIME_MAX,
            json_bytes: JSON_BYTES_MAX,
            line_bytes: LINE_BYTES_MAX,
            bodies_bytes: BODIES_BYTES_MAX,
            page_events: PAGE_EVENTS_MAX,
            page_wait: WAIT_MAX,
        }
    }
}

/// Connections at once. One costs about 20 KiB and a file descriptor. One more is answered 503 and closed.
pub const CONNECTIONS_MAX: usize = 10_000;

/// Connections at once from one remote address, so that one client cannot take the place of all others. Of
/// IPv6 it counts the first 64 bits, which is what one client has. One more is answered 503 and closed.
pub const ADDRESS_CONNECTIONS_MAX: usize = 1_024;

/// Connections at once from one loopback address: a proxy on this machine brings those of all clients, so by
/// itself it is no bound below that of all connections. One more is answered 503 and closed.
pub const LOOPBACK_CONNECTIONS_MAX: usize = 1_000_000;

/// Requests a second from one remote address, which are counted as its connections are. A connection pays
/// for its first request. Whoever asks more often is answered 429 with the time to wait.
pub const ADDRESS_RATE_MAX: usize = 10_000;

/// The same for each loopback address, behind which may be a proxy with all clients: more than one can do.
pub const LOOPBACK_RATE_MAX: usize = 1_000_000;

/// Requests a second with one key, from wherever. Whoever asks more often is answered 429 with the time to wait.
pub const KEY_RATE_MAX: usize = 100_000;

/// How long a client that does not ask saves up for a burst.
pub const RATE_BURST: Duration = Duration::from_secs(2);

/// Addresses that are known at once: those with connections, and those that have used up some of their rate. One
/// takes about 200 bytes. One more is turned away.
pub const ADDRESSES_MAX: usize = 100_000;

/// Streams of events at once. One has a connection of its own and holds a chunk and a subscription. One more
/// is answered 503.
pub const STREAMS_MAX: usize = 10_000;

/// Bytes that a connection reads ahead or has encoded and not written: the head of a request must fit, and
/// a reader that is slow holds no more than this and one chunk.
pub const CONNECTION_BUFFER_BYTES: usize = 64 * 1024;

/// Bytes that the system holds for a connection and has not sent yet, besides what is on its way: enough that the
/// line is never empty while the server writes the next ones. More is written when these are gone.
pub const UNSENT_BYTES_MAX: u32 = 128 * 1024;

/// Header fields of a request. More are answered 431.
pub const HEADERS_MAX: usize = 64;

/// How long the head of a request may take, counted from the end of the answer before it: so also how long
/// a connection may be idle. Then it is closed, and a client that sends its head byte by byte with it.
pub const HEAD_TIME_MAX: Duration = Duration::from_secs(30);

/// How long a body may bring nothing. Then it is answered 408.
pub const BODY_IDLE_MAX: Duration = Duration::from_secs(30);

/// How long a client may take nothing of what waits for it. Then its connection is closed.
pub const WRITE_STALL_MAX: Duration = Duration::from_secs(60);

/// How long requests may go on when the server stops. Then their connections are closed.
pub const DRAIN_TIME_MAX: Duration = Duration::from_secs(5);

/// How long to wait before the next try to accept, when the system has no file descriptor left.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long a browser keeps what it was told about the pages that may ask here.
pub const PREFLIGHT_KEPT: Duration = Duration::from_secs(3600);

/// How often is looked whether the log still takes writes, in case nobody publishes.
pub const HEALTH_EVERY: Duration = Duration::from_secs(1);

/// How often at most is told of connections that cannot be accepted or are turned away. Those between are
/// counted.
pub const NOTE_EVERY: Duration = Duration::from_secs(10);

/// Bytes of the name that a request may bring in `x-request-id`. A longer one is not taken: another is drawn.
pub const REQUEST_ID_BYTES_MAX: usize = 128;

/// Bytes of a body that is one JSON value, an event or an atomic batch: a quarter of what a frame of the log
/// holds, because it is in memory as a whole. A larger one is answered 413; NDJSON has no such bound.
pub const JSON_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Headers of an event: a record has 64, of which some are ours. More are answered 400.
pub const EVENT_HEADERS_MAX: usize = 60;

/// Bytes of the body of a control route, such as a new consumer. A larger one is answered 413.
pub const CONTROL_BYTES_MAX: usize = 64 * 1024;

/// Bytes of a line of NDJSON: one event, as large as it may be alone. A longer one is answered 413.
pub const LINE_BYTES_MAX: usize = JSON_BYTES_MAX;

/// Bytes of all bodies that are in memory together: JSON values as far as they have come, and lines that wait for
/// their end or their commit. A request that needs more is answered 503.
pub const BODIES_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Lines that an answer names one by one when a client asks to go on behind wrong ones; it counts them all.
pub const LINE_FAULTS_MAX: usize = 100;

/// Bytes of the text, and of the advice, of a refusal: they quote the request, and a client may be told of a
/// hundred lines. What is more is cut off.
pub const DETAIL_BYTES_MAX: usize = 1_000;

/// Lines of NDJSON that are committed together at most: enough to make the cost of a sync small, few enough
/// that the first of them does not wait long.
pub const CHUNK_LINES_MAX: usize = 1_000;

/// Bytes of NDJSON that are committed together at most, save for a line that is longer by itself: where the
/// disk reaches its full rate.
pub const CHUNK_BYTES_MAX: usize = 1024 * 1024;

/// Bytes of a refused body that are read and thrown away, so that a client that is still writing gets to
/// read the answer. Then its connection is closed.
pub const DISCARD_BYTES_MAX: usize = 8 * 1024 * 1024;

/// How long that may take.
pub const DISCARD_TIME_MAX: Duration = Duration::from_secs(2);

/// Bytes of a body after which other requests go on before more of it is taken in: a tenth of a millisecond.
pub const GIVE_WAY_BYTES: usize = 256 * 1024;

/// Pages that are read and encoded at once: each may take 10 ms of a core and 8 MiB meanwhile. One more waits.
pub const PAGES_AT_ONCE_MAX: usize = 4;

/// Events of one page. More is answered 400.
pub const PAGE_EVENTS_MAX: usize = 1_000;

/// Events of one page when nothing is said.
pub const PAGE_EVENTS_DEFAULT: usize = 100;

/// Bytes after which a page takes no more events, however few it has; one is always in it.
pub const PAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How long a request for a page may wait for an event. Longer is answered 400.
pub const WAIT_MAX: Duration = Duration::from_secs(30);

/// Bytes after which a chunk of a stream takes no more events; one is always in it.
pub const STREAM_CHUNK_BYTES: usize = 64 * 1024;

/// Bytes of chunks that were encoded lately and are kept for other streams of the same filter: as far behind
/// each other as such streams are when all are live. A stream that is further behind encodes for itself.
pub const SHARED_BYTES_MAX: usize = 16 * 1024 * 1024;

/// How many such chunks, for the small ones: about 1 MiB of what is known about them.
pub const SHARED_CHUNKS_MAX: usize = 4_096;

/// How long a stream may be silent: proxies cut connections that are silent for a minute.
pub const HEARTBEAT_EVERY: Duration = Duration::from_secs(15);

/// Milliseconds after which a browser asks again when its stream has ended.
pub const RETRY_MS: u32 = 1_000;

/// Records behind the tail from which on a stream may have to read the disk: its reads then give the
/// thread's other work away first, which costs some 20 us each.
pub const CATCH_UP_RECORDS: u64 = 4_096;

/// Jobs of one claim: each may have 1 MiB of args, and all are in one answer. More is answered 400.
pub const CLAIM_JOBS_MAX: usize = 100;

/// How long a claim may wait for a job: proxies cut requests that are silent for longer. More is answered 400.
pub const CLAIM_WAIT_MAX: Duration = Duration::from_secs(60);

/// Milliseconds that a job may be put off: ten years. More is answered 400.
pub const DELAY_MS_MAX: u64 = 10 * 366 * 24 * 3_600 * 1_000;

/// Leases that are ended by one request, each with an answer of its own. More are answered 413.
pub const FINISH_JOBS_MAX: usize = 1_000;

/// Jobs that a request looks at, of those in a list: a millisecond, or so many reads of the log when it looks at what
/// they were enqueued with. The answer says where to go on.
pub const SCANNED_JOBS_MAX: usize = 1_000;

/// Ways of a job into a state that are shown with it, the newest; each may have 64 KiB of an error. Older ones are on the
/// job's topics.
pub const HISTORY_SHOWN_MAX: usize = 100;

/// Queues that `/metrics` names. What the others have is summed up.
pub const METRIC_QUEUES_MAX: usize = 100;

/// Consumers that `/metrics` names. Of the others it has how far the last of them is behind.
pub const METRIC_CONSUMERS_MAX: usize = 100;

/// How long the server's own work rests when the log refuses it.
pub const OWN_WORK_PAUSE: Duration = Duration::from_secs(1);

/// Jobs of the server's own work that run at once, each on a thread.
pub const BUILT_IN_AT_ONCE: usize = 2;

/// Bytes of the name of a file that the server's own work writes or reads. A longer one is refused.
pub const FILE_NAME_BYTES_MAX: usize = 128;

/// Bytes of a line of a file that is imported. A longer one ends the import.
pub const IMPORT_LINE_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Bytes of the name of a backup, which is one of a folder.
pub const BACKUP_NAME_BYTES_MAX: usize = 64;

/// How long the client waits for a connection.
pub const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);

/// How long the client waits for an answer to begin, unless it is told otherwise, and for each further part of it.
pub const ANSWER_TIME_MAX: Duration = Duration::from_secs(60);

/// How long the client follows a stream that is silent: three heartbeats. Then it counts as lost.
pub const SILENCE_MAX: Duration = Duration::from_secs(45);

/// Bytes that the client takes in of one answer, or of one message of a stream: an event in base64 with room
/// for a page of them. A larger one is an error.
pub const ANSWER_BYTES_MAX: usize = 32 * 1024 * 1024;

/// API keys of a server. One more cannot be made.
pub const KEYS_MAX: usize = 10_000;

/// Bytes of the name of a key. A key with a longer one cannot be made.
pub const KEY_NAME_BYTES_MAX: usize = 255;

/// Filters that a key may name: each is looked at for each event that it publishes.
pub const KEY_PATTERNS_MAX: usize = 64;

/// How often an open stream looks whether its key has ended, when the keys do not change.
pub const KEY_LOOK_EVERY: Duration = Duration::from_secs(60);

/// Publications that history and recovery look back to, unless a namespace says otherwise. Older ones cannot be
/// recovered, as long as the log may keep them.
pub const HISTORY_SIZE_DEFAULT: usize = 10_000;

/// How old publications may be that history and recovery look back to, unless a namespace says otherwise.
pub const HISTORY_TTL_DEFAULT: Duration = Duration::from_secs(24 * 3600);

/// How long publications gather under load, unless a namespace says otherwise: so many milliseconds more delay save
/// most of the writes.
pub const COALESCE_DEFAULT: Duration = Duration::from_millis(5);

/// Bytes of a message that a client sends over a WebSocket, also when it was compressed. A longer one ends the connection
/// with 1009.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// Channels that one connection may be subscribed to. One more is refused by error 106.
pub const CHANNELS_MAX: usize = 128;

/// Commands of one connection whose answer is under way. One more is refused by error 111.
pub const PENDING_COMMANDS_MAX: usize = 256;

/// Commands a second of one connection, with a burst of [`RATE_BURST`]; pongs do not count. One more is refused by error
/// 111, and a connection that goes on is ended by 3013.
pub const COMMAND_RATE_MAX: usize = 10_000;

/// Connections of one user. One more is ended by 3504.
pub const USER_CONNECTIONS_MAX: usize = 1_000_000;

/// Bytes that wait for one client that takes nothing: answers, and the rest of one write. More end its connection with 3008.
/// Publications are never among them but for that rest.
pub const OUTBOX_BYTES_MAX: usize = 1024 * 1024;

/// Bytes of the newest publications of all channels that somebody is subscribed to. When there are more, each channel keeps
/// less, and those that are behind read the log.
pub const RINGS_BYTES_MAX: usize = 64 * 1024 * 1024;

/// How often a client is asked whether it is there.
pub const PING_EVERY: Duration = Duration::from_secs(25);

/// How long it may take to say so. Then its connection is ended by 3012.
pub const PONG_TIME_MAX: Duration = Duration::from_secs(8);

/// How long a client may take from the WebSocket's handshake to its connect command. Then its connection is ended by 3502.
pub const CONNECT_TIME_MAX_CLIENT: Duration = Duration::from_secs(10);

/// How long a member whose connection ended stays in the presence: a client that comes back meanwhile was never away.
pub const PRESENCE_GRACE: Duration = Duration::from_secs(3);

/// How long a client may take nothing of what it is sent, as long as its channels let it be slow. Then its connection is ended
/// by 3008.
pub const STALL_MAX: Duration = Duration::from_secs(600);

/// How long a client whose token has ended may take to bring a new one.
pub const EXPIRY_GRACE: Duration = Duration::from_secs(25);

/// Entries of one channel that are in memory, ready to be sent. Those that are behind more read the log.
pub const RING_ENTRIES_MAX: usize = 1_024;

/// Bytes of these. The newest stays however large it is.
pub const RING_BYTES_MAX: usize = 1024 * 1024;

/// Bytes of publications that are put into one frame. A larger one has a frame of its own.
pub const FRAME_BYTES_MAX: usize = 64 * 1024;

/// Bytes of publications that one client that is behind is given at once: what it does not take of them waits, and is its own.
pub const CATCH_UP_BYTES_MAX: usize = 16 * 1024;

/// Publications of one frame: what a client takes apart at once.
pub const FRAME_MESSAGES_MAX: usize = 1_024;

/// Bytes from which on a frame is worth being compressed.
pub const DEFLATE_BYTES_MIN: usize = 128;

/// Publications that are read from the log at once for those that are behind.
pub const PAGE_PUBLICATIONS: usize = 128;

/// Reads of the log at once for clients that are behind, come back, or ask for a history; each has a thread of its own. One more
/// waits.
pub const SOCKET_READS_MAX: usize = 8;

/// Pages of these that are kept for others who need the same: after a kill each channel needs one or two. The oldest are let go.
pub const PAGES_KEPT: usize = 4_096;

/// Bytes of these pages.
pub const PAGES_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Tasks that tell connections of publications: more than there are cores would be of no use.
pub const WORKERS_MAX: usize = 16;

/// How long to wait before the bus is followed anew when it could not be.
pub const FOLLOW_PAUSE: Duration = Duration::from_secs(1);

/// Publications that one call answers from the history of a channel. The answer says where to go on.
pub const HISTORY_PAGE_MAX: usize = 1_000;

/// Bytes that are read from a WebSocket at once, by all connections of a thread in turn.
pub const READ_BYTES: usize = 64 * 1024;

/// Bytes of the head of a request for a WebSocket. A longer one is answered as any other, with 431.
pub const SOCKET_HEAD_BYTES_MAX: usize = 16 * 1024;

/// Connections that wait to be accepted. The system may have room for fewer (`net.core.somaxconn`).
pub const LISTEN_BACKLOG: u32 = 4_096;

/// Connections a second that are told to connect again when the server stops: as many as come back at once elsewhere.
pub const DRAIN_RATE: u32 = 4_000;

/// Calls of one `/api/batch`. More are refused.
pub const API_COMMANDS_MAX: usize = 1_000;

/// Channels of one `/api/broadcast`: with its data they must fit one frame of the log. More are refused.
pub const BROADCAST_CHANNELS_MAX: usize = 10_000;

/// Channels that `/api/channels` lists. More are left out: ask by a pattern.
pub const API_CHANNELS_MAX: usize = 10_000;

/// Bytes of a token. It comes with the first message of a client that nobody knows yet; a longer one is refused unread.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// Bytes of a key that tokens are verified with: four times the largest of RSA in PEM. A longer one is refused.
pub const TOKEN_KEY_BYTES_MAX: usize = 8 * 1024;

/// How long the answer of a back end may take that is asked of a client, unless it is said. Later ones count for nothing.
pub const PROXY_TIME_MAX: Duration = Duration::from_secs(1);

/// Questions to one back end that wait for their answers. One more is not asked: its client is told to try again.
pub const PROXY_CALLS_MAX: usize = 1_024;

/// Bytes of a back end's answer. One that is longer counts for nothing.
pub const PROXY_BYTES_MAX: usize = 1024 * 1024;

/// Connections to one back end that are kept while nothing is asked. Others are closed.
pub const PROXY_IDLE_CONNECTIONS_MAX: usize = 64;

/// How long one is kept.
pub const PROXY_IDLE_MAX: Duration = Duration::from_secs(30);

/// Revocations of tokens that are in force at once, about 200 bytes each. One more cannot be made: revoke all of a user,
/// or all, instead of each.
pub const REVOCATIONS_MAX: usize = 100_000;

/// Namespaces of channels. One more is refused when the settings are read.
pub const NAMESPACES_MAX: usize = 256;

/// Bytes of the name of a namespace, so that the names of channels, which begin with it, have room. A longer one is
/// refused when the settings are read.
pub const NAMESPACE_NAME_BYTES_MAX: usize = 64;
