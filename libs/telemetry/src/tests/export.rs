use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use tokio::task::JoinSet;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

use super::Rig;
use crate::config::TelemetryConfig;
use crate::service_span;

/// Span names by the service under which a collector would file them.
type Filed = Arc<Mutex<BTreeMap<String, BTreeSet<String>>>>;

#[derive(Clone, Default)]
struct Collector(Filed);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for part in request.into_inner().resource_spans {
            let resource = part.resource.unwrap();
            let name = resource
                .attributes
                .iter()
                .find(|kv| kv.key == "service.name")
                .unwrap();
            let Some(Value::StringValue(service)) = name.value.clone().unwrap().value else {
                panic!("service.name is no text: {name:?}");
            };
            let spans = part.scope_spans.into_iter().flat_map(|scope| scope.spans);
            let mut filed = self.0.lock().unwrap();
            filed
                .entry(service)
                .or_default()
                .extend(spans.map(|span| span.name));
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tokio::test]
async fn an_endpoint_that_cannot_work_is_refused_at_once() {
    for endpoint in ["tempo:4317", "https://tempo:4317", "http://", "http://a b"] {
        let config = TelemetryConfig {
            otlp_endpoint: Some(endpoint.to_owned()),
            ..TelemetryConfig::default()
        };
        let store = Arc::new(crate::TraceStore::new(1));
        let refused = crate::init::build(&config, &store, crate::logs::stderr()).unwrap_err();
        assert!(
            refused.to_string().contains("telemetry.otlp_endpoint"),
            "{refused}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_files_the_spans_of_one_process_under_their_services() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let collector = Collector::default();
    let filed = collector.0.clone();
    let mut tasks = JoinSet::new();
    let server = tonic::transport::Server::builder()
        .add_service(TraceServiceServer::new(collector))
        .serve_with_incoming(TcpListenerStream::new(listener));
    tasks.spawn(server);

    let config = TelemetryConfig {
        service: "process".to_owned(),
        otlp_endpoint: Some(endpoint),
        ..TelemetryConfig::default()
    };
    let rig = Rig::with(&config);
    rig.run(|| {
        service_span("order").in_scope(|| tracing::info_span!("place").in_scope(|| ()));
        service_span("billing").in_scope(|| tracing::info_span!("capture").in_scope(|| ()));
        tracing::info_span!("nobody's").in_scope(|| ());
    });
    let provider = rig._provider.clone();
    let flushed = tokio::task::block_in_place(|| {
        provider.force_flush()?;
        provider.shutdown_with_timeout(Duration::from_secs(5))
    });
    flushed.unwrap();

    let filed = filed.lock().unwrap().clone();
    let expected = [
        ("billing", "capture"),
        ("order", "place"),
        ("process", "nobody's"),
    ];
    let expected =
        expected.map(|(service, name)| (service.to_owned(), BTreeSet::from([name.to_owned()])));
    assert_eq!(filed, BTreeMap::from(expected));
    assert!(crate::metrics::encode().contains("shoal_telemetry_spans_total{outcome=\"sent\"}"));
}
