//! Replays load against limits of concurrency.
//!
//! A server of twenty workers with a queue in front of them, as a pool of
//! database connections is, gets requests as chance has it. Each contender
//! decides who is let in; what counts is how much useful work is done, how long
//! those take who were let in, and how soon it has found its limit. Requests
//! that are not done after half a second are given up, as their callers do: what
//! was done for them is lost.

mod draw;
mod policy;
mod server;
mod story;
mod table;

pub use draw::draw as draw_limits;
pub use policy::{Policy, policies};
pub use server::{Load, play};
pub use story::{Story, stories};
pub use table::table as limits_table;
