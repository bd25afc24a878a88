//! Integration tests of billing, one binary: the real service on SQLite and on
//! PostgreSQL, spoken to through HTTP and gRPC.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod all {
    mod access;
    mod bad_input;
    mod callbacks;
    mod cancel;
    mod concurrency;
    mod document;
    mod grpc;
    mod idempotency;
    mod invoices;
    mod ledger;
    mod payments;
    mod random;
    mod statements;
    mod support;
    mod unknown_outcome;
    mod webhooks;
}
