//! What tests stand on: real servers on free ports, sinks that record what is
//! sent to them, clocks that move when told, faults on demand.
//!
//! Nothing here is a mock of our own code: a test that wants a service starts
//! the service ([`TestService`]), and one that wants a mail server talks SMTP
//! to [`SmtpSink`]. Rejected: mock objects per trait, which agree with the test
//! and not with the world, and shared servers outside of the test process,
//! which tests leave dirty for each other.
//!
//! Failures panic with a sentence: this crate is only ever used by tests.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

mod agreement;
mod client;
mod db;
mod etcd;
mod eventually;
mod examples;
mod faults;
mod golden;
mod http_sink;
mod postgres;
mod program;
mod proxy;
mod redis;
mod server;
mod service;
mod smtp_sink;
mod tokens;

pub use agreement::{assert_agreement, assert_documented};
pub use client::{TestClient, TestRequest, TestResponse};
pub use db::TestDb;
pub use etcd::Etcd;
pub use eventually::{Outcome, eventually};
pub use examples::{ExampleReport, check_examples};
pub use faults::{Fault, Faults};
pub use golden::assert_golden;
pub use http_sink::{Answer, HttpSink, Received};
pub use postgres::Postgres;
pub use program::Program;
pub use proxy::FaultProxy;
pub use redis::Redis;
pub use service::{TestService, TestServiceBuilder};
pub use shoal_task::ManualClock;
pub use smtp_sink::{Mail, SmtpSink};
pub use tokens::TestIssuer;
