//! What a release would publish of a changelog.

use semver::Version;
use shoal_modules::{Changelog, Release};

/// The changelog's part that a release of a version would publish.
pub(crate) struct Pending {
    pub(crate) body: String,
    pub(crate) entries: usize,
}

impl Pending {
    /// `Unreleased`, and the version's own section when it has no date yet.
    pub(crate) fn of(changelog: &Changelog, version: &Version) -> Self {
        let section = changelog.release(version);
        let planned = section.filter(|release| release.date.is_none());
        let unreleased = changelog.unreleased.iter().map(|s| s.body.as_str());
        let bodies: Vec<&str> = unreleased.chain(planned.map(|r| r.body.as_str())).collect();
        Self {
            body: merged(&bodies),
            entries: changelog.unreleased_entries() + planned.map_or(0, Release::entries),
        }
    }
}

/// The bodies as one: what stands below the same third-level heading comes together, in the order of its first mention.
fn merged(bodies: &[&str]) -> String {
    let mut parts: Vec<(&str, Vec<&str>)> = vec![("", Vec::new())];
    for body in bodies {
        let (mut at, mut after_heading) = (0, true);
        for line in body.lines() {
            if line.starts_with("### ") {
                at = parts
                    .iter()
                    .position(|(heading, _)| *heading == line)
                    .unwrap_or(parts.len());
                if at == parts.len() {
                    parts.push((line, Vec::new()));
                }
            } else if let Some((_, lines)) = parts.get_mut(at)
                && !(line.trim().is_empty() && after_heading)
            {
                lines.push(line);
            }
            after_heading = line.starts_with("### ") || (after_heading && line.trim().is_empty());
        }
        // A list that goes on in the next body stays one list.
        for (_, lines) in &mut parts {
            while lines.last().is_some_and(|line| line.trim().is_empty()) {
                lines.pop();
            }
        }
    }
    let written = parts.iter().map(|(heading, lines)| {
        let text = lines.join("\n");
        format!("{heading}\n{}", text.trim_matches('\n'))
            .trim()
            .to_owned()
    });
    let written: Vec<String> = written.filter(|part| !part.is_empty()).collect();
    written.join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_below_the_same_heading_come_together() {
        let late = "### Added\n- Late.\n\n### Fixed\n- A fault.";
        let early = "### Added\n\n- Early.\n  More of it.\n";
        assert_eq!(
            merged(&[late, early]),
            "### Added\n- Late.\n- Early.\n  More of it.\n\n### Fixed\n- A fault."
        );
        assert_eq!(merged(&[early, ""]), "### Added\n- Early.\n  More of it.");
    }

    #[test]
    fn bodies_without_headings_follow_each_other() {
        assert_eq!(merged(&["- Late.", "- Early."]), "- Late.\n- Early.");
        assert_eq!(
            merged(&["- Late.", "### Added\n- Early."]),
            "- Late.\n\n### Added\n- Early."
        );
        assert_eq!(merged(&["", ""]), "");
    }
}
