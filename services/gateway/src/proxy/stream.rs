//! Answers that never end by themselves.

use axum::body::Body;
use futures::StreamExt as _;
use http::{Response, header};
use tokio_util::sync::CancellationToken;

/// Ends a stream of events when the gateway drains, as its service would: the
/// client then connects anew, to an instance that stays. Other bodies have an
/// end, and one that came early would look whole.
pub(super) fn until(draining: &CancellationToken, response: Response<Body>) -> Response<Body> {
    if !is_event_stream(&response) {
        return response;
    }
    let draining = draining.clone().cancelled_owned();
    response.map(|body| Body::from_stream(body.into_data_stream().take_until(draining)))
}

fn is_event_stream(response: &Response<Body>) -> bool {
    let content_type = response.headers().get(header::CONTENT_TYPE);
    content_type.is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"))
}
