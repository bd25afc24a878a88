//! Which instances may serve a request of a colour.
//!
//! The one place that decides it, for gRPC clients and for the gateway. It
//! borrows the known instances and never changes their list: other requests,
//! of other colours, read the same one.

/// Label of an instance that names its colour. One without it is stable.
pub const GRAY_LABEL: &str = "gray";

/// How a chosen instance stands to what the request asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// No colour was asked for; a stable instance serves it.
    Stable,
    /// An instance of the asked colour serves it.
    Coloured,
    /// A colour was asked for, but a stable instance serves it.
    Fallback,
}

/// Instances that may serve a request, by how well they fit. Those of another
/// colour are in neither list.
#[derive(Clone, Debug)]
pub struct Split<'a, T> {
    /// Instances of the asked colour; empty when none was asked for.
    pub coloured: Vec<&'a T>,
    /// Instances without a colour.
    pub stable: Vec<&'a T>,
    asked: bool,
}

/// Sorts the instances of a service for a request of `colour`; `label` gives an
/// instance's own one, which is its label [`GRAY_LABEL`].
pub fn split<'a, T>(
    all: impl IntoIterator<Item = &'a T>,
    colour: Option<&str>,
    label: impl Fn(&T) -> Option<&str>,
) -> Split<'a, T> {
    let mut split = Split {
        coloured: Vec::new(),
        stable: Vec::new(),
        asked: colour.is_some(),
    };
    for instance in all {
        match label(instance) {
            None => split.stable.push(instance),
            own if own == colour => split.coloured.push(instance),
            Some(_) => {}
        }
    }
    split
}

impl<'a, T> Split<'a, T> {
    /// The instances among which a balancer may choose now, and what choosing
    /// one of them is. `awake` says that an instance did not just fail: a stable
    /// one that is awake is better than one of the right colour that is not,
    /// and any is better than none.
    #[must_use]
    pub fn best(mut self, awake: impl Fn(&T) -> bool) -> (Vec<&'a T>, Lane) {
        let stable_lane = if self.asked {
            Lane::Fallback
        } else {
            Lane::Stable
        };
        let some_awake = |list: &[&'a T]| list.iter().any(|instance| awake(instance));
        if some_awake(&self.coloured) {
            self.coloured.retain(|instance| awake(instance));
            return (self.coloured, Lane::Coloured);
        }
        if some_awake(&self.stable) {
            self.stable.retain(|instance| awake(instance));
            return (self.stable, stable_lane);
        }
        if self.coloured.is_empty() {
            return (self.stable, stable_lane);
        }
        (self.coloured, Lane::Coloured)
    }

    /// All of them in the order in which they should be tried, each list
    /// beginning at its `turn`-th, for a caller that tries one after the other.
    #[must_use]
    pub fn in_turn(mut self, turn: usize) -> Vec<(&'a T, Lane)> {
        for list in [&mut self.coloured, &mut self.stable] {
            let first = turn % list.len().max(1);
            list.rotate_left(first);
        }
        let lane = if self.asked {
            Lane::Fallback
        } else {
            Lane::Stable
        };
        let coloured = self.coloured.into_iter().map(|i| (i, Lane::Coloured));
        coloured
            .chain(self.stable.into_iter().map(|i| (i, lane)))
            .collect()
    }
}
