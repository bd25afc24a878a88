//! The endpoints of operators.

use serde_json::Value;
use shoal_service::BuildInfo;
use shoal_testkit::{TestService, TestServiceBuilder};

use super::toy::{Toy, toy, toy_with};

#[tokio::test]
async fn health_and_readiness_say_how_the_service_is() {
    let t = toy().await;
    let health: Value = t.get("/healthz").send().await.ok(200);
    assert_eq!(health["status"], "alive");
    let ready: Value = t.get("/readyz").send().await.ok(200);
    assert_eq!(ready["status"], "ready");
    let names: Vec<_> = ready["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| &c["name"])
        .collect();
    assert!(names.contains(&&Value::from("accepting")), "{names:?}");
    t.stop().await;
}

#[tokio::test]
async fn version_tells_what_runs() {
    let t = toy().await;
    let version: Value = t.get("/version").send().await.ok(200);
    assert_eq!(version["service"], "toy");
    assert_eq!(version["version"], "1.2.3");
    assert!(version.as_object().unwrap().contains_key("git_sha"));
    t.stop().await;
}

#[tokio::test]
async fn a_release_build_says_so_in_its_version_and_in_the_document_that_it_serves() {
    let stamped = BuildInfo {
        git_sha: Some("8a3f1c0d"),
        build: Some("build-20261123-8a3f1c0"),
        rust: None,
    };
    let stamp =
        |builder: TestServiceBuilder<Toy>| builder.platform(|platform| platform.build(stamped));
    let (t, _) = toy_with(stamp).await;
    let version: Value = t.get("/version").send().await.ok(200);
    assert_eq!(version["git_sha"], "8a3f1c0d");
    assert_eq!(version["build"], "build-20261123-8a3f1c0");
    let document: Value = t.get("/openapi.json").send().await.ok(200);
    assert_eq!(document["info"]["x-build"], "build-20261123-8a3f1c0");
    t.stop().await;
    let plain = toy().await;
    let document: Value = plain.get("/openapi.json").send().await.ok(200);
    assert!(document["info"].get("x-build").is_none());
    plain.stop().await;
}

async fn metric(t: &TestService<Toy>, name: &str, labels: &[&str]) -> f64 {
    let text = t.get("/metrics").send().await.text();
    let line = text
        .lines()
        .find(|line| line.starts_with(name) && labels.iter().all(|label| line.contains(label)))
        .unwrap_or_else(|| panic!("no {name} with {labels:?} in:\n{text}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn metrics_count_requests_by_route_and_not_by_path() {
    let t = toy().await;
    let route = [
        "service=\"toy\"",
        "route=\"/toy/v1/parts/{number}\"",
        "method=\"DELETE\"",
    ];
    for number in 0..3 {
        let token = t.issuer.user("usr_1", &[]);
        let path = format!("/toy/v1/parts/{number}");
        let _ = t.delete(&path).bearer(&token).send().await.expect(204);
    }
    assert!(metric(&t, "shoal_http_server_duration_seconds_count", &route).await >= 3.0);
    t.get("/nowhere")
        .send()
        .await
        .problem(404, "common.route_not_found");
    let unmatched = ["route=\"unmatched\"", "service=\"toy\""];
    assert!(metric(&t, "shoal_http_server_duration_seconds_count", &unmatched).await >= 1.0);
    t.stop().await;
}

#[tokio::test]
async fn every_answer_carries_ids_and_security_headers() {
    let t = toy().await;
    let answer = t.get("/toy/v1/parts").send().await;
    assert_eq!(answer.header("x-request-id"), answer.header("x-trace-id"));
    let kept = t
        .get("/nowhere")
        .header("x-request-id", "mine-1")
        .send()
        .await;
    assert_eq!(kept.header("x-request-id"), Some("mine-1"));
    for answer in [answer, kept] {
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("x-frame-options"), Some("DENY"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    t.stop().await;
}
