use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::{Request, Response, StatusCode};
use tower::ServiceExt as _;
use tracing::instrument::WithSubscriber as _;

use super::{Rig, find};
use crate::config::LogFormat;
use crate::http::{RouteLabel, ServerLayer};
use crate::metrics;

fn router(service: &str) -> Router {
    Router::new()
        .route("/things/{id}", get(|| async { "here" }))
        .route("/broken", get(|| async { StatusCode::BAD_GATEWAY }))
        .route("/never", get(std::future::pending::<()>))
        .route(
            "/proxy/{*rest}",
            get(|| async { axum::Extension(RouteLabel("order".into())) }),
        )
        .layer(ServerLayer::new(service))
}

async fn answer(rig: &Rig, router: Router, request: Request<Body>) -> Response<Body> {
    router
        .oneshot(request)
        .with_subscriber(rig.dispatch.clone())
        .await
        .unwrap()
}

fn get_request(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

#[tokio::test]
async fn a_request_is_a_server_span_named_by_its_route() {
    let rig = Rig::new(LogFormat::Json, "info");
    answer(&rig, router("http-span"), get_request("/things/7?secret=x")).await;
    let spans = rig.only_trace();
    let span = find(&spans, "GET /things/{id}");
    assert_eq!((span.kind, span.service.as_str()), ("server", "http-span"));
    let attribute = |key: &str| {
        span.attributes
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    };
    assert_eq!(attribute("http.response.status_code"), Some("200"));
    assert_eq!(attribute("http.route"), Some("/things/{id}"));
    assert_eq!(attribute("url.path"), Some("/things/7"));
    assert!(
        !format!("{span:?}").contains("secret"),
        "queries may hold secrets"
    );
    assert_eq!(span.error, None);
}

#[tokio::test]
async fn a_request_without_an_id_is_known_by_its_trace() {
    let rig = Rig::new(LogFormat::Json, "info");
    let response = answer(&rig, router("http-id"), get_request("/things/7")).await;
    let trace = &rig.only_trace()[0].trace_id;
    assert_eq!(response.headers()["x-request-id"], trace.as_str());
    assert_eq!(response.headers()["x-trace-id"], trace.as_str());
}

#[tokio::test]
async fn the_ids_of_a_caller_are_kept() {
    let rig = Rig::new(LogFormat::Json, "info");
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let mut request = get_request("/things/7");
    request
        .headers_mut()
        .insert("x-request-id", "client-1".parse().unwrap());
    request
        .headers_mut()
        .insert("x-b3-traceid", trace.parse().unwrap());
    let response = answer(&rig, router("http-kept"), request).await;
    assert_eq!(response.headers()["x-request-id"], "client-1");
    assert_eq!(response.headers()["x-b3-traceid"], trace);
    assert_eq!(rig.only_trace()[0].trace_id, trace);
}

#[tokio::test]
async fn an_id_unfit_for_the_log_is_replaced() {
    let rig = Rig::new(LogFormat::Json, "info");
    for unfit in ["a b", "\"quoted\"", &"x".repeat(129)] {
        let mut request = get_request("/things/7");
        request
            .headers_mut()
            .insert("x-request-id", unfit.parse().unwrap());
        let response = answer(&rig, router("http-unfit"), request).await;
        let id = &response.headers()["x-request-id"];
        assert_eq!(id, &response.headers()["x-trace-id"], "{unfit}");
    }
}

#[tokio::test]
async fn failures_of_the_server_mark_the_span() {
    let rig = Rig::new(LogFormat::Json, "info");
    answer(&rig, router("http-error"), get_request("/broken")).await;
    assert_eq!(rig.only_trace()[0].error.as_deref(), Some("Bad Gateway"));
}

#[tokio::test]
async fn requests_are_counted_by_route_and_class_and_never_by_path() {
    let rig = Rig::new(LogFormat::Json, "info");
    for path in ["/things/1", "/things/2", "/none", "/broken", "/proxy/a/b"] {
        answer(&rig, router("http-red"), get_request(path)).await;
    }
    let text = metrics::encode_for("http-red");
    let count = |route: &str, status: &str| {
        let labels = format!(
            "_count{{service=\"http-red\",route=\"{route}\",method=\"GET\",status=\"{status}\"}} "
        );
        let line = text.lines().find_map(|line| line.split_once(&labels));
        line.map(|(_, value)| value.parse::<u64>().unwrap())
    };
    assert_eq!(count("/things/{id}", "2xx"), Some(2), "{text}");
    assert_eq!(count("/broken", "5xx"), Some(1), "{text}");
    assert_eq!(count("unmatched", "4xx"), Some(1), "{text}");
    assert_eq!(count("order", "2xx"), Some(1), "{text}");
    assert!(!text.contains("/things/1"), "{text}");
}

#[tokio::test]
async fn a_client_that_goes_away_is_counted_as_cancelled_and_frees_its_place() {
    let rig = Rig::new(LogFormat::Json, "info");
    let request = router("http-gone").oneshot(get_request("/never"));
    let mut request = Box::pin(request.with_subscriber(rig.dispatch.clone()));
    assert!(futures::poll!(&mut request).is_pending());
    let in_flight = "shoal_http_server_in_flight{service=\"http-gone\"}";
    assert!(metrics::encode().contains(&format!("{in_flight} 1")));
    drop(request);
    let text = metrics::encode();
    assert!(text.contains(&format!("{in_flight} 0")), "{text}");
    assert!(
        text.contains("service=\"http-gone\",route=\"/never\",method=\"GET\",status=\"cancelled\"")
    );
}
