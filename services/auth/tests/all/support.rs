//! A running auth service with a clock that moves when told, and its events.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use shoal_auth::Auth;
use shoal_auth::config::AuthConfig;
use shoal_proto::auth::v1::auth_service_client::AuthServiceClient;
use shoal_store::Store;
use shoal_testkit::{ManualClock, TestDb, TestRequest, TestService};
use tonic::transport::Channel;

/// Where the clock stands when a test begins.
pub(crate) const START_MS: i64 = 1_764_000_000_000;
pub(crate) const ADMIN: &str = "root@example.com";
pub(crate) const PASSWORD: &str = "correct horse battery staple";
/// 32 bytes, so that two instances open the same signing keys.
const SEALING_KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

pub(crate) struct World {
    pub(crate) service: TestService<Auth>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: Store,
}

/// Tokens of a log-in or refresh.
#[derive(Clone, Debug, serde::Deserialize)]
pub(crate) struct Tokens {
    pub(crate) access_token: String,
    pub(crate) refresh_token: String,
    pub(crate) session_id: String,
    pub(crate) expires_in: u32,
    pub(crate) refresh_expires_in: i64,
    pub(crate) token_type: String,
    pub(crate) user: Value,
}

impl World {
    pub(crate) async fn start(db: &TestDb) -> Self {
        Self::start_with(db, |_| {}).await
    }

    pub(crate) async fn start_with(db: &TestDb, change: impl FnOnce(&mut AuthConfig)) -> Self {
        Self::start_at(db, ManualClock::new(START_MS), change).await
    }

    /// With a clock that other instances may share.
    pub(crate) async fn start_at(
        db: &TestDb,
        clock: Arc<ManualClock>,
        change: impl FnOnce(&mut AuthConfig),
    ) -> Self {
        super::logs::install();
        let service = TestService::<Auth>::builder()
            .clock(clock.clone())
            .config(|config| {
                // The cheapest that Argon2 takes: its strength is not under test.
                config.password_hash.memory_kib = 64;
                config.password_hash.iterations = 1;
                config.keys.sealing_key = Some(SEALING_KEY.to_owned().into());
                config.bootstrap.admin_email = ADMIN.to_owned();
                config.bootstrap.admin_password = Some(PASSWORD.to_owned().into());
                change(config);
            })
            .start(db)
            .await;
        let store = Store::open_with_clock("auth", &db.config(), clock.clone())
            .await
            .unwrap();
        Self {
            service,
            clock,
            store,
        }
    }

    pub(crate) async fn stop(self) {
        drop(self.store);
        self.service.stop().await;
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Registers; the user as answered.
    pub(crate) async fn register(&self, email: &str) -> Value {
        let body = json!({ "email": email, "password": PASSWORD, "display_name": "Ada" });
        self.service
            .post("/auth/v1/register")
            .json(&body)
            .send()
            .await
            .ok(201)
    }

    pub(crate) fn try_log_in(&self, email: &str, password: &str) -> TestRequest {
        let body = json!({ "email": email, "password": password });
        self.service.post("/auth/v1/login").json(&body)
    }

    pub(crate) async fn log_in(&self, email: &str) -> Tokens {
        self.try_log_in(email, PASSWORD).send().await.ok(200)
    }

    /// Registers and logs in.
    pub(crate) async fn newcomer(&self, email: &str) -> Tokens {
        self.register(email).await;
        self.log_in(email).await
    }

    /// Tokens of the administrator that the settings ask for.
    pub(crate) async fn admin(&self) -> Tokens {
        self.log_in(ADMIN).await
    }

    pub(crate) fn try_refresh(&self, refresh_token: &str) -> TestRequest {
        self.service
            .post("/auth/v1/refresh")
            .json(&json!({ "refresh_token": refresh_token }))
    }

    pub(crate) async fn refresh(&self, refresh_token: &str) -> Tokens {
        self.try_refresh(refresh_token).send().await.ok(200)
    }

    pub(crate) fn me(&self, access_token: &str) -> TestRequest {
        self.service.get("/auth/v1/me").bearer(access_token)
    }

    /// A form as OAuth clients send it.
    pub(crate) fn form(&self, path: &str, fields: &[(&str, &str)]) -> TestRequest {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        self.service
            .post(path)
            .body("application/x-www-form-urlencoded", body)
    }

    /// Makes a service account; its id and secret.
    pub(crate) async fn service_account(&self, name: &str, roles: &[&str]) -> (String, String) {
        let admin = self.admin().await;
        let made: Value = self
            .service
            .post("/auth/v1/service-accounts")
            .bearer(&admin.access_token)
            .json(&json!({ "name": name, "roles": roles }))
            .send()
            .await
            .ok(201);
        (text(&made["client_id"]), text(&made["client_secret"]))
    }

    /// Introspects by client credentials.
    pub(crate) async fn introspect(&self, client: &(String, String), token: &str) -> Value {
        self.form("/auth/v1/oauth/introspect", &[("token", token)])
            .header("authorization", &basic(&client.0, &client.1))
            .send()
            .await
            .ok(200)
    }

    /// Payloads of the recorded events of a type, oldest first.
    pub(crate) async fn events(&self, kind: &str) -> Vec<Value> {
        let mut conn = self.store.read().await.unwrap();
        let rows: Vec<(String,)> =
            sqlx::query_as("SELECT data FROM outbox WHERE kind = $1 ORDER BY seq")
                .bind(kind.to_owned())
                .fetch_all(&mut *conn)
                .await
                .unwrap();
        rows.iter()
            .map(|row| serde_json::from_str(&row.0).unwrap())
            .collect()
    }

    /// The newest verification token that an event carries.
    pub(crate) async fn verification_token(&self) -> String {
        let mut all = self.events("auth.user_registered.v1").await;
        all.extend(self.events("auth.verification_requested.v1").await);
        let newest = all
            .iter()
            .max_by_key(|e| e["verification_expires_at_ms"].as_i64())
            .unwrap();
        text(&newest["verification_token"])
    }

    /// A value that the database keeps, for rules that no interface shows.
    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        let mut conn = self.store.read().await.unwrap();
        sqlx::query_scalar(sql).fetch_one(&mut *conn).await.unwrap()
    }

    /// A gRPC client that shows the mesh secret.
    pub(crate) fn grpc(&self) -> AuthServiceClient<shoal_rpc::Channel> {
        AuthServiceClient::new(self.service.grpc_channel())
    }

    /// A plain channel, as somebody outside the mesh has it.
    pub(crate) async fn channel(&self) -> Channel {
        let place = format!("http://{}", self.service.addr());
        Channel::from_shared(place)
            .unwrap()
            .connect()
            .await
            .unwrap()
    }
}

pub(crate) fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is no text"))
        .to_owned()
}

pub(crate) fn basic(id: &str, secret: &str) -> String {
    use base64::Engine as _;
    let pair = format!("{id}:{secret}");
    format!(
        "Basic {}",
        base64::engine::general_purpose::STANDARD.encode(pair)
    )
}

/// One part of a JWT, decoded: 0 is the header, 1 the payload.
pub(crate) fn jwt_part(token: &str, part: usize) -> Value {
    use base64::Engine as _;
    let text = token.split('.').nth(part).unwrap();
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(text)
        .unwrap();
    serde_json::from_slice(&bytes).unwrap()
}
