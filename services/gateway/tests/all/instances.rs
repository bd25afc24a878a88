//! Instances that come, drain and go while the gateway serves.

use std::sync::Arc;
use std::time::Duration;

use shoal_discovery::{Instance, InstanceState, Resolver, StaticResolver};
use shoal_gateway::Gateway;
use shoal_testkit::{Answer, HttpSink, TestResponse, TestService, eventually};
use tokio::net::TcpListener;

async fn in_front(resolver: &StaticResolver) -> TestService<Gateway> {
    let shared: Arc<dyn Resolver> = Arc::new(resolver.clone());
    TestService::<Gateway>::builder()
        .platform(|platform| platform.resolver(shared))
        .start_without_database()
        .await
}

fn at(sink: &HttpSink) -> Instance {
    Instance::at(sink.addr().to_string())
}

async fn reads(gateway: &TestService<Gateway>, count: usize) {
    for _ in 0..count {
        let answer = gateway.get("/order/v1/products").send().await;
        assert_eq!(answer.status, 200);
    }
}

#[tokio::test]
async fn a_draining_instance_gets_no_request_from_the_moment_it_says_so() {
    let (a, b) = (HttpSink::start().await, HttpSink::start().await);
    let resolver = StaticResolver::new();
    resolver.set("order", [at(&a), at(&b)]);
    let gateway = in_front(&resolver).await;
    reads(&gateway, 10).await;
    assert_eq!((a.received().len(), b.received().len()), (5, 5));

    resolver.update("order", &at(&a).id, |i| i.state = InstanceState::Draining);
    reads(&gateway, 10).await;
    assert_eq!((a.received().len(), b.received().len()), (5, 15));

    // One that joins takes its share at once; one that is gone has none.
    resolver.set("order", [at(&a)]);
    reads(&gateway, 4).await;
    assert_eq!((a.received().len(), b.received().len()), (9, 15));
    gateway.stop().await;
}

#[tokio::test]
async fn an_instance_that_died_without_a_word_costs_no_request() {
    let alive = HttpSink::start().await;
    let dead = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        Instance::at(listener.local_addr().unwrap().to_string())
    };
    let resolver = StaticResolver::new();
    resolver.set("order", [dead, at(&alive)]);
    let gateway = in_front(&resolver).await;
    reads(&gateway, 20).await;
    assert_eq!(alive.received().len(), 20);
    gateway.stop().await;
}

#[tokio::test]
async fn one_that_answers_errors_is_soon_left_out_and_administrators_see_why() {
    let (a, b, sick) = (
        HttpSink::start().await,
        HttpSink::start().await,
        HttpSink::start().await,
    );
    let resolver = StaticResolver::new();
    resolver.set("order", [at(&a), at(&b), at(&sick)]);
    let gateway = in_front(&resolver).await;
    reads(&gateway, 30).await;
    sick.otherwise(Answer::status(500));
    let before = sick.received().len();
    let mut failed = 0;
    for _ in 0..60 {
        let answer = gateway.get("/order/v1/products").send().await;
        failed += usize::from(answer.status == 500);
    }
    assert!((3..=8).contains(&failed), "{failed}");
    assert_eq!(sick.received().len() - before, failed);

    let admin = gateway.issuer.user("usr_admin", &["admin"]);
    let order: serde_json::Value = gateway
        .get("/admin/dependencies/order")
        .bearer(&admin)
        .send()
        .await
        .ok(200);
    let instances = order["instances"].as_array().unwrap();
    let own = instances
        .iter()
        .find(|one| one["address"] == sick.addr().to_string())
        .unwrap();
    assert_eq!(own["left_out"], "failing", "{order}");
    let metrics = gateway.get("/metrics").send().await.text();
    // Other gateways of this process count in the same series.
    let counted = r#"shoal_ejections_total{service="gateway",dependency="order",cause="failing"} "#;
    let mut values = metrics
        .lines()
        .filter_map(|line| line.strip_prefix(counted));
    assert!(values.any(|count| count.parse::<u64>().unwrap() >= 1));
    let line = r#"shoal_ejected_instances{service="gateway",dependency="order"} 1"#;
    assert!(metrics.contains(line));
    gateway.stop().await;
}

#[tokio::test]
async fn a_service_that_fails_everywhere_keeps_its_instances() {
    let (a, b, c) = (
        HttpSink::start().await,
        HttpSink::start().await,
        HttpSink::start().await,
    );
    let resolver = StaticResolver::new();
    resolver.set("order", [at(&a), at(&b), at(&c)]);
    let gateway = in_front(&resolver).await;
    for sink in [&a, &b, &c] {
        sink.otherwise(Answer::status(503));
    }
    for _ in 0..90 {
        assert_eq!(gateway.get("/order/v1/products").send().await.status, 503);
    }
    let got = [&a, &b, &c].map(|sink| sink.received().len());
    assert_eq!(got, [30, 30, 30]);
    gateway.stop().await;
}

/// Of sixty requests to three instances that were well so far, those to the one
/// that answers so from now on.
async fn one_of_three_answers(answer: Answer) -> Vec<TestResponse> {
    let (a, b, other) = (
        HttpSink::start().await,
        HttpSink::start().await,
        HttpSink::start().await,
    );
    let resolver = StaticResolver::new();
    resolver.set("order", [at(&a), at(&b), at(&other)]);
    let gateway = in_front(&resolver).await;
    reads(&gateway, 30).await;
    other.otherwise(answer);
    let mut got = Vec::new();
    for _ in 0..60 {
        got.push(gateway.get("/order/v1/products").send().await);
    }
    got.retain(|answer| answer.status != 200);
    assert_eq!(other.received().len(), 10 + got.len());
    gateway.stop().await;
    got
}

#[tokio::test]
async fn one_that_is_busy_keeps_its_share_and_one_that_is_away_does_not() {
    let busy = one_of_three_answers(Answer::status(503).header("x-shoal-shed", "busy")).await;
    assert_eq!(busy.len(), 20);
    let told = busy.iter().find_map(|answer| answer.header("x-shoal-shed"));
    assert_eq!(told, None, "that is for services");
    let away = one_of_three_answers(Answer::status(503)).await;
    assert!((3..=8).contains(&away.len()), "{}", away.len());
}

#[tokio::test]
async fn one_that_runs_out_of_time_is_left_out_only_if_others_would_not_have() {
    let hasty = one_of_three_answers(Answer::status(504)).await;
    assert_eq!(hasty.len(), 20);
    let late = Answer::status(504).after(Duration::from_millis(300));
    let late = one_of_three_answers(late).await;
    assert!((3..=8).contains(&late.len()), "{}", late.len());
}

#[tokio::test]
async fn one_that_was_away_is_not_back_because_its_port_is_open() {
    let alive = HttpSink::start().await;
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dead = port.local_addr().unwrap();
    drop(port);
    let resolver = StaticResolver::new();
    resolver.set("order", [Instance::at(dead.to_string()), at(&alive)]);
    let gateway = in_front(&resolver).await;
    reads(&gateway, 2).await;
    // It takes connections, and ends them without an answer.
    let port = TcpListener::bind(dead).await.unwrap();
    let taken = async {
        let _ = port.accept().await.unwrap();
        let _ = port.accept().await.unwrap();
    };
    let asked = eventually(
        || async {
            reads(&gateway, 1).await;
            false
        },
        Duration::from_secs(10),
    );
    tokio::select! {
        () = taken => {}
        () = asked => {}
    }
    drop(port);
    let admin = gateway.issuer.user("usr_admin", &["admin"]);
    let order: serde_json::Value = gateway
        .get("/admin/dependencies/order")
        .bearer(&admin)
        .send()
        .await
        .ok(200);
    let instances = order["instances"].as_array().unwrap();
    let address = dead.to_string();
    let own = instances.iter().find(|one| one["address"] == *address);
    assert_eq!(own.unwrap()["left_out"], "unreachable", "{order}");
    gateway.stop().await;
}
