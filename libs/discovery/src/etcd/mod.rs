//! Discovery in etcd: instances register themselves and everybody watches.
//!
//! | file | what |
//! |---|---|
//! | `registry` | the entry: a [`Resolver`](crate::Resolver), registrations, elections |
//! | `watcher` | keeps one service's list: snapshot, watch, resync |
//! | `mirror` | what was heard, as a pure state machine |
//! | `registration` | one record under one lease |
//! | `election` | one leader per role |
//! | `lease`, `record`, `metrics` | parts of these |
//! | `client`, `wire` | etcd's gRPC interface |

mod client;
mod config;
mod election;
mod lease;
mod metrics;
mod mirror;
mod record;
mod registration;
mod registry;
mod watcher;
mod wire;

use std::time::Duration;

use shoal_resilience::Backoff;

pub use config::EtcdConfig;
pub use registration::{Announcement, Registration};
pub use registry::EtcdRegistry;

/// The pauses of whoever tries to reach a cluster that is away.
fn backoff() -> Backoff {
    const FIRST: Duration = Duration::from_millis(50);
    const LONGEST: Duration = Duration::from_secs(2);
    Backoff::new(FIRST, LONGEST, rand::random())
}
