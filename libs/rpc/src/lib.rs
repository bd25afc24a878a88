//! The one gRPC server stack and the one gRPC client stack.
//!
//! What every call between services needs (deadline, cancellation, trace,
//! metadata, proof of origin, limits, metrics, errors without loss) stands here
//! once, as tower layers in a stated order: [`server::stack`] and
//! [`client::stack`]. A handler or a caller cannot forget any of it.
//!
//! ```ignore
//! let billing = BillingServiceClient::new(Client::connect("billing", resolver, config));
//! let captured = shoal_rpc::call(billing.clone().capture(request.idempotent())).await?;
//! ```
//!
//! Rejected: tonic interceptors (they see no response and cannot end a call),
//! tonic's own `timeout` (one clock for connecting and calling, answers
//! CANCELLED, and knows no caller's deadline), tonic's balanced channel (picks
//! without regard to weight, version or draining, hides which instance was
//! tried, and runs a task nobody owns per balancer) and a side-car (another
//! process to deploy, and cancellation would end at its door).

mod body;
pub mod client;
mod config;
mod mesh;
mod path;
mod record;
pub mod server;

use std::future::Future;

use shoal_error::{Error, Result};
use tonic::{Response, Status};

pub use client::{Channel, Client, RequestExt};
pub use config::{Balance, ClientConfig, RpcClientSettings, RpcServerSettings, ServerConfig};
pub use mesh::{MESH, MeshSecret};

/// Waits for a call of a generated client and gives its message, or the error
/// exactly as the other service made it.
///
/// # Errors
/// The callee's own, or [`shoal_error::CommonCode`]'s `DeadlineExceeded`,
/// `Cancelled`, `Unavailable` or `TooManyRequests` when the call did not reach
/// or outlast it.
pub async fn call<T>(
    call: impl Future<Output = std::result::Result<Response<T>, Status>>,
) -> Result<T> {
    call.await.map(Response::into_inner).map_err(|status| {
        let never_sent = client::is_never_sent(&status);
        let error = Error::from_status(status);
        if never_sent {
            error.with_source(client::NeverSent)
        } else {
            error
        }
    })
}

/// Whether an error of [`call`] says that the call never left this process, so
/// that it certainly had no effect: there was nobody to connect to.
#[must_use]
pub fn was_never_sent(error: &Error) -> bool {
    client::is_never_sent(error)
}
