//! What verifiers and OAuth clients look up: keys and metadata.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use shoal_error::{Result, ResultExt as _};
use shoal_service::{OpenApiRouter, routes};
use utoipa::ToSchema;

use crate::app::App;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(jwks))
        .routes(routes!(openid_configuration))
        .routes(routes!(oauth_metadata))
}

/// Keys that verify access tokens (RFC 7517).
#[derive(Serialize, ToSchema)]
pub(super) struct JwksView {
    /// The key that signs, the one that signs next, and those that have signed
    /// tokens which may be alive.
    keys: Vec<JwkView>,
}

/// One key.
#[derive(Serialize, ToSchema)]
pub(super) struct JwkView {
    /// Always `OKP`.
    #[schema(example = "OKP")]
    kty: String,
    /// Always `Ed25519`.
    #[schema(example = "Ed25519")]
    crv: String,
    /// Always `EdDSA`.
    #[schema(example = "EdDSA")]
    alg: String,
    /// Always `sig`.
    #[schema(example = "sig")]
    r#use: String,
    /// As in the header of a token.
    #[schema(example = "key_01jd8x4q6zj9t0c8m3a5v7k2ye")]
    kid: String,
    /// The public key, base64url.
    #[schema(example = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")]
    x: String,
}

/// Keys that verify access tokens.
///
/// May be cached for as long as `Cache-Control` says: a key is published longer
/// than that before it signs.
#[utoipa::path(get, operation_id = "get_jwks", path = "/.well-known/jwks.json", tag = "discovery",
    responses((status = 200, description = "The keys.", body = JwksView),
        (status = 304, description = "Unchanged since the ETag in If-None-Match.")))]
async fn jwks(State(app): State<App>, headers: HeaderMap) -> Result<Response> {
    cached(&app, &headers, &app.keys.jwks())
}

/// Metadata of an OAuth authorization server.
#[derive(Serialize, ToSchema)]
pub(super) struct MetadataView {
    /// `iss` of tokens.
    #[schema(example = "http://127.0.0.1:8080")]
    issuer: String,
    /// Where the keys are.
    #[schema(
        format = "uri",
        example = "http://127.0.0.1:8080/.well-known/jwks.json"
    )]
    jwks_uri: String,
    /// Where service accounts get tokens.
    #[schema(format = "uri", example = "http://127.0.0.1:8080/auth/v1/oauth/token")]
    token_endpoint: String,
    /// RFC 7662.
    #[schema(
        format = "uri",
        example = "http://127.0.0.1:8080/auth/v1/oauth/introspect"
    )]
    introspection_endpoint: String,
    /// RFC 7009.
    #[schema(format = "uri", example = "http://127.0.0.1:8080/auth/v1/oauth/revoke")]
    revocation_endpoint: String,
    /// Offered grants.
    #[schema(example = json!(["client_credentials"]))]
    grant_types_supported: Vec<String>,
}

/// OpenID Connect discovery.
#[utoipa::path(get, operation_id = "get_openid_configuration", path = "/.well-known/openid-configuration", tag = "discovery",
    responses((status = 200, description = "The metadata.", body = MetadataView),
        (status = 304, description = "Unchanged since the ETag in If-None-Match.")))]
async fn openid_configuration(State(app): State<App>, headers: HeaderMap) -> Result<Response> {
    cached(&app, &headers, &metadata(&app))
}

/// OAuth metadata (RFC 8414), the same document.
#[utoipa::path(get, operation_id = "get_oauth_metadata", path = "/.well-known/oauth-authorization-server", tag = "discovery",
    responses((status = 200, description = "The metadata.", body = MetadataView),
        (status = 304, description = "Unchanged since the ETag in If-None-Match.")))]
async fn oauth_metadata(State(app): State<App>, headers: HeaderMap) -> Result<Response> {
    cached(&app, &headers, &metadata(&app))
}

fn metadata(app: &App) -> String {
    let issuer = app.issuer.trim_end_matches('/');
    let client_auth = ["client_secret_basic", "client_secret_post"];
    json!({
        "issuer": app.issuer,
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "token_endpoint": format!("{issuer}/auth/v1/oauth/token"),
        "token_endpoint_auth_methods_supported": client_auth,
        "introspection_endpoint": format!("{issuer}/auth/v1/oauth/introspect"),
        "introspection_endpoint_auth_methods_supported": client_auth,
        "revocation_endpoint": format!("{issuer}/auth/v1/oauth/revoke"),
        "revocation_endpoint_auth_methods_supported": client_auth,
        "grant_types_supported": ["client_credentials"],
        // There is no authorization endpoint: people log in at /auth/v1/login.
        "response_types_supported": [],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["EdDSA"],
        "claims_supported": ["iss", "sub", "aud", "exp", "iat", "jti", "roles", "sid", "client_id"],
        "service_documentation": format!("{issuer}/openapi.json"),
    })
    .to_string()
}

/// Renders a document that caches may keep and ask again about.
fn cached(app: &App, headers: &HeaderMap, document: &str) -> Result<Response> {
    let tag = format!(
        "\"{}\"",
        hex::encode(&Sha256::digest(document.as_bytes())[..12])
    );
    let known = headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let unchanged = known
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|known| known == tag || known == "*");
    let mut response = if unchanged {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(CONTENT_TYPE, "application/json")], document.to_owned()).into_response()
    };
    let max_age = format!("public, max-age={}", app.config.keys.jwks_max_age_s);
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_str(&max_age).internal()?);
    headers.insert(ETAG, HeaderValue::from_str(&tag).internal()?);
    Ok(response)
}
