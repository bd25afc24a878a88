//! The rules as every request finds them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shoal_routing::rollback::{Guard, RollbackSettings};
use shoal_routing::{Rule, RuleSet, Rules, RulesError};

use super::audit::AuditSource;

/// Why a rule is paused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pause {
    pub(crate) at_ms: i64,
    pub(crate) source: AuditSource,
    pub(crate) actor: String,
    pub(crate) reason: String,
}

/// Pauses by the rule's name. One whose rule is not there now waits for it: a
/// rule that was rolled back is not to come back by leaving and returning.
pub(crate) type Pauses = BTreeMap<String, Pause>;

/// Rules, what is paused of them, and how they do. Never changed, only replaced.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) rules: Rules,
    pub(crate) pauses: Pauses,
    /// Names the rules' text; see [`super::files::revision`].
    pub(crate) revision: String,
    /// One per rule. Those of rules that stay as they are outlive a change.
    guards: Vec<Arc<Mutex<Guard>>>,
}

impl Active {
    /// No rules.
    pub(crate) fn none(pauses: Pauses) -> Self {
        Self {
            rules: Rules::default(),
            pauses,
            revision: super::files::revision(""),
            guards: Vec::new(),
        }
    }

    /// The state after a change of rules or pauses.
    ///
    /// # Errors
    /// When the rules cannot be meant.
    pub(crate) fn next(
        &self,
        set: RuleSet,
        revision: String,
        pauses: Pauses,
        settings: &RollbackSettings,
    ) -> Result<Self, RulesError> {
        let names: BTreeSet<String> = pauses.keys().cloned().collect();
        let rules = Rules::new(set, &names)?;
        let guard = |rule: &Rule| {
            self.guard_of(rule, &pauses)
                .unwrap_or_else(|| Arc::new(Mutex::new(Guard::new(settings))))
        };
        let guards = rules.set().rules.iter().map(guard).collect();
        Ok(Self {
            rules,
            pauses,
            revision,
            guards,
        })
    }

    pub(crate) fn has_rule(&self, name: &str) -> bool {
        self.rules.set().rules.iter().any(|rule| rule.name == name)
    }

    /// Names of the rules that match something, with their guards.
    pub(crate) fn watched(&self) -> impl Iterator<Item = (&str, MutexGuard<'_, Guard>)> {
        let all = self.rules.set().rules.iter().zip(&self.guards);
        let running = all.filter(|(rule, _)| !self.pauses.contains_key(&rule.name));
        running.map(|(rule, guard)| (rule.name.as_str(), lock(guard)))
    }

    /// The guard of the rule at this position of the set.
    pub(crate) fn guard(&self, at: usize) -> Option<MutexGuard<'_, Guard>> {
        self.guards.get(at).map(|guard| lock(guard))
    }

    /// The guard that a rule keeps: the rule is as it was, and is neither
    /// paused nor resumed by this change.
    fn guard_of(&self, rule: &Rule, pauses: &Pauses) -> Option<Arc<Mutex<Guard>>> {
        let at = self.rules.set().rules.iter().position(|own| own == rule)?;
        let name = &rule.name;
        let same = self.pauses.contains_key(name) == pauses.contains_key(name);
        same.then(|| Arc::clone(&self.guards[at]))
    }
}

/// Nothing panics while it is held, and a guard stays whole if it did.
fn lock(guard: &Mutex<Guard>) -> MutexGuard<'_, Guard> {
    guard.lock().unwrap_or_else(PoisonError::into_inner)
}
