//! A module with a database, an event and a consumer of it.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::State;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use shoal_bus::{Consumer, EventEnvelope, handler_fn, publish};
use shoal_error::{Error, Result};
use shoal_proto::events::Event;
use shoal_service::{
    Built, Context, Json, Module, ModuleContext, OpenApiRouter, Peer, Settings, Sources, routes,
};
use shoal_store::{Migrations, SqlResultExt as _, Store, Tx};
use shoal_testkit::{Etcd, FaultProxy, Redis, TestDb, TestService, eventually};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, Row as _, SqlSafeStr as _};
use tokio::sync::Semaphore;

const SOON: Duration = Duration::from_secs(10);

/// `BROKEN` is a module whose second migration is not SQL.
struct Notes<const BROKEN: bool>;

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct NotesConfig {}

#[derive(Clone)]
struct Notebook {
    store: Store,
}

/// A note was written.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct NoteWritten {
    text: String,
}

impl Event for NoteWritten {
    const TYPE: &'static str = "notes.note_written.v1";

    fn subject(&self) -> &str {
        &self.text
    }
}

/// Lets a test hold the consumer in the middle of its work.
#[derive(Clone)]
struct Hold {
    entered: Arc<AtomicUsize>,
    gate: Arc<Semaphore>,
}

tokio::task_local! {
    static HOLD: Hold;
}

fn migrator(broken: bool) -> Migrator {
    let migration = |version, sql: &'static str| {
        let (name, sql) = (Cow::Borrowed("notes"), AssertSqlSafe(sql).into_sql_str());
        Migration::new(version, name, MigrationType::Simple, sql, false)
    };
    let good = migration(1, "CREATE TABLE seen (text TEXT PRIMARY KEY, user_id TEXT)");
    let bad = migration(2, "CREATE TABEL oops (id TEXT)");
    Migrator::with_migrations(if broken { vec![good, bad] } else { vec![good] })
}

impl<const BROKEN: bool> Module for Notes<BROKEN> {
    const NAME: &'static str = "notes";
    const VERSION: &'static str = "0.1.0";
    const ABOUT: &'static str = "Notes.";
    const PORT: u16 = 0;
    const CONSUMES: &'static [&'static str] = &[NoteWritten::TYPE];
    const PEERS: &'static [Peer] = &[Peer::new("toy", "127.0.0.1:1")];
    type Config = NotesConfig;
    type State = Notebook;

    fn api() -> OpenApiRouter<Notebook> {
        OpenApiRouter::new().routes(routes!(write, seen))
    }

    fn migrations() -> Option<Migrations> {
        Some(Migrations::new("notes", migrator(BROKEN), migrator(BROKEN)))
    }

    async fn build(context: ModuleContext<NotesConfig>) -> Result<Built<Notebook>> {
        context.peer("toy")?;
        assert!(
            context.peer("stranger").is_err(),
            "only declared peers can be called"
        );
        let hold = HOLD.try_with(Clone::clone).map_err(Error::internal)?;
        let handler = handler_fn(move |tx, event| {
            let hold = hold.clone();
            Box::pin(async move { note_seen(tx, event, &hold).await })
        });
        let store = context.store()?;
        Ok(Built::new(Notebook { store })
            .consumer(Consumer::new("notes", [NoteWritten::TYPE], handler))
            .ready("notebook", || async { Ok(()) }))
    }
}

async fn note_seen(tx: &mut Tx, event: &EventEnvelope, hold: &Hold) -> Result<()> {
    hold.entered.fetch_add(1, Ordering::SeqCst);
    hold.gate.acquire().await.map_err(Error::internal)?.forget();
    let note: NoteWritten = shoal_bus::decode(event)?;
    sqlx::query("INSERT INTO seen (text, user_id) VALUES ($1, $2)")
        .bind(note.text)
        .bind(
            Context::current()
                .meta()
                .user_id
                .clone()
                .unwrap_or_default(),
        )
        .execute(&mut **tx)
        .await
        .db()?;
    Ok(())
}

/// Write a note.
#[utoipa::path(post, path = "/notes/v1/notes", responses((status = 200, description = "Written.")))]
async fn write(State(notes): State<Notebook>, Json(text): Json<String>) -> Result<Json<()>> {
    let mut tx = notes.store.begin().await?;
    publish(&mut tx, &NoteWritten { text }).await?;
    tx.commit().await?;
    Ok(Json(()))
}

/// Notes that the consumer has seen, and who wrote them.
#[utoipa::path(get, path = "/notes/v1/notes", responses((status = 200, description = "Notes.")))]
async fn seen(State(notes): State<Notebook>) -> Result<Json<Vec<(String, String)>>> {
    let mut reader = notes.store.read().await?;
    let rows = sqlx::query("SELECT text, user_id FROM seen ORDER BY text")
        .fetch_all(&mut *reader)
        .await
        .db()?;
    Ok(Json(
        rows.iter().map(|row| (row.get(0), row.get(1))).collect(),
    ))
}

async fn notes(db: &TestDb, hold: &Hold) -> TestService<Notes<false>> {
    HOLD.scope(hold.clone(), TestService::start(db)).await
}

fn hold(open: usize) -> Hold {
    Hold {
        entered: Arc::default(),
        gate: Arc::new(Semaphore::new(open)),
    }
}

#[tokio::test]
async fn an_event_goes_from_the_outbox_to_the_consumer_with_its_context() {
    for db in TestDb::all().await {
        let t = notes(&db, &hold(100)).await;
        let token = t.issuer.user("usr_1", &[]);
        let _ = t
            .post("/notes/v1/notes")
            .bearer(&token)
            .json("one")
            .send()
            .await
            .expect(200);
        let seen = eventually(
            || async {
                let seen: Vec<(String, String)> = t.get("/notes/v1/notes").send().await.ok(200);
                (!seen.is_empty()).then_some(seen)
            },
            SOON,
        );
        assert_eq!(seen.await, [("one".to_owned(), "usr_1".to_owned())]);
        t.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_that_share_a_database_elect_one_to_look_after_the_outbox() {
    let (etcd, redis) = (Etcd::start().await, Redis::start());
    let db = TestDb::postgres().await;
    let instance = async || {
        let builder = TestService::<Notes<false>>::builder().chassis(|chassis| {
            chassis.discovery.etcd.endpoints = etcd.endpoints();
            chassis.bus.redis_url = redis.url();
        });
        HOLD.scope(hold(100), builder.start(&db)).await
    };
    let candidates = async |count: usize| {
        let prefix = "/services/notes/leaders/relay";
        let [key, range_end] =
            ["/", "0"].map(|end| BASE64_STANDARD.encode(format!("{prefix}{end}")));
        let found = json!({ "key": key, "range_end": range_end });
        let found = etcd.ask("/v3/kv/range", found).await;
        found["kvs"].as_array().map_or(0, Vec::len) == count
    };
    let (a, b) = (instance().await, instance().await);
    eventually(|| candidates(2), SOON).await;
    // Either of them relays what it commits itself, whoever leads.
    for (at, service) in [&a, &b].into_iter().enumerate() {
        let note = format!("note {at}");
        let sent = service.post("/notes/v1/notes").json(&note).send().await;
        let _ = sent.expect(200);
        let seen = async || {
            let seen: Vec<(String, String)> = a.get("/notes/v1/notes").send().await.ok(200);
            seen.iter().any(|(text, _)| *text == note)
        };
        eventually(seen, SOON).await;
    }
    a.stop().await;
    eventually(|| candidates(1), SOON).await;
    b.stop().await;
    eventually(|| candidates(0), SOON).await;
}

#[tokio::test]
async fn a_drain_lets_the_consumer_finish_the_event_at_hand() {
    for db in TestDb::all().await {
        let hold = hold(0);
        let t = notes(&db, &hold).await;
        let _ = t
            .post("/notes/v1/notes")
            .json("two")
            .send()
            .await
            .expect(200);
        eventually(|| async { hold.entered.load(Ordering::SeqCst) == 1 }, SOON).await;
        let addr = t.addr();
        // The port is closed before consumers are waited for.
        let closed = || async { tokio::net::TcpStream::connect(addr).await.is_err() };
        let gate = Arc::clone(&hold.gate);
        let (report, ()) = tokio::join!(t.shutdown(SOON), async {
            eventually(closed, SOON).await;
            gate.add_permits(1);
        });
        assert!(report.is_clean(), "{report:?}");
        hold.gate.add_permits(100);
        let again = notes(&db, &hold).await;
        let seen: Vec<(String, String)> = again.get("/notes/v1/notes").send().await.ok(200);
        assert_eq!(seen.len(), 1, "the event's effect was kept");
        again.stop().await;
        assert_eq!(
            hold.entered.load(Ordering::SeqCst),
            1,
            "and it was not delivered again"
        );
    }
}

#[tokio::test]
async fn readiness_falls_with_the_database_and_rises_with_it() {
    let db = TestDb::postgres().await;
    let url = url::Url::parse(db.url()).unwrap();
    let upstream = format!("127.0.0.1:{}", url.port().unwrap())
        .parse()
        .unwrap();
    let proxy = FaultProxy::to(upstream).await;
    let mut through = url.clone();
    through.set_port(Some(proxy.addr().port())).unwrap();
    let config = shoal_store::DatabaseConfig::at(through.to_string());
    let t: TestService<Notes<false>> = HOLD.scope(hold(9), TestService::start(config)).await;
    proxy.refuse();
    let report = eventually(
        || async {
            t.get("/readyz")
                .send()
                .await
                .try_json::<serde_json::Value>(503)
        },
        SOON,
    );
    let report = report.await;
    let failed = report["checks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|c| c["ok"] == false)
        .unwrap();
    assert_eq!(failed["name"], "database");
    assert!(
        !failed["problem"].as_str().unwrap().contains("postgres@"),
        "{failed}"
    );
    let _ = t.get("/healthz").send().await.expect(200);
    proxy.heal();
    eventually(
        || async { t.get("/readyz").send().await.status == 200 },
        SOON,
    )
    .await;
    t.stop().await;
}

async fn why_not<const BROKEN: bool>(database: impl Into<shoal_store::DatabaseConfig>) -> String {
    let start = TestService::<Notes<BROKEN>>::builder().try_start(database);
    let Err(error) = HOLD.scope(hold(0), start).await else {
        panic!("it started")
    };
    assert_eq!(error.exit_code(), 1);
    let text = error.to_string();
    assert!(
        text.starts_with("notes: ") && !text.contains('\n'),
        "{text}"
    );
    text
}

#[tokio::test]
async fn an_unreachable_database_is_one_clear_sentence() {
    let url = "postgres://shoal:s3cret@127.0.0.1:1/shoal";
    let text = why_not::<false>(shoal_store::DatabaseConfig::at(url)).await;
    assert!(
        text.contains("127.0.0.1:1/shoal") && !text.contains("s3cret"),
        "{text}"
    );
}

#[tokio::test]
async fn a_broken_migration_is_one_clear_sentence() {
    for db in TestDb::all().await {
        let text = why_not::<true>(&db).await;
        assert!(text.contains("migration 2 of \"notes\" failed"), "{text}");
        // Nothing of it stays behind: the mended program starts.
        notes(&db, &hold(0)).await.stop().await;
    }
}

#[test]
fn peers_are_where_the_module_says_unless_settings_say_otherwise() {
    let addr = |sources: Sources| {
        let settings = Settings::load::<Notes<false>>(&sources).unwrap();
        settings.chassis.discovery.instances().unwrap()["toy"][0]
            .addr
            .clone()
    };
    assert_eq!(addr(Sources::defaults()), "127.0.0.1:1");
    let moved = Sources::defaults().variable("SHOAL_NOTES__DISCOVERY__SERVICES__TOY", "[\"h:2\"]");
    assert_eq!(addr(moved), "h:2");
}
