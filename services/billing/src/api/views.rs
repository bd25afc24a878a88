//! What clients see of payments.

use serde::{Deserialize, Serialize};
use shoal_money::{Money, MoneyInput};
use utoipa::ToSchema;

use crate::domain::lines::Line;
use crate::domain::operation::{Operation, OperationKind, OperationStatus};
use crate::domain::payment::{Payment, Status};
use crate::domain::request::PaymentRequest;

/// A payment to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "user_id": "usr_01k9zt3m5cq0s6v8x2b4d7f9ha",
    "reference": "ord_01k9zt3m5cq0s6v8x2b4d7f9ha",
    "amount": {"currency": "EUR", "minor_units": 3998},
    "description": "Two fishing rods",
    "lines": [{"description": "Fishing rod", "quantity": 2, "unit_price": {"currency": "EUR", "decimal": "19.99"}}]
}))]
pub(super) struct NewPayment {
    /// The customer who pays.
    #[schema(pattern = "^[!-~]{1,128}$")]
    user_id: String,
    /// What is paid for, such as an order id; 1 to 128 visible ASCII characters.
    #[schema(pattern = "^[!-~]{1,128}$")]
    reference: String,
    /// How much; more than zero.
    amount: MoneyInput,
    /// Text for invoices and statements, at most 200 characters.
    #[serde(default)]
    #[schema(max_length = 200, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$")]
    description: String,
    /// The provider's token of the payment method, `pm_…`; never a card number.
    #[serde(default)]
    #[schema(
        max_length = 67,
        pattern = "^(pm_([a-z_]+|[a-z_]*[0-9]([a-z_]*[0-9]){0,10}[a-z_]*))?$"
    )]
    payment_method: String,
    /// Lines for the invoice, at most 200; they must sum to the amount.
    #[serde(default)]
    #[schema(max_items = 200)]
    lines: Vec<NewLine>,
}

/// A line of the invoice to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewLine {
    /// What is sold, at most 200 characters.
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*[^\\s\\u0000-\\u001f\\u007f-\\u009f][^\\u0000-\\u001f\\u007f-\\u009f]*$"
    )]
    description: String,
    /// How many, at least 1.
    #[schema(value_type = i64, minimum = 1, maximum = 4_294_967_295_u32)]
    quantity: u32,
    /// The price of one, in the currency of the payment.
    unit_price: MoneyInput,
}

impl NewPayment {
    /// The request with its amounts read.
    pub(super) fn parse(self) -> shoal_error::Result<PaymentRequest> {
        let amount = self.amount.parse_positive("/amount")?;
        let lines = self.lines.into_iter().enumerate().map(|(index, line)| {
            let at = format!("/lines/{index}/unit_price");
            Ok(Line {
                description: line.description,
                quantity: line.quantity,
                unit_price: line.unit_price.parse_positive(&at)?,
            })
        });
        Ok(PaymentRequest {
            user_id: self.user_id,
            reference: self.reference,
            amount,
            description: self.description,
            payment_method: self.payment_method,
            lines: lines.collect::<shoal_error::Result<_>>()?,
        })
    }
}

/// How much to capture.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"amount": {"currency": "EUR", "minor_units": 1999}}))]
pub(super) struct CaptureBody {
    /// How much; left out, all that can be captured.
    #[serde(default)]
    pub(super) amount: Option<MoneyInput>,
}

/// How much to give back, and why.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"amount": {"currency": "EUR", "minor_units": 500}, "reason": "Broken tip"}))]
pub(super) struct RefundBody {
    /// How much; left out, all that is left.
    #[serde(default)]
    pub(super) amount: Option<MoneyInput>,
    /// Why, for the credit note; at most 200 characters.
    #[serde(default)]
    #[schema(max_length = 200, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$")]
    pub(super) reason: String,
}

/// A payment.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct PaymentView {
    /// Id, `pay_…`.
    #[schema(example = "pay_01k9zt3m5cq0s6v8x2b4d7f9ha")]
    id: String,
    /// The customer who pays.
    #[schema(example = "usr_01k9zt3m5cq0s6v8x2b4d7f9ha")]
    user_id: String,
    /// What is paid for.
    #[schema(example = "ord_01k9zt3m5cq0s6v8x2b4d7f9ha")]
    reference: String,
    /// Text for documents.
    #[schema(example = "Two fishing rods")]
    description: String,
    /// Where it stands.
    status: Status,
    /// What was asked to be authorized.
    amount: Money,
    /// What is captured so far, before refunds.
    captured: Money,
    /// What is given back so far.
    refunded: Money,
    /// What was authorized and released without capture.
    released: Money,
    /// What can be captured now.
    capturable: Money,
    /// What can be refunded now.
    refundable: Money,
    /// Why it was declined or failed.
    #[schema(required, example = json!(null))]
    decline_reason: Option<String>,
    /// Whether an operation awaits the provider's answer.
    operation_pending: bool,
    /// Whether everything is being undone.
    cancel_requested: bool,
    /// Whether the provider refuses to undo it, so that a person must look at it.
    needs_attention: bool,
    /// Unix milliseconds.
    #[schema(example = 1_763_877_600_000_i64)]
    created_at_ms: i64,
    /// Unix milliseconds.
    #[schema(example = 1_763_877_600_000_i64)]
    updated_at_ms: i64,
}

impl From<Payment> for PaymentView {
    fn from(payment: Payment) -> Self {
        let state = &payment.state;
        Self {
            status: state.status(),
            amount: payment.amount(),
            captured: state.money(state.captured),
            refunded: state.money(state.refunded),
            released: state.money(state.released),
            capturable: state.money(state.capturable()),
            refundable: state.money(state.refundable()),
            decline_reason: state.reason.clone(),
            operation_pending: state.pending().is_some(),
            cancel_requested: state.cancel_requested,
            needs_attention: state.needs_attention(),
            created_at_ms: payment.created_at_ms,
            updated_at_ms: payment.updated_at_ms,
            id: payment.id,
            user_id: payment.user_id,
            reference: payment.reference,
            description: payment.description,
        }
    }
}

/// A payment and what the provider was asked.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PaymentDetail {
    /// The payment.
    #[serde(flatten)]
    pub(super) payment: PaymentView,
    /// Oldest first.
    pub(super) operations: Vec<OperationView>,
}

/// Something that the provider was asked.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OperationView {
    /// Id, `op_…`; the idempotency key towards the provider.
    #[schema(example = "op_01k9zt3m5cq0s6v8x2b4d7f9ha")]
    id: String,
    /// What was asked.
    kind: OperationKind,
    /// With how much.
    amount: Money,
    /// How far it has come.
    status: OperationStatus,
    /// Why it failed.
    #[schema(required, example = json!(null))]
    reason: Option<String>,
    /// The document that it issued.
    #[schema(required, example = "inv_01k9zt3m5cq0s6v8x2b4d7f9ha")]
    document_id: Option<String>,
    /// Unix milliseconds.
    created_at_ms: i64,
}

impl OperationView {
    pub(super) fn new(operation: Operation, payment: &Payment) -> Self {
        Self {
            id: operation.id,
            kind: operation.kind,
            amount: payment.state.money(operation.amount),
            status: operation.status,
            reason: operation.reason,
            document_id: operation.invoice_id,
            created_at_ms: operation.created_at_ms,
        }
    }
}

/// What a capture, void or refund led to.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MovementView {
    /// The payment right after.
    pub(super) payment: PaymentView,
    /// The invoice of a capture or the credit note of a refund.
    #[schema(required, example = "inv_01k9zt3m5cq0s6v8x2b4d7f9ha")]
    pub(super) document_id: Option<String>,
}
