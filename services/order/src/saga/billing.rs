//! Billing, as the sagas see it: three calls, and errors that mean something to
//! the buyer of an order.

use std::future::Future;

use shoal_error::{Error, Kind, Result};
use shoal_money::Money;
use shoal_proto::billing::v1 as pb;
use shoal_proto::billing::v1::billing_service_client::BillingServiceClient;
use shoal_rpc::Channel;
use shoal_saga::Failure;
use tonic::{Response, Status};

use crate::domain::codes::OrderCode;
use crate::domain::orders::Item;

/// Billing's code for a refusal by the payment provider.
const DECLINED: &str = "billing.payment_declined";
/// Billing's code for a refusal of a later operation, such as the capture.
const REFUSED: &str = "billing.provider_refused";
/// Billing's code for a payment that the provider never got to know of.
const FAILED: &str = "billing.payment_failed";
/// Billing's code for a payment with an operation under way.
const PENDING: &str = "billing.operation_pending";
/// Longest line text that billing takes.
const MAX_LINE_TEXT: usize = 200;

/// A client of billing. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Billing(BillingServiceClient<Channel>);

/// What is to be paid.
pub(crate) struct Charge<'a> {
    pub(crate) order_id: &'a str,
    pub(crate) user_id: &'a str,
    pub(crate) total: Money,
    pub(crate) items: &'a [Item],
    pub(crate) payment_method: &'a str,
}

impl Billing {
    pub(crate) fn new(channel: Channel) -> Self {
        Self(BillingServiceClient::new(channel))
    }

    /// Reserves the money; gives the payment's id.
    pub(crate) async fn authorize(&self, key: &str, charge: Charge<'_>) -> Result<String, Failure> {
        let request = pb::AuthorizeRequest {
            idempotency_key: key.to_owned(),
            user_id: charge.user_id.to_owned(),
            reference: charge.order_id.to_owned(),
            amount: Some(charge.total.into()),
            description: format!("Order {}", charge.order_id),
            payment_method: charge.payment_method.to_owned(),
            lines: charge.items.iter().map(invoice_line).collect(),
        };
        let answer = call(self.0.clone().authorize(request))
            .await
            .map_err(for_the_buyer)?;
        let payment = answer.payment.filter(|payment| !payment.id.is_empty());
        payment.map(|payment| payment.id).ok_or_else(nonsense)
    }

    /// Takes the reserved money.
    pub(crate) async fn capture(&self, key: &str, payment_id: &str) -> Result<(), Failure> {
        let request = pb::CaptureRequest {
            idempotency_key: key.to_owned(),
            payment_id: payment_id.to_owned(),
            amount: None,
        };
        call(self.0.clone().capture(request))
            .await
            .map_err(for_the_buyer)?;
        Ok(())
    }

    /// Gives back whatever was paid for an order, and bars later payments for it.
    /// Succeeds when there is nothing to give back. The error is billing's own.
    pub(crate) async fn give_back(&self, order_id: &str, reason: &str) -> Result<()> {
        let request = pb::CancelByReferenceRequest {
            reference: order_id.to_owned(),
            reason: reason.chars().take(MAX_LINE_TEXT).collect(),
        };
        // When it is not settled yet, billing has the intention on record and
        // carries it out by itself.
        call(self.0.clone().cancel_by_reference(request)).await?;
        Ok(())
    }
}

async fn call<T>(call: impl Future<Output = Result<Response<T>, Status>>) -> Result<T> {
    shoal_rpc::call(call).await
}

fn invoice_line(item: &Item) -> pb::InvoiceLine {
    pb::InvoiceLine {
        description: item.name.chars().take(MAX_LINE_TEXT).collect(),
        // At most the configured limit per line, which is far below.
        quantity: u32::try_from(item.quantity).unwrap_or(u32::MAX),
        unit_price: Some(item.unit_price.into()),
    }
}

/// What a failure of billing means to who places an order. Whether trying again
/// helps, and whether something may have happened, is judged by the cause.
fn for_the_buyer(error: Error) -> Failure {
    let never_sent = shoal_rpc::was_never_sent(&error);
    let judged = match error.code() {
        PENDING => Failure::transient(error),
        _ => Failure::from(error),
    };
    let transient = judged.is_transient();
    let error = judged.into_error();
    let meaning = if [DECLINED, REFUSED].contains(&error.code()) {
        let meta = error.meta();
        let reason = meta.get("decline_reason").or_else(|| meta.get("reason"));
        let reason = reason.cloned().unwrap_or_default();
        Error::new(OrderCode::PaymentDeclined, "The payment was declined.")
            .with_meta("decline_reason", reason)
    } else if transient || error.code() == FAILED {
        Error::new(
            OrderCode::PaymentUnavailable,
            "Billing did not answer in time.",
        )
    } else if error.kind() == Kind::PaymentRequired {
        Error::new(OrderCode::PaymentDeclined, error.message().to_owned())
    } else {
        let text = format!("Billing refused the payment: {}", error.message());
        Error::new(OrderCode::PaymentInvalid, text).with_meta("billing_code", error.code())
    };
    let meaning = meaning.with_source(error);
    match (transient, never_sent) {
        // Nobody was there to take the money, so nobody needs to give it back.
        (true, true) => Failure::transient(meaning).without_effect(),
        (true, false) => Failure::transient(meaning),
        (false, _) => Failure::permanent(meaning),
    }
}

fn nonsense() -> Failure {
    let text = "Billing answered without a payment.";
    Failure::transient(Error::new(OrderCode::PaymentUnavailable, text))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use shoal_error::CommonCode;

    fn status(code: &'static str, kind: Kind) -> Error {
        let spec = shoal_error::CodeSpec {
            id: code,
            kind,
            title: "",
            action: "",
        };
        Error::from_spec(&spec, "no").with_meta("decline_reason", "insufficient_funds")
    }

    #[test]
    fn a_decline_keeps_its_reason_and_is_final() {
        let failure = for_the_buyer(status(DECLINED, Kind::PaymentRequired));
        assert!(failure.error().is(OrderCode::PaymentDeclined) && !failure.is_transient());
        assert_eq!(
            failure.error().meta()["decline_reason"],
            "insufficient_funds"
        );
    }

    #[test]
    fn a_capture_that_the_provider_refuses_is_a_decline_too() {
        let failure = for_the_buyer(status(REFUSED, Kind::Unprocessable));
        assert!(failure.error().is(OrderCode::PaymentDeclined) && !failure.is_transient());
        let pending = for_the_buyer(status(PENDING, Kind::Conflict));
        assert!(pending.is_transient());
    }

    #[test]
    fn an_unknown_outcome_is_tried_again() {
        let failure = for_the_buyer(status("billing.outcome_unknown", Kind::Unavailable));
        assert!(failure.error().is(OrderCode::PaymentUnavailable) && failure.is_transient());
        let in_flight = for_the_buyer(Error::new(CommonCode::IdempotencyInFlight, "wait"));
        assert!(in_flight.is_transient());
    }

    #[test]
    fn a_payment_method_that_is_none_is_the_callers_fault() {
        let failure = for_the_buyer(Error::new(CommonCode::InvalidField, "no such method"));
        assert!(failure.error().is(OrderCode::PaymentInvalid) && !failure.is_transient());
    }
}
