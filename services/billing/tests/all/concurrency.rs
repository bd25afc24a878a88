//! Many at once, and the sums still hold.

use futures::future::join_all;
use shoal_testkit::{TestDb, TestResponse};

use super::support::{Desk, units};

/// Requests at once.
const CROWD: usize = 100;

fn succeeded(answers: &[TestResponse]) -> i64 {
    i64::try_from(answers.iter().filter(|a| a.status.as_u16() == 201).count()).unwrap()
}

#[tokio::test]
async fn a_hundred_simultaneous_captures_never_take_more_than_was_authorized() {
    for db in TestDb::all().await {
        let desk = Desk::open(&db).await;
        let id = desk.authorized("ord_1", 1_000).await;
        // 100 × 70 is seven times what is there; 14 fit.
        let answers = join_all((0..CROWD).map(|_| desk.capture(&id, Some(70)).send())).await;
        let done = succeeded(&answers);
        for answer in answers.into_iter().filter(|a| a.status.as_u16() != 201) {
            let code = answer.json::<serde_json::Value>()["code"].clone();
            let expected = ["billing.exceeds_capturable", "billing.operation_pending"];
            assert!(
                expected.contains(&code.as_str().unwrap()),
                "{}",
                answer.text()
            );
        }
        assert_eq!(done, 14, "on {db}");
        let payment = desk.payment(&id).await;
        assert_eq!(units(&payment["captured"]), 70 * done);
        assert_eq!(
            desk.at_provider(&db, &id, "capture").await,
            (done, 70 * done)
        );
        desk.assert_balanced().await;
        desk.close().await;
    }
}

#[tokio::test]
async fn a_hundred_simultaneous_refunds_never_give_back_more_than_was_captured() {
    for db in TestDb::all().await {
        let desk = Desk::open(&db).await;
        let id = desk.captured("ord_1", 1_000).await;
        let answers = join_all((0..CROWD).map(|_| desk.refund(&id, Some(30)).send())).await;
        let done = succeeded(&answers);
        assert_eq!(done, 33, "on {db}");
        let payment = desk.payment(&id).await;
        assert_eq!(units(&payment["refunded"]), 30 * done);
        assert_eq!(
            desk.at_provider(&db, &id, "refund").await,
            (done, 30 * done)
        );
        desk.assert_balanced().await;
        desk.close().await;
    }
}

#[tokio::test]
async fn whole_captures_and_voids_that_race_end_in_one_of_the_two() {
    for db in TestDb::all().await {
        let desk = Desk::open(&db).await;
        for round in 0..5 {
            let id = desk.authorized(&format!("ord_{round}"), 500).await;
            let captures = join_all((0..5).map(|_| desk.capture(&id, None).send()));
            let voids = join_all((0..5).map(|_| desk.void(&id).send()));
            let (_, _) = tokio::join!(captures, voids);
            let payment = desk.payment(&id).await;
            let (captured, released) = (units(&payment["captured"]), units(&payment["released"]));
            assert_eq!(captured + released, 500, "{payment}");
            assert_eq!(captured * released, 0, "both happened: {payment}");
            assert_eq!(desk.at_provider(&db, &id, "capture").await.1, captured);
            assert_eq!(desk.at_provider(&db, &id, "void").await.1, released);
        }
        desk.close().await;
    }
}

#[tokio::test]
async fn many_customers_pay_at_once_and_the_books_balance() {
    for db in TestDb::all().await {
        let desk = Desk::open(&db).await;
        let pay = |number: usize| {
            let desk = &desk;
            async move {
                let id = desk.authorized(&format!("ord_{number}"), 100).await;
                desk.capture(&id, None).send().await.expect(201);
                if number.is_multiple_of(3) {
                    desk.refund(&id, Some(40)).send().await.expect(201);
                }
            }
        };
        join_all((0..40).map(pay)).await;
        desk.assert_balanced().await;
        let balance = desk.get("/billing/v1/ledger/trial-balance").await;
        let clearing = balance["accounts"]
            .as_array()
            .unwrap()
            .iter()
            .find(|account| account["account"] == "clearing:sandbox")
            .unwrap();
        assert_eq!(units(&clearing["balance"]), 40 * 100 - 14 * 40);
        desk.close().await;
    }
}
