//! A breaker as most are: a fixed share of failures over a window of time.

use std::collections::VecDeque;
use std::time::Duration;

use super::Contender;

const THRESHOLD: f64 = 0.10;
const WINDOW: Duration = Duration::from_secs(60);
const LEAST_CALLS: usize = 20;
const PAUSE: Duration = Duration::from_secs(5);
const TRIALS: u32 = 5;

/// Trips at 10 % of the last minute, waits 5 s, and closes when five trials in
/// a row succeed.
pub(super) struct Fixed {
    calls: VecDeque<(Duration, bool)>,
    failed: usize,
    state: State,
}

enum State {
    Closed,
    Open(Duration),
    HalfOpen(u32),
}

impl Fixed {
    pub(super) fn new() -> Self {
        Self {
            calls: VecDeque::new(),
            failed: 0,
            state: State::Closed,
        }
    }

    fn count(&mut self, at: Duration, ok: bool) {
        self.calls.push_back((at, ok));
        self.failed += usize::from(!ok);
        while let Some(&(oldest, was_ok)) = self.calls.front()
            && at.saturating_sub(oldest) > WINDOW
        {
            self.calls.pop_front();
            self.failed -= usize::from(!was_ok);
        }
        let share = self.failed as f64 / self.calls.len() as f64;
        if self.calls.len() >= LEAST_CALLS && share > THRESHOLD {
            self.open(at);
        }
    }

    fn open(&mut self, at: Duration) {
        self.state = State::Open(at + PAUSE);
        self.calls.clear();
        self.failed = 0;
    }
}

impl Contender for Fixed {
    fn name(&self) -> &'static str {
        "static 10 %"
    }

    fn call(&mut self, at: Duration, ok: bool, _took: Duration) -> bool {
        match self.state {
            State::Open(until) if at < until => return false,
            State::Open(_) => self.state = State::HalfOpen(0),
            _ => {}
        }
        match &mut self.state {
            State::HalfOpen(_) if !ok => self.open(at),
            State::HalfOpen(good) => {
                *good += 1;
                if *good == TRIALS {
                    self.state = State::Closed;
                }
            }
            _ => self.count(at, ok),
        }
        true
    }

    fn threshold(&self, _now: Duration) -> Option<f64> {
        Some(THRESHOLD)
    }
}
