//! What clients do: so many requests a second of many kinds, each at its time.

mod actions;
mod book;
mod door;
mod mix;
mod people;

use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use shoal_task::Scope;
use tokio::sync::Semaphore;
use tokio::time::sleep_until;

pub(crate) use actions::place_one;
pub(crate) use book::Book;
pub(crate) use door::{Call, Door};
pub(crate) use people::{People, log_in};

use crate::record::{Ended, Recorder};

/// Requests under way at once. A platform that stands still for twenty seconds
/// at the usual rate stays below it.
const IN_FLIGHT: usize = 8_192;

/// Everybody who takes part.
pub(crate) struct Crowd {
    pub(crate) door: Door,
    pub(crate) people: People,
    pub(crate) products: Vec<String>,
    pub(crate) book: Book,
    pub(crate) recorder: Recorder,
}

/// Sends `rate` requests a second for `time` since the recorder's start, then
/// waits for the last answers.
pub(crate) async fn run(crowd: &Arc<Crowd>, rate: u32, time: Duration, seed: u64) {
    let scope = Scope::root("traffic");
    let places = Arc::new(Semaphore::new(IN_FLIGHT));
    let mut chance = StdRng::seed_from_u64(seed);
    let start = crowd.recorder.start();
    for number in 0.. {
        let due = start + Duration::from_secs(1) * number / rate;
        if due >= start + time {
            break;
        }
        sleep_until(due).await;
        let action = mix::choose(&mut chance, crowd);
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            let text = format!("more than {IN_FLIGHT} requests under way");
            crowd.recorder.ended(action.kind(), due, &Ended::Wild(text));
            continue;
        };
        let crowd = Arc::clone(crowd);
        drop(scope.spawn_detached_context("request", async move {
            let kind = action.kind();
            let ended = actions::perform(&crowd, action).await;
            crowd.recorder.ended(kind, due, &ended);
            drop(place);
        }));
    }
    scope.drain(door::PATIENCE + Duration::from_secs(5)).await;
}
