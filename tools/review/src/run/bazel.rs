//! What this tool knows about `./bazelw`: how a command is taken apart, and
//! which flags make it tell its results to programs.

/// The entry point of the build.
pub const PROGRAM: &str = "./bazelw";

/// A command of Bazel, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// `test`, `build` or `run`.
    pub verb: String,
    /// Flags before the targets.
    pub flags: Vec<String>,
    /// Labels and patterns.
    pub targets: Vec<String>,
    /// What follows `--`: the program's own arguments.
    pub arguments: Vec<String>,
}

/// Flags that take their value as the next word.
const VALUED: [&str; 4] = ["-c", "--compilation_mode", "--config", "-j"];

impl Invocation {
    /// Takes `./bazelw VERB FLAGS TARGETS -- ARGUMENTS` apart; `None` for other programs.
    pub fn parse(words: &[String]) -> Option<Self> {
        let (program, rest) = words.split_first()?;
        if program != PROGRAM && program != "bazelw" {
            return None;
        }
        let (verb, rest) = rest.split_first()?;
        let mut invocation = Self {
            verb: verb.clone(),
            flags: Vec::new(),
            targets: Vec::new(),
            arguments: Vec::new(),
        };
        let mut rest = rest.iter();
        while let Some(word) = rest.next() {
            if word == "--" {
                invocation.arguments = rest.cloned().collect();
                break;
            }
            if !word.starts_with('-') || word.starts_with("-//") {
                invocation.targets.push(word.clone());
                continue;
            }
            invocation.flags.push(word.clone());
            if VALUED.contains(&word.as_str()) {
                invocation.flags.extend(rest.next().cloned());
            }
        }
        Some(invocation)
    }

    /// The words again, with one more flag.
    pub fn with_flag(&self, flag: &str) -> Vec<String> {
        let mut words = vec![PROGRAM.to_owned(), self.verb.clone(), flag.to_owned()];
        words.extend(self.flags.iter().cloned());
        words.extend(self.targets.iter().cloned());
        if !self.arguments.is_empty() {
            words.push("--".to_owned());
            words.extend(self.arguments.iter().cloned());
        }
        words
    }
}

/// Splits a command as a shell would, and refuses what only a shell could do.
///
/// # Errors
/// One sentence.
pub fn words(command: &str) -> Result<Vec<String>, String> {
    let words = shlex::split(command).ok_or("its quotes do not close")?;
    let shell = ["|", "||", "&&", ";", "&", ">", ">>", "<", "2>&1"];
    let needs_shell = |word: &&String| shell.contains(&word.as_str()) || word.ends_with(';');
    if let Some(word) = words.iter().find(needs_shell) {
        return Err(format!(
            "'{word}' needs a shell, and commands run without one; write one command a line, or a script"
        ));
    }
    if words.is_empty() {
        return Err("it is empty".to_owned());
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn flags_targets_and_arguments_are_told_apart() {
        let line = "./bazelw run -c opt --config=x //tools/bench -- --only bare '--name=a b'";
        let invocation = Invocation::parse(&words(line).unwrap()).unwrap();
        assert_eq!(invocation.verb, "run");
        assert_eq!(invocation.flags, ["-c", "opt", "--config=x"]);
        assert_eq!(invocation.targets, ["//tools/bench"]);
        assert_eq!(invocation.arguments, ["--only", "bare", "--name=a b"]);
        let again = invocation.with_flag("--script_path=s");
        assert_eq!(again[..4], ["./bazelw", "run", "--script_path=s", "-c"]);
        assert_eq!(
            Invocation::parse(&words("tools/bazel/agree").unwrap()),
            None
        );
    }

    #[test]
    fn a_command_that_needs_a_shell_is_refused() {
        for line in ["a | b", "a && b", "a; b", "a > b", "'a", "  "] {
            assert!(words(line).is_err(), "{line}");
        }
        assert!(words("grep 'a|b' file").is_ok());
    }
}
