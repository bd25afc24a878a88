//! Durable queues (C6): work that must not be lost waits in the service's own
//! database, is tried again when it fails, and lies in one place when nothing
//! helped. Webhooks, mail, events and sagas share what is here.
//!
//! - [`QueueTable`]: the columns that make any table of a service a queue:
//!   claimed under a lease, fenced by its token, repeated by one
//!   [`RetryPolicy`](shoal_resilience::RetryPolicy), dead in the end, redriven.
//! - [`Worker`] with [`Work`]: the loop over such a table. A team writes what an
//!   attempt does and what is noted of it; claiming, the context and trace of
//!   the cause, deciding, counting and the transaction around it are here.
//! - [`DeadLetters`]: what has failed for good, whoever keeps it. [`Queues`] are
//!   all those of a service: listed, inspected, redriven and discarded through
//!   one interface with one audit, and measured under the same names.
//!
//! The queue is columns and not a table of jobs: a mail and its job would be two
//! rows to keep in step, and each list of deliveries a join. So a row is what it
//! always was for its service, and what is public about it stays its own.
//!
//! Rejected: apalis, fang, sqlxmq and the like. Each brings a table of jobs of
//! its own, mostly for one engine; enqueueing in the caller's transaction on
//! both of ours, fencing, shares per receiver and our clock would have to be
//! built around them. Faktory, Sidekiq and brokers: one more server, and work
//! that can be lost between it and the change that calls for it.

mod audit;
mod dead;
mod events;
mod letter;
mod metrics;
mod queues;
mod select;
mod table;
mod work;

pub use audit::{Action, ActionRecord};
pub use events::{EVENTS, EventLetters};
pub use letter::{DeadLetter, DeadLetters, Meta, QueueStats, Selection};
pub use metrics::{died, dropped, redriven};
pub use queues::{Acted, Letter, Order, QueueReport, Queues};
pub use select::{Binds, Columns};
pub use table::{Lane, QueueTable, TableQueue};
pub use work::{Claimed, Failure, Settled, Verdict, Work, Worker, WorkerConfig};

/// The table of what administrators did; the chassis adds it to each service's.
#[must_use]
pub fn migrations() -> shoal_store::Migrations {
    shoal_store::migrations!("queue")
}
