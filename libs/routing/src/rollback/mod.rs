//! When a colour goes back: compares what a rule coloured with what it looked
//! at and left plain, over a sliding window.
//!
//! The comparison is like with like (same paths, same services, same minutes),
//! so that the night, a sale or a slow database, which hit both sides, move
//! nothing. Three things must come together: enough requests on both sides, a
//! difference that matters, and a test that says it is not chance; and that in
//! several looks running, since who looks every second will see chance do
//! strange things now and then.
//!
//! The test is Fisher's exact test, one-sided, on a 2×2 table (R. A. Fisher,
//! "The Design of Experiments", 1935): failed or not against gray or stable.
//! Latencies get the same test after cutting them at the stable side's quantile
//! times the tolerance, slower or not: the quantile form of the median test of
//! Westenberg (1948) and Mood (1950). It assumes nothing about the shape of the
//! distribution and is exact for small counts.
//!
//! Rejected: a threshold on the gray side alone (a failing database would roll
//! back every release), the z-test of two proportions (wrong where the stable
//! side has no error at all, which is the usual case), Welch's t-test on means
//! (latencies are nowhere near normal), Mann–Whitney (sees a shift of the
//! middle, not a worse tail), and a sequential test such as mSPRT (fewer
//! requests to a verdict, but nobody on call can redo it by hand).

mod fisher;
mod guard;
mod settings;
mod window;

pub use fisher::fisher_greater;
pub use guard::{Guard, Judgement, Regression};
pub use settings::RollbackSettings;
pub use window::{Group, Sample};
