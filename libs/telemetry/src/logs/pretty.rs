//! One short line per event: `05:40:01.123 INFO  order  placed order_id=…`.
//! Only a stack takes more.

use std::io::Write as _;

use tracing::Level;
use tracing::field::{Field, Visit};

use super::stack::{is_stack, own_frames};
use super::{Line, time};
use crate::redact::{REDACTED, is_sensitive};

const DIM: &str = "\x1b[2m";
const RESET: &str = "\x1b[0m";

pub(super) fn write(line: &Line<'_>, colour: bool, out: &mut Vec<u8>) {
    let level = *line.event.metadata().level();
    time::clock(line.time, out);
    let (on, off) = if colour {
        (level_colour(level), RESET)
    } else {
        ("", "")
    };
    let _ = write!(out, " {on}{:<5}{off} {:<12} ", level.as_str(), line.service);
    let mut fields = Fields {
        message: Vec::new(),
        rest: Vec::new(),
        frames: Vec::new(),
    };
    line.event.record(&mut fields);
    out.extend_from_slice(&fields.message);
    let (on, off) = if colour { (DIM, RESET) } else { ("", "") };
    let _ = write!(out, "{on}");
    out.extend_from_slice(&fields.rest);
    if let Some(span) = &line.span {
        let _ = write!(out, " trace={}", span.trace_id());
    }
    let _ = writeln!(out, "{off}");
    for frame in fields.frames {
        let _ = writeln!(out, "{:>13}{frame}", "at ");
    }
}

const fn level_colour(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\x1b[31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "\x1b[32m",
        _ => "\x1b[34m",
    }
}

struct Fields {
    message: Vec<u8>,
    rest: Vec<u8>,
    /// Of a stack, each for a line of its own.
    frames: Vec<String>,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        if is_stack(field.name())
            || field.name() == "message"
            || !value.contains(char::is_whitespace)
        {
            self.record_debug(field, &format_args!("{value}"));
        } else {
            self.record_debug(field, &value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let name = field.name();
        if name == "message" {
            one_line(&format!("{value:?}"), &mut self.message);
            return;
        }
        if is_stack(name) {
            self.frames = own_frames(&format!("{value:?}"));
            return;
        }
        let _ = write!(self.rest, " {name}=");
        if is_sensitive(name) {
            self.rest.extend_from_slice(REDACTED.as_bytes());
        } else {
            one_line(&format!("{value:?}"), &mut self.rest);
        }
    }
}

/// A line stays one line, and a terminal unmoved, whatever a value holds.
fn one_line(text: &str, out: &mut Vec<u8>) {
    if !text.contains(char::is_control) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    for c in text.chars() {
        let _ = if c.is_control() {
            write!(out, "{}", c.escape_default())
        } else {
            write!(out, "{c}")
        };
    }
}
