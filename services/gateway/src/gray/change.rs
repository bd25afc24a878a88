//! The few ways in which the rules change. Each has one order: what is to be
//! is checked, the trail has its line, the files are written, the rules are
//! swapped.

use std::sync::PoisonError;

use shoal_error::{CommonCode, Error, Result};
use shoal_routing::rollback::Regression;
use shoal_routing::{RuleSet, RulesError};

use super::active::{Active, Pause, Pauses};
use super::audit::{AuditAction, AuditEntry, AuditSource};
use super::files::{self, Files, Refusal};
use super::{Gray, metrics};
use crate::codes::GatewayCode;

/// Name of the gateway in the trail, for what no person did.
const SELF: &str = "gateway";

/// A person who changes something, and why.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Who<'a> {
    pub(crate) user: &'a str,
    pub(crate) reason: &'a str,
}

/// New rules from a person.
#[derive(Clone, Debug)]
pub(crate) struct Replacement {
    pub(crate) set: RuleSet,
    /// Revision that the person looked at.
    pub(crate) expected: Option<String>,
}

impl Gray {
    /// All entries of the trail, oldest first.
    ///
    /// # Errors
    /// `Internal` when it cannot be read.
    pub(crate) async fn trail(&self) -> Result<Vec<AuditEntry>> {
        // A copy of the paths: reading must not hold up a rollback.
        let trail = self.files.lock().await.trail().clone();
        trail.entries().await.map_err(Error::internal)
    }

    /// Path of the rules file.
    pub(crate) async fn path(&self) -> String {
        self.files.lock().await.path().display().to_string()
    }

    /// Replaces all rules.
    ///
    /// # Errors
    /// `GrayRulesInvalid` for rules that cannot be meant, `Conflict` when the rules
    /// are others than expected or the file cannot be written.
    pub(crate) async fn replace(&self, new: Replacement, who: Who<'_>) -> Result<()> {
        let files = self.files.lock().await;
        let active = self.active();
        let other = |expected: &String| *expected != active.revision;
        if new.expected.as_ref().is_some_and(other) {
            let text = format!("The rules have the revision {:?} now.", active.revision);
            return Err(Error::new(CommonCode::Conflict, text));
        }
        let text = toml::to_string(&new.set).map_err(Error::internal)?;
        let revision = files::revision(&text);
        let pauses = active.pauses.clone();
        let settings = &self.config.rollback;
        let next = active.next(new.set, revision.clone(), pauses, settings);
        let next = next.map_err(invalid)?;
        let entry = self.entry(
            AuditSource::Api,
            AuditAction::Replaced,
            None,
            &revision,
            who,
        );
        append(&files, entry).await?;
        files.write_rules(&text).await.map_err(|error| {
            let path = files.path().display();
            let text =
                format!("The rules file {path} cannot be written; change it where it comes from.");
            Error::new(CommonCode::Conflict, text).with_source(error)
        })?;
        keep_good(&files, &text).await;
        self.swap(next);
        self.set_refused(None);
        tracing::info!(
            revision,
            user.id = who.user,
            reason = who.reason,
            "gray rules replaced"
        );
        Ok(())
    }

    /// Pauses a rule until somebody resumes it. A rule that is paused stays so.
    ///
    /// # Errors
    /// `NotFound` when there is no such rule.
    pub(crate) async fn pause(&self, rule: &str, who: Who<'_>) -> Result<()> {
        let files = self.files.lock().await;
        let active = self.existing(rule)?;
        if active.pauses.contains_key(rule) {
            return Ok(());
        }
        let revision = &active.revision;
        let entry = self.entry(
            AuditSource::Api,
            AuditAction::Paused,
            Some(rule),
            revision,
            who,
        );
        append(&files, entry.clone()).await?;
        self.swap_pauses(&active, |pauses| {
            pauses.insert(rule.to_owned(), pause_of(entry));
        });
        tracing::info!(
            rule,
            user.id = who.user,
            reason = who.reason,
            "gray rule paused"
        );
        Ok(())
    }

    /// Lets a paused rule match again. One that is not paused stays so.
    ///
    /// # Errors
    /// `NotFound` when there is no such rule.
    pub(crate) async fn resume(&self, rule: &str, who: Who<'_>) -> Result<()> {
        let files = self.files.lock().await;
        let active = self.existing(rule)?;
        if !active.pauses.contains_key(rule) {
            return Ok(());
        }
        let revision = &active.revision;
        let entry = self.entry(
            AuditSource::Api,
            AuditAction::Resumed,
            Some(rule),
            revision,
            who,
        );
        append(&files, entry).await?;
        self.swap_pauses(&active, |pauses| {
            pauses.remove(rule);
        });
        tracing::info!(
            rule,
            user.id = who.user,
            reason = who.reason,
            "gray rule resumed"
        );
        Ok(())
    }

    /// Pauses a rule whose colour does worse. Holds even where the trail cannot
    /// be written: clients come before records.
    pub(crate) async fn roll_back(&self, rule: &str, why: &Regression) {
        let files = self.files.lock().await;
        let active = self.active();
        if !active.has_rule(rule) || active.pauses.contains_key(rule) {
            return;
        }
        let reason = why.to_string();
        let who = Who {
            user: SELF,
            reason: &reason,
        };
        let revision = &active.revision;
        let source = AuditSource::Rollback;
        let entry = self.entry(source, AuditAction::Paused, Some(rule), revision, who);
        self.swap_pauses(&active, |pauses| {
            pauses.insert(rule.to_owned(), pause_of(entry.clone()));
        });
        metrics::rolled_back(rule, why.of);
        tracing::error!(
            rule,
            reason,
            "gray rule rolled back: its colour does worse than stable"
        );
        if let Err(error) = files.trail().append(entry).await {
            tracing::error!(%error, "the rollback stands, but is not in the audit trail");
        }
    }

    /// The rules at the start: those of the file, or those that counted last.
    pub(super) async fn read_first(&self) {
        self.reload().await;
        if self.refused().is_none() {
            return;
        }
        let files = self.files.lock().await;
        let Some(text) = files.last_good().await else {
            tracing::error!(
                "there are no gray rules: the file is refused, and none counted before"
            );
            return;
        };
        let active = self.active();
        match self.checked(&active, &text) {
            Ok(next) => {
                tracing::warn!(
                    revision = next.revision,
                    "the gray rules are those that counted last"
                );
                self.swap(next);
            }
            Err(problem) => tracing::error!(problem, "the last good gray rules are none"),
        }
    }

    /// Looks at the file. What is new there counts once two looks running have
    /// seen the same: before that somebody may be writing it, and half of it may
    /// be rules too.
    pub(super) async fn reload_settled(&self) {
        let files = self.files.lock().await.clone();
        let text = files.text().await;
        let seen = match &text {
            Ok(text) => files::revision(text),
            Err(problem) => problem.clone(),
        };
        let before = {
            let mut last = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *last, seen.clone())
        };
        if before == seen {
            self.take_in(text).await;
        }
    }

    /// Looks at the file, and takes what it says when it is new and right.
    pub(super) async fn reload(&self) {
        let files = self.files.lock().await.clone();
        self.take_in(files.text().await).await;
    }

    async fn take_in(&self, text: Result<String, String>) {
        let files = self.files.lock().await;
        let active = self.active();
        let text = match text {
            Ok(text) => text,
            Err(problem) => return self.refuse(&files, String::new(), problem).await,
        };
        let revision = files::revision(&text);
        if revision == active.revision {
            return self.set_refused(None);
        }
        match self.checked(&active, &text) {
            Ok(next) => self.take(&files, next, &text).await,
            Err(problem) => self.refuse(&files, revision, problem).await,
        }
    }

    fn checked(&self, active: &Active, text: &str) -> Result<Active, String> {
        let set = files::parse(text)?;
        let pauses = active.pauses.clone();
        active
            .next(set, files::revision(text), pauses, &self.config.rollback)
            .map_err(|error| error.to_string())
    }

    async fn take(&self, files: &Files, next: Active, text: &str) {
        let count = next.rules.set().rules.len();
        let reason = format!("{} holds {count} rules", files.path().display());
        let who = Who {
            user: SELF,
            reason: &reason,
        };
        let revision = next.revision.clone();
        let entry = self.entry(
            AuditSource::File,
            AuditAction::Replaced,
            None,
            &revision,
            who,
        );
        // A restart finds what it knew, which is no change.
        if !files.trail().ends_with(&revision).await
            && let Err(error) = files.trail().append(entry).await
        {
            tracing::error!(%error, "the new rules count, but are not in the audit trail");
        }
        keep_good(files, text).await;
        self.swap(next);
        self.set_refused(None);
        metrics::reload(true);
        tracing::info!(revision, rules = count, "gray rules loaded");
    }

    /// Says once for each text that it is refused; the rules stay as they are.
    async fn refuse(&self, files: &Files, revision: String, problem: String) {
        let known = self.refused();
        let said =
            known.is_some_and(|known| known.revision == revision && known.problem == problem);
        if said {
            return;
        }
        let path = files.path().display();
        tracing::error!(%path, problem, "the gray rules file is refused; the rules stay as they are");
        metrics::reload(false);
        let who = Who {
            user: SELF,
            reason: &problem,
        };
        let entry = self.entry(
            AuditSource::File,
            AuditAction::Refused,
            None,
            &revision,
            who,
        );
        if let Err(error) = files.trail().append(entry).await {
            tracing::error!(%error, "the refusal is not in the audit trail");
        }
        self.set_refused(Some(Refusal {
            at_ms: self.clock.now_ms(),
            revision,
            problem,
        }));
    }

    fn existing(&self, rule: &str) -> Result<std::sync::Arc<Active>> {
        let active = self.active();
        if active.has_rule(rule) {
            return Ok(active);
        }
        Err(Error::not_found("gray rule", rule))
    }

    fn swap_pauses(&self, active: &Active, change: impl FnOnce(&mut Pauses)) {
        let mut pauses = active.pauses.clone();
        change(&mut pauses);
        let (set, revision) = (active.rules.set().clone(), active.revision.clone());
        match active.next(set, revision, pauses, &self.config.rollback) {
            Ok(next) => self.swap(next),
            // They were checked when they came.
            Err(error) => tracing::error!(%error, "rules that count were refused"),
        }
    }

    fn entry(
        &self,
        source: AuditSource,
        action: AuditAction,
        rule: Option<&str>,
        revision: &str,
        who: Who<'_>,
    ) -> AuditEntry {
        AuditEntry {
            // Numbered when it is appended.
            seq: 0,
            at_ms: self.clock.now_ms(),
            source,
            actor: who.user.to_owned(),
            action,
            rule: rule.map(str::to_owned),
            revision: revision.to_owned(),
            reason: who.reason.to_owned(),
        }
    }
}

/// A person's change without its record does not happen.
async fn append(files: &Files, entry: AuditEntry) -> Result<()> {
    files.trail().append(entry).await.map_err(Error::internal)
}

async fn keep_good(files: &Files, text: &str) {
    if let Err(error) = files.keep_good(text).await {
        tracing::warn!(%error, "no copy of the gray rules is kept for the next start");
    }
}

fn pause_of(entry: AuditEntry) -> Pause {
    Pause {
        at_ms: entry.at_ms,
        source: entry.source,
        actor: entry.actor,
        reason: entry.reason,
    }
}

fn invalid(error: RulesError) -> Error {
    let summary = Error::new(GatewayCode::GrayRulesInvalid, error.to_string());
    error.0.into_iter().fold(summary, |summary, fault| {
        let key = fault.key.replace('.', "/");
        summary.with_field(format!("/rules/{}/{key}", fault.at), fault.problem)
    })
}
