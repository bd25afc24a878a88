//! Traffic colouring at the door: which rules count now, and what becomes of
//! the requests that they colour.
//!
//! | here | what |
//! |---|---|
//! | `active` | the rules as every request finds them, swapped as a whole |
//! | `change` | the few ways in which they change, each with its line in the trail |
//! | `files` | the rules file, the last good copy, and how they are written |
//! | `audit` | the trail: one JSON object per line, never rewritten |
//! | `passage` | one request: its colour before, its outcome after |
//! | `tasks` | looking at the file, and at how the colours do |
//!
//! The file is the one truth about rules: the API writes it too. What is paused
//! is no part of it, since a rollback must work where the file is read-only; it
//! follows from the trail. Rejected: rules in a database (the gateway has none,
//! and must not need one) and file-system notifications (they miss mounted
//! files that are swapped as a whole; reading a small file each second misses
//! nothing and costs nothing).

mod active;
mod audit;
mod change;
mod files;
mod metrics;
mod passage;
mod tasks;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use shoal_task::SharedClock;

pub(crate) use active::{Active, Pause};
pub(crate) use audit::{AuditEntry, AuditSource};
pub(crate) use change::{Replacement, Who};
pub(crate) use files::Refusal;
pub(crate) use tasks::start;

use crate::config::GrayConfig;
use files::Files;

/// The rules of this gateway. Shared by all requests.
pub(crate) struct Gray {
    active: RwLock<Arc<Active>>,
    /// Why the file, as it is now, is not what counts.
    refused: Mutex<Option<Refusal>>,
    /// What the last look at the file saw.
    seen: Mutex<String>,
    /// Taken by whoever changes something, so that changes and their lines in
    /// the trail have one order.
    files: tokio::sync::Mutex<Files>,
    clock: SharedClock,
    config: GrayConfig,
}

impl Gray {
    /// Reads the trail and the rules. Never fails: a gateway without colours is
    /// better than none, so what is wrong is told in log, metrics and API.
    pub(crate) async fn open(config: &GrayConfig, data_dir: &Path, clock: SharedClock) -> Self {
        let files = Files::new(config, data_dir);
        let pauses = files.trail().pauses().await;
        let gray = Self {
            active: RwLock::new(Arc::new(Active::none(pauses))),
            refused: Mutex::new(None),
            seen: Mutex::default(),
            files: tokio::sync::Mutex::new(files),
            clock,
            config: config.clone(),
        };
        gray.read_first().await;
        gray
    }

    /// The rules that count now.
    pub(crate) fn active(&self) -> Arc<Active> {
        let active = self.active.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&active)
    }

    /// Why the file, as it is now, is not what counts.
    pub(crate) fn refused(&self) -> Option<Refusal> {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.clone()
    }

    fn swap(&self, active: Active) {
        metrics::rules(&active);
        let mut current = self.active.write().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(active);
    }

    fn set_refused(&self, refusal: Option<Refusal>) {
        metrics::stale(refusal.is_some());
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        *refused = refusal;
    }
}

#[cfg(test)]
mod tests;
