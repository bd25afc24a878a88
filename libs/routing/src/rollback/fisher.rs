//! Fisher's exact test.

/// Chance that of `hits + other_hits` hits, dealt out blindly over
/// `total + other_total` draws, at least `hits` fall on the first `total`: the
/// one-sided p-value of Fisher's exact test for "the first group is hit more
/// often". `hits` beyond `total` count as `total`.
#[must_use]
pub fn fisher_greater(hits: u64, total: u64, other_hits: u64, other_total: u64) -> f64 {
    let (hits, other_hits) = (hits.min(total), other_hits.min(other_total));
    let (all, all_hits) = (total + other_total, hits + other_hits);
    if hits == 0 {
        return 1.0;
    }
    // The hypergeometric weight of exactly `hits`, then each next one by its
    // ratio to the one before, which needs no further logarithm.
    let ln =
        ln_choose(all_hits, hits) + ln_choose(all - all_hits, total - hits) - ln_choose(all, total);
    let (mut term, mut sum) = (ln.exp(), 0.0);
    let most = total.min(all_hits);
    for k in hits..=most {
        sum += term;
        let (k, total, all_hits) = (k as f64, total as f64, all_hits as f64);
        let misses_left = all as f64 - all_hits - total + k + 1.0;
        term *= (all_hits - k) * (total - k) / ((k + 1.0) * misses_left);
        if term < sum * 1e-12 {
            break;
        }
    }
    sum.min(1.0)
}

fn ln_choose(n: u64, k: u64) -> f64 {
    ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k)
}

/// Exact sums for small numbers, Stirling's series above (error below 1e-10).
fn ln_factorial(n: u64) -> f64 {
    if n < 32 {
        return (2..=n).map(|i| (i as f64).ln()).sum();
    }
    let x = n as f64;
    let series = 1.0 / (12.0 * x) - 1.0 / (360.0 * x.powi(3)) + 1.0 / (1260.0 * x.powi(5));
    x * x.ln() - x + 0.5 * (std::f64::consts::TAU * x).ln() + series
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(p: f64, expected: f64) {
        assert!(
            (p - expected).abs() <= expected * 1e-4,
            "{p} is not {expected}"
        );
    }

    #[test]
    fn it_gives_the_published_values() {
        // Fisher's tea tasting: three, then four of four cups right.
        near(fisher_greater(3, 4, 1, 4), 17.0 / 70.0);
        near(fisher_greater(4, 4, 0, 4), 1.0 / 70.0);
        // His convictions of like-sex twins: 10 of 13 against 2 of 17.
        near(fisher_greater(10, 13, 2, 17), 4.652e-4);
    }

    #[test]
    fn nothing_or_everything_is_no_surprise() {
        near(fisher_greater(0, 100, 5, 100), 1.0);
        near(fisher_greater(100, 100, 100, 100), 1.0);
        assert!(fisher_greater(20, 20, 0, 400) < 1e-30);
    }

    #[test]
    fn large_tables_add_up_to_one() {
        // P(at least k) + P(at most k - 1) = 1, the latter seen from the other group.
        let (hits, total, other, others) = (120, 5_000, 2_000, 95_000);
        let at_least = fisher_greater(hits, total, other, others);
        let rest = fisher_greater(other + 1, others, hits - 1, total);
        near(at_least + rest, 1.0);
    }
}
