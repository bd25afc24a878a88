//! Reads that are sent to a second instance when the first takes long.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use futures::future::join_all;
use shoal_resilience::{BudgetSettings, Dependencies, DependencySettings, ResilienceSettings};
use shoal_rpc::RequestExt as _;
use tokio::time::Instant;
use tonic::Request;

use crate::probe::{Caller, Probe, Server, eventually, text, within};

const STALL: Duration = Duration::from_millis(100);

/// Servers of which the first stalls every `nth` call, once told to; and how many
/// calls came in all.
struct Fleet {
    servers: Vec<Server>,
    stalls: Arc<AtomicBool>,
    calls: Arc<AtomicU32>,
    dependencies: Dependencies,
    caller: Caller,
}

impl Fleet {
    fn of(count: usize, nth: u32) -> Self {
        let (stalls, calls) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU32::new(0)),
        );
        let servers: Vec<_> = (0..count)
            .map(|at| server(at == 0, nth, &stalls, &calls))
            .collect();
        let settings = ResilienceSettings {
            default: DependencySettings {
                retry_budget: BudgetSettings {
                    percent: 10,
                    reserve: 5,
                },
                ..DependencySettings::default()
            },
            ..ResilienceSettings::default()
        };
        let dependencies = Dependencies::new("caller", settings, shoal_task::system_clock());
        let caller = Caller::new(servers.iter().map(Server::instance), |config| {
            config.seed = Some(5);
            config.dependencies = dependencies.clone();
        });
        Self {
            servers,
            stalls,
            calls,
            dependencies,
            caller,
        }
    }

    /// Calls until what is usual is known, then lets the stalls begin.
    async fn learn(&self) {
        let limit = Instant::now() + Duration::from_secs(10);
        let dependency = self.dependencies.get("probe");
        let method = &crate::probe::UNARY[1..];
        while dependency.latencies().of(method).hedge_after().is_none() {
            assert!(Instant::now() < limit, "never learned");
            self.caller.say("").await.unwrap();
        }
        self.calls.store(0, Ordering::SeqCst);
        self.stalls.store(true, Ordering::SeqCst);
    }

    /// How long each of so many reads took, four at a time.
    async fn reads(&self, count: usize, hedged: bool) -> Vec<Duration> {
        let one = || async {
            let mut took = Vec::new();
            for _ in 0..count / 4 {
                let request = Request::new(text(""));
                let request = if hedged {
                    request.hedged()
                } else {
                    request.idempotent()
                };
                let begun = Instant::now();
                self.caller.unary(request).await.unwrap();
                took.push(begun.elapsed());
            }
            took
        };
        let mut all = join_all((0..4).map(|_| one())).await.concat();
        all.sort_unstable();
        all
    }
}

fn server(first: bool, nth: u32, stalls: &Arc<AtomicBool>, calls: &Arc<AtomicU32>) -> Server {
    let (stalls, calls) = (Arc::clone(stalls), Arc::clone(calls));
    let own = AtomicU32::new(0);
    Server::start(Probe::unary(move |_| {
        calls.fetch_add(1, Ordering::SeqCst);
        let turn = own.fetch_add(1, Ordering::SeqCst).is_multiple_of(nth);
        let stall = first && turn && stalls.load(Ordering::SeqCst);
        async move {
            tokio::time::sleep(if stall {
                STALL
            } else {
                Duration::from_millis(1)
            })
            .await;
            Ok(text(""))
        }
    }))
}

fn at(sorted: &[Duration], share: f64) -> Duration {
    sorted[((sorted.len() - 1) as f64 * share) as usize]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hedging_takes_the_stalls_of_one_instance_out_of_the_answers_for_a_tenth_more_calls() {
    let fleet = Fleet::of(3, 8);
    fleet.learn().await;
    let plain = fleet.reads(1_200, false).await;
    fleet.calls.store(0, Ordering::SeqCst);
    let hedged = fleet.reads(1_200, true).await;
    let extra = fleet.calls.load(Ordering::SeqCst) - 1_200;
    for (name, all) in [("plain", &plain), ("hedged", &hedged)] {
        println!(
            "{name}: P50 {:?} P95 {:?} P99 {:?}",
            at(all, 0.5),
            at(all, 0.95),
            at(all, 0.99)
        );
    }
    println!("{extra} of 1,200 reads were sent twice");
    let stalled = |all: &[Duration]| all.iter().filter(|took| **took >= STALL).count();
    let (plain, hedged) = (stalled(&plain), stalled(&hedged));
    assert!(plain >= 24, "{plain}");
    // Not none: the machine that tests run on stalls too.
    assert!(hedged * 4 <= plain, "{hedged} of {plain}");
    assert!(extra <= 125, "{extra}");
    drop(fleet.servers);
}

#[tokio::test]
async fn the_slower_of_the_two_calls_is_cancelled() {
    let stalls = Arc::new(AtomicBool::new(false));
    let (ended, hangs) = (Arc::new(AtomicU32::new(0)), Arc::clone(&stalls));
    let told = Arc::clone(&ended);
    let first = Server::start(Probe::unary(move |_| {
        let hangs = hangs.load(Ordering::SeqCst);
        let told = Arc::clone(&told);
        async move {
            if hangs {
                let _guard = Ends(told);
                std::future::pending::<()>().await;
            }
            Ok(text("first"))
        }
    }));
    let second = Server::start(Probe::echo());
    let caller = Caller::new([first.instance(), second.instance()], |config| {
        config.settings.balance = shoal_rpc::Balance::RoundRobin;
    });
    for _ in 0..400 {
        caller.say("").await.unwrap();
    }
    stalls.store(true, Ordering::SeqCst);
    // One of two in turn meets the one that hangs.
    for _ in 0..2 {
        let read = caller.unary(Request::new(text("second")).hedged());
        let answer = within(Duration::from_secs(5)).scope(read).await;
        assert_eq!(answer.unwrap().text, "second");
    }
    eventually("the other call ended", || ended.load(Ordering::SeqCst) == 1).await;
}

/// Counts its own end.
struct Ends(Arc<AtomicU32>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn without_another_instance_or_the_callers_word_nothing_is_sent_twice() {
    let alone = Fleet::of(1, 2);
    alone.learn().await;
    alone.reads(40, true).await;
    assert_eq!(alone.calls.load(Ordering::SeqCst), 40);
    let unasked = Fleet::of(3, 2);
    unasked.learn().await;
    unasked.reads(40, false).await;
    assert_eq!(unasked.calls.load(Ordering::SeqCst), 40);
}

#[tokio::test]
async fn an_empty_budget_ends_hedging() {
    let fleet = Fleet::of(3, 1);
    fleet.learn().await;
    while fleet.dependencies.get("probe").budget().withdraw() {}
    fleet.reads(8, true).await;
    // Eight reads pay for no hedge.
    assert_eq!(fleet.calls.load(Ordering::SeqCst), 8);
}
