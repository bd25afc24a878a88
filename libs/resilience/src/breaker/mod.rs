//! The adaptive circuit breaker.
//!
//! Static breakers trip at a share of failures that somebody chose: too low
//! after a release, when everything jitters, too high at night, when a tenth
//! of the calls is a disaster. This one learns what is usual for a dependency
//! and trips when calls are worse than that by `sensitivity`, as soon as it
//! can be sure.
//!
//! - **Counting** is lock-free, one addition per call into a shard of the
//!   thread; every 250 ms whoever calls next moves the counts into a window
//!   of 60 s.
//! - **Bad** is a call that failed, or took longer than `slow_factor` times the
//!   learned P95.
//! - **Learning**: what leaves the window is remembered with fading weight
//!   (90 s), on a leash to a longer memory (30 min), so that a jitter becomes
//!   usual in time and a slow decline does not. What exceeds the threshold
//!   by more than a quarter and chance is not learned, and nothing is while it
//!   is not closed.
//! - **Tripping**: five looks, from a quarter second to the whole window; the
//!   shorter, the larger a rise it needs to see. Each asks by Chernoff's bound whether so many bad calls can come from a
//!   dependency that is just at the threshold; calls that scatter more than
//!   independent ones count for less. So nine failures in a row trip it,
//!   and three failures among seven calls at night do not. In the first minute,
//!   before anything is learned, the calls before the look say how sure the
//!   assumed threshold is.
//! - **Half open**: a few calls at a time, judged by Wald's sequential test
//!   against the usual share, so that a dependency that always fails a little
//!   can pass.
//!
//! Rejected: rates over thresholds with a minimum of calls (either the minimum
//! is too small at night or too large for a small service), random dropping as
//! in Google's client throttling (it lets calls through to a dead dependency
//! for as long as it is dead, and drops some of a living one's), and control
//! charts on the raw rate (an outage that begins between two points is late).

mod baseline;
mod counters;
mod machine;
mod report;
mod settings;
mod window;

use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use self::counters::Counters;
use self::machine::Machine;
use self::window::Observed;

pub use report::{Cause, Reason, Snapshot, State, Transition};
pub use settings::{BreakerSettings, Mode};

const CLOSED: u8 = 0;
const OPEN: u8 = 1;
const HALF_OPEN: u8 = 2;

/// Called with each change of state, while the breaker's lock is held: it must
/// be brief and must not call the breaker.
type Listener = Box<dyn Fn(&Transition) + Send + Sync>;

/// Stands before the calls to one dependency. Time is whatever monotonic clock
/// the caller measures with, always the same one.
pub struct Breaker {
    gate: AtomicU8,
    /// When the next call while closed moves the counts on.
    turns_at_ms: AtomicU64,
    /// When a call while open may be a trial.
    opens_until_ms: AtomicU64,
    /// Trial calls that may be begun.
    probes: AtomicU32,
    /// A call that its caller gave up counts as failed when it took longer.
    patience_us: AtomicU64,
    counters: Counters,
    core: Mutex<Core>,
    listener: Listener,
}

struct Core {
    machine: Machine,
    seen: Observed,
}

/// A call that was let through. Tell it how the call ended; dropped without
/// that, the call counts as neither good nor bad, as one that its caller gave
/// up.
#[derive(Debug)]
#[must_use = "a permit that is dropped at once counts nothing"]
pub struct Permit<'a> {
    breaker: &'a Breaker,
    probe: bool,
}

/// A call that was not let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// When it is worth asking again; `None` while trial calls are under way or
    /// the breaker was forced open.
    pub retry_after: Option<Duration>,
}

impl Breaker {
    /// A closed breaker at the time `now`. `seed` varies its pauses;
    /// `listener` hears of each change of state, under the breaker's lock.
    pub fn new(
        settings: BreakerSettings,
        seed: u64,
        now: Duration,
        listener: impl Fn(&Transition) + Send + Sync + 'static,
    ) -> Self {
        let machine = Machine::new(settings, seed, millis(now));
        let breaker = Self {
            gate: AtomicU8::new(CLOSED),
            turns_at_ms: AtomicU64::new(machine.bucket_ends_ms()),
            opens_until_ms: AtomicU64::new(u64::MAX),
            probes: AtomicU32::new(0),
            patience_us: AtomicU64::new(machine.patience_us()),
            counters: Counters::new(),
            core: Mutex::new(Core {
                machine,
                seen: Observed::default(),
            }),
            listener: Box::new(listener),
        };
        breaker.publish(&breaker.core().machine);
        breaker
    }

    /// Asks whether a call may be made at the time `now`.
    ///
    /// # Errors
    /// [`Rejected`] while the dependency is held to be down.
    #[inline]
    pub fn acquire(&self, now: Duration) -> Result<Permit<'_>, Rejected> {
        if self.gate.load(Ordering::Acquire) == CLOSED {
            return Ok(Permit {
                breaker: self,
                probe: false,
            });
        }
        self.acquire_probe(millis(now))
    }

    /// Whether all calls pass.
    #[inline]
    pub fn is_closed(&self) -> bool {
        self.gate.load(Ordering::Acquire) == CLOSED
    }

    /// What it knows, and why it is as it is.
    pub fn snapshot(&self, now: Duration) -> Snapshot {
        let mut core = self.core();
        self.turn(&mut core, millis(now));
        core.machine.snapshot(millis(now))
    }

    /// The settings in force.
    pub fn settings(&self) -> BreakerSettings {
        self.core().machine.settings().clone()
    }

    /// Changes the settings, the mode among them. What was learned stays.
    pub fn set(&self, settings: BreakerSettings, now: Duration) {
        let mut core = self.core();
        let changed = core.machine.set(settings, millis(now));
        self.publish(&core.machine);
        if let Some(transition) = changed {
            (self.listener)(&transition);
        }
    }

    #[cold]
    fn acquire_probe(&self, now_ms: u64) -> Result<Permit<'_>, Rejected> {
        if self.gate.load(Ordering::Acquire) == OPEN {
            let until = self.opens_until_ms.load(Ordering::Relaxed);
            if now_ms < until {
                let retry_after =
                    (until != u64::MAX).then(|| Duration::from_millis(until - now_ms));
                return Err(Rejected { retry_after });
            }
            let mut core = self.core();
            if let Some(transition) = core.machine.try_half_open(now_ms) {
                self.probes
                    .store(core.machine.settings().probes.max(1), Ordering::Relaxed);
                self.publish(&core.machine);
                (self.listener)(&transition);
            }
        }
        match self.gate.load(Ordering::Acquire) {
            CLOSED => {}
            HALF_OPEN if take_one(&self.probes) => {
                return Ok(Permit {
                    breaker: self,
                    probe: true,
                });
            }
            _ => return Err(Rejected { retry_after: None }),
        }
        Ok(Permit {
            breaker: self,
            probe: false,
        })
    }

    #[inline]
    fn succeeded(&self, took: Option<Duration>, now: Duration) {
        match took {
            Some(took) => self.counters.succeeded(micros(took)),
            None => self.counters.answered(),
        }
        if millis(now) >= self.turns_at_ms.load(Ordering::Relaxed) {
            self.take_turn(millis(now));
        }
    }

    fn failed(&self, now: Duration) {
        // Doubling numbers: an outage is judged within the bucket in which it
        // begins, and a storm of failures does not become a storm of looks.
        let judge = self.counters.failed().is_power_of_two();
        let now_ms = millis(now);
        if judge || now_ms >= self.turns_at_ms.load(Ordering::Relaxed) {
            self.take_turn(now_ms);
        }
    }

    /// Moves the counts on, unless somebody does already.
    #[cold]
    fn take_turn(&self, now_ms: u64) {
        match self.core.try_lock() {
            Ok(mut core) => self.turn(&mut core, now_ms),
            Err(TryLockError::Poisoned(core)) => self.turn(&mut core.into_inner(), now_ms),
            Err(TryLockError::WouldBlock) => {}
        }
    }

    fn turn(&self, core: &mut Core, now_ms: u64) {
        let Core { machine, seen } = core;
        self.counters.drain(seen);
        let tripped = machine.observe(seen, now_ms);
        seen.clear();
        self.publish(machine);
        if let Some(transition) = tripped {
            (self.listener)(&transition);
        }
    }

    #[cold]
    fn probed(&self, took: Option<Duration>, now: Duration) {
        let mut core = self.core();
        let transition = core.machine.probed(took.map(micros), millis(now));
        if let Some(transition) = transition {
            // Counted before the trip, and void with the window.
            let Core { seen, .. } = &mut *core;
            self.counters.drain(seen);
            seen.clear();
            self.publish(&core.machine);
            (self.listener)(&transition);
        }
    }

    fn publish(&self, machine: &Machine) {
        self.turns_at_ms
            .store(machine.bucket_ends_ms(), Ordering::Relaxed);
        self.opens_until_ms
            .store(machine.open_until_ms(), Ordering::Relaxed);
        self.patience_us
            .store(machine.patience_us(), Ordering::Relaxed);
        let gate = match machine.state() {
            State::Closed => CLOSED,
            State::Open => OPEN,
            State::HalfOpen => HALF_OPEN,
        };
        // Read on every call and hardly ever changed: keep the line shared.
        if self.gate.load(Ordering::Relaxed) != gate {
            self.gate.store(gate, Ordering::Release);
        }
    }

    fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Breaker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Breaker")
            .field("state", &self.core().machine.state())
            .finish_non_exhaustive()
    }
}

impl Permit<'_> {
    /// The call succeeded at the time `now` after `took`.
    #[inline]
    pub fn success(self, took: Duration, now: Duration) {
        if self.probe {
            self.breaker.probed(Some(took), now);
        } else {
            self.breaker.succeeded(Some(took), now);
        }
    }

    /// The call succeeded at the time `now`; how long it took says nothing about
    /// the dependency.
    pub fn answered(self, now: Duration) {
        if self.probe {
            self.breaker.probed(Some(Duration::ZERO), now);
        } else {
            self.breaker.succeeded(None, now);
        }
    }

    /// The call failed at the time `now`, and the dependency is to blame.
    pub fn failure(self, now: Duration) {
        if self.probe {
            self.breaker.probed(None, now);
        } else {
            self.breaker.failed(now);
        }
    }

    /// The call was given up at the time `now` after `took`, because its
    /// deadline passed. That is the dependency's fault when it had had the
    /// time that it needs at most; a second while that is not known yet.
    pub fn gave_up(self, took: Duration, now: Duration) {
        if micros(took) >= self.breaker.patience_us.load(Ordering::Relaxed) {
            self.failure(now);
        }
    }

    /// Whether the call is a trial of a dependency that was down.
    pub const fn is_probe(&self) -> bool {
        self.probe
    }
}

impl Drop for Permit<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.probe {
            self.breaker.probes.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn take_one(free: &AtomicU32) -> bool {
    free.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |free| {
        free.checked_sub(1)
    })
    .is_ok()
}

// By parts: `Duration::as_millis` multiplies in 128 bits.
#[inline]
fn millis(time: Duration) -> u64 {
    time.as_secs() * 1_000 + u64::from(time.subsec_millis())
}

#[inline]
fn micros(time: Duration) -> u64 {
    time.as_secs() * 1_000_000 + u64::from(time.subsec_micros())
}

#[cfg(test)]
mod tests;
