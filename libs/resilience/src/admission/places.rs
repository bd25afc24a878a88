//! Who is in, counted without locks.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use shoal_context::Class;

use super::settings::AdmissionSettings;

/// Bits per class in the one word that holds all counts, so that a place is
/// taken with one exchange and the sum is never out of step.
const BITS: u32 = 21;
const MASK: u64 = (1 << BITS) - 1;

/// Of the less urgent classes a twentieth of the limit is let in even when the
/// limit is reached, and one internal request in any case: they may be late,
/// not starve.
const RESERVE: u32 = 20;

/// The places of one limit.
#[derive(Debug)]
pub(crate) struct Places {
    taken: AtomicU64,
    /// Highest sum since the last look.
    peak: AtomicU32,
    ceilings: [AtomicU32; 3],
    reserves: [AtomicU32; 3],
    most: AtomicU32,
}

impl Places {
    pub(crate) fn new(settings: &AdmissionSettings, limit: u32) -> Self {
        let places = Self {
            taken: AtomicU64::new(0),
            peak: AtomicU32::new(0),
            ceilings: Default::default(),
            reserves: Default::default(),
            most: AtomicU32::new(0),
        };
        places.set(settings, limit);
        places
    }

    /// Changes the limit; whoever is in stays in.
    pub(crate) fn set(&self, settings: &AdmissionSettings, limit: u32) {
        for (ceiling, class) in self.ceilings.iter().zip(Class::ALL) {
            ceiling.store(settings.ceiling(class, limit), Ordering::Relaxed);
        }
        let part = limit / RESERVE;
        for (reserve, own) in self.reserves.iter().zip([0, part.max(1), part]) {
            reserve.store(own, Ordering::Relaxed);
        }
        self.most
            .store(settings.max_limit.max(1), Ordering::Relaxed);
    }

    /// Takes a place if the class may have one.
    #[inline]
    pub(crate) fn take(&self, class: Class) -> bool {
        let ceiling = self.ceilings[class as usize].load(Ordering::Relaxed);
        let mut taken = self.taken.load(Ordering::SeqCst);
        loop {
            let sum = sum(taken);
            if sum >= ceiling && !self.has_reserve(taken, sum, class) {
                return false;
            }
            let next = taken + one(class);
            // Sequentially consistent, as the look at those who wait is: of a
            // place given back and one who begins to wait, one sees the other.
            match self
                .taken
                .compare_exchange_weak(taken, next, Ordering::SeqCst, Ordering::SeqCst)
            {
                Ok(_) => {
                    self.note_peak(sum + 1);
                    return true;
                }
                Err(now) => taken = now,
            }
        }
    }

    /// Gives a place back.
    #[inline]
    pub(crate) fn give_back(&self, class: Class) {
        self.taken.fetch_sub(one(class), Ordering::SeqCst);
    }

    /// How many of each class are in.
    pub(crate) fn by_class(&self) -> [u32; 3] {
        let taken = self.taken.load(Ordering::Relaxed);
        Class::ALL.map(|class| of(taken, class))
    }

    /// The highest sum since it was last forgotten.
    pub(crate) fn peak(&self) -> u32 {
        self.peak.load(Ordering::Relaxed)
    }

    /// Begins anew with those who are in.
    pub(crate) fn forget_peak(&self) {
        let now = sum(self.taken.load(Ordering::Relaxed));
        self.peak.store(now, Ordering::Relaxed);
    }

    #[inline]
    fn has_reserve(&self, taken: u64, sum: u32, class: Class) -> bool {
        of(taken, class) < self.reserves[class as usize].load(Ordering::Relaxed)
            && sum < self.most.load(Ordering::Relaxed)
    }

    #[inline]
    fn note_peak(&self, sum: u32) {
        // Nearly always a read: peaks are rare.
        if sum > self.peak.load(Ordering::Relaxed) {
            self.peak.fetch_max(sum, Ordering::Relaxed);
        }
    }
}

#[inline]
const fn one(class: Class) -> u64 {
    1 << (BITS * class as u32)
}

#[inline]
const fn of(taken: u64, class: Class) -> u32 {
    ((taken >> (BITS * class as u32)) & MASK) as u32
}

#[inline]
const fn sum(taken: u64) -> u32 {
    of(taken, Class::Interactive) + of(taken, Class::Internal) + of(taken, Class::Batch)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(limit: u32) -> Places {
        Places::new(&AdmissionSettings::default(), limit)
    }

    fn fill(places: &Places, class: Class) -> u32 {
        (0..).take_while(|_| places.take(class)).count() as u32
    }

    #[test]
    fn the_less_urgent_stop_earlier_and_leave_room_for_the_others() {
        let places = places(100);
        assert_eq!(fill(&places, Class::Batch), 50);
        assert_eq!(fill(&places, Class::Internal), 30);
        assert_eq!(fill(&places, Class::Interactive), 20);
        assert_eq!(places.by_class(), [20, 30, 50]);
    }

    #[test]
    fn no_class_starves_behind_a_full_limit() {
        let places = places(100);
        assert_eq!(fill(&places, Class::Interactive), 100);
        assert_eq!(fill(&places, Class::Batch), 5);
        assert_eq!(fill(&places, Class::Internal), 5);
        places.give_back(Class::Batch);
        assert!(!places.take(Class::Interactive));
        assert!(places.take(Class::Batch));
    }

    #[test]
    fn the_largest_limit_is_never_exceeded() {
        let places = places(1_024);
        assert_eq!(fill(&places, Class::Interactive), 1_024);
        assert!(!places.take(Class::Internal) && !places.take(Class::Batch));
    }

    #[test]
    fn threads_that_race_never_take_more_than_there_is() {
        let places = places(8);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..20_000 {
                        if places.take(Class::Interactive) {
                            let [inside, ..] = places.by_class();
                            assert!((1..=8).contains(&inside), "{inside}");
                            places.give_back(Class::Interactive);
                        }
                    }
                });
            }
        });
        assert_eq!(places.by_class(), [0; 3]);
        assert!((1..=8).contains(&places.peak()));
        places.forget_peak();
        assert_eq!(places.peak(), 0);
    }
}
