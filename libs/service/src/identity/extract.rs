//! The caller as an argument of a handler.

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;
use http::{HeaderMap, header};
use shoal_error::{CommonCode, Error, Result};

use super::claims::Identity;
use super::verifier::IdentityVerifier;

/// What the authentication layer found, kept with the request so that public
/// routes ignore a stale token and closed ones refuse it.
#[derive(Clone, Debug)]
pub(crate) enum Presented {
    Nothing,
    Good(Identity),
    // Shared because request extensions must be cloneable.
    Bad(std::sync::Arc<std::sync::Mutex<Option<Error>>>),
}

/// Looks at `Authorization` and verifies what is there.
pub(crate) async fn present(headers: &HeaderMap, verifier: &IdentityVerifier) -> Presented {
    let verified = match bearer(headers) {
        Ok(None) => return Presented::Nothing,
        Ok(Some(token)) => verifier.verify(token).await,
        Err(error) => Err(error),
    };
    match verified {
        Ok(identity) => Presented::Good(identity),
        Err(error) => Presented::Bad(std::sync::Arc::new(std::sync::Mutex::new(Some(error)))),
    }
}

fn bearer(headers: &HeaderMap) -> Result<Option<&str>> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let malformed = |message| Err(Error::new(CommonCode::TokenMalformed, message));
    if values.next().is_some() {
        return malformed("There is more than one Authorization header.");
    }
    let Ok(value) = value.to_str() else {
        return malformed("The Authorization header is not ASCII.");
    };
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(token.trim())),
        // Basic is for the token endpoint, which reads it itself.
        Some((scheme, _)) if scheme.eq_ignore_ascii_case("basic") => Ok(None),
        _ => malformed("The Authorization header is not of the form `Bearer <token>`."),
    }
}

fn presented(parts: &Parts) -> Result<Option<Identity>> {
    match parts.extensions.get::<Presented>() {
        Some(Presented::Good(identity)) => Ok(Some(identity.clone())),
        Some(Presented::Nothing) => Ok(None),
        Some(Presented::Bad(slot)) => {
            let mut slot = slot
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            Err(slot.take().unwrap_or_else(missing))
        }
        None => Err(Error::internal(
            "the authentication layer is not in the stack",
        )),
    }
}

fn missing() -> Error {
    Error::new(CommonCode::Unauthenticated, "This needs an access token.")
}

impl<S: Send + Sync> FromRequestParts<S> for Identity {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        presented(parts)?.ok_or_else(missing)
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for Identity {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>> {
        presented(parts)
    }
}

/// The caller, if a token came with the request; a bad token is still a 401.
#[derive(Clone, Debug)]
pub struct OptionalIdentity(pub Option<Identity>);

impl<S: Send + Sync> FromRequestParts<S> for OptionalIdentity {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        presented(parts).map(Self)
    }
}
