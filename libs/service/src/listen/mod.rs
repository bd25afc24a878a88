//! The port: accepting connections, speaking HTTP/1.1 and HTTP/2 without TLS
//! on it, and sending each request to the HTTP or the gRPC half.
//!
//! `axum::serve` was rejected: it has no bound on connections, no timeout for
//! request heads and no way to end connections that do not end themselves.

mod accept;
mod connection;
mod dispatch;
mod executor;

pub(crate) use accept::{Server, bind};
pub(crate) use dispatch::Dispatch;
