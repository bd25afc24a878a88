//! Everything without a mouse.

use serde_json::json;

use super::browser::Browser;
use super::world::{KINDS, browse};

const TAB: char = '\u{e004}';
const ENTER: char = '\u{e007}';
const ESCAPE: char = '\u{e00c}';

#[test]
fn the_first_key_leads_past_the_header_on_every_page() {
    browse(|b| async move {
        for page in KINDS {
            b.open(page).await;
            b.press(&[TAB]).await;
            let first = "const e = document.activeElement; return [e.className, e.getBoundingClientRect().top >= 0];";
            assert_eq!(b.run(first, vec![]).await, json!(["skip", true]), "{page}");
            b.press(&[ENTER]).await;
            assert_eq!(focus(&b).await, "main", "{page}");
        }
    });
}

#[test]
fn what_has_the_focus_shows_it() {
    browse(|b| async move {
        b.open("services/order/current/").await;
        let mut seen = Vec::new();
        for _ in 0..30 {
            b.press(&[TAB]).await;
            let script = "const e = document.activeElement, s = getComputedStyle(e);
                return [(e.textContent || e.id || e.tagName).trim().slice(0, 40), s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 1];";
            let found = b.run(script, vec![]).await;
            assert_eq!(found[1], json!(true), "no frame around {}", found[0]);
            seen.push(found[0].as_str().unwrap_or_default().to_owned());
        }
        for name in ["Shoal", "Handbook", "Endpoints", "Module graph"] {
            assert!(
                seen.iter().any(|text| text.contains(name)),
                "{name} is out of reach: {seen:?}"
            );
        }
    });
}

#[test]
fn dialogs_take_the_focus_and_give_it_back() {
    browse(|b| async move {
        b.open("services/order/current/api.html").await;
        b.run("document.querySelector('#session-open').focus()", vec![])
            .await;
        b.press(&[ENTER]).await;
        b.see("#sign-in").await;
        assert_eq!(focus(&b).await, "sign-in-email");
        b.press(&[ESCAPE]).await;
        assert_eq!(focus(&b).await, "session-open");
        b.press(&['/']).await;
        b.see("#search-input").await;
        assert_eq!(focus(&b).await, "search-input");
        b.press(&[ESCAPE]).await;
        assert_eq!(focus(&b).await, "session-open");
    });
}

#[test]
fn a_slash_that_is_typed_into_a_field_is_a_slash() {
    browse(|b| async move {
        b.open("errors").await;
        b.fill("#filter", "order/").await;
        let open = b
            .run("return document.querySelector('#search').open", vec![])
            .await;
        assert_eq!(open, json!(false));
        b.run("const i = document.querySelector('#filter'); i.value = 'out_of_stock'; i.dispatchEvent(new Event('input'));", vec![]).await;
        b.read("#filter-state", "1 of").await;
    });
}

/// Id of what has the focus.
async fn focus(b: &Browser) -> String {
    let id = b.run("return document.activeElement.id", vec![]).await;
    id.as_str().unwrap_or_default().to_owned()
}
