//! What a request is answered.

use std::time::Duration;

use shoal_error::{Error, Result};

use crate::codes::BillingCode;
use crate::domain::operation::{Operation, OperationKind, OperationStatus};
use crate::domain::payment::{Payment, Phase};
use crate::provider::ProviderError;

/// How a request ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It is done.
    Done(Done),
    /// The provider's answer is not known yet.
    Pending(Pending),
}

/// A request that is done.
#[derive(Clone, Debug)]
pub struct Done {
    /// The payment as it was right after.
    pub payment: Payment,
    /// The invoice or credit note that was issued.
    pub document_id: Option<String>,
}

/// A request whose outcome is awaited.
#[derive(Clone, Debug)]
pub struct Pending {
    /// The payment as it is.
    pub payment: Payment,
    /// Whether it is certain that the provider has not heard of it.
    pub unreachable: bool,
}

impl Outcome {
    /// The answer to a settled operation: now, and to every repeat.
    pub(crate) fn of_settled(operation: &Operation, payment: Payment) -> Result<Self> {
        let reason = || {
            operation
                .reason
                .clone()
                .unwrap_or_else(|| "unknown".to_owned())
        };
        let document_id = operation.invoice_id.clone();
        match (operation.kind, operation.status) {
            (_, OperationStatus::Pending) => Ok(Self::Pending(Pending {
                payment,
                unreachable: false,
            })),
            (OperationKind::Authorize, OperationStatus::Failed) => {
                Err(not_authorized(&payment, &reason()))
            }
            (kind, OperationStatus::Failed) => Err(refused(kind, &payment, &reason())),
            (OperationKind::Authorize, _) if payment.state.cancel_requested => {
                Err(reference_cancelled(&payment.reference).with_meta("payment_id", payment.id))
            }
            _ => Ok(Self::Done(Done {
                payment,
                document_id,
            })),
        }
    }

    /// The done request, or the error that says it is not known.
    ///
    /// # Errors
    /// `billing.outcome_unknown`, `billing.provider_unavailable`.
    pub fn known(self) -> Result<Done> {
        match self {
            Self::Done(done) => Ok(done),
            Self::Pending(pending) => Err(pending.into()),
        }
    }
}

impl From<Pending> for Error {
    fn from(pending: Pending) -> Self {
        let error = if pending.unreachable {
            Self::new(
                BillingCode::ProviderUnavailable,
                "The payment provider cannot be reached.",
            )
        } else {
            Self::new(
                BillingCode::OutcomeUnknown,
                "The payment provider has not answered yet.",
            )
        };
        error
            .with_meta("payment_id", pending.payment.id)
            .with_retry_after(Duration::from_secs(1))
    }
}

/// The error for a reference under which nothing more can be paid.
pub(crate) fn reference_cancelled(reference: &str) -> Error {
    let text = format!("Nothing more can be paid under {reference:?}.");
    Error::new(BillingCode::ReferenceCancelled, text).with_meta("reference", reference)
}

/// Whether an error says that the provider was not reached.
pub(crate) fn is_unreachable(error: &ProviderError) -> bool {
    matches!(error, ProviderError::Unreachable)
}

fn not_authorized(payment: &Payment, reason: &str) -> Error {
    let error = if payment.state.phase == Phase::Declined {
        Error::new(
            BillingCode::PaymentDeclined,
            "The payment provider declined the payment.",
        )
    } else {
        Error::new(
            BillingCode::PaymentFailed,
            "The payment provider was never reached.",
        )
    };
    error
        .with_meta("payment_id", payment.id.as_str())
        .with_meta("decline_reason", reason)
}

fn refused(kind: OperationKind, payment: &Payment, reason: &str) -> Error {
    let text = format!("The payment provider refused the {kind}: {reason}.");
    Error::new(BillingCode::ProviderRefused, text)
        .with_meta("payment_id", payment.id.as_str())
        .with_meta("reason", reason)
}
