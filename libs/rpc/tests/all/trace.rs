use shoal_context::{Context, Metadata};
use shoal_telemetry::{SpanRecord, TraceStore, current_trace_id};
use tonic::{Request, Status};
use tracing::Instrument as _;

use crate::probe::{Probe, Server, eventually, text};

/// The trace once it has this many spans.
pub async fn trace(id: &str, spans: usize) -> Vec<SpanRecord> {
    eventually("all spans ended", || {
        TraceStore::global().get(id).len() >= spans
    })
    .await;
    TraceStore::global().get(id)
}

pub fn attribute<'a>(span: &'a SpanRecord, key: &str) -> Option<&'a str> {
    span.attributes
        .iter()
        .find(|(name, _)| name == key)
        .map(|(_, value)| value.as_str())
}

#[tokio::test]
async fn a_call_is_one_trace_from_the_caller_into_the_handler() {
    let server = Server::start(Probe::unary(|_| {
        let work = async { Ok(text(current_trace_id().unwrap())) };
        work.instrument(tracing::info_span!("handler.work"))
    }));
    let root = tracing::info_span!("test.root", service.name = "caller");
    let id = async {
        let answer = server.client().say("").await.unwrap();
        let id = current_trace_id().unwrap();
        assert_eq!(answer.text, id, "the handler is in the same trace");
        id
    };
    let id = id.instrument(root).await;
    let spans = trace(&id, 4).await;
    let find = |name: &str, kind: &str| {
        spans
            .iter()
            .find(|span| span.name == name && span.kind == kind)
            .unwrap()
    };
    let (root, work) = (
        find("test.root", "internal"),
        find("handler.work", "internal"),
    );
    let client = find("test.v1.Probe/Unary", "client");
    let served = find("test.v1.Probe/Unary", "server");
    assert_eq!(client.parent_id.as_ref(), Some(&root.span_id));
    assert_eq!(served.parent_id.as_ref(), Some(&client.span_id));
    assert_eq!(work.parent_id.as_ref(), Some(&served.span_id));
    assert_eq!(
        (client.service.as_str(), served.service.as_str()),
        ("caller", "probe")
    );
    assert_eq!(work.service, "probe", "inherited inside of the handler");
    for span in [client, served] {
        assert_eq!(attribute(span, "rpc.system.name"), Some("grpc"));
        assert_eq!(attribute(span, "rpc.method"), Some("test.v1.Probe/Unary"));
        assert_eq!(attribute(span, "rpc.response.status_code"), Some("OK"));
        assert_eq!(span.error, None);
    }
    assert_eq!(
        attribute(client, "server.address"),
        Some(server.addr.to_string().as_str())
    );
    let view = TraceStore::global().render(&id);
    assert!(
        view.contains("4 spans, 2 services (caller, probe)"),
        "{view}"
    );
}

#[tokio::test]
async fn request_id_user_and_colour_travel_and_stand_on_the_span() {
    let server = Server::start(Probe::unary(|_| async {
        let meta = Context::current().meta().clone();
        Ok(text(format!("{meta:?}")))
    }));
    let meta = Metadata {
        request_id: Some("req-7".into()),
        user_id: Some("usr_1".into()),
        gray_version: Some("v2".into()),
        gray_services: None,
        class: shoal_context::Class::Batch,
    };
    let expected = format!("{meta:?}");
    let root = tracing::info_span!("test.root");
    let id = async {
        let answer = Context::new(meta, None)
            .attach(server.client().say(""))
            .await
            .unwrap();
        assert_eq!(answer.text, expected);
        current_trace_id().unwrap()
    };
    let id = id.instrument(root).await;
    let spans = trace(&id, 3).await;
    let served = spans.iter().find(|span| span.kind == "server").unwrap();
    assert_eq!(attribute(served, "request.id"), Some("req-7"));
    assert_eq!(attribute(served, "user.id"), Some("usr_1"));
    assert_eq!(attribute(served, "gray.version"), Some("v2"));
}

#[tokio::test]
async fn a_call_that_starts_a_trace_has_the_trace_as_its_request_id() {
    let server = Server::start(Probe::unary(|_| async {
        assert_eq!(Context::current().meta().request_id, current_trace_id());
        Ok(text(""))
    }));
    server.client().say("").await.unwrap();
}

#[tokio::test]
async fn a_failed_call_marks_both_spans_and_its_attempts_are_told() {
    let server = Server::start(Probe::unary(|_| async { Err(Status::unavailable("away")) }));
    let root = tracing::info_span!("test.root");
    let id = async {
        use shoal_rpc::RequestExt as _;
        let request = Request::new(text("")).idempotent();
        server.client().unary(request).await.unwrap_err();
        current_trace_id().unwrap()
    };
    let id = id.instrument(root).await;
    let spans = trace(&id, 5).await;
    let of_kind = |kind: &str| spans.iter().filter(|s| s.kind == kind).collect::<Vec<_>>();
    let (clients, servers) = (of_kind("client"), of_kind("server"));
    assert_eq!((clients.len(), servers.len()), (1, 3));
    assert_eq!(clients[0].error.as_deref(), Some("UNAVAILABLE"));
    assert_eq!(attribute(clients[0], "rpc.attempts"), Some("3"));
    assert!(
        servers
            .iter()
            .all(|span| span.error.as_deref() == Some("UNAVAILABLE"))
    );
}

#[tokio::test]
async fn calls_are_counted_on_both_sides_by_method_and_code() {
    let config = shoal_rpc::ServerConfig::new("probe-red", crate::probe::secret());
    let server = Server::with(Probe::echo(), &config);
    let caller = server.client_with(|config| config.caller = "caller-red".into());
    caller.say("1").await.unwrap();
    caller.say("2").await.unwrap();
    let served = "shoal_rpc_server_duration_seconds_count{service=\"probe-red\",method=\"test.v1.Probe/Unary\",code=\"OK\"} 2";
    let made = "shoal_rpc_client_duration_seconds_count{service=\"caller-red\",dependency=\"probe\",method=\"test.v1.Probe/Unary\",code=\"OK\"} 2";
    for expected in [served, made] {
        eventually(expected, || {
            shoal_telemetry::metrics::encode().contains(expected)
        })
        .await;
    }
    let idle = "shoal_rpc_server_in_flight{service=\"probe-red\"} 0";
    eventually(idle, || shoal_telemetry::metrics::encode().contains(idle)).await;
}
