//! Integration tests of order through its interfaces, on SQLite and PostgreSQL,
//! against a scripted billing; one binary.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod all {
    mod billing;
    mod crashes;
    mod document;
    mod grpc;
    mod letters;
    mod orders;
    mod payments;
    mod products;
    mod stock;
    mod support;
}
