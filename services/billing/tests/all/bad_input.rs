//! Bad input is a documented 4xx and leaves nothing behind.

use serde_json::{Value, json};
use shoal_testkit::TestDb;

use super::support::{Desk, eur, pay};

fn amount(amount: impl Into<Value>) -> Value {
    let amount: Value = amount.into();
    json!({"user_id": "usr_1", "reference": "ord_1", "amount": amount})
}

fn with(field: &str, value: Value) -> Value {
    let mut request = pay("usr_1", "ord_1", 1_000);
    request[field] = value;
    request
}

#[tokio::test]
async fn every_bad_payment_is_refused_with_its_code_and_leaves_nothing() {
    for db in TestDb::all().await {
        let desk = Desk::with(&db, |config| {
            super::support::patient(config);
            let codes = ["EUR", "USD", "JPY"];
            config.accepted_currencies = codes.iter().map(|c| c.parse().unwrap()).collect();
        })
        .await;
        let line = |quantity: i64, price: Value| json!([{"description": "Rod", "quantity": quantity, "unit_price": price}]);
        let cases: Vec<(Value, u16, &str)> = vec![
            (
                amount(json!({"currency": "XXX", "minor_units": 1})),
                400,
                "money.unknown_currency",
            ),
            (
                amount(json!({"currency": "eur", "minor_units": 1})),
                400,
                "money.unknown_currency",
            ),
            (
                amount(json!({"currency": "GBP", "minor_units": 1})),
                422,
                "billing.currency_not_accepted",
            ),
            (amount(eur(0)), 400, "money.not_positive"),
            (amount(eur(-1)), 400, "money.not_positive"),
            (
                amount(eur(1_000_000_000_000)),
                400,
                "billing.amount_too_large",
            ),
            (amount(eur(i64::MAX)), 400, "billing.amount_too_large"),
            (
                amount(json!({"currency": "EUR", "decimal": "1.999"})),
                400,
                "money.wrong_minor_digits",
            ),
            (
                amount(json!({"currency": "JPY", "decimal": "1.5"})),
                400,
                "money.wrong_minor_digits",
            ),
            (
                amount(json!({"currency": "EUR", "decimal": "99999999999999999999"})),
                400,
                "money.overflow",
            ),
            (
                amount(json!({"currency": "EUR", "decimal": "1e3"})),
                400,
                "money.malformed",
            ),
            (amount(json!({"currency": "EUR"})), 400, "money.malformed"),
            (
                amount(json!({"currency": "EUR", "minor_units": 1.5})),
                400,
                "common.invalid_field",
            ),
            (
                amount(json!({"currency": "EUR", "minor_units": 9_223_372_036_854_775_808_u64})),
                400,
                "common.invalid_field",
            ),
            (
                amount(json!({"currency": "EUR", "minor_units": "1"})),
                400,
                "common.invalid_field",
            ),
            (
                amount(json!({"currency": "EUR", "minor_units": 1, "cents": 1})),
                400,
                "common.unknown_field",
            ),
            (with("user_id", json!("")), 400, "common.invalid_field"),
            (with("reference", json!("a b")), 400, "common.invalid_field"),
            (
                with("description", json!("x".repeat(201))),
                400,
                "common.invalid_field",
            ),
            (
                with("payment_method", json!("4242424242424242")),
                400,
                "common.invalid_field",
            ),
            (
                with("lines", line(2, eur(400))),
                422,
                "billing.lines_mismatch",
            ),
            (
                with(
                    "lines",
                    line(2, json!({"currency": "USD", "minor_units": 500})),
                ),
                422,
                "money.currency_mismatch",
            ),
            (
                with("lines", line(0, eur(1_000))),
                400,
                "common.invalid_field",
            ),
            (
                with("lines", line(-1, eur(1_000))),
                400,
                "common.invalid_field",
            ),
            (with("surprise", json!(1)), 400, "common.unknown_field"),
            (json!({}), 400, "common.invalid_field"),
        ];
        for (request, status, code) in cases {
            let answer = desk.post("/billing/v1/payments", &request).send().await;
            assert_eq!((answer.status.as_u16(), request.clone()), (status, request));
            answer.problem(status, code);
        }
        let malformed = desk
            .service
            .post("/billing/v1/payments")
            .bearer(&desk.admin)
            .idempotency_key("m");
        malformed
            .body("application/json", "{")
            .send()
            .await
            .problem(400, "common.malformed_body");
        let list = desk.get("/billing/v1/payments").await;
        assert_eq!(list["items"], json!([]), "something was written");
        desk.close().await;
    }
}

#[tokio::test]
async fn every_bad_movement_is_refused_and_moves_nothing() {
    for db in TestDb::all().await {
        let desk = Desk::open(&db).await;
        let id = desk.captured("ord_1", 1_000).await;
        let before = desk.payment(&id).await;
        for action in ["captures", "refunds"] {
            let path = format!("/billing/v1/payments/{id}/{action}");
            let cases = [
                (
                    json!({"amount": {"currency": "USD", "minor_units": 1}}),
                    422,
                    "money.currency_mismatch",
                ),
                (json!({"amount": eur(0)}), 400, "money.not_positive"),
                (json!({"amount": eur(-5)}), 400, "money.not_positive"),
                (
                    json!({"amount": eur(i64::MAX)}),
                    400,
                    "billing.amount_too_large",
                ),
                (
                    json!({"amount": {"currency": "EUR", "decimal": "0.001"}}),
                    400,
                    "money.wrong_minor_digits",
                ),
                (json!({"amount": 5}), 400, "common.invalid_field"),
                (json!({"sum": 5}), 400, "common.unknown_field"),
            ];
            for (request, status, code) in cases {
                desk.post(&path, &request)
                    .send()
                    .await
                    .problem(status, code);
            }
        }
        let long = json!({"reason": "x".repeat(201)});
        desk.post(&format!("/billing/v1/payments/{id}/refunds"), &long)
            .send()
            .await
            .problem(400, "common.invalid_field");
        desk.capture("pay_missing", None)
            .send()
            .await
            .problem(404, "common.not_found");
        assert_eq!(desk.payment(&id).await, before);
        desk.close().await;
    }
}

#[tokio::test]
async fn every_bad_query_names_its_parameter() {
    // Named, so that its folder outlives the statement.
    let db = TestDb::sqlite();
    let desk = Desk::open(&db).await;
    let cases = [
        ("/billing/v1/payments?limit=0", "common.invalid_query"),
        ("/billing/v1/payments?limit=101", "common.invalid_query"),
        ("/billing/v1/payments?limit=x", "common.invalid_query"),
        ("/billing/v1/payments?status=paid", "common.invalid_query"),
        ("/billing/v1/payments?cursor=abc", "common.invalid_cursor"),
        ("/billing/v1/payments?colour=red", "common.invalid_query"),
        ("/billing/v1/invoices?kind=receipt", "common.invalid_query"),
        ("/billing/v1/invoices?cursor=abc", "common.invalid_cursor"),
        ("/billing/v1/statement", "common.invalid_query"),
        (
            "/billing/v1/statement?currency=EURO",
            "money.unknown_currency",
        ),
        (
            "/billing/v1/statement?currency=EUR&from_ms=2&to_ms=1",
            "common.invalid_query",
        ),
        (
            "/billing/v1/statement?currency=EUR&cursor=abc",
            "common.invalid_cursor",
        ),
    ];
    for (path, code) in cases {
        desk.service
            .get(path)
            .bearer(&desk.admin)
            .send()
            .await
            .problem(400, code);
    }
    desk.close().await;
}

#[tokio::test]
async fn a_key_is_needed_and_must_be_printable() {
    // Named, so that its folder outlives the statement.
    let db = TestDb::sqlite();
    let desk = Desk::open(&db).await;
    let request = || {
        desk.service
            .post("/billing/v1/payments")
            .bearer(&desk.admin)
    };
    let body = pay("usr_1", "ord_1", 100);
    request()
        .json(&body)
        .send()
        .await
        .problem(400, "common.idempotency_key_missing");
    let long = "k".repeat(129);
    let answer = request().idempotency_key(&long).json(&body).send().await;
    answer.problem(400, "common.idempotency_key_invalid");
    desk.close().await;
}
