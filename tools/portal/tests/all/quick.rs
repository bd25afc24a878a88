//! How quick it is. The bounds are wide, for busy machines; the figures are
//! printed (`--nocapture`) for people to compare.

use std::time::Duration;

use tokio::time::Instant;

use super::world::{SOON, browse, site};

/// Most that a first visit of a page without the API reference may load, in
/// bytes as they travel.
const PAGE_BUDGET: f64 = 40_000.0;

/// The same of the API reference.
const REFERENCE_BUDGET: f64 = 1_500_000.0;

#[test]
fn a_first_visit_is_small_and_a_second_smaller() {
    browse(|b| async move {
        for (page, budget) in [
            ("", PAGE_BUDGET),
            ("services/order/current/", PAGE_BUDGET),
            ("services/order/current/api.html", REFERENCE_BUDGET),
        ] {
            b.chromium("Network.clearBrowserCache", serde_json::json!({}))
                .await;
            let mut figures = Vec::new();
            for _ in 0..2 {
                let start = Instant::now();
                b.open(page).await;
                let usable = start.elapsed();
                let script = "const n = performance.getEntriesByType('navigation')[0];
                    const all = [n, ...performance.getEntriesByType('resource')];
                    return [n.domContentLoadedEventEnd, all.reduce((sum, e) => sum + e.transferSize, 0)];";
                let found = b.run(script, vec![]).await;
                figures.push((
                    usable,
                    found[0].as_f64().unwrap(),
                    found[1].as_f64().unwrap(),
                ));
            }
            for ((usable, loaded, bytes), visit) in figures.iter().zip(["first", "second"]) {
                println!(
                    "{page:<36} {visit:<7} {loaded:>7.0} ms to loaded, {:>6} ms to usable, {bytes:>9.0} bytes",
                    usable.as_millis()
                );
            }
            let ((usable, _, first), (_, _, second)) = (figures[0], figures[1]);
            assert!(
                first <= budget,
                "{page} loads {first} bytes, more than {budget}"
            );
            assert!(
                second < first / 2.0,
                "{page}: nothing was kept: {second} of {first}"
            );
            assert!(usable < SOON, "{page} took {usable:?}");
        }
    });
}

#[test]
fn the_site_itself_answers_fast() {
    browse(|b| async move {
        b.open("").await;
        let script = "const done = arguments[0]; const start = performance.now();
            (async () => { for (let i = 0; i < 50; i++) await (await fetch('errors.html', { cache: 'no-store' })).text(); done((performance.now() - start) / 50); })();";
        let each = b.run_async(script, vec![]).await.as_f64().unwrap();
        println!(
            "errors.html, {} KiB: {each:.1} ms each",
            std::fs::metadata(site().join("errors.html")).unwrap().len() / 1024
        );
        assert!(
            Duration::from_secs_f64(each / 1000.0) < Duration::from_secs(1),
            "{each} ms"
        );
    });
}
