//! What the service leaves in traces: the whole story, and no secret.

use serde_json::{Value, json};
use shoal_bus::EventEnvelope;
use shoal_telemetry::TraceStore;
use shoal_testkit::{Answer, HttpSink, eventually};
use tracing::Instrument as _;

use super::support::{ADA, ADA_MAIL, BOUND, Ground, World, confirmed, registered, v1};

#[tokio::test]
async fn a_mail_belongs_to_the_trace_of_what_it_tells_of() {
    for ground in Ground::all().await {
        let world = World::on(ground).await;
        let span = tracing::info_span!("placing an order");
        let event = world
            .producer
            .publish(&confirmed(ADA, "ord_1"))
            .instrument(span)
            .await;
        let trace_id = event.context["traceparent"]
            .split('-')
            .nth(1)
            .unwrap()
            .to_owned();
        let whole = || async {
            let spans = TraceStore::global().get(&trace_id);
            let named = |name: &str| spans.iter().find(|span| span.name == name).cloned();
            match (named("notification.deliver"), named("mail.send")) {
                (Some(deliver), Some(mail)) => Ok((spans.clone(), deliver, mail)),
                _ => Err(spans
                    .iter()
                    .map(|span| span.name.clone())
                    .collect::<String>()),
            }
        };
        let (spans, deliver, mail) = eventually(whole, BOUND).await;
        assert_eq!(mail.parent_id.as_ref(), Some(&deliver.span_id));
        assert_eq!(deliver.service, "notification");
        for span in &spans {
            let shown = format!("{:?} {:?}", span.attributes, span.events);
            assert!(!shown.contains(ADA_MAIL), "{shown}");
        }
        world.stop().await;
    }
}

/// Spans and the log lines inside of them, as they are recorded before the log's
/// own redaction.
#[tokio::test]
async fn no_address_and_no_secret_is_ever_recorded() {
    let world = World::on(Ground::embedded()).await;
    let span = tracing::info_span!("every flow");
    let (secret, trace_id) = async {
        let secret = every_flow(&world).await;
        (secret, shoal_telemetry::current_trace_id().unwrap())
    }
    .instrument(span)
    .await;
    world.stop().await;

    let recorded = TraceStore::global().get(&trace_id);
    let shown: Vec<String> = recorded.iter().map(|span| format!("{span:?}")).collect();
    assert!(
        shown.iter().any(|span| span.contains("work was given up")),
        "events are recorded"
    );
    assert!(recorded.iter().any(|span| span.name == "webhook.deliver"));
    for hidden in [ADA_MAIL, "@example.com", "t0ken-of-ada", secret.as_str()] {
        let leak = shown.iter().find(|span| span.contains(hidden));
        assert!(leak.is_none(), "{hidden:?} was recorded: {leak:?}");
    }
}

/// Goes through everything that handles an address or a secret; the secret of
/// a webhook.
async fn every_flow(world: &World) -> String {
    let sink = HttpSink::start().await;
    sink.script([Answer::status(500)]);
    let post = world
        .service
        .post(&v1("/webhooks"))
        .bearer(&world.user(ADA));
    let hook: Value = post
        .json(&json!({"url": sink.url("/hook")}))
        .send()
        .await
        .ok(201);

    let refusals = [
        "451 4.3.0 later <ada@example.com>",
        "550 5.1.1 <ada@example.com> unknown",
    ];
    world.smtp.refuse(refusals);
    world
        .producer
        .publish(&registered(ADA, ADA_MAIL, "t0ken-of-ada"))
        .await;
    world.wait_for_delivery("email", "dead").await;
    world.producer.publish(&confirmed(ADA, "ord_1")).await;
    world.smtp.wait_for(1, BOUND).await;
    sink.wait_for(2, BOUND).await;
    let mut broken = EventEnvelope::of(&confirmed(ADA, "ord_2"), 1).unwrap();
    broken.data = json!({"user_id": ADA, "items": "ada@example.com"});
    world.producer.publish_envelope(&broken).await;
    let parked = || async {
        let page = world.get(&world.admin(), "/dead-letters/events").await;
        !page["items"].as_array().unwrap().is_empty()
    };
    eventually(parked, BOUND).await;
    hook["secret"].as_str().unwrap().to_owned()
}
