//! The two readings that telemetry takes. Not a `shoal_task::Clock`: measuring
//! must not depend on a clock that a test stands still.

use std::time::{Instant, SystemTime};

#[expect(
    clippy::disallowed_methods,
    reason = "telemetry reports the machine's own time"
)]
pub(crate) fn wall() -> SystemTime {
    SystemTime::now()
}

#[expect(
    clippy::disallowed_methods,
    reason = "telemetry measures the machine's own time"
)]
pub(crate) fn monotonic() -> Instant {
    Instant::now()
}
