//! Sagas on real databases: running, failing, crashing, waiting for people.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod all {
    mod failing;
    mod letters;
    mod running;
    mod support;
    mod takeover;
}
