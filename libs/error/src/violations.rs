//! Collects every faulty field of a request, so that a caller mends them all
//! in one go instead of one per round trip.

use std::fmt::Display;

use crate::{CommonCode, Error, Result};

/// A list of faulty fields in the making.
#[derive(Debug, Default)]
pub struct Violations(Vec<(String, String)>);

impl Violations {
    /// No fault so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the good value, or notes what is wrong with `field`.
    pub fn check<T, E: Display>(
        &mut self,
        field: impl Into<String>,
        value: std::result::Result<T, E>,
    ) -> Option<T> {
        match value {
            Ok(value) => Some(value),
            Err(error) => {
                self.add(field, error.to_string());
                None
            }
        }
    }

    /// Notes a fault unless the condition holds.
    pub fn require(&mut self, field: impl Into<String>, holds: bool, message: &str) {
        if !holds {
            self.add(field, message);
        }
    }

    /// Notes a fault.
    pub fn add(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.0.push((field.into(), message.into()));
    }

    /// One 400 that lists every fault, or nothing.
    pub fn finish(self) -> Result<()> {
        let Some((field, message)) = self.0.first() else {
            return Ok(());
        };
        let summary = match self.0.len() {
            1 => format!("{field}: {message}"),
            n => format!("{field}: {message} (and {} more)", n - 1),
        };
        let error = Error::new(CommonCode::InvalidField, summary);
        Err(self.0.into_iter().fold(error, |error, (field, message)| {
            error.with_field(field, message)
        }))
    }
}
