//! The limits that are compared.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use shoal_context::Class;
use shoal_resilience::{AdmissionSettings, Ended, Limiter, Route};

use super::story::ROUTES;

/// A limit under trial.
pub trait Policy {
    /// As tables have it.
    fn name(&self) -> &'static str;

    /// Lets a request in, or not.
    fn enter(&mut self, class: Class, route: usize) -> bool;

    /// One that was let in at `begun` left.
    fn leave(&mut self, class: Class, route: usize, begun: Duration, now: Duration, how: Ended);

    /// Requests at once, now.
    fn limit(&self) -> f64;
}

/// All of them, new.
pub fn policies(seed: u64) -> Vec<Box<dyn Policy>> {
    vec![
        Box::new(Ours::new()),
        Box::new(Plain::new("fixed 1024", Fixed(1_024.0))),
        Box::new(Plain::new("fixed 40", Fixed(40.0))),
        Box::new(Plain::new("Vegas", Vegas::new(seed))),
        Box::new(Plain::new(
            "Vegas, windowed",
            Windowed::new(Vegas::new(seed)),
        )),
        Box::new(Plain::new("Gradient2", Windowed::new(Gradient2::new()))),
    ]
}

/// Ours, without the short queue in front of it: the limits are compared.
struct Ours {
    limiter: Limiter,
    routes: Vec<Arc<Route>>,
}

impl Ours {
    fn new() -> Self {
        let limiter = Limiter::new(AdmissionSettings::default(), &[], Duration::ZERO);
        let routes = ROUTES.iter().map(|path| limiter.route("GET", path));
        Self {
            routes: routes.collect(),
            limiter,
        }
    }
}

impl Policy for Ours {
    fn name(&self) -> &'static str {
        "shoal"
    }

    fn enter(&mut self, class: Class, _route: usize) -> bool {
        let taken = self.limiter.take(class);
        if !taken {
            self.limiter.refused();
        }
        taken
    }

    fn leave(&mut self, class: Class, route: usize, begun: Duration, now: Duration, how: Ended) {
        let route = &self.routes[route];
        self.limiter.give_back(class, route, begun, now, how);
    }

    fn limit(&self) -> f64 {
        f64::from(self.limiter.limit())
    }
}

/// How a limit moves with each request that ends.
trait Moves {
    fn limit(&self) -> f64;
    fn ended(&mut self, took: Duration, now: Duration, inside: f64, dropped: bool);
}

/// A limit for all classes alike.
struct Plain<M> {
    name: &'static str,
    inside: f64,
    moves: M,
}

impl<M: Moves> Plain<M> {
    fn new(name: &'static str, moves: M) -> Self {
        Self {
            name,
            inside: 0.0,
            moves,
        }
    }
}

impl<M: Moves> Policy for Plain<M> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn enter(&mut self, _class: Class, _route: usize) -> bool {
        let free = self.inside < self.moves.limit().floor();
        self.inside += f64::from(u8::from(free));
        free
    }

    fn leave(&mut self, _class: Class, _route: usize, begun: Duration, now: Duration, how: Ended) {
        let dropped = how == Ended::TimedOut;
        self.moves
            .ended(now.saturating_sub(begun), now, self.inside, dropped);
        self.inside -= 1.0;
    }

    fn limit(&self) -> f64 {
        self.moves.limit()
    }
}

struct Fixed(f64);

impl Moves for Fixed {
    fn limit(&self) -> f64 {
        self.0
    }

    fn ended(&mut self, _: Duration, _: Duration, _: f64, _: bool) {}
}

/// TCP Vegas for servers, as Netflix' concurrency-limits has it with its
/// defaults: starts at 20, keeps 3 to 6 times log10 of the limit in the queue
/// that it infers from the least latency, and forgets that one after about 30
/// limits of requests.
struct Vegas {
    limit: f64,
    least: f64,
    count: f64,
    jitter: f64,
    random: StdRng,
}

impl Vegas {
    fn new(seed: u64) -> Self {
        Self {
            limit: 20.0,
            least: 0.0,
            count: 0.0,
            jitter: 1.0,
            random: StdRng::seed_from_u64(seed),
        }
    }
}

impl Moves for Vegas {
    fn limit(&self) -> f64 {
        self.limit
    }

    fn ended(&mut self, took: Duration, _: Duration, inside: f64, dropped: bool) {
        let took = took.as_secs_f64();
        self.count += 1.0;
        if self.count >= self.jitter * 30.0 * self.limit {
            self.jitter = self.random.random_range(0.5..1.0);
            self.count = 0.0;
            self.least = took;
            return;
        }
        if self.least == 0.0 || took < self.least {
            self.least = took;
            return;
        }
        let step = self.limit.log10().floor().max(1.0);
        let queue = (self.limit * (1.0 - self.least / took)).ceil();
        let new = if dropped {
            self.limit - step
        } else if inside * 2.0 < self.limit {
            return;
        } else if queue <= step {
            self.limit + 6.0 * step
        } else if queue < 3.0 * step {
            self.limit + step
        } else if queue > 6.0 * step {
            self.limit - step
        } else {
            return;
        };
        self.limit = new.clamp(1.0, 1_000.0);
    }
}

/// Netflix' Gradient2 with its defaults: 20 to 200, tolerance 1.5, smoothing
/// 0.2, a long average over 600 samples.
struct Gradient2 {
    limit: f64,
    long: f64,
    samples: f64,
}

impl Gradient2 {
    fn new() -> Self {
        Self {
            limit: 20.0,
            long: 0.0,
            samples: 0.0,
        }
    }
}

impl Moves for Gradient2 {
    fn limit(&self) -> f64 {
        self.limit
    }

    fn ended(&mut self, took: Duration, _: Duration, inside: f64, _dropped: bool) {
        let short = took.as_secs_f64();
        // A plain mean while warming up, then one that fades.
        self.samples += 1.0;
        if self.samples <= 10.0 {
            self.long += (short - self.long) / self.samples;
        } else {
            self.long += (short - self.long) * 2.0 / 601.0;
        }
        if self.long / short > 2.0 {
            self.long *= 0.95;
        }
        if inside < self.limit / 2.0 {
            return;
        }
        let gradient = (1.5 * self.long / short).clamp(0.5, 1.0);
        let new = self.limit * gradient + 4.0;
        self.limit = (self.limit * 0.8 + new * 0.2).clamp(20.0, 200.0);
    }
}

/// The mean of a second, of at least ten requests, in place of each one, as
/// Netflix' `WindowedLimit` has it.
struct Windowed<M> {
    inner: M,
    count: u32,
    sum: Duration,
    most: f64,
    dropped: bool,
    ends: Duration,
}

impl<M> Windowed<M> {
    fn new(inner: M) -> Self {
        Self {
            inner,
            count: 0,
            sum: Duration::ZERO,
            most: 0.0,
            dropped: false,
            ends: Duration::from_secs(1),
        }
    }
}

impl<M: Moves> Moves for Windowed<M> {
    fn limit(&self) -> f64 {
        self.inner.limit()
    }

    fn ended(&mut self, took: Duration, now: Duration, inside: f64, dropped: bool) {
        self.count += 1;
        self.sum += took;
        self.most = self.most.max(inside);
        self.dropped |= dropped;
        if now >= self.ends && self.count >= 10 {
            let mean = self.sum / self.count;
            self.inner.ended(mean, now, self.most, self.dropped);
            (self.count, self.sum) = (0, Duration::ZERO);
            (self.most, self.dropped) = (0.0, false);
            self.ends = now + Duration::from_secs(1);
        }
    }
}
