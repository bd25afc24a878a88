//! Requests whose connection ends without an answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use shoal_discovery::{Instance, Resolver, StaticResolver};
use shoal_gateway::Gateway;
use shoal_testkit::{Answer, HttpSink, TestService};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::in_front_of;

/// A service that takes every request and answers only each second one: the
/// others find their connection closed.
struct BreaksOff {
    addr: SocketAddr,
    taken: Arc<AtomicUsize>,
    _task: JoinSet<()>,
}

impl BreaksOff {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let taken = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&taken);
        let mut task = JoinSet::new();
        task.spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                read_request(&mut stream).await;
                if counter.fetch_add(1, Ordering::SeqCst) % 2 == 1 {
                    let answer =
                        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
                    stream.write_all(answer).await.unwrap();
                }
            }
        });
        Self {
            addr,
            taken,
            _task: task,
        }
    }
}

/// Reads a head and the body that it announces.
async fn read_request(stream: &mut TcpStream) {
    let mut read = Vec::new();
    loop {
        let count = stream.read_buf(&mut read).await.unwrap();
        let text = String::from_utf8_lossy(&read).to_lowercase();
        let done = text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.parse().unwrap());
            body.len() >= length
        });
        if done || count == 0 {
            return;
        }
    }
}

async fn in_front_of_breaking() -> (TestService<Gateway>, BreaksOff) {
    let upstream = BreaksOff::start().await;
    let gateway = TestService::<Gateway>::builder()
        .peer("order", upstream.addr)
        .start_without_database()
        .await;
    (gateway, upstream)
}

#[tokio::test]
async fn a_read_and_a_request_with_a_key_are_sent_once_more() {
    let (gateway, upstream) = in_front_of_breaking().await;
    let _ = gateway
        .get("/order/v1/products")
        .send()
        .await
        .ok::<Value>(200);
    let _ = gateway
        .post("/order/v1/orders")
        .idempotency_key("k1")
        .json(&json!({"items": []}))
        .send()
        .await
        .ok::<Value>(200);
    assert_eq!(upstream.taken.load(Ordering::SeqCst), 4);
    gateway.stop().await;
}

#[tokio::test]
async fn what_may_have_been_done_is_not_done_again() {
    let (gateway, upstream) = in_front_of_breaking().await;
    gateway
        .post("/order/v1/orders")
        .json(&json!({"items": []}))
        .send()
        .await
        .problem(502, "common.bad_upstream");
    assert_eq!(upstream.taken.load(Ordering::SeqCst), 1);
    gateway.stop().await;
}

#[tokio::test]
async fn a_request_with_a_body_reaches_the_instance_that_lives() {
    let sink = HttpSink::start().await;
    sink.otherwise(Answer::status(200).body("{}"));
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let away = closed.local_addr().unwrap();
    drop(closed);
    let resolver = Arc::new(StaticResolver::new());
    resolver.set(
        "order",
        [away.to_string(), sink.addr().to_string()].map(Instance::at),
    );
    let handed: Arc<dyn Resolver> = resolver;
    let gateway = TestService::<Gateway>::builder()
        .platform(|platform| platform.resolver(handed))
        .start_without_database()
        .await;
    for _ in 0..4 {
        let answer = gateway
            .post("/order/v1/orders")
            .json(&json!({"items": [1]}));
        let _ = answer.send().await.expect(200);
    }
    assert!(
        sink.received()
            .iter()
            .all(|request| request.json::<Value>() == json!({"items": [1]}))
    );
    gateway.stop().await;
}

#[tokio::test]
async fn a_large_body_streams_through() {
    let sink = HttpSink::start().await;
    let gateway = in_front_of(&sink).await;
    let text = "x".repeat(200_000);
    let answer = gateway
        .post("/order/v1/orders")
        .json(&json!({"note": text}));
    let _ = answer.send().await;
    assert_eq!(sink.received()[0].json::<Value>(), json!({"note": text}));
    gateway.stop().await;
}

/// Sends a request whose body comes in chunks, of which these are the first, and
/// gives the head of the answer.
async fn post_chunks(gateway: &TestService<Gateway>, chunks: &str) -> String {
    let mut stream = TcpStream::connect(gateway.addr()).await.unwrap();
    let head = "POST /order/v1/orders HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    let request = format!("{head}{chunks}");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
        assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0);
    }
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_body_that_is_wrong_is_its_senders_fault_and_nobody_elses() {
    let (a, b) = (HttpSink::start().await, HttpSink::start().await);
    let resolver = StaticResolver::new();
    resolver.set(
        "order",
        [&a, &b].map(|sink| Instance::at(sink.addr().to_string())),
    );
    let handed: Arc<dyn Resolver> = Arc::new(resolver);
    let gateway = TestService::<Gateway>::builder()
        .platform(|platform| platform.resolver(handed))
        .chassis(|chassis| chassis.http.max_body_bytes = 1_024)
        .start_without_database()
        .await;
    let too_large = format!("800\r\n{}\r\n", "x".repeat(2_048));
    for _ in 0..40 {
        let answer = post_chunks(&gateway, &too_large).await;
        assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
        let answer = post_chunks(&gateway, "1\r\nx\r\nno size\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    }
    let admin = gateway.issuer.user("usr_admin", &["admin"]);
    let order: Value = gateway
        .get("/admin/dependencies/order")
        .bearer(&admin)
        .send()
        .await
        .ok(200);
    assert_eq!(order["breaker"]["state"], "closed", "{order}");
    assert_eq!(order["breaker"]["error_rate"], 0.0, "{order}");
    for instance in order["instances"].as_array().unwrap() {
        assert_eq!(instance["calls"]["failed"], 0, "{order}");
    }
    let _ = gateway.get("/order/v1/products").send().await.expect(200);
    gateway.stop().await;
}
