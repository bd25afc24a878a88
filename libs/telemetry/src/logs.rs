//! Log lines, as JSON for machines or as short text for a person.
//!
//! Not `tracing_subscriber::fmt`: its JSON nests what Loki wants flat, formats
//! the fields of every span although no line may follow, and a filter of
//! `warn` would also hide the spans that give a line its trace id.

mod filter;
mod json;
mod pretty;
mod stack;
mod time;

use std::cell::RefCell;
use std::io::Write as _;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use opentelemetry::trace::{SpanContext, TraceContextExt as _};
use tracing::dispatcher::WeakDispatch;
use tracing::{Dispatch, Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use crate::config::LogFormat;
use crate::service::{request_id_of, service_of};

pub(crate) use filter::LogFilter;

/// Takes finished lines. Called under no lock of ours.
pub(crate) type Sink = Arc<dyn Fn(&[u8]) + Send + Sync>;

/// Standard error: standard output belongs to what a program was asked for.
pub(crate) fn stderr() -> Sink {
    Arc::new(|line| {
        // Nobody is left to tell when this fails.
        let _ = std::io::stderr().lock().write_all(line);
    })
}

/// What every line says besides its own fields.
struct Line<'a> {
    time: SystemTime,
    service: &'a str,
    span: Option<SpanContext>,
    request_id: Option<Arc<str>>,
    event: &'a Event<'a>,
}

/// Writes one line per event.
pub(crate) struct LogLayer {
    format: LogFormat,
    colour: bool,
    fallback: Arc<str>,
    sink: Sink,
    dispatch: OnceLock<WeakDispatch>,
}

impl LogLayer {
    pub(crate) fn new(format: LogFormat, colour: bool, fallback: &str, sink: Sink) -> Self {
        Self {
            format,
            colour,
            fallback: fallback.into(),
            sink,
            dispatch: OnceLock::new(),
        }
    }

    fn span_context<'a, R: LookupSpan<'a>>(
        &self,
        mut span: Option<SpanRef<'a, R>>,
    ) -> Option<SpanContext> {
        let dispatch = self.dispatch.get()?.upgrade()?;
        while let Some(current) = span {
            if let Some(context) = tracing_opentelemetry::get_otel_context(&current.id(), &dispatch)
            {
                return Some(context.span().span_context().clone()).filter(SpanContext::is_valid);
            }
            // A span that the tracer skips: look above it.
            span = current.parent();
        }
        None
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for LogLayer {
    fn on_register_dispatch(&self, dispatch: &Dispatch) {
        let _ = self.dispatch.set(dispatch.downgrade());
    }

    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        thread_local! {
            static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
        }
        let service = service_of(ctx.event_span(event));
        let line = Line {
            time: crate::clock::wall(),
            service: service.as_ref().unwrap_or(&self.fallback),
            span: self.span_context(ctx.event_span(event)),
            request_id: request_id_of(ctx.event_span(event)),
            event,
        };
        BUFFER.with(|buffer| {
            // Logging from inside of a Debug implementation finds it borrowed.
            let Ok(mut buffer) = buffer.try_borrow_mut() else {
                return;
            };
            buffer.clear();
            match self.format {
                LogFormat::Json => json::write(&line, &mut buffer),
                LogFormat::Pretty => pretty::write(&line, self.colour, &mut buffer),
            }
            (self.sink)(&buffer);
        });
    }
}
