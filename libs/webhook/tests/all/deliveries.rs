use std::time::Duration;

use serde_json::{Value, json};
use shoal_task::Clock as _;
use shoal_testkit::{Answer, eventually};
use shoal_webhook::{
    DEFAULT_TOLERANCE, DeliveryState, EndpointPatch, EndpointState, WebhookCode, WebhookConfig,
    verify,
};

use super::support::{BOUND, OWNER, World, config};

#[tokio::test]
async fn a_delivery_is_signed_and_carries_the_event_once() {
    for world in World::all(config()).await {
        let registered = world.register(&["order.confirmed.v1"]).await;
        world.webhooks.start(&world.scope);
        assert_eq!(world.publish("evt_1", "order.confirmed.v1").await, 1);
        assert_eq!(world.publish("evt_1", "order.confirmed.v1").await, 0);
        assert_eq!(world.publish("evt_2", "order.cancelled.v1").await, 0);

        let received = &world.sink.wait_for(1, BOUND).await[0];
        let body: Value = received.json();
        assert_eq!(body["id"], "evt_1");
        assert_eq!(body["type"], "order.confirmed.v1");
        assert_eq!(body["data"], json!({"order_id": "ord_1"}));
        assert_eq!(received.header("shoal-event-id"), Some("evt_1"));
        assert_eq!(
            received.header("shoal-event-type"),
            Some("order.confirmed.v1")
        );
        verify(
            &[registered.secret],
            received.header("shoal-signature").unwrap(),
            "evt_1",
            &received.body,
            world.clock.now_ms() / 1_000,
            DEFAULT_TOLERANCE,
        )
        .unwrap();
        let delivered = world.wait_for(DeliveryState::Delivered, 1).await;
        assert_eq!(delivered.last_status, Some(200));
        world.end().await;
    }
}

#[tokio::test]
async fn a_failing_receiver_is_retried_with_growing_waits_then_dead_then_redriven() {
    for world in World::all(config()).await {
        world.register(&["*"]).await;
        world
            .sink
            .otherwise(Answer::status(503).body("x".repeat(5_000)));
        world.webhooks.start(&world.scope);
        world.publish("evt_1", "order.confirmed.v1").await;

        let mut last_wait = 0;
        for attempt in 1..=2 {
            let failed = world.wait_for(DeliveryState::Failed, attempt).await;
            let wait = failed.next_attempt_at_ms.unwrap() - world.clock.now_ms();
            let ceiling = 1_000 << (attempt - 1);
            assert!(
                (ceiling / 2..=ceiling).contains(&wait),
                "{wait} after {attempt}"
            );
            assert!(wait >= last_wait);
            last_wait = wait;
            world
                .clock
                .advance(Duration::from_millis(wait.try_into().unwrap()));
        }
        let dead = world.wait_for(DeliveryState::Dead, 3).await;
        assert_eq!(
            dead.last_error.as_deref(),
            Some("answered 503 Service Unavailable")
        );
        let detail = world
            .webhooks
            .delivery(Some(OWNER), &dead.id)
            .await
            .unwrap();
        assert_eq!(detail.attempt_log.len(), 3);
        assert_eq!(
            detail.attempt_log[0].response_body.as_ref().unwrap().len(),
            1_024
        );

        world.sink.otherwise(Answer::status(204));
        world.webhooks.redrive(Some(OWNER), &dead.id).await.unwrap();
        world.wait_for(DeliveryState::Delivered, 1).await;
        let ids: Vec<_> = world
            .sink
            .received()
            .iter()
            .map(|r| r.header("shoal-event-id").unwrap().to_owned())
            .collect();
        assert_eq!(ids, ["evt_1"; 4], "each repeat carries the same id");
        let error = world
            .webhooks
            .redrive(Some(OWNER), &dead.id)
            .await
            .unwrap_err();
        assert!(error.is(WebhookCode::DeliveryNotDead));
        world.end().await;
    }
}

#[tokio::test]
async fn a_claim_that_its_worker_never_settled_is_taken_over_after_its_lease() {
    for world in World::all(config()).await {
        world.register(&["*"]).await;
        // The first worker dies in the middle of its call.
        world
            .sink
            .script([Answer::status(200).after(Duration::from_secs(60))]);
        let doomed = shoal_task::Scope::root("doomed");
        world.webhooks.start(&doomed);
        world.publish("evt_1", "order.confirmed.v1").await;
        world.sink.wait_for(1, BOUND).await;
        doomed.drain(Duration::ZERO).await;
        world.wait_for(DeliveryState::Sending, 1).await;

        world.webhooks.start(&world.scope);
        world.clock.advance(Duration::from_millis(4_999));
        tokio::task::yield_now().await;
        assert_eq!(world.deliveries().await[0].attempts, 1);
        world.clock.advance(Duration::from_millis(1));
        world.wait_for(DeliveryState::Delivered, 2).await;
        world.end().await;
    }
}

#[tokio::test]
async fn two_workers_never_deliver_the_same_event_twice() {
    for world in World::all(config()).await {
        world.register(&["*"]).await;
        for _ in 0..3 {
            world.webhooks.start(&world.scope);
        }
        for n in 0..40 {
            world
                .publish(&format!("evt_{n}"), "order.confirmed.v1")
                .await;
        }
        let settled = || async {
            let all = world.deliveries().await;
            all.len() == 40 && all.iter().all(|d| d.state == DeliveryState::Delivered)
        };
        eventually(settled, BOUND).await;
        let mut ids: Vec<_> = world
            .sink
            .received()
            .iter()
            .map(|r| r.header("shoal-event-id").unwrap().to_owned())
            .collect();
        ids.sort();
        let total = ids.len();
        ids.dedup();
        assert_eq!((ids.len(), total), (40, 40));
        world.end().await;
    }
}

#[tokio::test]
async fn a_slow_receiver_takes_no_more_than_its_share_of_places() {
    let config = WebhookConfig {
        concurrency: 8,
        per_endpoint_concurrency: 2,
        ..config()
    };
    for world in World::all(config).await {
        world.register(&["*"]).await;
        world
            .sink
            .otherwise(Answer::status(200).after(Duration::from_millis(300)));
        world.webhooks.start(&world.scope);
        for n in 0..6 {
            world
                .publish(&format!("evt_{n}"), "order.confirmed.v1")
                .await;
        }
        let most = std::cell::Cell::new(0);
        let settled = || async {
            let all = world.deliveries().await;
            let sending = all
                .iter()
                .filter(|d| d.state == DeliveryState::Sending)
                .count();
            most.set(most.get().max(sending));
            all.iter().all(|d| d.state == DeliveryState::Delivered)
        };
        eventually(settled, BOUND).await;
        assert_eq!(most.get(), 2);
        world.end().await;
    }
}

#[tokio::test]
async fn redirects_are_not_followed_and_timeouts_are_failures() {
    for world in World::all(WebhookConfig {
        request_timeout_ms: 200,
        ..config()
    })
    .await
    {
        world.register(&["*"]).await;
        let elsewhere = world.sink.url("/elsewhere");
        world.sink.script([
            Answer::status(302).header("location", &elsewhere),
            Answer::status(200).after(Duration::from_secs(5)),
        ]);
        world.webhooks.start(&world.scope);
        world.publish("evt_1", "order.confirmed.v1").await;
        let failed = world.wait_for(DeliveryState::Failed, 1).await;
        assert!(
            failed
                .last_error
                .unwrap()
                .contains("redirects are not followed")
        );
        world.clock.advance(Duration::from_secs(1));
        let failed = world.wait_for(DeliveryState::Failed, 2).await;
        assert_eq!(failed.last_error.as_deref(), Some("no answer in time"));
        assert!(
            world
                .sink
                .received()
                .iter()
                .all(|r| r.uri.path() != "/elsewhere")
        );
        world.end().await;
    }
}

#[tokio::test]
async fn an_endpoint_that_fails_for_too_long_is_switched_off_and_can_come_back() {
    let config = WebhookConfig {
        disable_after_ms: 1_500,
        max_attempts: 10,
        ..config()
    };
    for world in World::all(config).await {
        let endpoint = world.register(&["*"]).await.endpoint;
        world.sink.otherwise(Answer::status(500));
        world.webhooks.start(&world.scope);
        world.publish("evt_1", "order.confirmed.v1").await;
        world.wait_for(DeliveryState::Failed, 1).await;
        world.clock.advance(Duration::from_millis(1_500));
        let dead = world.wait_for(DeliveryState::Dead, 2).await;
        let off = world.webhooks.get(OWNER, &endpoint.id).await.unwrap();
        assert_eq!(off.state, EndpointState::AutoDisabled);
        assert_eq!(world.publish("evt_2", "order.confirmed.v1").await, 0);
        let error = world.webhooks.redrive(None, &dead.id).await.unwrap_err();
        assert!(error.is(WebhookCode::EndpointDisabled));

        world.sink.otherwise(Answer::status(200));
        let on = EndpointPatch {
            active: Some(true),
            ..EndpointPatch::default()
        };
        let on = world
            .webhooks
            .update(OWNER, &endpoint.id, on)
            .await
            .unwrap();
        assert_eq!(
            (on.state, on.failing_since_ms),
            (EndpointState::Active, None)
        );
        assert_eq!(
            world
                .webhooks
                .redrive_all(OWNER, &endpoint.id)
                .await
                .unwrap(),
            1
        );
        world.wait_for(DeliveryState::Delivered, 1).await;
        world.end().await;
    }
}

/// Settings under which one failed call switches an endpoint off.
fn impatient() -> WebhookConfig {
    WebhookConfig {
        disable_after_ms: 0,
        ..config()
    }
}

#[tokio::test]
async fn what_keeps_us_from_calling_is_not_held_against_the_receiver() {
    for world in World::all(impatient()).await {
        let endpoint = world.register(&["*"]).await.endpoint;
        // Where to call cannot be read any more.
        world
            .sql("ALTER TABLE webhook_endpoints RENAME COLUMN previous_secret TO lost")
            .await;
        world.webhooks.start(&world.scope);
        world.publish("evt_1", "order.confirmed.v1").await;
        let failed = world.wait_for(DeliveryState::Failed, 1).await;
        let error = failed.last_error.as_deref();
        assert_eq!(error, Some("not called: common.internal"));
        world.assert_healthy(&endpoint.id).await;

        world
            .sql("ALTER TABLE webhook_endpoints RENAME COLUMN lost TO previous_secret")
            .await;
        world.clock.advance(Duration::from_secs(1));
        world.wait_for(DeliveryState::Delivered, 2).await;
        world.end().await;
    }
}

#[tokio::test]
async fn attempts_that_took_their_process_down_are_not_held_against_the_receiver() {
    let config = WebhookConfig {
        max_attempts: 1,
        ..impatient()
    };
    for world in World::all(config).await {
        let endpoint = world.register(&["*"]).await.endpoint;
        let never = Answer::status(200).after(Duration::from_secs(60));
        world.sink.script([never]);
        let doomed = shoal_task::Scope::root("doomed");
        world.webhooks.start(&doomed);
        world.publish("evt_1", "order.confirmed.v1").await;
        world.sink.wait_for(1, BOUND).await;
        doomed.drain(Duration::ZERO).await;

        world.webhooks.start(&world.scope);
        world.clock.advance(Duration::from_secs(5));
        let dead = world.wait_for(DeliveryState::Dead, 2).await;
        assert!(dead.last_error.unwrap().starts_with("abandoned"));
        world.assert_healthy(&endpoint.id).await;
        world.end().await;
    }
}

#[tokio::test]
async fn what_was_delivered_or_discarded_long_ago_is_removed_and_what_is_dead_stays() {
    let config = WebhookConfig {
        max_attempts: 1,
        ..config()
    };
    for world in World::all(config).await {
        world.register(&["*"]).await;
        world.sink.script([Answer::status(204)]);
        world.sink.otherwise(Answer::status(500));
        world.webhooks.start(&world.scope);
        for n in 1..=3 {
            world
                .publish(&format!("evt_{n}"), "order.confirmed.v1")
                .await;
        }
        let ended = || async {
            let all = world.deliveries().await;
            let dead = all.iter().filter(|d| d.state == DeliveryState::Dead);
            let dead: Vec<_> = dead.map(|d| d.id.clone()).collect();
            let delivered = all.iter().any(|d| d.state == DeliveryState::Delivered);
            (dead.len() == 2 && delivered).then_some(dead)
        };
        let dead = eventually(ended, BOUND).await;
        let discarded = shoal_queue::Selection::one(&dead[0]);
        let letters = world.webhooks.dead_letters();
        let mut gone = Vec::new();
        letters.discard(&discarded, &mut gone).await.unwrap();
        assert_eq!(gone, dead[..1]);

        let keep = Duration::from_millis(WebhookConfig::default().keep_delivered_ms);
        world.clock.advance(keep + Duration::from_millis(1));
        let left = || async {
            let all = world.deliveries().await;
            let ids: Vec<_> = all.into_iter().map(|d| d.id).collect();
            if ids == dead[1..] { Ok(()) } else { Err(ids) }
        };
        eventually(left, BOUND).await;
        world.end().await;
    }
}

#[tokio::test]
async fn a_receiver_that_says_gone_ends_its_endpoint_at_once() {
    for world in World::all(config()).await {
        let endpoint = world.register(&["*"]).await.endpoint;
        world.sink.otherwise(Answer::status(410));
        world.webhooks.start(&world.scope);
        world.publish("evt_1", "order.confirmed.v1").await;
        world.wait_for(DeliveryState::Dead, 1).await;
        let off = world.webhooks.get(OWNER, &endpoint.id).await.unwrap();
        assert_eq!(off.state, EndpointState::AutoDisabled);
        world.end().await;
    }
}

#[tokio::test]
async fn a_target_that_became_private_is_refused_when_connecting() {
    for world in World::all(config()).await {
        world.register(&["*"]).await;
        // The same rows under settings that forbid what they point at.
        let strict = WebhookConfig {
            allow_private_targets: false,
            ..config()
        };
        let strict = shoal_webhook::Webhooks::new(
            world.store.clone(),
            world.clock.clone(),
            strict,
            super::support::TYPES,
        )
        .unwrap();
        strict.start(&world.scope);
        world.publish("evt_1", "order.confirmed.v1").await;
        let failed = world.wait_for(DeliveryState::Failed, 1).await;
        assert!(failed.last_error.unwrap().starts_with("target refused"));
        assert!(world.sink.received().is_empty());
        world.end().await;
    }
}

#[tokio::test]
async fn a_delivery_that_an_administrator_discarded_is_not_its_owners_to_redrive() {
    for world in World::all(config()).await {
        world.register(&["*"]).await;
        world.sink.otherwise(Answer::status(410));
        world.webhooks.start(&world.scope);
        world.publish("evt_1", "order.confirmed.v1").await;
        let dead = world.wait_for(DeliveryState::Dead, 1).await;
        let letters = world.webhooks.dead_letters();
        let one = shoal_queue::Selection::one(&dead.id);
        let letter = letters.list(&one, false).await.unwrap().remove(0);
        assert_eq!((letter.reason.as_str(), letter.attempts), ("gone", 1));
        let mut gone = Vec::new();
        letters.discard(&one, &mut gone).await.unwrap();
        assert_eq!(gone, [dead.id.as_str()]);
        let redrive = world.webhooks.redrive(Some(OWNER), &dead.id).await;
        let refused = redrive.unwrap_err();
        assert!(refused.is(WebhookCode::DeliveryNotDead), "{refused:?}");
        assert!(refused.message().contains("discarded"), "{refused:?}");
        world.end().await;
    }
}
