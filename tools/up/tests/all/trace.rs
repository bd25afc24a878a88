//! One order is one trace, through every service and the asynchronous hop.

use serde_json::{Value, json};
use shoal_telemetry::TraceStore;
use shoal_testkit::eventually;
use shoal_up::Up;

use super::person::{Person, SOON};
use super::stores::Stores;

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
            .header("traceparent", &format!("00-{trace}-b7ad6b7169203331-01"))
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
        let spans = eventually(
            || async {
                let spans = TraceStore::global().get(trace);
                let whole = services
                    .iter()
                    .all(|s| spans.iter().any(|span| span.service == *s));
                whole.then_some(spans)
            },
            SOON,
        )
        .await;
        let ids: std::collections::HashSet<_> = spans.iter().map(|s| s.span_id.clone()).collect();
        let orphans: Vec<_> = spans
            .iter()
            .filter(|s| s.parent_id.as_ref().is_some_and(|id| !ids.contains(id)))
            .filter(|s| s.parent_id.as_deref() != Some("b7ad6b7169203331"))
            .map(|s| (&s.service, &s.name))
            .collect();
        assert!(
            orphans.is_empty(),
            "spans whose parent is nowhere: {orphans:?}"
        );

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
