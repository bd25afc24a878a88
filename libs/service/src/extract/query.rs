//! Query parameters.

use axum::extract::FromRequestParts;
use http::request::Parts;
use serde::de::DeserializeOwned;
use shoal_error::{CommonCode, Error, Result};

/// The query string as a struct; 400 that names the faulty parameter.
#[derive(Clone, Copy, Debug, Default)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        parse(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

pub(super) fn parse<T: DeserializeOwned>(query: &str) -> Result<T> {
    let pairs = url::form_urlencoded::parse(query.as_bytes());
    let deserializer = serde_urlencoded::Deserializer::new(pairs);
    serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let at = error.path().to_string();
        let text = error.into_inner().to_string();
        let named = |name: &str| format!("The query parameter {name:?} is not right: {text}.");
        let quoted = text.split('`').nth(1);
        match (at.as_str(), quoted) {
            ("." | "?" | "", Some(name)) => {
                Error::new(CommonCode::InvalidQuery, named(name)).with_field(name, text.clone())
            }
            ("." | "?" | "", None) => Error::new(
                CommonCode::InvalidQuery,
                format!("The query is not right: {text}."),
            ),
            (name, _) => {
                Error::new(CommonCode::InvalidQuery, named(name)).with_field(name, text.clone())
            }
        }
    })
}
