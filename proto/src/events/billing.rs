//! What billing announces.
//!
//! Every amount is a pair of an ISO 4217 code and minor units, so that a reader
//! needs no knowledge of the currency to add two of them up. The subject of
//! every event is the payment, so one payment's events arrive in their order.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An amount of money in an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EventMoney {
    /// ISO 4217 alphabetic code, upper case.
    pub currency: String,
    /// Amount in the currency's minor unit (cents for EUR, yen for JPY).
    pub minor_units: i64,
}

/// Money of a customer was reserved at the payment provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentAuthorizedV1 {
    /// The payment, `pay_…`.
    pub payment_id: String,
    /// The customer, `usr_…`.
    pub user_id: String,
    /// What is paid for (an order id).
    pub reference: String,
    /// What was reserved.
    pub amount: EventMoney,
}

/// Reserved money was taken, in whole or in part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentCapturedV1 {
    /// The payment, `pay_…`.
    pub payment_id: String,
    /// The customer, `usr_…`.
    pub user_id: String,
    /// What is paid for (an order id).
    pub reference: String,
    /// What this capture took.
    pub amount: EventMoney,
    /// What all captures of the payment took together.
    pub captured_total: EventMoney,
    /// The invoice that the capture issued, `inv_…`.
    pub invoice_id: String,
}

/// Reserved money was released without being taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentVoidedV1 {
    /// The payment, `pay_…`.
    pub payment_id: String,
    /// The customer, `usr_…`.
    pub user_id: String,
    /// What is paid for (an order id).
    pub reference: String,
    /// What was released.
    pub amount: EventMoney,
}

/// Taken money was given back, in whole or in part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentRefundedV1 {
    /// The payment, `pay_…`.
    pub payment_id: String,
    /// The customer, `usr_…`.
    pub user_id: String,
    /// What is paid for (an order id).
    pub reference: String,
    /// What this refund gave back.
    pub amount: EventMoney,
    /// What all refunds of the payment gave back together.
    pub refunded_total: EventMoney,
    /// The credit note that the refund issued, `inv_…`.
    pub credit_note_id: String,
    /// Why, as the caller said; may be empty.
    pub reason: String,
}

/// An operation on a payment came to nothing: the provider declined it, or could not be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentFailedV1 {
    /// The payment, `pay_…`.
    pub payment_id: String,
    /// The customer, `usr_…`.
    pub user_id: String,
    /// What is paid for (an order id).
    pub reference: String,
    /// Which operation failed: `authorize`, `capture`, `void` or `refund`.
    pub operation: String,
    /// What the operation was about.
    pub amount: EventMoney,
    /// The provider's reason, such as `insufficient_funds`.
    pub reason: String,
}

/// An invoice or a credit note was issued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InvoiceIssuedV1 {
    /// The document, `inv_…`.
    pub invoice_id: String,
    /// Its number in the issuer's unbroken series.
    pub number: String,
    /// `invoice` or `credit_note`.
    pub kind: String,
    /// The customer, `usr_…`.
    pub user_id: String,
    /// The payment that it documents, `pay_…`.
    pub payment_id: String,
    /// What is paid for (an order id).
    pub reference: String,
    /// Its total; positive for credit notes too.
    pub total: EventMoney,
}

super::events! {
    PaymentAuthorizedV1 = "billing.payment_authorized.v1", payment_id;
    PaymentCapturedV1 = "billing.payment_captured.v1", payment_id;
    PaymentVoidedV1 = "billing.payment_voided.v1", payment_id;
    PaymentRefundedV1 = "billing.payment_refunded.v1", payment_id;
    PaymentFailedV1 = "billing.payment_failed.v1", payment_id;
    InvoiceIssuedV1 = "billing.invoice_issued.v1", payment_id;
}
