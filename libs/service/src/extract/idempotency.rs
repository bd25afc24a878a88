//! The `Idempotency-Key` header.

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use http::HeaderMap;
use http::request::Parts;
use shoal_error::{CommonCode, Error, Result};
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::{RefOr, Required, Schema, schema};

const HEADER: &str = "idempotency-key";
const MAX_LENGTH: usize = 128;

/// The key under which a client repeats an operation that must happen once:
/// 1 to 128 visible ASCII characters. 400 when it is missing or not that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The key.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn read(headers: &HeaderMap) -> Result<Option<Self>> {
        let mut values = headers.get_all(HEADER).iter();
        let Some(value) = values.next() else {
            return Ok(None);
        };
        let invalid = |problem: &str| {
            Err(Error::new(
                CommonCode::IdempotencyKeyInvalid,
                format!("The key {problem}."),
            )
            .with_field("Idempotency-Key", problem))
        };
        if values.next().is_some() {
            return invalid("is given more than once");
        }
        match value.to_str().map(str::trim) {
            Ok("") => invalid("is empty"),
            Ok(key) if key.len() > MAX_LENGTH => invalid("is longer than 128 characters"),
            Ok(key) if key.bytes().all(|b| b.is_ascii_graphic()) => Ok(Some(Self(key.to_owned()))),
            _ => invalid("holds characters other than visible ASCII"),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        Self::read(&parts.headers)?.ok_or_else(|| {
            Error::new(
                CommonCode::IdempotencyKeyMissing,
                "This operation needs an Idempotency-Key header.",
            )
            .with_field("Idempotency-Key", "is missing")
        })
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for IdempotencyKey {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>> {
        Self::read(&parts.headers)
    }
}

impl utoipa::IntoParams for IdempotencyKey {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let text = schema::ObjectBuilder::new()
            .schema_type(schema::Type::String)
            .min_length(Some(1))
            .max_length(Some(MAX_LENGTH))
            .pattern(Some("^[!-~]+$"));
        vec![
            ParameterBuilder::new()
                .name("Idempotency-Key")
                .parameter_in(ParameterIn::Header)
                .required(Required::True)
                .description(Some(
                    "New for each operation, the same for its retries. The same key with the \
                     same body replays the first answer.",
                ))
                .example(Some(serde_json::json!(
                    "5f0c9a3e-7a51-4c0b-9d52-1f6f0f2f7c11"
                )))
                .schema(Some(RefOr::<Schema>::from(text)))
                .build(),
        ]
    }
}
