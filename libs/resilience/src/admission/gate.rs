//! Where requests are let in: the limit, those who wait, and what is told.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;
use shoal_context::Class;
use shoal_task::SharedClock;
use tokio::sync::oneshot;

use super::limiter::{Classes, Ended, Limiter, RouteReport};
use super::metrics::{Series, collect};
use super::queue::{Asked, Queue};
use super::refusal::{Refusal, Why, retry_after};
use super::route::Route;
use super::settings::AdmissionSettings;

/// The one door of a service: all its requests, HTTP and gRPC, pass it. Clones
/// share.
#[derive(Clone, Debug)]
pub struct Admission(Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    service: Arc<str>,
    clock: SharedClock,
    pub(crate) limiter: Limiter,
    lobby: Mutex<Lobby>,
    /// Length of the queue, for those who only want to know whether it is
    /// empty.
    waiting: AtomicU32,
    series: Series,
}

#[derive(Debug)]
struct Lobby {
    settings: AdmissionSettings,
    queue: Queue<Waiter>,
}

#[derive(Debug)]
struct Waiter {
    route: Arc<Route>,
    until: Duration,
    sender: oneshot::Sender<Place>,
}

/// How one waits who was let into the queue.
struct Waits {
    ticket: u64,
    at_most: Duration,
    refuse_doomed: bool,
}

/// A request that was let in. Tell it how the request ended; dropped without
/// that, it was given up: for lack of time when its deadline has passed, else
/// nothing is learned from it.
#[derive(Debug)]
#[must_use = "a place that is dropped at once holds nobody back"]
pub struct Place {
    gate: Arc<Inner>,
    route: Arc<Route>,
    class: Class,
    begun: Duration,
    /// Its deadline.
    until: Duration,
    ended: Ended,
}

/// What is known of a service's limit.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct AdmissionReport {
    /// Requests handled at once at most, now.
    pub limit: u32,
    /// Requests handled now, by class.
    pub in_flight: BTreeMap<&'static str, u32>,
    /// Requests that wait for a place.
    pub waiting: u32,
    /// How many times the usual time requests take, lately.
    pub inflation: f64,
    /// Requests that came for each that was served, lately.
    pub pressure: f64,
    /// Whether the limit is low for a moment, to see how fast requests can be.
    pub probing: bool,
    /// The settings in force.
    pub settings: AdmissionSettings,
    /// What is known of each route.
    pub routes: Vec<RouteReport>,
}

impl Admission {
    /// The door of `service`, with nothing learned yet.
    pub fn new(
        service: &str,
        settings: AdmissionSettings,
        classes: Classes,
        clock: SharedClock,
    ) -> Self {
        let service: Arc<str> = service.into();
        let now = clock.monotonic();
        let inner = Arc::new(Inner {
            series: Series::new(&service),
            service,
            limiter: Limiter::new(settings.clone(), classes, now),
            lobby: Mutex::new(Lobby {
                settings,
                queue: Queue::new(),
            }),
            waiting: AtomicU32::new(0),
            clock,
        });
        collect(&inner);
        Self(inner)
    }

    /// The limit behind the door, which knows the routes.
    pub fn limiter(&self) -> &Limiter {
        &self.0.limiter
    }

    /// Lets a request in, at once or after a short wait. `left` is the time
    /// until its deadline.
    ///
    /// # Errors
    /// [`Refusal`] when it is not to be begun.
    pub async fn admit(
        &self,
        route: &Arc<Route>,
        class: Class,
        left: Option<Duration>,
    ) -> Result<Place, Refusal> {
        let inner = &self.0;
        let now = inner.clock.monotonic();
        if let Some(left) = left
            && inner.is_doomed(route, left, now)
        {
            return Err(inner.refuse(class, Why::Doomed));
        }
        let until = left.map_or(Duration::MAX, |left| now.saturating_add(left));
        // Who comes later does not pass those who wait. Batch work, which never
        // waits, only ever gets what is kept for it then.
        let first = class == Class::Batch || inner.waiting() == 0;
        if first && inner.limiter.take(class) {
            return Ok(Inner::place(inner, route, class, now, until));
        }
        Inner::wait(inner, route, class, until, now).await
    }

    /// What is known now.
    pub fn report(&self) -> AdmissionReport {
        let limiter = &self.0.limiter;
        let in_flight = Class::ALL.into_iter().zip(limiter.in_flight());
        AdmissionReport {
            limit: limiter.limit(),
            in_flight: in_flight.map(|(class, n)| (class.as_str(), n)).collect(),
            waiting: self.0.waiting(),
            inflation: limiter.inflation(),
            pressure: limiter.pressure(),
            probing: limiter.is_probing(),
            settings: limiter.settings(),
            routes: limiter.routes(),
        }
    }

    /// Changes the settings at once.
    pub fn set(&self, settings: AdmissionSettings) {
        let now = self.0.clock.monotonic();
        self.0.limiter.set(settings.clone(), now);
        self.0.lobby().settings = settings;
        Inner::hand_over(&self.0, now);
    }
}

impl Inner {
    pub(crate) fn service(&self) -> &str {
        &self.service
    }

    pub(crate) fn waiting(&self) -> u32 {
        self.waiting.load(Ordering::SeqCst)
    }

    fn is_doomed(&self, route: &Route, left: Duration, now: Duration) -> bool {
        // The lock is taken only for the few that have little time.
        route.is_doomed(left, now) && self.lobby().settings.refuse_doomed
    }

    fn place(
        gate: &Arc<Self>,
        route: &Arc<Route>,
        class: Class,
        now: Duration,
        until: Duration,
    ) -> Place {
        Place {
            until,
            gate: Arc::clone(gate),
            route: Arc::clone(route),
            class,
            begun: now,
            ended: Ended::Otherwise,
        }
    }

    async fn wait(
        gate: &Arc<Self>,
        route: &Arc<Route>,
        class: Class,
        until: Duration,
        now: Duration,
    ) -> Result<Place, Refusal> {
        let (sender, receiver) = oneshot::channel();
        let waiter = Waiter {
            route: Arc::clone(route),
            until,
            sender,
        };
        let Waits {
            ticket,
            at_most,
            refuse_doomed,
        } = gate
            .enqueue(class, waiter)
            .ok_or_else(|| gate.refuse(class, Why::Busy))?;
        let _leaves = Leaves {
            gate,
            class,
            ticket,
        };
        // A place may have become free just before.
        Self::hand_over(gate, now);
        // It must still have time for the work itself.
        let needed = route.quartile().filter(|_| refuse_doomed);
        let spare = until.saturating_sub(now);
        let spare = spare.saturating_sub(needed.unwrap_or_default());
        let outcome = tokio::time::timeout(spare.min(at_most), receiver).await;
        let waited = gate.clock.monotonic().saturating_sub(now);
        gate.series.waited(waited);
        match outcome {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) => Err(gate.refuse(class, Why::Displaced)),
            // Its own time was too short, which says nothing about the queue.
            Err(_) if spare < at_most => Err(gate.refuse(class, Why::Doomed)),
            Err(_) => {
                gate.lobby().queue.left_in_vain();
                Err(gate.refuse(class, Why::Waited))
            }
        }
    }

    /// None when the queue is full.
    fn enqueue(&self, class: Class, waiter: Waiter) -> Option<Waits> {
        self.limiter.waited();
        let mut lobby = self.lobby();
        let Lobby { settings, queue } = &mut *lobby;
        let asked = queue.push(settings, class, waiter);
        self.note_length(&lobby);
        match asked {
            Asked::Waits {
                ticket,
                at_most,
                displaced,
            } => {
                // Without its sender it knows.
                drop(displaced);
                Some(Waits {
                    ticket,
                    at_most,
                    refuse_doomed: lobby.settings.refuse_doomed,
                })
            }
            Asked::Full(_) => None,
        }
    }

    /// Gives free places to those who wait.
    fn hand_over(gate: &Arc<Self>, now: Duration) {
        while gate.waiting() > 0 {
            let mut lobby = gate.lobby();
            let next = lobby.queue.pop(|class| gate.limiter.take(class));
            gate.note_length(&lobby);
            drop(lobby);
            let Some((class, waiter)) = next else { return };
            let place = Self::place(gate, &waiter.route, class, now, waiter.until);
            if let Err(mut unwanted) = waiter.sender.send(place) {
                // Went away this moment; the loop finds the next.
                unwanted.give_back_unused();
            }
        }
    }

    fn refuse(&self, class: Class, why: Why) -> Refusal {
        self.series.refused(class, why);
        if why == Why::Doomed {
            return Refusal {
                why,
                retry_after: None,
            };
        }
        self.limiter.refused();
        let after = retry_after(self.limiter.pressure(), class, rand::random());
        Refusal {
            why,
            retry_after: Some(after),
        }
    }

    fn note_length(&self, lobby: &Lobby) {
        let length = u32::try_from(lobby.queue.len()).unwrap_or(u32::MAX);
        self.waiting.store(length, Ordering::SeqCst);
    }

    fn lobby(&self) -> MutexGuard<'_, Lobby> {
        self.lobby.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a waiter out of the queue, however its waiting ends.
struct Leaves<'a> {
    gate: &'a Inner,
    class: Class,
    ticket: u64,
}

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        let mut lobby = self.gate.lobby();
        lobby.queue.remove(self.class, self.ticket);
        self.gate.note_length(&lobby);
    }
}

impl Place {
    /// The request ended.
    pub fn ended(mut self, how: Ended) {
        self.ended = how;
    }

    /// The request ended so, on a route that is known only now.
    pub fn ended_as(mut self, route: Arc<Route>, how: Ended) {
        self.route = route;
        self.ended = how;
    }

    fn give_back_unused(&mut self) {
        self.gate.limiter.give_back_unused(self.class);
        self.begun = Duration::MAX;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.begun == Duration::MAX {
            return;
        }
        let now = self.gate.clock.monotonic();
        if self.ended == Ended::Otherwise && now >= self.until {
            self.ended = Ended::TimedOut;
        }
        let limiter = &self.gate.limiter;
        limiter.give_back(self.class, &self.route, self.begun, now, self.ended);
        Inner::hand_over(&self.gate, now);
    }
}

#[cfg(test)]
mod tests;
