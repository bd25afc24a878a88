//! What reaches the logs: never a secret, never an address.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;
use shoal_testkit::TestDb;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;

use super::support::{PASSWORD, World, basic, text};

/// Everything that was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn no_secret_and_no_address_is_ever_logged() {
    let log = Log::default();
    // Everything of ours at the finest level, spans with their fields included;
    // of the libraries what an operator would switch on at most.
    let targets = Targets::new()
        .with_target("shoal", tracing::Level::TRACE)
        .with_target("sqlx", tracing::Level::TRACE)
        .with_default(tracing::Level::DEBUG);
    let spans = tracing_subscriber::fmt::format::FmtSpan::FULL;
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(log.clone())
        .with_span_events(spans);
    let subscriber = tracing_subscriber::registry().with(layer).with(targets);
    // The test's runtime has one thread, so all that it runs is seen.
    let _guard = tracing::subscriber::set_default(subscriber);

    let db = TestDb::sqlite();
    let w = World::start(&db).await;
    let mut secrets = every_flow(&w).await;
    secrets.extend(["ada@example.com", "root@example.com", PASSWORD, WRONG, NEW].map(String::from));
    w.stop().await;

    let bytes = log.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let logged = String::from_utf8_lossy(&bytes);
    assert!(logged.contains("logged in"), "the log was recorded");
    for secret in secrets {
        let line = logged.lines().find(|line| line.contains(&secret));
        assert!(
            line.is_none(),
            "{secret:?} was logged: {}",
            line.unwrap_or_default()
        );
    }
}

const WRONG: &str = "this is not the password";
const NEW: &str = "seven purple llamas dance";

/// Goes through everything that handles a secret; the secrets.
async fn every_flow(w: &World) -> Vec<String> {
    let first = w.newcomer("ada@example.com").await;
    let verification = w.verification_token().await;
    let body = json!({ "token": verification });
    w.service
        .post("/auth/v1/verify-email")
        .json(&body)
        .send()
        .await
        .expect(200);
    w.try_log_in("ada@example.com", WRONG)
        .send()
        .await
        .expect(401);
    let second = w.refresh(&first.refresh_token).await;
    let change = json!({ "current_password": PASSWORD, "new_password": NEW });
    let password = w
        .service
        .post("/auth/v1/password")
        .bearer(&second.access_token);
    password.json(&change).send().await.expect(204);
    w.try_refresh(&first.refresh_token).send().await.expect(401);
    let taken = json!({ "email": "ada@example.com", "password": PASSWORD });
    w.service
        .post("/auth/v1/register")
        .json(&taken)
        .send()
        .await
        .expect(409);
    let resend = json!({ "email": "ada@example.com" });
    w.service
        .post("/auth/v1/verify-email/resend")
        .json(&resend)
        .send()
        .await
        .expect(202);

    let client = w.service_account("checker", &["introspect"]).await;
    w.introspect(&client, &second.access_token).await;
    let token = w.form(
        "/auth/v1/oauth/token",
        &[("grant_type", "client_credentials")],
    );
    let token = token
        .header("authorization", &basic(&client.0, &client.1))
        .send()
        .await;
    let issued: serde_json::Value = token.ok(200);
    w.form("/auth/v1/oauth/revoke", &[("token", &second.refresh_token)])
        .send()
        .await
        .expect(200);
    w.me(&first.access_token).send().await.expect(401);
    vec![
        verification,
        first.access_token,
        first.refresh_token,
        second.access_token,
        second.refresh_token,
        client.1,
        text(&issued["access_token"]),
    ]
}
