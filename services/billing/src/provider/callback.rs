//! Callbacks: how a provider tells later what became of an operation.
//!
//! `POST /billing/v1/provider/callbacks` with the JSON of [`Callback`] and a
//! `Provider-Signature` header in the platform's webhook scheme
//! (`t=<unix seconds>,v1=<hex>` over `<t>.<id>.<body>`). The callback's id is
//! inside the signed body and signed once more beside it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use shoal_error::{CommonCode, Error, Result};
use shoal_webhook::signature::{Secret, sign, verify};

use super::Answer;
use crate::codes::BillingCode;

/// Header with the signature.
pub const SIGNATURE_HEADER: &str = "provider-signature";
/// Header with the callback's id.
pub const ID_HEADER: &str = "provider-callback-id";

/// How old a callback may be. Providers repeat for minutes, not for days.
const TOLERANCE: Duration = Duration::from_secs(300);

/// What a provider tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(example = json!({"id": "cb_1", "operation": "op_01k9zt3m5cq0s6v8x2b4d7f9ha", "outcome": "approved"}))]
pub struct Callback {
    /// The provider's id of this callback; a repeat has the same.
    pub id: String,
    /// Our id of the operation.
    pub operation: String,
    /// What became of it.
    pub outcome: CallbackOutcome,
    /// Why it was declined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What became of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallbackOutcome {
    /// It is done.
    Approved,
    /// It will not be done.
    Declined,
}

impl CallbackOutcome {
    /// Name in rows.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Declined => "declined",
        }
    }
}

impl Callback {
    /// The same as an answer.
    pub fn answer(&self) -> Answer {
        match self.outcome {
            CallbackOutcome::Approved => Answer::Approved,
            CallbackOutcome::Declined => {
                Answer::Declined(self.reason.clone().unwrap_or_else(|| "declined".to_owned()))
            }
        }
    }
}

/// A callback as it travels.
#[derive(Clone, Debug)]
pub struct SignedCallback {
    /// Value of [`ID_HEADER`].
    pub id: String,
    /// Value of [`SIGNATURE_HEADER`].
    pub signature: String,
    /// The body, exactly as signed.
    pub body: Vec<u8>,
}

impl SignedCallback {
    /// Signs a callback at `now_ms`.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn seal(callback: &Callback, secret: &Secret, now_ms: i64) -> Result<Self> {
        let body = serde_json::to_vec(callback).map_err(Error::internal)?;
        let signature = sign(
            std::slice::from_ref(secret),
            now_ms / 1000,
            &callback.id,
            &body,
        );
        Ok(Self {
            id: callback.id.clone(),
            signature,
            body,
        })
    }

    /// The callback, when the signature is right and recent.
    ///
    /// # Errors
    /// `billing.callback_signature`; `common.malformed_body` for a signed body
    /// that is no callback.
    pub fn open(&self, secret: &Secret, now_ms: i64) -> Result<Callback> {
        let secrets = std::slice::from_ref(secret);
        verify(
            secrets,
            &self.signature,
            &self.id,
            &self.body,
            now_ms / 1000,
            TOLERANCE,
        )
        .map_err(|fault| refused(&fault.to_string()))?;
        let callback: Callback = serde_json::from_slice(&self.body).map_err(|fault| {
            Error::new(
                CommonCode::MalformedBody,
                format!("Not a provider callback: {fault}"),
            )
        })?;
        if callback.id != self.id {
            return Err(refused("the id in the body is not the id in the header"));
        }
        Ok(callback)
    }
}

fn refused(why: &str) -> Error {
    Error::new(
        BillingCode::CallbackSignature,
        format!("The callback was refused: {why}."),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    const NOW: i64 = 1_700_000_000_000;

    fn callback() -> Callback {
        Callback {
            id: "cb_1".into(),
            operation: "op_1".into(),
            outcome: CallbackOutcome::Approved,
            reason: None,
        }
    }

    fn secret() -> Secret {
        Secret::from_text("whsec_test")
    }

    #[test]
    fn a_sealed_callback_opens_with_the_same_secret_for_five_minutes() {
        let sealed = SignedCallback::seal(&callback(), &secret(), NOW).unwrap();
        assert_eq!(sealed.open(&secret(), NOW + 300_000).unwrap(), callback());
        let late = sealed.open(&secret(), NOW + 301_000).unwrap_err();
        assert_eq!(late.code(), "billing.callback_signature");
        assert!(sealed.open(&Secret::from_text("other"), NOW).is_err());
    }

    #[test]
    fn an_altered_body_or_id_does_not_open() {
        let sealed = SignedCallback::seal(&callback(), &secret(), NOW).unwrap();
        let altered = SignedCallback {
            body: sealed.body.iter().rev().copied().collect(),
            ..sealed.clone()
        };
        assert!(altered.open(&secret(), NOW).is_err());
        assert!(
            SignedCallback {
                id: "cb_2".into(),
                ..sealed
            }
            .open(&secret(), NOW)
            .is_err()
        );
    }

    #[test]
    fn a_signed_body_that_is_no_callback_is_malformed() {
        let body = b"{}".to_vec();
        let signature = sign(&[secret()], NOW / 1000, "cb_1", &body);
        let sealed = SignedCallback {
            id: "cb_1".into(),
            signature,
            body,
        };
        assert_eq!(
            sealed.open(&secret(), NOW).unwrap_err().code(),
            "common.malformed_body"
        );
    }
}
