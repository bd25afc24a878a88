//! Form bodies, client authentication and errors as OAuth has them (RFC 6749,
//! 2.3.1 and 5.2): programs that speak OAuth expect them so.

use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use shoal_error::{Code as _, CommonCode, Error};
use shoal_service::Json;
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::views::no_store;
use crate::codes::AuthCode;

/// Longest form that is read, in bytes.
const MAX_FORM: usize = 16 * 1024;

/// A form whose parameters occur once each, with the client's credentials.
#[derive(Debug)]
pub(super) struct OauthForm {
    fields: Vec<(String, String)>,
    pub(super) client: Option<ClientCredentials>,
}

/// What a client shows.
pub(super) struct ClientCredentials {
    pub(super) id: String,
    pub(super) secret: Zeroizing<String>,
}

/// An error that renders as OAuth's when it is one of its own, else as a
/// problem document.
#[derive(Debug)]
pub(super) struct OauthError(Error);

/// Body of an OAuth error.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OauthErrorView {
    /// Code of RFC 6749 or 7009.
    #[schema(example = "invalid_client")]
    error: &'static str,
    /// What is wrong, for people.
    #[schema(example = "The client is unknown, disabled, or its secret is wrong.")]
    error_description: String,
    /// Our own code.
    #[schema(example = "auth.oauth_invalid_client")]
    code: String,
    /// Trace of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "4bf92f3577b34da6a3ce929d0e0e4736")]
    trace_id: Option<String>,
}

impl OauthForm {
    /// A parameter; empty ones count as left out (RFC 6749, 3.1).
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(key, _)| key == name);
        found
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// A parameter that must be there.
    pub(super) fn require(&self, name: &str) -> Result<&str, OauthError> {
        self.get(name)
            .ok_or_else(|| bad_request(format!("The parameter {name} is missing.")))
    }

    /// The client's credentials, which must be there.
    pub(super) fn require_client(&self) -> Result<&ClientCredentials, OauthError> {
        self.client.as_ref().ok_or_else(|| {
            let message = "Client credentials are missing.";
            OauthError(Error::new(AuthCode::OauthInvalidClient, message))
        })
    }
}

impl<S: Send + Sync> FromRequest<S> for OauthForm {
    type Rejection = OauthError;

    async fn from_request(request: Request, _: &S) -> Result<Self, OauthError> {
        let basic = basic_credentials(request.headers())?;
        require_form(request.headers())?;
        let body = axum::body::to_bytes(request.into_body(), MAX_FORM)
            .await
            .map_err(|_| {
                bad_request(format!("The body is over {MAX_FORM} bytes, or broke off."))
            })?;
        let fields: Vec<(String, String)> =
            url::form_urlencoded::parse(&body).into_owned().collect();
        for (at, (name, _)) in fields.iter().enumerate() {
            if fields.iter().skip(at + 1).any(|(other, _)| other == name) {
                return Err(bad_request(format!(
                    "The parameter {name:?} is there twice."
                )));
            }
        }
        let mut form = Self {
            fields,
            client: None,
        };
        form.client = client_of(&form, basic)?;
        Ok(form)
    }
}

fn client_of(
    form: &OauthForm,
    basic: Option<ClientCredentials>,
) -> Result<Option<ClientCredentials>, OauthError> {
    let posted = form
        .get("client_secret")
        .map(|secret| Zeroizing::new(secret.to_owned()));
    match (basic, posted) {
        (Some(_), Some(_)) => Err(bad_request(
            "The client shows its secret in two ways; use one.".to_owned(),
        )),
        (Some(basic), None) => match form.get("client_id") {
            Some(id) if id != basic.id => Err(bad_request(
                "The header and the form name different clients.".to_owned(),
            )),
            _ => Ok(Some(basic)),
        },
        (None, Some(secret)) => {
            let id = form.require("client_id")?.to_owned();
            Ok(Some(ClientCredentials { id, secret }))
        }
        (None, None) => Ok(None),
    }
}

/// `Authorization: Basic`, whose parts are form-encoded before they are joined.
fn basic_credentials(headers: &HeaderMap) -> Result<Option<ClientCredentials>, OauthError> {
    let Some(value) = headers.get(AUTHORIZATION) else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default();
    let Some((scheme, encoded)) = text.split_once(' ') else {
        return Ok(None);
    };
    if !scheme.eq_ignore_ascii_case("basic") {
        return Ok(None);
    }
    let malformed = || {
        let message = "The Basic credentials are not base64 of client_id:client_secret.";
        OauthError(Error::new(AuthCode::OauthInvalidClient, message))
    };
    let decoded = Zeroizing::new(STANDARD.decode(encoded.trim()).map_err(|_| malformed())?);
    let pair = std::str::from_utf8(&decoded).map_err(|_| malformed())?;
    let (id, secret) = pair.split_once(':').ok_or_else(malformed)?;
    Ok(Some(ClientCredentials {
        id: form_decoded(id),
        secret: Zeroizing::new(form_decoded(secret)),
    }))
}

fn form_decoded(text: &str) -> String {
    // As the name of a lone parameter, which has no `=` to be split at: neither
    // ids nor secrets of ours have one.
    url::form_urlencoded::parse(text.as_bytes())
        .next()
        .map_or_else(String::new, |(k, _)| k.into())
}

fn require_form(headers: &HeaderMap) -> Result<(), OauthError> {
    let sent = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = sent.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Ok(());
    }
    let message = "This reads application/x-www-form-urlencoded.";
    Err(OauthError(Error::new(
        CommonCode::UnsupportedMediaType,
        message,
    )))
}

fn bad_request(message: String) -> OauthError {
    OauthError(Error::new(AuthCode::OauthInvalidRequest, message))
}

/// Our codes beside those of the RFCs.
const NAMES: [(AuthCode, &str); 5] = [
    (AuthCode::OauthInvalidRequest, "invalid_request"),
    (AuthCode::OauthInvalidClient, "invalid_client"),
    (AuthCode::OauthUnsupportedGrant, "unsupported_grant_type"),
    (AuthCode::OauthInvalidScope, "invalid_scope"),
    (
        AuthCode::OauthUnsupportedTokenType,
        "unsupported_token_type",
    ),
];

impl From<Error> for OauthError {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for OauthError {
    fn into_response(self) -> Response {
        let Self(error) = self;
        let name = NAMES
            .iter()
            .find(|(code, _)| code.spec().id == error.code());
        let Some((code, name)) = name else {
            return no_store(error.into_response());
        };
        error.log();
        let view = OauthErrorView {
            error: name,
            error_description: error.message().to_owned(),
            code: error.code().to_owned(),
            trace_id: error.trace_id().map(str::to_owned),
        };
        let status: StatusCode = error.kind().http_status();
        let mut response = no_store((status, Json(view)).into_response());
        if *code == AuthCode::OauthInvalidClient {
            let challenge = HeaderValue::from_static("Basic realm=\"shoal\", charset=\"UTF-8\"");
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

impl std::fmt::Debug for ClientCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientCredentials")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
