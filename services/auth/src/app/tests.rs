//! What the interfaces don't show: the work behind an answer, and the commands.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use shoal_error::Error;
use shoal_task::{ManualClock, Scope};
use shoal_testkit::TestDb;

use super::{App, Client, Parts};
use crate::app::keys::KeyRing;
use crate::codes::AuthCode;
use crate::commands;
use crate::config::AuthConfig;
use crate::domain::email::Email;
use crate::domain::password::Password;
use crate::domain::sealing::SealingKey;
use crate::store::users;

const START_MS: i64 = 1_764_000_000_000;

struct World {
    app: App,
    clock: Arc<ManualClock>,
    scope: Scope,
}

async fn world(db: &TestDb) -> World {
    let mut config = AuthConfig::default();
    (
        config.password_hash.memory_kib,
        config.password_hash.iterations,
    ) = (64, 1);
    let clock = ManualClock::new(START_MS);
    let migrations = shoal_store::migrations!("auth");
    let store = db.store_with_clock("auth", migrations, clock.clone()).await;
    let (sealing, policy) = (SealingKey::generate(), config.key_policy(30));
    let keys = KeyRing::open(store.clone(), clock.clone(), sealing, policy)
        .await
        .unwrap();
    let (issuer, audience) = ("https://auth.test".to_owned(), "shoal".to_owned());
    let parts = Parts {
        store,
        clock: clock.clone(),
        keys,
        issuer,
        audience,
    };
    let scope = Scope::root("auth-test");
    let app = App::new(Arc::new(config), parts, &scope).await.unwrap();
    World { app, clock, scope }
}

fn client() -> Client {
    Client {
        address: [127, 0, 0, 1].into(),
        user_agent: "test".to_owned(),
    }
}

fn email(text: &str) -> Email {
    Email::parse(text).unwrap()
}

fn password(text: &str) -> Password {
    Password::typed(text.to_owned())
}

async fn run(app: &App, line: &str) -> Result<String, Error> {
    let program = shoal_service::clap::Command::new("shoal-auth").subcommands(commands::all());
    let matches = program.try_get_matches_from(line.split(' ')).unwrap();
    commands::run(app, &matches).await
}

/// A file that holds a password, as `--password-file` takes it.
fn password_file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "{text}").unwrap();
    file
}

#[tokio::test]
async fn a_refused_log_in_costs_the_same_work_whoever_it_is() {
    for db in TestDb::all().await {
        let w = world(&db).await;
        w.app
            .ensure_admin(&email("ada@example.com"), password("a fine password"))
            .await
            .unwrap();
        let mut costs = Vec::new();
        for who in ["ada@example.com", "nobody@example.com"] {
            let before = w.app.passwords.computed();
            let refused = w
                .app
                .log_in(&email(who), password("wrong password"), &client())
                .await;
            let Err(error) = refused else {
                panic!("{who} got in")
            };
            assert!(error.is(AuthCode::InvalidCredentials), "{error}");
            costs.push(w.app.passwords.computed() - before);
        }
        assert_eq!(costs, [1, 1], "{db}");
        w.scope.drain(Duration::from_secs(5)).await;
    }
}

#[tokio::test]
async fn a_locked_log_in_costs_no_computation_whoever_it_is() {
    let db = TestDb::sqlite();
    let w = world(&db).await;
    w.app
        .ensure_admin(&email("ada@example.com"), password("a fine password"))
        .await
        .unwrap();
    for who in ["ada@example.com", "nobody@example.com"] {
        let attempt = async || {
            w.app
                .log_in(&email(who), password("wrong password"), &client())
                .await
        };
        for _ in 0..10 {
            assert!(attempt().await.is_err());
        }
        let before = w.app.passwords.computed();
        let Err(error) = attempt().await else {
            panic!("{who} got in")
        };
        assert!(error.is(AuthCode::TooManyAttempts), "{error}");
        assert_eq!(error.retry_after(), Some(Duration::from_secs(30)));
        assert_eq!(w.app.passwords.computed(), before);
    }
    w.scope.drain(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn the_command_rotates_once_verifiers_know_the_next_key() {
    for db in TestDb::all().await {
        let w = world(&db).await;
        let old = w
            .app
            .issue_for_session("usr_1", "ses_1", Vec::new())
            .unwrap()
            .token;
        let early = run(&w.app, "shoal-auth rotate-keys").await.unwrap_err();
        assert!(early.is(AuthCode::RotationTooEarly), "{early}");
        // Twice the time that caches may keep the key set.
        w.clock.advance(Duration::from_secs(600));
        let said = run(&w.app, "shoal-auth rotate-keys").await.unwrap();
        let new = w
            .app
            .issue_for_session("usr_1", "ses_1", Vec::new())
            .unwrap()
            .token;
        let signer = crate::domain::access_token::key_id(&new).unwrap();
        assert!(said.starts_with(&signer), "{said}");
        assert_ne!(crate::domain::access_token::key_id(&old).unwrap(), signer);
        assert!(w.app.check_access_token(&old).is_ok());
        assert!(w.app.check_access_token(&new).is_ok());

        let again = run(&w.app, "shoal-auth rotate-keys").await.unwrap_err();
        assert!(again.is(AuthCode::RotationTooEarly));
        run(&w.app, "shoal-auth rotate-keys --force").await.unwrap();
        assert!(
            w.app.check_access_token(&old).is_ok(),
            "the oldest key is still published"
        );
        w.scope.drain(Duration::from_secs(5)).await;
    }
}

#[tokio::test]
async fn a_retired_key_goes_when_its_last_token_has_expired() {
    let db = TestDb::sqlite();
    let w = world(&db).await;
    w.clock.advance(Duration::from_secs(600));
    let token = w
        .app
        .issue_for_session("usr_1", "ses_1", Vec::new())
        .unwrap()
        .token;
    let kid = crate::domain::access_token::key_id(&token).unwrap();
    w.app.keys.rotate(false).await.unwrap();
    // The longest token, two reloads of other instances, and their clocks' skew.
    let longest = 900 + 2 * 30 + 30;
    w.clock.advance(Duration::from_secs(longest - 1));
    w.app.keys.reload().await.unwrap();
    assert!(w.app.keys.find(&kid).is_some());
    w.clock.advance(Duration::from_secs(1));
    w.app.keys.reload().await.unwrap();
    assert!(w.app.keys.find(&kid).is_none());
    w.scope.drain(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn the_command_makes_administrators() {
    for db in TestDb::all().await {
        let w = world(&db).await;
        let file = password_file("a fine password");
        let path = file.path().display();
        let line =
            format!("shoal-auth create-admin --email Root@Example.com --password-file {path}");
        assert!(run(&w.app, &line).await.unwrap().contains("was made"));
        assert!(run(&w.app, &line).await.unwrap().contains("already"));
        let (who, secret) = (email("root@example.com"), password("a fine password"));
        let root = w.app.log_in(&who, secret, &client()).await.unwrap();
        assert_eq!(root.user.roles, ["admin"]);

        let role = crate::domain::role::Role::admin();
        let mut tx = w.app.store.begin().await.unwrap();
        let found = users::credentials_by_email(&mut tx, &email("root@example.com"))
            .await
            .unwrap();
        users::revoke_role(&mut tx, &found.unwrap().user.id, &role)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        assert!(
            run(&w.app, &line)
                .await
                .unwrap()
                .contains("administrator now")
        );
        w.scope.drain(Duration::from_secs(5)).await;
    }
}

#[tokio::test]
async fn the_command_names_what_is_wrong_with_its_input() {
    let db = TestDb::sqlite();
    let w = world(&db).await;
    let weak = password_file("12345678");
    let line = |email: &str, path: &str| {
        format!("shoal-auth create-admin --email {email} --password-file {path}")
    };
    let path = weak.path().display().to_string();
    for (line, part) in [
        (line("nonsense", &path), "--email"),
        (line("root@example.com", "/no/such/file"), "--password-file"),
        (line("root@example.com", &path), "most common"),
    ] {
        let error = run(&w.app, &line).await.unwrap_err();
        assert!(error.message().contains(part), "{error}");
    }
    w.scope.drain(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn ended_sessions_are_kept_for_a_while_so_that_reuse_is_recognised() {
    for db in TestDb::all().await {
        let w = world(&db).await;
        let (who, secret) = (email("ada@example.com"), || password("a fine password"));
        w.app.ensure_admin(&who, secret()).await.unwrap();
        let first = w.app.log_in(&who, secret(), &client()).await.unwrap();
        let second = w.app.refresh(first.refresh.expose()).await.unwrap();
        w.app
            .log_out(&second.user.id, &second.session_id)
            .await
            .unwrap();
        w.app.clean_up().await.unwrap();
        let rows = || async {
            let mut conn = w.app.store.read().await.unwrap();
            let sql = "SELECT CAST(COUNT(*) AS BIGINT) FROM refresh_tokens";
            sqlx::query_scalar::<_, i64>(sql)
                .fetch_one(&mut *conn)
                .await
                .unwrap()
        };
        assert_eq!(rows().await, 2);
        w.clock.advance(Duration::from_secs(7 * 24 * 3600 - 1));
        w.app.clean_up().await.unwrap();
        assert_eq!(rows().await, 2);
        w.clock.advance(Duration::from_secs(1));
        assert!(w.app.clean_up().await.unwrap() > 0);
        assert_eq!(rows().await, 0);
        w.scope.drain(Duration::from_secs(5)).await;
    }
}

#[tokio::test]
async fn many_ended_rows_are_deleted_in_portions() {
    for db in TestDb::all().await {
        let w = world(&db).await;
        let mut tx = w.app.store.begin().await.unwrap();
        let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1234) \
                   INSERT INTO revoked_access_tokens (jti, expires_at, revoked_at) \
                   SELECT 'tok_' || CAST(i AS TEXT), 1, 1 FROM n";
        sqlx::query(sql).execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(w.app.clean_up().await.unwrap(), 1234, "{db}");
        assert_eq!(w.app.clean_up().await.unwrap(), 0, "{db}");
        w.scope.drain(Duration::from_secs(5)).await;
    }
}

#[tokio::test]
async fn the_database_allows_one_live_refresh_token_per_session() {
    for db in TestDb::all().await {
        let w = world(&db).await;
        let (who, secret) = (email("ada@example.com"), || password("a fine password"));
        w.app.ensure_admin(&who, secret()).await.unwrap();
        let session = w.app.log_in(&who, secret(), &client()).await.unwrap();
        let mut tx = w.app.store.begin().await.unwrap();
        let other = crate::domain::opaque::Secret::generate(crate::domain::opaque::Kind::Refresh);
        let (id, hash) = (&session.session_id, other.hash());
        let second = crate::store::sessions::insert_token(&mut tx, id, &hash, 1, 2).await;
        assert!(second.is_err(), "{db}");
        w.scope.drain(Duration::from_secs(5)).await;
    }
}
