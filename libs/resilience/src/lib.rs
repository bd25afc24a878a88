//! What keeps a service up when something that it depends on is not (C11).
//!
//! What decides does no I/O, spawns nothing and reads no clock: callers hand in
//! the time, and whoever decides by chance takes a seed. So each part can be
//! replayed in a simulator, and the cost on the path of a call is a few
//! nanoseconds.
//!
//! - [`Breaker`]: stops calls to a dependency that fails more than it usually
//!   does, and explains itself.
//! - [`RetryBudget`]: keeps repeats a small share of the calls, so that an
//!   outage is not made worse by those who suffer it.
//! - [`RetryPolicy`], [`Backoff`]: when to try again, for calls, events, queues
//!   and sagas alike.
//! - [`Outliers`]: leaves out single instances that do worse than their peers.
//! - [`Degradable`]: what to answer when a dependency is away.
//! - [`Latencies`]: what is usual per method.
//! - [`Admission`]: the door of a service, with a limit that learns and classes
//!   of which the less urgent are refused first.
//! - [`Sketch`]: the mergeable latency histogram under the breaker.
//! - [`Dependencies`]: the breakers and budgets of one service by dependency,
//!   with their logs and metrics; what stacks of layers hold.

mod admission;
mod attempt;
mod breaker;
mod budget;
mod bulkhead;
mod degrade;
mod dependency;
mod evidence;
mod instance;
mod latency;
mod living;
mod metrics;
mod outlier;
mod retry;
mod sketch;

pub use admission::{
    Admission, AdmissionReport, AdmissionSettings, Classes, Ended, LimitMode, Limiter, Place,
    Refusal, Route, RouteReport, Why,
};
pub use attempt::{Attempt, Verdict};
pub use breaker::{
    Breaker, BreakerSettings, Cause, Mode, Permit, Reason, Rejected, Snapshot, State, Transition,
};
pub use budget::{BudgetSettings, RetryBudget};
pub use bulkhead::{Bulkhead, BulkheadPermit, BulkheadSettings, Full};
pub use degrade::{Degradable, LastGood};
pub use dependency::{
    Dependencies, Dependency, DependencyReport, DependencySettings, ResilienceSettings,
};
pub use instance::InstanceCall;
pub use latency::{Latencies, Latency};
pub use outlier::{
    InstanceReport, OutlierCause, OutlierEvent, OutlierSettings, Outliers, Seat, SeatCalls, Turn,
};
pub use retry::{Backoff, HALF, Next, RetryPolicy};
pub use sketch::Sketch;
