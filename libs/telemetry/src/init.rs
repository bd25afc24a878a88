//! Starting and ending the telemetry of a process.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchSpanProcessor, Sampler, SdkTracerProvider, Span, SpanData, SpanProcessor,
};
use tracing::level_filters::LevelFilter;
use tracing::{Dispatch, Level, Metadata, Subscriber};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{Layer as _, Registry};

use crate::config::{InitError, TelemetryConfig};
use crate::export::{PerServiceExporter, resource_of};
use crate::logs::{LogFilter, LogLayer, Sink};
use crate::metrics::export::{Outcome, record_export};
use crate::service::{SERVICE_TARGET, ServiceLayer};
use crate::trace_store::{StoreProcessor, TraceStore};

/// The telemetry of the process. Keep it until the end and call
/// [`Telemetry::shutdown`], or the last spans are lost.
#[derive(Debug)]
pub struct Telemetry {
    provider: SdkTracerProvider,
}

impl Telemetry {
    /// Installs tracing, logs, the trace store and a panic hook that writes to
    /// the log, for the whole process.
    ///
    /// # Errors
    /// See [`InitError`]; nothing is installed then.
    pub fn init(config: &TelemetryConfig) -> Result<Self, InitError> {
        let telemetry = Self::install(config)?;
        crate::panic_hook::install();
        Ok(telemetry)
    }

    fn install(config: &TelemetryConfig) -> Result<Self, InitError> {
        let store = TraceStore::global().clone();
        let (provider, dispatch) = build(config, &store, crate::logs::stderr())?;
        tracing::dispatcher::set_global_default(dispatch)
            .map_err(|_| InitError::AlreadyInitialised)?;
        store.set_capacity(config.trace_buffer);
        Ok(Self { provider })
    }

    /// For tests: telemetry with everything recorded into
    /// [`TraceStore::global`] and no log lines below ERROR. May be called by
    /// every test of a process; only the first call does something.
    pub fn init_for_tests() {
        use std::sync::OnceLock;
        static FOR_TESTS: OnceLock<Option<Telemetry>> = OnceLock::new();
        FOR_TESTS.get_or_init(|| {
            let filter = std::env::var("SHOAL_TEST_LOG").unwrap_or_else(|_| "error".to_owned());
            let service = "test".to_owned();
            let config = TelemetryConfig {
                service,
                filter,
                ..TelemetryConfig::default()
            };
            // The default panic hook stays: it is what test runners capture.
            Self::install(&config).ok()
        });
    }

    /// Sends what is still queued and stops. Blocks for at most `bound`; call
    /// it from a blocking thread.
    pub fn shutdown(&self, bound: Duration) {
        if let Err(error) = self.provider.shutdown_with_timeout(bound) {
            tracing::warn!(%error, "the last spans may not have reached the collector");
        }
    }
}

/// The whole subscriber, not installed yet.
pub(crate) fn build(
    config: &TelemetryConfig,
    store: &Arc<TraceStore>,
    sink: Sink,
) -> Result<(SdkTracerProvider, Dispatch), InitError> {
    let filter = LogFilter::parse(&config.filter)?;
    if !(0.0..=1.0).contains(&config.sample_ratio) {
        return Err(InitError::SampleRatio(config.sample_ratio));
    }
    let provider = provider(config, store)?;
    let colour = std::io::stderr().is_terminal();
    let logs = LogLayer::new(config.log_format, colour, &config.service, sink);
    // Bottom to top: the tracer makes the span, the service layer adds the
    // inherited service to it, and the log layer reads both.
    let subscriber = Registry::default()
        .with(tracer_layer(&provider))
        .with(
            ServiceLayer::new(&config.service).with_filter(
                filter_fn(|meta| meta.is_span() && *meta.level() <= Level::INFO)
                    .with_max_level_hint(LevelFilter::INFO),
            ),
        )
        .with(logs.with_filter(filter));
    Ok((provider, Dispatch::new(subscriber)))
}

fn tracer_layer<S>(provider: &SdkTracerProvider) -> impl tracing_subscriber::Layer<S>
where
    S: Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a> + Send + Sync,
{
    tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("shoal"))
        // Source positions and thread ids cost an allocation each per span, and
        // idle/busy times two clock readings per poll.
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        // Parents come from tracing alone: no second stack to keep per poll.
        .with_context_activation(false)
        .with_filter(filter_fn(is_traced).with_max_level_hint(LevelFilter::INFO))
}

/// Spans from INFO up become spans, events from WARN up become span events.
fn is_traced(meta: &Metadata<'_>) -> bool {
    if meta.is_span() {
        *meta.level() <= Level::INFO && meta.target() != SERVICE_TARGET
    } else {
        *meta.level() <= Level::WARN
    }
}

fn provider(
    config: &TelemetryConfig,
    store: &Arc<TraceStore>,
) -> Result<SdkTracerProvider, InitError> {
    let ratio = Box::new(Sampler::TraceIdRatioBased(config.sample_ratio));
    let mut builder = SdkTracerProvider::builder()
        .with_resource(resource_of(&config.service))
        .with_sampler(Sampler::ParentBased(ratio));
    if config.trace_buffer > 0 {
        builder = builder.with_span_processor(StoreProcessor(store.clone()));
    }
    if let Some(endpoint) = &config.otlp_endpoint {
        let exporter = PerServiceExporter::new(endpoint, &config.service)?;
        let batch = BatchSpanProcessor::builder(exporter).build();
        builder = builder.with_span_processor(Counted(batch));
    }
    Ok(builder.build())
}

/// Counts what is handed to the exporter's queue, which drops when full.
#[derive(Debug)]
struct Counted(BatchSpanProcessor);

impl SpanProcessor for Counted {
    fn on_start(&self, span: &mut Span, cx: &opentelemetry::Context) {
        self.0.on_start(span, cx);
    }

    fn on_end(&self, span: SpanData) {
        record_export(Outcome::Ended, 1);
        self.0.on_end(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }
}
