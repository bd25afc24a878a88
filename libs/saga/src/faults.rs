//! Fault injection at the boundaries of steps, for tests and drills.
//!
//! A list such as `place_order.authorize.after=kill,place_order.*=twice`, from
//! the setting or the variable `SHOAL_FAULTS`, is read once at start. Points:
//! - `<saga>.<step>.before`: the attempt is in the log and has not run;
//! - `<saga>.<step>.after`: it has run and its end is not in the log;
//! - `<saga>.<step>.undo.before` and `.undo.after`: the same for compensations;
//! - `<saga>.begin` and `<saga>.end`: around the whole;
//! - `<saga>.<step>` and `<saga>.<step>.undo`, for `twice` alone.
//!
//! `*` stands for any one segment. A list that is empty, as in production,
//! costs one check per boundary.

use std::fmt;
use std::str::FromStr;

use shoal_error::{CommonCode, Error};

use crate::failure::Failure;

/// Variable that holds the list.
pub const FAULTS_VARIABLE: &str = "SHOAL_FAULTS";

/// What happens at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// SIGKILL to the own process: no destructor runs, nothing is flushed.
    Kill,
    /// The step runs twice, as after a crash between effect and log.
    Twice,
    /// A transient failure; `after` the step it is a lost answer.
    Fail,
    /// A permanent failure; `after` the step it still says that nothing happened,
    /// so use it `before`.
    Refuse,
}

/// A parsed list of faults.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(Vec<(Vec<String>, Fault)>);

/// An entry that is not `<point>=<action>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultSyntax(String);

impl fmt::Display for FaultSyntax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "fault {:?} is not of the form <saga>.<step>.<before|after>=<kill|twice|fail|refuse>",
            self.0
        )
    }
}

impl std::error::Error for FaultSyntax {}

impl FromStr for Faults {
    type Err = FaultSyntax;

    fn from_str(list: &str) -> Result<Self, FaultSyntax> {
        let entries = list.split(',').map(str::trim).filter(|e| !e.is_empty());
        entries.map(parse_entry).collect::<Result<_, _>>().map(Self)
    }
}

fn parse_entry(entry: &str) -> Result<(Vec<String>, Fault), FaultSyntax> {
    let wrong = || FaultSyntax(entry.to_owned());
    let (point, action) = entry.split_once('=').ok_or_else(wrong)?;
    let fault = match action.trim() {
        "kill" => Fault::Kill,
        "twice" => Fault::Twice,
        "fail" => Fault::Fail,
        "refuse" => Fault::Refuse,
        _ => return Err(wrong()),
    };
    let segments: Vec<String> = point.trim().split('.').map(str::to_owned).collect();
    if segments.len() < 2 || segments.iter().any(String::is_empty) {
        return Err(wrong());
    }
    Ok((segments, fault))
}

impl Faults {
    /// Reads [`FAULTS_VARIABLE`]; absent means none.
    ///
    /// # Errors
    /// [`FaultSyntax`] names the entry that cannot be read.
    pub fn from_env() -> Result<Self, FaultSyntax> {
        std::env::var(FAULTS_VARIABLE).unwrap_or_default().parse()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Comes by a boundary: returns, fails, or does not return.
    pub(crate) fn at(&self, point: &[&str]) -> Result<(), Failure> {
        match self.find(point) {
            None | Some(Fault::Twice) => Ok(()),
            Some(Fault::Kill) => kill_own_process(&point.join(".")),
            Some(Fault::Fail) => Err(Failure::transient(injected(point))),
            Some(Fault::Refuse) => Err(Failure::permanent(injected(point))),
        }
    }

    /// Whether the step at this point is to run twice.
    pub(crate) fn repeats(&self, point: &[&str]) -> bool {
        self.find(point) == Some(Fault::Twice)
    }

    fn find(&self, point: &[&str]) -> Option<Fault> {
        let fits = |pattern: &[String]| {
            pattern.len() == point.len()
                && pattern.iter().zip(point).all(|(p, s)| p == "*" || p == s)
        };
        self.0
            .iter()
            .find(|(pattern, _)| fits(pattern))
            .map(|(_, fault)| *fault)
    }
}

fn injected(point: &[&str]) -> Error {
    Error::new(
        CommonCode::Unavailable,
        format!("Injected fault at {}.", point.join(".")),
    )
}

fn kill_own_process(point: &str) -> ! {
    tracing::warn!(point, "injected fault: killing the own process");
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    // SIGKILL to oneself is delivered before the call returns; should the kernel
    // refuse it, ending without destructors comes nearest.
    std::process::abort()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_point_is_found_by_name_and_by_star() {
        let faults: Faults = "place_order.authorize.after=fail, *.reserve.before=refuse"
            .parse()
            .unwrap();
        assert!(
            faults
                .at(&["place_order", "authorize", "after"])
                .unwrap_err()
                .is_transient()
        );
        assert!(
            !faults
                .at(&["cancel", "reserve", "before"])
                .unwrap_err()
                .is_transient()
        );
        assert!(faults.at(&["place_order", "authorize", "before"]).is_ok());
        assert!(faults.at(&["place_order", "authorize"]).is_ok());
    }

    #[test]
    fn twice_repeats_the_step_and_fails_nothing() {
        let faults: Faults = "place_order.*=twice".parse().unwrap();
        assert!(faults.repeats(&["place_order", "capture"]));
        assert!(faults.at(&["place_order", "capture"]).is_ok());
        assert!(!faults.repeats(&["place_order", "capture", "undo"]));
    }

    #[test]
    fn a_list_that_cannot_be_read_names_the_entry() {
        for bad in ["place_order", "a.b=explode", "a=kill", "a..b=kill"] {
            let error = bad.parse::<Faults>().unwrap_err();
            assert!(error.to_string().contains(bad), "{error}");
        }
        assert!("".parse::<Faults>().unwrap().is_empty());
    }
}
