//! Replays a day's trouble against breakers, so that "better" is a figure.
//!
//! Eight scenarios (steady traffic, the jitter after a release, a quiet night,
//! slow degradation, brown-out, flapping, bulk import, outage) are dealt out
//! call by call, the same calls to each contender: ours, a static one, the
//! throttle of Google's SRE book, and the crates that people use. What counts
//! is what a caller would notice: calls refused while the dependency was well,
//! calls sent to one that was not, how late it was noticed, and how long it
//! took until calls passed again.
//!
//! `limits` does the same for limits of concurrency, over a server that is
//! played.
//!
//! Others' crates read the machine's clock. `clock` takes its place inside this
//! program, so an hour takes seconds and every run is the same.

mod clock;
mod contender;
mod cost;
mod limits;
mod plot;
mod replay;
mod report;
mod scenario;

pub use clock::Held;
pub use contender::{Contender, contenders};
pub use cost::{Cost, costs, limit_costs};
pub use limits::{Load, Policy, Story, draw_limits, limits_table, play, policies, stories};
pub use plot::draw;
pub use replay::{Run, replay};
pub use report::table;
pub use scenario::{Scenario, scenarios};
