//! What the generator makes of a repository.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use shoal_portal::BuildError;

use super::fixture::Fixture;

/// Every file below a folder.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(here) = open.pop() {
        for entry in fs::read_dir(here).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

#[test]
fn every_version_has_every_page_and_its_raw_files() {
    let fixture = Fixture::new();
    fixture.build().unwrap();
    for edition in ["current", "1.0.0", "0.9.0"] {
        for page in [
            "index",
            "api",
            "events",
            "grpc",
            "errors",
            "settings",
            "downloads",
        ] {
            let html = fixture.page(&format!("services/shop/{edition}/{page}.html"));
            assert!(
                html.contains("1.1.0 (current)"),
                "no choice of versions on {page}"
            );
        }
        let raw = fixture.page(&format!("services/shop/{edition}/raw/openapi.json"));
        assert!(
            !raw.contains("x-codeSamples"),
            "a download is what stands in git"
        );
    }
    assert!(
        fixture
            .page("services/shop/1.0.0/index.html")
            .contains("released on 2026-11-01")
    );
    let guide = fixture.page("services/shop/current/index.html");
    assert!(
        guide.contains("@shop/sales") && guide.contains("id=\"stock\""),
        "{guide}"
    );
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let fixture = Fixture::new();
    fixture.build().unwrap();
    let other = fixture.root().join("again");
    fixture.build_to(other.clone()).unwrap();
    let (first, second) = (files(&fixture.out()), files(&other));
    assert_eq!(
        first.keys().collect::<Vec<_>>(),
        second.keys().collect::<Vec<_>>()
    );
    for (name, content) in &first {
        assert!(second[name] == *content, "{name} differs");
    }
    assert!(first.len() > 40, "{}", first.len());
}

#[test]
fn any_two_versions_are_compared_by_the_rules_of_the_gate() {
    let fixture = Fixture::new();
    fixture.build().unwrap();
    let overview = fixture.page("services/shop/changes.html");
    for pair in ["0.9.0...1.0.0", "0.9.0...current", "1.0.0...current"] {
        assert!(overview.contains(&format!("changes/{pair}.html")), "{pair}");
    }
    let broken = fixture.page("services/shop/changes/0.9.0...1.0.0.html");
    assert!(
        broken.contains("Breaks somebody") && broken.contains("/shop/v1/haggle"),
        "{broken}"
    );
    let added = fixture.page("services/shop/changes/1.0.0...current.html");
    assert!(
        !added.contains("Breaks somebody") && added.contains("/shop/v1/buy"),
        "{added}"
    );
    assert!(
        !added.contains(&fixture.root().display().to_string()),
        "a path of this machine"
    );
}

#[test]
fn codes_events_and_modules_stand_on_pages_of_the_whole_platform() {
    let fixture = Fixture::new();
    fixture.build().unwrap();
    let errors = fixture.page("errors.html");
    for code in ["shop.sold_out", "mailer.sold_out", "common.not_found"] {
        assert_eq!(
            errors.matches(&format!("id=\"{code}\"")).count(),
            1,
            "{code}"
        );
    }
    assert!(errors.contains("api.html#tag/things/POST/shop/v1/buy"));
    let events = fixture.page("events.html");
    assert!(
        events.contains("shop.sold.v1") && events.contains("services/mailer/current/events.html")
    );
    let modules = fixture.page("modules.html");
    assert!(
        modules.contains("mailer consumes shop.sold.v1 of shop"),
        "{modules}"
    );
}

#[test]
fn documents_link_to_each_other_and_not_to_what_the_site_lacks() {
    let fixture = Fixture::new();
    fixture.build().unwrap();
    let guide = fixture.page("handbook/guides/first.html");
    assert!(
        guide.contains("href=\"../../services/shop/current/index.html#stock\""),
        "{guide}"
    );
    let decision = fixture.page("handbook/adr/0001-why.html");
    assert!(
        decision.contains("title=\"In the repository: libs/x/src/lib.rs\""),
        "{decision}"
    );
}

#[test]
fn a_dead_link_fails_the_build_with_its_page() {
    let fixture = Fixture::new();
    fixture.write(
        "docs/guides/second.md",
        "# Second\n\n[a](gone.md) [b](first.md#nowhere) [c](first.md)\n",
    );
    let error = fixture.build().unwrap_err();
    assert_eq!(error.exit_code(), 1);
    let text = error.to_string();
    assert!(text.starts_with("2 links"), "{text}");
    assert!(
        text.contains("handbook/guides/second.html") && text.contains("gone.md"),
        "{text}"
    );
    assert!(
        !fixture.out().exists(),
        "nothing is written when the site is refused"
    );
}

#[test]
fn the_index_names_every_file_and_its_compressed_twin() {
    let fixture = Fixture::new();
    fixture.build().unwrap();
    let index: serde_json::Value = serde_json::from_str(&fixture.page("portal.json")).unwrap();
    let mut listed = 0;
    for (path, file) in index["files"].as_object().unwrap() {
        assert!(fixture.out().join(path).is_file(), "{path}");
        let twin = fixture.out().join(format!("{path}.gz"));
        assert_eq!(twin.is_file(), file["gzip"] == true, "{path}");
        listed += 1 + usize::from(twin.is_file());
    }
    assert_eq!(
        files(&fixture.out()).len(),
        listed + 1,
        "something is not in the index"
    );
}

#[test]
fn an_older_site_is_replaced_and_a_folder_that_is_none_is_left_alone() {
    let fixture = Fixture::new();
    fixture.build().unwrap();
    fs::remove_file(fixture.root().join("docs/guides/first.md")).unwrap();
    fixture.write("docs/adr/0001-why.md", "# 1. Why\n");
    fixture.build().unwrap();
    assert!(!fixture.out().join("handbook/guides/first.html").exists());

    let precious = fixture.root().join("precious");
    fixture.write("precious/letter.txt", "dear");
    let error = fixture.build_to(precious.clone()).unwrap_err();
    assert!(matches!(error, BuildError::Occupied(_)), "{error}");
    assert!(precious.join("letter.txt").exists());
}

#[test]
fn what_is_missing_or_wrong_is_said_in_one_sentence() {
    let fixture = Fixture::new();
    fixture.write("services/shop/contract/openapi.json", "{}");
    let error = fixture.build().unwrap_err();
    assert!(
        error
            .to_string()
            .contains("openapi.json is not what it should be"),
        "{error}"
    );
    assert_eq!(error.exit_code(), 2);

    fs::remove_dir_all(fixture.root().join("services/shop/contract")).unwrap();
    let error = fixture.build().unwrap_err();
    assert!(
        error.to_string().contains("//services/shop:renew"),
        "{error}"
    );
}
