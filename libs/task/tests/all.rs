//! What the task library promises, through its public interface.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use shoal_context::{Context, Metadata};
use shoal_error::CommonCode;
use shoal_task::{BlockingPool, Clock as _, ManualClock, PoolConfig, Scope, channel};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn no_task_outlives_the_drain_of_its_scope() {
    let root = Scope::root("order");
    let ended = Arc::new(AtomicBool::new(false));
    let (child, flag) = (root.child("relay"), Arc::clone(&ended));
    let inner = child.clone();
    child.spawn("loop", async move {
        inner.cancelled().await;
        flag.store(true, Ordering::SeqCst);
    });
    root.spawn("stubborn", std::future::pending::<()>());
    assert_eq!(root.live().len(), 2);
    assert_eq!(child.live()[0].owner, "order/relay");

    let report = root.drain(Duration::from_secs(5)).await;
    assert!(
        ended.load(Ordering::SeqCst),
        "the polite task was not heard out"
    );
    assert_eq!(report.aborted.len(), 1);
    assert_eq!(report.aborted[0].name, "stubborn");
    assert_eq!(report.took, Duration::from_secs(5));
    assert!(root.live().is_empty());
}

#[tokio::test]
async fn a_scope_does_not_own_a_neighbour_whose_name_begins_alike() {
    let root = Scope::root("a");
    let (one, other) = (root.child("b"), root.child("bc"));
    other.spawn("waits", std::future::pending::<()>());
    assert!(one.live().is_empty());
    assert_eq!(root.live().len(), 1);
    root.drain(Duration::ZERO).await;
}

#[tokio::test]
async fn a_panic_ends_the_task_and_nothing_else() {
    let root = Scope::root("svc");
    #[allow(clippy::panic)]
    let outcome = root.spawn("bad", async { panic!("secret text") }).await;
    let error: shoal_error::Error = outcome.map(|(): ()| ()).unwrap_err();
    assert!(error.is(CommonCode::Internal));
    assert!(!error.message().contains("secret"));
    assert_eq!(root.spawn("good", async { 7 }).await.unwrap(), 7);
}

#[tokio::test]
async fn spawned_work_keeps_the_context_of_its_request() {
    let root = Scope::root("svc");
    let meta = Metadata {
        request_id: Some("r1".into()),
        ..Metadata::default()
    };
    let request = Context::new(meta, Some(MINUTE));
    let (bound, detached) = request
        .attach(async {
            let seen = || {
                let context = Context::current();
                (
                    context.meta().request_id.clone(),
                    context.deadline().is_some(),
                )
            };
            let bound = root.spawn("bound", async move { seen() });
            let detached = root.spawn_detached_context("detached", async move { seen() });
            (bound.await.unwrap(), detached.await.unwrap())
        })
        .await;
    assert_eq!(bound, (Some("r1".into()), true));
    assert_eq!(detached, (Some("r1".into()), false));
}

#[tokio::test]
async fn spawned_work_ends_when_its_caller_goes_away() {
    let root = Scope::root("svc");
    let request = Context::background();
    let work = request.attach_sync(|| root.spawn("work", std::future::pending::<()>()));
    request.cancel();
    assert!(work.await.unwrap_err().is(CommonCode::Cancelled));
    assert!(root.live().is_empty());
}

#[tokio::test]
async fn a_full_pool_refuses_and_says_when_to_come_back() {
    let pool = BlockingPool::new(
        "hash",
        PoolConfig {
            workers: 1,
            queue: 1,
        },
    );
    let (release, gate) = std::sync::mpsc::channel::<()>();
    let scope = Scope::root("t");
    let first = scope.spawn("first", {
        let pool = pool.clone();
        async move { pool.run(move || gate.recv().is_ok()).await }
    });
    let second = scope.spawn("second", {
        let pool = pool.clone();
        async move { pool.run(|| 2).await }
    });
    while pool.load() != (2, 2) {
        tokio::task::yield_now().await;
    }
    let refused = pool.run(|| 3).await.unwrap_err();
    assert!(refused.is(CommonCode::Overloaded) && refused.retry_after().is_some());
    release.send(()).unwrap();
    assert!(first.await.unwrap().unwrap());
    assert_eq!(second.await.unwrap().unwrap(), 2);
}

#[tokio::test]
async fn work_whose_caller_has_gone_is_not_begun() {
    let pool = BlockingPool::new(
        "hash",
        PoolConfig {
            workers: 1,
            queue: 4,
        },
    );
    let context = Context::background();
    context.cancel();
    let begun = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&begun);
    let (release, gate) = std::sync::mpsc::channel::<()>();
    let scope = Scope::root("t");
    let busy = scope.spawn("busy", {
        let pool = pool.clone();
        async move { pool.run(move || gate.recv().is_ok()).await }
    });
    while pool.load().0 == 0 {
        tokio::task::yield_now().await;
    }
    let outcome = context
        .attach(pool.run(move || flag.store(true, Ordering::SeqCst)))
        .await;
    assert!(outcome.unwrap_err().is(CommonCode::Cancelled));
    release.send(()).unwrap();
    busy.await.unwrap().unwrap();
    assert!(!begun.load(Ordering::SeqCst));
}

#[tokio::test(start_paused = true)]
async fn a_full_channel_sheds_or_waits_until_the_deadline() {
    let (tx, mut rx) = channel("jobs", 1);
    tx.try_send(1).unwrap();
    assert!(tx.try_send(2).unwrap_err().is(CommonCode::Overloaded));
    assert_eq!(tx.depth(), 1);
    let context = Context::new(Metadata::default(), Some(Duration::from_millis(10)));
    let late = context.attach(tx.send(3)).await.unwrap_err();
    assert!(late.is(CommonCode::DeadlineExceeded));
    assert_eq!(rx.recv().await, Some(1));
    drop(rx);
    assert!(tx.try_send(4).unwrap_err().is(CommonCode::Unavailable));
}

#[test]
fn a_manual_clock_moves_only_when_told() {
    let clock = ManualClock::new(1_000);
    assert_eq!((clock.now_ms(), clock.monotonic()), (1_000, Duration::ZERO));
    clock.advance(Duration::from_millis(250));
    assert_eq!(
        (clock.now_ms(), clock.monotonic()),
        (1_250, Duration::from_millis(250))
    );
}
