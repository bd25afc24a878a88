//! gRPC over the same engine as HTTP. The server stack has let only callers with
//! the mesh secret through: other services of the platform.

use shoal_error::{Error, Result};
use shoal_money::Money;
use shoal_proto::billing::v1 as pb;
use shoal_proto::billing::v1::billing_service_server::BillingService;
use tonic::{Request, Response, Status};

use crate::domain::lines::Line;
use crate::domain::payment::{self, Payment};
use crate::domain::request::PaymentRequest;
use crate::engine::{Caller, Engine, Viewer};

/// The service.
#[derive(Clone, Debug)]
pub(crate) struct BillingRpc(pub(crate) Engine);

#[tonic::async_trait]
impl BillingService for BillingRpc {
    async fn authorize(
        &self,
        request: Request<pb::AuthorizeRequest>,
    ) -> Result<Response<pb::AuthorizeResponse>, Status> {
        let request = request.into_inner();
        let caller = caller(&request.idempotency_key);
        let done = self.0.authorize(caller, parse(request)?).await?.known()?;
        Ok(Response::new(pb::AuthorizeResponse {
            payment: Some(render(done.payment)),
        }))
    }

    async fn capture(
        &self,
        request: Request<pb::CaptureRequest>,
    ) -> Result<Response<pb::CaptureResponse>, Status> {
        let request = request.into_inner();
        let caller = caller(&request.idempotency_key);
        let amount = optional(request.amount)?;
        let done = self
            .0
            .capture(caller, &request.payment_id, amount)
            .await?
            .known()?;
        Ok(Response::new(pb::CaptureResponse {
            payment: Some(render(done.payment)),
            invoice_id: done.document_id.unwrap_or_default(),
        }))
    }

    async fn void(
        &self,
        request: Request<pb::VoidRequest>,
    ) -> Result<Response<pb::VoidResponse>, Status> {
        let request = request.into_inner();
        let caller = caller(&request.idempotency_key);
        let done = self.0.void(caller, &request.payment_id).await?.known()?;
        Ok(Response::new(pb::VoidResponse {
            payment: Some(render(done.payment)),
        }))
    }

    async fn refund(
        &self,
        request: Request<pb::RefundRequest>,
    ) -> Result<Response<pb::RefundResponse>, Status> {
        let request = request.into_inner();
        let caller = caller(&request.idempotency_key);
        let (id, amount) = (&request.payment_id, optional(request.amount)?);
        let done = self
            .0
            .refund(caller, id, amount, &request.reason)
            .await?
            .known()?;
        Ok(Response::new(pb::RefundResponse {
            payment: Some(render(done.payment)),
            credit_note_id: done.document_id.unwrap_or_default(),
        }))
    }

    async fn cancel_by_reference(
        &self,
        request: Request<pb::CancelByReferenceRequest>,
    ) -> Result<Response<pb::CancelByReferenceResponse>, Status> {
        let request = request.into_inner();
        let cancelled = self
            .0
            .cancel_by_reference(&request.reference, &request.reason)
            .await?;
        Ok(Response::new(pb::CancelByReferenceResponse {
            payments: cancelled.payments.into_iter().map(render).collect(),
            settled: cancelled.settled,
        }))
    }

    async fn get_payment(
        &self,
        request: Request<pb::GetPaymentRequest>,
    ) -> Result<Response<pb::GetPaymentResponse>, Status> {
        let id = request.into_inner().payment_id;
        let (payment, _) = self.0.payment(&Viewer::Everything, &id).await?;
        Ok(Response::new(pb::GetPaymentResponse {
            payment: Some(render(payment)),
        }))
    }

    async fn list_payments_by_reference(
        &self,
        request: Request<pb::ListPaymentsByReferenceRequest>,
    ) -> Result<Response<pb::ListPaymentsByReferenceResponse>, Status> {
        let payments = self
            .0
            .payments_by_reference(&request.into_inner().reference)
            .await?;
        let payments = payments.into_iter().map(render).collect();
        Ok(Response::new(pb::ListPaymentsByReferenceResponse {
            payments,
        }))
    }
}

/// Other services share one space of keys: theirs hold saga or order ids.
fn caller(key: &str) -> Caller {
    Caller {
        scope: "rpc".to_owned(),
        key: key.to_owned(),
    }
}

fn parse(request: pb::AuthorizeRequest) -> Result<PaymentRequest> {
    let lines = request.lines.into_iter().enumerate().map(|(index, line)| {
        let at = format!("/lines/{index}/unit_price");
        let unit_price = required(line.unit_price, &at)?;
        Ok(Line {
            description: line.description,
            quantity: line.quantity,
            unit_price,
        })
    });
    Ok(PaymentRequest {
        lines: lines.collect::<Result<_>>()?,
        amount: required(request.amount, "/amount")?,
        user_id: request.user_id,
        reference: request.reference,
        description: request.description,
        payment_method: request.payment_method,
    })
}

fn required(money: Option<shoal_proto::common::v1::Money>, field: &str) -> Result<Money> {
    let money = money.ok_or_else(|| Error::invalid_field(field, "is missing"))?;
    Money::try_from(money)
        .and_then(Money::positive)
        .map_err(|fault| fault.at(field))
}

fn optional(money: Option<shoal_proto::common::v1::Money>) -> Result<Option<Money>> {
    money
        .map(|money| required(Some(money), "/amount"))
        .transpose()
}

fn render(payment: Payment) -> pb::Payment {
    let state = &payment.state;
    let money = |units| Some(state.money(units).into());
    pb::Payment {
        status: status(state.status()).into(),
        amount: money(state.amount),
        captured: money(state.captured),
        refunded: money(state.refunded),
        released: money(state.released),
        capturable: money(state.capturable()),
        refundable: money(state.refundable()),
        decline_reason: state.reason.clone().unwrap_or_default(),
        operation_pending: state.pending().is_some(),
        created_at_ms: payment.created_at_ms,
        updated_at_ms: payment.updated_at_ms,
        id: payment.id,
        user_id: payment.user_id,
        reference: payment.reference,
    }
}

fn status(status: payment::Status) -> pb::PaymentStatus {
    use payment::Status;
    match status {
        Status::Authorizing => pb::PaymentStatus::Authorizing,
        Status::Authorized => pb::PaymentStatus::Authorized,
        Status::PartiallyCaptured => pb::PaymentStatus::PartiallyCaptured,
        Status::Captured => pb::PaymentStatus::Captured,
        Status::PartiallyRefunded => pb::PaymentStatus::PartiallyRefunded,
        Status::Refunded => pb::PaymentStatus::Refunded,
        Status::Voided => pb::PaymentStatus::Voided,
        Status::Declined => pb::PaymentStatus::Declined,
        Status::Failed => pb::PaymentStatus::Failed,
    }
}
