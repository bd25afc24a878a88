//! Deals the calls of a scenario out to a contender and keeps the score.

use std::time::Duration;

use crate::clock::Held;
use crate::contender::Contender;
use crate::scenario::Scenario;

/// A second counts as closed to callers when more than this share of its calls
/// is refused: the measure that suits breakers and throttles alike.
const REFUSING: f64 = 0.05;
/// Refusals that begin so soon after others belong to the same trip.
const SAME_TRIP_S: u32 = 15;
/// So long after an incident refusals are still its own.
const AFTERMATH_S: u32 = 60;

/// What one contender did in one scenario.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// Trips while the dependency was well.
    pub false_trips: u32,
    /// Incidents during which it never tripped.
    pub missed: u32,
    /// Mean seconds from the beginning of an incident to the trip, of those
    /// that it noticed.
    pub noticed_after_s: Option<f64>,
    /// Calls refused that would have succeeded.
    pub lost: u64,
    /// Calls let through that failed during incidents.
    pub sent_in_vain: u64,
    /// Longest time from the end of an incident until calls passed again, in
    /// seconds.
    pub recovered_after_s: Option<u32>,
    /// Its threshold, mean over the settled time without incident; 0 to 1.
    pub threshold: Option<f64>,
    /// Per second: calls refused, all calls, failing share, threshold.
    pub(crate) seconds: Vec<Second>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Second {
    pub(crate) refused: u32,
    pub(crate) calls: u32,
    pub(crate) failing: f64,
    pub(crate) threshold: Option<f64>,
}

impl Second {
    pub(crate) fn refuses(&self) -> bool {
        f64::from(self.refused) > REFUSING * f64::from(self.calls)
    }
}

/// Replays `scenario` with the chances of `seed`.
pub fn replay(scenario: &Scenario, contender: &mut dyn Contender, clock: &Held, seed: u64) -> Run {
    let mut run = Run::default();
    let mut random = scenario.random(seed);
    // Not at zero: some clocks take that for "never".
    let start = Duration::from_secs(1_000);
    for second in 0..scenario.seconds {
        let (moment, calls) = scenario.second(second, &mut random);
        let down = scenario.is_down(second);
        let mut refused = 0;
        for call in calls {
            let at = start + call.at;
            clock.set(at);
            let passed = contender.call(at, call.ok, call.took);
            refused += u32::from(!passed);
            run.lost += u64::from(!passed && call.ok);
            run.sent_in_vain += u64::from(passed && !call.ok && down);
        }
        run.seconds.push(Second {
            refused,
            calls: moment.calls,
            failing: moment.failing,
            threshold: contender.threshold(start + Duration::from_secs(u64::from(second) + 1)),
        });
    }
    judge(scenario, &mut run);
    run
}

fn judge(scenario: &Scenario, run: &mut Run) {
    let refuses = |second: u32| {
        let at = run.seconds.get(second as usize);
        at.is_some_and(Second::refuses)
    };
    let mut trips = 0;
    let mut last = None;
    for second in (0..scenario.seconds).filter(|&second| refuses(second)) {
        let new = last.is_none_or(|last: u32| second - last > SAME_TRIP_S);
        let (from, _) = scenario
            .incidents
            .iter()
            .copied()
            .find(|&(from, until)| (from..until + AFTERMATH_S).contains(&second))
            .unwrap_or((u32::MAX, 0));
        trips += u32::from(new && from == u32::MAX);
        last = Some(second);
    }
    let noticed = |&(from, until): &(u32, u32)| (from..until).find(|&s| refuses(s));
    let delays: Vec<_> = scenario
        .incidents
        .iter()
        .filter_map(|incident| Some(f64::from(noticed(incident)? - incident.0)))
        .collect();
    let missed = scenario.incidents.len() - delays.len();
    let recovery = scenario.incidents.iter().map(|&(_, until)| {
        let mut later = scenario.incidents.iter().map(|incident| incident.0);
        let end = later.find(|&from| from > until).unwrap_or(scenario.seconds);
        let last_refusal = (until..end).rev().find(|&second| refuses(second));
        last_refusal.map_or(0, |second| second + 1 - until)
    });
    let recovered_after_s = recovery.max();
    let settled: Vec<_> = run
        .seconds
        .iter()
        .zip(0..)
        .filter(|&(_, second)| in_regime(scenario, second))
        .filter_map(|(at, _)| at.threshold)
        .collect();
    run.false_trips = trips;
    run.missed = missed as u32;
    run.noticed_after_s = mean(&delays);
    run.recovered_after_s = recovered_after_s;
    run.threshold = mean(&settled);
}

/// Whether the regime that the scenario is named for holds and was learned.
fn in_regime(scenario: &Scenario, second: u32) -> bool {
    let end = match (scenario.name, scenario.incidents.first()) {
        ("release jitter", _) => 1_500,
        (_, Some(&(from, _))) => from,
        _ => scenario.seconds,
    };
    (scenario.settled..end).contains(&second)
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}
