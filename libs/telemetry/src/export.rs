//! OTLP export that names the right service although several share a process.
//!
//! Collectors take the service from the resource of a batch. So a batch is
//! split by the spans' `service.name`, and each part leaves through an exporter
//! whose resource is that service, all over one connection.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_otlp::{WithExportConfig as _, WithTonicConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use tonic::transport::{Channel, Endpoint};

use crate::config::InitError;
use crate::metrics::export::{Outcome, record_export};
use crate::service::SERVICE_NAME;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const EXPORT_TIMEOUT: Duration = Duration::from_secs(10);

/// Sends each service's spans under that service's resource.
pub(crate) struct PerServiceExporter {
    channel: Channel,
    fallback: String,
    exporters: Mutex<BTreeMap<String, Arc<opentelemetry_otlp::SpanExporter>>>,
}

impl PerServiceExporter {
    /// Connects lazily, so that a collector that is down stops nobody. Needs a
    /// tokio runtime.
    pub(crate) fn new(endpoint: &str, fallback: &str) -> Result<Self, InitError> {
        let refuse = |reason: String| InitError::Otlp {
            endpoint: endpoint.to_owned(),
            reason,
        };
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(refuse("it needs a running tokio runtime".to_owned()));
        }
        if !endpoint.starts_with("http://") {
            // A collector's agent stands on the same host or in the same pod.
            return Err(refuse(
                "it must begin with http://; for TLS, send to a local agent".into(),
            ));
        }
        let channel = Endpoint::from_shared(endpoint.to_owned())
            .map_err(|e| refuse(e.to_string()))?
            .connect_timeout(CONNECT_TIMEOUT)
            .connect_lazy();
        Ok(Self {
            channel,
            fallback: fallback.to_owned(),
            exporters: Mutex::default(),
        })
    }

    fn exporter(&self, service: &str) -> Option<Arc<opentelemetry_otlp::SpanExporter>> {
        let mut exporters = self
            .exporters
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = exporters.get(service) {
            return Some(known.clone());
        }
        let mut exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_tonic()
            .with_channel(self.channel.clone())
            .with_timeout(EXPORT_TIMEOUT)
            .build()
            .ok()?;
        exporter.set_resource(&resource_of(service));
        let exporter = Arc::new(exporter);
        exporters.insert(service.to_owned(), exporter.clone());
        Some(exporter)
    }
}

impl SpanExporter for PerServiceExporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let mut result = Ok(());
        for (service, spans) in by_service(batch, &self.fallback) {
            let count = spans.len() as u64;
            let Some(exporter) = self.exporter(&service) else {
                continue;
            };
            match exporter.export(spans).await {
                Ok(()) => record_export(Outcome::Sent, count),
                Err(error) => {
                    record_export(Outcome::Failed, count);
                    result = Err(error);
                }
            }
        }
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        let exporters = self
            .exporters
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for exporter in exporters.values() {
            exporter.shutdown_with_timeout(timeout)?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for PerServiceExporter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PerServiceExporter")
    }
}

/// Resource under which a collector files the spans of `service`.
pub(crate) fn resource_of(service: &str) -> Resource {
    Resource::builder()
        .with_service_name(service.to_owned())
        .with_attribute(KeyValue::new("service.namespace", "shoal"))
        .build()
}

fn by_service(batch: Vec<SpanData>, fallback: &str) -> BTreeMap<String, Vec<SpanData>> {
    let mut parts: BTreeMap<String, Vec<SpanData>> = BTreeMap::new();
    for mut span in batch {
        let at = span
            .attributes
            .iter()
            .position(|kv| kv.key.as_str() == SERVICE_NAME);
        let service = at.map(|at| span.attributes.swap_remove(at).value.as_str().into_owned());
        parts
            .entry(service.unwrap_or_else(|| fallback.to_owned()))
            .or_default()
            .push(span);
    }
    parts
}
