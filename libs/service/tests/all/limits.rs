//! What a client may take, and what happens when it takes more.

use std::time::Duration;

use futures::future::join_all;
use shoal_testkit::eventually;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::toy::{toy, toy_with};

const SOON: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_body_over_the_limit_is_a_413_whether_announced_or_not() {
    let (t, _) = toy_with(|b| b.chassis(|c| c.http.max_body_bytes = 1_000)).await;
    let big = vec![b' '; 1_001];
    let announced = t
        .post("/toy/v1/parts")
        .idempotency_key("k")
        .body("application/json", big.clone());
    let problem = announced
        .send()
        .await
        .problem(413, "common.payload_too_large");
    assert!(problem.detail.contains("1000"), "{}", problem.detail);
    let chunks = futures::stream::iter([Ok::<_, std::io::Error>(big)]);
    let streamed = t
        .post("/toy/v1/parts")
        .idempotency_key("k")
        .body("application/json", reqwest::Body::wrap_stream(chunks));
    streamed
        .send()
        .await
        .problem(413, "common.payload_too_large");
    let fits = t
        .post("/toy/v1/parts")
        .idempotency_key("k")
        .body("application/json", " ".repeat(1_000));
    fits.send().await.problem(400, "common.malformed_body");
    t.stop().await;
}

#[tokio::test]
async fn a_head_over_the_limit_is_a_431() {
    let (t, _) = toy_with(|b| b.chassis(|c| c.http.max_header_bytes = 8_192)).await;
    let answer = t
        .get("/toy/v1/parts")
        .header("x-big", &"x".repeat(9_000))
        .send()
        .await;
    assert_eq!(answer.status, 431);
    t.stop().await;
}

async fn closed_after(stream: &mut TcpStream) -> Duration {
    let start = Instant::now();
    let mut rest = Vec::new();
    // A timeout may be answered with 408 or by closing; either ends the read.
    let ended = tokio::time::timeout(SOON, stream.read_to_end(&mut rest)).await;
    assert!(
        ended.is_ok(),
        "the server keeps a connection that says nothing"
    );
    start.elapsed()
}

#[tokio::test]
async fn connections_that_are_slow_or_silent_are_closed() {
    let (t, _) = toy_with(|b| b.chassis(|c| c.http.header_read_timeout_ms = 200)).await;
    let mut silent = TcpStream::connect(t.addr()).await.unwrap();
    let mut slow = TcpStream::connect(t.addr()).await.unwrap();
    slow.write_all(b"GET /toy/v1/parts HTTP/1.1\r\nhost: x\r\nx-slow: ")
        .await
        .unwrap();
    let mut idle = TcpStream::connect(t.addr()).await.unwrap();
    idle.write_all(b"GET /toy/v1/parts HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let (silent, slow, idle) = tokio::join!(
        closed_after(&mut silent),
        closed_after(&mut slow),
        closed_after(&mut idle)
    );
    for took in [silent, slow, idle] {
        assert!(took >= Duration::from_millis(150), "closed after {took:?}");
    }
    t.stop().await;
}

#[tokio::test]
async fn a_slow_handler_is_not_a_slow_client() {
    let (t, probe) = toy_with(|b| b.chassis(|c| c.http.header_read_timeout_ms = 100)).await;
    let _ = t.get("/toy/v1/sleep").send().await.expect(204);
    assert_eq!(probe.entered(), 1);
    t.stop().await;
}

#[tokio::test]
async fn connections_over_the_limit_wait_until_one_is_free() {
    let (t, _) = toy_with(|b| b.chassis(|c| c.http.max_connections = 1)).await;
    // The client that waited for readiness did so inside the process, so the
    // one place is free.
    let first = TcpStream::connect(t.addr()).await.unwrap();
    let mut second = TcpStream::connect(t.addr()).await.unwrap();
    second
        .write_all(b"GET /toy/v1/parts HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    let early = tokio::time::timeout(
        Duration::from_millis(200),
        second.read_to_string(&mut answer),
    )
    .await;
    assert!(early.is_err(), "answered over the limit: {answer}");
    drop(first);
    tokio::time::timeout(SOON, second.read_to_string(&mut answer))
        .await
        .unwrap()
        .unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    t.stop().await;
}

#[tokio::test]
async fn requests_over_the_limit_are_shed_after_a_short_wait_with_retry_after() {
    let (t, probe) = toy_with(|b| {
        b.chassis(|c| {
            c.http.max_in_flight = 2;
            c.admission.max_wait_ms = 100;
        })
    })
    .await;
    let held = join_all((0..2).map(|_| t.get("/toy/v1/hold").send()));
    let shed = async {
        eventually(|| async { probe.entered() == 2 }, SOON).await;
        let answer = t.get("/toy/v1/parts").send().await;
        let after = answer.header("retry-after").unwrap();
        assert!((1..=2).contains(&after.parse::<u64>().unwrap()), "{after}");
        assert_eq!(answer.header("x-shoal-shed"), None, "that is for services");
        answer.problem(503, "common.overloaded");
        let service = t.get("/toy/v1/parts");
        let service = service.header("x-shoal-mesh", t.mesh().expose());
        let answer = service.send().await;
        assert_eq!(answer.header("x-shoal-shed"), Some("waited"));
        // Those who watch the service are let in.
        let _ = t.get("/healthz").send().await.expect(200);
        let metrics = t.get("/metrics").send().await.text();
        let rejected = metrics.lines().find(|line| {
            line.starts_with("shoal_admission_refused_total")
                && line.contains("class=\"interactive\",reason=\"waited\"")
        });
        assert!(
            rejected.is_some_and(|line| !line.ends_with(" 0")),
            "{rejected:?}"
        );
        probe.gate.add_permits(2);
    };
    let (held, ()) = tokio::join!(held, shed);
    assert!(held.iter().all(|answer| answer.status == 204));
    let _ = t.get("/toy/v1/parts").send().await.expect(200);
    t.stop().await;
}

#[tokio::test]
async fn a_half_second_deadline_ends_a_one_second_task_after_half_a_second() {
    let (t, probe) = toy_with(|b| b).await;
    let start = Instant::now();
    let answer = t
        .get("/toy/v1/sleep")
        .header("x-shoal-timeout-ms", "500")
        .send()
        .await;
    let took = start.elapsed();
    answer.problem(504, "common.deadline_exceeded");
    assert!(
        took >= Duration::from_millis(500) && took < Duration::from_millis(900),
        "{took:?}"
    );
    assert_eq!(
        probe.dropped(),
        1,
        "the handler was stopped, not left behind"
    );
    t.stop().await;
}

#[tokio::test]
async fn a_request_without_a_deadline_gets_the_default_and_none_gets_more_than_the_cap() {
    let (t, _) = toy_with(|b| {
        b.chassis(|c| {
            c.http.request_timeout_ms = 300;
            c.http.max_request_timeout_ms = 2_000;
        })
    })
    .await;
    let left = |timeout: &str| {
        t.get("/toy/v1/time-left")
            .header("x-shoal-timeout-ms", timeout)
    };
    assert!(t.get("/toy/v1/time-left").send().await.ok::<u64>(200) <= 300);
    let asked: u64 = left("1500").send().await.ok(200);
    assert!((301..=1500).contains(&asked), "{asked}");
    let capped: u64 = left("60000").send().await.ok(200);
    assert!((1501..=2000).contains(&capped), "{capped}");
    // What is no number is as good as nothing.
    assert!(left("soon").send().await.ok::<u64>(200) <= 300);
    t.get("/toy/v1/sleep")
        .send()
        .await
        .problem(504, "common.deadline_exceeded");
    t.stop().await;
}

#[tokio::test]
async fn a_panic_is_a_500_that_tells_nothing_and_the_service_goes_on() {
    let t = toy().await;
    let answer = t.get("/toy/v1/boom").send().await;
    assert!(!answer.text().contains("1234"), "{}", answer.text());
    let problem = answer.problem(500, "common.internal");
    assert!(problem.trace_id.is_some());
    let _ = t.get("/toy/v1/parts").send().await.expect(200);
    t.stop().await;
}

#[tokio::test]
async fn a_body_that_does_not_come_ends_with_the_deadline() {
    let t = toy().await;
    let mut client = TcpStream::connect(t.addr()).await.unwrap();
    let head = "POST /toy/v1/parts HTTP/1.1\r\nhost: x\r\nidempotency-key: k\r\nx-shoal-timeout-ms: 200\r\n\
                content-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    client.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    tokio::time::timeout(SOON, client.read_exact(&mut answer))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(&answer, b"HTTP/1.1 504");
    t.stop().await;
}

#[tokio::test]
async fn open_connections_are_shown() {
    let t = toy().await;
    let _open = TcpStream::connect(t.addr()).await.unwrap();
    let shown = || async {
        let text = t.get("/metrics").send().await.text();
        let ours = |line: &&str| line.starts_with("shoal_saturation_used{");
        let line = text
            .lines()
            .filter(ours)
            .find(|line| line.contains("name=\"connections\""))?;
        let used: f64 = line.rsplit(' ').next()?.parse().ok()?;
        (used >= 2.0).then_some(())
    };
    eventually(shown, SOON).await;
    t.stop().await;
}
