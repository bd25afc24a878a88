//! One instance of several that does worse than its peers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use futures::future::join_all;
use shoal_discovery::Instance;
use shoal_resilience::{
    Dependencies, DependencySettings, InstanceReport, OutlierCause, OutlierSettings,
    ResilienceSettings,
};
use tokio::time::Instant;
use tonic::Status;

use crate::probe::{Caller, Probe, Server, eventually, text, within};

/// A server that counts its calls, and does `odd` with them while told to.
struct Odd {
    server: Server,
    calls: Arc<AtomicU32>,
    is_odd: Arc<AtomicBool>,
}

fn odd<F>(odd: impl Fn() -> F + Clone + Send + Sync + 'static) -> Odd
where
    F: Future<Output = Result<(), Status>> + Send + 'static,
{
    let (calls, is_odd) = (
        Arc::new(AtomicU32::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let (counted, now_odd) = (Arc::clone(&calls), Arc::clone(&is_odd));
    let server = Server::start(Probe::unary(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        let odd = now_odd.load(Ordering::SeqCst).then(&odd);
        async move {
            if let Some(odd) = odd {
                odd.await?;
            }
            Ok(text("well"))
        }
    }));
    Odd {
        server,
        calls,
        is_odd,
    }
}

impl Odd {
    fn is_now(&self, odd: bool) {
        self.calls.store(0, Ordering::SeqCst);
        self.is_odd.store(odd, Ordering::SeqCst);
    }

    fn calls(&self) -> u32 {
        self.calls.load(Ordering::SeqCst)
    }
}

struct Group {
    caller: Caller,
    dependencies: Dependencies,
}

impl Group {
    /// Callers of these instances, of which the breaker keeps out.
    fn of(instances: impl IntoIterator<Item = Instance>, outliers: OutlierSettings) -> Self {
        let mut default = DependencySettings {
            outliers,
            ..DependencySettings::default()
        };
        default.breaker.mode = shoal_resilience::Mode::Disabled;
        let settings = ResilienceSettings {
            default,
            ..ResilienceSettings::default()
        };
        let dependencies = Dependencies::new("caller", settings, shoal_task::system_clock());
        let caller = Caller::new(instances, |config| {
            config.seed = Some(3);
            config.dependencies = dependencies.clone();
        });
        Self {
            caller,
            dependencies,
        }
    }

    /// So many calls one after the other; gives how many failed.
    async fn calls(&self, count: usize) -> usize {
        let mut failed = 0;
        for _ in 0..count {
            failed += usize::from(self.caller.say("").await.is_err());
        }
        failed
    }

    fn report(&self, server: &Server) -> InstanceReport {
        let all = self.dependencies.report().remove(0).instances;
        let own = server.addr.to_string();
        all.into_iter().find(|one| one.address == own).unwrap()
    }

    fn left_out(&self) -> Vec<OutlierCause> {
        let all = self.dependencies.report().remove(0).instances;
        all.into_iter().filter_map(|one| one.left_out).collect()
    }
}

fn well() -> Server {
    Server::start(Probe::echo())
}

const CALLERS: u32 = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_costs_the_calls_under_way_and_is_over_long_before_a_lease() {
    let (a, b) = (well(), well());
    let dying = odd(|| async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        Ok(())
    });
    let group = Group::of(
        [a.instance(), b.instance(), dying.server.instance()],
        OutlierSettings::default(),
    );
    assert_eq!(group.calls(60).await, 0);
    dying.is_now(true);
    let met = Arc::clone(&dying.calls);
    let waiting = || met.load(Ordering::SeqCst) >= 2;
    // None of their calls may be repeated once it was sent.
    let (crashed, stop) = (AtomicBool::new(false), AtomicBool::new(false));
    let failed = AtomicU32::new(0);
    let last = std::sync::Mutex::new(None);
    let calling = join_all((0..CALLERS).map(|_| async {
        while !stop.load(Ordering::SeqCst) {
            if group.caller.say("").await.is_err() {
                assert!(crashed.load(Ordering::SeqCst));
                failed.fetch_add(1, Ordering::SeqCst);
                *last.lock().unwrap() = Some(Instant::now());
            }
        }
    }));
    let addr = dying.server.addr.to_string();
    let crash = async {
        eventually("calls are under way", waiting).await;
        crashed.store(true, Ordering::SeqCst);
        let at = Instant::now();
        drop(dying);
        let report = || group.dependencies.report().remove(0).instances;
        let out = || {
            report()
                .iter()
                .any(|i| i.address == addr && i.left_out.is_some())
        };
        eventually("it is left out", out).await;
        let noticed = at.elapsed();
        tokio::time::sleep(Duration::from_millis(300)).await;
        stop.store(true, Ordering::SeqCst);
        (at, noticed)
    };
    let (_, (at, noticed)) = tokio::join!(calling, crash);
    let failed = failed.load(Ordering::SeqCst);
    let until = last.lock().unwrap().map(|last| last - at);
    println!("crash: noticed in {noticed:?}, {failed} calls failed, the last {until:?} after it");
    assert!(noticed < Duration::from_secs(1), "{noticed:?}");
    assert!(failed <= CALLERS, "{failed}");
    assert!(until.unwrap() < Duration::from_secs(1));
}

#[tokio::test]
async fn one_that_answers_errors_gets_a_handful_of_calls() {
    let (a, b) = (well(), well());
    let sick = odd(|| async { Err(Status::internal("sick")) });
    let group = Group::of(
        [a.instance(), b.instance(), sick.server.instance()],
        OutlierSettings {
            rest_ms: 60_000,
            max_rest_ms: 60_000,
            ..OutlierSettings::default()
        },
    );
    assert_eq!(group.calls(60).await, 0);
    sick.is_now(true);
    let failed = group.calls(300).await;
    println!("errors: {failed} of 300 calls failed");
    assert!((3..=8).contains(&failed), "{failed}");
    assert_eq!(
        group.report(&sick.server).left_out,
        Some(OutlierCause::Failing)
    );
    assert_eq!(sick.calls() as usize, failed);
}

#[tokio::test]
async fn one_that_is_well_again_is_taken_back_after_trials() {
    let (a, b) = (well(), well());
    let sick = odd(|| async { Err(Status::unavailable("sick")) });
    let group = Group::of(
        [a.instance(), b.instance(), sick.server.instance()],
        OutlierSettings::default(),
    );
    group.calls(60).await;
    sick.is_now(true);
    group.calls(60).await;
    assert_eq!(group.left_out(), [OutlierCause::Failing]);
    sick.is_now(false);
    let limit = Instant::now() + Duration::from_secs(10);
    while !group.left_out().is_empty() {
        assert!(Instant::now() < limit, "never taken back");
        assert_eq!(group.calls(10).await, 0);
    }
    assert!(sick.calls() >= 5);
}

#[tokio::test]
async fn one_that_takes_calls_and_answers_none_is_left_out_while_they_wait() {
    let (a, b) = (well(), well());
    let hung = odd(std::future::pending);
    let group = Group::of(
        [a.instance(), b.instance(), hung.server.instance()],
        OutlierSettings {
            silent_ms: 100,
            ..OutlierSettings::default()
        },
    );
    group.calls(60).await;
    hung.is_now(true);
    let patient = within(Duration::from_secs(5));
    let stuck = patient.scope(async {
        // One of them meets it.
        join_all((0..12).map(|_| group.caller.say(""))).await;
        Ok(())
    });
    let others = async {
        let out = || group.left_out() == [OutlierCause::Silent];
        while !out() {
            let brief = within(Duration::from_millis(50));
            let _ = brief.scope(group.caller.say("")).await;
        }
    };
    let begun = Instant::now();
    tokio::select! {
        _ = stuck => panic!("the calls ended before it was noticed"),
        () = others => {}
    }
    println!("silence: noticed in {:?}", begun.elapsed());
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn one_that_becomes_slow_is_left_out_and_the_others_are_not() {
    let slow = odd(|| async {
        tokio::time::sleep(Duration::from_millis(80)).await;
        Ok(())
    });
    let (a, b) = (well(), well());
    let group = Group::of(
        [a.instance(), b.instance(), slow.server.instance()],
        OutlierSettings::default(),
    );
    group.calls(100).await;
    slow.is_now(true);
    let begun = Instant::now();
    while group.left_out().is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(15), "never noticed");
        assert_eq!(group.calls(5).await, 0);
    }
    println!(
        "slow: noticed in {:?}, {} calls",
        begun.elapsed(),
        slow.calls()
    );
    assert_eq!(
        group.report(&slow.server).left_out,
        Some(OutlierCause::Slow)
    );
    assert_eq!(group.left_out().len(), 1);
}

#[tokio::test]
async fn when_all_fail_at_most_half_are_left_out() {
    let sick = || odd(|| async { Err(Status::internal("sick")) });
    let all = [sick(), sick(), sick(), sick()];
    let group = Group::of(
        all.iter().map(|one| one.server.instance()),
        OutlierSettings::default(),
    );
    group.calls(100).await;
    all.iter().for_each(|one| one.is_now(true));
    assert_eq!(group.calls(300).await, 300);
    assert!(group.left_out().len() <= 2);
    let asked: Vec<_> = all.iter().map(Odd::calls).collect();
    assert!(
        asked.iter().filter(|calls| **calls > 50).count() >= 2,
        "{asked:?}"
    );
}
