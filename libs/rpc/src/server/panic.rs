//! Turns a panic into INTERNAL, in the handler and in the stream it answers.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use shoal_error::Error;
use tonic::Status;
use tower::{Layer, Service};

use crate::body::trailers;

#[derive(Clone, Copy, Debug)]
pub(crate) struct CatchPanicLayer;

impl<S> Layer<S> for CatchPanicLayer {
    type Service = CatchPanic<S>;

    fn layer(&self, inner: S) -> CatchPanic<S> {
        CatchPanic { inner }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct CatchPanic<S> {
    inner: S,
}

impl<S, B, R> Service<Request<B>> for CatchPanic<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Default,
{
    type Response = Response<Caught<R>>;
    type Error = S::Error;
    type Future = CaughtFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let inner = catch_unwind(AssertUnwindSafe(|| self.inner.call(request)));
        match inner {
            Ok(inner) => CaughtFuture {
                inner: Some(inner),
                panic: None,
            },
            Err(panic) => CaughtFuture {
                inner: None,
                panic: Some(panic),
            },
        }
    }
}

pin_project! {
    pub(crate) struct CaughtFuture<F> {
        #[pin]
        inner: Option<F>,
        // A panic before there was a future.
        panic: Option<Box<dyn Any + Send>>,
    }
}

impl<F, R, E> Future for CaughtFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: Default,
{
    type Output = Result<Response<Caught<R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let polled = match (this.inner.as_mut().as_pin_mut(), this.panic.take()) {
            (Some(inner), None) => catch_unwind(AssertUnwindSafe(|| inner.poll(cx))),
            (_, panic) => Err(panic.unwrap_or_else(|| Box::new("polled after its end"))),
        };
        match polled {
            Ok(poll) => poll.map_ok(|response| response.map(|inner| Caught { inner: Some(inner) })),
            Err(panic) => {
                // What panicked may be in any state: it is dropped unpolled.
                this.inner.set(None);
                Poll::Ready(Ok(super::refuse(internal(panic.as_ref()))))
            }
        }
    }
}

pin_project! {
    /// A body whose panic ends it with an INTERNAL trailer.
    pub(crate) struct Caught<B> {
        #[pin]
        inner: Option<B>,
    }
}

impl<B> Default for Caught<B> {
    fn default() -> Self {
        Self { inner: None }
    }
}

impl<B: Body> Body for Caught<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let Some(inner) = this.inner.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        match catch_unwind(AssertUnwindSafe(|| inner.poll_frame(cx))) {
            Ok(poll) => poll,
            Err(panic) => {
                this.inner.set(None);
                Poll::Ready(Some(Ok(Frame::trailers(trailers(&Status::from(
                    internal(panic.as_ref()),
                ))))))
            }
        }
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

/// The panic's text is for the log alone.
fn internal(panic: &(dyn Any + Send)) -> Error {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a value that is no text");
    Error::internal(format!("a handler panicked: {text}"))
}
