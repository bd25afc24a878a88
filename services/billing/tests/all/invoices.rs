//! Invoices and credit notes.

use std::collections::BTreeSet;

use futures::future::join_all;
use serde_json::{Value, json};
use shoal_testkit::TestDb;

use super::support::{Desk, body, eur, text, units};

#[tokio::test]
async fn a_capture_issues_an_invoice_and_a_refund_a_credit_note_that_names_it() {
    for db in TestDb::all().await {
        let desk = Desk::open(&db).await;
        let request = json!({
            "user_id": "usr_1", "reference": "ord_1", "description": "Two rods", "amount": eur(3_998),
            "lines": [{"description": "Fishing rod", "quantity": 2, "unit_price": eur(1_999)}],
        });
        let id = text(
            &body(
                desk.post("/billing/v1/payments", &request).send().await,
                201,
            ),
            "id",
        );
        let captured = body(desk.capture(&id, None).send().await, 201);
        let refunded = body(desk.refund(&id, Some(500)).send().await, 201);

        let invoice = desk
            .get(&format!(
                "/billing/v1/invoices/{}",
                text(&captured, "document_id")
            ))
            .await;
        assert_eq!(
            (&invoice["number"], &invoice["kind"]),
            (&json!("SHOAL-000001"), &json!("invoice"))
        );
        assert_eq!(invoice["lines"][0]["total"], eur(3_998));
        assert_eq!(invoice["total"], eur(3_998));
        assert_eq!(invoice["corrects"], Value::Null);
        let note = desk
            .get(&format!(
                "/billing/v1/invoices/{}",
                text(&refunded, "document_id")
            ))
            .await;
        assert_eq!(
            (&note["number"], &note["kind"]),
            (&json!("SHOAL-CN-000001"), &json!("credit_note"))
        );
        assert_eq!(note["corrects"], invoice["id"]);
        assert_eq!(note["total"], eur(500));
        desk.close().await;
    }
}

#[tokio::test]
async fn a_partial_capture_says_of_what_it_is_a_part() {
    for db in TestDb::all().await {
        let desk = Desk::open(&db).await;
        let id = desk.authorized("ord_1", 1_000).await;
        desk.capture(&id, Some(400)).send().await.expect(201);
        let list = desk
            .get(&format!("/billing/v1/invoices?payment_id={id}"))
            .await;
        let line = &list["items"][0]["lines"][0];
        assert_eq!(line["description"], "Part of: Payment (10.00 EUR)");
        assert_eq!(units(&line["total"]), 400);
        desk.close().await;
    }
}

#[tokio::test]
async fn numbers_have_no_gaps_under_concurrency_and_refused_captures() {
    for db in TestDb::all().await {
        let desk = Desk::open(&db).await;
        let pay = |number: i64| {
            let desk = &desk;
            async move {
                // Every fourth capture is refused by the provider.
                let amount = if number % 4 == 0 { 666_651 } else { 100 };
                let id = desk.authorized(&format!("ord_{number}"), amount).await;
                desk.capture(&id, None).send().await.status.as_u16()
            }
        };
        let answers = join_all((0..32).map(pay)).await;
        let issued = answers.iter().filter(|status| **status == 201).count();
        assert_eq!(issued, 24);
        let list = desk.get("/billing/v1/invoices?limit=100").await;
        let numbers: BTreeSet<String> = list["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| text(item, "number"))
            .collect();
        let expected: BTreeSet<String> = (1..=24).map(|n| format!("SHOAL-{n:06}")).collect();
        assert_eq!(numbers, expected);
        desk.close().await;
    }
}

#[tokio::test]
async fn each_issuer_counts_from_one() {
    for db in TestDb::all().await {
        for issuer in ["North", "South"] {
            let desk = Desk::with(&db, |config| {
                super::support::patient(config);
                config.issuer.name = issuer.to_owned();
                config.issuer.prefix = issuer.to_uppercase();
            })
            .await;
            desk.captured(&format!("ord_{issuer}"), 100).await;
            let newest = desk.get("/billing/v1/invoices").await["items"][0].clone();
            assert_eq!(
                text(&newest, "number"),
                format!("{}-000001", issuer.to_uppercase())
            );
            desk.close().await;
        }
    }
}
