//! What one service may take of what the gateway handles at once.

use std::time::Duration;

use futures::StreamExt as _;
use futures::future::join_all;
use futures::stream::FuturesUnordered;
use shoal_gateway::Gateway;
use shoal_resilience::LimitMode;
use shoal_testkit::{Answer, HttpSink, TestService, TestServiceBuilder};

/// A gateway with eight places in front of a `billing` and an `order`.
async fn with_eight_places(
    [billing, order]: [&HttpSink; 2],
    change: impl FnOnce(TestServiceBuilder<Gateway>) -> TestServiceBuilder<Gateway>,
) -> TestService<Gateway> {
    let gateway = TestService::<Gateway>::builder()
        .peer("billing", billing.addr())
        .peer("order", order.addr())
        .config(|config| config.rate_limit.per_address = 100_000)
        .chassis(|chassis| {
            chassis.admission.mode = LimitMode::Fixed;
            chassis.admission.initial_limit = 8;
        });
    change(gateway).start_without_database().await
}

/// One of two services hangs, and gets only so many of eight places.
async fn one_hangs(
    places: usize,
    change: impl FnOnce(TestServiceBuilder<Gateway>) -> TestServiceBuilder<Gateway>,
) {
    let (hung, well) = (HttpSink::start().await, HttpSink::start().await);
    hung.otherwise(Answer::status(200).after(Duration::from_secs(60)));
    let gateway = with_eight_places([&hung, &well], |gateway| {
        change(gateway.chassis(|chassis| chassis.admission.max_wait_ms = 100))
    })
    .await;
    let ask = || gateway.get("/billing/v1/payments").send();
    let mut asked: FuturesUnordered<_> = (0..20).map(|_| ask()).collect();
    for _ in places..20 {
        let refused = asked.next().await.unwrap();
        assert!(refused.header("retry-after").is_some());
        refused.problem(503, "common.overloaded");
    }
    // Further ones come all the time.
    let insist = async {
        loop {
            let refused = join_all((0..4).map(|_| ask())).await;
            for refused in refused {
                refused.problem(503, "common.overloaded");
            }
        }
    };
    let others = async {
        for _ in 0..20 {
            let _ = gateway.get("/order/v1/products").send().await.expect(200);
        }
    };
    tokio::select! {
        () = others => {}
        () = insist => {}
        early = asked.next() => panic!("{early:?}"),
    }
    assert_eq!(hung.received().len(), places);
    drop(asked);
    gateway.stop().await;
}

#[tokio::test]
async fn a_service_that_is_merely_busy_is_waited_for() {
    let (busy, well) = (HttpSink::start().await, HttpSink::start().await);
    busy.otherwise(Answer::status(200).after(Duration::from_millis(10)));
    let gateway = with_eight_places([&busy, &well], |gateway| gateway).await;
    let ask = || gateway.get("/billing/v1/payments").send();
    for answer in join_all((0..30).map(|_| ask())).await {
        let _ = answer.expect(200);
    }
    gateway.stop().await;
}

#[tokio::test]
async fn one_service_that_hangs_leaves_the_others_their_share_of_the_places() {
    one_hangs(6, |gateway| gateway).await;
    one_hangs(1, |gateway| {
        gateway.config(|config| config.upstream.max_share = 0.05)
    })
    .await;
}

#[tokio::test]
async fn a_service_can_be_bounded_further_by_name() {
    one_hangs(2, |gateway| {
        gateway.chassis(|chassis| {
            let all = &mut chassis.resilience.dependencies;
            let billing = all.entry("billing".to_owned()).or_default();
            billing.bulkhead.max_in_flight = Some(2);
        })
    })
    .await;
}
