//! One request, one trace, over the asynchronous hop too.

use shoal_telemetry::{Telemetry, TraceStore, current_trace_id};
use shoal_testkit::eventually;
use tracing::Instrument as _;

use super::fleet::{SOON, seas, writing};

#[tokio::test(flavor = "multi_thread")]
async fn a_request_and_what_its_event_causes_are_one_trace() {
    Telemetry::init_for_tests();
    for sea in seas().await {
        sea.consumer(writing());
        sea.relay();
        let request = tracing::info_span!("request", service.name = "fleet");
        let trace = async {
            sea.record("a", 7).await;
            current_trace_id().unwrap()
        };
        let trace = trace.instrument(request).await;
        sea.sees("a", &[7]).await;
        sea.drain().await;
        let whole = || async {
            let spans = TraceStore::global().get(&trace);
            let by = |name: &str| spans.iter().find(|span| span.name == name).cloned();
            let found = (
                by("request"),
                by("send fleet.caught.v1"),
                by("process fleet.caught.v1"),
            );
            let (Some(request), Some(send), Some(process)) = found else {
                return Err(format!("{sea}: {spans:#?}"));
            };
            assert_eq!(process.service, "market", "{sea}");
            assert_eq!(send.service, "fleet", "{sea}");
            assert_eq!(process.parent_id, Some(send.span_id.clone()), "{sea}");
            assert_eq!(send.parent_id, Some(request.span_id.clone()), "{sea}");
            by("INSERT catches").ok_or_else(|| format!("{sea}: no statement: {spans:#?}"))
        };
        let insert = eventually(whole, SOON).await;
        assert_eq!(insert.service, "market", "{sea}");
    }
}
