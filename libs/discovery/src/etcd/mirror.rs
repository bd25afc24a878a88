//! What etcd said of one service's instances: a pure state machine, to which
//! the watcher feeds what it hears and at what time.
//!
//! A snapshot replaces the list, but for one case. A store whose revision went
//! back has lost its data (a member restored from nothing, a new cluster under
//! the old address); the instances are well and write their records again
//! within a lease. Until then those missing are kept.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::record;
use crate::Instance;

#[derive(Debug, Default)]
pub(crate) struct Mirror {
    /// Raw values beside, so that an equal record is no change.
    known: BTreeMap<String, Instance>,
    /// Kept although the store has lost them, each until a time.
    kept: BTreeMap<String, (Instance, Duration)>,
    store: Option<Store>,
}

/// Which data was read, and up to where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Store {
    pub(crate) cluster: u64,
    pub(crate) revision: i64,
}

/// A record that is not one, for the log.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Bad {
    pub(crate) id: String,
    pub(crate) why: String,
}

impl Mirror {
    /// All records as of `store`. Those that cannot be read are left out.
    pub(crate) fn reset<'a>(
        &mut self,
        store: Store,
        records: impl Iterator<Item = (&'a str, &'a [u8])>,
        now: Duration,
        keep: Duration,
    ) -> Vec<Bad> {
        let lost = self.store.is_some_and(|before| {
            before.cluster != store.cluster || store.revision < before.revision
        });
        let before = std::mem::take(&mut self.known);
        let mut bad = Vec::new();
        for (id, value) in records {
            bad.extend(self.put(id, value).err());
        }
        if lost {
            let missing = before
                .into_iter()
                .map(|(id, instance)| (id, (instance, now + keep)));
            self.kept.extend(missing);
        }
        self.kept.retain(|id, _| !self.known.contains_key(id));
        self.store = Some(store);
        bad
    }

    /// One record that was written.
    pub(crate) fn put(&mut self, id: &str, value: &[u8]) -> Result<(), Bad> {
        match record::read(id, value) {
            Ok(instance) => {
                self.kept.remove(id);
                self.known.insert(id.to_owned(), instance);
                Ok(())
            }
            Err(why) => {
                let id = id.to_owned();
                Err(Bad { id, why })
            }
        }
    }

    /// One record that was deleted, or whose lease ended.
    pub(crate) fn delete(&mut self, id: &str) {
        self.known.remove(id);
        self.kept.remove(id);
    }

    /// What the watch has brought up to now.
    pub(crate) fn reached(&mut self, revision: i64) {
        if let Some(store) = &mut self.store {
            store.revision = store.revision.max(revision);
        }
    }

    /// Drops what was kept long enough.
    pub(crate) fn expire(&mut self, now: Duration) {
        self.kept.retain(|_, (_, until)| now < *until);
    }

    /// All instances, ordered by id.
    pub(crate) fn list(&self) -> Arc<[Instance]> {
        let kept = self.kept.values().map(|(instance, _)| instance);
        let mut all: Vec<_> = self.known.values().chain(kept).cloned().collect();
        all.sort_by(|a, b| a.id.cmp(&b.id));
        all.into()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const KEEP: Duration = Duration::from_secs(10);
    const A: (&str, &[u8]) = ("a", br#"{"addr":"h:1"}"#);
    const B: (&str, &[u8]) = ("b", br#"{"addr":"h:2"}"#);

    fn at(revision: i64) -> Store {
        let cluster = 1;
        Store { cluster, revision }
    }

    fn ids(mirror: &Mirror) -> Vec<String> {
        mirror.list().iter().map(|i| i.id.clone()).collect()
    }

    #[test]
    fn a_snapshot_replaces_the_list() {
        let mut mirror = Mirror::default();
        assert!(ids(&mirror).is_empty());
        mirror.reset(at(5), [A, B].into_iter(), Duration::ZERO, KEEP);
        assert_eq!(ids(&mirror), ["a", "b"]);
        mirror.reset(at(9), [B].into_iter(), Duration::ZERO, KEEP);
        assert_eq!(ids(&mirror), ["b"]);
    }

    #[test]
    fn a_store_that_lost_its_data_empties_the_list_only_after_a_lease() {
        let mut mirror = Mirror::default();
        mirror.reset(at(50), [A, B].into_iter(), Duration::ZERO, KEEP);
        let lost = Duration::from_secs(100);
        mirror.reset(at(2), [].into_iter(), lost, KEEP);
        assert_eq!(ids(&mirror), ["a", "b"]);
        // One writes its record again, the other is gone for good.
        mirror.put(A.0, A.1).unwrap();
        mirror.expire(lost + KEEP - Duration::from_millis(1));
        assert_eq!(ids(&mirror), ["a", "b"]);
        mirror.expire(lost + KEEP);
        assert_eq!(ids(&mirror), ["a"]);
    }

    #[test]
    fn another_cluster_under_the_same_address_counts_as_lost_data() {
        let mut mirror = Mirror::default();
        mirror.reset(at(5), [A].into_iter(), Duration::ZERO, KEEP);
        let (cluster, revision) = (2, 90);
        let other = Store { cluster, revision };
        mirror.reset(other, [B].into_iter(), Duration::ZERO, KEEP);
        assert_eq!(ids(&mirror), ["a", "b"]);
    }

    #[test]
    fn what_the_watch_brought_counts_when_the_store_goes_back() {
        let mut mirror = Mirror::default();
        mirror.reset(at(5), [A].into_iter(), Duration::ZERO, KEEP);
        mirror.reached(8);
        mirror.reset(at(7), [].into_iter(), Duration::ZERO, KEEP);
        assert_eq!(ids(&mirror), ["a"]);
    }

    #[test]
    fn a_bad_record_is_named_and_leaves_the_others_and_its_own_last_good_form() {
        let mut mirror = Mirror::default();
        let bad = mirror.reset(
            at(5),
            [A, ("x", b"?".as_slice())].into_iter(),
            Duration::ZERO,
            KEEP,
        );
        assert_eq!(bad.len(), 1);
        assert_eq!(bad[0].id, "x");
        assert!(mirror.put("a", b"{}").is_err());
        assert_eq!(ids(&mirror), ["a"]);
    }

    #[test]
    fn a_deletion_takes_one_that_was_kept_too() {
        let mut mirror = Mirror::default();
        mirror.reset(at(50), [A].into_iter(), Duration::ZERO, KEEP);
        mirror.reset(at(2), [].into_iter(), Duration::ZERO, KEEP);
        mirror.delete("a");
        assert!(ids(&mirror).is_empty());
    }
}
