//! One order is one trace, through every service and the asynchronous hop.

use std::collections::HashSet;

use serde_json::{Value, json};
use shoal_telemetry::{SpanRecord, TraceStore};
use shoal_testkit::eventually;
use shoal_up::Up;

use super::person::{Person, SOON};
use super::stores::Stores;

/// Span of the client that places the order.
const CALLER: &str = "b7ad6b7169203331";

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_one_trace_through_all_services_and_the_bus() {
    for (stores, trace) in [
        (Stores::embedded(), "0af7651916cd43dd8448eb211c80319c"),
        (Stores::servers().await, "0af7651916cd43dd8448eb211c80319d"),
    ] {
        shoal_telemetry::Telemetry::init_for_tests();
        let up = Up::start(&stores.options()).await.unwrap();
        let gateway = format!("http://{}", up.addresses.gateway);
        let ada = Person::new(&gateway, "ada@example.com").await;
        let answer = ada
            .post("/order/v1/orders")
            .idempotency_key("traced")
            .header("traceparent", &format!("00-{trace}-{CALLER}-01"))
            .json(&json!({"items": [{"product_id": up.products[0], "quantity": 1}]}))
            .send()
            .await;
        assert_eq!(
            answer.header("x-request-id"),
            Some(trace),
            "no id sent: the trace's stands in"
        );
        assert_eq!(answer.ok::<Value>(201)["status"], "confirmed");
        ada.notified("order_confirmed").await;

        let services = ["gateway", "order", "billing", "notification"];
        // A span is recorded when it ends, so a parent comes after its children.
        eventually(
            || async {
                let spans = TraceStore::global().get(trace);
                let missing: Vec<_> = services
                    .iter()
                    .filter(|s| !spans.iter().any(|span| span.service == **s))
                    .collect();
                let orphans = orphans(&spans);
                if missing.is_empty() && orphans.is_empty() {
                    Ok(())
                } else {
                    Err((missing, orphans))
                }
            },
            SOON,
        )
        .await;

        let view = ada
            .client
            .get(&format!("/debug/traces/{trace}"))
            .send()
            .await
            .expect(200)
            .text();
        for service in services {
            assert!(view.contains(service), "{service} is not in\n{view}");
        }
        up.shutdown(SOON).await;
    }
}

/// Spans whose parent is neither in the trace nor the caller's.
fn orphans(spans: &[SpanRecord]) -> Vec<String> {
    let ids: HashSet<_> = spans.iter().map(|span| span.span_id.as_str()).collect();
    let known = |id: &str| id == CALLER || ids.contains(id);
    let lost = spans
        .iter()
        .filter(|span| span.parent_id.as_deref().is_some_and(|id| !known(id)));
    lost.map(|span| format!("{} {}", span.service, span.name))
        .collect()
}
