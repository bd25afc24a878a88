//! One leader, and the next.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use shoal_discovery::Leadership;
use shoal_task::Scope;
use shoal_testkit::{Etcd, FaultProxy, eventually};
use tokio::time::Instant;

use super::support::{LEASE_S, Node, SOON, config, proxied};

/// Who led from when to when; the work of each leader writes it.
#[derive(Clone, Default)]
struct Journal(Arc<Mutex<Vec<Lead>>>);

#[derive(Clone, Debug)]
struct Lead {
    who: usize,
    token: i64,
    from: Instant,
    to: Option<Instant>,
}

/// Ends the entry however the work ends.
struct Open(Journal, i64);

impl Drop for Open {
    fn drop(&mut self) {
        let mut leads = self.0.0.lock().unwrap();
        let open = leads.iter_mut().find(|lead| lead.token == self.1).unwrap();
        open.to = Some(Instant::now());
    }
}

impl Journal {
    fn begin(&self, who: usize, token: i64) -> Open {
        let lead = Lead {
            who,
            token,
            from: Instant::now(),
            to: None,
        };
        self.0.lock().unwrap().push(lead);
        Open(self.clone(), token)
    }

    fn leads(&self) -> Vec<Lead> {
        self.0.lock().unwrap().clone()
    }

    /// The one that leads now, and not `but`.
    async fn leader(&self, but: Option<usize>) -> Lead {
        let probe = || async {
            let leads = self.leads();
            let open: Vec<_> = leads.iter().filter(|lead| lead.to.is_none()).collect();
            assert!(open.len() <= 1, "two lead: {leads:?}");
            let one = open.first().filter(|lead| Some(lead.who) != but);
            one.map(|lead| (*lead).clone())
        };
        eventually(probe, SOON).await
    }

    /// Tokens grow, and each lead begins after the one before has ended.
    fn check(&self) {
        let leads = self.leads();
        for pair in leads.windows(2) {
            assert!(pair[0].token < pair[1].token, "{leads:?}");
            let ended = pair[0].to.expect("the one before has ended");
            assert!(ended <= pair[1].from, "two led at once: {leads:?}");
        }
    }
}

struct Candidate {
    node: Node,
    scope: Scope,
}

impl Candidate {
    fn new(who: usize, endpoints: Vec<String>, journal: &Journal) -> Self {
        let node = Node::new("order", &config(endpoints));
        let scope = Scope::root(format!("candidate{who}"));
        let leadership = node.registry.campaign("relay");
        let (journal, own) = (journal.clone(), scope.clone());
        let leading = async move { lead(leadership, &own, who, &journal).await };
        drop(scope.spawn_detached_context("lead", leading));
        Self { node, scope }
    }

    /// Stops the work, then the candidacy, as a shutdown does.
    async fn stop(self) {
        let report = self.scope.drain(SOON).await;
        assert!(report.aborted.is_empty(), "{report:?}");
        self.node.stop().await;
    }
}

async fn lead(leadership: Leadership, scope: &Scope, who: usize, journal: &Journal) {
    let work = |term: shoal_discovery::Term, own: Scope| async move {
        let _open = journal.begin(who, term.token);
        own.cancelled().await;
    };
    leadership.lead(scope, work).await;
}

async fn candidates(etcd: &Etcd, count: usize) -> (Vec<Candidate>, Vec<FaultProxy>, Journal) {
    let journal = Journal::default();
    let (mut candidates, mut proxies) = (Vec::new(), Vec::new());
    for who in 0..count {
        let (proxy, through) = proxied(&etcd.endpoints()[0]).await;
        candidates.push(Candidate::new(who, vec![through], &journal));
        proxies.push(proxy);
    }
    (candidates, proxies, journal)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_stops_hands_over_at_once_and_tokens_grow() {
    let etcd = Etcd::start().await;
    let (candidates, _proxies, journal) = candidates(&etcd, 4).await;
    let mut left: Vec<_> = candidates.into_iter().map(Some).collect();
    let mut before = None;
    for _ in 0..4 {
        let leader = journal.leader(before).await;
        before = Some(leader.who);
        let start = Instant::now();
        left[leader.who].take().unwrap().stop().await;
        if left.iter().any(Option::is_some) {
            journal.leader(before).await;
            let took = start.elapsed();
            assert!(took < Duration::from_millis(1_000), "{took:?}");
        }
    }
    journal.check();
    assert_eq!(journal.leads().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_is_cut_off_stops_before_the_next_one_begins() {
    let etcd = Etcd::start().await;
    let (candidates, proxies, journal) = candidates(&etcd, 3).await;
    let first = journal.leader(None).await;
    let start = Instant::now();
    proxies[first.who].freeze();
    let second = journal.leader(Some(first.who)).await;
    let took = start.elapsed();
    // The lease, and what etcd takes to notice its end.
    let bound = Duration::from_secs(u64::from(LEASE_S) + 3);
    assert!(took < bound, "{took:?}");
    // The first one comes back and stands in line.
    proxies[first.who].heal();
    proxies[second.who].refuse();
    let third = journal.leader(Some(second.who)).await;
    assert!(third.token > second.token);
    journal.check();
    for candidate in candidates {
        candidate.scope.cancel();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_keeps_its_lead_while_members_of_the_cluster_fail() {
    let mut etcd = Etcd::cluster(3).await;
    let journal = Journal::default();
    let first = Candidate::new(0, etcd.endpoints(), &journal);
    journal.leader(None).await;
    let second = Candidate::new(1, etcd.endpoints(), &journal);
    for round in 0..2 {
        let leader = etcd.leader().await;
        if round == 0 {
            etcd.kill(leader);
        } else {
            etcd.pause(leader);
        }
        tokio::time::sleep(Duration::from_secs(u64::from(LEASE_S) * 2)).await;
        // Whoever leads, it is one; a lead that was lost went over in order.
        journal.leader(None).await;
        journal.check();
        if round == 0 {
            etcd.restart(leader);
        } else {
            etcd.resume(leader);
        }
    }
    first.stop().await;
    let second_leads = || async { journal.leader(None).await.who == 1 };
    eventually(second_leads, SOON).await;
    journal.check();
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_etcd_wholly_away_nobody_leads_and_somebody_does_afterwards() {
    let mut etcd = Etcd::start().await;
    let (candidates, _proxies, journal) = candidates(&etcd, 2).await;
    let first = journal.leader(None).await;
    etcd.kill(0);
    let ended = || async { journal.leads().iter().all(|lead| lead.to.is_some()) };
    eventually(ended, SOON).await;
    let lasted = journal.leads()[0].to.unwrap() - first.from;
    assert!(lasted > Duration::ZERO);
    etcd.restart(0);
    let next = journal.leader(None).await;
    assert!(next.token > first.token);
    journal.check();
    for candidate in candidates {
        candidate.stop().await;
    }
}
