//! Lets requests in, or says when to come again.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode};
use shoal_context::{Context, SHED};
use shoal_error::Error;
use shoal_resilience::{Ended, Limiter, Place, Refusal, Route};
use shoal_telemetry::http::known_method;

use crate::shared::Shared;

pub(super) async fn admit(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    // What watches the service must see it when it is full.
    if crate::ops::is_ops(request.uri().path()) {
        return next.run(request).await;
    }
    let limiter = shared.admission.limiter();
    let (route, name) = route_of(limiter, &request);
    let context = Context::current();
    let class = context.meta().class.lowered_to(route.class());
    let admitted = shared.admission.admit(&route, class, context.remaining());
    let place = match admitted.await {
        Ok(place) => place,
        Err(refusal) => return refused(refusal, shared.mesh.admits(request.headers())),
    };
    let response = if class == context.meta().class {
        next.run(request).await
    } else {
        // What it calls is to be no more urgent than itself.
        context.lowered_to(class).attach(next.run(request)).await
    };
    end(place, limiter, name, response.status());
    response
}

/// Another service is told that it was the door which refused.
fn refused(refusal: Refusal, to_a_service: bool) -> Response {
    let mut response = Error::from(refusal).into_response();
    if to_a_service {
        let why = HeaderValue::from_static(refusal.why.as_str());
        response.headers_mut().insert(SHED, why);
    }
    response
}

/// A path that no route has: its verb and first segments, as the gateway passes
/// on whatever begins so.
type Name = Option<(&'static str, String)>;

fn route_of(limiter: &Limiter, request: &Request) -> (Arc<Route>, Name) {
    let verb = known_method(request.method());
    if let Some(path) = request.extensions().get::<MatchedPath>() {
        return (limiter.route(verb, path.as_str()), None);
    }
    let path = stem(request.uri().path());
    let route = limiter.route_if_known(verb, path);
    // Known only once it was served: callers choose paths as they like.
    let name = limiter.is_unknown(&route).then(|| (verb, path.to_owned()));
    (route, name)
}

fn end(place: Place, limiter: &Limiter, name: Name, status: StatusCode) {
    let how = match status {
        StatusCode::GATEWAY_TIMEOUT => Ended::TimedOut,
        status if status.is_client_error() || status.is_server_error() => Ended::Otherwise,
        _ => Ended::Served,
    };
    match name {
        Some((verb, path)) if how == Ended::Served => {
            place.ended_as(limiter.route(verb, &path), how);
        }
        _ => place.ended(how),
    }
}

/// The first three segments: `/order/v1/orders`.
fn stem(path: &str) -> &str {
    let end = path.match_indices('/').nth(3);
    end.map_or(path, |(at, _)| &path[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_passed_on_is_told_apart_by_resource_not_by_id() {
        assert_eq!(stem("/order/v1/orders/ord_1/items"), "/order/v1/orders");
        assert_eq!(stem("/order/v1/orders"), "/order/v1/orders");
        assert_eq!(stem("/"), "/");
    }
}
