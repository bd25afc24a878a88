//! Decides the limit, window by window.

use std::sync::Arc;
use std::time::Duration;

use super::route::{Route, Sample};
use super::settings::{AdmissionSettings, LimitMode};

/// Shortest and longest window. One with few requests goes on until it has
/// enough of them to say something.
const WINDOW: Duration = Duration::from_millis(250);
const LONG_WINDOW: Duration = Duration::from_secs(2);
const ENOUGH: u32 = 20;
const FEW: u32 = 4;

/// A limit that goes down by less within a window stands.
const FALLS: f64 = 0.02;
/// Part of the way that the limit goes in one window.
const DOWN: f64 = 0.5;
const UP: f64 = 0.2;
/// A cut by more than this begins the window anew, with requests that began
/// under it.
const CUT: f64 = 0.05;

/// Each step of a probe halves the limit, for a shorter window.
const PROBE: f64 = 0.5;
const PROBE_WINDOW: Duration = Duration::from_millis(100);
const FIRST_PROBE: Duration = Duration::from_secs(1);
const LAST_PROBE: Duration = Duration::from_secs(30);
/// While requests become faster in about the proportion in which the limit
/// falls, they still waited for each other: the probe goes deeper.
const STILL_QUEUED: f64 = 0.75;

/// After the limit fell to this part, requests must have become faster by more
/// than the other: otherwise it is not our queue that they wait in.
const FELL: f64 = 0.7;
const HELPED: f64 = 0.85;

/// Speed with which the usual latency follows a window: down, up (seconds of
/// calm), and either way after a probe.
const FASTER: f64 = 0.1;
const SLOWER_S: f64 = 120.0;
const PROBED: f64 = 0.5;

/// The slow part of the adaptive limit: what it learned, and what it does next.
#[derive(Debug)]
pub(crate) struct Learner {
    settings: AdmissionSettings,
    limit: f64,
    routes: Vec<Known>,
    /// How many times the usual time requests took, in the last window.
    inflation: f64,
    /// Limit and inflation when it began to fall.
    fall: Option<(f64, f64)>,
    probe: Option<Probe>,
    next_probe: Duration,
    probe_pause: Duration,
    window_began: Duration,
    counts_from: Duration,
    /// The limit as it was last handed out.
    decided: f64,
}

/// A probe under way.
#[derive(Clone, Copy, Debug)]
struct Probe {
    /// Inflation before it.
    before: f64,
    /// Inflation at its last step.
    last: f64,
    /// Part of the limit at the present one.
    part: f64,
}

#[derive(Debug)]
struct Known {
    route: Arc<Route>,
    /// Usual latency in ticks; none before the first window with this route.
    usual: Option<f64>,
    window: Sample,
}

/// What comes of a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Decision {
    /// Limit from now on.
    pub(crate) limit: u32,
    /// Requests that began earlier are not counted.
    pub(crate) counts_from: Duration,
    /// When to look again.
    pub(crate) next: Duration,
    /// Whether a window ended.
    pub(crate) ended: bool,
}

impl Learner {
    pub(crate) fn new(settings: AdmissionSettings, now: Duration) -> Self {
        let limit = f64::from(settings.start());
        Self {
            limit,
            decided: limit,
            settings,
            routes: Vec::new(),
            inflation: 1.0,
            fall: None,
            probe: None,
            next_probe: now + FIRST_PROBE,
            probe_pause: FIRST_PROBE,
            window_began: now,
            counts_from: now,
        }
    }

    pub(crate) fn add(&mut self, route: Arc<Route>) {
        self.routes.push(Known {
            route,
            usual: None,
            window: Sample::default(),
        });
    }

    pub(crate) fn settings(&self) -> &AdmissionSettings {
        &self.settings
    }

    /// Changes the settings; the limit stays where it is within them.
    pub(crate) fn set(&mut self, settings: AdmissionSettings, now: Duration) -> Decision {
        self.limit = match settings.mode {
            LimitMode::Fixed => f64::from(settings.start()),
            LimitMode::Adaptive => f64::from(settings.bounded(self.limit as u32)),
        };
        self.settings = settings;
        self.probe = None;
        self.fall = None;
        self.decide(now)
    }

    pub(crate) fn inflation(&self) -> f64 {
        self.inflation
    }

    pub(crate) fn is_probing(&self) -> bool {
        self.probe.is_some()
    }

    pub(crate) fn first(&self) -> Duration {
        self.window_began + WINDOW
    }

    /// Ends the window if it has enough in it. `peak` is the most that were in
    /// at once, `full` whether somebody had to wait or was refused.
    pub(crate) fn turn(&mut self, now: Duration, peak: u32, full: bool) -> Decision {
        for known in &mut self.routes {
            let more = known.route.take();
            known.window.count += more.count;
            known.window.sum += more.sum;
        }
        let count: u32 = self.routes.iter().map(|known| known.window.count).sum();
        let age = now.saturating_sub(self.window_began);
        let needed = match self.probe {
            _ if age >= LONG_WINDOW => FEW,
            Some(_) => ENOUGH / 2,
            None => ENOUGH,
        };
        if count < needed {
            return self.again(now);
        }
        let inflation = self.compare();
        if let Some(probe) = self.probe {
            self.probed(probe, inflation, now);
            return self.decide(now);
        }
        self.inflation = inflation;
        let used = full || f64::from(peak) >= self.limit / 2.0;
        let slower = if used {
            0.0
        } else {
            (age.min(LONG_WINDOW).as_secs_f64() / SLOWER_S).min(1.0)
        };
        self.learn(FASTER, slower);
        if used && self.settings.mode == LimitMode::Adaptive {
            self.steer(now, full);
        } else {
            self.fall = None;
        }
        self.decide(now)
    }

    /// Time spent against time usually spent, over all routes: however the
    /// mixture changes, both sums change alike. By Little's law it is also how
    /// many are in against how many would have to be.
    fn compare(&mut self) -> f64 {
        let (mut spent, mut usual) = (0.0, 0.0);
        for known in &self.routes {
            if let Some(each) = known.usual {
                spent += known.window.sum;
                usual += each * f64::from(known.window.count);
            }
        }
        if usual > 0.0 {
            return spent / usual;
        }
        1.0
    }

    /// Moves the usual latencies towards the window's: quickly down, slowly up,
    /// and up only in calm, as in overload nothing is usual.
    fn learn(&mut self, faster: f64, slower: f64) {
        for known in &mut self.routes {
            let Sample { count, sum } = known.empty();
            if count == 0 {
                continue;
            }
            let mean = sum / f64::from(count);
            let usual = match known.usual {
                // A route that first appears in overload is as late as others.
                None => mean / self.inflation.max(1.0),
                Some(usual) => {
                    let weight = f64::from(count) / f64::from(count + ENOUGH);
                    let step = if mean < usual { faster } else { slower };
                    usual + (mean - usual) * weight * step
                }
            };
            known.set_usual(usual);
        }
    }

    /// One step of the limit: `limit × tolerance / inflation` and a little room
    /// to grow, after Netflix's Gradient2.
    fn steer(&mut self, now: Duration, full: bool) {
        let (old, tolerance) = (self.limit, self.settings.tolerance);
        let gradient = (tolerance / self.inflation).clamp(0.5, 1.0);
        // Far from the tolerance there is more to gain than to lose.
        let calm = self.inflation < (1.0 + tolerance) / 2.0;
        let room = if calm {
            old.sqrt().max(old / 2.0)
        } else {
            old.sqrt()
        };
        let aim = old * gradient + room;
        let step = if aim < old { DOWN } else { UP };
        let limit = old + (aim - old) * step;
        self.limit = limit.clamp(
            f64::from(self.settings.bounded(0)),
            f64::from(self.settings.max_limit),
        );
        if self.limit < old * (1.0 - FALLS) {
            self.watch_fall(old);
        } else {
            self.fall = None;
            if full && now >= self.next_probe {
                self.probe = Some(Probe {
                    before: self.inflation,
                    last: self.inflation,
                    part: PROBE,
                });
            }
        }
    }

    /// Sees whether a falling limit makes requests faster. If not, they wait
    /// elsewhere (a dependency has become slow): that is how long they take
    /// now, and keeping others out would help nobody.
    fn watch_fall(&mut self, old: f64) {
        let (from, before) = *self.fall.get_or_insert((old, self.inflation));
        if self.limit > from * FELL {
            return;
        }
        if self.inflation > before * HELPED {
            self.rebase(self.inflation);
            self.limit = from;
            self.fall = None;
        } else {
            self.fall = Some((self.limit, self.inflation));
        }
    }

    /// Takes the present latencies for the usual ones.
    fn rebase(&mut self, factor: f64) {
        for known in &mut self.routes {
            if let Some(usual) = known.usual {
                known.set_usual(usual * factor);
            }
        }
        self.inflation /= factor;
        self.probe_pause = FIRST_PROBE;
    }

    /// What was learned in overload may be far too long, so now and then the
    /// limit falls by halves until requests are fast without each other: as
    /// BBR probes for the least round trip, and Envoy for the least latency.
    fn probed(&mut self, probe: Probe, inflation: f64, now: Duration) {
        let deeper = probe.part * PROBE;
        let queued = inflation < probe.last * STILL_QUEUED;
        if queued && self.limit * deeper >= f64::from(self.probe_floor()) {
            for known in &mut self.routes {
                known.empty();
            }
            self.probe = Some(Probe {
                last: inflation,
                part: deeper,
                ..probe
            });
            return;
        }
        self.learn(PROBED, PROBED);
        self.probe = None;
        self.probe_pause = match (0.85..1.2).contains(&inflation) {
            true => (self.probe_pause * 2).min(LAST_PROBE),
            false => FIRST_PROBE,
        };
        self.next_probe = now + self.probe_pause;
        // What was seen is about the probe, not about the limit.
        self.inflation = probe.before;
    }

    /// Begins the next window, and counts only what begins in it when that has
    /// to wait less than before.
    fn decide(&mut self, now: Duration) -> Decision {
        let limit = self.in_force();
        if f64::from(limit) < self.decided * (1.0 - CUT) {
            self.counts_from = now;
        }
        self.decided = f64::from(limit);
        self.window_began = now;
        let window = if self.probe.is_some() {
            PROBE_WINDOW
        } else {
            WINDOW
        };
        Decision {
            limit,
            counts_from: self.counts_from,
            next: now + window,
            ended: true,
        }
    }

    /// Goes on with the window.
    fn again(&self, now: Duration) -> Decision {
        Decision {
            limit: self.in_force(),
            counts_from: self.counts_from,
            next: now + PROBE_WINDOW,
            ended: false,
        }
    }

    fn in_force(&self) -> u32 {
        match self.probe {
            None => self.settings.bounded(self.limit.round() as u32),
            Some(probe) => {
                let limit = (self.limit * probe.part).round() as u32;
                limit.max(self.probe_floor())
            }
        }
    }

    /// For a tenth of a second the limit may be lower than it ever is for long.
    fn probe_floor(&self) -> u32 {
        (self.settings.bounded(0) / 4).max(1)
    }
}

impl Known {
    fn empty(&mut self) -> Sample {
        std::mem::take(&mut self.window)
    }

    fn set_usual(&mut self, ticks: f64) {
        self.usual = Some(ticks);
        self.route.set_usual(ticks);
    }
}
