//! The soak: steady load, faults on a schedule, a judgement at the end.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use shoal_error::{Error, Result, ResultExt as _};
use shoal_task::Scope;
use tokio::time::{interval, sleep_until};

use crate::faults::{self, Band};
use crate::judge;
use crate::platform::{ADMIN, FULL, Platform};
use crate::record::{Record, Recorder};
use crate::report;
use crate::scrape::Series;
use crate::traffic::{self, Book, Call, Crowd, Door, People, log_in};
use crate::verdict::Verdict;

/// Users; three of ten are on the new release.
const PEOPLE: usize = 60;

/// Stock that no run can use up.
const STOCK: i64 = 1_000_000;

/// How long a run is, and how much load it bears.
#[derive(Clone, Debug)]
pub struct SoakOptions {
    /// How long there is load.
    pub time: Duration,
    /// Requests a second.
    pub rate: u32,
    /// Chances of the traffic.
    pub seed: u64,
    /// Folder of the report; none is written without.
    pub report: Option<PathBuf>,
}

/// What came of a run.
pub struct Outcome {
    /// Each thing that was asked.
    pub verdicts: Vec<Verdict>,
    /// The report as markdown; its pictures lie in the folder of the report.
    pub text: String,
}

/// What a report is made of.
pub(crate) struct Run {
    pub(crate) options: SoakOptions,
    pub(crate) bands: Vec<Band>,
    pub(crate) record: Record,
    pub(crate) series: Series,
    pub(crate) verdicts: Vec<Verdict>,
}

/// Starts everything, loads it, breaks it, judges it and ends it. `say` hears
/// of the progress, a line at a time.
///
/// # Errors
/// When a run cannot be made; what a run shows is in the outcome.
pub async fn soak(options: &SoakOptions, say: impl Fn(&str)) -> Result<Outcome> {
    say("starting PostgreSQL, Redis, three members of etcd and nine processes");
    let mut platform = Platform::start(&FULL, options.time / 10).await?;
    let run = judged(&mut platform, options, &say).await;
    // A run that broke off needs the logs most.
    let folder = options.report.as_ref();
    let logs = folder.map_or(Ok(()), |folder| platform.write_logs(folder));
    let run = run?;
    logs?;
    let text = report::write(&run)?;
    Ok(Outcome {
        verdicts: run.verdicts,
        text,
    })
}

/// Everything but the start.
async fn judged(
    platform: &mut Platform,
    options: &SoakOptions,
    say: &impl Fn(&str),
) -> Result<Run> {
    let (crowd, stock) = open(platform).await?;
    say(&format!("ready; {} requests/s from now on", options.rate));
    let bands = faults::bands(options.time);
    let series = under_load(platform, &crowd, options, &bands, say).await?;
    let left = judge::settle(platform).await?;
    let record = crowd.recorder.take();
    let mut verdicts = judge::promises(platform, &crowd, &record, &stock).await?;
    verdicts.extend(judge::reactions(&crowd, &record, &series, &bands).await);
    verdicts.push(Verdict::new(
        "All that was begun has ended",
        left == 0,
        format!("{left} orders under way after the load"),
    ));
    say("draining");
    let faults = platform.drain().await;
    let asked = "Every process drains and ends by itself";
    let fine = format!("{} processes", platform.instances.len());
    verdicts.push(Verdict::nothing(asked, &faults, fine));
    Ok(Run {
        options: options.clone(),
        bands,
        record,
        series,
        verdicts,
    })
}

/// Fills the stock and registers who buys; gives the stock of each product.
pub(crate) async fn open(platform: &Platform) -> Result<(Arc<Crowd>, BTreeMap<String, i64>)> {
    let door = Door::to(platform.gateway).await?;
    let admin = log_in(&door, ADMIN.0, ADMIN.1).await?;
    let listed = door.must(Call::get("/order/v1/products", None)).await?;
    let listed = listed["items"].as_array().cloned().unwrap_or_default();
    // All in one currency, so that statements show every order.
    let euros = |product: &&serde_json::Value| product["price"]["currency"] == "EUR";
    let mut stock = BTreeMap::new();
    for product in listed.iter().filter(euros) {
        let id = product["id"].as_str().unwrap_or_default();
        let path = format!("/order/v1/products/{id}/stock");
        let body = json!({ "delta": STOCK });
        let filled = door.must(Call::post(&path, Some(&admin), body)).await?;
        let now = filled["stock"].as_i64().unwrap_or_default();
        stock.insert(id.to_owned(), now);
    }
    if stock.is_empty() {
        return Err(Error::internal("the catalogue has nothing in EUR"));
    }
    let people = People::register(&door, PEOPLE).await?;
    let crowd = Crowd {
        door,
        people,
        products: stock.keys().cloned().collect(),
        book: Book::default(),
        recorder: Recorder::new(),
    };
    Ok((Arc::new(crowd), stock))
}

async fn under_load(
    platform: &mut Platform,
    crowd: &Arc<Crowd>,
    options: &SoakOptions,
    bands: &[Band],
    say: &impl Fn(&str),
) -> Result<Series> {
    let start = crowd.recorder.start();
    let scope = Scope::root("soak");
    let targets = platform.instances.iter();
    let targets = targets
        .map(|each| (each.name, each.program.addr()))
        .collect();
    let gather = Series::gather(targets, start, scope.child("scrape"));
    let series = scope.spawn_detached_context("scrape", gather);
    let traffic = scope.spawn_detached_context("traffic", {
        let (crowd, options) = (Arc::clone(crowd), options.clone());
        async move { traffic::run(&crowd, options.rate, options.time, options.seed).await }
    });
    let tell = |what: &str| say(&format!("{:>4} s  {what}", crowd.recorder.second()));
    let broken = async {
        faults::run(platform, bands, start, tell).await?;
        sleep_until(start + options.time).await;
        Ok::<(), Error>(())
    };
    let progress = async {
        let mut every = interval(Duration::from_secs(5));
        loop {
            every.tick().await;
            if let Some(last) = crowd.recorder.last() {
                let p99 = last.latency.millis(0.99).unwrap_or_default();
                let codes = format!("{:?}", last.codes);
                let line = format!("{} requests/s, P99 {p99:.0} ms, errors {codes}", last.all());
                tell(&line);
            }
        }
    };
    tokio::select! {
        done = broken => done?,
        () = progress => {}
    }
    traffic.await.internal()?;
    scope.cancel();
    series.await.internal()
}
