//! What the processes say of themselves, once a second.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use shoal_task::Scope;
use tokio::time::{Instant, sleep_until};

/// What judge and pictures look at; all that there is would fill the memory.
const KEPT: [&str; 8] = [
    "gateway_gray_rollbacks_total",
    "shoal_breaker_changes_total",
    "shoal_breaker_state",
    "shoal_ejected_instances",
    "shoal_ejections_total",
    "shoal_hedges_total",
    "shoal_rpc_client_duration_seconds_count",
    "shoal_rpc_client_retries_total",
];

/// One metric of one instance over time: seconds since the start and values.
pub(crate) type Points = Vec<(u32, f64)>;

/// Everything that was kept.
#[derive(Default)]
pub(crate) struct Series {
    /// By instance, then by name with labels.
    by_instance: BTreeMap<&'static str, BTreeMap<String, Points>>,
    /// Seconds in which an instance answered.
    up: BTreeMap<&'static str, Vec<u32>>,
}

impl Series {
    /// Looks at every target each second until the scope ends.
    pub(crate) async fn gather(
        targets: Vec<(&'static str, SocketAddr)>,
        start: Instant,
        scope: Scope,
    ) -> Self {
        let mut series = Self::default();
        let builder = reqwest::Client::builder().timeout(Duration::from_millis(900));
        let Ok(http) = builder.build() else {
            return series;
        };
        for second in 1.. {
            let due = start + Duration::from_secs(u64::from(second));
            tokio::select! {
                () = sleep_until(due) => {}
                () = scope.cancelled() => break,
            }
            for (name, addr) in &targets {
                if let Some(text) = exposition(&http, *addr).await {
                    series.take(name, second, &text);
                }
            }
        }
        series
    }

    /// Instances, in the order of their names.
    pub(crate) fn instances(&self) -> impl Iterator<Item = &'static str> {
        self.up.keys().copied()
    }

    /// Whether an instance answered in that second.
    pub(crate) fn is_up(&self, instance: &str, second: u32) -> bool {
        let up = self.up.get(instance);
        up.is_some_and(|seconds| seconds.binary_search(&second).is_ok())
    }

    /// Every series of this name, one of [`KEPT`], that has all these labels.
    pub(crate) fn find<'a>(
        &'a self,
        name: &'a str,
        labels: &'a [(&'a str, &'a str)],
    ) -> impl Iterator<Item = (&'static str, &'a str, &'a Points)> {
        self.by_instance.iter().flat_map(move |(instance, all)| {
            all.iter()
                .filter(move |(key, _)| {
                    name_of(key) == name && labels.iter().all(|l| label(key, l.0) == Some(l.1))
                })
                .map(move |(key, points)| (*instance, key.as_str(), points))
        })
    }

    /// How much counters grew between two moments, restarts from zero included.
    pub(crate) fn growth(
        &self,
        name: &str,
        labels: &[(&str, &str)],
        (from, until): (f64, f64),
    ) -> f64 {
        self.find(name, labels)
            .map(|(_, _, points)| grown(points, from, until))
            .sum()
    }

    /// What an instance said in a second.
    pub(crate) fn take(&mut self, instance: &'static str, second: u32, text: &str) {
        self.up.entry(instance).or_default().push(second);
        let own = self.by_instance.entry(instance).or_default();
        for line in text.lines() {
            if !KEPT.contains(&name_of(line)) {
                continue;
            }
            let Some((key, value)) = line.rsplit_once(' ') else {
                continue;
            };
            let Ok(value) = value.parse::<f64>() else {
                continue;
            };
            match own.get_mut(key) {
                Some(points) => points.push((second, value)),
                None => drop(own.insert(key.to_owned(), vec![(second, value)])),
            }
        }
    }
}

async fn exposition(http: &reqwest::Client, addr: SocketAddr) -> Option<String> {
    let answer = http.get(format!("http://{addr}/metrics")).send().await;
    answer.ok()?.text().await.ok()
}

/// A counter that appears within the time began at zero.
fn grown(points: &Points, from: f64, until: f64) -> f64 {
    let before = points.iter().rev().find(|point| f64::from(point.0) <= from);
    let mut last = before.map_or(0.0, |point| point.1);
    let within = |point: &&(u32, f64)| (from..=until).contains(&f64::from(point.0));
    points.iter().filter(within).fold(0.0, |sum, point| {
        let step = if point.1 >= last {
            point.1 - last
        } else {
            point.1
        };
        last = point.1;
        sum + step
    })
}

/// Everything up to the labels.
fn name_of(line: &str) -> &str {
    line.split('{').next().unwrap_or(line)
}

/// The value of a label in `name{label="value",…}`.
pub(crate) fn label<'a>(key: &'a str, name: &str) -> Option<&'a str> {
    let inside = key.split_once('{')?.1;
    let at = inside.find(&format!("{name}=\""))?;
    if at > 0 && !inside[..at].ends_with(',') {
        return None;
    }
    inside[at + name.len() + 2..].split('"').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_found_by_their_whole_name() {
        let key = r#"shoal_breaker_state{service="order",dependency="billing@v2"}"#;
        assert_eq!(label(key, "dependency"), Some("billing@v2"));
        assert_eq!(label(key, "service"), Some("order"));
        assert_eq!(label(key, "vice"), None);
    }

    #[test]
    fn only_the_whole_name_is_kept_and_found() {
        let mut series = Series::default();
        let lines = [
            "# TYPE shoal_breaker_state gauge",
            "shoal_breaker_state{service=\"order\"} 2",
            "shoal_breaker_state_of_mind{service=\"order\"} 3",
            "shoal_rpc_client_duration_seconds_bucket{le=\"1.0\"} 4",
        ];
        series.take("order-1", 1, &lines.join("\n"));
        assert_eq!(series.by_instance["order-1"].len(), 1);
        assert_eq!(series.find("shoal_breaker_state", &[]).count(), 1);
        assert_eq!(series.find("shoal_breaker", &[]).count(), 0);
    }

    #[test]
    fn a_counter_grows_over_a_restart_as_well() {
        let mut series = Series::default();
        for (second, value) in [(1, 5.0), (2, 7.0), (3, 1.0), (4, 4.0)] {
            let line = format!("shoal_rpc_client_retries_total{{service=\"order\"}} {value}\n");
            series.take("order-1", second, &line);
        }
        let labels = [("service", "order")];
        let name = "shoal_rpc_client_retries_total";
        assert!((series.growth(name, &labels, (1.0, 4.0)) - 6.0).abs() < 1e-9);
        assert!((series.growth(name, &[("service", "gateway")], (1.0, 4.0))).abs() < 1e-9);
        assert!(series.is_up("order-1", 3) && !series.is_up("order-1", 5));
    }
}
