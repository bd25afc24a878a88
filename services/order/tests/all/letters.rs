//! Sagas that wait for a person, through the interface that every service has;
//! and the alerts that call that person.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use shoal_testkit::{TestDb, TestResponse, eventually};

use super::billing::Act;
use super::support::{PATIENCE, Shop};

async fn act(shop: &Shop, action: &str, body: &Value) -> TestResponse {
    let path = format!("/admin/dead-letters/{action}");
    let request = shop.service.post(&path).bearer(&shop.admin());
    request.json(body).send().await
}

#[tokio::test]
async fn a_parked_saga_is_a_dead_letter_that_is_redriven_and_never_discarded() {
    for db in TestDb::all().await {
        let shop = Shop::open_with(&db, |config| config.wait_ms = 2_000).await;
        let lamp = shop.product("EUR", 3_900, 5).await;
        shop.billing.script("capture", [Act::Refuse]);
        shop.billing.script("cancel", vec![Act::Fail; 4]);
        let order: Value = shop.place("k1", &lamp, 1).await.ok(202);

        let list = shop.service.get("/admin/dead-letters?queue=sagas");
        let page: Value = list.bearer(&shop.admin()).send().await.ok(200);
        let letter = &page["items"][0];
        assert_eq!(letter["reason"], "compensation_failed", "{page}");
        assert_eq!(letter["kind"], "place_order");
        assert!(!letter["first_error"].as_str().unwrap().is_empty());
        let id = letter["id"].as_str().unwrap();
        let path = format!("/admin/dead-letters/sagas/{id}");
        let whole = shop.service.get(&path).bearer(&shop.admin()).send().await;
        let whole: Value = whole.ok(200);
        assert_eq!(whole["payload"]["subject"], order["id"]);
        assert!(whole["payload"]["log"].as_array().unwrap().len() > 5);

        let body = json!({"queue": "sagas", "ids": [id], "why": "lost patience"});
        let refused = act(&shop, "discard", &body).await;
        refused.problem(409, "common.conflict");
        let moved: Value = act(&shop, "redrive", &body).await.ok(200);
        assert_eq!(moved["letters"][0]["id"], id);
        shop.until(order["id"].as_str().unwrap(), "rejected").await;
        let moved: Value = act(&shop, "redrive", &body).await.ok(200);
        assert_eq!(moved["letters"], json!([]));
        shop.check_books(&lamp, 5).await;
        shop.close().await;
    }
}

fn rules() -> PathBuf {
    let told = std::env::var_os("SHOAL_ALERTS").map(PathBuf::from);
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    told.unwrap_or_else(|| folder.join("../../deploy/alerts/queues.yaml"))
}

/// Metrics of ours that the rules name.
fn named(rules: &str) -> BTreeSet<&str> {
    rules
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .filter(|word| word.starts_with("shoal_"))
        .collect()
}

#[tokio::test]
async fn every_metric_that_an_alert_names_is_exported_before_anything_went_wrong() {
    let rules = std::fs::read_to_string(rules()).unwrap();
    let named = named(&rules);
    assert!(named.len() >= 6, "{named:?}");
    let shop = Shop::open(&TestDb::sqlite()).await;
    let missing = || async {
        let text = shop.service.get("/metrics").send().await.text();
        let exported: BTreeSet<&str> = text
            .lines()
            .filter(|line| line.contains("service=\"order\""))
            .filter_map(|line| line.split('{').next())
            .collect();
        let missing: Vec<_> = named.difference(&exported).copied().collect();
        if missing.is_empty() {
            Ok(())
        } else {
            Err(format!("{missing:?}"))
        }
    };
    eventually(missing, PATIENCE).await;
    shop.close().await;
}

fn promtool(action: &str, file: &Path) {
    let run = Command::new("promtool")
        .args([action, "rules"])
        .arg(file)
        .output()
        .expect("promtool, of the package prometheus");
    let said = [run.stdout, run.stderr].concat();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn prometheus_accepts_the_alerts() {
    promtool("check", &rules());
}

#[test]
fn the_alerts_fire_for_what_should_wake_somebody_and_for_nothing_else() {
    promtool("test", &rules().with_file_name("queues.test.yaml"));
}
