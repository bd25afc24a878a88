//! Leaves out single instances that do worse than their peers.
//!
//! A registry hears of a crash when a lease ends, and of a sick instance never.
//! Whoever calls knows after a few calls. Each instance has a [`Seat`], which
//! is asked before a call and told of its end:
//!
//! - **Unreachable**: the connection cannot be opened or broke. Left out at once,
//!   any number of them: leaving out who is not there costs nothing. When all
//!   are, callers try them all the same.
//! - **Silent**: a call has waited for `silent_ms`, the instance answered nothing
//!   since it began, and a peer did. Left out at once.
//! - **Failing**: by Chernoff's bound its failures, those in a row or those of the
//!   last ten seconds, cannot come from an instance that fails twice as often as
//!   its peers together. With well peers four failures in a row are enough; with
//!   failing peers nothing is.
//! - **Slow**: the same of late calls, where late is measured against the median
//!   of the call's method: an average of methods would take an instance for slow
//!   that got the slow calls. It must last: late calls in three different seconds.
//!
//! The last three never leave out more than half. Rests double from 200 ms to
//! 30 s; after each, trial calls go one at a time until Wald's test is sure.
//! While an instance is well a call costs a few atomic operations on its own
//! seat and no lock.
//!
//! Rejected: Envoy's five failures in a row (a dependency that fails a quarter of
//! its calls leaves out a healthy instance every thousand) and its deviation from
//! the mean success rate (needs five hosts with a hundred calls each to mean
//! anything).

mod core;
mod report;
mod settings;

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use self::core::Core;

pub use report::{InstanceReport, OutlierCause, OutlierEvent, SeatCalls};
pub use settings::OutlierSettings;

/// Called when an instance is left out or back, under the group's lock: it must
/// be brief.
type Listener = Box<dyn Fn(&OutlierEvent) + Send + Sync>;

/// The instances of one dependency, compared with each other. Clones share.
#[derive(Clone)]
pub struct Outliers(Arc<Group>);

struct Group {
    settings: OutlierSettings,
    /// When the next call moves the counts on.
    turns_at_ms: AtomicU64,
    core: Mutex<Core>,
    listener: Listener,
}

/// One instance. It belongs to its group for as long as somebody holds it.
pub struct Seat {
    group: Arc<Group>,
    name: Box<str>,
    /// Zero while it takes calls, else when its rest ends.
    until_ms: AtomicU64,
    /// Trial calls under way.
    trials: AtomicU32,
    /// When it answered last.
    answered_ms: AtomicU64,
    /// Failures in a row.
    run: AtomicU32,
    all: AtomicU32,
    failed: AtomicU32,
    late: AtomicU32,
}

/// A call to an instance. Dropped without a word it counts nothing.
#[must_use = "a turn that is dropped at once counts nothing"]
pub struct Turn {
    seat: Arc<Seat>,
    begun_ms: u64,
    trial: bool,
}

impl Outliers {
    /// A group without instances; `seed` varies its rests.
    pub fn new(
        settings: OutlierSettings,
        seed: u64,
        listener: impl Fn(&OutlierEvent) + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Group {
            settings,
            turns_at_ms: AtomicU64::new(0),
            core: Mutex::new(Core::new(seed)),
            listener: Box::new(listener),
        }))
    }

    /// The instance at `address`: the one that is known already, if somebody
    /// holds it.
    pub fn seat(&self, address: &str) -> Arc<Seat> {
        let mut core = self.0.core();
        core.find(address).unwrap_or_else(|| {
            let seat = Arc::new(Seat::new(&self.0, address));
            core.join(&seat);
            seat
        })
    }

    /// The settings in force.
    pub fn settings(&self) -> &OutlierSettings {
        &self.0.settings
    }

    /// What is known of each instance.
    pub fn report(&self, now: Duration) -> Vec<InstanceReport> {
        self.0.turn_if_due(millis(now));
        self.0.core().report(millis(now))
    }
}

impl std::fmt::Debug for Outliers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outliers").finish_non_exhaustive()
    }
}

impl Group {
    fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, event: Option<OutlierEvent>) {
        if let Some(event) = event {
            (self.listener)(&event);
        }
    }

    #[inline]
    fn turn_if_due(&self, now_ms: u64) {
        if now_ms >= self.turns_at_ms.load(Ordering::Relaxed) {
            self.turn(now_ms);
        }
    }

    /// Moves the counts on, unless somebody does already.
    #[cold]
    fn turn(&self, now_ms: u64) {
        let mut core = match self.core.try_lock() {
            Ok(core) => core,
            Err(TryLockError::Poisoned(core)) => core.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        for event in core.turn(&self.settings, now_ms) {
            (self.listener)(&event);
        }
        self.turns_at_ms
            .store(core.turns_at_ms(), Ordering::Relaxed);
    }
}

impl Seat {
    fn new(group: &Arc<Group>, name: &str) -> Self {
        Self {
            group: Arc::clone(group),
            name: name.into(),
            until_ms: AtomicU64::new(0),
            trials: AtomicU32::new(0),
            answered_ms: AtomicU64::new(0),
            run: AtomicU32::new(0),
            all: AtomicU32::new(0),
            failed: AtomicU32::new(0),
            late: AtomicU32::new(0),
        }
    }

    /// Whether a call may be sent to it now: it is not left out, or its rest is
    /// over and it may have a trial call.
    #[inline]
    pub fn takes_calls(&self, now: Duration) -> bool {
        match self.until_ms.load(Ordering::Relaxed) {
            0 => true,
            until => {
                millis(now) >= until
                    && self.trials.load(Ordering::Relaxed) < self.group.settings.probes
            }
        }
    }

    /// Whether it is well: takes calls, and not on trial.
    #[inline]
    pub fn is_in(&self) -> bool {
        self.until_ms.load(Ordering::Relaxed) == 0
    }

    /// A call is sent to it.
    pub fn begin(self: &Arc<Self>, now: Duration) -> Turn {
        let until = self.until_ms.load(Ordering::Relaxed);
        let trial = until != 0 && millis(now) >= until;
        if trial {
            self.trials.fetch_add(1, Ordering::Relaxed);
        }
        Turn {
            seat: Arc::clone(self),
            begun_ms: millis(now),
            trial,
        }
    }
}

impl std::fmt::Debug for Seat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seat")
            .field("name", &self.name)
            .field("until_ms", &self.until_ms)
            .finish_non_exhaustive()
    }
}

impl Turn {
    /// It answered, and well; `late` says later than is usual for the method.
    #[inline]
    pub fn answered(&self, late: bool, now: Duration) {
        let (seat, now_ms) = (&*self.seat, millis(now));
        seat.has_answered(now_ms);
        seat.count(now_ms);
        // Read first: a store would pull the line from other cores per call.
        if seat.run.load(Ordering::Relaxed) != 0 {
            seat.run.store(0, Ordering::Relaxed);
        }
        if late {
            seat.late.fetch_add(1, Ordering::Relaxed);
        }
        if !seat.is_in() {
            self.judge_trial(true, false, late, now_ms);
        }
    }

    /// The call was given up after it had become late.
    pub fn late(&self, now: Duration) {
        let now_ms = millis(now);
        self.seat.count(now_ms);
        self.seat.late.fetch_add(1, Ordering::Relaxed);
        if !self.seat.is_in() {
            self.judge_trial(false, false, true, now_ms);
        }
    }

    /// It answered that it failed.
    pub fn failed(&self, now: Duration) {
        self.seat.has_answered(millis(now));
        self.went_wrong(true, now);
    }

    /// It gave no answer: its time was over, or the connection ended.
    pub fn unanswered(&self, now: Duration) {
        self.went_wrong(false, now);
    }

    /// The connection could not be opened, or broke.
    pub fn unreachable(&self, now: Duration) {
        let group = &self.seat.group;
        let mut core = group.core();
        group.tell(core.eject(
            &group.settings,
            &self.seat,
            OutlierCause::Unreachable,
            millis(now),
        ));
    }

    /// The call has been waiting for `silent_ms`.
    pub fn overdue(&self, now: Duration) {
        let group = &self.seat.group;
        if self.seat.answered_ms.load(Ordering::Relaxed) > self.begun_ms {
            return;
        }
        let mut core = group.core();
        if core.a_peer_answered(&self.seat, self.begun_ms) {
            let cause = OutlierCause::Silent;
            group.tell(core.eject(&group.settings, &self.seat, cause, millis(now)));
        }
    }

    fn went_wrong(&self, answered: bool, now: Duration) {
        let (seat, group, now_ms) = (&*self.seat, &self.seat.group, millis(now));
        seat.count(now_ms);
        seat.failed.fetch_add(1, Ordering::Relaxed);
        seat.run.fetch_add(1, Ordering::Relaxed);
        if seat.is_in() {
            let mut core = group.core();
            group.tell(core.judge(&group.settings, &self.seat, now_ms));
        } else {
            self.judge_trial(answered, true, false, now_ms);
        }
    }

    #[cold]
    fn judge_trial(&self, answered: bool, failed: bool, late: bool, now_ms: u64) {
        let group = &self.seat.group;
        let outcome = core::Outcome {
            begun_ms: self.begun_ms,
            trial: self.trial,
            answered,
            failed,
            late,
        };
        let mut core = group.core();
        group.tell(core.tried(&group.settings, &self.seat, outcome, now_ms));
    }
}

impl Seat {
    /// Counts a call that ended, among those of this moment.
    #[inline]
    fn count(&self, now_ms: u64) {
        self.group.turn_if_due(now_ms);
        self.all.fetch_add(1, Ordering::Relaxed);
    }

    #[inline]
    fn has_answered(&self, now_ms: u64) {
        if self.answered_ms.load(Ordering::Relaxed) != now_ms {
            self.answered_ms.store(now_ms, Ordering::Relaxed);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.trial {
            self.seat.trials.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl std::fmt::Debug for Turn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Turn")
            .field("seat", &self.seat)
            .finish_non_exhaustive()
    }
}

fn millis(time: Duration) -> u64 {
    // One at least: zero means never.
    (time.as_secs() * 1_000 + u64::from(time.subsec_millis())).max(1)
}

#[cfg(test)]
mod tests;
