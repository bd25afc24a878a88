//! How requests and services end.

use std::time::Duration;

use shoal_testkit::eventually;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::toy::{toy, toy_with};

const SOON: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_client_that_hangs_up_stops_the_handler() {
    let (t, probe) = toy_with(|b| b).await;
    let mut client = TcpStream::connect(t.addr()).await.unwrap();
    client
        .write_all(b"GET /toy/v1/hold HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    eventually(|| async { probe.entered() == 1 }, SOON).await;
    drop(client);
    eventually(|| async { probe.dropped() == 1 }, SOON).await;
    t.stop().await;
}

#[tokio::test]
async fn a_drain_lets_requests_in_flight_finish_and_takes_no_new_ones() {
    let (t, probe) = toy_with(|b| b).await;
    let addr = t.addr();
    let request = t.get("/toy/v1/hold").send();
    let drain = async {
        eventually(|| async { probe.entered() == 1 }, SOON).await;
        let stopped = tokio::time::timeout(SOON, async {
            // Refused once the port is closed; the gate opens only then.
            eventually(|| async { TcpStream::connect(addr).await.is_err() }, SOON).await;
            probe.gate.add_permits(1);
        });
        stopped.await.unwrap();
    };
    let (answer, report, ()) = tokio::join!(request, shutdown_when(&probe, t), drain);
    let _ = answer.expect(204);
    assert!(report.is_clean(), "{report:?}");
}

async fn shutdown_when(
    probe: &super::toy::Probe,
    t: shoal_testkit::TestService<super::toy::Toy>,
) -> shoal_service::ShutdownReport {
    eventually(|| async { probe.entered() == 1 }, SOON).await;
    t.shutdown(SOON).await
}

#[tokio::test]
async fn a_request_that_does_not_end_is_ended_by_force_within_the_bound() {
    let (t, probe) = toy_with(|b| b.chassis(|c| c.shutdown.requests_ms = 200)).await;
    let request = t.get("/toy/v1/hold").try_send();
    let (answer, report) = tokio::join!(request, shutdown_when(&probe, t));
    assert!(answer.is_err(), "the connection was closed");
    assert_eq!(probe.dropped(), 1);
    assert!(!report.is_clean());
    assert!(report.took < Duration::from_secs(3), "{report:?}");
    assert!(
        report
            .forced
            .iter()
            .all(|task| task.starts_with("toy/connections/")),
        "{report:?}"
    );
}

#[tokio::test]
async fn an_idle_connection_does_not_hold_up_the_drain() {
    let t = toy().await;
    // Kept alive by the client's pool.
    let _ = t.get("/toy/v1/parts").send().await.expect(200);
    let _silent = TcpStream::connect(t.addr()).await.unwrap();
    let report = t.shutdown(SOON).await;
    assert!(report.is_clean(), "{report:?}");
    assert!(report.took < Duration::from_secs(2), "{report:?}");
}

#[tokio::test]
async fn a_port_in_use_is_one_clear_sentence() {
    let t = toy().await;
    let settings = shoal_service::Settings::load::<super::toy::Toy>(
        &shoal_service::Sources::defaults().set("listen", t.addr().to_string(), "option --listen"),
    );
    let platform = shoal_service::Platform::new();
    let Err(error) = shoal_service::start::<super::toy::Toy>(settings.unwrap(), &platform).await
    else {
        panic!("two services on one port");
    };
    let text = error.to_string();
    assert!(
        text.contains(&format!("the address {} is in use", t.addr())),
        "{text}"
    );
    assert!(text.contains("--listen") && !text.contains('\n'), "{text}");
    assert_eq!(error.exit_code(), 1);
    t.stop().await;
}

#[tokio::test]
async fn nothing_is_left_of_a_service_that_was_stopped() {
    let t = toy().await;
    let scope = t.running().scope().clone();
    let _ = t.get("/toy/v1/parts").send().await.expect(200);
    assert!(!scope.live().is_empty());
    t.stop().await;
    assert!(scope.live().is_empty(), "{:?}", scope.live());
}
