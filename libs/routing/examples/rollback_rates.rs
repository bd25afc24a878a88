//! How often the rollback is wrong, and how fast it is right: simulated, with
//! the default settings and one look a second.
//!
//! `cargo run --release -p shoal-routing --example rollback_rates`
#![allow(clippy::print_stdout, reason = "a table for people")]

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use shoal_routing::rollback::{Group, Guard, Judgement, RollbackSettings, Sample};

/// Requests per second of gray and stable, failing share and slowness of gray.
struct Case {
    name: &'static str,
    rates: [u32; 2],
    errors: f64,
    slower: f64,
}

const STABLE_ERRORS: f64 = 0.005;
const RUNS: u64 = 200;
/// A quarter of an hour each.
const SECONDS: u64 = 900;

fn main() {
    println!("| gray release | gray/s | stable/s | gone back | median s | slowest s |");
    println!("|---|---:|---:|---:|---:|---:|");
    let case = |name, gray, errors, slower| Case {
        name,
        rates: [gray, 95],
        errors,
        slower,
    };
    for case in [
        case("as good as stable (0.5 % errors)", 5, STABLE_ERRORS, 1.0),
        case("as good, busier", 50, STABLE_ERRORS, 1.0),
        case("1.2 times as slow", 50, STABLE_ERRORS, 1.2),
        case("5 % errors", 5, 0.05, 1.0),
        case("5 % errors, busier", 50, 0.05, 1.0),
        case("50 % errors", 5, 0.5, 1.0),
        case("all errors", 5, 1.0, 1.0),
        case("3 times as slow", 5, STABLE_ERRORS, 3.0),
        case("3 times as slow, busier", 50, STABLE_ERRORS, 3.0),
    ] {
        let mut seconds: Vec<u64> = (0..RUNS).filter_map(|seed| run(&case, seed)).collect();
        seconds.sort_unstable();
        let at = |part: usize| seconds.get(part).map_or("-".to_owned(), u64::to_string);
        println!(
            "| {} | {} | {} | {}/{RUNS} | {} | {} |",
            case.name,
            case.rates[0],
            case.rates[1],
            seconds.len(),
            at(seconds.len() / 2),
            at(seconds.len().saturating_sub(1)),
        );
    }
}

/// The second in which it goes back.
fn run(case: &Case, seed: u64) -> Option<u64> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut guard = Guard::new(&RollbackSettings::default());
    (0..SECONDS).find(|second| {
        let now = Duration::from_secs(*second);
        for _ in 0..case.rates[0] {
            guard.record(now, Group::Gray, sample(&mut rng, case.errors, case.slower));
        }
        for _ in 0..case.rates[1] {
            guard.record(now, Group::Stable, sample(&mut rng, STABLE_ERRORS, 1.0));
        }
        matches!(guard.look(now), Judgement::RollBack(_))
    })
}

/// Most take 5 to 20 ms, one in a hundred 100 more.
fn sample(rng: &mut StdRng, errors: f64, slower: f64) -> Sample {
    let tail = if rng.random_bool(0.01) { 105.0 } else { 5.0 };
    let ms: f64 = (tail + rng.random_range(0.0..15.0)) * slower;
    Sample {
        failed: rng.random_bool(errors),
        took: Duration::from_secs_f64(ms / 1_000.0),
    }
}
