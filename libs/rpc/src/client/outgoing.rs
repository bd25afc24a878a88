//! What an attempt tells the callee besides its message.

use std::task::{Context as Task, Poll};

use http::{HeaderValue, Request};
use shoal_context::Context;
use shoal_telemetry::propagate;
use tonic::body::Body;
use tower::{Layer, Service};

use crate::{MESH, MeshSecret};

#[derive(Clone, Debug)]
pub(crate) struct OutgoingLayer {
    secret: Option<HeaderValue>,
}

impl OutgoingLayer {
    pub(crate) fn new(secret: &MeshSecret) -> Self {
        let secret = secret.header_value();
        if secret.is_none() {
            tracing::error!("the mesh secret cannot stand in a header; calls will be refused");
        }
        Self { secret }
    }
}

impl<S> Layer<S> for OutgoingLayer {
    type Service = Outgoing<S>;

    fn layer(&self, inner: S) -> Outgoing<S> {
        Outgoing {
            inner,
            secret: self.secret.clone(),
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Outgoing<S> {
    inner: S,
    secret: Option<HeaderValue>,
}

impl<S: Service<Request<Body>>> Service<Request<Body>> for Outgoing<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Task<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> S::Future {
        let headers = request.headers_mut();
        // Metadata, and what remains of the deadline less the time an answer
        // needs to come back.
        Context::current().to_grpc(headers);
        propagate::inject_http(headers);
        if let Some(secret) = &self.secret {
            headers.insert(MESH, secret.clone());
        }
        self.inner.call(request)
    }
}
