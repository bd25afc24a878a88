//! What load comes.

use std::time::Duration;

/// Kinds of requests that the stories have.
pub(super) const ROUTES: [&str; 2] = ["/quick", "/slow"];
/// What the server can do with quick requests alone, per second: twenty workers
/// over the mean of a log-normal with a median of 10 ms.
pub(super) const CAPACITY: f64 = 20.0 / 0.010_833;

/// How things are at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// Requests per second by class, each as a part of [`CAPACITY`].
    pub(super) load: [f64; 3],
    /// Share of the requests that take a hundred milliseconds instead of ten.
    pub(super) slow: f64,
    /// How many times as long the work takes.
    pub(super) factor: f64,
    /// Time besides, in which no worker is needed.
    pub(super) delay: Duration,
}

/// One story.
pub struct Story {
    /// As tables and files have it.
    pub name: &'static str,
    /// What happens, for people.
    pub about: &'static str,
    /// From when to when it happens, in seconds; the figures are those of this
    /// time.
    pub when: (u32, u32),
    /// Its whole length, in seconds.
    pub seconds: u32,
    pub(super) at: fn(f64) -> Moment,
}

const CALM: Moment = Moment {
    load: [0.7, 0.0, 0.0],
    slow: 0.0,
    factor: 1.0,
    delay: Duration::ZERO,
};

/// All of them.
pub fn stories() -> Vec<Story> {
    let story = |name, about, at| Story {
        name,
        about,
        when: (30, 90),
        seconds: 120,
        at,
    };
    vec![
        story("steady", "seven tenths of what the server can do", |_| CALM),
        story(
            "twice the load",
            "for a minute twice as much comes as the server can do",
            |at| if during(at) { loaded(2.0) } else { CALM },
        ),
        story(
            "ten times the load",
            "for a minute ten times as much comes",
            |at| if during(at) { loaded(10.0) } else { CALM },
        ),
        story(
            "slow-down",
            "for a minute the work takes twice as long, so the server can do half; what comes is seven tenths of the whole",
            |at| Moment {
                factor: if during(at) { 2.0 } else { 1.0 },
                ..CALM
            },
        ),
        story(
            "slow dependency",
            "for a minute every request waits 100 ms more for somebody else, which keeps no worker busy",
            |at| Moment {
                delay: if during(at) {
                    Duration::from_millis(100)
                } else {
                    Duration::ZERO
                },
                ..CALM
            },
        ),
        story(
            "bursts",
            "every 5 s, for 200 ms, four times as much comes as the server can do; half of it in between",
            |at| {
                loaded(if during(at) && at % 5.0 < 0.2 {
                    4.0
                } else {
                    0.5
                })
            },
        ),
        story(
            "mixture",
            "one request in a hundred takes ten times as long; for a minute one in four does, and fewer come, so that the work is the same",
            |at| {
                let slow = if during(at) { 0.25 } else { 0.01 };
                let load = 0.75 / (1.0 + 9.0 * slow);
                Moment {
                    load: [load, 0.0, 0.0],
                    slow,
                    ..CALM
                }
            },
        ),
        story(
            "classes",
            "for a minute a bulk job brings as much as the server can do, beside 60 % interactive and 20 % internal requests",
            |at| Moment {
                load: [0.6, 0.2, if during(at) { 1.0 } else { 0.0 }],
                ..CALM
            },
        ),
    ]
}

fn loaded(load: f64) -> Moment {
    Moment {
        load: [load, 0.0, 0.0],
        ..CALM
    }
}

/// Whether that second belongs to what the stories tell.
fn during(at: f64) -> bool {
    (30.0..90.0).contains(&at)
}
