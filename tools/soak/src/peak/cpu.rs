//! How much of the processors each program takes, from `/proc`.

use std::collections::BTreeMap;

use tokio::time::Instant;

/// Ticks a second of `/proc/<id>/stat`; the same on every Linux of today.
const TICKS: f64 = 100.0;

/// Processor time of this process and all that come from it, by name.
pub(crate) struct Cpu {
    at: Instant,
    seconds: BTreeMap<String, f64>,
}

impl Cpu {
    pub(crate) fn now() -> Self {
        let all = processes();
        let own = std::process::id();
        let mut seconds: BTreeMap<String, f64> = BTreeMap::new();
        for (id, process) in &all {
            if descends(&all, *id, own) {
                *seconds.entry(process.name.clone()).or_default() += process.seconds;
            }
        }
        Self {
            at: Instant::now(),
            seconds,
        }
    }

    /// Names and cores kept busy since an earlier look, the busiest first.
    pub(crate) fn since(self, earlier: &Self) -> Vec<(String, f64)> {
        let over = (self.at - earlier.at).as_secs_f64().max(f64::MIN_POSITIVE);
        let used = |(name, seconds): (String, f64)| {
            let before = earlier.seconds.get(&name).copied().unwrap_or(0.0);
            (name, (seconds - before) / over)
        };
        let mut shares: Vec<_> = self.seconds.into_iter().map(used).collect();
        shares.retain(|share| share.1 >= 0.005);
        shares.sort_by(|a, b| b.1.total_cmp(&a.1));
        shares
    }
}

struct Process {
    parent: u32,
    name: String,
    seconds: f64,
}

fn processes() -> BTreeMap<u32, Process> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return BTreeMap::new();
    };
    let id = |entry: std::fs::DirEntry| entry.file_name().to_str()?.parse().ok();
    let ids = entries.flatten().filter_map(id);
    ids.filter_map(|id: u32| {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        Some((id, parse(&stat)?))
    })
    .collect()
}

/// `id (name) state parent …`, with user and system time at places 14 and 15.
fn parse(stat: &str) -> Option<Process> {
    let (name, rest) = stat.split_once('(')?.1.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = |place: usize| fields.get(place - 3)?.parse::<f64>().ok();
    Some(Process {
        parent: fields.get(1)?.parse().ok()?,
        name: name.to_owned(),
        seconds: (ticks(14)? + ticks(15)?) / TICKS,
    })
}

fn descends(all: &BTreeMap<u32, Process>, mut id: u32, from: u32) -> bool {
    while id != from {
        match all.get(&id) {
            Some(process) if process.parent != id && process.parent > 0 => id = process.parent,
            _ => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_name_with_blanks_and_brackets_does_not_shift_the_fields() {
        let line = "7 (a (b) c) S 3 7 7 0 -1 4194304 1 0 0 0 250 50 0 0 20 0 1 0 9 0 0";
        let process = parse(line).unwrap();
        assert_eq!((process.parent, process.name.as_str()), (3, "a (b) c"));
        assert!((process.seconds - 3.0).abs() < 1e-9);
    }

    #[test]
    fn shares_are_of_the_time_between_two_looks_and_the_busiest_comes_first() {
        let at = Instant::now();
        let look = |second: u64, seconds: &[(&str, f64)]| Cpu {
            at: at + std::time::Duration::from_secs(second),
            seconds: seconds.iter().map(|&(n, s)| (n.to_owned(), s)).collect(),
        };
        let before = look(0, &[("idle", 5.0), ("old", 1.0)]);
        let after = look(10, &[("idle", 5.0), ("new", 9.0), ("old", 2.0)]);
        let shares = [("new".to_owned(), 0.9), ("old".to_owned(), 0.1)];
        assert_eq!(after.since(&before), shares);
    }

    #[test]
    fn this_process_is_among_its_own() {
        assert!(!Cpu::now().seconds.is_empty());
    }
}
