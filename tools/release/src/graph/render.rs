//! The graph for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Graph, Layer, Node, RENEW};

/// A drawing of calls and events and the tables behind it. It names no versions, so that a release does not change it.
pub(super) fn page(graph: &Graph) -> String {
    let mut out = format!(
        "<!-- Generated from manifests, contracts and proto files. Renew with: {RENEW} -->\n\
         # Modules and contracts\n\n\
         Who calls whom (solid, gRPC or HTTP) and who listens to whose events (dotted). Nothing else may pass between\n\
         modules; `{check}` refuses it.\n\n\
         ```mermaid\n{mermaid}```\n\n",
        check = "./bazelw run //tools/release -- graph --check",
        mermaid = mermaid(graph),
    );
    out.push_str("## Modules\n\n| module | owner | calls | called by | serves over gRPC | libraries |\n|---|---|---|---|---|---|\n");
    for node in &graph.modules {
        let calls = graph.calls();
        let to: Vec<&str> = calls
            .iter()
            .filter(|(from, _)| *from == node.name)
            .map(|(_, to)| *to)
            .collect();
        let by: Vec<&str> = calls
            .iter()
            .filter(|(_, to)| *to == node.name)
            .map(|(from, _)| *from)
            .collect();
        let grpc: Vec<String> = node
            .facts
            .iter()
            .flat_map(|f| &f.grpc)
            .map(|name| format!("`{name}`"))
            .collect();
        let cells = [
            node.name.clone(),
            node.owner.clone(),
            to.join(", "),
            by.join(", "),
            grpc.join(", "),
            libraries(graph, node).join(", "),
        ];
        line(&mut out, &cells);
    }
    out.push_str("\n## Events\n\n| event | announced by | listened to by |\n|---|---|---|\n");
    for edge in graph.events() {
        line(
            &mut out,
            &[
                format!("`{}`", edge.kind),
                edge.publishers.join(", "),
                edge.consumers.join(", "),
            ],
        );
    }
    out
}

pub(super) fn mermaid(graph: &Graph) -> String {
    let mut out = String::from("flowchart LR\n");
    for node in &graph.modules {
        put(&mut out, format_args!("    {0}[{0}]\n", node.name));
    }
    for (from, to) in graph.calls() {
        put(&mut out, format_args!("    {from} --> {to}\n"));
    }
    for ((publisher, consumer), kinds) in listening(graph) {
        let what = match kinds.as_slice() {
            [one] => (*one).to_owned(),
            several => format!("{} events", several.len()),
        };
        put(
            &mut out,
            format_args!("    {publisher} -. {what} .-> {consumer}\n"),
        );
    }
    out
}

pub(super) fn text(graph: &Graph) -> String {
    let mut out = String::new();
    let listening = listening(graph);
    for node in &graph.modules {
        put(
            &mut out,
            format_args!(
                "{} ({})\n",
                node.name,
                if node.owner.is_empty() {
                    "no owner"
                } else {
                    &node.owner
                }
            ),
        );
        for (_, to) in graph.calls().iter().filter(|(from, _)| *from == node.name) {
            put(&mut out, format_args!("  calls {to}\n"));
        }
        for ((publisher, _), kinds) in listening
            .iter()
            .filter(|((_, consumer), _)| *consumer == node.name)
        {
            put(
                &mut out,
                format_args!("  listens to {publisher}: {}\n", kinds.join(", ")),
            );
        }
        if node.facts.is_none() {
            out.push_str("  has no generated contract yet\n");
        }
    }
    out
}

/// Types of events by who announces and who listens.
fn listening(graph: &Graph) -> BTreeMap<(&str, &str), Vec<&str>> {
    let mut pairs = BTreeMap::<_, Vec<&str>>::new();
    for edge in graph.events() {
        for publisher in &edge.publishers {
            for consumer in &edge.consumers {
                pairs
                    .entry((*publisher, *consumer))
                    .or_default()
                    .push(edge.kind);
            }
        }
    }
    pairs
}

fn libraries<'a>(graph: &'a Graph, node: &Node) -> Vec<&'a str> {
    let Some(own) = graph.crates.iter().find(|c| c.name == node.package) else {
        return Vec::new();
    };
    let folder = |name: &String| {
        graph
            .crates
            .iter()
            .find(|c| c.name == *name && c.layer == Layer::Libs)?
            .folder
            .strip_prefix("libs/")
    };
    own.normal.iter().filter_map(folder).collect()
}

fn line(out: &mut String, cells: &[String]) {
    put(out, format_args!("| {} |\n", cells.join(" | ")));
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing into a string cannot fail.
    let _ = out.write_fmt(text);
}
