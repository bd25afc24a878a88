//! Wrappers of answer bodies. A call is not over with the head of its answer:
//! its status stands behind the last message, and until then its deadline, its
//! place in a limit and its span must last.

use std::pin::Pin;
use std::task::{Context as Task, Poll};

use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use shoal_context::Context;
use shoal_error::Error;
use tonic::{Code, Status};

pin_project! {
    /// Keeps a value until the body is sent or given up.
    #[derive(Debug)]
    pub(crate) struct Held<B, T> {
        #[pin]
        inner: B,
        held: Option<T>,
    }
}

impl<B, T> Held<B, T> {
    pub(crate) fn new(inner: B, held: Option<T>) -> Self {
        Self { inner, held }
    }
}

impl<B: Default, T> Default for Held<B, T> {
    fn default() -> Self {
        Self::new(B::default(), None)
    }
}

impl<B: Body, T> Body for Held<B, T> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Task<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.project().inner.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

pin_project! {
    /// Produces the body inside of a context, and ends it with that context:
    /// with trailers that say why, which a server sends and a client reads.
    pub(crate) struct Bounded<B, G> {
        #[pin]
        inner: Option<B>,
        context: Option<Context>,
        // Made when the body first has to be waited for, which most never do.
        end: Option<BoxFuture<'static, Error>>,
        guard: Option<G>,
    }
}

impl<B, G> Bounded<B, G> {
    /// `guard` lives as long as the body.
    pub(crate) fn new(inner: B, context: Context, guard: G) -> Self {
        Self {
            inner: Some(inner),
            context: Some(context),
            end: None,
            guard: Some(guard),
        }
    }
}

impl<B, G> Default for Bounded<B, G> {
    fn default() -> Self {
        Self {
            inner: None,
            context: None,
            end: None,
            guard: None,
        }
    }
}

impl<B: Body, G> Body for Bounded<B, G> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Task<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let (Some(inner), Some(context)) = (this.inner.as_mut().as_pin_mut(), this.context) else {
            return Poll::Ready(None);
        };
        if let Poll::Ready(frame) = context.attach_sync(|| inner.poll_frame(cx)) {
            return Poll::Ready(frame);
        }
        let end = this
            .end
            .get_or_insert_with(|| Box::pin(end_of(context.clone())));
        let error = std::task::ready!(end.as_mut().poll(cx));
        this.inner.set(None);
        Poll::Ready(Some(Ok(Frame::trailers(trailers(&error.to_status())))))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

/// Resolves with the reason when the context ends.
async fn end_of(context: Context) -> Error {
    match context
        .stop_or(std::future::pending::<std::convert::Infallible>())
        .await
    {
        Ok(never) => match never {},
        Err(error) => error,
    }
}

/// A status as trailers.
pub(crate) fn trailers(status: &Status) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    // Fails on a message that no header can hold; then the bare code must do.
    if status.add_header(&mut trailers).is_err() {
        trailers.clear();
        trailers.insert("grpc-status", HeaderValue::from(status.code() as i32));
    }
    trailers
}

/// The status that stands in the head or the trailers of an answer.
pub(crate) fn code_in(headers: &HeaderMap) -> Option<Code> {
    headers
        .get("grpc-status")
        .map(|value| Code::from_bytes(value.as_bytes()))
}
