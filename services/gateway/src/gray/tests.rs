//! What outlives the process, and what happens where files cannot be trusted.

use std::path::Path;
use std::sync::Arc;

use http::HeaderMap;
use shoal_context::Metadata;
use shoal_routing::Request;
use shoal_routing::rollback::Regression;
use shoal_task::ManualClock;
use shoal_telemetry::metrics::ByVersion;

use super::{Gray, Who};
use crate::config::GrayConfig;

const ALL: &str = "[[rules]]\nname = \"all\"\ncolour = \"v2\"\n";

async fn open(folder: &Path, config: &GrayConfig) -> Gray {
    let clock = ManualClock::new(1_764_000_000_000);
    Gray::open(config, folder, clock).await
}

fn colour(gray: &Gray) -> Option<String> {
    let versions = ByVersion::new("gateway", "order");
    let request = Request {
        user: Some("usr_1"),
        headers: &HeaderMap::new(),
        path: "/order/v1/orders",
        service: "order",
        now_ms: gray.now_ms(),
    };
    let mut meta = Metadata::default();
    if let Some(change) = gray.pass(&request, None, &versions).colour() {
        change(&mut meta);
    }
    meta.gray_version
}

fn worse() -> Regression {
    Regression {
        of: "errors",
        gray_requests: 100,
        stable_requests: 100,
        gray: 0.5,
        stable: 0.0,
        p_value: 1e-9,
    }
}

const SOMEBODY: Who<'_> = Who {
    user: "usr_1",
    reason: "a test",
};

#[tokio::test]
async fn rules_of_the_default_file_and_a_rollback_outlive_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let config = GrayConfig::default();
    let gray = open(folder.path(), &config).await;
    assert_eq!(colour(&gray), None, "no file is no rules");
    assert!(gray.refused().is_none());
    std::fs::create_dir_all(folder.path().join("gray")).unwrap();
    std::fs::write(folder.path().join("gray/rules.toml"), ALL).unwrap();
    gray.reload().await;
    assert_eq!(colour(&gray).as_deref(), Some("v2"));
    gray.roll_back("all", &worse()).await;
    assert_eq!(colour(&gray), None);

    let again = open(folder.path(), &config).await;
    assert_eq!(colour(&again), None, "a restart is no resumption");
    assert_eq!(again.trail().await.unwrap().len(), 2, "nor a change");
    again.resume("all", SOMEBODY).await.unwrap();
    assert_eq!(colour(&again).as_deref(), Some("v2"));
    let third = open(folder.path(), &config).await;
    assert_eq!(colour(&third).as_deref(), Some("v2"));
}

#[tokio::test]
async fn a_file_that_is_being_written_does_not_count_yet() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gray.toml");
    let config = GrayConfig {
        rules_file: file.display().to_string(),
        ..GrayConfig::default()
    };
    std::fs::write(&file, ALL).unwrap();
    let gray = open(folder.path(), &config).await;
    gray.reload_settled().await;
    // Emptied, then half of it, then the whole: an editor at work.
    for text in ["", "[[rules]]\nname = \"all\"\n", ALL] {
        std::fs::write(&file, text).unwrap();
        gray.reload_settled().await;
        assert_eq!(colour(&gray).as_deref(), Some("v2"), "{text:?}");
        assert!(gray.refused().is_none(), "{text:?}");
    }
    std::fs::write(&file, "").unwrap();
    gray.reload_settled().await;
    gray.reload_settled().await;
    assert_eq!(colour(&gray), None, "it stays empty: that is meant");
}

#[tokio::test]
async fn a_start_with_a_bad_file_goes_on_with_the_rules_that_counted_last() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gray.toml");
    let config = GrayConfig {
        rules_file: file.display().to_string(),
        ..GrayConfig::default()
    };
    std::fs::write(&file, "nonsense").unwrap();
    let fresh = open(folder.path(), &config).await;
    assert_eq!(colour(&fresh), None);
    assert!(fresh.refused().is_some());

    std::fs::write(&file, ALL).unwrap();
    fresh.reload().await;
    assert_eq!(colour(&fresh).as_deref(), Some("v2"));
    std::fs::write(&file, "nonsense").unwrap();
    let again = open(folder.path(), &config).await;
    assert_eq!(colour(&again).as_deref(), Some("v2"));
    assert!(again.refused().is_some());
}

#[tokio::test]
async fn without_a_place_for_the_trail_people_change_nothing_and_a_rollback_still_holds() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gray.toml");
    std::fs::write(&file, ALL).unwrap();
    let config = GrayConfig {
        rules_file: file.display().to_string(),
        ..GrayConfig::default()
    };
    // A file where the folder should be.
    let data_dir = folder.path().join("data");
    std::fs::write(&data_dir, "").unwrap();
    let gray = open(&data_dir, &config).await;
    assert_eq!(colour(&gray).as_deref(), Some("v2"));
    gray.pause("all", SOMEBODY).await.unwrap_err();
    assert_eq!(colour(&gray).as_deref(), Some("v2"));
    gray.roll_back("all", &worse()).await;
    assert_eq!(colour(&gray), None);
}

#[tokio::test]
async fn a_request_from_inside_keeps_its_colour() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("gray")).unwrap();
    std::fs::write(folder.path().join("gray/rules.toml"), ALL).unwrap();
    let gray = Arc::new(open(folder.path(), &GrayConfig::default()).await);
    let versions = ByVersion::new("gateway", "order");
    let request = Request {
        user: None,
        headers: &HeaderMap::new(),
        path: "/",
        service: "order",
        now_ms: 0,
    };
    assert!(
        gray.pass(&request, Some("v7"), &versions)
            .colour()
            .is_none()
    );
}
