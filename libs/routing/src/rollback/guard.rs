//! The state machine of one rule: takes outcomes and the time, says when to go
//! back. Pure: what follows from its word is somebody else's doing.

use std::fmt;
use std::time::Duration;

use super::fisher::fisher_greater;
use super::settings::RollbackSettings;
use super::window::{Group, Sample, Side, Window};

/// Watches one rule.
#[derive(Clone, Debug)]
pub struct Guard {
    settings: RollbackSettings,
    window: Window,
    /// Looks running that saw a regression.
    streak: u32,
}

/// What a look says.
#[derive(Clone, Debug, PartialEq)]
pub enum Judgement {
    /// Not enough requests on one of the sides.
    TooFew,
    /// No difference that matters and is not chance.
    Alike,
    /// A regression, not confirmed often enough yet.
    Suspect(Regression),
    /// Go back. Said once; the guard then begins anew.
    RollBack(Regression),
}

/// In what the gray side is worse.
#[derive(Clone, Debug, PartialEq)]
pub struct Regression {
    /// `errors`, `p95` or `p99`.
    pub of: &'static str,
    /// Requests on the gray side.
    pub gray_requests: u64,
    /// Requests on the stable side.
    pub stable_requests: u64,
    /// Share of failed requests, or milliseconds.
    pub gray: f64,
    /// The same on the stable side.
    pub stable: f64,
    /// Chance that equal sides would differ so.
    pub p_value: f64,
}

impl fmt::Display for Regression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { gray, stable, .. } = self;
        if self.of == "errors" {
            let (gray, stable) = (gray * 100.0, stable * 100.0);
            write!(f, "{gray:.2} % failed, against {stable:.2} %")?;
        } else {
            write!(f, "{} is {gray:.1} ms, against {stable:.1} ms", self.of)?;
        }
        write!(
            f,
            " (gray {} requests, stable {}; p = {:.1e})",
            self.gray_requests, self.stable_requests, self.p_value
        )
    }
}

impl Guard {
    /// A guard that has seen nothing.
    #[must_use]
    pub fn new(settings: &RollbackSettings) -> Self {
        Self {
            window: Window::new(settings.window()),
            settings: settings.clone(),
            streak: 0,
        }
    }

    /// Takes the outcome of a request at `now`, on any clock that does not go
    /// back.
    pub fn record(&mut self, now: Duration, group: Group, sample: Sample) {
        self.window.record(now, group, sample);
    }

    /// Compares the sides as they are at `now`.
    pub fn look(&mut self, now: Duration) -> Judgement {
        let [gray, stable] = self.window.sums(now);
        let least = self.settings.min_requests;
        if gray.requests < least || stable.requests < least {
            self.streak = 0;
            return Judgement::TooFew;
        }
        let Some(regression) = self.regression(&gray, &stable) else {
            self.streak = 0;
            return Judgement::Alike;
        };
        self.streak += 1;
        if self.streak < self.settings.confirmations {
            return Judgement::Suspect(regression);
        }
        self.forget();
        Judgement::RollBack(regression)
    }

    /// Begins anew, e.g. when the rule was changed or resumed: what was seen
    /// before says nothing about what comes.
    pub fn forget(&mut self) {
        self.window.clear();
        self.streak = 0;
    }

    fn regression(&self, gray: &Side, stable: &Side) -> Option<Regression> {
        self.errors(gray, stable)
            .or_else(|| self.latency("p95", 0.95, gray, stable))
            .or_else(|| self.latency("p99", 0.99, gray, stable))
    }

    fn errors(&self, gray: &Side, stable: &Side) -> Option<Regression> {
        let share = |side: &Side| side.failed as f64 / side.requests as f64;
        if share(gray) < share(stable) + self.settings.error_margin {
            return None;
        }
        let p_value = fisher_greater(gray.failed, gray.requests, stable.failed, stable.requests);
        (p_value < self.settings.p_value).then(|| Regression {
            of: "errors",
            gray_requests: gray.requests,
            stable_requests: stable.requests,
            gray: share(gray),
            stable: share(stable),
            p_value,
        })
    }

    fn latency(
        &self,
        of: &'static str,
        quantile: f64,
        gray: &Side,
        stable: &Side,
    ) -> Option<Regression> {
        let least = self.settings.min_requests;
        if gray.answered() < least || stable.answered() < least {
            return None;
        }
        let (own, base) = (gray.quantile(quantile), stable.quantile(quantile));
        let margin = Duration::from_millis(self.settings.latency_margin_ms);
        let limit = base
            .mul_f64(self.settings.latency_tolerance)
            .max(base + margin);
        if own <= limit {
            return None;
        }
        let p_value = fisher_greater(
            gray.slower_than(limit),
            gray.answered(),
            stable.slower_than(limit),
            stable.answered(),
        );
        (p_value < self.settings.p_value).then_some(Regression {
            of,
            gray_requests: gray.requests,
            stable_requests: stable.requests,
            gray: own.as_secs_f64() * 1_000.0,
            stable: base.as_secs_f64() * 1_000.0,
            p_value,
        })
    }
}
