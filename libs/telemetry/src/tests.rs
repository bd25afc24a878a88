//! Tests of the parts together.

mod export;
mod http;
mod logs;
mod metrics;
mod propagate;
mod render;
mod service;
mod store;

use std::sync::{Arc, Mutex};

use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Dispatch;

use crate::config::{LogFormat, TelemetryConfig};
use crate::trace_store::TraceStore;

/// A telemetry of its own, beside the process's.
struct Rig {
    store: Arc<TraceStore>,
    log: Arc<Mutex<Vec<u8>>>,
    dispatch: Dispatch,
    _provider: SdkTracerProvider,
}

impl Rig {
    fn new(log_format: LogFormat, filter: &str) -> Self {
        let config = TelemetryConfig {
            service: "process".to_owned(),
            filter: filter.to_owned(),
            log_format,
            ..TelemetryConfig::default()
        };
        Self::with(&config)
    }

    fn with(config: &TelemetryConfig) -> Self {
        let store = Arc::new(TraceStore::new(config.trace_buffer));
        let log = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&log);
        let sink: crate::logs::Sink = Arc::new(move |line| sink.lock().unwrap().extend(line));
        let (provider, dispatch) = crate::init::build(config, &store, sink).unwrap();
        Self {
            store,
            log,
            dispatch,
            _provider: provider,
        }
    }

    /// Runs `work` with this telemetry as the current one.
    fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        tracing::dispatcher::with_default(&self.dispatch, work)
    }

    fn log(&self) -> String {
        String::from_utf8(self.log.lock().unwrap().clone()).unwrap()
    }

    /// The only trace there is.
    fn only_trace(&self) -> Vec<crate::SpanRecord> {
        let ids = self.store.recent(10);
        assert_eq!(ids.len(), 1, "{ids:?}");
        self.store.get(&ids[0])
    }
}

fn find<'a>(spans: &'a [crate::SpanRecord], name: &str) -> &'a crate::SpanRecord {
    spans
        .iter()
        .find(|span| span.name == name)
        .unwrap_or_else(|| panic!("no {name} in {spans:?}"))
}
