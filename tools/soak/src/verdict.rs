//! One thing that a run must show.

/// Whether it held, and what was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What is asked, as a sentence.
    pub asked: &'static str,
    /// Whether it is so.
    pub held: bool,
    /// What was seen, with figures.
    pub seen: String,
}

impl Verdict {
    pub(crate) fn new(asked: &'static str, held: bool, seen: impl Into<String>) -> Self {
        Self {
            asked,
            held,
            seen: seen.into(),
        }
    }

    /// Holds when nothing is wrong; says what is, up to a few, or `fine`.
    pub(crate) fn nothing(asked: &'static str, wrong: &[String], fine: impl Into<String>) -> Self {
        const SHOWN: usize = 5;
        if wrong.is_empty() {
            return Self::new(asked, true, fine);
        }
        let first = wrong.iter().take(SHOWN).cloned().collect::<Vec<_>>();
        let seen = format!("{}: {}", wrong.len(), first.join("; "));
        Self::new(asked, false, seen)
    }
}
