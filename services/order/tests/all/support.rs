//! A shop under test: the order service, its billing and a few goods.

use std::time::Duration;

use serde_json::{Value, json};
use shoal_order::{Order, OrderConfig};
use shoal_proto::billing::v1::PaymentStatus as Is;
use shoal_store::Store;
use shoal_testkit::{TestDb, TestResponse, TestService};
use sqlx::Row as _;

use super::billing::FakeBilling;

/// Longest that a test waits for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Shop {
    pub(crate) service: TestService<Order>,
    pub(crate) billing: FakeBilling,
    /// A look into the database from outside of the service.
    pub(crate) store: Store,
}

/// Short pauses and leases, so that tests wait for nothing.
pub(crate) fn quick(config: &mut OrderConfig) {
    config.saga.backoff_base_ms = 5;
    config.saga.backoff_max_ms = 20;
    config.saga.lease_ms = 1_000;
    config.saga.claim_every_ms = 50;
}

impl Shop {
    pub(crate) async fn open(db: &TestDb) -> Self {
        Self::open_with(db, |_| {}).await
    }

    pub(crate) async fn open_with(db: &TestDb, change: impl FnOnce(&mut OrderConfig)) -> Self {
        Self::join(db, FakeBilling::start().await, change).await
    }

    /// Opens a shop, perhaps beside others on the same database, with this billing.
    pub(crate) async fn join(
        db: &TestDb,
        billing: FakeBilling,
        change: impl FnOnce(&mut OrderConfig),
    ) -> Self {
        let service = TestService::<Order>::builder()
            .config(quick)
            .config(change)
            .peer("billing", billing.addr())
            .start(db)
            .await;
        let store = Store::open("order", &db.config()).await.unwrap();
        Self {
            service,
            billing,
            store,
        }
    }

    pub(crate) fn admin(&self) -> String {
        self.service.issuer.user("usr_admin", &["admin"])
    }

    pub(crate) fn buyer(&self) -> String {
        self.service.issuer.user("usr_buyer", &["customer"])
    }

    /// Adds a product; gives its id.
    pub(crate) async fn product(&self, currency: &str, price: i64, stock: i64) -> String {
        let body = json!({
            "name": "Lamp",
            "price": {"currency": currency, "minor_units": price},
            "stock": stock,
        });
        let made: Value = self
            .service
            .post("/order/v1/products")
            .bearer(&self.admin())
            .json(&body)
            .send()
            .await
            .ok(201);
        made["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn stock(&self, product: &str) -> i64 {
        let path = format!("/order/v1/products/{product}");
        let found: Value = self.service.get(&path).send().await.ok(200);
        found["stock"].as_i64().unwrap()
    }

    /// Places an order as the buyer.
    pub(crate) async fn place(&self, key: &str, product: &str, quantity: i64) -> TestResponse {
        self.post_order(
            key,
            &json!({"items": [{"product_id": product, "quantity": quantity}]}),
        )
        .await
    }

    pub(crate) async fn post_order(&self, key: &str, body: &Value) -> TestResponse {
        let request = self.service.post("/order/v1/orders").bearer(&self.buyer());
        request.idempotency_key(key).json(body).send().await
    }

    pub(crate) async fn get_order(&self, id: &str) -> Value {
        let path = format!("/order/v1/orders/{id}");
        self.service
            .get(&path)
            .bearer(&self.admin())
            .send()
            .await
            .ok(200)
    }

    /// Waits until the order is in a state.
    pub(crate) async fn until(&self, id: &str, status: &str) {
        shoal_testkit::eventually(
            || async {
                let found = self.get_order(id).await;
                if found["status"] == status {
                    Ok(())
                } else {
                    Err(found)
                }
            },
            PATIENCE,
        )
        .await;
    }

    /// Types of the events that were recorded about an order, in order.
    pub(crate) async fn events(&self, id: &str) -> Vec<String> {
        let mut conn = self.store.read().await.unwrap();
        let sql = "SELECT kind FROM outbox WHERE subject = $1 ORDER BY seq";
        let rows = sqlx::query(sql)
            .bind(id)
            .fetch_all(&mut *conn)
            .await
            .unwrap();
        rows.iter().map(|row| row.get::<String, _>(0)).collect()
    }

    /// The latest event of a type about an order, read as its consumers read it.
    pub(crate) async fn event<E: shoal_proto::events::Event>(&self, id: &str) -> E {
        let mut conn = self.store.read().await.unwrap();
        let sql = "SELECT data FROM outbox WHERE subject = $1 AND kind = $2 ORDER BY seq DESC";
        let data: String = sqlx::query_scalar(sql)
            .bind(id)
            .bind(E::TYPE)
            .fetch_one(&mut *conn)
            .await
            .unwrap();
        serde_json::from_str(&data).unwrap()
    }

    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        let mut conn = self.store.read().await.unwrap();
        sqlx::query_scalar(sql).fetch_one(&mut *conn).await.unwrap()
    }

    /// Money, stock, orders and events tell the same story.
    pub(crate) async fn check_books(&self, product: &str, delivered: i64) {
        check_books(&self.store, &self.billing, product, delivered).await;
    }

    pub(crate) async fn close(self) {
        self.store.close().await;
        self.service.stop().await;
    }
}

/// See [`Shop::check_books`].
pub(crate) async fn check_books(
    store: &Store,
    billing: &FakeBilling,
    product: &str,
    delivered: i64,
) {
    let mut conn = store.read().await.unwrap();
    let held: i64 = sqlx::query_scalar(
        "SELECT CAST(COALESCE(SUM(quantity), 0) AS BIGINT) FROM reservations \
         WHERE product_id = $1 AND state <> 'released'",
    )
    .bind(product)
    .fetch_one(&mut *conn)
    .await
    .unwrap();
    let stock: i64 = sqlx::query_scalar("SELECT stock FROM products WHERE id = $1")
        .bind(product)
        .fetch_one(&mut *conn)
        .await
        .unwrap();
    assert_eq!(stock + held, delivered, "no piece appears or disappears");
    let orders = sqlx::query("SELECT id, status, total, payment_id FROM orders")
        .fetch_all(&mut *conn)
        .await
        .unwrap();
    for order in orders {
        let (id, status): (String, String) = (order.get(0), order.get(1));
        let live: Vec<_> = billing
            .payments(&id)
            .into_iter()
            .filter(|p| matches!(p.status, Is::Authorized | Is::Captured))
            .collect();
        let reserved: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM reservations WHERE order_id = $1 AND state <> 'released'",
        )
        .bind(&id)
        .fetch_one(&mut *conn)
        .await
        .unwrap();
        let told = sqlx::query_scalar::<_, String>(
            "SELECT kind FROM outbox WHERE subject = $1 ORDER BY seq",
        )
        .bind(&id)
        .fetch_all(&mut *conn)
        .await
        .unwrap();
        let told: Vec<&str> = told.iter().map(String::as_str).collect();
        match status.as_str() {
            "confirmed" => {
                let [payment] = live.as_slice() else {
                    panic!("{id}: {live:?}")
                };
                assert_eq!(payment.status, Is::Captured, "{id} is paid");
                assert_eq!(payment.amount, order.get::<i64, _>(2));
                assert_eq!(payment.id, order.get::<String, _>(3));
                assert_eq!(reserved, 1, "{id} holds its pieces");
                assert_eq!(told, ["order.placed.v1", "order.confirmed.v1"]);
            }
            "rejected" => {
                assert!(live.is_empty(), "{id} was given back: {live:?}");
                assert_eq!(reserved, 0, "{id} holds nothing");
                assert_eq!(told, ["order.placed.v1", "order.rejected.v1"]);
            }
            "cancelled" => {
                assert!(live.is_empty(), "{id} was given back: {live:?}");
                assert_eq!(reserved, 0, "{id} holds nothing");
                assert_eq!(told.last(), Some(&"order.cancelled.v1"));
                assert_eq!(told.len(), 3);
            }
            other => panic!("{id} is {other}: neither complete nor undone"),
        }
    }
}
