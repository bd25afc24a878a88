//! Answers where no handler is.

use http::{Method, Uri};
use shoal_error::{CommonCode, Error};

pub(super) async fn no_route(method: Method, uri: Uri) -> Error {
    let message = format!("There is no route for {method} {}.", uri.path());
    Error::new(CommonCode::RouteNotFound, message)
}

/// axum adds the `Allow` header itself.
pub(super) async fn no_method(method: Method, uri: Uri) -> Error {
    let message = format!("{} has no method {method}.", uri.path());
    Error::new(CommonCode::MethodNotAllowed, message)
}
