//! Why a payment does not take an event.

use shoal_error::Error;
use shoal_money::Money;

use super::Status;
use crate::codes::BillingCode;
use crate::domain::operation::OperationKind;

/// A move that the rules do not allow. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The payment's status does not allow the operation.
    #[error("A payment that is {status} cannot take a {operation}.")]
    NotAllowed {
        /// What was asked.
        operation: OperationKind,
        /// Where the payment stands.
        status: Status,
    },
    /// More than there is.
    #[error("At most {left} is left to {operation}.")]
    Exceeds {
        /// What was asked.
        operation: OperationKind,
        /// What could be asked.
        left: Money,
    },
    /// Another operation holds the money until the provider answers.
    #[error("A {pending} of this payment awaits the provider's answer.")]
    Pending {
        /// What is awaited.
        pending: OperationKind,
    },
    /// The payment is being undone.
    #[error("The payment is being cancelled.")]
    Cancelling,
    /// An answer to a question that was not asked, or was answered before.
    #[error("No {0} is awaited.")]
    NotAwaited(OperationKind),
}

impl Refusal {
    fn code(&self) -> BillingCode {
        match self {
            Self::NotAllowed {
                operation: OperationKind::Capture,
                ..
            } => BillingCode::NotCapturable,
            Self::NotAllowed {
                operation: OperationKind::Void,
                ..
            } => BillingCode::NotVoidable,
            Self::NotAllowed { .. } => BillingCode::NotRefundable,
            Self::Exceeds {
                operation: OperationKind::Refund,
                ..
            } => BillingCode::ExceedsRefundable,
            Self::Exceeds { .. } => BillingCode::ExceedsCapturable,
            Self::Pending { .. } => BillingCode::OperationPending,
            Self::Cancelling => BillingCode::Cancelling,
            Self::NotAwaited(_) => BillingCode::NotAwaited,
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let error = Self::new(refusal.code(), refusal.to_string());
        match refusal {
            Refusal::Exceeds { left, .. } => {
                error.with_meta("left_minor_units", left.minor_units().to_string())
            }
            _ => error,
        }
    }
}
