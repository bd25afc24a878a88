//! The server that is played, event by event.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use shoal_context::Class;
use shoal_resilience::Ended;

use super::policy::Policy;
use super::story::{CAPACITY, Moment, Story};
use crate::scenario::lognormal;

const WORKERS: usize = 20;
/// After which a caller gives up.
const PATIENCE: Duration = Duration::from_millis(500);

/// What one contender did, second by second.
#[derive(Clone, Debug, Default)]
pub struct Load {
    pub(super) seconds: Vec<Second>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Second {
    pub(super) came: [u32; 3],
    pub(super) refused: [u32; 3],
    pub(super) good: [u32; 3],
    /// Of those let in that came in this second, milliseconds.
    pub(super) took_ms: Vec<f64>,
    /// What could be done at best.
    pub(super) possible: f64,
    pub(super) limit: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Comes,
    /// The work of this one is done.
    Worked(u64),
    /// It has waited for the other service as well.
    Answers(u64),
    /// Its caller gives up.
    GivesUp(u64),
}

struct Request {
    class: Class,
    route: usize,
    came: Duration,
    work: Duration,
    delay: Duration,
    working: bool,
    worked: bool,
}

struct Playing<'a> {
    story: &'a Story,
    policy: &'a mut dyn Policy,
    random: StdRng,
    events: BinaryHeap<Reverse<(Duration, Event)>>,
    inside: HashMap<u64, Request>,
    queue: VecDeque<u64>,
    busy: usize,
    next: u64,
    load: Load,
}

/// Plays `story` against `policy` with the chances of `seed`.
pub fn play(story: &Story, policy: &mut dyn Policy, seed: u64) -> Load {
    let mut playing = Playing {
        story,
        policy,
        random: StdRng::seed_from_u64(seed ^ story.name.len() as u64),
        events: BinaryHeap::new(),
        inside: HashMap::new(),
        queue: VecDeque::new(),
        busy: 0,
        next: 0,
        load: Load {
            seconds: (0..story.seconds)
                .map(|second| Second {
                    possible: possible(story, second),
                    ..Second::default()
                })
                .collect(),
        },
    };
    playing.events.push(Reverse((Duration::ZERO, Event::Comes)));
    while let Some(Reverse((now, event))) = playing.events.pop() {
        match event {
            Event::Comes => playing.comes(now),
            Event::Worked(id) => playing.worked(id, now),
            Event::Answers(id) => playing.leaves(id, now, Ended::Served),
            Event::GivesUp(id) => playing.leaves(id, now, Ended::TimedOut),
        }
    }
    playing.load
}

impl Playing<'_> {
    fn comes(&mut self, now: Duration) {
        let second = now.as_secs() as usize;
        if second >= self.load.seconds.len() {
            return;
        }
        let moment = (self.story.at)(now.as_secs_f64());
        let all: f64 = moment.load.iter().sum();
        let gap = -self.random.random_range(1e-12_f64..1.0).ln() / (all * CAPACITY);
        let next = now + Duration::from_secs_f64(gap);
        self.events.push(Reverse((next, Event::Comes)));
        let class = self.class(&moment);
        let slow = self.random.random_bool(moment.slow);
        let work = self.work(slow, &moment);
        let limit = self.policy.limit();
        let noted = &mut self.load.seconds[second];
        noted.came[class as usize] += 1;
        noted.limit = limit;
        if !self.policy.enter(class, usize::from(slow)) {
            noted.refused[class as usize] += 1;
            return;
        }
        self.next += 1;
        let request = Request {
            class,
            route: usize::from(slow),
            came: now,
            work,
            delay: moment.delay,
            working: false,
            worked: false,
        };
        self.inside.insert(self.next, request);
        self.events
            .push(Reverse((now + PATIENCE, Event::GivesUp(self.next))));
        self.queue.push_back(self.next);
        self.go_on(now);
    }

    fn class(&mut self, moment: &Moment) -> Class {
        let all: f64 = moment.load.iter().sum();
        let mut drawn = self.random.random_range(0.0..all);
        for (class, load) in Class::ALL.into_iter().zip(moment.load) {
            if drawn < load {
                return class;
            }
            drawn -= load;
        }
        Class::Interactive
    }

    fn work(&mut self, slow: bool, moment: &Moment) -> Duration {
        let median = if slow { 0.1 } else { 0.01 };
        Duration::from_secs_f64(lognormal(median * moment.factor, &mut self.random))
    }

    /// Gives free workers to those who wait, in turn.
    fn go_on(&mut self, now: Duration) {
        while self.busy < WORKERS
            && let Some(id) = self.queue.pop_front()
        {
            // Whoever gave up is no longer inside.
            if let Some(request) = self.inside.get_mut(&id) {
                request.working = true;
                self.busy += 1;
                self.events
                    .push(Reverse((now + request.work, Event::Worked(id))));
            }
        }
    }

    fn worked(&mut self, id: u64, now: Duration) {
        let Some(request) = self.inside.get_mut(&id) else {
            return;
        };
        request.worked = true;
        self.busy -= 1;
        let answers = now + request.delay;
        self.events.push(Reverse((answers, Event::Answers(id))));
        self.go_on(now);
    }

    fn leaves(&mut self, id: u64, now: Duration, how: Ended) {
        let Some(request) = self.inside.remove(&id) else {
            return;
        };
        self.policy
            .leave(request.class, request.route, request.came, now, how);
        let second = &mut self.load.seconds[request.came.as_secs() as usize];
        let took = now.saturating_sub(request.came);
        second.took_ms.push(took.as_secs_f64() * 1e3);
        second.good[request.class as usize] += u32::from(how == Ended::Served);
        if request.working && !request.worked {
            self.busy -= 1;
            self.go_on(now);
        }
    }
}

/// Requests of a second that could be done at best, were its load even.
fn possible(story: &Story, second: u32) -> f64 {
    const PARTS: u32 = 100;
    let moments = (0..PARTS).map(|part| {
        let at = f64::from(second) + f64::from(part) / f64::from(PARTS);
        (story.at)(at)
    });
    let (mut offered, mut able) = (0.0, 0.0);
    for moment in moments {
        offered += moment.load.iter().sum::<f64>() * CAPACITY;
        able += CAPACITY / (moment.factor * (1.0 + 9.0 * moment.slow));
    }
    offered.min(able) / f64::from(PARTS)
}
