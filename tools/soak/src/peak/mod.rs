//! The peak: how many requests a second the platform carries on this machine,
//! the load generator on it included.

mod cpu;
mod load;

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use shoal_error::{Error, Result};

use self::cpu::Cpu;
use self::load::{Load, Seen};
use crate::platform::{Platform, SMALL};
use crate::soak;

/// What is tried.
#[derive(Clone, Debug)]
pub struct PeakOptions {
    /// How long the result is measured.
    pub time: Duration,
    /// The rate that is hoped for, requests a second.
    pub rate: u32,
    /// The bound on P99, milliseconds.
    pub p99_ms: f64,
    /// Of a hundred requests, those that place an order.
    pub orders: u32,
    /// Tries that rate only.
    pub only: bool,
}

/// How long one step of the search takes.
const STEP: Duration = Duration::from_secs(6);

/// How often the result may be measured again at a tenth less.
const FALLS: u32 = 5;

/// Where the search begins, requests a second.
const FIRST: u32 = 250;

/// Looks for the highest rate whose P99 keeps to the bound, without an error,
/// and measures it; the result as markdown.
///
/// # Errors
/// When the platform cannot be started or loaded.
pub async fn peak(options: &PeakOptions, say: impl Fn(&str)) -> Result<String> {
    say("starting PostgreSQL, Redis, three members of etcd and five processes");
    let mut platform = Platform::start(&SMALL, Duration::from_secs(60)).await?;
    let (crowd, _) = soak::open(&platform).await?;
    let load = Arc::new(Load::new(&platform, &crowd, options.orders).await?);
    let first = FIRST.min(options.rate);
    // Connections, caches and plans, unmeasured.
    load.run(first, STEP).await?;
    let mut rate = options.rate;
    let mut steps = Vec::new();
    if !options.only {
        (rate, steps) = search(&load, first, options, &say).await?;
    }
    let mut falls = 0;
    let (seen, cpu) = loop {
        let (seen, cpu) = measure(&load, rate, options.time).await?;
        say(&line(&seen));
        if options.only || kept(&seen, options) || falls == FALLS {
            break (seen, cpu);
        }
        // What held for seconds need not hold for a minute.
        falls += 1;
        rate -= rate / 10;
    };
    let faults = platform.drain().await;
    if !faults.is_empty() {
        return Err(Error::internal(faults.join("; ")));
    }
    Ok(table(options, &steps, &seen, &cpu))
}

/// What was seen, and the cores that each program kept busy.
async fn measure(
    load: &Arc<Load>,
    rate: u32,
    time: Duration,
) -> Result<(Seen, Vec<(String, f64)>)> {
    let before = Cpu::now();
    let seen = load.run(rate, time).await?;
    Ok((seen, Cpu::now().since(&before)))
}

/// Doubles until the bound is broken, then halves the gap to a twentieth.
async fn search(
    load: &Arc<Load>,
    first: u32,
    options: &PeakOptions,
    say: &impl Fn(&str),
) -> Result<(u32, Vec<Seen>)> {
    let mut steps = Vec::new();
    let (mut good, mut bad) = (first, None::<u32>);
    let mut rate = first;
    loop {
        let seen = load.run(rate, STEP).await?;
        say(&line(&seen));
        match kept(&seen, options) {
            true => good = rate,
            false => bad = Some(rate),
        }
        steps.push(seen);
        rate = match bad {
            None if good >= options.rate => break,
            None => (good * 2).min(options.rate),
            Some(bad) if bad - good <= good / 20 => break,
            Some(bad) => good.midpoint(bad),
        };
    }
    Ok((good, steps))
}

/// Errors are no answers.
fn kept(seen: &Seen, options: &PeakOptions) -> bool {
    let p99 = seen.all.millis(0.99);
    seen.errors.is_empty() && p99.is_some_and(|p99| p99 <= options.p99_ms)
}

fn line(seen: &Seen) -> String {
    let errors: u64 = seen.errors.values().sum();
    format!(
        "{:>6}/s: P50 {}, P99 {}, P99.9 {}, {errors} errors",
        seen.rate,
        seen.all.in_words(0.5),
        seen.all.in_words(0.99),
        seen.all.in_words(0.999),
    )
}

fn table(options: &PeakOptions, steps: &[Seen], last: &Seen, cpu: &[(String, f64)]) -> String {
    let mut text = String::from(
        "| requests/s | P50 | P99 | P99.9 | P99 of orders | errors |\n|---|---|---|---|---|---|\n",
    );
    for (seen, mark) in steps.iter().map(|step| (step, "")).chain([(last, "**")]) {
        let errors = seen
            .errors
            .iter()
            .map(|(code, count)| format!("{code} {count}"));
        let errors = errors.collect::<Vec<_>>().join(", ");
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| {mark}{}{mark} | {} | {} | {} | {} | {errors} |",
            seen.rate,
            seen.all.in_words(0.5),
            seen.all.in_words(0.99),
            seen.all.in_words(0.999),
            seen.orders.in_words(0.99),
        );
    }
    if !kept(last, options) {
        let _ = writeln!(text, "\n**{}/s does not hold.**", last.rate);
    }
    let _ = writeln!(
        text,
        "\n{} % orders, P99 bound {} ms; each step {} s, the last {} s.\n",
        options.orders,
        options.p99_ms,
        STEP.as_secs(),
        options.time.as_secs(),
    );
    text.push_str("| process | cores |\n|---|---|\n");
    for (name, cores) in cpu {
        let _ = writeln!(text, "| {name} | {cores:.2} |");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_that_broke_the_bound_or_gave_errors_is_said_not_to_hold() {
        let options = PeakOptions {
            time: Duration::from_secs(60),
            rate: 1_000,
            p99_ms: 85.0,
            orders: 5,
            only: false,
        };
        let seen = |took: u64, errors: &[&str]| {
            let mut seen = Seen::at(900);
            seen.all.record(Duration::from_millis(took));
            seen.errors = errors.iter().map(|code| ((*code).to_owned(), 1)).collect();
            seen
        };
        let told = |seen: Seen| table(&options, &[], &seen, &[]).contains("900/s does not hold");
        assert!(!told(seen(80, &[])));
        assert!(told(seen(90, &[])));
        assert!(told(seen(80, &["common.internal"])));
        assert!(told(Seen::at(900)), "nothing was answered");
    }
}
