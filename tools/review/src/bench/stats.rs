//! Statistics for a handful of samples from a noisy machine.
//!
//! Medians, and the exact interval that belongs to the Wilcoxon signed-rank
//! test: nothing here assumes a distribution, one disturbed round moves no
//! result, and the same samples always give the same interval.

/// The middle of the values, and how far from it they usually are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The median, in the values' unit.
    pub median: f64,
    /// The median of the absolute deviations from the median, same unit.
    pub mad: f64,
}

/// An estimate and the interval that holds the true value with the asked confidence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The Hodges–Lehmann estimate: the median of all pairwise means.
    pub estimate: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Interval {
    /// The same interval on another scale; `scale` must not fall.
    pub fn map(self, scale: impl Fn(f64) -> f64) -> Self {
        Self {
            estimate: scale(self.estimate),
            low: scale(self.low),
            high: scale(self.high),
        }
    }
}

/// Median and deviation; `None` without values.
pub fn spread(values: &[f64]) -> Option<Spread> {
    let median = median(values)?;
    let deviations: Vec<f64> = values.iter().map(|value| (value - median).abs()).collect();
    let mad = self::median(&deviations)?;
    Some(Spread { median, mad })
}

/// The exact signed-rank interval of the centre of `values` at `confidence`
/// (0.95 for 95 %); `None` if so few values cannot give that confidence.
pub fn signed_rank(values: &[f64], confidence: f64) -> Option<Interval> {
    let means = pairwise_means(values);
    let outside = excluded(values.len(), (1.0 - confidence) / 2.0)?;
    Some(Interval {
        estimate: median(&means)?,
        low: *means.get(outside)?,
        high: *means.get(means.len().checked_sub(outside + 1)?)?,
    })
}

/// How many values `signed_rank` needs for `confidence`.
pub fn fewest(confidence: f64) -> usize {
    let tail = (1.0 - confidence) / 2.0;
    (1..64)
        .find(|&count| excluded(count, tail).is_some())
        .unwrap_or(64)
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    Some(f64::midpoint(*sorted.get(middle - 1)?, upper))
}

/// The means of all pairs, each value with itself included, in order.
fn pairwise_means(values: &[f64]) -> Vec<f64> {
    let mut means: Vec<f64> = values
        .iter()
        .enumerate()
        .flat_map(|(index, a)| values.iter().skip(index).map(|b| f64::midpoint(*a, *b)))
        .collect();
    means.sort_by(f64::total_cmp);
    means
}

/// How many of the pairwise means lie outside the interval at either end, when
/// a share of `tail` may: the quantile of the rank sum under "no change".
fn excluded(count: usize, tail: f64) -> Option<usize> {
    let sums = count * (count + 1) / 2;
    // ways[s]: how many of the 2^count subsets of the ranks have the sum s.
    let mut ways = vec![0.0_f64; sums + 1];
    *ways.first_mut()? = 1.0;
    for rank in 1..=count {
        for sum in (rank..=sums).rev() {
            ways[sum] += ways[sum - rank];
        }
    }
    let total: f64 = ways.iter().sum();
    let mut below = 0.0;
    let fitting = ways.iter().take_while(|way| {
        below += **way;
        below / total <= tail
    });
    fitting.count().checked_sub(1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn a_wild_value_moves_neither_median_nor_deviation_far() {
        let calm = spread(&[10.0, 11.0, 9.0, 10.5, 9.5]).unwrap();
        let wild = spread(&[10.0, 11.0, 9.0, 10.5, 9500.0]).unwrap();
        assert_eq!(calm.median, 10.0);
        assert_eq!(calm.mad, 0.5);
        assert_eq!(wild.median, 10.5);
        assert_eq!(wild.mad, 0.5);
        assert_eq!(spread(&[]), None);
    }

    // The published two-sided 5 % critical values of the signed-rank test are 0, 2, 3, 5, 8, 25 and 52.
    #[test]
    fn the_critical_values_are_those_of_the_tables() {
        for (count, critical) in [(6, 0), (7, 2), (8, 3), (9, 5), (10, 8), (15, 25), (20, 52)] {
            assert_eq!(excluded(count, 0.025), Some(critical), "n = {count}");
        }
    }

    #[test]
    fn too_few_values_give_no_interval() {
        assert_eq!(signed_rank(&[1.0, 2.0, 3.0, 4.0, 5.0], 0.95), None);
        assert!(signed_rank(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 0.95).is_some());
        assert_eq!(fewest(0.95), 6);
        assert_eq!(fewest(1.0 - 0.05 / 3.0), 7);
    }

    #[test]
    fn the_interval_holds_the_truth_as_often_as_it_says() {
        let mut state = 7_u64;
        let mut noise = move || {
            // Heavy-tailed: what schedulers do to samples.
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let unit = ((state >> 11) as f64 / (1_u64 << 53) as f64) - 0.5;
            unit.signum() * (1.0 / (1.0 - 1.999 * unit.abs()) - 1.0)
        };
        let trials = 2000;
        let held = (0..trials)
            .filter(|_| {
                let samples: Vec<f64> = (0..8).map(|_| 100.0 + noise()).collect();
                let interval = signed_rank(&samples, 0.95).unwrap();
                interval.low <= 100.0 && 100.0 <= interval.high
            })
            .count();
        let share = held as f64 / f64::from(trials);
        assert!((0.94..=0.975).contains(&share), "{share}");
    }
}
