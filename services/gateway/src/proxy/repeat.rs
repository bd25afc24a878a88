//! Requests that can be sent a second time.

use axum::body::Body;
use bytes::Bytes;
use http::{Method, Request, request};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use shoal_error::{CommonCode, Error, Result};

/// A body up to this size is read whole before the request is sent. Together
/// with its head it leaves in one write, so that a service which refuses it
/// unread can still keep the connection.
const KEPT_BYTES: u64 = 64 * 1024;

/// A request, as often as its body allows: any number of times when that is
/// known whole, once when it streams.
pub(super) struct Copies {
    parts: request::Parts,
    body: Kept,
}

enum Kept {
    Whole(Bytes),
    Stream(Option<Body>),
}

impl Copies {
    /// # Errors
    /// `MalformedBody` when the client breaks off within a small body.
    pub(super) async fn of(request: Request<Body>) -> Result<Self> {
        let (parts, body) = request.into_parts();
        let body = match body.size_hint().exact() {
            Some(0) => Kept::Whole(Bytes::new()),
            Some(size) if size <= KEPT_BYTES => {
                let read = body.collect().await.map_err(|error| {
                    let text = "The request's body ended before its announced length.";
                    Error::new(CommonCode::MalformedBody, text).with_source(error)
                })?;
                Kept::Whole(read.to_bytes())
            }
            _ => Kept::Stream(Some(body)),
        };
        Ok(Self { parts, body })
    }

    /// The request to send now; none when its body has been sent already and
    /// was not kept.
    pub(super) fn next(&mut self) -> Option<Request<Body>> {
        let body = match &mut self.body {
            Kept::Whole(bytes) if bytes.is_empty() => Body::empty(),
            Kept::Whole(bytes) => Body::from(bytes.clone()),
            Kept::Stream(body) => body.take()?,
        };
        let mut copy = Request::new(body);
        *copy.method_mut() = self.parts.method.clone();
        *copy.uri_mut() = self.parts.uri.clone();
        *copy.headers_mut() = self.parts.headers.clone();
        Some(copy)
    }

    /// Whether doing it twice is the same as doing it once: the methods that
    /// RFC 9110, 9.2.2 names, QUERY, which is safe by definition, and what has
    /// a key by which the service knows a repeat.
    pub(super) fn idempotent(&self) -> bool {
        match self.parts.method {
            Method::GET
            | Method::HEAD
            | Method::OPTIONS
            | Method::TRACE
            | Method::PUT
            | Method::DELETE => true,
            ref other => {
                other.as_str() == "QUERY" || self.parts.headers.contains_key("idempotency-key")
            }
        }
    }
}
