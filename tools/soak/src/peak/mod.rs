//! The peak: how many requests a second the platform carries on this machine,
//! the load generator on it included.

mod cpu;
mod load;

use std::fmt::Write as _;
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
    let load = Load::new(&platform, &crowd, options.orders).await?;
    // Connections, caches and plans, unmeasured.
    load.run(FIRST, STEP).await?;
    let mut rate = options.rate;
    let mut steps = Vec::new();
    if !options.only {
        (rate, steps) = search(&load, options, &say).await?;
    }
    let (mut seen, mut cpu) = measure(&load, rate, options.time).await?;
    for _ in 0..FALLS {
        say(&line(&seen));
        if options.only || kept(&seen, options) {
            break;
        }
        // What held for seconds need not hold for a minute.
        rate -= rate / 10;
        (seen, cpu) = measure(&load, rate, options.time).await?;
    }
    let faults = platform.drain().await;
    if !faults.is_empty() {
        return Err(Error::internal(faults.join("; ")));
    }
    Ok(table(options, &steps, &seen, &cpu))
}

async fn measure(load: &Load, rate: u32, time: Duration) -> Result<(Seen, Cpu)> {
    let before = Cpu::now();
    let seen = load.run(rate, time).await?;
    Ok((seen, Cpu::now().since(&before)))
}

/// Doubles until the bound is broken, then halves the gap to a twentieth.
async fn search(
    load: &Load,
    options: &PeakOptions,
    say: &impl Fn(&str),
) -> Result<(u32, Vec<Seen>)> {
    let mut steps = Vec::new();
    let (mut good, mut bad) = (FIRST, None::<u32>);
    let mut rate = FIRST;
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

/// Errors are no answers; and a generator that cannot keep its times measures
/// itself.
fn kept(seen: &Seen, options: &PeakOptions) -> bool {
    seen.errors.is_empty() && seen.millis(0.99) <= options.p99_ms
}

fn line(seen: &Seen) -> String {
    let errors: u64 = seen.errors.values().sum();
    format!(
        "{:>6}/s: P50 {:.1} ms, P99 {:.1} ms, P99.9 {:.1} ms, {errors} errors",
        seen.rate,
        seen.millis(0.5),
        seen.millis(0.99),
        seen.millis(0.999),
    )
}

fn table(options: &PeakOptions, steps: &[Seen], seen: &Seen, cpu: &Cpu) -> String {
    let mut text = String::from(
        "| requests/s | P50 | P99 | P99.9 | P99 of orders | errors |\n|---|---|---|---|---|---|\n",
    );
    for (seen, mark) in steps.iter().map(|step| (step, "")).chain([(seen, "**")]) {
        let errors = seen
            .errors
            .iter()
            .map(|(code, count)| format!("{code} {count}"));
        let errors = errors.collect::<Vec<_>>().join(", ");
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| {mark}{}{mark} | {:.1} ms | {:.1} ms | {:.1} ms | {:.1} ms | {errors} |",
            seen.rate,
            seen.millis(0.5),
            seen.millis(0.99),
            seen.millis(0.999),
            seen.orders_millis(0.99),
        );
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
    for (name, cores) in cpu.shares() {
        let _ = writeln!(text, "| {name} | {cores:.2} |");
    }
    text
}
