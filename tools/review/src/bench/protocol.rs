//! What a benchmark prints: one JSON object a line, one line a figure.
//!
//! ```text
//! {"figure": "list products, SQLite: rate", "value": 4712.3, "unit": "requests/s", "better": "higher"}
//! ```
//!
//! Lines of anything else are for people and are passed over, so a program may
//! print its table as well.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which way a figure should go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// More is better: requests per second.
    Higher,
    /// Less is better: milliseconds, bytes.
    Lower,
}

/// One measured value.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Figure {
    /// What was measured.
    pub figure: String,
    /// How much of `unit`: above zero.
    pub value: f64,
    /// The unit, as people write it: `ms`, `requests/s`.
    pub unit: String,
    /// Which way is better.
    pub better: Better,
}

/// Why the output of a benchmark is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// Not one figure.
    #[error(
        "it printed no figure: each is a line such as \
         {{\"figure\": \"read: p99\", \"value\": 1.2, \"unit\": \"ms\", \"better\": \"lower\"}}"
    )]
    NoFigures,
    /// A line that begins as a figure and is none.
    #[error("its line {line} is not a figure: {reason}")]
    Malformed {
        /// Counted from one.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The same figure twice in one run.
    #[error("it printed the figure '{0}' twice in one run")]
    Repeated(String),
}

/// The figures of one run, by name.
///
/// # Errors
/// When there is none, or a line that should be one is not.
pub fn figures(output: &str) -> Result<BTreeMap<String, Figure>, ProtocolError> {
    let mut found = BTreeMap::new();
    for (index, line) in output.lines().enumerate() {
        let line = line.trim();
        if !line.starts_with('{') || !line.contains("\"figure\"") {
            continue;
        }
        let malformed = |reason: String| ProtocolError::Malformed {
            line: index + 1,
            reason,
        };
        let figure: Figure =
            serde_json::from_str(line).map_err(|error| malformed(error.to_string()))?;
        if !figure.value.is_finite() || figure.value <= 0.0 {
            return Err(malformed(format!(
                "its value is {}, and ratios need one above zero",
                figure.value
            )));
        }
        let name = figure.figure.clone();
        if found.insert(name.clone(), figure).is_some() {
            return Err(ProtocolError::Repeated(name));
        }
    }
    if found.is_empty() {
        return Err(ProtocolError::NoFigures);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn figures_are_found_among_what_people_read() {
        let output = "warming up\n| a | table |\n{\"figure\":\"read: p99\",\"value\":1.5,\"unit\":\"ms\",\"better\":\"lower\"}\n{}\n";
        let found = figures(output).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found["read: p99"].value, 1.5);
        assert_eq!(found["read: p99"].better, Better::Lower);
    }

    #[test]
    fn what_is_no_figure_is_told_with_its_line() {
        assert_eq!(figures("fine\n"), Err(ProtocolError::NoFigures));
        let no_unit = figures("x\n{\"figure\":\"a\",\"value\":1}\n").unwrap_err();
        assert!(no_unit.to_string().contains("line 2"), "{no_unit}");
        let zero = "{\"figure\":\"a\",\"value\":0,\"unit\":\"ms\",\"better\":\"lower\"}";
        assert!(
            figures(zero)
                .unwrap_err()
                .to_string()
                .contains("above zero")
        );
        let one = zero.replace(":0,", ":1,");
        let twice = figures(&format!("{one}\n{one}")).unwrap_err();
        assert_eq!(twice, ProtocolError::Repeated("a".to_owned()));
    }
}
