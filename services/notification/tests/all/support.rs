//! A running notification service with everything around it.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use shoal_bus::{Bus, EventEnvelope, Relay};
use shoal_notification::{Notification, NotificationConfig, SmtpTls};
use shoal_proto::events::auth::{SecretString, UserRegisteredV1};
use shoal_proto::events::order::{OrderConfirmedV1, OrderItem, OrderSummary};
use shoal_proto::notification::v1::notification_service_client::NotificationServiceClient;
use shoal_store::{Migrations, Store, outbox};
use shoal_task::Scope;
use shoal_testkit::{Redis, SmtpSink, TestDb, TestService, eventually};

use super::auth::FakeAuth;

pub(super) const BOUND: Duration = Duration::from_secs(20);
pub(super) const ADA: &str = "usr_ada";
pub(super) const ADA_MAIL: &str = "ada@example.com";
pub(super) const GRACE: &str = "usr_grace";
pub(super) const GRACE_MAIL: &str = "grace@example.com";

/// Database and bus, without a service.
pub(super) struct Ground {
    pub(super) db: TestDb,
    pub(super) bus: Bus,
    _redis: Option<Redis>,
}

impl Ground {
    pub(super) fn embedded() -> Self {
        Self {
            db: TestDb::sqlite(),
            bus: Bus::in_process(),
            _redis: None,
        }
    }

    pub(super) async fn production() -> Self {
        let redis = Redis::start();
        let bus = Bus::redis(&redis.url()).unwrap();
        Self {
            db: TestDb::postgres().await,
            bus,
            _redis: Some(redis),
        }
    }

    /// The embedded default and what runs in production.
    pub(super) async fn all() -> [Self; 2] {
        [Self::embedded(), Self::production().await]
    }
}

/// Settings that lose no time.
pub(super) fn fast(config: &mut NotificationConfig, smtp: SocketAddr) {
    config.mail.smtp.host = smtp.ip().to_string();
    config.mail.smtp.port = smtp.port();
    config.mail.smtp.tls = SmtpTls::None;
    config.mail.smtp.timeout_ms = 2_000;
    config.deliveries.lease_ms = 3_000;
    config.deliveries.poll_interval_ms = 20;
    config.deliveries.retry_initial_ms = 10;
    config.deliveries.retry_max_ms = 20;
    config.deliveries.max_attempts = 3;
    config.streams.heartbeat_ms = 200;
    config.streams.poll_interval_ms = 50;
    config.webhook.allow_private_targets = true;
    config.webhook.poll_interval_ms = 20;
    config.webhook.retry_initial_ms = 10;
    config.webhook.retry_max_ms = 20;
    config.webhook.max_attempts = 3;
}

/// A running service and its neighbours.
pub(super) struct World {
    pub(super) service: TestService<Notification>,
    pub(super) smtp: SmtpSink,
    pub(super) auth: FakeAuth,
    pub(super) producer: Producer,
    // Last, so that the database outlives what uses it.
    pub(super) ground: Ground,
}

impl World {
    pub(super) async fn on(ground: Ground) -> Self {
        Self::with(ground, |_| {}).await
    }

    pub(super) async fn with(ground: Ground, change: impl FnOnce(&mut NotificationConfig)) -> Self {
        let smtp = SmtpSink::start().await;
        let auth = FakeAuth::start(&[(ADA, ADA_MAIL), (GRACE, GRACE_MAIL)]).await;
        let bus = ground.bus.clone();
        let service = TestService::<Notification>::builder()
            .config(|config| {
                fast(config, smtp.addr());
                change(config);
            })
            .peer("auth", auth.addr)
            .platform(|platform| platform.bus(bus))
            .start(&ground.db)
            .await;
        let producer = Producer::start("order", &ground).await;
        Self {
            service,
            smtp,
            auth,
            producer,
            ground,
        }
    }

    pub(super) fn user(&self, id: &str) -> String {
        self.service.issuer.user(id, &["customer"])
    }

    pub(super) fn admin(&self) -> String {
        self.service.issuer.user("usr_admin", &["admin"])
    }

    pub(super) fn grpc(&self) -> NotificationServiceClient<shoal_rpc::Channel> {
        NotificationServiceClient::new(self.service.grpc_channel())
    }

    pub(super) async fn get(&self, token: &str, path: &str) -> Value {
        self.service
            .get(&v1(path))
            .bearer(token)
            .send()
            .await
            .ok(200)
    }

    /// Items of a user's inbox, newest first.
    pub(super) async fn inbox(&self, user: &str) -> Vec<Value> {
        let page = self.get(&self.user(user), "/inbox").await;
        page["items"].as_array().unwrap().clone()
    }

    pub(super) async fn wait_for_inbox(&self, user: &str, count: usize) -> Vec<Value> {
        let probe = || async {
            let items = self.inbox(user).await;
            if items.len() >= count {
                Ok(items)
            } else {
                Err(format!("{} items", items.len()))
            }
        };
        eventually(probe, BOUND).await
    }

    /// Waits for the one delivery by this channel to reach a state.
    pub(super) async fn wait_for_delivery(&self, channel: &str, state: &str) -> Value {
        let path = format!("/deliveries?channel={channel}&limit=100");
        let probe = || async {
            let page = self.get(&self.admin(), &path).await;
            match page["items"].as_array().unwrap().as_slice() {
                [one] if one["state"] == state => Ok(one.clone()),
                other => Err(format!("{other:?}")),
            }
        };
        eventually(probe, BOUND).await
    }

    /// Makes a template of category `news` that prints `{{ name }}`.
    pub(super) async fn publish_offer(&self) {
        let admin = self.admin();
        let head = json!({"category": "news", "sample": {"name": "Ada"}});
        let put = self
            .service
            .put(&v1("/templates/offer"))
            .bearer(&admin)
            .json(&head);
        let _ = put.send().await.expect(200);
        for channel in ["email", "inbox"] {
            let version = json!({"channel": channel, "locale": "en",
                "source": {"subject": "Offer", "text": "Dear {{ name }}"}});
            let add = self
                .service
                .post(&v1("/templates/offer/versions"))
                .bearer(&admin);
            let _ = add.json(&version).send().await.expect(201);
            let path = format!("/templates/offer/{channel}/en/versions/1/publish");
            let _ = self
                .service
                .post(&v1(&path))
                .bearer(&admin)
                .send()
                .await
                .expect(200);
        }
    }

    /// Sends the offer to a user under a key; answers what was queued.
    pub(super) async fn send_offer(&self, user: &str, key: &str) -> Value {
        let body = json!({"user_id": user, "template": "offer", "data": {"name": "Ada"}});
        let post = self
            .service
            .post(&v1("/notifications"))
            .bearer(&self.admin());
        post.idempotency_key(key).json(&body).send().await.ok(202)
    }

    pub(super) async fn stop(self) {
        self.service.stop().await;
        self.producer.stop().await;
    }
}

pub(super) fn v1(path: &str) -> String {
    format!("/notification/v1{path}")
}

/// Another module that records events in its outbox.
pub(super) struct Producer {
    store: Store,
    scope: Scope,
}

impl Producer {
    pub(super) async fn start(name: &str, ground: &Ground) -> Self {
        let store = ground.db.store(name, Migrations::none()).await;
        let scope = Scope::root(format!("producer-{name}"));
        Relay::new(&store, &ground.bus).start(&scope);
        Self { store, scope }
    }

    pub(super) async fn publish<E: shoal_proto::events::Event>(&self, event: &E) -> EventEnvelope {
        let envelope = EventEnvelope::of(event, self.store.clock().now_ms()).unwrap();
        self.publish_envelope(&envelope).await;
        envelope
    }

    pub(super) async fn publish_envelope(&self, envelope: &EventEnvelope) {
        let mut tx = self.store.begin().await.unwrap();
        outbox::publish_envelope(&mut tx, envelope).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub(super) async fn stop(self) {
        self.scope.drain(BOUND).await;
        self.store.close().await;
    }
}

pub(super) fn registered(user: &str, email: &str, token: &str) -> UserRegisteredV1 {
    UserRegisteredV1 {
        user_id: user.into(),
        email: email.into(),
        display_name: "Ada".into(),
        verification_token: SecretString(token.into()),
        verification_expires_at_ms: 1_900_000_000_000,
    }
}

pub(super) fn confirmed(user: &str, order: &str) -> OrderConfirmedV1 {
    OrderConfirmedV1 {
        order: OrderSummary {
            order_id: order.into(),
            user_id: user.into(),
            items: vec![OrderItem {
                product_id: "prd_1".into(),
                name: "Herring".into(),
                quantity: 2,
                unit_price_minor: 250,
                line_total_minor: 500,
            }],
            currency: "EUR".into(),
            total_minor: 500,
            placed_at_ms: 1_700_000_000_000,
        },
        payment_id: "pay_1".into(),
        confirmed_at_ms: 1_700_000_001_000,
    }
}
