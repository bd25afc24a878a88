//! Who may do and see what.

use serde_json::json;
use shoal_testkit::TestDb;

use super::support::{Desk, pay};

#[tokio::test]
async fn nobody_gets_in_without_a_good_token() {
    for db in TestDb::all().await {
        let desk = Desk::open(&db).await;
        let id = desk.captured("ord_1", 100).await;
        let payment = format!("/billing/v1/payments/{id}");
        let reads = [
            payment.as_str(),
            "/billing/v1/payments",
            "/billing/v1/invoices",
            "/billing/v1/invoices/inv_x",
            "/billing/v1/statement?currency=EUR",
            "/billing/v1/ledger/trial-balance",
            "/billing/v1/webhooks",
            "/billing/v1/platform-webhooks",
        ];
        for path in reads {
            desk.service
                .get(path)
                .send()
                .await
                .problem(401, "common.unauthenticated");
            let forged = desk.service.issuer.forged("usr_admin", &["admin"]);
            desk.service
                .get(path)
                .bearer(&forged)
                .send()
                .await
                .problem(401, "common.token_invalid");
            let expired = desk.service.issuer.expired("usr_admin", &["admin"]);
            desk.service
                .get(path)
                .bearer(&expired)
                .send()
                .await
                .problem(401, "common.token_expired");
        }
        for action in ["captures", "void", "refunds"] {
            let path = format!("{payment}/{action}");
            let request = desk
                .service
                .post(&path)
                .idempotency_key("k")
                .json(&json!({}));
            request.send().await.problem(401, "common.unauthenticated");
        }
        desk.close().await;
    }
}

#[tokio::test]
async fn customers_see_their_own_and_move_nothing() {
    for db in TestDb::all().await {
        let desk = Desk::open(&db).await;
        let id = desk.captured("ord_1", 100).await;
        let invoice = desk.get("/billing/v1/invoices").await["items"][0]["id"].clone();
        let invoice = format!("/billing/v1/invoices/{}", invoice.as_str().unwrap());
        let payment = format!("/billing/v1/payments/{id}");
        let (owner, other) = (desk.user("usr_1"), desk.user("usr_2"));
        for path in [payment.as_str(), invoice.as_str()] {
            desk.service
                .get(path)
                .bearer(&owner)
                .send()
                .await
                .expect(200);
            desk.service
                .get(path)
                .bearer(&other)
                .send()
                .await
                .problem(404, "common.not_found");
        }
        let lists = [
            "/billing/v1/payments",
            "/billing/v1/invoices",
            "/billing/v1/statement?currency=EUR",
        ];
        for path in lists {
            let own: serde_json::Value = desk.service.get(path).bearer(&owner).send().await.ok(200);
            assert!(!own["items"].as_array().unwrap().is_empty(), "{path}");
            let none: serde_json::Value =
                desk.service.get(path).bearer(&other).send().await.ok(200);
            assert!(none["items"].as_array().unwrap().is_empty(), "{path}");
            let joint = if path.contains('?') { '&' } else { '?' };
            let spying = format!("{path}{joint}user_id=usr_1");
            desk.service
                .get(&spying)
                .bearer(&other)
                .send()
                .await
                .problem(403, "common.permission_denied");
        }
        for (path, request) in [
            (
                "/billing/v1/payments".to_owned(),
                pay("usr_1", "ord_9", 100),
            ),
            (format!("{payment}/captures"), json!({})),
            (format!("{payment}/void"), json!({})),
            (format!("{payment}/refunds"), json!({})),
            ("/billing/v1/references/ord_1/cancel".to_owned(), json!({})),
        ] {
            let request = desk
                .service
                .post(&path)
                .bearer(&owner)
                .idempotency_key("k")
                .json(&request);
            request
                .send()
                .await
                .problem(403, "common.permission_denied");
        }
        for path in [
            "/billing/v1/ledger/trial-balance",
            "/billing/v1/platform-webhooks",
        ] {
            desk.service
                .get(path)
                .bearer(&owner)
                .send()
                .await
                .problem(403, "common.permission_denied");
        }
        assert_eq!(desk.payment(&id).await["status"], "captured");
        desk.close().await;
    }
}

#[tokio::test]
async fn a_service_account_moves_money_and_does_not_see_the_books() {
    for db in TestDb::all().await {
        let desk = Desk::open(&db).await;
        let program = desk.service.issuer.user("svc_shop", &["service"]);
        let request = desk
            .service
            .post("/billing/v1/payments")
            .bearer(&program)
            .idempotency_key("k");
        request
            .json(&pay("usr_1", "ord_1", 100))
            .send()
            .await
            .expect(201);
        let books = desk
            .service
            .get("/billing/v1/ledger/trial-balance")
            .bearer(&program);
        books.send().await.problem(403, "common.permission_denied");
        desk.close().await;
    }
}

#[tokio::test]
async fn other_services_need_the_mesh_secret_for_grpc() {
    let db = TestDb::sqlite();
    let desk = Desk::open(&db).await;
    let bare = tonic::transport::Endpoint::from_shared(format!("http://{}", desk.service.addr()))
        .unwrap()
        .connect_lazy();
    let mut client =
        shoal_proto::billing::v1::billing_service_client::BillingServiceClient::new(bare);
    let request = shoal_proto::billing::v1::GetPaymentRequest {
        payment_id: "pay_x".into(),
    };
    let status = client.get_payment(request).await.unwrap_err();
    assert!(
        matches!(
            status.code(),
            tonic::Code::Unauthenticated | tonic::Code::PermissionDenied
        ),
        "{status:?}"
    );
    desk.close().await;
}
