//! Requests that can be sent a second time.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use bytes::Bytes;
use http::{Method, Request, request};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use shoal_error::{Error, Result};
use shoal_service::body_error;

/// A body up to this size is read whole before the request is sent. Together
/// with its head it leaves in one write, so that a service which refuses it
/// unread can still keep the connection.
const KEPT_BYTES: u64 = 64 * 1024;

/// A request, as often as its body allows: any number of times when that is
/// known whole, once when it streams.
pub(super) struct Copies {
    parts: request::Parts,
    body: Kept,
    /// What was found wrong with a body that streams.
    fault: Arc<Mutex<Option<Error>>>,
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
        let fault = Arc::default();
        let body = match body.size_hint().exact() {
            Some(0) => Kept::Whole(Bytes::new()),
            Some(size) if size <= KEPT_BYTES => {
                Kept::Whole(body.collect().await.map_err(body_error)?.to_bytes())
            }
            _ => Kept::Stream(Some(watched(body, &fault))),
        };
        Ok(Self { parts, body, fault })
    }

    /// What was wrong with the client's body, if it ended in an error: then that
    /// is why the request failed, and nobody else is to blame.
    pub(super) fn fault(&self) -> Option<Error> {
        let mut fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        fault.take()
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

/// The body, which leaves behind what was wrong with it.
fn watched(body: Body, fault: &Arc<Mutex<Option<Error>>>) -> Body {
    let fault = Arc::clone(fault);
    Body::new(body.map_err(move |error| {
        let found = body_error(error);
        let text = found.to_string();
        *fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
        std::io::Error::other(text)
    }))
}
