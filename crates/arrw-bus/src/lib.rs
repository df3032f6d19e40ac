//! Subscriptions that follow the log and resume where they stopped.
//!
//! A [`Filter`] says which topics a subscriber wants. A [`FilterIndex`] holds the filters of all
//! subscribers and finds those that match a topic, at a cost that does not grow with their number.
//!
//! ```
//! use arrw_bus::{Filter, FilterIndex};
//! # fn main() -> Result<(), arrw_bus::FilterError> {
//! let mut index = FilterIndex::with_seed(7); // in a server: a random number, drawn at the start
//! index.insert(&Filter::parse("orders.*.created")?, 1_u32);
//! index.insert(&Filter::parse("orders.>")?, 2);
//!
//! let mut found = Vec::new();
//! index.for_each_match("orders.eu.paid", |subscriber| found.push(subscriber));
//! assert_eq!(found, [2]);
//! # Ok(())
//! # }
//! ```

pub mod limits;

#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod fuzz;

mod checkpoint;
mod consumers;
mod dispatch;
mod event;
mod filter;
mod ids;
mod index;
mod planted;
mod registry;
mod retention;
mod rules;
mod subscriber;
mod summed;
mod tail;

pub use consumers::{Consumer, ConsumerFact, Consumers, is_name};
pub use dispatch::{Dispatch, DispatchId};
pub use event::{CONTENT_TYPE_DEFAULT, EVENT, Event, EventError, NewEvent};
pub use filter::{Filter, FilterError, is_volatile};
pub use ids::Known;
pub use index::FilterIndex;
pub use registry::{Listed, Rest, Wakes};
pub use retention::{FloorMap, Floors, TopicRetention};
pub use rules::{
    Acknowledgement, Ask, BatchAsk, CONSUMER, FLOOR, IdAsk, IdAsks, Memory, OnDisk, PRODUCER,
    RETENTION, RuleError, Rules, producer_record,
};
pub use subscriber::{Delivered, Subscriber};
pub use tail::{Got, Tail, TailId};
