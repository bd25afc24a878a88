//! `kill -9` at every boundary of every step, in a process of its own, on both
//! databases. Billing lives in the parent and sees what was really paid.

use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;

use serde_json::{Value, json};
use shoal_order::{Order, OrderConfig};
use shoal_store::{DatabaseConfig, SqlResultExt as _};
use shoal_testkit::{TestDb, TestService};
use tokio::process::Command;

use super::billing::{Act, FakeBilling};
use super::support::{Shop, quick};

const SIGKILL: i32 = 9;
/// What a child is told: database, billing, faults, product, key, whether to cancel.
const TASK: &str = "SHOAL_ORDER_CRASH_TASK";

/// One life of an order service that ends by SIGKILL.
struct Victim<'a> {
    db: &'a TestDb,
    billing: &'a FakeBilling,
    product: &'a str,
}

impl Victim<'_> {
    /// Places an order under `key` (and cancels it) until the fault kills.
    async fn dies_at(&self, point: &str, key: &str, cancels: bool) {
        let task = json!({
            "database": self.db.url(),
            "billing": self.billing.addr(),
            "faults": format!("{point}=kill"),
            "product": self.product,
            "key": key,
            "cancels": cancels,
        });
        let child = Command::new(std::env::current_exe().unwrap())
            .args([
                "all::crashes::child_process_that_gets_killed",
                "--exact",
                "--nocapture",
            ])
            .env(TASK, task.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .output();
        let out = tokio::time::timeout(super::support::PATIENCE, child)
            .await
            .unwrap()
            .unwrap();
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(
            out.status.signal(),
            Some(SIGKILL),
            "{point} did not kill: {said}"
        );
    }
}

/// Not a test: what the tests here start as a process of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_process_that_gets_killed() {
    let Ok(task) = std::env::var(TASK) else {
        return;
    };
    let task: Value = serde_json::from_str(&task).unwrap();
    let text = |name: &str| task[name].as_str().unwrap().to_owned();
    let billing: SocketAddr = text("billing").parse().unwrap();
    let doomed = |config: &mut OrderConfig| {
        config.saga.faults = text("faults");
        // Leases that outlast the test: no child meddles with another's saga.
        config.saga.lease_ms = 600_000;
    };
    let service = TestService::<Order>::builder()
        .config(quick)
        .config(doomed)
        .peer("billing", billing)
        .start(DatabaseConfig::at(text("database")))
        .await;
    let buyer = service.issuer.user("usr_buyer", &["customer"]);
    let body = json!({"items": [{"product_id": task["product"], "quantity": 1}]});
    let post = service
        .post("/order/v1/orders")
        .bearer(&buyer)
        .idempotency_key(&text("key"));
    let answer = post.json(&body).send().await;
    if task["cancels"] == true {
        let order: Value = answer.ok(201);
        let path = format!("/order/v1/orders/{}/cancel", order["id"].as_str().unwrap());
        service
            .post(&path)
            .bearer(&buyer)
            .json(&json!({}))
            .send()
            .await;
    }
}

/// Lets the time pass that leases and claims of the dead still had.
async fn let_leases_end(db: &TestDb) {
    let store = shoal_store::Store::open("order", &db.config())
        .await
        .unwrap();
    let mut tx = store.begin().await.unwrap();
    for table in [
        "UPDATE saga SET lease_until = 0",
        "UPDATE idempotency_keys SET lease_until = 0",
    ] {
        sqlx::query(table).execute(&mut *tx).await.db().unwrap();
    }
    tx.commit().await.unwrap();
    store.close().await;
}

/// Opens a shop once to lay out the database and a product.
async fn prepare(db: &TestDb, billing: &FakeBilling, stock: i64) -> String {
    let shop = Shop::join(db, billing.clone(), |_| {}).await;
    let product = shop.product("EUR", 3_900, stock).await;
    shop.close().await;
    product
}

fn boundaries(saga: &str, steps: &[&str]) -> Vec<String> {
    let both = |step: &&str| {
        [
            format!("{saga}.{step}.before"),
            format!("{saga}.{step}.after"),
        ]
    };
    steps.iter().flat_map(both).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_whose_process_was_killed_anywhere_is_completed_by_the_next_one() {
    for db in TestDb::all().await {
        let billing = FakeBilling::start().await;
        let mut points = vec!["place_order.begin".to_owned(), "place_order.end".to_owned()];
        let steps = ["reserve", "authorize", "capture", "confirm", "announce"];
        points.extend(boundaries("place_order", &steps));
        let product = prepare(&db, &billing, 100).await;
        let victim = Victim {
            db: &db,
            billing: &billing,
            product: &product,
        };
        for point in &points {
            victim.dies_at(point, point, false).await;
        }
        let_leases_end(&db).await;

        let shop = Shop::join(&db, billing.clone(), |_| {}).await;
        for point in &points {
            // The buyer, who never got an answer, asks again with the same key.
            let order: Value = shop.place(point, &product, 1).await.ok(201);
            assert_eq!(order["status"], "confirmed", "{point}");
            let paid = billing.payments(order["id"].as_str().unwrap());
            assert_eq!(paid.len(), 1, "{point}: paid once");
        }
        let orders = i64::try_from(points.len()).unwrap();
        assert_eq!(shop.count("SELECT COUNT(*) FROM orders").await, orders);
        assert_eq!(shop.stock(&product).await, 100 - orders);
        shop.check_books(&product, 100).await;
        shop.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_whose_process_was_killed_while_undoing_is_wholly_undone_by_the_next_one() {
    for db in TestDb::all().await {
        let billing = FakeBilling::start().await;
        let points = boundaries("place_order", &["authorize.undo", "reserve.undo"]);
        let product = prepare(&db, &billing, 100).await;
        let victim = Victim {
            db: &db,
            billing: &billing,
            product: &product,
        };
        for point in &points {
            // The money is reserved and cannot be taken: all has to be undone.
            billing.script("capture", [Act::Refuse]);
            victim.dies_at(point, point, false).await;
        }
        let_leases_end(&db).await;

        let shop = Shop::join(&db, billing.clone(), |_| {}).await;
        for point in &points {
            let answer = shop.place(point, &product, 1).await;
            let problem = answer.problem(422, "order.payment_invalid");
            shop.until(&problem.meta["order_id"], "rejected").await;
        }
        assert_eq!(shop.stock(&product).await, 100);
        shop.check_books(&product, 100).await;
        shop.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancellation_whose_process_was_killed_anywhere_is_completed_by_the_next_one() {
    for db in TestDb::all().await {
        let billing = FakeBilling::start().await;
        let mut points = vec![
            "cancel_order.begin".to_owned(),
            "cancel_order.end".to_owned(),
        ];
        points.extend(boundaries("cancel_order", &["refund", "release", "close"]));
        let product = prepare(&db, &billing, 100).await;
        let victim = Victim {
            db: &db,
            billing: &billing,
            product: &product,
        };
        for point in &points {
            victim.dies_at(point, point, true).await;
        }
        let_leases_end(&db).await;

        let shop = Shop::join(&db, billing.clone(), |_| {}).await;
        for payment in billing.all_payments() {
            shop.until(&payment.reference, "cancelled").await;
        }
        assert_eq!(billing.all_payments().len(), points.len());
        assert_eq!(shop.stock(&product).await, 100);
        shop.check_books(&product, 100).await;
        shop.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_killed_again_and_again_at_the_same_place_gives_up_and_undoes() {
    for db in TestDb::all().await {
        let billing = FakeBilling::start().await;
        let product = prepare(&db, &billing, 100).await;
        let victim = Victim {
            db: &db,
            billing: &billing,
            product: &product,
        };
        for _ in 0..4 {
            victim
                .dies_at("place_order.capture.after", "k1", false)
                .await;
            let_leases_end(&db).await;
        }
        let shop = Shop::join(&db, billing.clone(), |_| {}).await;
        let answer = shop.place("k1", &product, 1).await;
        let problem = answer.problem(503, "order.not_arranged");
        shop.until(&problem.meta["order_id"], "rejected").await;
        assert_eq!(shop.stock(&product).await, 100);
        shop.check_books(&product, 100).await;
        shop.close().await;
    }
}
