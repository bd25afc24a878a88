//! Work in lanes: items of one lane one after the other, lanes side by side.

use std::collections::{HashMap, VecDeque};

/// Which items run and which wait for one of their lane. Holds no futures; who
/// runs the items tells it when one has ended.
#[derive(Debug)]
pub(crate) struct Lanes<T> {
    /// A lane is present while one of its items runs.
    waiting: HashMap<String, VecDeque<T>>,
    len: usize,
}

impl<T> Default for Lanes<T> {
    fn default() -> Self {
        Self {
            waiting: HashMap::new(),
            len: 0,
        }
    }
}

impl<T> Lanes<T> {
    /// Items that run or wait.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Adds an item; hands it back when it is to run now.
    pub(crate) fn push(&mut self, lane: &str, item: T) -> Option<T> {
        self.len += 1;
        if let Some(queue) = self.waiting.get_mut(lane) {
            queue.push_back(item);
            return None;
        }
        self.waiting.insert(lane.to_owned(), VecDeque::new());
        Some(item)
    }

    /// The running item of the lane has ended; hands out the next one to run.
    pub(crate) fn ended(&mut self, lane: &str) -> Option<T> {
        self.len -= 1;
        let next = self.waiting.get_mut(lane).and_then(VecDeque::pop_front);
        if next.is_none() {
            self.waiting.remove(lane);
        }
        next
    }

    /// The running item of the lane has failed; hands back those behind it,
    /// which must not overtake it.
    pub(crate) fn failed(&mut self, lane: &str) -> VecDeque<T> {
        let behind = self.waiting.remove(lane).unwrap_or_default();
        self.len -= 1 + behind.len();
        behind
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_of_a_lane_run_one_after_the_other() {
        let mut lanes = Lanes::default();
        assert_eq!(lanes.push("a", 1), Some(1));
        assert_eq!(lanes.push("a", 2), None);
        assert_eq!(lanes.push("b", 3), Some(3));
        assert_eq!((lanes.ended("a"), lanes.ended("a")), (Some(2), None));
        assert_eq!((lanes.ended("b"), lanes.len()), (None, 0));
        assert_eq!(lanes.push("a", 4), Some(4));
    }

    #[test]
    fn items_behind_a_failed_one_come_back() {
        let mut lanes = Lanes::default();
        lanes.push("a", 1);
        lanes.push("a", 2);
        lanes.push("a", 3);
        lanes.push("b", 4);
        assert_eq!(lanes.failed("a"), [2, 3]);
        assert_eq!(lanes.len(), 1);
        assert_eq!(lanes.push("a", 5), Some(5));
    }
}
