//! What reaches the logs: never a secret, never an address.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Once, PoisonError};

use serde_json::json;
use shoal_testkit::TestDb;
use tracing::Level;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt as _;

use super::support::{PASSWORD, World, basic, text};

static RECORDING: AtomicBool = AtomicBool::new(false);
static LOGGED: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Keeps what is written while a test records.
struct Log;

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOGGED
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Makes this process's log one that can be read: without the redaction that the
/// platform's own does on top. Before the first service starts, and for the whole
/// process, because work moves between threads.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Everything of ours at the finest level, spans with their fields
        // included; of the libraries what an operator would switch on at most.
        let seen = |meta: &tracing::Metadata<'_>| {
            let finest = meta.target().starts_with("shoal") || meta.target().starts_with("sqlx");
            RECORDING.load(Ordering::Relaxed) && (finest || *meta.level() <= Level::DEBUG)
        };
        let layer = tracing_subscriber::fmt::layer()
            .with_writer(|| Log)
            .with_span_events(FmtSpan::NEW | FmtSpan::CLOSE)
            .with_filter(dynamic_filter_fn(move |meta, _| seen(meta)));
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::set_global_default(subscriber).unwrap();
    });
}

#[tokio::test]
async fn no_secret_and_no_address_is_ever_logged() {
    let db = TestDb::sqlite();
    install();
    RECORDING.store(true, Ordering::Relaxed);
    let w = World::start(&db).await;
    let mut secrets = every_flow(&w).await;
    w.stop().await;
    RECORDING.store(false, Ordering::Relaxed);

    // Whatever other tests did meanwhile must not have logged an address either.
    secrets.extend(["@example.com", "%40example.com", PASSWORD, WRONG, NEW].map(String::from));
    let bytes = LOGGED
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let logged = String::from_utf8_lossy(&bytes);
    assert!(logged.contains("logged in"), "the log was recorded");
    assert!(logged.contains("auth/v1/register"), "spans were recorded");
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

    let number = json!({ "email": "ada@example.com", "password": 90_817_263_544_u64 });
    let refused = w
        .service
        .post("/auth/v1/login")
        .json(&number)
        .send()
        .await
        .expect(400);
    assert!(!refused.text().contains("90817263544"));

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
        "90817263544".to_owned(),
        verification,
        first.access_token,
        first.refresh_token,
        second.access_token,
        second.refresh_token,
        client.1,
        text(&issued["access_token"]),
    ]
}
