//! Sizes of programs, built optimised on both sides.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use super::model::{Binary, Size};
use crate::bench::rounds::Effort;
use crate::change::Change;
use crate::change::packages::Packages;
use crate::error::{Error, Result};
use crate::output;
use crate::run::bazel;
use crate::run::process::{Job, Runner};

/// Sizes, and what could not be built.
pub(super) async fn measure(
    change: &Change,
    base: &Path,
    head: &Path,
    effort: &Effort,
    runner: &mut Runner,
) -> Result<(Vec<Binary>, Vec<String>)> {
    let mut all: BTreeMap<String, (Option<Size>, Option<Size>)> = BTreeMap::new();
    let mut problems = Vec::new();
    for (name, folder, packages) in [
        ("base", base, &change.base_packages),
        ("head", head, &change.packages),
    ] {
        let targets = targets(change, packages, folder);
        if targets.is_empty() {
            continue;
        }
        output::progress(&format!(
            "      building {} programs on {name}",
            targets.len()
        ));
        match sizes(name, folder, &targets, effort, runner).await? {
            Ok(sizes) => {
                for (target, size) in sizes {
                    let both = all.entry(target).or_default();
                    let side = if name == "base" {
                        &mut both.0
                    } else {
                        &mut both.1
                    };
                    *side = Some(size);
                }
            }
            Err(why) => problems.push(why),
        }
    }
    let binaries = all
        .into_iter()
        .map(|(target, (base, head))| Binary { target, base, head });
    Ok((binaries.collect(), problems))
}

/// The services' programs that the change reaches, and the tools' whose own files it touches.
fn targets(change: &Change, packages: &Packages, folder: &Path) -> Vec<String> {
    let reached = change.scope.programs();
    let everything = change.scope.is_everything();
    let members = packages.by_folder.iter().filter(|(member, _)| {
        let is_program = folder.join(member).join("src/main.rs").is_file();
        let touched = change
            .files
            .iter()
            .any(|file| packages.owner(file) == Some(member.as_str()));
        let is_service = member.starts_with("services/");
        is_program && (touched || is_service && (everything || reached.contains(member.as_str())))
    });
    members
        .map(|(member, package)| {
            // The macros name a tool's program after its folder, a service's after its package.
            if member.starts_with("tools/") {
                format!("//{member}")
            } else {
                format!("//{member}:{}", package.name)
            }
        })
        .collect()
}

async fn sizes(
    name: &str,
    folder: &Path,
    targets: &[String],
    effort: &Effort,
    runner: &mut Runner,
) -> Result<Result<Vec<(String, Size)>, String>> {
    let words = |verb: &str, flags: &[&str], targets: &[String]| -> Vec<String> {
        let head = [bazel::PROGRAM, verb, "-c", "opt"].into_iter();
        let head = head.chain(flags.iter().copied()).map(str::to_owned);
        head.chain(targets.iter().cloned()).collect()
    };
    let log = effort.logs.join(format!("sizes-{name}.log"));
    let build = words("build", &[], targets);
    if let Err(why) = run(&build, folder, &log, &log, effort, runner).await? {
        return Ok(Err(format!("binary sizes of {name}: building {why}")));
    }
    let mut found = Vec::new();
    for target in targets {
        let listed = effort.logs.join(format!("sizes-{name}.files"));
        let ask = words("cquery", &["--output=files"], std::slice::from_ref(target));
        if let Err(why) = run(&ask, folder, &listed, &log, effort, runner).await? {
            return Ok(Err(format!(
                "binary sizes of {name}: asking for the files of {target} {why}"
            )));
        }
        let text = std::fs::read_to_string(&listed).map_err(Error::io(&listed))?;
        let path = text.lines().next().unwrap_or_default();
        match std::fs::read(folder.join(path)) {
            Ok(bytes) => found.push((target.clone(), size(&bytes))),
            Err(error) => return Ok(Err(format!("binary sizes of {name}: {path}: {error}"))),
        }
    }
    Ok(Ok(found))
}

async fn run(
    words: &[String],
    folder: &Path,
    out: &Path,
    err: &Path,
    effort: &Effort,
    runner: &mut Runner,
) -> Result<Result<(), String>> {
    let open = |path: &Path| {
        let mut options = File::options();
        let opened = options.create(true).append(true).open(path);
        opened.map_err(Error::io(path))
    };
    if out != err {
        File::create(out).map_err(Error::io(out))?;
    }
    let job = Job {
        words,
        folder,
        stdout: open(out)?,
        stderr: open(err)?,
        limit: effort.build_limit,
    };
    let (ended, _) = runner.run(job).await?;
    let told = || format!("{} ({})", ended.words(effort.build_limit), err.display());
    Ok(if ended.is_success() {
        Ok(())
    } else {
        Err(told())
    })
}

fn size(bytes: &[u8]) -> Size {
    let file = bytes.len() as u64;
    Size {
        file,
        loaded: loaded(bytes).unwrap_or(file),
    }
}

/// The bytes of the loadable segments of a 64-bit little-endian ELF file.
/// Debug information, which says nothing about what runs, is in none of them.
fn loaded(bytes: &[u8]) -> Option<u64> {
    const LOADABLE: u64 = 1;
    let number = |at: usize, width: usize| -> Option<u64> {
        let part = bytes.get(at..at.checked_add(width)?)?;
        let fold = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        Some(part.iter().rev().fold(0, fold))
    };
    if !bytes.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let table = usize::try_from(number(0x20, 8)?).ok()?;
    let width = usize::try_from(number(0x36, 2)?).ok()?;
    let count = usize::try_from(number(0x38, 2)?).ok()?;
    let mut sum = 0;
    for index in 0..count {
        let entry = table.checked_add(index.checked_mul(width)?)?;
        if number(entry, 4)? == LOADABLE {
            sum += number(entry + 0x20, 8)?;
        }
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn what_is_loaded_is_less_than_the_file_of_this_very_program() {
        let bytes = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let size = size(&bytes);
        assert!(size.loaded > 100_000, "{size:?}");
        assert!(size.loaded < size.file, "{size:?}");
    }

    #[test]
    fn another_kind_of_file_counts_as_a_whole() {
        assert_eq!(
            size(b"#!/bin/sh\n"),
            Size {
                file: 10,
                loaded: 10
            }
        );
        // An ELF header that points past the end.
        let mut broken = b"\x7fELF\x02\x01".to_vec();
        broken.resize(64, 0xff);
        assert_eq!(size(&broken).loaded, 64);
    }
}
