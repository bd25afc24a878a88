//! Figures as lines of JSON, one a line, as `//tools/review` reads them.

use std::time::Duration;

use serde_json::json;
use shoal_error::{Error, Result};

use crate::load::Report;

/// Three lines for each load: its rate and two of its latencies.
///
/// # Errors
/// When requests failed: figures of answers that are wrong compare nothing.
pub(crate) fn lines(reports: &[Report]) -> Result<String> {
    let mut text = String::new();
    for report in reports {
        if report.failures > 0 || report.requests == 0 {
            let (name, failed) = (&report.name, report.failures);
            let all = report.requests + failed;
            return Err(Error::internal(format!(
                "{name}: {failed} of {all} requests failed"
            )));
        }
        let millis = |time: Duration| time.as_secs_f64() * 1000.0;
        for (what, value, unit, better) in [
            ("rate", report.per_second, "requests/s", "higher"),
            ("p50", millis(report.p50), "ms", "lower"),
            ("p99", millis(report.p99), "ms", "lower"),
        ] {
            let figure = format!("{}: {what}", report.name);
            let line = json!({"figure": figure, "value": value, "unit": unit, "better": better});
            text.push_str(&format!("{line}\n"));
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn report(failures: u64) -> Report {
        Report {
            name: "read".to_owned(),
            requests: 100,
            failures,
            per_second: 50.0,
            p50: Duration::from_millis(2),
            p99: Duration::from_micros(7500),
        }
    }

    #[test]
    fn each_load_gives_three_figures() {
        let text = lines(&[report(0)]).unwrap();
        let parsed: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(parsed.len(), 3);
        assert_eq!(parsed[2]["figure"], "read: p99");
        assert_eq!(parsed[2]["value"], 7.5);
        assert_eq!(parsed[0]["better"], "higher");
    }

    #[test]
    fn failed_requests_give_no_figures() {
        let error = lines(&[report(3)]).unwrap_err();
        let said = error.report().to_owned();
        assert!(said.contains("3 of 103 requests failed"), "{said}");
    }
}
