//! What the graph must keep to.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::{Graph, Layer, Node};

/// Which rule was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// A crate depends on one of a layer above it.
    UpwardDependency,
    /// A service's crate depends on another service's crate.
    SidewaysDependency,
    /// A module's proto file imports another module's.
    ProtoImport,
    /// A proto file belongs to no module.
    ProtoWithoutModule,
    /// Sources use another module's gRPC contract without declaring the call.
    UndeclaredCall,
    /// A declared call has no module at its other end.
    UnknownPeer,
    /// Synchronous calls go in a circle.
    CallCycle,
    /// Sources use another module's events without declaring that they listen.
    UndeclaredEvent,
    /// Somebody listens to an event that nobody announces.
    OrphanEvent,
    /// An event is announced by two modules, or not by the one whose name it begins with.
    ForeignEvent,
    /// A module has no generated contract, or that of another.
    ContractMissing,
    /// The crate of contracts is imported under another name, which hides what is used.
    HiddenUse,
}

/// A broken rule: where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Violation {
    /// Which rule.
    pub rule: Rule,
    /// The crate, module or file that breaks it.
    pub subject: String,
    /// One sentence: what is wrong and what to do.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.subject, self.message)
    }
}

/// Every violation, sorted.
pub(super) fn check(graph: &Graph) -> Vec<Violation> {
    let mut found = Vec::new();
    crates(graph, &mut found);
    protos(graph, &mut found);
    calls(graph, &mut found);
    cycles(graph, &mut found);
    events(graph, &mut found);
    contracts(graph, &mut found);
    found.sort();
    found.dedup();
    found
}

fn violation(rule: Rule, subject: &str, message: String) -> Violation {
    Violation {
        rule,
        subject: subject.to_owned(),
        message,
    }
}

fn crates(graph: &Graph, found: &mut Vec<Violation>) {
    let layers: BTreeMap<&str, Layer> = graph
        .crates
        .iter()
        .map(|c| (c.name.as_str(), c.layer))
        .collect();
    for from in &graph.crates {
        for to in from.normal.iter().chain(&from.other) {
            let Some(layer) = layers.get(to.as_str()).copied() else {
                continue;
            };
            // The kit that tests are made with may stand beside or above what it tests, only ever in tests.
            if layer > from.layer {
                let text = format!(
                    "depends on {to}, which is of a layer above it (proto ← libs ← services ← tools): move what it needs down"
                );
                found.push(violation(Rule::UpwardDependency, &from.name, text));
            } else if layer == Layer::Services && from.layer == Layer::Services {
                let text = format!(
                    "depends on the crate {to}, another service's inside: use its contract (a gRPC call or an event) instead"
                );
                found.push(violation(Rule::SidewaysDependency, &from.name, text));
            }
        }
    }
}

fn protos(graph: &Graph, found: &mut Vec<Violation>) {
    for file in &graph.protos {
        if file.owner != "common" && !graph.modules.iter().any(|node| node.name == file.owner) {
            let text = format!(
                "belongs to `{}`, and there is no such module: move it to the module that answers for it",
                file.owner
            );
            found.push(violation(Rule::ProtoWithoutModule, &file.path, text));
        }
        for import in &file.imports {
            let whose = import
                .strip_prefix("shoal/")
                .and_then(|path| path.split('/').next());
            if whose.is_some_and(|whose| whose != "common" && whose != file.owner) {
                let text = format!(
                    "imports {import}, another module's contract: put what both share into shoal/common, or repeat it"
                );
                found.push(violation(Rule::ProtoImport, &file.path, text));
            }
        }
    }
}

fn calls(graph: &Graph, found: &mut Vec<Violation>) {
    let known = |name: &str| graph.modules.iter().any(|node| node.name == name);
    for node in &graph.modules {
        if node.uses.renamed {
            let text = "imports shoal_proto under another name or as a whole: name the modules whose contracts it uses".to_owned();
            found.push(violation(Rule::HiddenUse, &node.name, text));
        }
        let Some(facts) = &node.facts else { continue };
        for peer in facts.calls.iter().filter(|peer| !known(peer)) {
            let text = format!(
                "declares that it calls `{peer}`, and there is no such module: remove it from PEERS"
            );
            found.push(violation(Rule::UnknownPeer, &node.name, text));
        }
        for other in undeclared(node, &node.uses.grpc, |other| facts.calls.contains(other)) {
            let text = format!(
                "uses the gRPC contract of `{other}` without declaring the call: add it to PEERS and renew the contract"
            );
            found.push(violation(Rule::UndeclaredCall, &node.name, text));
        }
    }
}

fn undeclared<'a>(
    node: &'a Node,
    used: &'a std::collections::BTreeSet<String>,
    declared: impl Fn(&String) -> bool + 'a,
) -> impl Iterator<Item = &'a String> {
    used.iter()
        .filter(move |other| **other != node.name && !declared(other))
}

fn cycles(graph: &Graph, found: &mut Vec<Violation>) {
    let calls = graph.calls();
    let mut reported: Vec<Vec<&str>> = Vec::new();
    for node in &graph.modules {
        let Some(path) = cycle_through(&calls, &node.name) else {
            continue;
        };
        let mut members = path.clone();
        members.sort_unstable();
        if reported.contains(&members) {
            continue;
        }
        let text = format!(
            "calls itself through {} → {}: turn one of the calls into an event",
            path.join(" → "),
            node.name
        );
        found.push(violation(Rule::CallCycle, &node.name, text));
        reported.push(members);
    }
}

/// The shortest way from a module back to itself along calls, the module first.
fn cycle_through<'a>(calls: &[(&'a str, &'a str)], start: &'a str) -> Option<Vec<&'a str>> {
    let mut ways = std::collections::VecDeque::from([vec![start]]);
    let mut seen = vec![];
    while let Some(way) = ways.pop_front() {
        let last = way.last()?;
        for (_, to) in calls.iter().filter(|(from, _)| from == last) {
            if *to == start {
                return Some(way);
            }
            if !seen.contains(to) {
                seen.push(to);
                ways.push_back(way.iter().copied().chain([*to]).collect());
            }
        }
    }
    None
}

fn events(graph: &Graph, found: &mut Vec<Violation>) {
    for edge in graph.events() {
        if edge.publishers.is_empty() {
            let text = format!(
                "listens to {}, which nobody announces: correct the type, or let its module announce it",
                edge.kind
            );
            found.extend(
                edge.consumers
                    .iter()
                    .map(|consumer| violation(Rule::OrphanEvent, consumer, text.clone())),
            );
        }
        let own = edge.kind.split('.').next().unwrap_or_default();
        for publisher in edge
            .publishers
            .iter()
            .filter(|publisher| **publisher != own)
        {
            let text = format!(
                "announces {}, which by its name is an event of `{own}`: name it {publisher}.…",
                edge.kind
            );
            found.push(violation(Rule::ForeignEvent, publisher, text));
        }
    }
    for node in &graph.modules {
        let Some(facts) = &node.facts else { continue };
        let listens = |other: &String| {
            facts
                .consumes
                .iter()
                .any(|kind| kind.split('.').next() == Some(other))
        };
        for other in undeclared(node, &node.uses.events, listens) {
            let text = format!(
                "uses events of `{other}` without declaring that it listens to one: add it to CONSUMES and renew the contract"
            );
            found.push(violation(Rule::UndeclaredEvent, &node.name, text));
        }
    }
}

fn contracts(graph: &Graph, found: &mut Vec<Violation>) {
    for node in &graph.modules {
        let renew = format!("`./bazelw run //services/{}:renew`", node.name);
        let text = match &node.facts {
            Some(facts) if facts.name == node.name => continue,
            Some(facts) => format!(
                "its contract/module.json is that of `{}`: renew it with {renew}",
                facts.name
            ),
            None => format!(
                "has no contract/module.json, so nothing is known of its calls and events: make it with {renew}"
            ),
        };
        found.push(violation(Rule::ContractMissing, &node.name, text));
    }
}
