//! One error type from the database to the client (C2).
//!
//! An [`Error`] has two faces. The public one (stable code, kind, message,
//! faulty fields, what to do) is all that a client ever sees, as
//! `application/problem+json` (RFC 9457) over HTTP or `google.rpc.Status` over
//! gRPC. The private one (source chain, backtrace, internal note) goes to the
//! log, once, where the error leaves the process.
//!
//! Rejected: one `thiserror` enum per service (each would need its own two
//! mappings, and a gateway could not carry a foreign code through), and
//! `anyhow` (no code, no public face). Codes are data, not types: a service
//! lists its own with [`codes!`], the list is printed in the documentation, and
//! a code that travelled through another process stays what it was.

mod code;
mod common;
mod grpc;
mod http;
mod violations;

use std::backtrace::Backtrace;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

pub use code::{Code, CodeSpec, Kind};
pub use common::CommonCode;
pub use http::{FieldProblem, PROBLEM_JSON, PROBLEM_TYPE_BASE, ProblemDetails};
pub use violations::Violations;

/// What fallible functions of the platform return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Any error of another library.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A failure with a public and a private face; see the crate's documentation.
pub struct Error(Box<Inner>);

struct Inner {
    code: Cow<'static, str>,
    kind: Kind,
    title: Cow<'static, str>,
    action: Cow<'static, str>,
    message: Cow<'static, str>,
    fields: Vec<Violation>,
    meta: BTreeMap<String, String>,
    retry_after: Option<Duration>,
    trace_id: Option<String>,
    internal: Option<String>,
    source: Option<BoxError>,
    backtrace: Option<Backtrace>,
}

/// One faulty part of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// JSON pointer into the body (`/items/0/quantity`), or the name of a
    /// query parameter, header or path segment.
    pub field: String,
    /// What is wrong with it and what would be right.
    pub message: String,
}

impl Error {
    /// A failure with one of the listed codes. `message` is public.
    pub fn new(code: impl Code, message: impl Into<Cow<'static, str>>) -> Self {
        let spec = code.spec();
        Self::from_spec(spec, message)
    }

    /// Like [`Error::new`], for code that holds a catalogue entry itself.
    pub fn from_spec(spec: &CodeSpec, message: impl Into<Cow<'static, str>>) -> Self {
        let backtrace = (spec.kind == Kind::Internal).then(Backtrace::force_capture);
        Self(Box::new(Inner {
            code: Cow::Borrowed(spec.id),
            kind: spec.kind,
            title: Cow::Borrowed(spec.title),
            action: Cow::Borrowed(spec.action),
            message: message.into(),
            fields: Vec::new(),
            meta: BTreeMap::new(),
            retry_after: None,
            trace_id: current_trace_id(),
            internal: None,
            source: None,
            backtrace,
        }))
    }

    /// A failure that is nobody's fault but ours. The client learns only that
    /// it happened and under which trace; the log learns everything.
    pub fn internal(source: impl Into<BoxError>) -> Self {
        Self::new(CommonCode::Internal, "Something went wrong on our side.").with_source(source)
    }

    /// The 404 of a thing that is not there or not the caller's to see.
    pub fn not_found(what: &str, id: &str) -> Self {
        Self::new(CommonCode::NotFound, format!("There is no {what} {id:?}."))
    }

    /// A 400 for one faulty field.
    pub fn invalid_field(field: impl Into<String>, message: impl Into<String>) -> Self {
        let (field, message) = (field.into(), message.into());
        Self::new(CommonCode::InvalidField, format!("{field}: {message}"))
            .with_field(field, message)
    }

    /// Keeps the cause for the log.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Adds a note that only the log sees.
    #[must_use]
    pub fn with_internal(mut self, note: impl Into<String>) -> Self {
        self.0.internal = Some(note.into());
        self
    }

    /// Names a faulty part of the request.
    #[must_use]
    pub fn with_field(mut self, field: impl Into<String>, message: impl Into<String>) -> Self {
        self.0.fields.push(Violation {
            field: field.into(),
            message: message.into(),
        });
        self
    }

    /// Adds a public fact, e.g. `order_id`.
    #[must_use]
    pub fn with_meta(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.meta.insert(key.into(), value.into());
        self
    }

    /// Says when trying again makes sense (`Retry-After`, `RetryInfo`).
    #[must_use]
    pub fn with_retry_after(mut self, after: Duration) -> Self {
        self.0.retry_after = Some(after);
        self
    }

    /// Replaces the trace id, which is otherwise that of the current span.
    #[must_use]
    pub fn with_trace_id(mut self, trace_id: impl Into<String>) -> Self {
        self.0.trace_id = Some(trace_id.into());
        self
    }

    /// Stable code, e.g. `order.out_of_stock`.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// Whether the error has this code, wherever it was made.
    pub fn is(&self, code: impl Code) -> bool {
        self.0.code == code.spec().id
    }

    /// Class of failure, which fixes the HTTP and gRPC status.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// Short public name of the problem.
    pub fn title(&self) -> &str {
        &self.0.title
    }

    /// What the caller can do about it.
    pub fn action(&self) -> &str {
        &self.0.action
    }

    /// Public message.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Faulty parts of the request.
    pub fn fields(&self) -> &[Violation] {
        &self.0.fields
    }

    /// Public facts.
    pub fn meta(&self) -> &BTreeMap<String, String> {
        &self.0.meta
    }

    /// When trying again makes sense.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Trace in which the failure happened, 32 hex digits.
    pub fn trace_id(&self) -> Option<&str> {
        self.0.trace_id.as_deref()
    }

    /// Stack at the place where an internal error was made.
    pub fn backtrace(&self) -> Option<&Backtrace> {
        self.0.backtrace.as_ref()
    }

    /// Whether the same call may succeed later without a change.
    pub fn is_transient(&self) -> bool {
        self.0.kind.is_transient()
    }

    /// The private face on one line: code, message, note and the source chain.
    pub fn report(&self) -> String {
        use fmt::Write as _;
        let mut out = format!("{}: {}", self.0.code, self.0.message);
        if let Some(note) = &self.0.internal {
            let _ = write!(out, " ({note})");
        }
        let mut next = self
            .0
            .source
            .as_deref()
            .map(|e| e as &dyn std::error::Error);
        while let Some(cause) = next {
            let _ = write!(out, "; caused by: {cause}");
            next = cause.source();
        }
        out
    }

    /// Writes the error to the log: an internal one as an error with its stack, other faults of ours as
    /// warnings, the caller's for debugging.
    /// Called once, by the layer where the error leaves the process.
    pub fn log(&self) {
        let (code, report) = (self.code(), self.report());
        if self.kind() == Kind::Internal {
            let stack = self.0.backtrace.as_ref().map(ToString::to_string);
            tracing::error!(error.code = code, error.stack = stack, "{report}");
        } else if self.kind().is_server_fault() {
            // A dependency that is away or a limit that holds: many of these are one fact, and its metrics tell it.
            tracing::warn!(error.code = code, "{report}");
        } else {
            tracing::debug!(error.code = code, "{report}");
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code, self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.report())?;
        for violation in &self.0.fields {
            write!(f, "; {}: {}", violation.field, violation.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0
            .source
            .as_deref()
            .map(|e| e as &(dyn std::error::Error + 'static))
    }
}

/// Turns another library's error into ours at the place where it is met.
pub trait ResultExt<T> {
    /// Gives the failure a code and a public message; keeps the cause.
    fn code<C: Code>(self, code: C, message: impl Into<Cow<'static, str>>) -> Result<T>;
    /// Calls the failure internal; keeps the cause.
    fn internal(self) -> Result<T>;
}

impl<T, E: Into<BoxError>> ResultExt<T> for std::result::Result<T, E> {
    fn code<C: Code>(self, code: C, message: impl Into<Cow<'static, str>>) -> Result<T> {
        self.map_err(|e| Error::new(code, message).with_source(e))
    }

    fn internal(self) -> Result<T> {
        self.map_err(Error::internal)
    }
}

fn current_trace_id() -> Option<String> {
    use opentelemetry::trace::TraceContextExt as _;
    use tracing_opentelemetry::OpenTelemetrySpanExt as _;
    let context = tracing::Span::current().context();
    let span = context.span();
    let span_context = span.span_context();
    span_context
        .is_valid()
        .then(|| span_context.trace_id().to_string())
}

#[cfg(test)]
mod tests;
