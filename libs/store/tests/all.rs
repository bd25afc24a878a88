//! Integration tests of the store, each on SQLite and on PostgreSQL.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(
    clippy::disallowed_methods,
    reason = "tasks of a test end with its runtime"
)]

mod all {
    mod cancellation;
    mod conflicts;
    mod constraints;
    mod dead_letters;
    mod idempotency;
    mod migrations;
    mod opening;
    mod outbox;
    mod pages;
    mod tables;
    mod transactions;
}
