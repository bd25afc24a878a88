//! Colours, sizes, and pictures for the documentation.

use serde_json::json;

use super::browser::Browser;
use super::world::{KINDS, browse};

#[test]
fn the_colours_follow_the_system_until_somebody_chooses_and_the_choice_is_kept() {
    browse(|b| async move {
        b.system_colours("dark").await;
        b.open("").await;
        assert!(dark(&b).await, "the system is dark");
        // As the system, then light, then dark.
        b.click("#theme").await;
        assert!(!dark(&b).await, "light was chosen");
        b.open("services/order/current/api.html").await;
        assert!(!dark(&b).await, "the choice holds for every page");
        b.click("#theme").await;
        assert!(dark(&b).await, "dark was chosen");
        b.system_colours("light").await;
        b.reload().await;
        assert!(dark(&b).await, "the choice outlives the page");
        b.open("").await;
        b.click("#theme").await;
        assert!(!dark(&b).await, "as the system again");
    });
}

/// Whether the page and what is in it are dark.
async fn dark(b: &Browser) -> bool {
    let script = "const light = (e) => { const [r, g, b] = getComputedStyle(e).backgroundColor.match(/[\\d.]+/g).map(Number); return (r + g + b) / 3; };
        const back = light(document.body), front = getComputedStyle(document.querySelector('h1')).color.match(/[\\d.]+/g).map(Number)[0];
        return [back, front];";
    let found = b.run(script, vec![]).await;
    let (back, front) = (found[0].as_f64().unwrap(), found[1].as_f64().unwrap());
    assert!(
        (back - front).abs() > 100.0,
        "text does not stand out: {found}"
    );
    back < 128.0
}

#[test]
fn no_page_is_wider_than_a_phone() {
    browse(|b| async move {
        b.size(360, 740).await;
        let mut wide = Vec::new();
        for page in KINDS {
            b.open(page).await;
            let script = "const w = document.documentElement.clientWidth;
                const wide = [...document.querySelectorAll('body *')].filter((e) => !e.closest('.scroll, pre, nav') && e.checkVisibility() && e.getBoundingClientRect().right > w + 1);
                return [document.documentElement.scrollWidth, w, wide.slice(0, 3).map((e) => e.outerHTML.slice(0, 120))];";
            let found = b.run(script, vec![]).await;
            if found[0].as_i64() > found[1].as_i64() {
                wide.push(format!("{page}: {found}"));
            }
        }
        assert!(wide.is_empty(), "{}", wide.join("\n"));
    });
}

#[test]
fn pictures_are_taken_where_a_folder_is_named() {
    browse(|b| async move {
        let folder = std::env::var_os("SHOAL_SCREENSHOTS").map(std::path::PathBuf::from);
        for (name, page, scheme, width, height) in [
            ("portal-home", "", "light", 1200, 800),
            (
                "portal-endpoint",
                "services/order/current/api.html#tag/orders/POST/order/v1/orders",
                "dark",
                1200,
                800,
            ),
            ("portal-phone", "services/order/current/", "light", 390, 780),
        ] {
            b.system_colours(scheme).await;
            b.size(width, height).await;
            b.open(page).await;
            if page.is_empty() {
                b.read("#live", "services are ready").await;
            }
            let picture = b.picture().await;
            assert!(
                picture.len() > 10_000,
                "{name} is empty: {} bytes",
                picture.len()
            );
            if let Some(folder) = &folder {
                std::fs::write(folder.join(format!("{name}.png")), picture).unwrap();
            }
        }
        let shown = b
            .run("return document.documentElement.clientWidth", vec![])
            .await;
        assert_eq!(shown, json!(390));
    });
}
