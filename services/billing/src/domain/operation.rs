//! What can be asked of the payment provider.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A kind of call that moves or reserves money at the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OperationKind {
    /// Reserve money.
    Authorize,
    /// Take reserved money.
    Capture,
    /// Release reserved money.
    Void,
    /// Give taken money back.
    Refund,
}

impl OperationKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Authorize, Self::Capture, Self::Void, Self::Refund];

    /// Name in rows, events and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Authorize => "authorize",
            Self::Capture => "capture",
            Self::Void => "void",
            Self::Refund => "refund",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for OperationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How far an operation has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OperationStatus {
    /// The provider's answer is not known.
    Pending,
    /// The provider did it.
    Succeeded,
    /// The provider refused, or never got to know of it. Nothing happened.
    Failed,
}

impl OperationStatus {
    /// Name in rows.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }

    /// The status of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Pending, Self::Succeeded, Self::Failed]
            .into_iter()
            .find(|s| s.as_str() == name)
    }
}

/// One thing that the provider was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Id, `op_…`: the idempotency key towards the provider.
    pub id: String,
    /// Which payment it is about.
    pub payment_id: String,
    /// What was asked.
    pub kind: OperationKind,
    /// With how many minor units of the payment's currency.
    pub amount: i64,
    /// How far it has come.
    pub status: OperationStatus,
    /// The caller's words, for documents; may be empty.
    pub note: String,
    /// Why it failed.
    pub reason: Option<String>,
    /// The document that it issued.
    pub invoice_id: Option<String>,
    /// The caller's key and request, for those that came with a key.
    pub key: Option<RequestKey>,
    /// How often the provider was asked in vain.
    pub attempts: i64,
    /// Until when somebody works on it, Unix milliseconds.
    pub lease_until_ms: i64,
    /// When the provider was last asked to do it, Unix milliseconds.
    pub asked_at_ms: i64,
    /// When it was asked for, Unix milliseconds.
    pub created_at_ms: i64,
}

/// The caller's idempotency key, with what tells one request from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestKey {
    /// Separates the keys of callers and methods.
    pub scope: String,
    /// The key.
    pub key: String,
    /// Digest of the request.
    pub fingerprint: String,
}
