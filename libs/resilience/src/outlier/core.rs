//! What is decided about instances, under the group's lock: counts and time in,
//! events out.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use super::report::{InstanceReport, OutlierCause, OutlierEvent, SeatCalls};
use super::{OutlierSettings, Seat};
use crate::evidence::{Trial, Verdict, against};

const BUCKET_MS: u64 = 1_000;
const BUCKETS: usize = 10;
/// A slow instance is late in as many different seconds: a pause is not.
const LATE_BUCKETS: usize = 3;
/// Late calls come in bursts, so each proves less than an independent one.
const LATE_DISPERSION: f64 = 4.0;
/// Share of late calls at which an instance is never slow.
const MIN_LATE_RATE: f64 = 0.2;
/// Worse than the others is who fails so many times as often.
const TIMES_WORSE: f64 = 2.0;
/// Calls, of which a quarter failed, that the others are believed to have had.
const PRIOR_CALLS: f64 = 4.0;
const PRIOR_BAD: f64 = 1.0;
/// After so long without being left out the rests begin with the first again.
const FORGIVES_MS: u64 = 30_000;

pub(super) struct Core {
    members: Vec<Member>,
    /// When the counts were last moved on, in buckets since the clock's zero.
    turned: u64,
    chance: SmallRng,
}

struct Member {
    seat: Weak<Seat>,
    buckets: [SeatCalls; BUCKETS],
    at: usize,
    /// Of all buckets.
    sum: SeatCalls,
    out: Option<Out>,
    /// Rests without a longer good time between them.
    rests: u32,
    back_ms: u64,
    ejections: u64,
}

struct Out {
    cause: OutlierCause,
    since_ms: u64,
    trial: Trial,
}

/// How a call to an instance that is left out ended.
#[derive(Clone, Copy)]
pub(super) struct Outcome {
    pub(super) begun_ms: u64,
    pub(super) trial: bool,
    /// Whether the instance itself said so.
    pub(super) answered: bool,
    pub(super) failed: bool,
    pub(super) late: bool,
}

impl Core {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            members: Vec::new(),
            turned: 0,
            chance: SmallRng::seed_from_u64(seed),
        }
    }

    pub(super) fn find(&self, name: &str) -> Option<Arc<Seat>> {
        let mut seats = self.members.iter().filter_map(|m| m.seat.upgrade());
        seats.find(|seat| *seat.name == *name)
    }

    pub(super) fn join(&mut self, seat: &Arc<Seat>) {
        self.members.retain(|known| known.seat.strong_count() > 0);
        self.members.push(Member {
            seat: Arc::downgrade(seat),
            buckets: [SeatCalls::default(); BUCKETS],
            at: 0,
            sum: SeatCalls::default(),
            out: None,
            rests: 0,
            back_ms: 0,
            ejections: 0,
        });
    }

    /// When the counts are to be moved on next.
    pub(super) fn turns_at_ms(&self) -> u64 {
        (self.turned + 1) * BUCKET_MS
    }

    /// Moves the counts of all on to the bucket of this moment, and judges them.
    pub(super) fn turn(&mut self, settings: &OutlierSettings, now_ms: u64) -> Vec<OutlierEvent> {
        let steps = (now_ms / BUCKET_MS).saturating_sub(self.turned);
        if steps == 0 {
            return Vec::new();
        }
        self.turned += steps;
        self.members.retain_mut(|member| member.turn(steps));
        let seats: Vec<_> = self
            .members
            .iter()
            .filter_map(|m| m.seat.upgrade())
            .collect();
        let mut judged = seats.iter().filter(|seat| seat.is_in());
        std::iter::from_fn(|| judged.next().map(|seat| self.judge(settings, seat, now_ms)))
            .flatten()
            .collect()
    }

    /// Leaves the instance out when it does worse than the others.
    pub(super) fn judge(
        &mut self,
        settings: &OutlierSettings,
        seat: &Arc<Seat>,
        now_ms: u64,
    ) -> Option<OutlierEvent> {
        if !settings.enabled {
            return None;
        }
        let others = self.others(seat);
        let member = &self.members[self.position(seat)?];
        let own = member.calls(seat);
        let needed = f64::from(settings.confidence) * std::f64::consts::LN_10;
        let behind = others.all as f64 + PRIOR_CALLS;

        let threshold = worse_than(others.failed, behind, settings.min_error_rate);
        let run = u64::from(seat.run.load(Ordering::Relaxed));
        let evidence = |all, bad| against(threshold, all, bad, behind, 1.0);
        let failing = evidence(run, run).max(evidence(own.all, own.failed)) >= needed;
        if failing {
            return self.eject(settings, seat, OutlierCause::Failing, now_ms);
        }
        let threshold = worse_than(others.late, behind, MIN_LATE_RATE);
        let evidence = against(threshold, own.all, own.late, behind, LATE_DISPERSION);
        if evidence >= needed && member.late_buckets() >= LATE_BUCKETS {
            return self.eject(settings, seat, OutlierCause::Slow, now_ms);
        }
        None
    }

    /// Leaves the instance out, or out for longer, if as many may be.
    pub(super) fn eject(
        &mut self,
        settings: &OutlierSettings,
        seat: &Arc<Seat>,
        cause: OutlierCause,
        now_ms: u64,
    ) -> Option<OutlierEvent> {
        let at = self.position(seat)?;
        let resting = now_ms < seat.until_ms.load(Ordering::Relaxed);
        if resting || !self.may_leave_out(settings, at, cause) {
            return None;
        }
        let others = self.others(seat);
        let varied = self.chance.random_range(0.8..=1.2);
        let member = &mut self.members[at];
        if member.out.is_none() && now_ms.saturating_sub(member.back_ms) >= FORGIVES_MS {
            member.rests = 0;
        }
        let longest = settings.max_rest_ms;
        let rest_ms = settings.rest_ms << member.rests.min(20);
        let rest_ms = (rest_ms.min(longest) as f64 * varied) as u64;
        member.rests += 1;
        member.ejections += 1;
        member.out = Some(Out {
            cause,
            since_ms: now_ms,
            trial: Trial::new(settings.min_error_rate),
        });
        seat.until_ms
            .store(now_ms + rest_ms.max(1), Ordering::Relaxed);
        Some(OutlierEvent {
            instance: seat.name.to_string(),
            cause: Some(cause),
            rest: Duration::from_millis(rest_ms),
            own: member.calls(seat),
            others,
        })
    }

    /// A call to an instance that is left out ended.
    pub(super) fn tried(
        &mut self,
        settings: &OutlierSettings,
        seat: &Arc<Seat>,
        outcome: Outcome,
        now_ms: u64,
    ) -> Option<OutlierEvent> {
        let at = self.position(seat)?;
        let out = self.members[at].out.as_mut()?;
        let (cause, since_ms) = (out.cause, out.since_ms);
        let verdict = match cause {
            OutlierCause::Unreachable | OutlierCause::Silent if outcome.begun_ms >= since_ms => {
                match (outcome.answered, outcome.failed) {
                    // It is there again, and speaks.
                    (true, _) => Verdict::Well,
                    (false, true) => Verdict::Down,
                    (false, false) => Verdict::Undecided,
                }
            }
            OutlierCause::Failing if outcome.trial && (outcome.answered || outcome.failed) => {
                out.trial.saw(outcome.failed)
            }
            OutlierCause::Slow if outcome.trial => out.trial.saw(outcome.failed || outcome.late),
            _ => Verdict::Undecided,
        };
        match verdict {
            Verdict::Undecided => None,
            Verdict::Down => self.eject(settings, seat, cause, now_ms),
            Verdict::Well => Some(self.take_back(at, seat, now_ms)),
        }
    }

    /// Whether another instance answered after `since_ms`.
    pub(super) fn a_peer_answered(&self, seat: &Arc<Seat>, since_ms: u64) -> bool {
        self.peers(seat)
            .any(|(peer, _)| peer.answered_ms.load(Ordering::Relaxed) > since_ms)
    }

    pub(super) fn report(&self, now_ms: u64) -> Vec<InstanceReport> {
        let living = self.members.iter();
        let living = living.filter_map(|member| Some((member.seat.upgrade()?, member)));
        let mut all: Vec<_> = living
            .map(|(seat, member)| InstanceReport {
                address: seat.name.to_string(),
                left_out: member.out.as_ref().map(|out| out.cause),
                rests_s: member.out.as_ref().map(|_| {
                    let until = seat.until_ms.load(Ordering::Relaxed);
                    until.saturating_sub(now_ms) as f64 / 1_000.0
                }),
                calls: member.calls(&seat),
                ejections: member.ejections,
            })
            .collect();
        all.sort_by(|a, b| a.address.cmp(&b.address));
        all
    }

    fn take_back(&mut self, at: usize, seat: &Arc<Seat>, now_ms: u64) -> OutlierEvent {
        let others = self.others(seat);
        let member = &mut self.members[at];
        let own = member.calls(seat);
        // What it did before it was left out must not be held against it again.
        take(seat);
        seat.run.store(0, Ordering::Relaxed);
        member.buckets = [SeatCalls::default(); BUCKETS];
        member.sum = SeatCalls::default();
        member.out = None;
        member.back_ms = now_ms;
        seat.until_ms.store(0, Ordering::Relaxed);
        OutlierEvent {
            instance: seat.name.to_string(),
            cause: None,
            rest: Duration::ZERO,
            own,
            others,
        }
    }

    fn may_leave_out(&self, settings: &OutlierSettings, at: usize, cause: OutlierCause) -> bool {
        let all = self.members.iter().filter(|m| m.seat.strong_count() > 0);
        let out = self.members.iter().enumerate();
        let out = out.filter(|(n, m)| *n != at && m.out.is_some()).count();
        let most = all.count() * settings.max_percent.min(50) as usize / 100;
        match cause {
            // Alone in its group it may have stable ones to stand in for it.
            OutlierCause::Unreachable => true,
            OutlierCause::Silent | OutlierCause::Failing | OutlierCause::Slow => {
                settings.enabled && out < most
            }
        }
    }

    fn others(&self, seat: &Arc<Seat>) -> SeatCalls {
        self.peers(seat)
            .filter(|(_, member)| member.out.is_none())
            .map(|(peer, member)| member.calls(&peer))
            .fold(SeatCalls::default(), SeatCalls::plus)
    }

    fn peers(&self, seat: &Arc<Seat>) -> impl Iterator<Item = (Arc<Seat>, &Member)> {
        let all = self.members.iter();
        let living = all.filter_map(|member| Some((member.seat.upgrade()?, member)));
        living.filter(|(peer, _)| !Arc::ptr_eq(peer, seat))
    }

    fn position(&self, seat: &Arc<Seat>) -> Option<usize> {
        let is = |member: &Member| member.seat.as_ptr() == Arc::as_ptr(seat);
        self.members.iter().position(is)
    }
}

impl Member {
    /// Moves the current counts into the ring, and so many buckets on; false when
    /// nobody holds the seat.
    fn turn(&mut self, steps: u64) -> bool {
        let Some(seat) = self.seat.upgrade() else {
            return false;
        };
        // The first of them holds what was counted since the last turn, the
        // others nothing; one round more, and that is over as well.
        let mut counts = take(&seat);
        for _ in 0..steps.min(BUCKETS as u64 + 1) {
            self.at = (self.at + 1) % BUCKETS;
            self.buckets[self.at] = std::mem::take(&mut counts);
        }
        let all = self.buckets.iter().copied();
        self.sum = all.fold(SeatCalls::default(), SeatCalls::plus);
        true
    }

    fn calls(&self, seat: &Seat) -> SeatCalls {
        let read = |counter: &AtomicU32| u64::from(counter.load(Ordering::Relaxed));
        self.sum.plus(SeatCalls {
            all: read(&seat.all),
            failed: read(&seat.failed),
            late: read(&seat.late),
        })
    }

    fn late_buckets(&self) -> usize {
        self.buckets.iter().filter(|calls| calls.late > 0).count()
    }
}

impl SeatCalls {
    fn plus(self, other: Self) -> Self {
        Self {
            all: self.all + other.all,
            failed: self.failed + other.failed,
            late: self.late + other.late,
        }
    }
}

/// The share of bad calls beyond which an instance is worse than the others.
fn worse_than(bad: u64, behind: f64, least: f64) -> f64 {
    (TIMES_WORSE * (bad as f64 + PRIOR_BAD) / behind).clamp(least, 1.0)
}

fn take(seat: &Seat) -> SeatCalls {
    let take = |counter: &AtomicU32| u64::from(counter.swap(0, Ordering::Relaxed));
    SeatCalls {
        all: take(&seat.all),
        failed: take(&seat.failed),
        late: take(&seat.late),
    }
}
