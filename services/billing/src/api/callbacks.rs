//! `/billing/v1/provider/callbacks`: where the payment provider calls back.

use axum::body::Body;
use axum::extract::State as Shared;
use axum::http::HeaderMap;
use serde::Serialize;
use shoal_error::{CommonCode, Error, Result};
use shoal_service::{Json, OpenApiRouter, routes};
use utoipa::ToSchema;

use crate::codes::BillingCode;
use crate::engine::Received;
use crate::module::State;
use crate::provider::callback::{Callback, ID_HEADER, SIGNATURE_HEADER, SignedCallback};

/// Callbacks are small; more is an attack.
const MAX_BODY: usize = 16 * 1024;

pub(super) fn router() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(receive))
}

/// What became of a callback.
#[derive(Debug, Serialize, ToSchema)]
struct ReceivedView {
    /// `settled`, `duplicate` (it came before, or came too late) or `unknown`
    /// (no operation of ours).
    #[schema(example = "settled")]
    result: &'static str,
}

/// Receive a callback of the payment provider.
///
/// Closed to everyone who does not know the shared secret. A repeat is answered
/// 200 and changes nothing.
#[utoipa::path(post, operation_id = "receive_provider_callback", path = "/billing/v1/provider/callbacks", tag = "provider",
    params(
        ("Provider-Signature" = String, Header, description =
            "`t=<unix seconds>,v1=<hex>`: HMAC-SHA256 over `<t>.<id>.<body>`.",
            example = "t=1764000000,v1=3f1d7c5b9a0e4c2d8b6a5f4e3d2c1b0a99887766554433221100ffeeddccbbaa"),
        ("Provider-Callback-Id" = String, Header, description = "The callback's id.",
            example = "cb_1")),
    request_body = Callback,
    responses((status = 200, description = "Taken.", body = ReceivedView)),
    extensions(("x-error-codes" = json!(["billing.callback_signature"]))))]
async fn receive(
    Shared(state): Shared<State>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<ReceivedView>> {
    let body = axum::body::to_bytes(body, MAX_BODY).await.map_err(|_| {
        Error::new(
            CommonCode::PayloadTooLarge,
            format!("A callback has at most {MAX_BODY} bytes."),
        )
    })?;
    let sealed = SignedCallback {
        id: header(&headers, ID_HEADER)?,
        signature: header(&headers, SIGNATURE_HEADER)?,
        body: body.to_vec(),
    };
    let result = match state.engine.receive_callback(&sealed).await? {
        Received::Settled => "settled",
        Received::Duplicate => "duplicate",
        Received::Unknown => "unknown",
    };
    Ok(Json(ReceivedView { result }))
}

fn header(headers: &HeaderMap, name: &str) -> Result<String> {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.map(str::to_owned).ok_or_else(|| {
        let text = format!("The header {name} is missing.");
        Error::new(BillingCode::CallbackSignature, text)
    })
}
