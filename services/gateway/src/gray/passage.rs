//! One request on its way through: its colour before, its outcome after.

use std::sync::Arc;
use std::time::Duration;

use shoal_context::Metadata;
use shoal_routing::rollback::{Group, Sample};
use shoal_routing::{Coloured, Decision, Request};
use shoal_telemetry::metrics::ByVersion;

use super::{Active, Gray};

/// Status under which a client that went away is counted.
const CANCELLED: u16 = 499;

/// A request that is being passed on; recorded when dropped.
pub(crate) struct Passage<'a> {
    gray: &'a Gray,
    versions: &'a ByVersion,
    /// The rules that decided, which may be others than count at its end.
    active: Arc<Active>,
    decision: Option<Decision>,
    /// The colour that it goes with, whoever gave it.
    colour: Option<Arc<str>>,
    start: Duration,
    status: u16,
}

impl Gray {
    /// Decides on a request. One that has a colour keeps it: only who knows the
    /// platform's secret can have given it one.
    pub(crate) fn pass<'a>(
        &'a self,
        request: &Request<'_>,
        known: Option<&str>,
        versions: &'a ByVersion,
    ) -> Passage<'a> {
        let active = self.active();
        let decision = known.is_none().then(|| active.rules.decide(request));
        let colour = match &decision {
            Some(Decision::Coloured(coloured)) => Some(Arc::clone(&coloured.colour)),
            Some(Decision::Plain(_)) => None,
            None => known.map(Arc::from),
        };
        Passage {
            gray: self,
            versions,
            active,
            decision,
            colour,
            start: self.clock.monotonic(),
            status: CANCELLED,
        }
    }

    /// The wall clock, for rules with a window.
    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }
}

impl Passage<'_> {
    /// Writes the colour, when a rule gave one.
    pub(crate) fn colour(&self) -> Option<impl FnOnce(&mut Metadata) + use<>> {
        let Some(Decision::Coloured(coloured)) = &self.decision else {
            return None;
        };
        let Coloured {
            colour, services, ..
        } = coloured.clone();
        Some(move |meta: &mut Metadata| {
            meta.gray_version = Some(colour.to_string());
            meta.gray_services = services.as_deref().map(str::to_owned);
        })
    }

    /// Notes the status of the answer.
    pub(crate) fn answered(&mut self, status: u16) {
        self.status = status;
    }

    fn sample(&self, took: Duration) -> Option<Sample> {
        // A client that went away says nothing about the service.
        (self.status != CANCELLED).then_some(Sample {
            failed: self.status >= 500,
            took,
        })
    }
}

impl Drop for Passage<'_> {
    fn drop(&mut self) {
        let now = self.gray.clock.monotonic();
        let took = now.saturating_sub(self.start);
        self.versions
            .finish(self.colour.as_deref(), self.status, took);
        let Some(sample) = self.sample(took) else {
            return;
        };
        let note = |at: usize, group: Group| {
            if let Some(mut guard) = self.active.guard(at) {
                guard.record(now, group, sample);
            }
        };
        match &self.decision {
            Some(Decision::Coloured(coloured)) => note(coloured.rule, Group::Gray),
            Some(Decision::Plain(rules)) => rules.iter().for_each(|at| note(at, Group::Stable)),
            None => {}
        }
    }
}
