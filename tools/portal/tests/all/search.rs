//! Finding things.

use super::world::{browse, site};

/// Keys as WebDriver names them.
const ENTER: char = '\u{e007}';
const ESCAPE: char = '\u{e00c}';
const DOWN: char = '\u{e015}';
const UP: char = '\u{e013}';

#[test]
fn an_event_is_found_by_keyboard_alone() {
    browse(|b| async move {
        b.open("").await;
        b.press(&['/']).await;
        b.see("#search-input").await;
        b.press(&"order placed".chars().collect::<Vec<_>>()).await;
        b.read("#search-results [aria-selected=true]", "order.placed.v1")
            .await;
        b.press(&[DOWN]).await;
        let chosen = "return document.querySelector('[aria-selected=true]').id";
        assert_eq!(b.run(chosen, vec![]).await, "result-1");
        b.press(&[UP, ENTER]).await;
        b.arrives("services/order/current/events.html#order.placed.v1")
            .await;
    });
}

#[test]
fn each_kind_of_thing_is_found_and_leads_to_its_place() {
    browse(|b| async move {
        for (query, path) in [
            (
                "seed_catalogue",
                "services/order/current/settings.html#seed_catalogue",
            ),
            ("order.out_of_stock", "errors.html#order.out_of_stock"),
            (
                "POST order orders cancel",
                "services/order/current/api.html#tag/orders/POST/order/v1/orders/{id}/cancel",
            ),
            ("webhooks library tables", "handbook/adr/0011-webhooks.html"),
            ("CatalogueService", "services/order/current/grpc.html#"),
        ] {
            b.open("").await;
            b.click("#search-open").await;
            b.see("#search-input").await;
            b.fill("#search-input", query).await;
            b.see("#search-results [role=option]").await;
            let links = "return [...document.querySelectorAll('#search-results a')].slice(0, 5).map((a) => a.getAttribute('href'));";
            let links = b.run(links, vec![]).await;
            let found = links
                .as_array()
                .unwrap()
                .iter()
                .any(|link| link.as_str().unwrap().starts_with(path));
            assert!(found, "{query}: {links}");
        }
    });
}

#[test]
fn a_slip_of_the_keyboard_is_forgiven_and_nonsense_finds_nothing() {
    browse(|b| async move {
        b.open("errors").await;
        b.press(&['/']).await;
        b.fill("#search-input", "idempotncy").await;
        b.read("#search-results", "dempotency").await;
        b.run("const i = document.querySelector('#search-input'); i.value = 'qqqxyzzy'; i.dispatchEvent(new Event('input'));", vec![]).await;
        b.read("#search-state", "Nothing found").await;
        b.press(&[ESCAPE]).await;
        let open = b
            .run("return document.querySelector('#search').open", vec![])
            .await;
        assert_eq!(open, false);
    });
}

#[test]
fn the_site_works_from_a_folder_on_disk() {
    let home = format!(
        "file://{}/index.html",
        site().canonicalize().unwrap().display()
    );
    browse(|b| async move {
        b.goto(&home).await;
        b.press(&['/']).await;
        b.fill("#search-input", "order.placed").await;
        b.read("#search-results [aria-selected=true]", "order.placed.v1")
            .await;
        b.press(&[ENTER]).await;
        b.read("main h1", "Events").await;
        b.click_text("//nav[@aria-label='order']//a[text()='Endpoints']")
            .await;
        b.read("#reference h1", "Shoal order").await;
    });
}
