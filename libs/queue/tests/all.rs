//! Queues on both databases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod all {
    mod admin;
    mod events;
    mod orders;
    mod parcels;
    mod worker;
}
