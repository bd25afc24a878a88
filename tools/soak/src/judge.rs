//! Whether the platform kept what it promised.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use shoal_error::Result;
use tokio::time::{Instant, sleep};

use crate::amounts::Amounts;
use crate::faults::{self, Band};
use crate::platform::{ADMIN, COLOUR, Platform};
use crate::record::{Record, Second};
use crate::scrape::Series;
use crate::traffic::{Call, Crowd, log_in};
use crate::verdict::Verdict;

/// How long work that was begun may take to end once the load is over.
const SETTLE: Duration = Duration::from_secs(90);

/// Repeats that a budget of a tenth allows.
const AMPLIFICATION: f64 = 1.1;

/// Longest last stretch over which the platform must be well again, seconds.
const LAST: usize = 60;

/// Waits until every order has ended; how many have not.
pub(crate) async fn settle(platform: &Platform) -> Result<i64> {
    let mut amounts = Amounts::of(&platform.database()).await?;
    let end = Instant::now() + SETTLE;
    loop {
        let left = amounts.unfinished().await?;
        if left == 0 || Instant::now() >= end {
            return Ok(left);
        }
        sleep(Duration::from_millis(200)).await;
    }
}

/// What holds whatever broke: orders, money, stock, codes.
pub(crate) async fn promises(
    platform: &Platform,
    crowd: &Crowd,
    record: &Record,
    stock: &BTreeMap<String, i64>,
) -> Result<Vec<Verdict>> {
    let mut amounts = Amounts::of(&platform.database()).await?;
    let requests: u32 = record.seconds.iter().map(Second::all).sum();
    let mut verdicts = vec![
        orders(crowd, &mut amounts).await?,
        money(&mut amounts).await?,
        stocked(&mut amounts, stock).await?,
    ];
    let (acknowledged, broken) = crowd.book.all();
    verdicts.push(Verdict::nothing(
        "A repeated idempotency key gives the same order",
        &broken,
        format!("{} orders", acknowledged.len()),
    ));
    verdicts.push(Verdict::nothing(
        "No error comes without a stable code",
        &record.wild,
        format!("{requests} requests"),
    ));
    Ok(verdicts)
}

/// What the faults had to show.
pub(crate) async fn reactions(
    crowd: &Crowd,
    record: &Record,
    series: &Series,
    bands: &[Band],
) -> Vec<Verdict> {
    vec![
        noticed(series, bands),
        amplification(series, bands),
        rolled_back(crowd, series, bands).await,
        recovered(record),
    ]
}

async fn orders(crowd: &Crowd, amounts: &mut Amounts) -> Result<Verdict> {
    let known = amounts.orders().await?;
    let (acknowledged, _) = crowd.book.all();
    let mut ends: BTreeMap<&str, u32> = BTreeMap::new();
    let mut lost = Vec::new();
    for order in &acknowledged {
        let ended = known.get(&order.id);
        match ended.map(|ended| (ended.status.as_str(), &ended.rejection)) {
            Some((status @ ("confirmed" | "fulfilled" | "cancelled"), _)) => {
                *ends.entry(status).or_default() += 1;
            }
            Some(("rejected", Some(_))) => *ends.entry("rejected").or_default() += 1,
            Some((status, _)) => lost.push(format!("{} is {status}", order.id)),
            None => lost.push(format!("{} is not there", order.id)),
        }
    }
    if acknowledged.is_empty() {
        lost.push("no order was acknowledged at all".to_owned());
    }
    let ends = ends
        .iter()
        .map(|(status, count)| format!("{count} {status}"));
    let ends = ends.collect::<Vec<_>>().join(", ");
    let fine = format!("{} acknowledged: {ends}", acknowledged.len());
    Ok(Verdict::nothing(
        "No acknowledged order is lost",
        &lost,
        fine,
    ))
}

async fn money(amounts: &mut Amounts) -> Result<Verdict> {
    let mut wrong = amounts.unbalanced().await?;
    wrong.extend(amounts.unpaid().await?);
    wrong.extend(amounts.strays().await?);
    let (kept, orders) = amounts.kept().await?;
    let fine = format!("the ledger sums to zero; {kept} minor units kept for {orders} orders");
    Ok(Verdict::nothing("Money adds up", &wrong, fine))
}

async fn stocked(amounts: &mut Amounts, before: &BTreeMap<String, i64>) -> Result<Verdict> {
    let mut wrong = Vec::new();
    let mut taken = 0;
    for (product, (left, sold)) in amounts.stock().await? {
        let had = before.get(&product).copied().unwrap_or(left + sold);
        taken += sold;
        if had - sold != left {
            wrong.push(format!("{product} had {had}, sold {sold}, has {left}"));
        }
    }
    let fine = format!("{taken} pieces sold of {} products", before.len());
    Ok(Verdict::nothing("Stock adds up", &wrong, fine))
}

fn noticed(series: &Series, bands: &[Band]) -> Verdict {
    let outage = faults::outage(bands);
    let open = [("dependency", "billing"), ("state", "open")];
    let opened = series.growth("shoal_breaker_changes_total", &open, outage);
    let ejected = ejections(series, outage);
    Verdict::new(
        "The failing billing is left alone",
        opened + ejected >= 1.0,
        format!(
            "{} ejections, breakers opened {} times",
            ejected as u64, opened as u64
        ),
    )
}

/// Of the billing instances, by their callers.
fn ejections(series: &Series, during: (f64, f64)) -> f64 {
    let billing = [("dependency", "billing")];
    series.growth("shoal_ejections_total", &billing, during)
}

fn amplification(series: &Series, bands: &[Band]) -> Verdict {
    let outage = faults::outage(bands);
    let billing = [("dependency", "billing")];
    let gray = format!("billing@{COLOUR}");
    let calls = series.growth("shoal_rpc_client_duration_seconds_count", &billing, outage);
    // Calls and repeats count for all colours in one, hedges for each.
    let again = series.growth("shoal_rpc_client_retries_total", &billing, outage)
        + series.growth("shoal_hedges_total", &billing, outage)
        + series.growth("shoal_hedges_total", &[("dependency", &gray)], outage);
    let factor = if calls > 0.0 {
        1.0 + again / calls
    } else {
        1.0
    };
    Verdict::new(
        "Repeats of gRPC calls to billing stay below a tenth while it is in trouble",
        calls > 0.0 && factor <= AMPLIFICATION,
        format!("{calls:.0} calls, {again:.0} repeats and hedges: {factor:.3} times"),
    )
}

async fn rolled_back(crowd: &Crowd, series: &Series, bands: &[Band]) -> Verdict {
    let asked = "The bad release is rolled back";
    let entry = match entry_of_rollback(crowd).await {
        Ok(entry) => entry,
        Err(error) => {
            let seen = format!("the trail cannot be read: {}", error.report());
            return Verdict::new(asked, false, seen);
        }
    };
    let since = faults::bad_release(bands);
    let began = series
        .find("gateway_gray_rollbacks_total", &[])
        .flat_map(|(_, _, points)| points.iter().find(|point| point.1 > 0.0))
        .map(|point| f64::from(point.0))
        .next();
    let seen = match (&entry, began) {
        (None, _) => "the trail has no rollback".to_owned(),
        (Some(entry), Some(second)) => {
            let reason = entry["reason"].as_str().unwrap_or_default();
            format!("{:.0} s after it went bad: {reason}", second - since)
        }
        (Some(_), None) => "the trail has one, the metrics have none".to_owned(),
    };
    let held = entry.is_some() && began.is_some_and(|second| second >= since);
    Verdict::new(asked, held, seen)
}

/// What the trail says of it, if it has it.
async fn entry_of_rollback(crowd: &Crowd) -> Result<Option<Value>> {
    let admin = log_in(&crowd.door, ADMIN.0, ADMIN.1).await?;
    let path = "/gateway/v1/gray/audit?limit=100";
    let trail = crowd.door.must(Call::get(path, Some(&admin))).await?;
    let mut entries = trail["items"].as_array().into_iter().flatten();
    Ok(entries.find(|entry| entry["source"] == "rollback").cloned())
}

fn recovered(record: &Record) -> Verdict {
    let last = LAST.min(record.seconds.len() / 10).max(1);
    let seconds = &record.seconds[record.seconds.len().saturating_sub(last)..];
    let all: u32 = seconds.iter().map(Second::all).sum();
    let failed: u32 = seconds.iter().map(|second| second.failed).sum();
    let share = f64::from(failed) / f64::from(all.max(1));
    Verdict::new(
        "All is well again in the end",
        all > 0 && share < 0.01,
        format!("{failed} of {all} requests of the last {last} s failed"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_and_hedges_are_held_against_the_calls_to_billing_alone() {
        let bands = faults::bands(Duration::from_secs(100));
        let counted = |calls: u32, again: [u32; 3]| {
            let mut series = Series::default();
            let text = format!(
                "shoal_rpc_client_duration_seconds_count{{dependency=\"billing\"}} {calls}\n\
                 shoal_rpc_client_duration_seconds_count{{dependency=\"auth\"}} 9000\n\
                 shoal_rpc_client_retries_total{{dependency=\"auth\"}} 5000\n\
                 shoal_rpc_client_retries_total{{dependency=\"billing\"}} {}\n\
                 shoal_hedges_total{{dependency=\"billing\",first=\"hedge\"}} {}\n\
                 shoal_hedges_total{{dependency=\"billing@v2\",first=\"original\"}} {}\n",
                again[0], again[1], again[2],
            );
            series.take("order-1", 20, &text);
            amplification(&series, &bands)
        };
        assert!(counted(100, [4, 3, 3]).held);
        let over = counted(100, [4, 3, 4]);
        assert!(!over.held);
        assert_eq!(over.seen, "100 calls, 11 repeats and hedges: 1.110 times");
        assert!(!counted(0, [0, 0, 0]).held, "nothing was asked");
    }
}
