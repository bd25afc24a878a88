//! Every kind of page: it is there, it is quiet, it is accessible.

use serde_json::{Value, json};

use super::browser::Browser;
use super::world::{KINDS, browse, given};

/// What WCAG 2.1 AA asks, as far as a program can tell.
const RULES: [&str; 4] = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"];

#[test]
fn a_reader_walks_from_the_first_page_to_every_kind_of_page() {
    browse(|b| async move {
        b.open("").await;
        b.read("#live", "5 of 5 services are ready").await;
        b.read("[data-service=order] .state", "ready, running 0.")
            .await;
        b.click("[data-service=order] h2 a").await;
        b.arrives("services/order/current/index.html").await;
        for (tab, page, heading) in [
            ("Endpoints", "current/api.html", "Shoal order"),
            ("Events", "current/events.html", "Events"),
            ("gRPC", "current/grpc.html", "gRPC"),
            ("Error codes", "current/errors.html", "Error codes"),
            ("Settings", "current/settings.html", "Settings"),
            ("Downloads", "current/downloads.html", "Downloads"),
            ("Changelog", "changelog.html", "Changelog"),
            ("What changed", "changes.html", "What changed"),
            ("Module graph", "graph.html", "Module graph"),
            ("Guide", "current/index.html", "order"),
        ] {
            if b.path().await.contains("api.html") {
                b.click(".menu summary").await;
            }
            b.click_text(&format!("//nav[@aria-label='order']//a[text()='{tab}']"))
                .await;
            b.arrives(&format!("services/order/{page}")).await;
            let h1 = if tab == "Endpoints" {
                "#reference h1"
            } else {
                "main h1"
            };
            b.read(h1, heading).await;
        }
        for (link, heading) in [
            ("Events", "Events"),
            ("Errors", "Error codes"),
            ("Modules", "Modules"),
            ("Handbook", "Handbook"),
        ] {
            b.click_text(&format!("//header//a[text()='{link}']")).await;
            b.read("main h1", heading).await;
        }
    });
}

#[test]
fn the_type_of_a_problem_document_leads_to_its_code() {
    browse(|b| async move {
        b.open("").await;
        let problem = b
            .run_async(
                "const done = arguments[0]; fetch('/order/v1/products/prd_none').then((r) => r.json()).then(done);",
                vec![],
            )
            .await;
        // Chromium logs an answer of 404, which was asked for.
        assert_eq!(b.take_complaints().await.len(), 1);
        let link = problem["type"].as_str().unwrap();
        let origin = b.home.trim_end_matches("/docs/");
        b.goto(&format!("{origin}{link}")).await;
        let code = problem["code"].as_str().unwrap();
        let seen = "const e = document.getElementById(arguments[0]); const box = e.getBoundingClientRect();
            return box.top >= 0 && box.top < innerHeight && e.textContent.includes('What to do');";
        assert_eq!(b.run(seen, vec![code.into()]).await, json!(true), "{code}");
    });
}

#[test]
fn no_kind_of_page_breaks_a_rule_of_accessibility_in_light_or_dark() {
    let axe = std::fs::read_to_string(given("SHOAL_AXE", "axe.min.js of axe-core")).unwrap();
    browse(|b| async move {
        let mut faults = Vec::new();
        for scheme in ["light", "dark"] {
            b.system_colours(scheme).await;
            for page in KINDS {
                b.open(page).await;
                faults.extend(violations(&b, &axe, &format!("{page} ({scheme})")).await);
            }
        }
        assert!(
            faults.is_empty(),
            "{} faults:\n{}",
            faults.len(),
            faults.join("\n")
        );
    });
}

/// Rules that the page breaks, with the elements.
async fn violations(b: &Browser, axe: &str, page: &str) -> Vec<String> {
    let _ = b.run(&format!("{axe}; return true;"), vec![]).await;
    let script = "const done = arguments[1];
        axe.run(document, { runOnly: arguments[0], resultTypes: ['violations'] })
            .then((r) => done(r.violations.map((v) => [v.id, v.nodes.map((n) => n.target.join(' ') + ' ' + n.failureSummary.slice(0, 200))])))
            .catch((e) => done([['axe failed', [String(e)]]]));";
    let found = b.run_async(script, vec![json!(RULES)]).await;
    let found = found.as_array().cloned().unwrap_or_default();
    let line = |rule: &Value| {
        let nodes: Vec<&str> = rule[1]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let shown: Vec<&str> = nodes.iter().copied().take(4).collect();
        format!(
            "{page}: {} × {}\n    {}",
            rule[0],
            nodes.len(),
            shown.join("\n    ")
        )
    };
    found.iter().map(line).collect()
}
