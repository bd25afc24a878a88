//! Somebody who uses the platform through the gateway.

use std::time::Duration;

use serde_json::{Value, json};
use shoal_testkit::{TestClient, TestRequest, TestResponse, eventually};

/// Longest that anything asynchronous may take on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// A logged-in customer or administrator.
pub(crate) struct Person {
    pub(crate) client: TestClient,
    pub(crate) token: String,
    pub(crate) refresh: String,
}

impl Person {
    /// Registers and logs in.
    pub(crate) async fn new(gateway: &str, email: &str) -> Self {
        let credentials = json!({"email": email, "password": "correct horse battery staple"});
        let client = TestClient::new(gateway);
        let registered = client
            .post("/auth/v1/register")
            .json(&credentials)
            .send()
            .await;
        assert!(registered.status.is_success(), "{}", registered.text());
        Self::log_in(gateway, &credentials).await
    }

    /// Logs in.
    pub(crate) async fn log_in(gateway: &str, credentials: &Value) -> Self {
        let client = TestClient::new(gateway);
        let tokens: Value = client
            .post("/auth/v1/login")
            .json(credentials)
            .send()
            .await
            .ok(200);
        let text = |key: &str| tokens[key].as_str().expect(key).to_owned();
        Self {
            client,
            token: text("access_token"),
            refresh: text("refresh_token"),
        }
    }

    /// The administrator of a data folder.
    pub(crate) async fn admin(gateway: &str, folder: &std::path::Path) -> Self {
        let password = std::fs::read_to_string(folder.join("admin.password")).unwrap();
        Self::log_in(
            gateway,
            &json!({"email": "admin@shoal.example", "password": password}),
        )
        .await
    }

    pub(crate) fn get(&self, path: &str) -> TestRequest {
        self.client.get(path).bearer(&self.token)
    }

    pub(crate) fn post(&self, path: &str) -> TestRequest {
        self.client.post(path).bearer(&self.token)
    }

    /// Asks for an order of one product.
    pub(crate) async fn order(&self, key: &str, product: &str, quantity: u32) -> TestResponse {
        self.post("/order/v1/orders")
            .idempotency_key(key)
            .json(&json!({"items": [{"product_id": product, "quantity": quantity}]}))
            .send()
            .await
    }

    /// The order, once it has come to rest.
    pub(crate) async fn settled(&self, id: &str) -> Value {
        let path = format!("/order/v1/orders/{id}");
        eventually(
            || async {
                let order: Value = self.get(&path).send().await.ok(200);
                let status = order["status"].as_str().unwrap();
                (!matches!(status, "pending" | "cancelling")).then_some(order)
            },
            SOON,
        )
        .await
    }

    /// The stock of a product.
    pub(crate) async fn stock(&self, product: &str) -> i64 {
        let product: Value = self
            .client
            .get(&format!("/order/v1/products/{product}"))
            .send()
            .await
            .ok(200);
        product["stock"].as_i64().unwrap()
    }

    /// Waits for an entry of the in-app inbox made from a template.
    pub(crate) async fn notified(&self, template: &str) -> Value {
        eventually(
            || async {
                let page: Value = self.get("/notification/v1/inbox").send().await.ok(200);
                let items = page["items"].as_array().unwrap();
                items
                    .iter()
                    .find(|item| item["template"] == template)
                    .cloned()
            },
            SOON,
        )
        .await
    }
}
