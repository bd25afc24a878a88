//! Span and metrics of one call, kept until the last byte of its answer.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll, ready};

use http::Response;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use shoal_telemetry::metrics::http::InFlight;
use shoal_telemetry::metrics::rpc::code_name;
use shoal_telemetry::metrics::{RpcClientMetrics, RpcServerMetrics};
use tokio::time::Instant;
use tonic::{Code, Status};
use tracing::Span;

use crate::body::code_in;

/// Method label of calls to methods that do not exist: their names are the
/// caller's invention.
const UNMATCHED: &str = "unmatched";

#[derive(Clone, Debug)]
pub(crate) enum Side {
    Server(Arc<RpcServerMetrics>),
    Client(Arc<RpcClientMetrics>),
}

/// Reports the call when dropped. A call that is dropped before its status is
/// known was cancelled.
#[derive(Debug)]
pub(crate) struct Recording {
    side: Side,
    method: String,
    span: Span,
    start: Instant,
    code: Code,
    _in_flight: InFlight,
}

impl Recording {
    pub(crate) fn new(side: &Side, method: &str, span: Span) -> Self {
        let in_flight = match side {
            Side::Server(metrics) => metrics.begin(),
            Side::Client(metrics) => metrics.begin(),
        };
        Self {
            side: side.clone(),
            method: method.to_owned(),
            span,
            start: Instant::now(),
            code: Code::Cancelled,
            _in_flight: in_flight,
        }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let (code, took) = (self.code as i32, self.start.elapsed());
        match &self.side {
            Side::Server(metrics) => {
                let unknown = self.code == Code::Unimplemented;
                metrics.finish(if unknown { UNMATCHED } else { &self.method }, code, took);
            }
            Side::Client(metrics) => metrics.finish(&self.method, code, took),
        }
        // Inside of the span, which ends when it was last entered.
        let _entered = self.span.enter();
        self.span
            .record("rpc.response.status_code", code_name(code));
        if is_error(&self.side, self.code) {
            self.span.record("error.type", code_name(code));
            self.span.record("otel.status_code", "ERROR");
            self.span.record("otel.status_description", code_name(code));
        }
    }
}

/// A server's span fails by the server's fault only, a client's whenever the
/// call did (OpenTelemetry's conventions for gRPC).
const fn is_error(side: &Side, code: Code) -> bool {
    match side {
        Side::Client(_) => !matches!(code, Code::Ok),
        Side::Server(_) => matches!(
            code,
            Code::Unknown
                | Code::DeadlineExceeded
                | Code::Unimplemented
                | Code::Internal
                | Code::Unavailable
                | Code::DataLoss
        ),
    }
}

pin_project! {
    /// Future of a recorded call.
    pub(crate) struct RecordedFuture<F> {
        #[pin]
        inner: F,
        recording: Option<Recording>,
    }
}

impl<F> RecordedFuture<F> {
    pub(crate) fn new(inner: F, recording: Recording) -> Self {
        Self {
            inner,
            recording: Some(recording),
        }
    }
}

impl<F, B, E> Future for RecordedFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    E: CodeOf,
{
    type Output = Result<Response<Recorded<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Task<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = {
            let _entered = this
                .recording
                .as_ref()
                .map(|recording| recording.span.enter());
            ready!(this.inner.poll(cx))
        };
        let mut recording = this.recording.take();
        if let Some(recording) = &mut recording {
            match &result {
                // No status in the head: it follows behind the messages.
                Ok(response) => {
                    recording.code = code_in(response.headers()).unwrap_or(recording.code);
                }
                Err(error) => recording.code = error.code_of(),
            }
        }
        Poll::Ready(result.map(|response| response.map(|inner| Recorded { inner, recording })))
    }
}

/// What a failed call counts as.
pub(crate) trait CodeOf {
    fn code_of(&self) -> Code;
}

impl CodeOf for Status {
    fn code_of(&self) -> Code {
        self.code()
    }
}

impl CodeOf for std::convert::Infallible {
    fn code_of(&self) -> Code {
        match *self {}
    }
}

pin_project! {
    /// A body that reports its call once the status has passed.
    #[derive(Debug)]
    pub(crate) struct Recorded<B> {
        #[pin]
        inner: B,
        recording: Option<Recording>,
    }
}

impl<B: Default> Default for Recorded<B> {
    fn default() -> Self {
        Self {
            inner: B::default(),
            recording: None,
        }
    }
}

impl<B: Body> Body for Recorded<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Task<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let polled = {
            let _entered = this
                .recording
                .as_ref()
                .map(|recording| recording.span.enter());
            ready!(this.inner.poll_frame(cx))
        };
        let code = match &polled {
            Some(Ok(frame)) => match frame.trailers_ref() {
                Some(trailers) => code_in(trailers).unwrap_or(Code::Unknown),
                None => return Poll::Ready(polled),
            },
            Some(Err(_)) => Code::Unavailable,
            // No trailers: the head had the status, or there was none at all.
            None => match this.recording {
                Some(recording) if recording.code != Code::Cancelled => recording.code,
                _ => Code::Unknown,
            },
        };
        if let Some(mut recording) = this.recording.take() {
            recording.code = code;
        }
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
