//! Inserting a line into a list of similar lines.

/// Adds `line` to the first run of lines that `belongs` accepts, behind the text `after`, in alphabetical order.
/// `None` when there is no such run, or the line is there already.
pub(crate) fn sorted(
    text: &str,
    after: &str,
    belongs: impl Fn(&str) -> bool,
    line: &str,
) -> Option<String> {
    let (mut lines, run) = run(text, after, belongs)?;
    if lines[run.clone()].contains(&line) {
        return None;
    }
    let at = lines[run.clone()]
        .iter()
        .position(|other| key(other) > key(line))
        .map_or(run.end, |at| run.start + at);
    lines.insert(at, line);
    Some(joined(&lines))
}

/// Adds lines at the end of the first run of lines that `belongs` accepts, behind the text `after`.
pub(crate) fn last(
    text: &str,
    after: &str,
    belongs: impl Fn(&str) -> bool,
    added: &str,
) -> Option<String> {
    let (mut lines, run) = run(text, after, belongs)?;
    lines.insert(run.end, added);
    Some(joined(&lines))
}

fn run<'a>(
    text: &'a str,
    after: &str,
    belongs: impl Fn(&str) -> bool,
) -> Option<(Vec<&'a str>, std::ops::Range<usize>)> {
    let lines: Vec<&str> = text.lines().collect();
    let behind = if after.is_empty() {
        0
    } else {
        lines.iter().position(|line| line.contains(after))? + 1
    };
    let start = behind + lines[behind..].iter().position(|line| belongs(line))?;
    let end = start
        + lines[start..]
            .iter()
            .take_while(|line| belongs(line))
            .count();
    Some((lines, start..end))
}

/// What decides the order: the name that begins the line, so that `a-b` and `a` stand as `sort` would put them.
fn key(line: &str) -> String {
    line.chars().filter(|c| !c.is_whitespace()).collect()
}

fn joined(lines: &[&str]) -> String {
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[a]\nx = 1\n[b]\nalpha = 1\ngamma = 1\n\nzeta = 1\n";

    fn insert(line: &str) -> Option<String> {
        sorted(TEXT, "[b]", |line| line.contains(" = "), line)
    }

    #[test]
    fn a_line_finds_its_place_in_the_right_list() {
        assert_eq!(
            insert("beta = 1").as_deref(),
            Some("[a]\nx = 1\n[b]\nalpha = 1\nbeta = 1\ngamma = 1\n\nzeta = 1\n")
        );
        assert_eq!(
            insert("aa = 1").as_deref(),
            Some("[a]\nx = 1\n[b]\naa = 1\nalpha = 1\ngamma = 1\n\nzeta = 1\n")
        );
        assert_eq!(
            insert("omega = 1").as_deref(),
            Some("[a]\nx = 1\n[b]\nalpha = 1\ngamma = 1\nomega = 1\n\nzeta = 1\n")
        );
    }

    #[test]
    fn a_line_that_is_there_and_a_list_that_is_not_are_told() {
        assert_eq!(insert("alpha = 1"), None);
        assert_eq!(sorted(TEXT, "[c]", |_| true, "x"), None);
    }

    #[test]
    fn the_end_of_a_list_is_before_what_does_not_belong() {
        let text = last(TEXT, "[b]", |line| line.contains(" = "), "  new");
        assert_eq!(
            text.as_deref(),
            Some("[a]\nx = 1\n[b]\nalpha = 1\ngamma = 1\n  new\n\nzeta = 1\n")
        );
    }
}
