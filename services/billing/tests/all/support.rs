//! A running billing service and the words to speak to it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use shoal_billing::Billing;
use shoal_billing::config::BillingConfig;
use shoal_store::Store;
use shoal_testkit::{TestDb, TestRequest, TestResponse, TestService, eventually};

/// Longest that a test waits for what happens in the background.
pub(super) const SOON: Duration = Duration::from_secs(20);

/// The service, an administrator's token, and fresh keys.
pub(super) struct Desk {
    pub(super) service: TestService<Billing>,
    pub(super) admin: String,
}

/// Settings of tests: nothing times out by accident on a busy machine, and the
/// reconciler does not let a test wait.
pub(super) fn patient(config: &mut BillingConfig) {
    config.provider.timeout_ms = 20_000;
    config.provider.retry_initial_ms = 20;
    config.provider.retry_max_ms = 100;
    config.provider.poll_ms = 20;
    config.provider.sandbox.slow_ms = 30;
}

/// Like [`patient`] for tests in which the provider keeps silent.
pub(super) fn impatient(config: &mut BillingConfig) {
    patient(config);
    config.provider.timeout_ms = 400;
    config.provider.settle_after_ms = 200;
}

impl Desk {
    pub(super) async fn open(db: &TestDb) -> Self {
        Self::with(db, patient).await
    }

    pub(super) async fn with(db: &TestDb, change: impl FnOnce(&mut BillingConfig)) -> Self {
        let service = TestService::<Billing>::builder()
            .config(change)
            .start(db)
            .await;
        let admin = service.issuer.user("usr_admin", &["admin"]);
        Self { service, admin }
    }

    pub(super) async fn close(self) {
        self.service.stop().await;
    }

    pub(super) fn key(&self) -> String {
        // Of the process: two desks may stand on one database.
        static KEYS: AtomicU64 = AtomicU64::new(1);
        format!("key-{}", KEYS.fetch_add(1, Ordering::Relaxed))
    }

    pub(super) fn user(&self, id: &str) -> String {
        self.service.issuer.user(id, &["customer"])
    }

    /// A POST by the administrator under a fresh key.
    pub(super) fn post(&self, path: &str, body: &Value) -> TestRequest {
        self.service
            .post(path)
            .bearer(&self.admin)
            .idempotency_key(&self.key())
            .json(body)
    }

    pub(super) async fn get(&self, path: &str) -> Value {
        self.service
            .get(path)
            .bearer(&self.admin)
            .send()
            .await
            .ok(200)
    }

    /// The id of an authorized payment of `usr_1`.
    pub(super) async fn authorized(&self, reference: &str, units: i64) -> String {
        let body = pay("usr_1", reference, units);
        let view: Value = self
            .post("/billing/v1/payments", &body)
            .send()
            .await
            .ok(201);
        assert_eq!(view["status"], "authorized");
        text(&view, "id")
    }

    /// The id of a wholly captured payment of `usr_1`.
    pub(super) async fn captured(&self, reference: &str, units: i64) -> String {
        let id = self.authorized(reference, units).await;
        self.capture(&id, None).send().await.expect(201);
        id
    }

    pub(super) fn capture(&self, id: &str, units: Option<i64>) -> TestRequest {
        self.post(&format!("/billing/v1/payments/{id}/captures"), &part(units))
    }

    pub(super) fn refund(&self, id: &str, units: Option<i64>) -> TestRequest {
        self.post(&format!("/billing/v1/payments/{id}/refunds"), &part(units))
    }

    pub(super) fn void(&self, id: &str) -> TestRequest {
        self.post(&format!("/billing/v1/payments/{id}/void"), &json!({}))
    }

    pub(super) async fn payment(&self, id: &str) -> Value {
        self.get(&format!("/billing/v1/payments/{id}")).await
    }

    /// Waits until the payment has this status and awaits nothing.
    pub(super) async fn reaches(&self, id: &str, status: &str) -> Value {
        let probe = || async {
            let payment = self.payment(id).await;
            let there = payment["status"] == status && payment["operation_pending"] == false;
            if there { Ok(payment) } else { Err(payment) }
        };
        eventually(probe, SOON).await
    }

    pub(super) async fn assert_balanced(&self) {
        let balance = self.get("/billing/v1/ledger/trial-balance").await;
        assert_eq!(balance["balanced"], true, "{balance}");
    }

    /// How often the sandbox approved an operation of this kind for a payment,
    /// and for how much together.
    pub(super) async fn at_provider(&self, db: &TestDb, payment: &str, kind: &str) -> (i64, i64) {
        let store = raw(db).await;
        let sum: (i64, i64) = sqlx::query_as(
            "SELECT COUNT(*), CAST(COALESCE(SUM(amount_minor), 0) AS BIGINT) \
             FROM sandbox_operations WHERE payment = $1 AND kind = $2 AND outcome = 'approved'",
        )
        .bind(payment.to_owned())
        .bind(kind.to_owned())
        .fetch_one(&mut *store.read().await.unwrap())
        .await
        .unwrap();
        store.close().await;
        sum
    }
}

/// The service's database, past the service.
pub(super) async fn raw(db: &TestDb) -> Store {
    let migrations = <Billing as shoal_service::Module>::migrations().unwrap();
    db.store("billing", migrations).await
}

pub(super) fn pay(user: &str, reference: &str, units: i64) -> Value {
    json!({"user_id": user, "reference": reference, "amount": eur(units)})
}

pub(super) fn eur(units: i64) -> Value {
    json!({"currency": "EUR", "minor_units": units})
}

pub(super) fn part(units: Option<i64>) -> Value {
    units.map_or_else(|| json!({}), |units| json!({"amount": eur(units)}))
}

pub(super) fn text(value: &Value, field: &str) -> String {
    value[field]
        .as_str()
        .unwrap_or_else(|| panic!("no {field} in {value}"))
        .to_owned()
}

pub(super) fn units(value: &Value) -> i64 {
    value["minor_units"]
        .as_i64()
        .unwrap_or_else(|| panic!("no money in {value}"))
}

/// Asserts a status and gives the body.
pub(super) fn body(answer: TestResponse, status: u16) -> Value {
    answer.ok(status)
}
