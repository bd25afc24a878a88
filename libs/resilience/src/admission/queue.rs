//! Who waits for a place, and who is next.

use std::collections::VecDeque;
use std::time::Duration;

use shoal_context::Class;

use super::settings::AdmissionSettings;

/// A bounded queue for each class, the most urgent first. While everybody gets
/// a place in time, who came first is first. From when somebody has left in
/// vain until it is empty, it is a queue of those who will give up: then the
/// newest is served first, and waiting is cut short, after the servers of
/// Facebook (Maurer, "Fail at scale", ACM Queue 2015).
#[derive(Debug)]
pub(crate) struct Queue<T> {
    lanes: [VecDeque<Waiting<T>>; 3],
    next: u64,
    /// Somebody has left in vain since it was last empty.
    stands: bool,
}

#[derive(Debug)]
struct Waiting<T> {
    ticket: u64,
    item: T,
}

/// What becomes of one who asks to wait.
#[derive(Debug)]
pub(crate) enum Asked<T> {
    /// It waits, at most so long. One less urgent had to leave for it.
    Waits {
        ticket: u64,
        at_most: Duration,
        displaced: Option<T>,
    },
    /// There is no room.
    Full(T),
}

impl<T> Queue<T> {
    pub(crate) fn new() -> Self {
        Self {
            lanes: std::array::from_fn(|_| VecDeque::new()),
            next: 0,
            stands: false,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.lanes.iter().map(VecDeque::len).sum()
    }

    /// Lets `item` wait if there is room, or somebody less urgent to make it.
    /// Batch work may come again later; it does not wait here.
    pub(crate) fn push(&mut self, settings: &AdmissionSettings, class: Class, item: T) -> Asked<T> {
        if class == Class::Batch {
            return Asked::Full(item);
        }
        let room = self.len() < settings.max_waiting as usize;
        let displaced = if room { None } else { self.displace(class) };
        if !room {
            self.left_in_vain();
        }
        if !room && displaced.is_none() {
            return Asked::Full(item);
        }
        let millis = match self.stands {
            true => settings.standing_wait_ms.min(settings.max_wait_ms),
            false => settings.max_wait_ms,
        };
        self.next += 1;
        let ticket = self.next;
        self.lanes[class as usize].push_back(Waiting { ticket, item });
        Asked::Waits {
            ticket,
            at_most: Duration::from_millis(millis),
            displaced,
        }
    }

    /// The next of the most urgent class that `may` enter.
    pub(crate) fn pop(&mut self, may: impl Fn(Class) -> bool) -> Option<(Class, T)> {
        let mut classes = Class::ALL.into_iter();
        let class = classes.find(|&class| !self.lanes[class as usize].is_empty() && may(class))?;
        let lane = &mut self.lanes[class as usize];
        let next = match self.stands {
            true => lane.pop_back(),
            false => lane.pop_front(),
        };
        self.note_empty();
        next.map(|waiting| (class, waiting.item))
    }

    /// Takes out one who no longer waits.
    pub(crate) fn remove(&mut self, class: Class, ticket: u64) {
        let lane = &mut self.lanes[class as usize];
        if let Ok(at) = lane.binary_search_by_key(&ticket, |waiting| waiting.ticket) {
            lane.remove(at);
        }
        self.note_empty();
    }

    /// Somebody did not get a place in time.
    pub(crate) fn left_in_vain(&mut self) {
        self.stands = self.len() > 0;
    }

    fn displace(&mut self, class: Class) -> Option<T> {
        let lower = Class::ALL.into_iter().rev().take_while(|&c| c > class);
        let mut lower = lower.filter(|&c| !self.lanes[c as usize].is_empty());
        let lane = &mut self.lanes[lower.next()? as usize];
        lane.pop_front().map(|waiting| waiting.item)
    }

    fn note_empty(&mut self) {
        self.stands &= self.len() > 0;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic)]
    use proptest::prelude::*;

    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn settings(max_waiting: u32) -> AdmissionSettings {
        AdmissionSettings {
            max_waiting,
            ..AdmissionSettings::default()
        }
    }

    fn pushed(asked: &Asked<u32>) -> Duration {
        match asked {
            Asked::Waits { at_most, .. } => *at_most,
            Asked::Full(_) => panic!("full"),
        }
    }

    fn order(queue: &mut Queue<u32>) -> Vec<u32> {
        std::iter::from_fn(|| queue.pop(|_| true))
            .map(|(_, n)| n)
            .collect()
    }

    #[test]
    fn the_most_urgent_go_first_and_among_equals_the_first() {
        let (mut queue, settings) = (Queue::new(), settings(9));
        let classes = [Class::Internal, Class::Interactive, Class::Interactive];
        for (n, class) in (1..).zip(classes) {
            assert_eq!(pushed(&queue.push(&settings, class, n)), MS(500));
        }
        assert_eq!(order(&mut queue), [2, 3, 1]);
    }

    #[test]
    fn once_somebody_left_in_vain_the_newest_is_first_until_the_queue_is_empty() {
        let (mut queue, settings) = (Queue::new(), settings(9));
        let push = |queue: &mut Queue<u32>, n| {
            let asked = queue.push(&settings, Class::Interactive, n);
            pushed(&asked)
        };
        push(&mut queue, 1);
        push(&mut queue, 2);
        queue.left_in_vain();
        assert_eq!(push(&mut queue, 3), MS(10));
        assert_eq!(order(&mut queue), [3, 2, 1]);
        assert_eq!(push(&mut queue, 4), MS(500));
    }

    #[test]
    fn who_is_urgent_takes_the_place_of_one_who_is_not() {
        let (mut queue, settings) = (Queue::new(), settings(1));
        pushed(&queue.push(&settings, Class::Internal, 1));
        let asked = queue.push(&settings, Class::Interactive, 2);
        let made_room = matches!(
            asked,
            Asked::Waits {
                displaced: Some(1),
                ..
            }
        );
        assert!(made_room, "{asked:?}");
        let asked = queue.push(&settings, Class::Interactive, 3);
        assert!(matches!(asked, Asked::Full(3)), "{asked:?}");
    }

    #[test]
    fn batch_work_does_not_wait() {
        let (mut queue, settings) = (Queue::new(), settings(9));
        let asked = queue.push(&settings, Class::Batch, 1);
        assert!(matches!(asked, Asked::Full(1)), "{asked:?}");
    }

    proptest! {
        #[test]
        fn it_never_holds_more_than_it_may_and_loses_nobody(
            steps in prop::collection::vec((0_u8..3, 0_usize..3), 1..200),
            most in 0_u32..6,
        ) {
            let (mut queue, settings) = (Queue::new(), settings(most));
            let (mut came, mut left) = (0_u32, 0_u32);
            for (step, class) in steps {
                let class = Class::ALL[class];
                match step {
                    0 | 1 => match queue.push(&settings, class, came) {
                        Asked::Waits { displaced, .. } => {
                            came += 1;
                            left += u32::from(displaced.is_some());
                        }
                        Asked::Full(_) => {}
                    },
                    _ => left += u32::from(queue.pop(|c| c <= class).is_some()),
                }
                prop_assert!(queue.len() <= most as usize);
                prop_assert_eq!(queue.len() as u32, came - left);
            }
        }
    }
}
