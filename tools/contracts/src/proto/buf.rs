//! Breaking changes and lint of proto contracts, as `buf` finds them.
//!
//! buf compares compiled descriptors and is the measure that everybody uses; writing its hundred rules again
//! would only add a second opinion. It is a program and not a crate, so its path comes from outside, and
//! without it the check fails instead of passing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde::Deserialize;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::report::{Finding, Report};
use crate::rules;

/// PACKAGE: sources that use the generated code go on compiling, and bytes and JSON go on being read.
const BREAKING: &str = r#"{"version":"v2","breaking":{"use":["PACKAGE"]}}"#;

/// STANDARD, except that methods may answer with the resource itself: a `Product` says more than a
/// `GetProductResponse` around it, and the two rules exist to leave room that a new method gives as well.
const LINT: &str = r#"{"version":"v2","lint":{"use":["STANDARD"],"except":["RPC_REQUEST_RESPONSE_UNIQUE","RPC_RESPONSE_STANDARD_NAME"]}}"#;

/// What `buf` exits with when it has findings.
const HAS_FINDINGS: i32 = 100;

/// The program `buf`.
#[derive(Debug, Clone)]
pub struct Buf {
    program: PathBuf,
}

impl Buf {
    /// Takes the program at this path, else the one that `SHOAL_BUF` names.
    ///
    /// # Errors
    /// When neither is there.
    pub fn find(told: Option<&Path>) -> Result<Self> {
        let program = told
            .map(Path::to_owned)
            .or_else(|| std::env::var_os("SHOAL_BUF").map(PathBuf::from))
            .ok_or_else(|| {
                Error::Buf(
                    "proto contracts cannot be compared without buf: name the program with --buf or \
                     SHOAL_BUF (`bazel run //tools/contracts` does), or leave them out with --no-proto"
                        .to_owned(),
                )
            })?;
        // Bazel hands over paths that hold where the program was started.
        let program = std::path::absolute(&program).map_err(Error::io(&program))?;
        if !program.is_file() {
            return Err(Error::Buf(format!(
                "{}: there is no buf",
                program.display()
            )));
        }
        Ok(Self { program })
    }

    /// What the files below `new` break for those who use the files below `old`.
    ///
    /// # Errors
    /// When buf cannot read either side.
    pub fn breaking(&self, old: &Path, new: &Path, shown_as: &str) -> Result<Report> {
        let old = old.to_string_lossy().into_owned();
        let arguments = [
            "breaking",
            ".",
            "--against",
            old.as_str(),
            "--config",
            BREAKING,
        ];
        self.run("proto-breaking", new, &arguments, shown_as)
    }

    /// Where the files below `folder` leave the common style.
    ///
    /// # Errors
    /// When buf cannot read them.
    pub fn lint(&self, folder: &Path, shown_as: &str) -> Result<Report> {
        self.run(
            "proto-lint",
            folder,
            &["lint", ".", "--config", LINT],
            shown_as,
        )
    }

    fn run(&self, rule: &str, folder: &Path, arguments: &[&str], shown_as: &str) -> Result<Report> {
        let scratch = tempfile::tempdir().map_err(Error::io("a temporary folder"))?;
        let output = Command::new(&self.program)
            .args(arguments)
            .args(["--error-format", "json"])
            .current_dir(folder)
            .env("HOME", scratch.path())
            .env("BUF_CACHE_DIR", scratch.path())
            .output()
            .map_err(Error::io(&self.program))?;
        match output.status.code() {
            Some(0) => Ok(Report::default()),
            Some(HAS_FINDINGS) => findings(rule, &output, shown_as),
            _ => Err(Error::Buf(format!(
                "buf {} failed: {}",
                arguments.first().unwrap_or(&""),
                String::from_utf8_lossy(&output.stderr).trim()
            ))),
        }
    }
}

/// One line of what buf prints.
#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    path: String,
    #[serde(default)]
    start_line: u64,
    #[serde(default)]
    start_column: u64,
    r#type: String,
    message: String,
}

fn findings(rule: &str, output: &Output, shown_as: &str) -> Result<Report> {
    let text = String::from_utf8_lossy(&output.stdout);
    let mut report = Report::default();
    for line in text.lines().filter(|l| !l.trim().is_empty()) {
        let line: Line = serde_json::from_str(line)
            .map_err(|e| Error::Buf(format!("buf said something unexpected ({e}): {line}")))?;
        // A file that does not compile is reported like a finding, but then nothing was checked.
        if line.r#type == "COMPILE" {
            return Err(Error::Buf(format!(
                "{shown_as}/{}:{}: {}",
                line.path, line.start_line, line.message
            )));
        }
        report.findings.extend(finding(rule, &line, shown_as));
    }
    if report.findings.is_empty() {
        return Err(Error::Buf("buf reports findings but names none".to_owned()));
    }
    Ok(report)
}

fn finding(rule: &str, line: &Line, shown_as: &str) -> Option<Finding> {
    let rule = rules::find(rule)?;
    let path = line.path.replace('\\', "/");
    Some(Finding {
        rule: rule.id,
        severity: rule.severity,
        file: format!("{shown_as}/{path}"),
        pointer: format!("{}:{}", line.start_line, line.start_column),
        change: line.message.clone(),
        before: None,
        after: Some(Value::from(line.r#type.clone())),
        used_by: BTreeSet::from([module_of(&path, &line.message)
            .unwrap_or("proto")
            .to_owned()]),
        affects: rule.affects,
        advice: rule.advice,
    })
}

/// The module that owns a proto file: the second part of its path, or, for a file that is gone, of the name in
/// buf's message.
#[must_use]
pub fn module_of<'a>(path: &'a str, message: &'a str) -> Option<&'a str> {
    let after = |text: &'a str, mark: &str| {
        let rest = text.split_once(mark)?.1;
        rest.split(|c: char| !c.is_alphanumeric() && c != '-')
            .next()
    };
    after(path, "shoal/")
        .or_else(|| after(message, "shoal/"))
        .or_else(|| after(message, "\"shoal."))
        .filter(|name| !name.is_empty())
}
