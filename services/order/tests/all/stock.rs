//! Many who want the same pieces at the same time.

use serde_json::{Value, json};
use shoal_testkit::TestDb;

use super::billing::FakeBilling;
use super::support::Shop;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stock_never_goes_below_zero_however_many_order_at_once() {
    const PIECES: i64 = 10;
    for db in TestDb::all().await {
        // Two instances on one database, so that no lock inside of a process helps.
        let billing = FakeBilling::start().await;
        let first = Shop::join(&db, billing.clone(), |_| {}).await;
        let second = Shop::join(&db, billing, |_| {}).await;
        let lamp = first.product("EUR", 3_900, PIECES).await;
        let orders = (0..40).map(|n| {
            let shop = if n % 2 == 0 { &first } else { &second };
            let (key, lamp) = (format!("k{n}"), lamp.clone());
            async move { shop.place(&key, &lamp, 1).await }
        });
        let mut confirmed = 0;
        for answer in futures::future::join_all(orders).await {
            match answer.status.as_u16() {
                201 => confirmed += 1,
                _ => {
                    let problem = answer.problem(409, "order.out_of_stock");
                    assert_eq!(problem.meta["product_id"], lamp);
                }
            }
        }
        assert_eq!(confirmed, PIECES, "every piece is sold, none twice");
        assert_eq!(first.stock(&lamp).await, 0);
        first.check_books(&lamp, PIECES).await;
        first.close().await;
        second.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_for_the_same_products_in_any_order_do_not_deadlock() {
    for db in TestDb::all().await {
        let shop = Shop::open(&db).await;
        let (lamp, mug) = (
            shop.product("EUR", 10, 100).await,
            shop.product("EUR", 20, 100).await,
        );
        let orders = (0..24).map(|n| {
            let (a, b) = if n % 2 == 0 {
                (&lamp, &mug)
            } else {
                (&mug, &lamp)
            };
            let body = json!({"items": [
                {"product_id": a, "quantity": 1},
                {"product_id": b, "quantity": 2},
            ]});
            let (key, shop) = (format!("k{n}"), &shop);
            async move { shop.post_order(&key, &body).await }
        });
        for answer in futures::future::join_all(orders).await {
            answer.ok::<Value>(201);
        }
        let left = [shop.stock(&lamp).await, shop.stock(&mug).await];
        assert_eq!(left.iter().sum::<i64>(), 200 - 24 * 3);
        shop.close().await;
    }
}

#[tokio::test]
async fn an_order_takes_all_of_its_items_or_none() {
    for db in TestDb::all().await {
        let shop = Shop::open(&db).await;
        let (lamp, mug) = (
            shop.product("EUR", 10, 5).await,
            shop.product("EUR", 20, 1).await,
        );
        let body = json!({"items": [
            {"product_id": lamp, "quantity": 3},
            {"product_id": mug, "quantity": 2},
        ]});
        let problem = shop
            .post_order("k1", &body)
            .await
            .problem(409, "order.out_of_stock");
        assert_eq!(problem.meta["product_id"], mug);
        assert_eq!((shop.stock(&lamp).await, shop.stock(&mug).await), (5, 1));
        assert!(
            shop.billing.all_payments().is_empty(),
            "nobody was asked to pay"
        );
        shop.close().await;
    }
}
