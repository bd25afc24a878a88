//! The HTTP stack, in one place.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use futures::FutureExt as _;
use http::{HeaderName, HeaderValue, header};
use shoal_context::{Arrived, Context};
use shoal_error::Error;
use shoal_telemetry::http::ServerLayer;
use tower::ServiceBuilder;

use super::{admission, body, fallback};
use crate::identity::{Presented, present};
use crate::shared::Shared;

/// Puts the stack around every route and around the answers where no route is.
///
/// Layers are listed from the outside in: a request passes them downwards, its
/// answer upwards. They are applied to the routes, not around the router, so
/// that the first one knows which route was matched.
pub(crate) fn layered(
    router: Router,
    own_fallback: bool,
    around: impl FnOnce(Router) -> Router,
    shared: &Arc<Shared>,
) -> Router {
    let router = if own_fallback {
        router
    } else {
        router.fallback(fallback::no_route)
    };
    let router = router.method_not_allowed_fallback(fallback::no_method);
    let state = || Arc::clone(shared);
    around(router).layer(
        ServiceBuilder::new()
            // Span, request id and RED metrics. Outermost, so that whatever a
            // layer below refuses is traced, counted and carries its ids.
            .layer(ServerLayer::new(shared.name))
            // On every answer, the refusals below included.
            .layer(from_fn(security_headers))
            // Above all that runs code of a service, below the telemetry, so
            // that a panic is an ordinary 500 there.
            .layer(from_fn(catch_panic))
            // Deadline, cancellation and metadata: reading a few headers. Above
            // all that may wait, which must not be longer than the client does.
            .layer(from_fn_with_state(state(), in_context))
            // Sheds before any work is done for the request.
            .layer(from_fn_with_state(state(), admission::admit))
            // Needs the context, and adds the user to it.
            .layer(from_fn_with_state(state(), authenticate))
            // Innermost: only those who read the body pay for it.
            .layer(from_fn_with_state(
                shared.limits.max_body_bytes,
                body::limit,
            ))
            // Ours stands above; axum's would cut bodies at 2 MB regardless.
            .layer(DefaultBodyLimit::disable()),
    )
}

/// Defaults for browsers; a handler that sets one of them itself wins.
const SECURITY_HEADERS: [(HeaderName, HeaderValue); 5] = [
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    ),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    ),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

async fn security_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in SECURITY_HEADERS {
        response.headers_mut().entry(name).or_insert(value);
    }
    response
}

/// A panic becomes a 500 that tells the client nothing of it; the panic hook
/// has written text and stack to the log.
async fn catch_panic(request: Request, next: Next) -> Response {
    match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(payload) => {
            let text = payload
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned())
                .or_else(|| payload.downcast_ref::<String>().cloned())
                .unwrap_or_else(|| "a value that is no text".to_owned());
            Error::internal(format!("a handler panicked: {text}")).into_response()
        }
    }
}

async fn in_context(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let trusted = shared.mesh.admits(request.headers());
    let context = Context::from_http(
        request.headers(),
        trusted,
        Duration::from_millis(shared.limits.request_timeout_ms),
        Duration::from_millis(shared.limits.max_request_timeout_ms),
    );
    let arrived = request.extensions().get::<Arrived>();
    let context = match arrived {
        Some(Arrived(at)) => context.arrived_at(*at),
        None => context,
    };
    let span = tracing::Span::current();
    span.record("gray.version", context.meta().gray_version.as_deref());
    span.record("instance.gray", shared.colour.as_deref());
    // Dropped with this future when the client hangs up, and at the end.
    let _guard = context.cancel_on_drop();
    let answer = context.scope(async { Ok(next.run(request).await) }).await;
    let mut answer = answer.unwrap_or_else(Error::into_response);
    context.degraded_to(answer.headers_mut());
    answer
}

async fn authenticate(
    State(shared): State<Arc<Shared>>,
    mut request: Request,
    next: Next,
) -> Response {
    let presented = present(request.headers(), &shared.verifier).await;
    let user = match &presented {
        Presented::Good(identity) => Some(identity.user_id().to_owned()),
        Presented::Nothing | Presented::Bad(_) => None,
    };
    request.extensions_mut().insert(presented);
    let Some(user) = user else {
        return next.run(request).await;
    };
    tracing::Span::current().record("user.id", &user);
    let context = Context::current().with_meta(|meta| meta.user_id = Some(user));
    context.attach(next.run(request)).await
}
