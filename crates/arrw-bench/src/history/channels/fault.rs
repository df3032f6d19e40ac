//! Why a history of channels cannot be true.

use crate::history::Written;

/// What the server did that it must not, or of what too little was seen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelFault {
    /// A client did not get a publication.
    #[error("gap: {client} never got {offset} of channel {channel}")]
    Gap {
        /// The client.
        client: String,
        /// The channel.
        channel: u32,
        /// The offset.
        offset: u64,
    },
    /// A client got a publication again, or went back.
    #[error("repeat: {client} got {offset} of channel {channel} behind {before}")]
    Repeat {
        /// The client.
        client: String,
        /// The channel.
        channel: u32,
        /// What it got.
        offset: u64,
        /// What it had got before.
        before: u64,
    },
    /// A client got what is behind the end.
    #[error("phantom: {client} got {offset} of channel {channel}, which ends at {end}")]
    Beyond {
        /// The client.
        client: String,
        /// The channel.
        channel: u32,
        /// What it got.
        offset: u64,
        /// The end.
        end: u64,
    },
    /// Two clients got different publications at one place.
    #[error("two orders: at {offset} of channel {channel} {client} got {event}, others {other}")]
    Orders {
        /// The channel.
        channel: u32,
        /// The place.
        offset: u64,
        /// The client.
        client: String,
        /// What it got.
        event: Written,
        /// What others got.
        other: Written,
    },
    /// What was acknowledged is not there.
    #[error("lost: {event} was acknowledged and nobody got it in channel {channel}")]
    Lost {
        /// The publication.
        event: Written,
        /// Where it should be.
        channel: u32,
    },
    /// A publication is there twice.
    #[error("doubled: {event} is in channel {channel} at {first} and at {second}")]
    Doubled {
        /// The publication.
        event: Written,
        /// The channel.
        channel: u32,
        /// Its first offset.
        first: u64,
        /// Its second offset.
        second: u64,
    },
    /// Something is there that nobody published.
    #[error("phantom: nobody published what is at {offset} of channel {channel}, {event}")]
    Phantom {
        /// What it says it is.
        event: Written,
        /// The channel.
        channel: u32,
        /// Its offset.
        offset: u64,
    },
    /// A publication is not where it must be.
    #[error("moved: {event} is at {offset} of channel {channel}, {instead}")]
    Moved {
        /// The publication.
        event: Written,
        /// The channel.
        channel: u32,
        /// Its offset.
        offset: u64,
        /// Where it should be.
        instead: String,
    },
    /// A write is there in parts.
    #[error("torn: the write that begins with {first} is there in part")]
    Torn {
        /// Its first publication.
        first: Written,
    },
    /// A client was told that something is missing, or of another place than its own.
    #[error(
        "not recovered: {client} came back to channel {channel} from {from}, and was told {told}"
    )]
    NotRecovered {
        /// The client.
        client: String,
        /// The channel.
        channel: u32,
        /// Where it was.
        from: u64,
        /// What it was told.
        told: String,
    },
    /// A channel began anew.
    #[error("epoch: channel {channel} was in `{first}` and then in `{second}`")]
    Epoch {
        /// The channel.
        channel: u32,
        /// One epoch.
        first: String,
        /// Another.
        second: String,
    },
    /// Somebody who named an epoch that never was is said to miss nothing.
    #[error(
        "believed: a client of channel {channel} named an epoch that never was, and was said to miss nothing"
    )]
    Believed {
        /// The channel.
        channel: u32,
    },
    /// There is too little of something.
    #[error("too thin: {found} {what}, not {wanted}")]
    Thin {
        /// Of what.
        what: &'static str,
        /// How many there are.
        found: u64,
        /// How many there must be.
        wanted: u64,
    },
}
