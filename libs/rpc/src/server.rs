//! The server stack.

mod admission;
mod admit;
mod context;
mod limit;
mod panic;
mod telemetry;

use axum::Router;
use http::Response;
use shoal_error::Error;
use tonic::Status;
use tonic::service::Routes;
use tower::ServiceBuilder;

use crate::ServerConfig;

/// Puts the stack around all gRPC services of a module.
///
/// Layers are listed from the outside in: a call passes them downwards, its
/// answer upwards. Each answers for itself with a status in the head of the
/// answer, so that every refusal passes the telemetry.
pub fn stack(routes: Routes, config: &ServerConfig) -> Router {
    let layers = ServiceBuilder::new()
        // Span and RED metrics until the answer's last byte. Outermost: it sees
        // what the others refuse, and gives their errors a trace id.
        .layer(telemetry::TelemetryLayer::new(&config.service))
        // Above all code that could panic, below the telemetry, to which a
        // panic is then an ordinary INTERNAL.
        .layer(panic::CatchPanicLayer)
        // Before the limit: who does not belong here takes no place.
        .layer(admit::AdmitLayer::new(&config.mesh_secret))
        // Before the context: a call that is shed costs next to nothing. Counts
        // streams until their end, which the admission below does not.
        .layer(limit::InFlightLayer::new(
            &config.service,
            config.settings.max_in_flight,
        ))
        // Deadline, cancellation and metadata for all below. The caller was
        // admitted above, so its metadata is believed.
        .layer(context::ContextLayer::new(config))
        // Innermost: waits within the deadline, by the class of the caller.
        .layer(admission::AdmissionLayer::new(&config.admission));
    routes.prepare().into_axum_router().layer(layers)
}

/// An answer that is nothing but a status.
fn refuse<B: Default>(error: Error) -> Response<B> {
    Status::from(error).into_http()
}
