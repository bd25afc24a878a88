//! Account statements.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use serde_json::Value;
use shoal_billing::Billing;
use shoal_testkit::{ManualClock, TestDb, TestService};

use super::support::{Desk, body, part, patient, pay, text, units};

/// Every line of a statement, read page by page; each page's balances must join.
async fn read_all(desk: &Desk, path: &str, limit: usize) -> Vec<Value> {
    let mut lines = Vec::new();
    let mut cursor = String::new();
    let mut balance: Option<Value> = None;
    loop {
        let page = desk.get(&format!("{path}&limit={limit}{cursor}")).await;
        if let Some(balance) = &balance {
            assert_eq!(&page["opening_balance"], balance, "a gap between two pages");
        }
        balance = Some(page["closing_balance"].clone());
        lines.extend(page["items"].as_array().unwrap().clone());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return lines,
        }
    }
}

#[tokio::test]
async fn a_statement_runs_without_gaps_and_its_balance_with_it() {
    for db in TestDb::all().await {
        let desk = Desk::open(&db).await;
        let pay_one = |number: i64| {
            let desk = &desk;
            async move {
                let id = desk.captured(&format!("ord_{number}"), 100 + number).await;
                if number % 2 == 0 {
                    desk.refund(&id, Some(10)).send().await.expect(201);
                }
            }
        };
        join_all((0..12).map(pay_one)).await;
        let path = "/billing/v1/statement?currency=EUR&user_id=usr_1";
        let lines = read_all(&desk, path, 7).await;
        assert_eq!(lines.len(), 12 * 2 + 6 * 2);
        let mut balance = 0;
        for (index, line) in lines.iter().enumerate() {
            assert_eq!(line["position"], index as i64 + 1);
            balance += units(&line["amount"]);
            assert_eq!(units(&line["balance"]), balance, "{line}");
        }
        assert_eq!(balance, 0, "everything that was owed was paid");
        let times: Vec<i64> = lines
            .iter()
            .map(|l| l["booked_at_ms"].as_i64().unwrap())
            .collect();
        assert!(times.is_sorted());
        assert_eq!(read_all(&desk, path, 1).await, lines);
        assert_eq!(read_all(&desk, path, 100).await, lines);
        desk.close().await;
    }
}

#[tokio::test]
async fn pages_read_while_others_pay_miss_nothing() {
    for db in TestDb::all().await {
        let desk = Desk::open(&db).await;
        let writers = async {
            let pay_one = |number: i64| {
                let desk = &desk;
                async move { desk.captured(&format!("ord_{number}"), 50).await }
            };
            join_all((0..20).map(pay_one)).await;
        };
        let reader = async {
            let mut positions: Vec<i64> = Vec::new();
            let mut cursor = String::new();
            while positions.len() < 40 {
                let path =
                    format!("/billing/v1/statement?currency=EUR&user_id=usr_1&limit=3{cursor}");
                let page = desk.get(&path).await;
                let items = page["items"].as_array().unwrap();
                match page["next_cursor"].as_str() {
                    // Only a page that has a successor is final.
                    Some(next) => {
                        positions.extend(items.iter().map(|l| l["position"].as_i64().unwrap()));
                        cursor = format!("&cursor={next}");
                    }
                    None if positions.len() + items.len() == 40 => {
                        positions.extend(items.iter().map(|l| l["position"].as_i64().unwrap()));
                    }
                    None => tokio::task::yield_now().await,
                }
            }
            positions
        };
        let ((), positions) = tokio::join!(writers, reader);
        assert_eq!(positions, (1..=40).collect::<Vec<i64>>());
        desk.close().await;
    }
}

#[tokio::test]
async fn a_span_of_time_opens_with_the_balance_before_it() {
    for db in TestDb::all().await {
        let clock = ManualClock::new(1_700_000_000_000);
        let service = TestService::<Billing>::builder()
            .config(patient)
            .clock(Arc::clone(&clock) as _)
            .start(&db)
            .await;
        let post = |path: String, key: String, request: Value| {
            let admin = service.issuer.user("usr_admin", &["admin"]);
            service
                .post(&path)
                .bearer(&admin)
                .idempotency_key(&key)
                .json(&request)
                .send()
        };
        for day in 0..3 {
            let request = pay("usr_1", &format!("ord_{day}"), 1_000);
            let view = body(
                post("/billing/v1/payments".into(), format!("a{day}"), request).await,
                201,
            );
            let path = format!("/billing/v1/payments/{}/captures", text(&view, "id"));
            post(path, format!("c{day}"), part(None)).await.expect(201);
            clock.advance(Duration::from_secs(86_400));
        }
        let (from, to) = (
            1_700_000_000_000_i64 + 86_400_000,
            1_700_000_000_000_i64 + 2 * 86_400_000,
        );
        let owner = service.issuer.user("usr_1", &["customer"]);
        let path = format!("/billing/v1/statement?currency=EUR&from_ms={from}&to_ms={to}");
        let page: Value = service.get(&path).bearer(&owner).send().await.ok(200);
        let lines = page["items"].as_array().unwrap();
        assert_eq!(
            lines
                .iter()
                .map(|l| l["position"].as_i64().unwrap())
                .collect::<Vec<_>>(),
            [3, 4]
        );
        assert_eq!(units(&page["opening_balance"]), 0);
        assert_eq!(units(&lines[0]["balance"]), 1_000);
        assert_eq!(units(&page["closing_balance"]), 0);
        let empty = format!("/billing/v1/statement?currency=EUR&from_ms={to}&to_ms={to}");
        let page: Value = service.get(&empty).bearer(&owner).send().await.ok(200);
        assert_eq!(page["items"].as_array().unwrap().len(), 0);
        service.stop().await;
    }
}
