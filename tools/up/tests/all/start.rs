//! What a person reads when the platform cannot start, and how it stops.

use super::person::{Person, SOON};
use super::process::Process;
use super::stores::Stores;
use sqlx::Connection as _;

/// One sentence, no stack, no panic.
fn assert_one_sentence(text: &str) {
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 1, "{text}");
    assert!(
        lines[0].starts_with("up: ") && lines[0].ends_with('.'),
        "{text}"
    );
}

#[tokio::test]
async fn a_port_in_use_is_one_sentence() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    if port > u16::MAX - 5 {
        return;
    }
    let stores = Stores::embedded();
    let mut arguments = stores.arguments();
    arguments[0] = format!("--port={port}");
    let refusal = Process::refused(&arguments, &[]).await;
    assert_eq!(refusal.code, Some(1), "{}", refusal.stderr);
    assert_one_sentence(&refusal.stderr);
    assert!(refusal.stderr.contains("in use"), "{}", refusal.stderr);
}

#[tokio::test]
async fn a_bad_setting_is_one_sentence_that_names_it_and_where_it_came_from() {
    let stores = Stores::embedded();
    let cases = [
        ("SHOAL_ORDER__NO_SUCH_KEY", "1", "no_such_key"),
        (
            "SHOAL_BILLING__HTTP__MAX_IN_FLIGHT",
            "many",
            "http.max_in_flight",
        ),
        (
            "SHOAL_AUTH__TOKENS__ACCESS_TTL_S",
            "1",
            "tokens.access_ttl_s",
        ),
    ];
    for (variable, value, key) in cases {
        let refusal = Process::refused(&stores.arguments(), &[(variable, value)]).await;
        assert_eq!(refusal.code, Some(64), "{}", refusal.stderr);
        assert_one_sentence(&refusal.stderr);
        assert!(refusal.stderr.contains(key), "{}", refusal.stderr);
        assert!(refusal.stderr.contains(variable), "{}", refusal.stderr);
    }
    let refusal = Process::refused(&["--no-such-option".to_owned()], &[]).await;
    assert_eq!(refusal.code, Some(64));
    for (option, named) in [
        ("--gray=v2", "COLOUR=SERVICE"),
        ("--gray=v2=order,nothing", "there is no service \"nothing\""),
        ("--gray=Stable=order", "instance.labels.gray"),
    ] {
        let mut arguments = stores.arguments();
        arguments.push(option.to_owned());
        let refusal = Process::refused(&arguments, &[]).await;
        assert_eq!(refusal.code, Some(64), "{}", refusal.stderr);
        assert!(refusal.stderr.contains(named), "{}", refusal.stderr);
    }
}

#[tokio::test]
async fn servers_that_are_away_are_one_sentence_without_the_password() {
    let stores = Stores::embedded();
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    for option in [
        format!("--database-url=postgres://shoal:hunter2@{closed}/shoal"),
        format!("--redis-url=redis://shoal:hunter2@{closed}"),
    ] {
        let mut arguments = stores.arguments();
        arguments.push(option);
        let refusal = Process::refused(&arguments, &[]).await;
        assert_eq!(refusal.code, Some(1), "{}", refusal.stderr);
        assert_one_sentence(&refusal.stderr);
        assert!(!refusal.stderr.contains("hunter2"), "{}", refusal.stderr);
    }
}

#[tokio::test]
async fn a_migration_that_changed_after_it_ran_is_one_sentence() {
    let stores = Stores::embedded();
    let process = Process::start(&stores, &[]).await;
    drop(process);
    let file = stores.folder().join("order.db");
    sqlx::any::install_default_drivers();
    let mut database = sqlx::AnyConnection::connect(&format!("sqlite:{}", file.display()))
        .await
        .unwrap();
    sqlx::query("UPDATE _migrations_order SET checksum = x'00'")
        .execute(&mut database)
        .await
        .unwrap();
    database.close().await.unwrap();
    let refusal = Process::refused(&stores.arguments(), &[]).await;
    assert_eq!(refusal.code, Some(1), "{}", refusal.stderr);
    assert_one_sentence(&refusal.stderr);
    assert!(refusal.stderr.contains("migration"), "{}", refusal.stderr);
}

#[tokio::test]
async fn a_signal_drains_and_a_restart_finds_everything_again() {
    let stores = Stores::embedded();
    let mut process = Process::start(&stores, &[]).await;
    let product = process.facts["product"].as_str().unwrap().to_owned();
    let ada = Person::new(&process.gateway(), "ada@example.com").await;
    let _ = ada.order("k", &product, 1).await.expect(201);
    let stock = ada.stock(&product).await;
    process.terminate();
    assert!(process.ended(SOON).await.success());
    drop(process);

    let process = Process::start(&stores, &[]).await;
    assert_eq!(
        process.facts["product"],
        product.as_str(),
        "seeding twice changes nothing"
    );
    let admin = Person::admin(&process.gateway(), stores.folder()).await;
    assert_eq!(admin.stock(&product).await, stock);
}
