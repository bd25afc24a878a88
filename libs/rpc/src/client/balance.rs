//! Sends each attempt to the instance that suits best.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context as Task, Poll};

use futures::future::BoxFuture;
use http::{Request, Response};
use shoal_context::Context;
use shoal_discovery::Resolver;
use shoal_resilience::{Seat, Verdict};
use shoal_routing::Lane;
use shoal_telemetry::metrics::Fallbacks;
use tonic::body::Body;
use tower::{Service, ServiceExt as _};
use tracing::Span;

use super::breaker::verdict;
use super::failure::Failure;
use super::instances::{Load, Member, Pool};
use crate::body::Held;
use crate::path::method_of;
use crate::{Balance, ClientConfig};

/// All instances of a dependency as one service.
#[derive(Clone, Debug)]
pub(crate) struct Balanced(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    dependency: String,
    pool: Pool,
    /// For calls without a colour and those of one: their candidates differ,
    /// and so do the turns.
    stable: Picker,
    coloured: Picker,
    fallbacks: Fallbacks,
}

impl Balanced {
    pub(crate) fn new(name: &str, resolver: &dyn Resolver, config: &ClientConfig) -> Self {
        Self(Arc::new(Inner {
            dependency: name.to_owned(),
            pool: Pool::new(name, resolver, config),
            stable: Picker::new(config.settings.balance, config.seed),
            coloured: Picker::new(config.settings.balance, config.seed),
            fallbacks: Fallbacks::new(&config.caller, name),
        }))
    }

    /// Whether a call could go to an instance that it did not try yet, and that
    /// is well.
    pub(crate) fn has_another(&self, tried: &Tried) -> bool {
        let members = self.0.pool.members();
        let context = Context::current();
        let colour = context.meta().colour_for(&self.0.dependency);
        let split = shoal_routing::split(members.iter(), colour, |m| m.colour());
        let (choice, _) = split.best(|m| m.seat.is_in());
        choice.iter().any(|m| m.seat.is_in() && !tried.contains(m))
    }
}

impl Inner {
    /// The instance for the next attempt: one that was not tried yet, if there is
    /// one among those that fit best; and whether it is one of several.
    fn pick(&self, tried: &Tried, context: &Context) -> Option<(Arc<Member>, bool)> {
        let members = self.pool.members();
        let colour = context.meta().colour_for(&self.dependency);
        let now = members.first()?.dependency.now();
        // When all rest, one that may be back is better than none.
        let split = shoal_routing::split(members.iter(), colour, |m| m.colour());
        let (mut choice, lane) = split.best(|m| m.seat.takes_calls(now));
        if choice.iter().any(|m| !tried.contains(m)) {
            choice.retain(|m| !tried.contains(m));
        }
        let loads: Vec<_> = choice
            .iter()
            .map(|m| Candidate {
                weight: m.instance.weight,
                in_flight: m.in_flight(),
            })
            .collect();
        let picker = match lane {
            Lane::Coloured => &self.coloured,
            Lane::Stable | Lane::Fallback => &self.stable,
        };
        let picked = picker.pick(&loads).map(|at| Arc::clone(choice[at]))?;
        if let (Lane::Fallback, Some(colour)) = (lane, colour) {
            self.fallbacks.count(colour);
        }
        tried.add(&picked);
        Some((picked, members.len() > 1))
    }

    async fn attempt(&self, request: Request<Body>) -> Result<Response<Held<Body, Load>>, Failure> {
        let context = Context::current();
        let tried = request.extensions().get::<Tried>();
        let picked = self.pick(tried.unwrap_or(&Tried::default()), &context);
        let Some((member, of_several)) = picked else {
            return Err(Failure::no_instance(&self.dependency));
        };
        let addr = &member.instance.addr;
        Span::current().record("server.address", addr);
        let load = member.begin();
        let method = method_of(request.uri().path());
        let call = member.dependency.call_to(&member.seat, method, &context);
        let mut channel = member.channel.clone();
        let answer = async move {
            let ready = channel.ready().await?;
            ready.call(request).await
        };
        let answer = if of_several {
            call.wait(answer).await
        } else {
            answer.await
        };
        let answer = answer.map_err(|e| Failure::transport(&self.dependency, addr, &e));
        match verdict(&answer) {
            _ if answer.as_ref().is_err_and(|failure| failure.broken) => call.unreachable(),
            Verdict::Well | Verdict::Answered => call.answered(),
            Verdict::Failed => call.failed(),
            Verdict::OutOfTime => call.timed_out(),
            Verdict::Neither => call.says_nothing(),
        }
        answer.map(|response| response.map(|body| Held::new(body, Some(load))))
    }
}

impl Service<Request<Body>> for Balanced {
    type Response = Response<Held<Body, Load>>;
    type Error = Failure;
    type Future = BoxFuture<'static, Result<Self::Response, Failure>>;

    fn poll_ready(&mut self, _: &mut Task<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.attempt(request).await })
    }
}

/// The instances that a call was sent to, shared by all its attempts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tried(Arc<Mutex<Vec<Arc<Seat>>>>);

impl Tried {
    fn contains(&self, member: &Member) -> bool {
        let tried = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tried.iter().any(|seat| Arc::ptr_eq(seat, &member.seat))
    }

    fn add(&self, member: &Member) {
        let mut tried = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tried.push(Arc::clone(&member.seat));
    }
}

/// What the choice depends on.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    weight: u32,
    in_flight: usize,
}

/// Chooses among candidates; deterministic for a given seed.
#[derive(Debug)]
struct Picker {
    balance: Balance,
    /// State of a SplitMix64 generator: one atomic step per draw.
    draws: AtomicU64,
    /// Credit per candidate, for round robin.
    credits: Mutex<Vec<i64>>,
}

impl Picker {
    fn new(balance: Balance, seed: Option<u64>) -> Self {
        let seed = seed.unwrap_or_else(rand::random);
        Self {
            balance,
            draws: AtomicU64::new(seed),
            credits: Mutex::default(),
        }
    }

    fn pick(&self, candidates: &[Candidate]) -> Option<usize> {
        match (candidates.len(), self.balance) {
            (0, _) => None,
            (1, _) => Some(0),
            (_, Balance::LeastLoaded) => Some(self.less_loaded_of_two(candidates)),
            (_, Balance::RoundRobin) => Some(self.next_in_turn(candidates)),
        }
    }

    /// Two different candidates drawn by weight; the one with fewer calls per
    /// weight wins. Near to the best of all, without looking at all.
    fn less_loaded_of_two(&self, candidates: &[Candidate]) -> usize {
        let total: u64 = candidates.iter().map(|c| u64::from(c.weight)).sum();
        let first = drawn(candidates, None, self.draw() % total.max(1));
        let rest = total - u64::from(candidates[first].weight);
        let second = drawn(candidates, Some(first), self.draw() % rest.max(1));
        let (a, b) = (candidates[first], candidates[second]);
        // a.in_flight / a.weight <= b.in_flight / b.weight, without dividing.
        let load =
            |own: Candidate, other: Candidate| (own.in_flight as u64 + 1) * u64::from(other.weight);
        if load(a, b) <= load(b, a) {
            first
        } else {
            second
        }
    }

    /// Smooth weighted round robin: each turn all gain their weight, and the
    /// richest pays the sum of all.
    fn next_in_turn(&self, candidates: &[Candidate]) -> usize {
        let mut credits = self.credits.lock().unwrap_or_else(PoisonError::into_inner);
        credits.resize(candidates.len(), 0);
        let mut richest = 0;
        for (at, candidate) in candidates.iter().enumerate() {
            credits[at] += i64::from(candidate.weight);
            if credits[at] > credits[richest] {
                richest = at;
            }
        }
        credits[richest] -= candidates.iter().map(|c| i64::from(c.weight)).sum::<i64>();
        richest
    }

    fn draw(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut z = self
            .draws
            .fetch_add(STEP, Ordering::Relaxed)
            .wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// The candidate under `ticket` when each holds as many tickets as its weight.
fn drawn(candidates: &[Candidate], without: Option<usize>, mut ticket: u64) -> usize {
    for (at, candidate) in candidates
        .iter()
        .enumerate()
        .filter(|(at, _)| Some(*at) != without)
    {
        let weight = u64::from(candidate.weight);
        if ticket < weight {
            return at;
        }
        ticket -= weight;
    }
    // Reached only when all weights are zero.
    usize::from(without == Some(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(list: &[(u32, usize)]) -> Vec<Candidate> {
        list.iter()
            .map(|&(weight, in_flight)| Candidate { weight, in_flight })
            .collect()
    }

    fn picks(picker: &Picker, candidates: &[Candidate], times: usize) -> Vec<usize> {
        let mut counts = vec![0; candidates.len()];
        for _ in 0..times {
            counts[picker.pick(candidates).unwrap()] += 1;
        }
        counts
    }

    #[test]
    fn the_same_seed_makes_the_same_choices() {
        let list = candidates(&[(100, 0), (100, 0), (50, 0), (7, 0)]);
        let run = |seed| {
            let picker = Picker::new(Balance::LeastLoaded, Some(seed));
            (0..100).map(|_| picker.pick(&list)).collect::<Vec<_>>()
        };
        assert_eq!(run(42), run(42));
        assert_ne!(run(42), run(43));
    }

    #[test]
    fn a_busier_instance_is_never_chosen_over_an_idle_one_of_two() {
        let picker = Picker::new(Balance::LeastLoaded, Some(1));
        assert_eq!(
            picks(&picker, &candidates(&[(100, 3), (100, 0)]), 200),
            [0, 200]
        );
        // Three calls on double the weight are less than two on the single.
        assert_eq!(
            picks(&picker, &candidates(&[(200, 3), (100, 2)]), 200),
            [200, 0]
        );
    }

    #[test]
    fn idle_instances_share_by_weight_and_none_starves() {
        let picker = Picker::new(Balance::LeastLoaded, Some(1));
        let counts = picks(
            &picker,
            &candidates(&[(100, 0), (100, 0), (100, 0), (10, 0)]),
            10_000,
        );
        for count in &counts[..3] {
            assert!((2_500..4_500).contains(count), "{counts:?}");
        }
        assert!(counts[3] < 1_000, "{counts:?}");
    }

    #[test]
    fn turns_follow_the_weights_exactly_and_are_spread_out() {
        let picker = Picker::new(Balance::RoundRobin, None);
        let list = candidates(&[(50, 9), (10, 0), (10, 0)]);
        let turns: Vec<_> = (0..7).map(|_| picker.pick(&list).unwrap()).collect();
        assert_eq!(turns, [0, 0, 1, 0, 2, 0, 0]);
        assert_eq!(picks(&picker, &list, 700), [500, 100, 100]);
    }

    #[test]
    fn one_is_taken_and_none_is_none() {
        for balance in [Balance::LeastLoaded, Balance::RoundRobin] {
            let picker = Picker::new(balance, Some(1));
            assert_eq!(picker.pick(&[]), None);
            assert_eq!(picker.pick(&candidates(&[(0, 5)])), Some(0));
            // Weights of zero are kept out by discovery; here they break nothing.
            assert!(picker.pick(&candidates(&[(0, 1), (0, 1)])).is_some());
        }
    }
}
