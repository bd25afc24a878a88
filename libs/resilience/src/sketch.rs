//! A histogram of latencies that can be added to another.

/// Cells of a sketch: eight per power of two up to 2^28 µs (4.5 minutes);
/// what takes longer counts in the last.
pub(crate) const CELLS: usize = 208;

const SUB_BITS: u32 = 3;

/// Latencies in log-linear cells, as `HdrHistogram` has them (Tene, 2012): each
/// power of two is cut into eight equal parts, so a quantile is told at most
/// 12.5 % too high and never too low. Two sketches merge by adding their
/// cells, without loss. 832 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sketch {
    cells: [u32; CELLS],
}

impl Default for Sketch {
    fn default() -> Self {
        Self { cells: [0; CELLS] }
    }
}

impl Sketch {
    /// Counts one latency, in microseconds.
    pub fn record(&mut self, micros: u64) {
        self.add(cell_of(micros), 1);
    }

    /// Adds all that `other` counted.
    pub fn merge(&mut self, other: &Self) {
        for (own, other) in self.cells.iter_mut().zip(&other.cells) {
            *own = own.saturating_add(*other);
        }
    }

    /// How many latencies were counted.
    pub fn count(&self) -> u64 {
        self.cells.iter().map(|&cell| u64::from(cell)).sum()
    }

    /// The latency in microseconds that a share `q` (0 to 1) of the calls did
    /// not exceed; `None` of an empty sketch.
    pub fn quantile(&self, q: f64) -> Option<u64> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let rank = (q.clamp(0.0, 1.0) * count as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        let at = self.cells.iter().position(|&cell| {
            seen += u64::from(cell);
            seen >= rank
        });
        at.map(upper_bound)
    }

    pub(crate) fn add(&mut self, cell: usize, count: u32) {
        let cell = &mut self.cells[cell.min(CELLS - 1)];
        *cell = cell.saturating_add(count);
    }

    /// How many latencies lie in `cell` or above.
    pub(crate) fn count_from(&self, cell: usize) -> u64 {
        self.cells
            .iter()
            .skip(cell)
            .map(|&cell| u64::from(cell))
            .sum()
    }

    pub(crate) fn clear(&mut self) {
        self.cells = [0; CELLS];
    }
}

/// The cell of a latency in microseconds.
#[inline]
pub(crate) fn cell_of(micros: u64) -> usize {
    if micros < 1 << SUB_BITS {
        return micros as usize;
    }
    let exponent = 63 - micros.leading_zeros();
    let sub = (micros >> (exponent - SUB_BITS)) & ((1 << SUB_BITS) - 1);
    let cell = ((exponent - SUB_BITS + 1) << SUB_BITS) as usize + sub as usize;
    cell.min(CELLS - 1)
}

/// The largest latency in microseconds that lies in the cell.
pub(crate) fn upper_bound(cell: usize) -> u64 {
    let (octave, sub) = (cell >> SUB_BITS, (cell & ((1 << SUB_BITS) - 1)) as u64);
    if octave == 0 {
        return sub;
    }
    let width = 1_u64 << (octave - 1);
    ((1 << SUB_BITS) + sub + 1) * width - 1
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cells_follow_each_other_without_gap_or_overlap() {
        for cell in 1..CELLS - 1 {
            assert_eq!(cell_of(upper_bound(cell - 1) + 1), cell);
            assert_eq!(cell_of(upper_bound(cell)), cell);
        }
        assert_eq!(cell_of(u64::MAX), CELLS - 1);
    }

    #[test]
    fn an_empty_sketch_has_no_quantile() {
        assert_eq!(Sketch::default().quantile(0.95), None);
    }

    proptest! {
        #[test]
        fn a_quantile_is_never_too_low_and_at_most_an_eighth_too_high(
            mut values in prop::collection::vec(0_u64..60_000_000, 1..500),
            q in 0.0_f64..=1.0,
        ) {
            let mut sketch = Sketch::default();
            values.iter().for_each(|&value| sketch.record(value));
            values.sort_unstable();
            let rank = ((q * values.len() as f64).ceil() as usize).max(1);
            let exact = values[rank - 1];
            let told = sketch.quantile(q).unwrap();
            prop_assert!(told >= exact);
            prop_assert!(told <= exact + exact / 8 + 1);
        }

        #[test]
        fn merging_is_as_good_as_counting_in_one(
            left in prop::collection::vec(any::<u64>(), 0..200),
            right in prop::collection::vec(any::<u64>(), 0..200),
        ) {
            let sketch_of = |values: &[u64]| {
                let mut sketch = Sketch::default();
                values.iter().for_each(|&value| sketch.record(value));
                sketch
            };
            let mut merged = sketch_of(&left);
            merged.merge(&sketch_of(&right));
            prop_assert_eq!(merged, sketch_of(&[left, right].concat()));
        }
    }
}
