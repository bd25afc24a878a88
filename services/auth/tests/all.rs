//! Integration tests of auth through its public interfaces, one binary, on
//! SQLite and PostgreSQL.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod all {
    mod accounts;
    mod admin;
    mod bad_input;
    mod document;
    mod forged_tokens;
    mod grpc;
    mod keys;
    mod log_in;
    mod logs;
    mod oauth;
    mod password;
    mod refresh;
    mod service_accounts;
    mod sessions;
    mod support;
    mod throttle;
}
