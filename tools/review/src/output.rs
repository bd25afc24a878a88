//! The one place that prints: answers to standard output, progress to standard error.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it talks to people"
)]

use std::time::Duration;

/// An answer.
pub fn say(text: &str) {
    println!("{text}");
}

/// Why there is no answer.
pub fn complain(error: &dyn std::fmt::Display) {
    eprintln!("shoal-review: {error}");
}

/// Something that goes on, for those who wait.
pub fn progress(text: &str) {
    eprintln!("{text}");
}

/// A duration as people say it: `0.4 s`, `12 s`, `3 min 20 s`.
pub fn time(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 10.0 {
        format!("{seconds:.1} s")
    } else if seconds < 60.0 {
        format!("{seconds:.0} s")
    } else {
        let whole = duration.as_secs();
        format!("{} min {} s", whole / 60, whole % 60)
    }
}
