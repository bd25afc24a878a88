//! The bound on request bodies.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::header;
use http_body_util::Limited;
use shoal_error::{CommonCode, Error};

/// Refuses a body whose announced length is over the limit before reading any
/// of it, and ends one that turns out longer than announced where it is read.
pub(super) async fn limit(State(max): State<usize>, request: Request, next: Next) -> Response {
    let announced = request.headers().get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > max as u64) {
        let message = format!("The body is over {max} bytes.");
        let mut refusal = Error::new(CommonCode::PayloadTooLarge, message).into_response();
        // What the client is still sending is not worth receiving.
        refusal
            .headers_mut()
            .insert(header::CONNECTION, http::HeaderValue::from_static("close"));
        return refusal;
    }
    next.run(request.map(|body| Body::new(Limited::new(body, max))))
        .await
}
