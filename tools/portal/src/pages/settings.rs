//! The settings' reference, row by row.

use serde::Serialize;

use crate::markdown;

/// A row of the settings' reference.
#[derive(Serialize)]
pub(super) struct Setting {
    pub(super) key: String,
    allowed: String,
    default: String,
    environment: String,
    about: String,
    #[serde(skip)]
    pub(super) about_text: String,
}

/// Rows of the reference that the chassis prints; none when its form changed,
/// and then the page shows the table as it is.
pub(super) fn settings(text: &str) -> Vec<Setting> {
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    rows.filter_map(|line| {
        let cells: Vec<String> = cells(line);
        let [key, allowed, default, environment, about] = cells.try_into().ok()?;
        let bare = |cell: &str| cell.trim_matches('`').to_owned();
        Some(Setting {
            key: bare(&key),
            allowed: markdown::inline(&allowed),
            default: bare(&default),
            environment: bare(&environment),
            about: markdown::inline(&about),
            about_text: about,
        })
    })
    .collect()
}

/// Cells of a row; `\|` does not end one.
fn cells(line: &str) -> Vec<String> {
    let hidden = line.trim().trim_matches('|').replace("\\|", "\u{0}");
    let cells = hidden.split('|');
    cells
        .map(|cell| cell.trim().replace('\u{0}', "|"))
        .collect()
}

/// Settings by the first part of their key; single ones come first.
pub(super) fn by_group(settings: Vec<Setting>) -> Vec<(String, Vec<Setting>)> {
    let mut groups: Vec<(String, Vec<Setting>)> = vec![(String::new(), Vec::new())];
    for setting in settings {
        let name = setting
            .key
            .split_once('.')
            .map_or("", |(name, _)| name)
            .to_owned();
        match groups.iter_mut().find(|(group, _)| *group == name) {
            Some((_, members)) => members.push(setting),
            None => groups.push((name, vec![setting])),
        }
    }
    groups.retain(|(_, members)| !members.is_empty());
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_the_reference_become_settings_with_bars_in_them() {
        let text = "# Settings\n\n| key | allowed | default | environment | meaning |\n|---|---|---|---|---|\n\
            | `a.b` | one of x \\| y | `\"x\"` | `S__A__B` | The `b` of a. |\n| `c` | a text | `1` | `S__C` | C. |\n";
        let settings = settings(text);
        assert_eq!(settings.len(), 2);
        assert_eq!(settings[0].allowed, "one of x | y");
        assert_eq!(
            settings[0].about,
            "The <code class=\"short\">b</code> of a."
        );
        let groups = by_group(settings);
        let names: Vec<&str> = groups.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["", "a"]);
    }
}
