//! Who is let in when not all can be.
//!
//! A service that takes on more than it can do answers nobody in time. This is
//! the door in front of it:
//!
//! - **The limit** of requests handled at once is learned. Each route has a
//!   usual latency; time spent over time usually spent, summed over all that
//!   ended in a window, is how much they slow each other down, whatever the
//!   mixture of routes. Above `tolerance` the limit falls, below it grows, and
//!   only while it is used.
//! - **What is usual** follows quickly down, slowly up, and not up in overload.
//!   Two checks keep it honest: when a falling limit makes nothing faster, the
//!   requests wait elsewhere, and that is usual now; and under lasting load a
//!   short probe lowers the limit by halves until requests are fast without
//!   each other.
//! - **Classes**: internal requests may fill 80 % of the limit and batch 50 %,
//!   so they are refused first; a twentieth is kept for each, so that none
//!   starves.
//! - **Waiting**: a short queue evens out bursts, the most urgent first; from
//!   when somebody waited in vain the newest is served and the others leave.
//! - **Deadlines**: what has less time left than three of four such requests
//!   take is not begun.
//!
//! A request takes its place with one atomic exchange, after a look at the table
//! of routes under a lock for readers; a mutex guards the window, four times a
//! second, and the queue while somebody waits.
//!
//! Rejected: one latency for all routes (Vegas, Gradient2, Envoy), which takes
//! a changed mixture for overload; the least latency ever seen as the measure
//! (Vegas), which no later one can satisfy; limits on processor load, which do
//! not see a slow database. The decision record tells more.

mod gate;
mod learner;
mod limiter;
mod metrics;
mod places;
mod queue;
mod refusal;
mod route;
mod settings;
#[cfg(test)]
mod tests;

pub use gate::{Admission, AdmissionReport, Place};
pub use limiter::{Classes, Ended, Limiter, RouteReport};
pub use refusal::{Refusal, Why};
pub use route::Route;
pub use settings::{AdmissionSettings, LimitMode};
