//! The documentation under `/docs`, and what the portal asks the gateway.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use shoal_gateway::Gateway;
use shoal_testkit::{Answer, HttpSink, TestService};
use tempfile::TempDir;

use super::toward;

const PAGE: &str = "<!doctype html><title>Home</title>";

/// A small site as the portal's builder leaves it.
fn site() -> TempDir {
    let folder = TempDir::new().unwrap();
    write(folder.path(), PAGE, "aaa111");
    fs::write(folder.path().join("secret.txt"), "not part of the site").unwrap();
    folder
}

fn write(folder: &Path, home: &str, tag: &str) {
    for sub in ["assets", "services/order"] {
        fs::create_dir_all(folder.join(sub)).unwrap();
    }
    fs::write(folder.join("index.html"), home).unwrap();
    fs::write(folder.join("errors.html"), "codes").unwrap();
    fs::write(folder.join("404.html"), "no such page").unwrap();
    fs::write(folder.join("services/order/index.html"), "order").unwrap();
    fs::write(folder.join("assets/app.bbb222.js"), "plain").unwrap();
    fs::write(folder.join("assets/app.bbb222.js.gz"), "packed").unwrap();
    let file = |tag: &str, gzip: bool| json!({ "tag": tag, "gzip": gzip });
    let index = json!({ "files": {
        "index.html": file(tag, false),
        "errors.html": file("c", false),
        "404.html": file("d", false),
        "services/order/index.html": file("e", false),
        "assets/app.bbb222.js": file("bbb222", true),
    } });
    fs::write(folder.join("portal.json"), index.to_string()).unwrap();
}

async fn serving(folder: &Path) -> TestService<Gateway> {
    let sink = HttpSink::start().await;
    let dir = folder.display().to_string();
    toward(&sink)
        .config(|config| config.docs.dir = dir)
        .start_without_database()
        .await
}

#[tokio::test]
async fn pages_are_served_under_their_names_and_under_short_ones() {
    let folder = site();
    let gateway = serving(folder.path()).await;
    for (path, text) in [
        ("/docs/", PAGE),
        ("/docs/index.html", PAGE),
        ("/docs/errors", "codes"),
        ("/docs/services/order/", "order"),
    ] {
        let answer = gateway.get(path).send().await.expect(200);
        assert_eq!(
            answer.header("content-type"),
            Some("text/html; charset=utf-8")
        );
        assert_eq!(answer.text(), text, "{path}");
    }
    for (path, to) in [
        ("/docs", "/docs/"),
        ("/docs/services/order", "/docs/services/order/"),
    ] {
        let answer = gateway.get(path).send().await.expect(308);
        assert_eq!(answer.header("location"), Some(to));
    }
    gateway.stop().await;
}

#[tokio::test]
async fn nothing_but_the_site_leaves_the_folder() {
    let folder = site();
    let gateway = serving(folder.path()).await;
    for path in [
        "/docs/secret.txt",
        "/docs/portal.json",
        "/docs/../secret.txt",
        "/docs/%2e%2e/Cargo.toml",
        "/docs/..%2f..%2fetc/passwd",
        "/docs//etc/passwd",
        "/docs/assets/app.bbb222.js.gz",
        "/docs/services/../secret.txt",
    ] {
        // The client itself may resolve dots, so what counts is that nothing comes back.
        let answer = gateway.get(path).send().await.expect(404).text();
        assert!(!answer.contains("not part of the site"), "{path}: {answer}");
    }
    let page = gateway
        .get("/docs/gone")
        .header("accept", "text/html")
        .send()
        .await
        .expect(404);
    assert_eq!(page.text(), "no such page");
    gateway
        .post("/docs/")
        .send()
        .await
        .problem(405, "common.method_not_allowed");
    gateway
        .get("/docsx")
        .send()
        .await
        .problem(404, "common.route_not_found");
    gateway.stop().await;
}

#[tokio::test]
async fn a_browser_keeps_what_has_a_hash_and_asks_about_the_rest() {
    let folder = site();
    let gateway = serving(folder.path()).await;
    let home = gateway.get("/docs/").send().await.expect(200);
    assert_eq!(home.header("cache-control"), Some("no-cache"));
    let tag = home.header("etag").unwrap().to_owned();
    let again = gateway
        .get("/docs/")
        .header("if-none-match", &format!("\"other\", W/{tag}"))
        .send()
        .await
        .expect(304);
    assert_eq!(again.text(), "");

    let script = "/docs/assets/app.bbb222.js";
    let plain = gateway
        .get(script)
        .header("accept-encoding", "gzip;q=0, br")
        .send()
        .await
        .expect(200);
    assert!(plain.header("cache-control").unwrap().contains("immutable"));
    assert_eq!(plain.header("vary"), Some("accept-encoding"));
    assert_eq!(plain.text(), "plain");
    let packed = gateway
        .get(script)
        .header("accept-encoding", "br, gzip")
        .send()
        .await
        .expect(200);
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert_eq!(
        packed.header("content-type"),
        Some("text/javascript; charset=utf-8")
    );
    assert_ne!(packed.header("etag"), plain.header("etag"));
    gateway.stop().await;
}

#[tokio::test]
async fn pages_may_load_nothing_from_elsewhere() {
    let folder = site();
    let gateway = serving(folder.path()).await;
    let home = gateway.get("/docs/").send().await.expect(200);
    let policy = home.header("content-security-policy").unwrap();
    for rule in [
        "default-src 'none'",
        "script-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
    ] {
        assert!(policy.contains(rule), "{policy}");
    }
    assert!(!policy.contains("http"), "{policy}");
    assert_eq!(home.header("x-content-type-options"), Some("nosniff"));
    gateway.stop().await;
}

#[tokio::test]
async fn a_site_that_was_built_anew_is_served_without_a_restart() {
    let folder = site();
    let gateway = serving(folder.path()).await;
    let before = gateway.get("/docs/").send().await.expect(200);
    let index = folder.path().join("portal.json");
    let made = fs::metadata(&index).unwrap().modified().unwrap();
    write(folder.path(), "<!doctype html><title>New</title>", "fff999");
    // Another time of writing, whatever the file system's clock resolves.
    let later = made + std::time::Duration::from_secs(2);
    let index = fs::File::options().write(true).open(index).unwrap();
    index.set_modified(later).unwrap();
    let after = gateway.get("/docs/").send().await.expect(200);
    assert_ne!(before.header("etag"), after.header("etag"));
    assert!(after.text().contains("New"));
    gateway.stop().await;
}

#[tokio::test]
async fn without_a_site_the_page_says_how_to_build_it() {
    let sink = HttpSink::start().await;
    let gateway = toward(&sink).start_without_database().await;
    for path in ["/docs", "/docs/", "/docs/errors"] {
        let page = gateway.get(path).send().await.expect(200).text();
        assert!(page.contains("./bazelw run //:up"), "{page}");
    }
    gateway
        .get("/docs/services/order/")
        .send()
        .await
        .problem(404, "common.not_found");
    gateway.stop().await;
}

#[test]
fn a_folder_without_a_site_stops_the_start() {
    let folder = TempDir::new().unwrap();
    let dir = folder.path().display().to_string();
    let sources = shoal_service::Sources::defaults().set("docs.dir", dir, "the test");
    let fault = shoal_service::Settings::load::<Gateway>(&sources).unwrap_err();
    assert!(
        fault.to_string().contains("no built documentation"),
        "{fault}"
    );
}

#[tokio::test]
async fn health_tells_ready_services_from_those_that_are_not_and_those_that_are_away() {
    let sink = HttpSink::start().await;
    sink.otherwise(
        Answer::status(200)
            .header("content-type", "application/json")
            .body(r#"{"service":"order","version":"1.4.0","status":"ready"}"#),
    );
    let unready = HttpSink::start().await;
    unready.otherwise(Answer::status(503).body(r#"{"version":"2.0.0"}"#));
    let gateway = toward(&sink)
        .peer("billing", unready.addr())
        .peer("auth", "127.0.0.1:1".parse().unwrap())
        .start_without_database()
        .await;
    let health: Value = gateway.get("/docs/health.json").send().await.ok(200);
    let find = |name: &str| {
        let services = health["services"].as_array().unwrap();
        services.iter().find(|s| s["name"] == name).unwrap().clone()
    };
    assert_eq!(find("order")["state"], "ready");
    assert_eq!(find("order")["version"], "1.4.0");
    assert_eq!(find("billing")["state"], "not_ready");
    assert_eq!(
        find("auth"),
        json!({ "name": "auth", "state": "away", "version": null })
    );
    assert_eq!(find("gateway")["state"], "ready");

    // Many readers at once cost the services no more than one.
    let asked = sink.received().len();
    for _ in 0..20 {
        let _ = gateway.get("/docs/health.json").send().await.expect(200);
    }
    assert!(
        sink.received().len() <= asked + 8,
        "asked anew for every reader"
    );
    gateway.stop().await;
}
