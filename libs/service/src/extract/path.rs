//! Path parameters.

use axum::extract::FromRequestParts;
use axum::extract::path::ErrorKind;
use axum::extract::rejection::PathRejection;
use http::request::Parts;
use serde::de::DeserializeOwned;
use shoal_error::{CommonCode, Error, Result};

/// Path parameters as a value, tuple or struct; 400 that names the faulty one.
#[derive(Clone, Copy, Debug)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let extracted = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        extracted.map(|path| Self(path.0)).map_err(refused)
    }
}

fn refused(rejection: PathRejection) -> Error {
    let PathRejection::FailedToDeserializePathParams(failure) = rejection else {
        // The route and the handler disagree about parameters.
        return Error::internal(rejection);
    };
    let (name, problem) = match failure.kind() {
        ErrorKind::ParseErrorAtKey {
            key,
            value,
            expected_type,
        } => (key.clone(), format!("{value:?} is not {expected_type}")),
        ErrorKind::DeserializeError {
            key,
            value,
            message,
        } => (key.clone(), format!("{value:?}: {message}")),
        ErrorKind::InvalidUtf8InPathParam { key } => (key.clone(), "is not UTF-8".to_owned()),
        ErrorKind::ParseErrorAtIndex {
            index,
            value,
            expected_type,
        } => (
            index.to_string(),
            format!("{value:?} is not {expected_type}"),
        ),
        ErrorKind::ParseError {
            value,
            expected_type,
        } => (String::new(), format!("{value:?} is not {expected_type}")),
        ErrorKind::Message(message) => (String::new(), message.clone()),
        _ => return Error::internal(failure),
    };
    let error = Error::new(
        CommonCode::InvalidPath,
        format!("The path is not right: {problem}."),
    );
    if name.is_empty() {
        error
    } else {
        error.with_field(name, problem)
    }
}
