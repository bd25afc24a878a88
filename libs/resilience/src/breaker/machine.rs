//! What a breaker decides, as a pure state machine: time and counts in, state
//! and transitions out.

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use super::baseline::Baseline;
use super::report::{Cause, Reason, Snapshot, State, Transition};
use super::settings::{BreakerSettings, Mode};
use super::window::{BUCKET_MS, BUCKETS, Calls, Observed, Window};
use crate::evidence::{Trial, Verdict, against};
use crate::sketch::{CELLS, cell_of};

/// Looks at the last quarter second, second, five seconds, fifteen seconds and
/// minute, and how many times the threshold each needs to see: an outage shows
/// in the first, a small rise must last to show in the last. (Alerting on
/// several burn rates at once does the same: Google, The Site Reliability
/// Workbook, 2018, chapter 5.)
const LOOKS: [(usize, f64); 5] = [(1, 3.0), (4, 2.0), (20, 1.5), (60, 1.25), (BUCKETS, 1.0)];
/// Buckets of which the scatter is judged, and the latency learned.
const SECOND: u64 = 1_000 / BUCKET_MS;
const FIVE_SECONDS: u64 = 5 * SECOND;
/// Bad calls of five seconds are learned up to this many thresholds.
const LEARNS_UP_TO: f64 = 1.25;
/// With this share of the evidence that trips nothing is learned: an incident
/// that is not quite certain must not become usual meanwhile.
const SUSPICIOUS: f64 = 0.5;
/// After so long closed the pauses begin with the first again.
const FORGIVES_MS: u64 = 10_000;

#[derive(Debug)]
pub(crate) struct Machine {
    settings: BreakerSettings,
    state: Phase,
    since_ms: u64,
    window: Window,
    baseline: Baseline,
    /// Cell of the shortest latency that is slow.
    slow_from: usize,
    /// Trips in a row, for the length of the pause.
    trips: u32,
    trips_ever: u64,
    reason: Option<Reason>,
    random: SmallRng,
    /// Buckets before this were learned.
    learned: u64,
    /// Evidence of the whole window, as a share of what trips.
    suspicion: f64,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Closed,
    Open { until_ms: u64 },
    HalfOpen(Trial),
}

impl Machine {
    pub(crate) fn new(settings: BreakerSettings, seed: u64, now_ms: u64) -> Self {
        let window = Window::new(now_ms);
        Self {
            baseline: Baseline::new(settings.assumed_error_rate),
            settings,
            state: Phase::Closed,
            since_ms: now_ms,
            learned: window.newest(),
            window,
            slow_from: CELLS,
            trips: 0,
            trips_ever: 0,
            reason: None,
            random: SmallRng::seed_from_u64(seed),
            suspicion: 0.0,
        }
    }

    /// Takes in what was counted since the last time; closed, it may trip.
    pub(crate) fn observe(&mut self, seen: &Observed, now_ms: u64) -> Option<Transition> {
        if !matches!(self.state, Phase::Closed) {
            return None;
        }
        let calls = Calls {
            all: seen.calls(),
            bad: seen.failed + seen.latencies.count_from(self.slow_from),
        };
        // Counted before the clock's new bucket began.
        self.window.add(calls, &seen.latencies);
        let tripped = self.judge(now_ms);
        if tripped.is_none() && now_ms >= self.window.ends_ms() {
            self.learn(now_ms);
        }
        tripped
    }

    /// Asks for a trial call once the pause is over.
    pub(crate) fn try_half_open(&mut self, now_ms: u64) -> Option<Transition> {
        match self.state {
            Phase::Open { until_ms } if now_ms >= until_ms => {
                let trial = Trial::new(self.baseline.rate());
                Some(self.go(Phase::HalfOpen(trial), Cause::PauseOver, now_ms))
            }
            _ => None,
        }
    }

    /// Takes in the outcome of a trial call.
    pub(crate) fn probed(&mut self, took_micros: Option<u64>, now_ms: u64) -> Option<Transition> {
        let bad = took_micros.is_none_or(|micros| cell_of(micros) >= self.slow_from);
        let Phase::HalfOpen(trial) = &mut self.state else {
            return None;
        };
        match trial.saw(bad) {
            Verdict::Undecided => None,
            Verdict::Down => Some(self.open(Cause::TrialFailed, now_ms)),
            Verdict::Well => {
                self.start_anew(now_ms);
                Some(self.go(Phase::Closed, Cause::TrialPassed, now_ms))
            }
        }
    }

    /// Changes the settings; what was learned stays.
    pub(crate) fn set(&mut self, settings: BreakerSettings, now_ms: u64) -> Option<Transition> {
        let adaptive = settings.mode == Mode::Adaptive;
        let was_adaptive = self.settings.mode == Mode::Adaptive;
        self.settings = settings;
        // A mode that decides by itself makes what was decided void.
        let decided = !matches!(self.state, Phase::Closed);
        (adaptive != was_adaptive && decided).then(|| {
            self.start_anew(now_ms);
            self.go(Phase::Closed, Cause::Set, now_ms)
        })
    }

    pub(crate) fn settings(&self) -> &BreakerSettings {
        &self.settings
    }

    pub(crate) fn state(&self) -> State {
        match (self.settings.mode, self.state) {
            (Mode::Disabled, _) | (Mode::Adaptive, Phase::Closed) => State::Closed,
            (Mode::ForcedOpen, _) | (_, Phase::Open { .. }) => State::Open,
            (_, Phase::HalfOpen(_)) => State::HalfOpen,
        }
    }

    /// When a trial call may be made, while open.
    pub(crate) fn open_until_ms(&self) -> u64 {
        match (self.settings.mode, self.state) {
            (Mode::Adaptive, Phase::Open { until_ms }) => until_ms,
            _ => u64::MAX,
        }
    }

    /// How long a call may take that is not bad, in microseconds; a second
    /// while nothing was learned.
    pub(crate) fn patience_us(&self) -> u64 {
        self.slow_limit().map_or(1_000_000, |micros| micros as u64)
    }

    /// When the current bucket ends.
    pub(crate) fn bucket_ends_ms(&self) -> u64 {
        self.window.ends_ms()
    }

    pub(crate) fn snapshot(&self, now_ms: u64) -> Snapshot {
        let calls = self.window.last(BUCKETS);
        let p95 = self.window.latencies().quantile(0.95);
        Snapshot {
            state: self.state(),
            mode: self.settings.mode,
            since_s: now_ms.saturating_sub(self.since_ms) as f64 / 1_000.0,
            retry_in_s: match self.open_until_ms() {
                u64::MAX => None,
                until => Some(until.saturating_sub(now_ms) as f64 / 1_000.0),
            },
            calls: calls.all,
            bad_calls: calls.bad,
            error_rate: calls.rate(),
            usual_error_rate: self.baseline.rate(),
            threshold: self.threshold(),
            scatter: self.baseline.scatter(),
            p95_ms: p95.map(|micros| micros as f64 / 1_000.0),
            usual_p95_ms: self.baseline.p95().map(|micros| micros / 1_000.0),
            slow_ms: self.slow_limit().map(|micros| micros / 1_000.0),
            trips: self.trips_ever,
            reason: self.reason.clone(),
        }
    }

    /// The share of bad calls beyond which it trips.
    pub(crate) fn threshold(&self) -> f64 {
        (self.baseline.rate() * self.settings.sensitivity)
            .max(self.settings.min_error_rate)
            .min(0.95)
    }

    fn judge(&mut self, now_ms: u64) -> Option<Transition> {
        if self.settings.mode != Mode::Adaptive {
            return None;
        }
        let usual = self.threshold();
        let needed = f64::from(self.settings.confidence) * std::f64::consts::LN_10;
        let whole = self.window.last(BUCKETS);
        for (buckets, times) in LOOKS {
            let calls = self.window.last(buckets);
            // At most half way to certain failure.
            let threshold = (usual * times).min(f64::midpoint(usual, 1.0));
            // In the first minute nothing is learned yet. What came before this
            // look stands behind the assumed threshold when it kept to it.
            let before = whole.without(calls);
            let kept = if before.rate() <= usual {
                before.all
            } else {
                0
            };
            let behind = self.baseline.calls().max(kept as f64);
            let scatter = self.baseline.scatter();
            let evidence = against(threshold, calls.all, calls.bad, behind, scatter);
            self.suspicion = evidence / needed;
            if evidence >= needed {
                let seen = self.window.latencies();
                self.reason = Some(Reason {
                    window_s: (buckets as u64 * BUCKET_MS) as f64 / 1_000.0,
                    calls: calls.all,
                    bad_calls: calls.bad,
                    slow_calls: seen.count_from(self.slow_from).min(calls.bad),
                    error_rate: calls.rate(),
                    threshold,
                    usual_error_rate: self.baseline.rate(),
                    certainty: evidence / std::f64::consts::LN_10,
                });
                return Some(self.open(Cause::ThresholdExceeded, now_ms));
            }
        }
        None
    }

    /// Moves the window on; every second learns how calls scatter, every five
    /// what is usual.
    fn learn(&mut self, now_ms: u64) {
        let before = self.window.newest();
        self.window.advance(now_ms);
        let newest = self.window.newest();
        if before / SECOND != newest / SECOND {
            let rate = self.window.last(BUCKETS).rate();
            let second = self.window.before_newest(SECOND);
            self.baseline.learn_scatter(second, rate);
        }
        let unlearned = newest - self.learned;
        if unlearned >= FIVE_SECONDS {
            self.learned = newest;
            self.learn_usual(unlearned);
        }
    }

    fn learn_usual(&mut self, buckets: u64) {
        let seconds = (buckets * BUCKET_MS) as f64 / 1_000.0;
        // Those of the window are being judged: what is usual must not be theirs.
        let calls = self.window.take_expired();
        if self.suspicion < SUSPICIOUS {
            let most = LEARNS_UP_TO * self.threshold();
            self.baseline.learn(calls, most, seconds);
        }
        let latencies = self.window.latencies();
        if let Some(p95) = latencies.quantile(0.95) {
            self.baseline.learn_p95(p95, latencies.count(), seconds);
        }
        self.slow_from = self
            .slow_limit()
            .map_or(CELLS, |micros| cell_of(micros as u64) + 1);
    }

    /// What takes longer than this, in microseconds, is slow.
    fn slow_limit(&self) -> Option<f64> {
        let least = self.settings.slow_min_ms as f64 * 1_000.0;
        let limit = self.baseline.p95()? * self.settings.slow_factor;
        Some(limit.max(least))
    }

    /// Forgets the calls, not what they taught.
    fn start_anew(&mut self, now_ms: u64) {
        self.window.advance(now_ms);
        self.window.clear();
        self.learned = self.window.newest();
    }

    fn open(&mut self, cause: Cause, now_ms: u64) -> Transition {
        if matches!(self.state, Phase::Closed) {
            self.trips_ever += 1;
            if now_ms.saturating_sub(self.since_ms) >= FORGIVES_MS {
                self.trips = 0;
            }
        }
        let pause = self
            .settings
            .open_ms
            .saturating_mul(1 << self.trips.min(20))
            .min(self.settings.max_open_ms);
        let varied = pause as f64 * self.random.random_range(0.8..=1.2);
        self.trips = self.trips.saturating_add(1);
        let until_ms = now_ms + varied as u64;
        self.go(Phase::Open { until_ms }, cause, now_ms)
    }

    fn go(&mut self, to: Phase, cause: Cause, now_ms: u64) -> Transition {
        let from = self.state();
        self.state = to;
        self.since_ms = now_ms;
        Transition {
            from,
            to: self.state(),
            cause,
            reason: match cause {
                Cause::ThresholdExceeded => self.reason.clone(),
                _ => None,
            },
        }
    }
}
