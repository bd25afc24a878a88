//! Which page of a list is wanted.

use axum::extract::FromRequestParts;
use http::request::Parts;
use shoal_error::Result;
use utoipa::openapi::path::{Parameter, ParameterIn};

use super::query;

/// The query parameters `limit` and `cursor`; other parameters are left to
/// [`super::Query`]. 400 for a limit out of range; the cursor is checked where
/// the list is known.
#[derive(Clone, Debug, Default)]
pub struct PageRequest(pub shoal_store::PageRequest);

impl<S: Send + Sync> FromRequestParts<S> for PageRequest {
    type Rejection = shoal_error::Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let query = parts.uri.query().unwrap_or_default();
        let own = url::form_urlencoded::parse(query.as_bytes())
            .filter(|(name, _)| matches!(&**name, "limit" | "cursor"));
        let own = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(own)
            .finish();
        let request: shoal_store::PageRequest = query::parse(&own)?;
        request.limit()?;
        Ok(Self(request))
    }
}

impl utoipa::IntoParams for PageRequest {
    fn into_params(place: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        shoal_store::PageRequest::into_params(place)
    }
}
