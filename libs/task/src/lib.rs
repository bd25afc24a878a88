//! Tasks that have a name, an owner and an end (C5), pools and channels with a
//! bound (C4), and the clocks that algorithms take.
//!
//! This is the only place that may call `tokio::spawn`; clippy refuses it
//! elsewhere. Work is spawned in a [`Scope`], and a scope ends only when all of
//! its tasks have. Rejected: `tokio::task::JoinSet` (one owner polls it, which
//! a server with many callers does not have) and a bare `TaskTracker` (it does
//! not say who is still running when a drain takes too long).

mod blocking;
mod channel;
mod clock;
mod pump;
mod scope;

pub use blocking::{BlockingPool, PoolConfig};
pub use channel::{Receiver, Sender, channel};
pub use clock::{Clock, ManualClock, SharedClock, SystemClock, system_clock};
pub use pump::{PumpConfig, Queue, Waker, pump};
pub use scope::{DrainReport, Handle, Scope, TaskInfo};
