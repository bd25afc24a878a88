//! Which service a span and a log line belong to.
//!
//! One process may hold several services, so the OpenTelemetry resource cannot
//! tell them apart. The rule instead: a span that carries the field
//! `service.name` starts a service, and everything below it, in whatever crate,
//! belongs to that service. The server layers set the field for requests, and
//! [`service_span`] does for what a service runs in the background. This layer
//! hands the name down; the log lines, the trace store and the OTLP export read
//! it where they need it.

use std::sync::{Arc, OnceLock};

use tracing::dispatcher::WeakDispatch;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Span, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, SpanRef};

/// Span field and span attribute that names the service.
pub const SERVICE_NAME: &str = "service.name";
pub(crate) const REQUEST_ID: &str = "request.id";

/// Target of [`service_span`], which the tracer skips: it lives as long as the
/// process and would never be exported.
pub(crate) const SERVICE_TARGET: &str = "shoal::service";

/// The span around all that a service does: enter it (`.instrument(span)`)
/// around building and running the service. Tasks spawned inside inherit it.
pub fn service_span(service: &str) -> Span {
    tracing::info_span!(target: SERVICE_TARGET, "service", service.name = service)
}

/// What a span tells all those below it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Labels {
    pub(crate) service: Option<Arc<str>>,
    pub(crate) request_id: Option<Arc<str>>,
}

/// The nearest service above or at `span`.
pub(crate) fn service_of<'a, R: LookupSpan<'a>>(span: Option<SpanRef<'a, R>>) -> Option<Arc<str>> {
    nearest(span, |labels| labels.service.clone())
}

/// The nearest request id above or at `span`.
pub(crate) fn request_id_of<'a, R: LookupSpan<'a>>(
    span: Option<SpanRef<'a, R>>,
) -> Option<Arc<str>> {
    nearest(span, |labels| labels.request_id.clone())
}

fn nearest<'a, R: LookupSpan<'a>, T>(
    mut span: Option<SpanRef<'a, R>>,
    pick: impl Fn(&Labels) -> Option<T>,
) -> Option<T> {
    while let Some(current) = span {
        if let Some(found) = current.extensions().get::<Labels>().and_then(&pick) {
            return Some(found);
        }
        span = current.parent();
    }
    None
}

/// Remembers [`Labels`] and records the inherited service on each new span, so
/// that the tracer sees it. Sits above the tracer's layer.
#[derive(Debug)]
pub(crate) struct ServiceLayer {
    /// For spans that no service claims.
    fallback: Arc<str>,
    dispatch: OnceLock<WeakDispatch>,
}

impl ServiceLayer {
    pub(crate) fn new(fallback: &str) -> Self {
        Self {
            fallback: fallback.into(),
            dispatch: OnceLock::new(),
        }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for ServiceLayer {
    fn on_register_dispatch(&self, dispatch: &Dispatch) {
        // The first one is ours; a clone registers the same subscriber again.
        let _ = self.dispatch.set(dispatch.downgrade());
    }

    fn on_new_span(&self, attrs: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        let Some(span) = ctx.span(id) else { return };
        let fields = attrs.metadata().fields();
        let has_service = fields.field(SERVICE_NAME).is_some();
        if has_service || fields.field(REQUEST_ID).is_some() {
            let mut visitor = LabelVisitor(Labels::default());
            attrs.record(&mut visitor);
            span.extensions_mut().insert(visitor.0);
        }
        if !has_service {
            let inherited = service_of(span.parent());
            self.record_service(id, inherited.as_ref().unwrap_or(&self.fallback));
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, ctx: Context<'_, S>) {
        let Some(span) = ctx.span(id) else { return };
        let mut extensions = span.extensions_mut();
        // Only a span that declared one of the fields can record it.
        if let Some(labels) = extensions.get_mut::<Labels>() {
            let mut visitor = LabelVisitor(std::mem::take(labels));
            values.record(&mut visitor);
            *labels = visitor.0;
        }
    }
}

impl ServiceLayer {
    /// Adds an attribute to a span whose call site never declared it: the
    /// tracer takes values by the field's name, from any set of fields.
    fn record_service(&self, id: &Id, service: &Arc<str>) {
        let Some(dispatch) = self.dispatch.get().and_then(WeakDispatch::upgrade) else {
            return;
        };
        let fields = inherited_fields();
        let Some(field) = fields.field(SERVICE_NAME) else {
            return;
        };
        let value: &str = service;
        let entries = [(&field, Some(&value as &dyn tracing::Value))];
        let values = fields.value_set(&entries);
        dispatch.record(id, &Record::new(&values));
    }
}

struct LabelVisitor(Labels);

impl Visit for LabelVisitor {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            SERVICE_NAME => self.0.service = Some(value.into()),
            REQUEST_ID => self.0.request_id = Some(value.into()),
            _ => {}
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if matches!(field.name(), SERVICE_NAME | REQUEST_ID) {
            self.record_str(field, &format!("{value:?}"));
        }
    }
}

/// The field set of a call site that exists for nothing else.
fn inherited_fields() -> &'static tracing::field::FieldSet {
    use tracing::callsite::DefaultCallsite;
    use tracing::metadata::Kind;
    static CALLSITE: DefaultCallsite = DefaultCallsite::new(&METADATA);
    static METADATA: tracing::Metadata<'static> = tracing::metadata! {
        name: "service",
        target: SERVICE_TARGET,
        level: tracing::Level::INFO,
        fields: &[SERVICE_NAME],
        callsite: &CALLSITE,
        kind: Kind::SPAN,
    };
    METADATA.fields()
}
