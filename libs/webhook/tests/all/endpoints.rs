use std::time::Duration;

use shoal_store::page::PageRequest;
use shoal_task::Clock as _;
use shoal_webhook::{
    DEFAULT_TOLERANCE, EndpointPatch, NewEndpoint, VerifyError, WebhookCode, WebhookConfig, verify,
};

use super::support::{BOUND, OWNER, World, config};

fn new(url: &str) -> NewEndpoint {
    NewEndpoint {
        url: url.into(),
        description: String::new(),
        event_types: vec!["*".into()],
    }
}

#[tokio::test]
async fn both_secrets_sign_during_a_rotation_and_only_the_new_one_after() {
    for world in World::all(config()).await {
        let old = world.register(&["*"]).await;
        let new = world
            .webhooks
            .rotate_secret(OWNER, &old.endpoint.id)
            .await
            .unwrap();
        assert_ne!(old.secret, new.secret);
        world.webhooks.start(&world.scope);
        world.publish("evt_1", "order.confirmed.v1").await;
        let during = world.sink.wait_for(1, BOUND).await[0].clone();

        let end = new.endpoint.previous_secret_expires_at_ms.unwrap() - world.clock.now_ms();
        world
            .clock
            .advance(Duration::from_millis(end.try_into().unwrap()));
        world.publish("evt_2", "order.confirmed.v1").await;
        let after = world.sink.wait_for(2, BOUND).await[1].clone();

        let now = world.clock.now_ms() / 1_000;
        let check = |call: &shoal_testkit::Received, secret, now| {
            let header = call.header("shoal-signature").unwrap();
            let id = call.header("shoal-event-id").unwrap();
            verify(&[secret], header, id, &call.body, now, DEFAULT_TOLERANCE)
        };
        let then = now - end / 1_000;
        assert_eq!(check(&during, old.secret.clone(), then), Ok(()));
        assert_eq!(check(&during, new.secret.clone(), then), Ok(()));
        assert_eq!(check(&after, new.secret, now), Ok(()));
        assert_eq!(check(&after, old.secret, now), Err(VerifyError::Mismatch));
        world.end().await;
    }
}

#[tokio::test]
async fn an_owner_sees_and_changes_only_their_own_endpoints() {
    for world in World::all(config()).await {
        let mine = world.register(&["*"]).await.endpoint;
        let hooks = &world.webhooks;
        let other = "usr_other";
        assert!(
            hooks
                .get(other, &mine.id)
                .await
                .unwrap_err()
                .is(WebhookCode::EndpointNotFound)
        );
        assert!(hooks.delete(other, &mine.id).await.is_err());
        assert!(hooks.rotate_secret(other, &mine.id).await.is_err());
        assert!(
            hooks
                .update(other, &mine.id, EndpointPatch::default())
                .await
                .is_err()
        );
        assert!(hooks.redrive_all(other, &mine.id).await.is_err());
        let page = PageRequest::default();
        assert!(hooks.list(other, &page).await.unwrap().items.is_empty());
        assert_eq!(
            hooks.list(OWNER, &page).await.unwrap().items,
            std::slice::from_ref(&mine)
        );

        hooks.delete(OWNER, &mine.id).await.unwrap();
        assert!(hooks.get(OWNER, &mine.id).await.is_err());
        world.end().await;
    }
}

#[tokio::test]
async fn an_url_is_registered_once_and_endpoints_are_limited() {
    let config = WebhookConfig {
        max_endpoints_per_owner: 2,
        ..config()
    };
    for world in World::all(config).await {
        let hooks = &world.webhooks;
        hooks
            .create(OWNER, new("https://a.example/1"))
            .await
            .unwrap();
        let again = hooks
            .create(OWNER, new("https://a.example/1"))
            .await
            .unwrap_err();
        assert!(again.is(WebhookCode::UrlTaken), "{again:?}");
        hooks
            .create("usr_other", new("https://a.example/1"))
            .await
            .unwrap();
        hooks
            .create(OWNER, new("https://a.example/2"))
            .await
            .unwrap();
        let third = hooks
            .create(OWNER, new("https://a.example/3"))
            .await
            .unwrap_err();
        assert!(third.is(WebhookCode::TooManyEndpoints));
        let page = hooks.list(OWNER, &PageRequest::default()).await.unwrap();
        assert_eq!(page.items.len(), 2, "the refused one left nothing behind");
        world.end().await;
    }
}

#[tokio::test]
async fn without_leave_private_targets_are_refused_at_registration() {
    let strict = WebhookConfig {
        allow_private_targets: false,
        ..config()
    };
    for world in World::all(strict).await {
        for url in [
            "http://127.0.0.1:1/",
            "http://[::1]/",
            "http://169.254.169.254/",
        ] {
            let refused = world.webhooks.create(OWNER, new(url)).await.unwrap_err();
            assert_eq!(refused.fields()[0].field, "/url");
        }
        world.end().await;
    }
}
