//! The trail of changes: one JSON object per line, appended and synced before
//! the change counts, never rewritten.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tokio::fs::{self, File, OpenOptions};
use tokio::io::{AsyncSeekExt as _, AsyncWriteExt as _};

use super::active::{Pause, Pauses};

/// One change of the rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct AuditEntry {
    /// Counts from 1 at this gateway.
    #[schema(minimum = 1, example = 17)]
    pub(crate) seq: u64,
    /// When, in Unix milliseconds.
    #[schema(example = 1_764_000_000_000_i64)]
    pub(crate) at_ms: i64,
    /// What led to it.
    pub(crate) source: AuditSource,
    /// Who did it: a user's id, or `gateway`.
    #[schema(example = "usr_01k9zt3m5cq0s6v8x2b4d7f9ha")]
    pub(crate) actor: String,
    /// What was done.
    pub(crate) action: AuditAction,
    /// The rule that it was done to; `null` when all were replaced.
    #[schema(required, example = "five-percent")]
    pub(crate) rule: Option<String>,
    /// Revision of the rules afterwards; of the refused text, when it was
    /// refused.
    #[schema(example = "9f86d081884c7d65")]
    pub(crate) revision: String,
    /// Why, in words.
    #[schema(example = "errors rose after the last deployment")]
    pub(crate) reason: String,
}

/// What led to a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AuditSource {
    /// The rules file changed.
    File,
    /// A person or a program asked over HTTP.
    Api,
    /// The gateway saw that a colour does worse.
    Rollback,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AuditAction {
    /// All rules were replaced.
    Replaced,
    /// A change of the file was not taken.
    Refused,
    /// A rule was paused.
    Paused,
    /// A rule was resumed.
    Resumed,
}

/// The file with the trail.
#[derive(Clone, Debug)]
pub(crate) struct Trail(PathBuf);

impl Trail {
    pub(crate) fn new(folder: &Path) -> Self {
        Self(folder.join("audit.jsonl"))
    }

    /// All entries, oldest first.
    pub(crate) async fn entries(&self) -> io::Result<Vec<AuditEntry>> {
        let text = match fs::read_to_string(&self.0).await {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        // A line without its end was being written when the process died: the
        // change did not count.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let entry = |line: &str| {
            serde_json::from_str(line)
                .inspect_err(|error| tracing::error!(%error, "a line of the audit trail is broken"))
        };
        Ok(whole.lines().filter_map(|line| entry(line).ok()).collect())
    }

    /// What is paused, as the trail tells it.
    pub(crate) async fn pauses(&self) -> Pauses {
        let entries = self.entries().await.unwrap_or_else(|error| {
            tracing::error!(%error, "the audit trail cannot be read; nothing counts as paused");
            Vec::new()
        });
        pauses_of(entries)
    }

    /// Whether the rules that counted last have this revision.
    pub(crate) async fn ends_with(&self, revision: &str) -> bool {
        let entries = self.entries().await.unwrap_or_default();
        let mut replaced = entries
            .iter()
            .rev()
            .filter(|entry| entry.action == AuditAction::Replaced);
        replaced
            .next()
            .is_some_and(|last| last.revision == revision)
    }

    /// Appends an entry, numbered and on disk when this returns.
    pub(crate) async fn append(&self, mut entry: AuditEntry) -> io::Result<()> {
        if let Some(folder) = self.0.parent() {
            fs::create_dir_all(folder).await?;
        }
        entry.seq = self.entries().await?.last().map_or(0, |last| last.seq) + 1;
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&self.0)
            .await?;
        cut_torn_line(&mut file, &self.0).await?;
        let line = serde_json::to_string(&entry)? + "\n";
        file.write_all(line.as_bytes()).await?;
        file.sync_data().await
    }
}

/// Removes what a crash left half-written, and stands at the end.
async fn cut_torn_line(file: &mut File, path: &Path) -> io::Result<()> {
    let bytes = fs::read(path).await?;
    let whole = bytes
        .iter()
        .rposition(|b| *b == b'\n')
        .map_or(0, |at| at + 1);
    if whole < bytes.len() {
        file.set_len(whole as u64).await?;
    }
    file.seek(io::SeekFrom::End(0)).await?;
    Ok(())
}

fn pauses_of(entries: Vec<AuditEntry>) -> Pauses {
    let mut pauses = Pauses::new();
    for entry in entries {
        let Some(rule) = entry.rule else { continue };
        match entry.action {
            AuditAction::Paused => {
                let pause = Pause {
                    at_ms: entry.at_ms,
                    source: entry.source,
                    actor: entry.actor,
                    reason: entry.reason,
                };
                pauses.insert(rule, pause);
            }
            AuditAction::Resumed => {
                pauses.remove(&rule);
            }
            AuditAction::Replaced | AuditAction::Refused => {}
        }
    }
    pauses
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(action: AuditAction, rule: &str) -> AuditEntry {
        AuditEntry {
            seq: 0,
            at_ms: 1,
            source: AuditSource::Api,
            actor: "usr_1".to_owned(),
            action,
            rule: Some(rule.to_owned()),
            revision: String::new(),
            reason: "because\nof \"this\"".to_owned(),
        }
    }

    #[tokio::test]
    async fn entries_are_numbered_and_pauses_follow_from_them() {
        let folder = tempfile::tempdir().unwrap();
        let trail = Trail::new(&folder.path().join("below"));
        assert!(trail.entries().await.unwrap().is_empty());
        for (action, rule) in [
            (AuditAction::Paused, "a"),
            (AuditAction::Paused, "b"),
            (AuditAction::Resumed, "a"),
        ] {
            trail.append(entry(action, rule)).await.unwrap();
        }
        let entries = trail.entries().await.unwrap();
        let seqs: Vec<_> = entries.iter().map(|entry| entry.seq).collect();
        assert_eq!(seqs, [1, 2, 3]);
        assert_eq!(entries[0].reason, "because\nof \"this\"");
        let pauses = trail.pauses().await;
        assert_eq!(pauses.keys().collect::<Vec<_>>(), ["b"]);
    }

    #[tokio::test]
    async fn a_line_that_a_crash_tore_does_not_count_and_does_not_spoil_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let trail = Trail::new(folder.path());
        trail.append(entry(AuditAction::Paused, "a")).await.unwrap();
        let path = folder.path().join("audit.jsonl");
        let mut text = std::fs::read_to_string(&path).unwrap();
        text.push_str("{\"seq\":2,\"at_ms\":1,\"source\":\"ap");
        std::fs::write(&path, text).unwrap();
        assert_eq!(trail.entries().await.unwrap().len(), 1);
        trail
            .append(entry(AuditAction::Resumed, "a"))
            .await
            .unwrap();
        let entries = trail.entries().await.unwrap();
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[1].seq, 2);
        assert!(trail.pauses().await.is_empty());
    }
}
