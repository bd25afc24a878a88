//! What happens to a dependency.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// How a dependency is at one second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// Calls of this second.
    pub(crate) calls: u32,
    /// Share of them that fails, 0 to 1.
    pub(crate) failing: f64,
    /// Median latency of those that succeed, in milliseconds.
    pub(crate) latency_ms: f64,
}

/// One story, second by second.
pub struct Scenario {
    /// As tables and files have it.
    pub name: &'static str,
    /// What happens, for people.
    pub about: &'static str,
    /// Length in seconds.
    pub seconds: u32,
    /// When the dependency is really down: from, until, in seconds.
    pub incidents: Vec<(u32, u32)>,
    /// From this second on a threshold has had the time to be learned.
    pub settled: u32,
    at: fn(u32, &mut StdRng) -> Moment,
}

/// One call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) at: Duration,
    pub(crate) ok: bool,
    pub(crate) took: Duration,
}

/// Callers give up after this long; such a call failed.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Shares of failures where a threshold of 1.2 times the usual lies at 9.8,
/// 13.2 and 6.5 %, and a static one at 10.
const STEADY: f64 = 0.0817;
const JITTER: f64 = 0.11;
const NIGHT: f64 = 0.0542;

impl Scenario {
    /// All calls of one second.
    pub(crate) fn second(&self, second: u32, random: &mut StdRng) -> (Moment, Vec<Call>) {
        let moment = (self.at)(second, random);
        let calls = (0..moment.calls).map(|n| {
            let within = f64::from(n) / f64::from(moment.calls.max(1));
            let took = Duration::from_secs_f64(lognormal(moment.latency_ms, random) / 1_000.0);
            let failed = random.random_bool(moment.failing.clamp(0.0, 1.0));
            Call {
                at: Duration::from_secs_f64(f64::from(second) + within),
                ok: !failed && took < TIMEOUT,
                took: took.min(TIMEOUT),
            }
        });
        let calls = calls.collect();
        (moment, calls)
    }

    /// Whether the dependency is down at that second.
    pub(crate) fn is_down(&self, second: u32) -> bool {
        self.incidents
            .iter()
            .any(|&(from, until)| (from..until).contains(&second))
    }

    pub(crate) fn random(&self, seed: u64) -> StdRng {
        StdRng::seed_from_u64(seed ^ self.name.len() as u64)
    }
}

/// Log-normal around the median with a deviation of 0.4, as latencies are.
pub(crate) fn lognormal(median: f64, random: &mut StdRng) -> f64 {
    // Box and Muller, 1958.
    let (u, v): (f64, f64) = (random.random_range(1e-12..1.0), random.random());
    let normal = (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos();
    median * (0.4 * normal).exp()
}

/// The eight stories.
pub fn scenarios() -> Vec<Scenario> {
    let well = |name, about, seconds, settled, at| Scenario {
        name,
        about,
        seconds,
        incidents: Vec::new(),
        settled,
        at,
    };
    vec![
        well(
            "steady",
            "200 calls/s, 8.2 % fail, for half an hour",
            1_800,
            300,
            |_, _| moment(200, STEADY, 20.0),
        ),
        well(
            "release jitter",
            "a release at minute 10: for 15 minutes 5 to 17 % fail, another share each second, and calls take 1.3 times as long",
            1_800,
            900,
            |second, random| match second {
                600..1_500 => moment(200, random.random_range(JITTER - 0.06..JITTER + 0.06), 26.0),
                _ => moment(200, STEADY, 20.0),
            },
        ),
        Scenario {
            incidents: vec![(5_400, 6_000)],
            ..well(
                "night",
                "40 calls/s, 5.4 % fail; after 90 minutes 9.5 % do, for ten minutes",
                7_200,
                600,
                |second, _| match second {
                    5_400..6_000 => moment(40, 0.095, 20.0),
                    _ => moment(40, NIGHT, 20.0),
                },
            )
        },
        Scenario {
            incidents: vec![(943, 1_500)],
            ..well(
                "slow degradation",
                "from minute 15 on the share that fails climbs from 5 to 40 % in ten minutes; one and a half times the usual counts as down",
                1_800,
                300,
                |second, _| match second {
                    900..1_500 => moment(200, 0.05 + f64::from(second - 900) / 600.0 * 0.35, 20.0),
                    _ => moment(200, 0.05, 20.0),
                },
            )
        },
        Scenario {
            incidents: vec![(900, 1_080)],
            ..well(
                "brown-out",
                "for three minutes calls take 25 times as long; one in ten runs into the time limit of a second",
                1_500,
                300,
                |second, _| match second {
                    900..1_080 => moment(200, 0.02, 600.0),
                    _ => moment(200, 0.02, 24.0),
                },
            )
        },
        Scenario {
            incidents: (0..8).map(|n| (900 + n * 20, 905 + n * 20)).collect(),
            ..well(
                "flapping",
                "eight times all calls fail for 5 s, with 15 s in between",
                1_500,
                300,
                |second, _| match second {
                    900..1_060 if (second - 900) % 20 < 5 => moment(200, 1.0, 5.0),
                    _ => moment(200, 0.02, 20.0),
                },
            )
        },
        well(
            "bulk import",
            "for five minutes ten times the calls, which take twice as long; 9 % fail instead of 8",
            1_500,
            300,
            |second, _| match second {
                900..1_200 => moment(2_000, 0.09, 40.0),
                _ => moment(200, 0.08, 20.0),
            },
        ),
        Scenario {
            incidents: vec![(900, 960)],
            ..well(
                "outage",
                "for a minute all calls fail",
                1_500,
                300,
                |second, _| match second {
                    900..960 => moment(200, 1.0, 5.0),
                    _ => moment(200, 0.02, 20.0),
                },
            )
        },
    ]
}

fn moment(calls: u32, failing: f64, latency_ms: f64) -> Moment {
    Moment {
        calls,
        failing,
        latency_ms,
    }
}
