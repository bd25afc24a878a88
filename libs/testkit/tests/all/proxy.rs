//! The proxy takes the network away and gives it back.

use std::time::Duration;

use shoal_testkit::{FaultProxy, HttpSink, TestClient};
use tokio::time::{Instant, timeout};

#[tokio::test]
async fn a_connection_can_be_refused_cut_delayed_frozen_and_healed() {
    let sink = HttpSink::start().await;
    let proxy = FaultProxy::to(sink.addr()).await;
    let client = TestClient::new(format!("http://{}", proxy.addr()));
    assert_eq!(client.get("/").send().await.status, 200);

    proxy.refuse();
    assert!(client.get("/").try_send().await.is_err());
    proxy.heal();
    assert_eq!(client.get("/").send().await.status, 200);

    proxy.delay(Duration::from_millis(60));
    let start = Instant::now();
    assert_eq!(client.get("/").send().await.status, 200);
    assert!(
        start.elapsed() >= Duration::from_millis(120),
        "once in each direction"
    );
    proxy.heal();

    proxy.freeze();
    let frozen = timeout(Duration::from_millis(200), client.get("/").try_send()).await;
    assert!(frozen.is_err(), "answered through a frozen proxy");
    proxy.cut();
    proxy.heal();
    assert_eq!(client.get("/").send().await.status, 200);
}
