use shoal_error::{CommonCode, Error};
use shoal_notification::NotificationCode;
use shoal_proto::notification::v1 as proto;
use shoal_testkit::eventually;

use super::support::{ADA, BOUND, Ground, World};

fn request(key: &str, data: &str) -> proto::SendRequest {
    proto::SendRequest {
        user_id: ADA.into(),
        template: "offer".into(),
        data_json: data.into(),
        idempotency_key: key.into(),
        channels: Vec::new(),
        locale: String::new(),
    }
}

#[tokio::test]
async fn a_notification_is_sent_and_followed_over_grpc() {
    for ground in Ground::all().await {
        let world = World::on(ground).await;
        world.publish_offer().await;
        let mut grpc = world.grpc();
        let sent = grpc
            .send(request("k1", r#"{"name":"Ada"}"#))
            .await
            .unwrap()
            .into_inner();
        assert_eq!((sent.deliveries.len(), sent.replayed), (2, false));
        let again = grpc
            .send(request("k1", r#"{"name":"Ada"}"#))
            .await
            .unwrap()
            .into_inner();
        assert_eq!(
            (again.notification_id, again.replayed),
            (sent.notification_id, true)
        );

        let mail = sent
            .deliveries
            .iter()
            .find(|d| d.channel() == proto::Channel::Email)
            .unwrap();
        let delivered = || async {
            let id = mail.id.clone();
            let found = world
                .grpc()
                .get_delivery(proto::GetDeliveryRequest { id })
                .await;
            let found = found.unwrap().into_inner();
            (found.state() == proto::DeliveryState::Delivered).then_some(found)
        };
        let found = eventually(delivered, BOUND).await;
        assert_eq!(found.attempt_log.len(), 1);
        assert_eq!(found.attempt_log[0].outcome, "delivered");
        assert!(found.delivered_at_ms >= found.created_at_ms);

        let inbox = proto::ListInboxRequest {
            user_id: ADA.into(),
            ..Default::default()
        };
        let inbox = grpc.list_inbox(inbox).await.unwrap().into_inner();
        assert_eq!(inbox.items[0].body, "Dear Ada");
        let unread = proto::GetUnreadCountRequest {
            user_id: ADA.into(),
        };
        assert_eq!(
            grpc.get_unread_count(unread)
                .await
                .unwrap()
                .into_inner()
                .unread,
            1
        );
        let filter = proto::ListDeliveriesRequest {
            state: proto::DeliveryState::Delivered.into(),
            page_size: 1,
            ..Default::default()
        };
        let page = grpc.list_deliveries(filter).await.unwrap().into_inner();
        assert_eq!(page.deliveries.len(), 1);
        assert!(!page.next_cursor.is_empty());
        world.stop().await;
    }
}

#[tokio::test]
async fn errors_keep_their_codes_over_grpc() {
    for ground in Ground::all().await {
        let world = World::on(ground).await;
        world.publish_offer().await;
        let mut grpc = world.grpc();
        let key = Error::from_status(grpc.send(request("", "{}")).await.unwrap_err());
        assert!(key.is(CommonCode::InvalidField), "{key:?}");
        let data = Error::from_status(grpc.send(request("k", "[]")).await.unwrap_err());
        assert_eq!(data.fields()[0].field, "data_json");
        let _ = grpc.send(request("k", r#"{"name":"A"}"#)).await.unwrap();
        let reused = grpc
            .send(request("k", r#"{"name":"B"}"#))
            .await
            .unwrap_err();
        assert!(Error::from_status(reused).is(CommonCode::IdempotencyKeyReused));
        let id = proto::GetDeliveryRequest {
            id: "dlv_none".into(),
        };
        let missing = Error::from_status(grpc.get_delivery(id).await.unwrap_err());
        assert!(missing.is(NotificationCode::DeliveryNotFound));
        world.stop().await;
    }
}

#[tokio::test]
async fn a_template_is_rendered_in_the_best_language_over_grpc() {
    let world = World::on(Ground::embedded()).await;
    let render = |locale: &str| proto::RenderTemplateRequest {
        template: "order_confirmed".into(),
        channel: proto::Channel::Email.into(),
        locale: locale.into(),
        data_json: String::new(),
    };
    let german = world
        .grpc()
        .render_template(render("de-CH"))
        .await
        .unwrap()
        .into_inner();
    assert_eq!((german.locale.as_str(), german.version), ("de", 1));
    assert!(german.subject.contains("bestätigt") && german.html.contains("<html"));
    let english = world
        .grpc()
        .render_template(render("fr"))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(english.locale, "en");
    let mut short = render("en");
    short.data_json = "{}".into();
    let error = world.grpc().render_template(short).await.unwrap_err();
    assert!(Error::from_status(error).is(NotificationCode::TemplateRender));
    world.stop().await;
}

#[tokio::test]
async fn a_dead_delivery_is_redriven_over_grpc() {
    let world = World::on(Ground::embedded()).await;
    world.publish_offer().await;
    world.smtp.refuse(["550 5.7.1 no"]);
    let sent = world
        .grpc()
        .send(request("k", r#"{"name":"Ada"}"#))
        .await
        .unwrap()
        .into_inner();
    let mail = sent
        .deliveries
        .iter()
        .find(|d| d.channel() == proto::Channel::Email)
        .unwrap();
    world.wait_for_delivery("email", "dead").await;
    let redrive = proto::RedriveDeliveryRequest {
        id: mail.id.clone(),
    };
    let back = world
        .grpc()
        .redrive_delivery(redrive.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(back.attempts, 0);
    world.smtp.wait_for(1, BOUND).await;
    world.wait_for_delivery("email", "delivered").await;
    let error = world.grpc().redrive_delivery(redrive).await.unwrap_err();
    assert!(Error::from_status(error).is(NotificationCode::DeliveryNotDead));
    world.stop().await;
}
