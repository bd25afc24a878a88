//! Integration tests of the bus: each on both buses and both engines.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(
    clippy::disallowed_methods,
    reason = "tasks of a test end with its runtime"
)]

mod all {
    mod delivery;
    mod drain;
    mod fleet;
    mod outage;
    mod redis;
    mod redrive;
    mod trace;
}
