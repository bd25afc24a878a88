//! Webhooks on a database of their own, with a clock that moves when told.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use shoal_store::page::PageRequest;
use shoal_store::{Migrations, Store};
use shoal_task::{Clock as _, Scope};
use shoal_testkit::{HttpSink, ManualClock, TestDb, eventually};
use shoal_webhook::{
    Delivery, DeliveryFilter, DeliveryState, EndpointState, EndpointWithSecret, NewEndpoint,
    WebhookConfig, WebhookEvent, Webhooks,
};

pub(super) const OWNER: &str = "usr_owner";
pub(super) const TYPES: &[&str] = &["order.confirmed.v1", "order.cancelled.v1"];
pub(super) const BOUND: Duration = Duration::from_secs(20);

pub(super) struct World {
    pub(super) webhooks: Webhooks,
    pub(super) store: Store,
    pub(super) clock: Arc<ManualClock>,
    pub(super) sink: HttpSink,
    pub(super) scope: Scope,
    _db: TestDb,
}

pub(super) fn config() -> WebhookConfig {
    WebhookConfig {
        allow_private_targets: true,
        poll_interval_ms: 10,
        max_attempts: 3,
        retry_initial_ms: 1_000,
        retry_max_ms: 60_000,
        request_timeout_ms: 2_000,
        lease_ms: 5_000,
        ..WebhookConfig::default()
    }
}

impl World {
    /// One world per database; the worker isn't started yet.
    pub(super) async fn all(config: WebhookConfig) -> Vec<Self> {
        let mut worlds = Vec::new();
        for db in TestDb::all().await {
            let clock = ManualClock::new(1_700_000_000_000);
            let migrations = Migrations::none().with(shoal_webhook::migrations());
            let store = db
                .store_with_clock("hooks", migrations, clock.clone())
                .await;
            let webhooks =
                Webhooks::new(store.clone(), clock.clone(), config.clone(), TYPES).unwrap();
            let sink = HttpSink::start().await;
            let scope = Scope::root("test");
            worlds.push(Self {
                webhooks,
                store,
                clock,
                sink,
                scope,
                _db: db,
            });
        }
        worlds
    }

    pub(super) async fn register(&self, types: &[&str]) -> EndpointWithSecret {
        let new = NewEndpoint {
            url: self.sink.url(&format!("/hook/{}", types.len())),
            description: String::new(),
            event_types: types.iter().map(ToString::to_string).collect(),
        };
        self.webhooks.create(OWNER, new).await.unwrap()
    }

    pub(super) async fn publish(&self, id: &str, kind: &str) -> u64 {
        let event = WebhookEvent {
            id: id.into(),
            kind: kind.into(),
            occurred_at_ms: self.clock.now_ms(),
            data: json!({"order_id": "ord_1"}),
        };
        let mut tx = self.store.begin().await.unwrap();
        let queued = self.webhooks.enqueue(&mut tx, OWNER, &event).await.unwrap();
        tx.commit().await.unwrap();
        queued
    }

    /// Changes the database behind the library's back.
    pub(super) async fn sql(&self, statement: &'static str) {
        let mut tx = self.store.begin().await.unwrap();
        sqlx::query(statement).execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// That the endpoint is on, and no failure is held against it.
    pub(super) async fn assert_healthy(&self, endpoint_id: &str) {
        let endpoint = self.webhooks.get(OWNER, endpoint_id).await.unwrap();
        let stands = (endpoint.state, endpoint.failing_since_ms);
        assert_eq!(stands, (EndpointState::Active, None));
    }

    pub(super) async fn deliveries(&self) -> Vec<Delivery> {
        let all = DeliveryFilter::default();
        let page = PageRequest {
            limit: Some(100),
            cursor: None,
        };
        self.webhooks.deliveries(&all, &page).await.unwrap().items
    }

    /// Waits until the only delivery is in a state, with that many attempts.
    pub(super) async fn wait_for(&self, state: DeliveryState, attempts: i64) -> Delivery {
        let probe = || async {
            let all = self.deliveries().await;
            match all.as_slice() {
                [one] if one.state == state && one.attempts == attempts => Ok(one.clone()),
                other => Err(format!("{other:?}")),
            }
        };
        eventually(probe, BOUND).await
    }

    pub(super) async fn end(self) {
        let report = self.scope.drain(BOUND).await;
        assert!(report.aborted.is_empty(), "{report:?}");
        self.store.close().await;
    }
}
