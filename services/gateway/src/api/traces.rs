//! A local view of finished traces, for development without a collector.

use std::sync::Arc;

use axum::extract::State as Ax;
use http::{HeaderMap, header};
use serde::Deserialize;
use shoal_error::{Error, Result};
use shoal_service::Path;
use shoal_telemetry::TraceStore;

use crate::State;

/// Where a trace is read.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct TracePath {
    /// 32 hex digits, as in `x-trace-id` of an answer.
    #[param(example = "4bf92f3577b34da6a3ce929d0e0e4736")]
    trace_id: String,
}

/// Read a finished trace.
///
/// Every span of the trace that this process has seen end, as a text waterfall
/// of services, operations, offsets and durations. Only where `trace_view` is
/// switched on.
#[utoipa::path(
    get, operation_id = "get_trace", path = "/debug/traces/{trace_id}", tag = "gateway",
    params(TracePath),
    responses((status = 200, description = "The trace as text.", body = String, content_type = "text/plain",
        example = "gateway  GET /order/v1/products  3.1 ms\\n  order  GET /order/v1/products  2.2 ms\\n")),
)]
pub(crate) async fn trace(
    Ax(state): Ax<Arc<State>>,
    Path(path): Path<TracePath>,
) -> Result<(HeaderMap, String)> {
    let store = TraceStore::global();
    if !state.trace_view || store.get(&path.trace_id).is_empty() {
        return Err(Error::not_found("trace", &path.trace_id));
    }
    let mut headers = HeaderMap::new();
    headers.insert(
        header::CONTENT_TYPE,
        http::HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    Ok((headers, store.render(&path.trace_id)))
}
