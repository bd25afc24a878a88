//! Integration tests of webhooks, one binary: on both databases, against a real
//! HTTP receiver.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod all {
    mod deliveries;
    mod endpoints;
    mod support;
}
