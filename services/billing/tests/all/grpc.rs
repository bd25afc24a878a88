//! The same engine through gRPC, as the order service speaks to it.

use futures::future::join_all;
use serde_json::json;
use shoal_error::Error;
use shoal_proto::billing::v1 as pb;
use shoal_proto::billing::v1::billing_service_client::BillingServiceClient;
use shoal_proto::common::v1::Money;
use shoal_testkit::TestDb;

use super::support::{Desk, impatient};

fn eur(units: i64) -> Option<Money> {
    Some(Money {
        currency: "EUR".into(),
        minor_units: units,
    })
}

fn authorize(key: &str, reference: &str, units: i64) -> pb::AuthorizeRequest {
    pb::AuthorizeRequest {
        idempotency_key: key.into(),
        user_id: "usr_1".into(),
        reference: reference.into(),
        amount: eur(units),
        ..pb::AuthorizeRequest::default()
    }
}

fn code(status: tonic::Status) -> String {
    Error::from_status(status).code().to_owned()
}

#[tokio::test]
async fn an_order_is_paid_and_refunded_over_grpc() {
    for db in TestDb::all().await {
        let desk = Desk::open(&db).await;
        let mut client = BillingServiceClient::new(desk.service.grpc_channel());
        let mut request = authorize("a", "ord_1", 3_998);
        request.lines = vec![pb::InvoiceLine {
            description: "Fishing rod".into(),
            quantity: 2,
            unit_price: eur(1_999),
        }];
        let payment = client
            .authorize(request.clone())
            .await
            .unwrap()
            .into_inner()
            .payment
            .unwrap();
        assert_eq!(payment.status(), pb::PaymentStatus::Authorized);
        assert_eq!(payment.capturable, eur(3_998));
        let again = client
            .authorize(request)
            .await
            .unwrap()
            .into_inner()
            .payment
            .unwrap();
        assert_eq!(again, payment);

        let capture = pb::CaptureRequest {
            idempotency_key: "c".into(),
            payment_id: payment.id.clone(),
            amount: None,
        };
        let captured = client.capture(capture.clone()).await.unwrap().into_inner();
        assert_eq!(
            captured.payment.as_ref().unwrap().status(),
            pb::PaymentStatus::Captured
        );
        assert!(captured.invoice_id.starts_with("inv_"));
        assert_eq!(
            client.capture(capture).await.unwrap().into_inner(),
            captured
        );

        let refund = pb::RefundRequest {
            idempotency_key: "r".into(),
            payment_id: payment.id.clone(),
            amount: eur(1_000),
            reason: "Scratched".into(),
        };
        let refunded = client.refund(refund).await.unwrap().into_inner();
        assert!(refunded.credit_note_id.starts_with("inv_"));
        let get = pb::GetPaymentRequest {
            payment_id: payment.id.clone(),
        };
        let read = client
            .get_payment(get)
            .await
            .unwrap()
            .into_inner()
            .payment
            .unwrap();
        assert_eq!(read.refundable, eur(2_998));
        let list = pb::ListPaymentsByReferenceRequest {
            reference: "ord_1".into(),
        };
        let list = client
            .list_payments_by_reference(list)
            .await
            .unwrap()
            .into_inner();
        assert_eq!(list.payments, [read]);
        desk.assert_balanced().await;
        desk.close().await;
    }
}

#[tokio::test]
async fn errors_keep_their_codes_over_grpc() {
    for db in TestDb::all().await {
        let desk = Desk::open(&db).await;
        let mut client = BillingServiceClient::new(desk.service.grpc_channel());
        let declined = client
            .authorize(authorize("a", "ord_1", 666_601))
            .await
            .unwrap_err();
        assert_eq!(declined.code(), tonic::Code::FailedPrecondition);
        let error = Error::from_status(declined);
        assert_eq!(error.code(), "billing.payment_declined");
        assert_eq!(error.meta()["decline_reason"], "insufficient_funds");
        assert!(error.meta()["payment_id"].starts_with("pay_"));

        let refused = [
            (authorize("b", "ord_1", 0), "money.not_positive"),
            (
                authorize("b", "ord_1", i64::MAX),
                "billing.amount_too_large",
            ),
            (authorize("", "ord_1", 5), "common.idempotency_key_missing"),
            (
                authorize("a b", "ord_1", 5),
                "common.idempotency_key_invalid",
            ),
            (authorize("b", "", 5), "common.invalid_field"),
            (
                pb::AuthorizeRequest {
                    amount: None,
                    ..authorize("b", "ord_1", 5)
                },
                "common.invalid_field",
            ),
            (
                authorize("a", "ord_2", 666_601),
                "common.idempotency_key_reused",
            ),
        ];
        for (request, expected) in refused {
            assert_eq!(code(client.authorize(request).await.unwrap_err()), expected);
        }
        let foreign = Money {
            currency: "???".into(),
            minor_units: 5,
        };
        let request = pb::AuthorizeRequest {
            amount: Some(foreign),
            ..authorize("b", "ord_1", 5)
        };
        assert_eq!(
            code(client.authorize(request).await.unwrap_err()),
            "money.unknown_currency"
        );
        let missing = pb::GetPaymentRequest {
            payment_id: "pay_x".into(),
        };
        assert_eq!(
            code(client.get_payment(missing).await.unwrap_err()),
            "common.not_found"
        );
        desk.close().await;
    }
}

#[tokio::test]
async fn an_unknown_outcome_is_unavailable_until_it_is_known() {
    for db in TestDb::all().await {
        let desk = Desk::with(&db, impatient).await;
        let client = BillingServiceClient::new(desk.service.grpc_channel());
        let status = client
            .clone()
            .authorize(authorize("a", "ord_1", 666_610))
            .await
            .unwrap_err();
        assert_eq!(status.code(), tonic::Code::Unavailable);
        let error = Error::from_status(status);
        assert_eq!(error.code(), "billing.outcome_unknown");
        assert!(error.retry_after().is_some());
        let probe = || async {
            client
                .clone()
                .authorize(authorize("a", "ord_1", 666_610))
                .await
        };
        let payment = shoal_testkit::eventually(probe, super::support::SOON).await;
        let payment = payment.into_inner().payment.unwrap();
        assert_eq!(payment.id, error.meta()["payment_id"]);
        assert_eq!(payment.status(), pb::PaymentStatus::Authorized);
        assert_eq!(
            desk.at_provider(&db, &payment.id, "authorize").await,
            (1, 666_610)
        );
        desk.close().await;
    }
}

#[tokio::test]
async fn a_saga_compensates_with_one_call_whatever_had_happened() {
    for db in TestDb::all().await {
        let desk = Desk::open(&db).await;
        let mut client = BillingServiceClient::new(desk.service.grpc_channel());
        let payment = client
            .authorize(authorize("a", "ord_1", 500))
            .await
            .unwrap()
            .into_inner();
        let capture = pb::CaptureRequest {
            idempotency_key: "c".into(),
            payment_id: payment.payment.unwrap().id,
            amount: None,
        };
        client.capture(capture).await.unwrap();
        for reference in ["ord_1", "ord_never_seen"] {
            for _ in 0..2 {
                let cancel = pb::CancelByReferenceRequest {
                    reference: reference.into(),
                    reason: "Out of stock".into(),
                };
                let cancelled = client
                    .cancel_by_reference(cancel)
                    .await
                    .unwrap()
                    .into_inner();
                assert!(cancelled.settled);
                for payment in &cancelled.payments {
                    assert_eq!(payment.status(), pb::PaymentStatus::Refunded);
                }
            }
            let late = client
                .authorize(authorize("late", reference, 500))
                .await
                .unwrap_err();
            assert_eq!(code(late), "billing.reference_cancelled");
        }
        desk.assert_balanced().await;
        desk.close().await;
    }
}

#[tokio::test]
async fn one_key_raced_over_grpc_authorizes_once() {
    for db in TestDb::all().await {
        let desk = Desk::open(&db).await;
        let client = BillingServiceClient::new(desk.service.grpc_channel());
        let race = (0..24).map(|_| {
            let mut client = client.clone();
            async move { client.authorize(authorize("race", "ord_1", 666_630)).await }
        });
        let mut ids = Vec::new();
        for answer in join_all(race).await {
            match answer {
                Ok(answer) => ids.push(answer.into_inner().payment.unwrap().id),
                Err(status) => {
                    assert_eq!(status.code(), tonic::Code::Aborted);
                    assert_eq!(code(status), "common.idempotency_in_flight");
                }
            }
        }
        assert!(
            !ids.is_empty() && ids.iter().all(|id| *id == ids[0]),
            "{ids:?}"
        );
        let list = desk.get("/billing/v1/payments?reference=ord_1").await;
        assert_eq!(list["items"].as_array().unwrap().len(), 1);
        assert_eq!(list["items"][0]["id"], json!(ids[0]));
        desk.close().await;
    }
}
