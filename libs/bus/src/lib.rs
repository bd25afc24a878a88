//! Events between modules, at least once and with their effect once.
//!
//! A service records an event in its outbox, in the transaction that it tells
//! of ([`publish`]). Its [`Relay`] hands recorded events to the [`Bus`]. A
//! [`Consumer`] receives them for a group: the handler runs in one transaction
//! with a row of the inbox, so that a second delivery has no effect. An attempt
//! that fails is repeated with exponential backoff; an event that no attempt can
//! deal with is parked in the consumer's own database, listed and redriven as
//! [`shoal_queue::EventLetters`]. Request id, user, colour and trace travel with
//! the event.
//!
//! Two buses, one contract. [`Bus::redis`] is for production: one stream per
//! publishing module, one consumer group per receiving one. [`Bus::in_process`]
//! is the embedded default: the relay itself runs the handlers, and an event
//! counts as taken only when every group has dealt with it, so a crash loses
//! nothing there either.
//!
//! Rejected: LISTEN/NOTIFY and triggers (PostgreSQL only, and nothing is kept
//! for who is away), publishing straight to Redis (two systems, no transaction:
//! an event without its change or a change without its event), a broker of its
//! own (one more server for what a Redis that is there already does), and an
//! unbounded channel as the in-process bus (a crash would lose what is in it).

mod bus;
mod config;
mod consumer;
mod delivery;
mod in_process;
mod lanes;
mod metrics;
mod redis_bus;
mod relay;
mod spans;

use shoal_error::{Error, Result};
use shoal_proto::events::Event;

pub use bus::{Bus, Hold};
pub use config::{BusConfig, ConsumerConfig, RelayConfig};
pub use consumer::{Consumer, Handler, handler_fn};
pub use relay::Relay;
pub use shoal_store::dead_letters;
pub use shoal_store::outbox::{EventEnvelope, publish};

shoal_error::codes! {
    /// Codes of the event bus.
    pub enum BusCode("bus") {
        /// An event is not what its type says; no further attempt can help.
        UnreadableEvent: "bus.unreadable_event", Internal, "Unreadable event",
            "Compare the producer's version of the event with the consumer's, then redrive it.";
        /// The bus could not be reached.
        NotTaken: "bus.not_taken", Unavailable, "Event not taken",
            "Nothing to do: the relay tries again until the bus takes it.";
        /// A handler panicked.
        HandlerPanicked: "bus.handler_panicked", Internal, "Handler panicked",
            "Look the trace up, mend the handler, then redrive the event.";
    }
}

/// The payload of an event as its type. A handler that returns this error has
/// the event parked at once.
///
/// # Errors
/// [`BusCode::UnreadableEvent`] when the data is not what `P` says.
pub fn decode<P: Event>(event: &EventEnvelope) -> Result<P> {
    event.decode().map_err(|e| {
        let message = format!("The data of {} is not a {}: {e}", event.id, P::TYPE);
        Error::new(BusCode::UnreadableEvent, message).with_source(e)
    })
}
