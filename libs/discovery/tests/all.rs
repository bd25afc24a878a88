//! Discovery against real etcd clusters that are killed, paused, cut off and
//! emptied while it runs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod all {
    mod election;
    mod leaks;
    mod outage;
    mod process;
    mod registry;
    mod service;
    mod support;
}
