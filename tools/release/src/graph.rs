//! The module and contract graph, and the rules that it has to keep.
//!
//! Modules may depend on one another through contracts alone: gRPC calls that they declare, and events. The facts come
//! from where they are true: Cargo's manifests (crates), the generated `contract/module.json` (calls, events), the proto
//! files (imports) and the sources (which contracts are really used).

mod manifests;
mod protos;
mod render;
mod rules;
mod sources;

use std::collections::BTreeSet;

use serde::Serialize;
use shoal_modules::{Facts, Workspace};

use crate::{Error, Result};

pub use manifests::{Crate, Layer};
pub use protos::ProtoFile;
pub(crate) use protos::{ROOT as PROTO_ROOT, protos_of};
pub use rules::{Rule, Violation};
pub use sources::Uses;

/// Where the graph's golden page lies, from the top of the workspace.
pub const PAGE: &str = "docs/module-graph.md";

/// What writes the page again.
pub const RENEW: &str = "./bazelw run //tools/release -- graph --write";

/// Everything that modules know of one another.
#[derive(Clone, Debug, Serialize)]
pub struct Graph {
    /// The modules, by name.
    pub modules: Vec<Node>,
    /// Crates of the workspace, by name.
    pub crates: Vec<Crate>,
    /// Proto files, by path.
    pub protos: Vec<ProtoFile>,
}

/// One module.
#[derive(Clone, Debug, Serialize)]
pub struct Node {
    /// Its folder's name.
    pub name: String,
    /// Its Cargo package.
    pub package: String,
    /// Who answers for it.
    pub owner: String,
    /// What its generated contract says; `None` when there is none.
    pub facts: Option<Facts>,
    /// Which contracts of others its sources use.
    pub uses: Uses,
}

/// A type of event, with who announces it and who listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EventEdge<'a> {
    /// Its type, such as `order.placed.v1`.
    pub kind: &'a str,
    /// Modules that announce it; one, in a sound graph.
    pub publishers: Vec<&'a str>,
    /// Modules that listen to it.
    pub consumers: Vec<&'a str>,
}

impl Graph {
    /// Reads the graph of a workspace as its files are now.
    ///
    /// # Errors
    /// When a manifest, a contract or a proto file cannot be read.
    pub fn of(workspace: &Workspace) -> Result<Self> {
        let modules = workspace.modules()?.into_iter().map(|module| {
            let facts = module.facts()?;
            let uses = Uses::of(&module.path().join("src"))?;
            Ok(Node {
                name: module.name,
                package: module.package,
                owner: module.owner,
                facts,
                uses,
            })
        });
        Ok(Self {
            modules: modules.collect::<Result<_>>()?,
            crates: manifests::crates(workspace)?,
            protos: protos::files(workspace)?,
        })
    }

    /// What breaks the rules; empty for a sound graph.
    #[must_use]
    pub fn violations(&self) -> Vec<Violation> {
        rules::check(self)
    }

    /// Synchronous calls: who calls whom, by name.
    #[must_use]
    pub fn calls(&self) -> Vec<(&str, &str)> {
        let declared = self
            .modules
            .iter()
            .filter_map(|node| Some((node, node.facts.as_ref()?)));
        declared
            .flat_map(|(node, facts)| {
                facts
                    .calls
                    .iter()
                    .map(|to| (node.name.as_str(), to.as_str()))
            })
            .collect()
    }

    /// Events, by type.
    #[must_use]
    pub fn events(&self) -> Vec<EventEdge<'_>> {
        let facts = || {
            self.modules
                .iter()
                .filter_map(|node| node.facts.as_ref().map(|facts| (node.name.as_str(), facts)))
        };
        let kinds: BTreeSet<&str> = facts()
            .flat_map(|(_, f)| f.publishes.iter().chain(&f.consumes))
            .map(String::as_str)
            .collect();
        let those = |kind: &str, list: fn(&Facts) -> &Vec<String>| {
            facts()
                .filter(|(_, f)| list(f).iter().any(|k| k == kind))
                .map(|(name, _)| name)
                .collect()
        };
        kinds
            .into_iter()
            .map(|kind| EventEdge {
                kind,
                publishers: those(kind, |f| &f.publishes),
                consumers: those(kind, |f| &f.consumes),
            })
            .collect()
    }

    /// Modules in an order in which each stands behind those whose contracts it uses, calls before events.
    #[must_use]
    pub fn providers_first(&self) -> Vec<&str> {
        let mut waiting: Vec<&str> = self.modules.iter().map(|node| node.name.as_str()).collect();
        let events = self.events();
        let listens = |name: &str, to: &str| {
            events
                .iter()
                .any(|e| e.consumers.contains(&name) && e.publishers.contains(&to))
        };
        let calls = self.calls();
        let mut order = Vec::new();
        while !waiting.is_empty() {
            let free = |with_events: bool| {
                waiting.iter().position(|name| {
                    waiting.iter().all(|other| {
                        other == name
                            || !(calls.contains(&(*name, *other))
                                || with_events && listens(name, other))
                    })
                })
            };
            // Modules may listen to each other in a circle, which no order can please.
            let next = free(true).or_else(|| free(false)).unwrap_or(0);
            order.push(waiting.remove(next));
        }
        order
    }

    /// As a page: a drawing and tables.
    #[must_use]
    pub fn page(&self) -> String {
        render::page(self)
    }

    /// As a mermaid flowchart.
    #[must_use]
    pub fn mermaid(&self) -> String {
        render::mermaid(self)
    }

    /// As lines for a terminal.
    #[must_use]
    pub fn text(&self) -> String {
        render::text(self)
    }
}

/// How the page in git differs from the graph, in one sentence; `None` when it does not.
///
/// # Errors
/// When the page is there but cannot be read.
pub fn drift(workspace: &Workspace, graph: &Graph) -> Result<Option<String>> {
    let path = workspace.path(PAGE);
    let golden = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(source) => return Err(Error::io(path, source)),
    };
    let stale = golden != graph.page();
    Ok(stale.then(|| {
        format!("{PAGE} is not what the modules are now: renew it with `{RENEW}` and commit it")
    }))
}
