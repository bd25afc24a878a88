//! Integration tests of the test kit: what tests stand on must hold.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod all {
    mod agreement;
    mod proxy;
    mod sinks;
}
