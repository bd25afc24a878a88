//! Integration tests of notification, one binary: the real service on SQLite
//! with the in-process bus and on PostgreSQL with Redis Streams, a real mail
//! server, real receivers of webhooks.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod all {
    mod api;
    mod auth;
    mod dead_letters;
    mod document;
    mod events;
    mod mail;
    mod preferences;
    mod rpc;
    mod sse;
    mod streams;
    mod support;
    mod templates;
    mod traces;
    mod webhooks;
}
