//! Orders that do not go through in one piece.

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use shoal_error::{CommonCode, Error, Result};
use shoal_queue::{Action, DeadLetter, DeadLetters, Order, QueueStats, Queues, Selection};
use shoal_store::PageRequest;
use shoal_testkit::eventually;
use tokio::sync::Semaphore;

use super::admin::order;
use super::parcels::{Depot, SOON};

/// Letters that move one by one: `a` at once, `b` when there is a permit, or
/// never when the gate is closed.
struct Slow(Arc<Semaphore>);

impl DeadLetters for Slow {
    fn queue(&self) -> &'static str {
        "slow"
    }

    fn stats(&self) -> BoxFuture<'_, Result<QueueStats>> {
        std::future::ready(Ok(QueueStats::default())).boxed()
    }

    fn list<'a>(&'a self, _: &'a Selection, _: bool) -> BoxFuture<'a, Result<Vec<DeadLetter>>> {
        std::future::ready(Ok(Vec::new())).boxed()
    }

    fn redrive<'a>(
        &'a self,
        _: &'a Selection,
        moved: &'a mut Vec<String>,
    ) -> BoxFuture<'a, Result<()>> {
        let one_by_one = async {
            moved.push("a".to_owned());
            let permit = self.0.acquire().await;
            permit
                .map_err(|_| Error::new(CommonCode::Unavailable, "away"))?
                .forget();
            moved.push("b".to_owned());
            Ok(())
        };
        one_by_one.boxed()
    }

    fn discard<'a>(
        &'a self,
        selection: &'a Selection,
        moved: &'a mut Vec<String>,
    ) -> BoxFuture<'a, Result<()>> {
        self.redrive(selection, moved)
    }
}

fn slow(depot: &Depot, gate: &Arc<Semaphore>) -> Queues {
    let queue = Arc::new(Slow(Arc::clone(gate)));
    Queues::new(depot.store.clone(), vec![queue], &depot.scope)
}

fn under_a_key() -> Order {
    Order {
        key: Some("k1".into()),
        ..order(Action::Redrive, Selection::oldest(10))
    }
}

/// Letters of each order, newest first.
async fn noted(queues: &Queues) -> Vec<Value> {
    let actions = queues.actions(&PageRequest::default()).await.unwrap();
    actions.items.into_iter().map(|a| a.letters).collect()
}

fn named(ids: &[&str]) -> Value {
    let letters = ids.iter().map(|id| json!({"queue": "slow", "id": id}));
    letters.collect()
}

#[tokio::test]
async fn an_order_whose_asker_went_away_comes_to_its_end_and_is_noted() {
    for depot in Depot::all().await {
        let gate = Arc::new(Semaphore::new(0));
        let queues = slow(&depot, &gate);
        let begun = || async { noted(&queues).await.len() == 1 };
        tokio::select! {
            acted = queues.act(under_a_key()) => panic!("{acted:?}"),
            // The request is dropped in the middle.
            () = eventually(begun, SOON) => {}
        }
        let repeated = queues.act(under_a_key()).await.unwrap_err();
        assert!(repeated.is(CommonCode::IdempotencyInFlight), "{repeated:?}");
        gate.add_permits(1);
        let whole = || async { noted(&queues).await == [named(&["a", "b"])] };
        eventually(whole, SOON).await;
        let again = || async {
            let acted = queues.act(under_a_key()).await;
            acted.is_ok_and(|acted| acted.letters.len() == 2)
        };
        eventually(again, SOON).await;
        assert_eq!(noted(&queues).await.len(), 1, "it was carried out once");
        depot.end().await;
    }
}

#[tokio::test]
async fn an_order_that_fails_in_the_middle_tells_what_it_moved_and_may_be_repeated() {
    for depot in Depot::all().await {
        let gate = Arc::new(Semaphore::new(0));
        gate.close();
        let queues = slow(&depot, &gate);
        for times in 1..=2 {
            let failed = queues.act(under_a_key()).await.unwrap_err();
            assert!(failed.is(CommonCode::Unavailable), "{failed:?}");
            assert_eq!(noted(&queues).await, vec![named(&["a"]); times]);
        }
        depot.end().await;
    }
}
