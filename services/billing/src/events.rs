//! What billing announces: on the bus through the outbox, and to webhooks.
//! Both are queued in the transaction that makes the thing true.

use shoal_error::{Error, Result, ResultExt as _};
use shoal_proto::events::Event;
use shoal_proto::events::billing::{
    EventMoney, InvoiceIssuedV1, PaymentAuthorizedV1, PaymentCapturedV1, PaymentFailedV1,
    PaymentRefundedV1, PaymentVoidedV1,
};
use shoal_store::{Tx, outbox};
use shoal_webhook::{WebhookEvent, Webhooks};

use crate::domain::operation::{Operation, OperationKind};
use crate::domain::payment::{Announcement, Payment};

/// Events that webhooks can subscribe to.
pub const WEBHOOK_EVENTS: &[&str] = &[
    PaymentAuthorizedV1::TYPE,
    PaymentCapturedV1::TYPE,
    PaymentVoidedV1::TYPE,
    PaymentRefundedV1::TYPE,
    PaymentFailedV1::TYPE,
    InvoiceIssuedV1::TYPE,
];

/// Owner of the webhooks that hear of everybody's payments; administrators
/// manage them.
pub const PLATFORM_OWNER: &str = "platform";

/// Announces what happened to a payment.
pub(crate) async fn announce(
    tx: &mut Tx,
    webhooks: &Webhooks,
    payment: &Payment,
    operation: &Operation,
    what: &Announcement,
) -> Result<()> {
    let owner = payment.user_id.as_str();
    match what {
        Announcement::CameToNothing(kind, amount, reason) => {
            publish(
                tx,
                webhooks,
                owner,
                &failed(payment, *kind, *amount, reason),
            )
            .await
        }
        Announcement::Done(OperationKind::Authorize, amount) => {
            publish(tx, webhooks, owner, &authorized(payment, *amount)).await
        }
        Announcement::Done(OperationKind::Void, amount) => {
            publish(tx, webhooks, owner, &voided(payment, *amount)).await
        }
        Announcement::Done(OperationKind::Capture, amount) => {
            let event = captured(payment, *amount, document(operation)?);
            publish(tx, webhooks, owner, &event).await
        }
        Announcement::Done(OperationKind::Refund, amount) => {
            let event = refunded(payment, *amount, document(operation)?, &operation.note);
            publish(tx, webhooks, owner, &event).await
        }
    }
}

/// Queues one event for the bus, the customer's webhooks and the platform's.
pub(crate) async fn publish<E: Event>(
    tx: &mut Tx,
    webhooks: &Webhooks,
    owner: &str,
    event: &E,
) -> Result<()> {
    let id = outbox::publish(tx, event).await?;
    let event = WebhookEvent {
        id,
        kind: E::TYPE.to_owned(),
        occurred_at_ms: tx.now_ms(),
        data: serde_json::to_value(event).internal()?,
    };
    webhooks.enqueue(tx, owner, &event).await?;
    webhooks.enqueue(tx, PLATFORM_OWNER, &event).await?;
    Ok(())
}

fn document(operation: &Operation) -> Result<String> {
    operation
        .invoice_id
        .clone()
        .ok_or_else(|| Error::internal("a movement without document"))
}

fn authorized(payment: &Payment, amount: i64) -> PaymentAuthorizedV1 {
    PaymentAuthorizedV1 {
        payment_id: payment.id.clone(),
        user_id: payment.user_id.clone(),
        reference: payment.reference.clone(),
        amount: money(payment, amount),
    }
}

fn captured(payment: &Payment, amount: i64, invoice_id: String) -> PaymentCapturedV1 {
    PaymentCapturedV1 {
        payment_id: payment.id.clone(),
        user_id: payment.user_id.clone(),
        reference: payment.reference.clone(),
        amount: money(payment, amount),
        captured_total: money(payment, payment.state.captured),
        invoice_id,
    }
}

fn voided(payment: &Payment, amount: i64) -> PaymentVoidedV1 {
    PaymentVoidedV1 {
        payment_id: payment.id.clone(),
        user_id: payment.user_id.clone(),
        reference: payment.reference.clone(),
        amount: money(payment, amount),
    }
}

fn refunded(
    payment: &Payment,
    amount: i64,
    credit_note_id: String,
    reason: &str,
) -> PaymentRefundedV1 {
    PaymentRefundedV1 {
        payment_id: payment.id.clone(),
        user_id: payment.user_id.clone(),
        reference: payment.reference.clone(),
        amount: money(payment, amount),
        refunded_total: money(payment, payment.state.refunded),
        credit_note_id,
        reason: reason.to_owned(),
    }
}

fn failed(payment: &Payment, kind: OperationKind, amount: i64, reason: &str) -> PaymentFailedV1 {
    PaymentFailedV1 {
        payment_id: payment.id.clone(),
        user_id: payment.user_id.clone(),
        reference: payment.reference.clone(),
        operation: kind.as_str().to_owned(),
        amount: money(payment, amount),
        reason: reason.to_owned(),
    }
}

fn money(payment: &Payment, minor_units: i64) -> EventMoney {
    payment.state.money(minor_units).into()
}
