//! More comes than can be done.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use shoal_testkit::{TestService, eventually};
use tokio::time::Instant;

use super::toy::{Toy, WORK, WORKERS, toy, toy_with};

const SOON: Duration = Duration::from_secs(10);
const PHASE: Duration = Duration::from_secs(3);

/// What became of the requests of some clients.
#[derive(Debug, Default)]
struct Count {
    done: AtomicU32,
    refused: AtomicU32,
    /// Refusals without a word of when to come again.
    mute: AtomicU32,
}

impl Count {
    fn done(&self) -> u32 {
        self.done.load(Ordering::Relaxed)
    }

    fn refused(&self) -> u32 {
        self.refused.load(Ordering::Relaxed)
    }
}

/// Clients that ask again a moment after each answer, until `until`.
async fn ask(t: &TestService<Toy>, path: &str, clients: usize, until: Instant) -> Arc<Count> {
    let count = Arc::new(Count::default());
    let client = || async {
        while Instant::now() < until {
            let answer = t.get(path).send().await;
            match answer.status.as_u16() {
                200 => count.done.fetch_add(1, Ordering::Relaxed),
                503 => count.refused.fetch_add(1, Ordering::Relaxed),
                status => panic!("{status}: {}", answer.text()),
            };
            if answer.status == 503 {
                let after = answer.header("retry-after");
                let told = after.and_then(|after| after.parse::<u32>().ok());
                count
                    .mute
                    .fetch_add(u32::from(told.is_none_or(|s| s == 0)), Ordering::Relaxed);
                // Impatient, but no busy loop: where the machine has the time,
                // all of them ask twenty times as often as can be answered.
                tokio::time::sleep(WORK).await;
            }
        }
    };
    join_all((0..clients).map(|_| client())).await;
    count
}

/// A service that has learned how long its work takes, and how much of it is
/// done per second by clients who just keep it busy.
async fn practised() -> (TestService<Toy>, super::toy::Probe, f64) {
    let (t, probe) = toy_with(|b| {
        b.chassis(|c| {
            c.admission.min_limit = 4;
            c.admission.initial_limit = 16;
            // So that a client is answered at once, and asks again.
            c.admission.max_waiting = 0;
        })
    })
    .await;
    let begun = Instant::now();
    let calm = ask(&t, "/toy/v1/work", WORKERS, begun + PHASE).await;
    assert_eq!(calm.refused(), 0);
    let rate = f64::from(calm.done()) / begun.elapsed().as_secs_f64();
    (t, probe, rate)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_many_times_the_load_the_work_goes_on_and_bulk_work_is_refused_first() {
    let (t, _, rate) = practised().await;
    let settle = Instant::now() + PHASE;
    let _ = tokio::join!(
        ask(&t, "/toy/v1/work", 60, settle),
        ask(&t, "/toy/v1/bulk", 30, settle)
    );
    let begun = Instant::now();
    let until = begun + PHASE;
    let (work, bulk) = tokio::join!(
        ask(&t, "/toy/v1/work", 60, until),
        ask(&t, "/toy/v1/bulk", 30, until)
    );
    let share = f64::from(work.done()) / begun.elapsed().as_secs_f64() / rate;
    // How much exactly is a matter of the simulation, where no clock but its own counts.
    assert!(share >= 0.6, "{share:.2} of what is possible: {work:?}");
    assert!(
        work.refused() > 2 * work.done(),
        "there was no overload: {work:?}"
    );
    let bulk_share = f64::from(bulk.done()) / f64::from(bulk.refused());
    assert!(bulk_share < 0.02, "{bulk:?}");
    assert_eq!(work.mute.load(Ordering::Relaxed), 0, "{work:?}");
    assert_eq!(bulk.mute.load(Ordering::Relaxed), 0, "{bulk:?}");
    // Once it is over, bulk work is done again.
    let again = || async { t.get("/toy/v1/bulk").send().await.status == 200 };
    eventually(again, SOON).await;
    t.stop().await;
}

#[tokio::test]
async fn work_that_cannot_end_in_time_is_not_begun() {
    let (t, probe, _) = practised().await;
    let before = probe.entered();
    for _ in 0..20 {
        let hasty = t.get("/toy/v1/work").header("x-shoal-timeout-ms", "10");
        let problem = hasty.send().await.problem(504, "common.deadline_exceeded");
        assert!(problem.detail.len() > 10, "{}", problem.detail);
    }
    // One in each second is tried, in case the work has become faster.
    let begun = probe.entered() - before;
    assert!(begun <= 3, "{begun} of 20 were begun");
    let metrics = t.get("/metrics").send().await.text();
    let refused = metrics.lines().find(|line| {
        line.starts_with("shoal_admission_refused_total")
            && line.contains("class=\"interactive\",reason=\"deadline\"")
    });
    assert!(
        refused.is_some_and(|line| !line.ends_with(" 0")),
        "{refused:?}"
    );
    let patient = t.get("/toy/v1/work").header("x-shoal-timeout-ms", "5000");
    let _ = patient.send().await.expect(200);
    t.stop().await;
}

#[tokio::test]
async fn a_caller_can_lower_its_class_and_never_raise_it() {
    let t = toy().await;
    let class = |path: &'static str, asked: &'static str| {
        let request = t.get(path).header("x-shoal-class", asked);
        async { request.send().await.ok::<String>(200) }
    };
    assert_eq!(class("/toy/v1/work", "batch").await, "batch");
    assert_eq!(class("/toy/v1/work", "internal").await, "internal");
    assert_eq!(class("/toy/v1/work", "urgent").await, "interactive");
    assert_eq!(class("/toy/v1/bulk", "interactive").await, "batch");
    t.stop().await;
}

#[tokio::test]
async fn administrators_see_the_limit_and_fix_it_while_the_service_is_full() {
    let (t, probe) = toy_with(|b| b.chassis(|c| c.http.max_in_flight = 1)).await;
    let admin = t.issuer.user("usr_1", &["admin"]);
    let plain = t.issuer.user("usr_2", &[]);
    let url = "/admin/limits";
    t.get(url)
        .bearer(&plain)
        .send()
        .await
        .problem(403, "common.permission_denied");
    let held = t.get("/toy/v1/hold").send();
    let change = async {
        eventually(|| async { probe.entered() == 1 }, SOON).await;
        let report: Value = t.get(url).bearer(&admin).send().await.ok(200);
        assert_eq!(report["limit"], 1);
        assert_eq!(report["in_flight"]["interactive"], 1);
        let wrong = t.put(url).bearer(&admin).json(&json!({ "tolerance": 0.5 }));
        wrong.send().await.problem(400, "common.invalid_field");
        let body = json!({ "mode": "fixed", "initial_limit": 7 });
        let report: Value = t.put(url).bearer(&admin).json(&body).send().await.ok(200);
        assert_eq!(report["limit"], 7);
        let _ = t.get("/toy/v1/parts").send().await.expect(200);
        probe.gate.add_permits(1);
    };
    let (held, ()) = tokio::join!(held, change);
    assert_eq!(held.status, 204);
    let report: Value = t.get(url).bearer(&admin).send().await.ok(200);
    let routes = report["routes"].as_array().unwrap();
    assert!(
        routes
            .iter()
            .any(|route| route["route"] == "GET /toy/v1/hold"),
        "{routes:?}"
    );
    t.stop().await;
}
