//! Settings of the telemetry of one process.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One short line for a person, in colour on a terminal.
    #[default]
    Pretty,
    /// One JSON object per line, for Loki and its like.
    Json,
}

/// Settings of [`crate::Telemetry::init`]. The defaults need no outside server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetryConfig {
    /// Name of the process. Spans and log lines that no service claims bear it;
    /// the chassis fills it in.
    pub service: String,
    /// How log lines look.
    pub log_format: LogFormat,
    /// Which log events are written: `level` or `target=level`, comma-separated,
    /// e.g. `info,shoal_order=debug`. Does not touch traces.
    pub filter: String,
    /// Where finished spans are sent (OTLP over gRPC, without TLS), e.g.
    /// `http://tempo:4317`.
    pub otlp_endpoint: Option<String>,
    /// Share of new traces that are recorded, 0 to 1. A trace that a caller
    /// started keeps the caller's decision.
    pub sample_ratio: f64,
    /// How many finished spans the process keeps for its own trace view; 0
    /// switches the view off.
    pub trace_buffer: usize,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self {
            service: "shoal".to_owned(),
            log_format: LogFormat::default(),
            filter: "info".to_owned(),
            otlp_endpoint: None,
            sample_ratio: 1.0,
            trace_buffer: 20_000,
        }
    }
}

/// Why telemetry could not start.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// Some code of this process installed a subscriber before.
    #[error("telemetry was already initialised in this process")]
    AlreadyInitialised,
    /// `filter` does not parse.
    #[error("telemetry.filter {filter:?} is not a list of level or target=level: {reason}")]
    Filter {
        /// The setting as given.
        filter: String,
        /// What the parser said.
        reason: String,
    },
    /// `sample_ratio` is out of range.
    #[error("telemetry.sample_ratio is {0}, but must be between 0 and 1")]
    SampleRatio(f64),
    /// `otlp_endpoint` is not an address, or no tokio runtime runs.
    #[error("telemetry.otlp_endpoint {endpoint:?} cannot be used: {reason}")]
    Otlp {
        /// The setting as given.
        endpoint: String,
        /// What the exporter said.
        reason: String,
    },
}
