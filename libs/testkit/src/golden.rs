//! Generated files that are kept in git.

use std::path::Path;

/// Set to anything to write the files instead of comparing them.
const RENEW: &str = "SHOAL_RENEW";

/// Asserts that the file holds this generated text. When it is stale, the
/// failure names the first line that differs and the command that renews it.
#[track_caller]
pub fn assert_golden(path: impl AsRef<Path>, text: &str) {
    let path = path.as_ref();
    if std::env::var_os(RENEW).is_some() {
        std::fs::write(path, text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        return;
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    if kept == text {
        return;
    }
    let same = kept
        .lines()
        .zip(text.lines())
        .take_while(|(a, b)| a == b)
        .count();
    let line = |text: &str| text.lines().nth(same).unwrap_or("(nothing)").to_owned();
    panic!(
        "{} is stale at line {}:\n  kept:  {}\n  fresh: {}\nRenew it with {RENEW}=1 cargo test -p {}",
        path.display(),
        same + 1,
        line(&kept),
        line(text),
        std::env::var("CARGO_PKG_NAME").unwrap_or_else(|_| "<package>".to_owned()),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "is stale at line 2:\n  kept:  b\n  fresh: c")]
    fn a_stale_file_is_refused_with_the_line_and_the_command() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("golden.txt");
        std::fs::write(&path, "a\nb\n").unwrap();
        assert_golden(&path, "a\nc\n");
    }

    #[test]
    fn a_fresh_file_passes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("golden.txt");
        std::fs::write(&path, "a\n").unwrap();
        assert_golden(&path, "a\n");
    }
}
