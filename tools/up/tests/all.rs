//! End-to-end tests: the whole platform through the gateway, on embedded stores
//! and on PostgreSQL and Redis.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(
    clippy::disallowed_methods,
    reason = "tests start and wait for processes, which blocks"
)]

mod all {
    mod bad_input;
    mod crash;
    mod gray;
    mod hang_up;
    mod journey;
    mod leaks;
    mod person;
    mod process;
    mod start;
    mod stores;
    mod trace;
    mod walkthrough;
}
