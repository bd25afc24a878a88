use shoal_notification::Notification;
use shoal_testkit::TestService;

use super::sse::{Next, Reader};
use super::support::{ADA, BOUND, GRACE, Ground, World, confirmed, fast, v1};

async fn follow(world: &World, user: &str, last: Option<i64>) -> Reader {
    let request = world
        .service
        .get(&v1("/inbox/stream"))
        .bearer(&world.user(user));
    let request = match last {
        Some(id) => request.header("Last-Event-ID", &id.to_string()),
        None => request,
    };
    Reader::new(request.stream().await)
}

#[tokio::test]
async fn items_arrive_live_and_only_ones_own() {
    for ground in Ground::all().await {
        let world = World::on(ground).await;
        let mut ada = follow(&world, ADA, None).await;
        let mut grace = follow(&world, GRACE, None).await;
        world.producer.publish(&confirmed(ADA, "ord_1")).await;
        world.producer.publish(&confirmed(GRACE, "ord_2")).await;
        let (first, other) = (ada.event().await, grace.event().await);
        assert_eq!(first.name, "notification");
        assert_eq!(first.data["link"], "/order/v1/orders/ord_1");
        assert_eq!(first.data["event_id"], first.id);
        assert_eq!(other.data["link"], "/order/v1/orders/ord_2");
        drop((ada, grace));
        world.stop().await;
    }
}

#[tokio::test]
async fn a_client_that_reconnects_misses_and_repeats_nothing() {
    for ground in Ground::all().await {
        let world = World::on(ground).await;
        let mut stream = follow(&world, ADA, None).await;
        for n in 0..5 {
            world
                .producer
                .publish(&confirmed(ADA, &format!("ord_{n}")))
                .await;
        }
        let mut seen = stream.events(2).await;
        drop(stream);
        for n in 5..150 {
            world
                .producer
                .publish(&confirmed(ADA, &format!("ord_{n}")))
                .await;
        }
        // More than one batch of catching up, while further items come in.
        let mut stream = follow(&world, ADA, Some(seen[1].id)).await;
        for n in 150..160 {
            world
                .producer
                .publish(&confirmed(ADA, &format!("ord_{n}")))
                .await;
        }
        seen.extend(stream.events(158).await);
        let ids: Vec<i64> = seen.iter().map(|event| event.id).collect();
        assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
        let mut orders: Vec<String> = seen
            .iter()
            .map(|event| event.data["link"].as_str().unwrap().to_owned())
            .collect();
        orders.sort();
        orders.dedup();
        assert_eq!(orders.len(), 160);
        drop(stream);
        world.stop().await;
    }
}

#[tokio::test]
async fn a_stream_goes_on_where_a_listing_was_made() {
    for ground in Ground::all().await {
        let world = World::on(ground).await;
        world.producer.publish(&confirmed(ADA, "ord_1")).await;
        world.wait_for_inbox(ADA, 1).await;
        let page = world.get(&world.user(ADA), "/inbox").await;
        let last = page["last_event_id"].as_i64().unwrap();
        world.producer.publish(&confirmed(ADA, "ord_2")).await;
        world.wait_for_inbox(ADA, 2).await;

        let path = v1(&format!("/inbox/stream?last_event_id={last}"));
        let response = world
            .service
            .get(&path)
            .bearer(&world.user(ADA))
            .stream()
            .await;
        let event = Reader::new(response).event().await;
        assert_eq!(event.data["link"], "/order/v1/orders/ord_2");
        world.stop().await;
    }
}

#[tokio::test]
async fn another_instance_streams_what_this_one_wrote() {
    // Two processes share PostgreSQL and Redis; embedded there is only one.
    let ground = Ground::production().await;
    let world = World::on(ground).await;
    let (smtp, auth) = (world.smtp.addr(), world.auth.addr);
    let bus = shoal_bus::Bus::in_process();
    let second = TestService::<Notification>::builder()
        .config(|config| fast(config, smtp))
        .peer("auth", auth)
        // Not on the shared bus: it hears of nothing but through the database.
        .platform(|platform| platform.bus(bus))
        .start(&world.ground.db)
        .await;
    let token = second.issuer.user(ADA, &["customer"]);
    let response = second
        .get(&v1("/inbox/stream"))
        .bearer(&token)
        .stream()
        .await;
    let mut stream = Reader::new(response);
    for n in 0..20 {
        world
            .producer
            .publish(&confirmed(ADA, &format!("ord_{n}")))
            .await;
    }
    let ids: Vec<i64> = stream
        .events(20)
        .await
        .iter()
        .map(|event| event.id)
        .collect();
    assert!(ids.is_sorted_by(|a, b| a < b));
    drop(stream);
    second.stop().await;
    world.stop().await;
}

#[tokio::test]
async fn silence_is_filled_and_streams_are_bounded_per_user() {
    let world = World::with(Ground::embedded(), |config| config.streams.max_per_user = 2).await;
    let mut first = follow(&world, ADA, None).await;
    let second = follow(&world, ADA, None).await;
    assert!(matches!(first.next().await, Next::Comment));
    assert!(
        matches!(first.next().await, Next::Comment),
        "a heartbeat after the greeting"
    );
    let third = world
        .service
        .get(&v1("/inbox/stream"))
        .bearer(&world.user(ADA))
        .send()
        .await;
    assert!(third.header("retry-after").is_some());
    third.problem(429, "notification.too_many_streams");
    follow(&world, GRACE, None).await;

    // A place comes back once the server notices that its client is gone.
    drop(second);
    let free = || async {
        let request = world
            .service
            .get(&v1("/inbox/stream"))
            .bearer(&world.user(ADA));
        request.stream().await.status() == 200
    };
    shoal_testkit::eventually(free, BOUND).await;
    drop(first);
    world.stop().await;
}

#[tokio::test]
async fn streams_end_when_the_service_drains() {
    let world = World::on(Ground::embedded()).await;
    let stream = follow(&world, ADA, None).await;
    let ended = stream.end();
    let (service, producer) = (world.service, world.producer);
    tokio::join!(ended, service.stop());
    producer.stop().await;
}

#[tokio::test]
async fn a_position_that_was_never_given_out_is_refused() {
    let world = World::on(Ground::embedded()).await;
    for bad in ["7", "-1", "x", "99999999999999999999"] {
        let request = world
            .service
            .get(&v1("/inbox/stream"))
            .bearer(&world.user(ADA));
        let answer = request.header("Last-Event-ID", bad).send().await;
        answer.problem(400, "notification.invalid_event_id");
    }
    world.stop().await;
}
