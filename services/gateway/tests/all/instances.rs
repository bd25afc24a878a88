//! Instances that come, drain and go while the gateway serves.

use std::sync::Arc;

use shoal_discovery::{Instance, InstanceState, Resolver, StaticResolver};
use shoal_gateway::Gateway;
use shoal_testkit::{HttpSink, TestService};

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
