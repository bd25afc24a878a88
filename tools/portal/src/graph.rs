//! The module graph as a picture: who calls whom, whose events go where.
//!
//! A layered drawing: callers left of what they call. Ten boxes need no layout
//! library, and one that runs in the browser would draw nothing on paper or for
//! a reader without scripts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::Serialize;

use crate::markdown::escape;
use crate::source::Site;

const WIDTH: i32 = 148;
const HEIGHT: i32 = 52;
const GAP_X: i32 = 116;
const GAP_Y: i32 = 44;
const MARGIN: i32 = 14;

/// How one module depends on another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Edge {
    /// Who depends.
    pub(crate) from: String,
    /// On whom.
    pub(crate) to: String,
    pub(crate) kind: EdgeKind,
    /// Types of the events; empty for calls.
    pub(crate) events: Vec<String>,
}

/// Kind of a dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EdgeKind {
    /// `from` calls `to`.
    Calls,
    /// `from` consumes events of `to`.
    Consumes,
}

/// Modules and how they depend on each other.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Graph {
    pub(crate) nodes: Vec<Node>,
    pub(crate) edges: Vec<Edge>,
}

/// A module.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) version: String,
}

impl Graph {
    /// That of all modules as they stand in the repository.
    pub(crate) fn of(site: &Site) -> Self {
        let mut graph = Self::default();
        let mut publisher = BTreeMap::new();
        for service in &site.services {
            let facts = &service.current().contract.facts;
            graph.nodes.push(Node {
                name: service.name.clone(),
                version: service.current().version.clone(),
            });
            for kind in &facts.publishes {
                publisher.insert(kind.as_str(), service.name.as_str());
            }
        }
        for service in &site.services {
            let facts = &service.current().contract.facts;
            let called: BTreeSet<&String> = facts.calls.iter().collect();
            graph.edges.extend(called.into_iter().map(|to| Edge {
                from: service.name.clone(),
                to: to.clone(),
                kind: EdgeKind::Calls,
                events: Vec::new(),
            }));
            let mut consumed: BTreeMap<&str, Vec<String>> = BTreeMap::new();
            for kind in &facts.consumes {
                if let Some(of) = publisher.get(kind.as_str()) {
                    consumed.entry(of).or_default().push(kind.clone());
                }
            }
            graph
                .edges
                .extend(consumed.into_iter().map(|(to, events)| Edge {
                    from: service.name.clone(),
                    to: to.to_owned(),
                    kind: EdgeKind::Consumes,
                    events,
                }));
        }
        graph.edges.retain(|edge| edge.from != edge.to);
        graph
    }

    /// One module and its neighbours.
    pub(crate) fn around(&self, name: &str) -> Self {
        let touches = |edge: &&Edge| edge.from == name || edge.to == name;
        let edges: Vec<Edge> = self.edges.iter().filter(touches).cloned().collect();
        let near = |node: &&Node| {
            node.name == name
                || edges
                    .iter()
                    .any(|e| e.from == node.name || e.to == node.name)
        };
        Self {
            nodes: self.nodes.iter().filter(near).cloned().collect(),
            edges,
        }
    }

    /// The drawing; `link` gives the address of a module's page, `centre` is
    /// drawn with more weight.
    pub(crate) fn svg(
        &self,
        id: &str,
        centre: Option<&str>,
        link: &dyn Fn(&str) -> String,
    ) -> String {
        let places = self.places();
        let right = places.values().map(|(x, _)| x + WIDTH).max().unwrap_or(0);
        let bottom = places.values().map(|(_, y)| y + HEIGHT).max().unwrap_or(0);
        let (width, height) = (right + MARGIN, bottom + MARGIN);
        let mut out = String::new();
        // Writing into a string cannot fail.
        let _ = write!(
            out,
            r#"<svg class="graph" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="group" aria-label="Module graph; the same as text follows.">"#
        );
        for (kind, class) in [("call", "calls"), ("event", "consumes")] {
            let _ = write!(
                out,
                r#"<marker id="{id}-{kind}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path class="tip {class}" d="M0 0 8 4 0 8z"/></marker>"#
            );
        }
        for edge in &self.edges {
            if let (Some(from), Some(to)) =
                (places.get(edge.from.as_str()), places.get(edge.to.as_str()))
            {
                draw_edge(&mut out, id, edge, *from, *to);
            }
        }
        for node in &self.nodes {
            let Some((x, y)) = places.get(node.name.as_str()) else {
                continue;
            };
            let class = if centre == Some(node.name.as_str()) {
                " class=\"centre\""
            } else {
                ""
            };
            let (name, version) = (escape(&node.name), escape(&node.version));
            let (cx, name_y, version_y) = (x + WIDTH / 2, y + 23, y + 40);
            let href = escape(&link(&node.name));
            let _ = write!(
                out,
                r#"<a href="{href}"{class}><rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="9"/><text class="name" x="{cx}" y="{name_y}">{name}</text><text class="version" x="{cx}" y="{version_y}">{version}</text></a>"#
            );
        }
        out.push_str("</svg>");
        out
    }

    /// Corner of each box: callers left, and in each column by name.
    fn places(&self) -> BTreeMap<&str, (i32, i32)> {
        let layers = self.layers();
        let mut columns: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
        for node in &self.nodes {
            let layer = layers.get(node.name.as_str()).copied().unwrap_or(0);
            columns.entry(layer).or_default().push(&node.name);
        }
        let tallest = columns.values().map(Vec::len).max().unwrap_or(0);
        let pitch = HEIGHT + GAP_Y;
        let mut places = BTreeMap::new();
        for (column, names) in columns.values().enumerate() {
            let free = small(tallest - names.len()) * pitch / 2;
            for (row, name) in names.iter().enumerate() {
                let x = MARGIN + small(column) * (WIDTH + GAP_X);
                places.insert(*name, (x, MARGIN + free + small(row) * pitch));
            }
        }
        places
    }

    /// Column of each module: one right of the last of its callers. Whoever
    /// neither calls nor is called stands right of whose events it takes.
    fn layers(&self) -> BTreeMap<&str, usize> {
        let mut layers: BTreeMap<&str, usize> = self
            .nodes
            .iter()
            .map(|node| (node.name.as_str(), 0))
            .collect();
        let calls = self.edges.iter().filter(|e| e.kind == EdgeKind::Calls);
        let linked: BTreeSet<&str> = calls
            .flat_map(|e| [e.from.as_str(), e.to.as_str()])
            .collect();
        let step = |edge: &Edge| match edge.kind {
            EdgeKind::Calls => true,
            EdgeKind::Consumes => !linked.contains(edge.from.as_str()),
        };
        // As often as there are modules: what goes in a circle ends too.
        for _ in 0..self.nodes.len() {
            for edge in self.edges.iter().filter(|edge| step(edge)) {
                let (left, right) = match edge.kind {
                    EdgeKind::Calls => (&edge.from, &edge.to),
                    EdgeKind::Consumes => (&edge.to, &edge.from),
                };
                let reach = layers.get(left.as_str()).copied().unwrap_or(0) + 1;
                if let Some(layer) = layers.get_mut(right.as_str()) {
                    *layer = (*layer).max(reach).min(self.nodes.len() - 1);
                }
            }
        }
        layers
    }
}

/// A line: calls run from the caller, events from who publishes them.
fn draw_edge(out: &mut String, id: &str, edge: &Edge, from: (i32, i32), to: (i32, i32)) {
    let (class, marker, start, end) = match edge.kind {
        EdgeKind::Calls => ("calls", "call", from, to),
        EdgeKind::Consumes => ("consumes", "event", to, from),
    };
    // Calls pass above the middle of a box, events below, so that the two do not lie on each other.
    let lane = match edge.kind {
        EdgeKind::Calls => -8,
        EdgeKind::Consumes => 10,
    };
    let (y1, y2) = (start.1 + HEIGHT / 2 + lane, end.1 + HEIGHT / 2 + lane);
    let path = if start.0 == end.0 {
        // Within a column: a bow at the right side.
        let x = start.0 + WIDTH;
        format!("M{x} {y1}C{} {y1} {} {y2} {x} {y2}", x + 52, x + 52)
    } else {
        let forward = start.0 < end.0;
        let (x1, x2) = if forward {
            (start.0 + WIDTH, end.0)
        } else {
            (start.0, end.0 + WIDTH)
        };
        // Past other columns straight, between their boxes; the bow comes last.
        let near = if forward { x2 - GAP_X } else { x2 + GAP_X };
        let bend = GAP_X / 2 * if forward { 1 } else { -1 };
        format!(
            "M{x1} {y1}H{near}C{} {y1} {} {y2} {x2} {y2}",
            near + bend,
            x2 - bend
        )
    };
    let title = escape(&edge.sentence());
    let _ = write!(
        out,
        r#"<path class="edge {class}" d="{path}" marker-end="url(#{id}-{marker})"><title>{title}</title></path>"#
    );
}

impl Edge {
    /// The dependency in words.
    pub(crate) fn sentence(&self) -> String {
        let Self { from, to, .. } = self;
        match self.kind {
            EdgeKind::Calls => format!("{from} calls {to}"),
            EdgeKind::Consumes => format!("{from} consumes {} of {to}", self.events.join(", ")),
        }
    }
}

/// Counts of boxes fit any integer.
fn small(n: usize) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str) -> Node {
        Node {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
        }
    }

    fn edge(from: &str, to: &str, kind: EdgeKind) -> Edge {
        Edge {
            from: from.to_owned(),
            to: to.to_owned(),
            kind,
            events: vec!["x.done.v1".to_owned()],
        }
    }

    fn shop() -> Graph {
        Graph {
            nodes: ["billing", "gateway", "mail", "order"].map(node).to_vec(),
            edges: vec![
                edge("gateway", "order", EdgeKind::Calls),
                edge("order", "billing", EdgeKind::Calls),
                edge("order", "billing", EdgeKind::Consumes),
                edge("mail", "order", EdgeKind::Consumes),
            ],
        }
    }

    #[test]
    fn callers_stand_left_of_what_they_call_and_consumers_right_of_the_source() {
        let graph = shop();
        let places = graph.places();
        let x = |name: &str| places[name].0;
        assert!(x("gateway") < x("order") && x("order") < x("billing"));
        assert!(x("order") < x("mail"));
    }

    #[test]
    fn a_circle_of_events_is_drawn_all_the_same() {
        let graph = Graph {
            nodes: ["a", "b"].map(node).to_vec(),
            edges: vec![
                edge("a", "b", EdgeKind::Consumes),
                edge("b", "a", EdgeKind::Consumes),
            ],
        };
        let svg = graph.svg("g", Some("a"), &|name| format!("{name}.html"));
        assert_eq!(svg.matches("class=\"edge consumes\"").count(), 2);
        assert!(svg.contains("href=\"b.html\""));
    }

    #[test]
    fn a_neighbourhood_holds_one_module_and_whom_it_touches() {
        let near = shop().around("billing");
        let names: Vec<&str> = near.nodes.iter().map(|n| n.name.as_str()).collect();
        assert_eq!(names, ["billing", "order"]);
        assert_eq!(near.edges.len(), 2);
    }
}
