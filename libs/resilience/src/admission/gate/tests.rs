#![allow(clippy::unwrap_used, clippy::panic)]

use std::pin::pin;

use futures::FutureExt as _;
use shoal_task::ManualClock;

use super::*;
use crate::LimitMode;

/// A door with so many places, whose clock stands still unless it is moved.
fn door(places: u32, change: impl FnOnce(&mut AdmissionSettings)) -> (Admission, Arc<ManualClock>) {
    let mut settings = AdmissionSettings {
        mode: LimitMode::Fixed,
        initial_limit: places,
        ..AdmissionSettings::default()
    };
    change(&mut settings);
    let clock = ManualClock::new(0);
    let door = Admission::new("door", settings, &[], Arc::clone(&clock) as _);
    (door, clock)
}

fn route(door: &Admission) -> Arc<Route> {
    door.limiter().route("GET", "/")
}

async fn enter(door: &Admission, class: Class) -> Result<Place, Refusal> {
    door.admit(&route(door), class, None).await
}

/// Those inside by class, and those who wait.
fn counts(door: &Admission) -> ([u32; 3], u32) {
    (door.limiter().in_flight(), door.0.waiting())
}

#[tokio::test(start_paused = true)]
async fn who_waits_gets_the_place_that_becomes_free() {
    let (door, _) = door(1, |_| {});
    let first = enter(&door, Class::Interactive).await.unwrap();
    let mut second = pin!(enter(&door, Class::Interactive));
    assert!(second.as_mut().now_or_never().is_none());
    assert_eq!(counts(&door), ([1, 0, 0], 1));
    first.ended(Ended::Served);
    let second = second.now_or_never().unwrap().unwrap();
    assert_eq!(counts(&door), ([1, 0, 0], 0));
    drop(second);
    assert_eq!(counts(&door), ([0; 3], 0));
}

#[tokio::test(start_paused = true)]
async fn who_goes_away_leaves_neither_a_place_nor_a_gap_in_the_queue() {
    let (door, _) = door(1, |_| {});
    let first = enter(&door, Class::Interactive).await.unwrap();
    {
        let mut gone = pin!(enter(&door, Class::Interactive));
        assert!(gone.as_mut().now_or_never().is_none());
    }
    assert_eq!(counts(&door), ([1, 0, 0], 0));
    {
        let mut gone_with_a_place = pin!(enter(&door, Class::Interactive));
        assert!(gone_with_a_place.as_mut().now_or_never().is_none());
        first.ended(Ended::Served);
        assert_eq!(counts(&door), ([1, 0, 0], 0), "the place is on its way");
    }
    assert_eq!(counts(&door), ([0; 3], 0));
}

#[tokio::test(start_paused = true)]
async fn one_more_urgent_takes_the_place_in_the_queue_and_the_other_hears_of_it() {
    let (door, _) = door(1, |settings| settings.max_waiting = 1);
    let first = enter(&door, Class::Interactive).await.unwrap();
    let internal = enter(&door, Class::Internal).await.unwrap();
    let mut displaced = pin!(enter(&door, Class::Internal));
    assert!(displaced.as_mut().now_or_never().is_none());
    let mut urgent = pin!(enter(&door, Class::Interactive));
    assert!(urgent.as_mut().now_or_never().is_none());
    let refusal = displaced.now_or_never().unwrap().unwrap_err();
    assert_eq!(refusal.why, Why::Displaced);
    drop((first, internal));
    assert!(urgent.now_or_never().unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_for_batch_work_is_there_while_others_wait() {
    let (door, _) = door(40, |_| {});
    let mut inside = Vec::new();
    for _ in 0..40 {
        inside.push(enter(&door, Class::Interactive).await.unwrap());
    }
    let mut waiting = pin!(enter(&door, Class::Interactive));
    assert!(waiting.as_mut().now_or_never().is_none());
    for _ in 0..2 {
        inside.push(enter(&door, Class::Batch).await.unwrap());
    }
    let refusal = enter(&door, Class::Batch).await.unwrap_err();
    assert_eq!(
        (refusal.why, refusal.retry_after.is_some()),
        (Why::Busy, true)
    );
    assert_eq!(counts(&door), ([40, 0, 2], 1));
}

#[tokio::test(start_paused = true)]
async fn a_larger_limit_lets_those_in_who_wait() {
    let (door, _) = door(1, |_| {});
    let _first = enter(&door, Class::Interactive).await.unwrap();
    let mut second = pin!(enter(&door, Class::Interactive));
    assert!(second.as_mut().now_or_never().is_none());
    door.set(AdmissionSettings {
        mode: LimitMode::Fixed,
        initial_limit: 2,
        ..AdmissionSettings::default()
    });
    assert!(second.now_or_never().unwrap().is_ok());
}

/// Requests of 100 ms have been seen.
async fn practised(refuse_doomed: bool) -> (Admission, Place) {
    let (door, clock) = door(1, |settings| settings.refuse_doomed = refuse_doomed);
    for _ in 0..30 {
        let place = enter(&door, Class::Interactive).await.unwrap();
        clock.advance(Duration::from_millis(100));
        place.ended(Ended::Served);
    }
    let held = enter(&door, Class::Interactive).await.unwrap();
    (door, held)
}

#[tokio::test(start_paused = true)]
async fn in_the_queue_too_the_doomed_are_refused_only_where_that_is_wanted() {
    let left = Some(Duration::from_millis(105));
    for refuse_doomed in [true, false] {
        let (door, held) = practised(refuse_doomed).await;
        let route = route(&door);
        let mut waits = pin!(door.admit(&route, Class::Interactive, left));
        assert!(waits.as_mut().now_or_never().is_none());
        tokio::time::advance(Duration::from_millis(50)).await;
        let refused = waits.as_mut().now_or_never();
        let doomed = refused.map(|refused| refused.unwrap_err().why);
        assert_eq!(doomed, refuse_doomed.then_some(Why::Doomed));
        // Its own haste makes the queue no worse for others.
        let mut next = pin!(enter(&door, Class::Interactive));
        assert!(next.as_mut().now_or_never().is_none());
        tokio::time::advance(Duration::from_millis(400)).await;
        assert!(next.as_mut().now_or_never().is_none(), "it waits 500 ms");
        drop(held);
    }
}
