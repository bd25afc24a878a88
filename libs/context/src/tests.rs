#![allow(clippy::unwrap_used)]

use std::time::Duration;

use http::HeaderMap;
use proptest::prelude::*;
use shoal_error::{CommonCode, Result};

use super::*;

const MS: fn(u64) -> Duration = Duration::from_millis;

#[tokio::test(start_paused = true)]
async fn a_500_ms_deadline_over_a_1_s_task_ends_at_500_ms() {
    let start = Instant::now();
    let context = Context::new(Metadata::default(), Some(MS(500)));
    let outcome: Result<()> = context
        .scope(async {
            tokio::time::sleep(MS(1000)).await;
            Ok(())
        })
        .await;
    assert!(outcome.unwrap_err().is(CommonCode::DeadlineExceeded));
    assert_eq!(start.elapsed(), MS(500));
}

#[tokio::test]
async fn work_ends_when_the_caller_goes_away() {
    let context = Context::background();
    let child = context.child_with_timeout(MS(60_000));
    let guard = context.cancel_on_drop();
    let work = child.scope(async {
        std::future::pending::<()>().await;
        Ok(())
    });
    drop(guard);
    assert!(work.await.unwrap_err().is(CommonCode::Cancelled));
}

#[tokio::test]
async fn work_is_not_begun_after_the_deadline() {
    let context = Context::new(Metadata::default(), Some(Duration::ZERO));
    let mut begun = false;
    let outcome = context
        .scope(async {
            begun = true;
            Ok(())
        })
        .await;
    assert!(outcome.is_err() && !begun);
}

#[tokio::test(start_paused = true)]
async fn a_child_never_gets_more_time_than_its_parent() {
    let parent = Context::new(Metadata::default(), Some(MS(100)));
    assert_eq!(
        parent.child_with_timeout(MS(500)).remaining(),
        Some(MS(100))
    );
    assert_eq!(parent.child_with_timeout(MS(20)).remaining(), Some(MS(20)));
    assert_eq!(parent.detached().remaining(), None);
}

#[tokio::test(start_paused = true)]
async fn time_shrinks_from_hop_to_hop() {
    let mut left = MS(1000);
    for _ in 0..5 {
        let mut headers = HeaderMap::new();
        Context::new(Metadata::default(), Some(left)).to_grpc(&mut headers);
        let next = Context::from_http(&headers, true, MS(30_000), MS(30_000));
        assert!(next.remaining().unwrap() < left);
        left = next.remaining().unwrap();
    }
    assert!(left > MS(700), "{left:?}");
}

#[tokio::test]
async fn the_current_context_is_that_of_the_task() {
    let meta = Metadata {
        user_id: Some("usr_1".into()),
        ..Metadata::default()
    };
    let context = Context::new(meta, None);
    let user = context
        .attach(async { Context::current().meta().user_id.clone() })
        .await;
    assert_eq!(user.as_deref(), Some("usr_1"));
    assert_eq!(Context::current().meta().user_id, None);
}

#[test]
fn an_outside_caller_can_name_its_request_but_not_its_user_or_colour() {
    let mut headers = HeaderMap::new();
    headers.insert(REQUEST_ID, "abc".parse().unwrap());
    headers.insert(USER_ID, "usr_root".parse().unwrap());
    headers.insert(GRAY_VERSION, "canary".parse().unwrap());
    let outside = Metadata::from_headers(&headers, false);
    assert_eq!(
        outside,
        Metadata {
            request_id: Some("abc".into()),
            ..Metadata::default()
        }
    );
    assert_eq!(
        Metadata::from_headers(&headers, true).user_id.as_deref(),
        Some("usr_root")
    );
}

#[test]
fn a_class_is_only_ever_lowered() {
    let interactive = Context::new(Metadata::default(), None);
    let batch = interactive.clone().lowered_to(Class::Batch);
    assert_eq!(batch.meta().class, Class::Batch);
    assert_eq!(
        batch.lowered_to(Class::Interactive).meta().class,
        Class::Batch
    );
    assert_eq!(Context::background().meta().class, Class::Internal);
    let mut headers = HeaderMap::new();
    headers.insert(CLASS, "urgent".parse().unwrap());
    let unknown = Metadata::from_headers(&headers, true).class;
    assert_eq!(unknown, Class::Interactive);
}

#[tokio::test(start_paused = true)]
async fn the_time_before_anybody_looked_counts() {
    let arrived = tokio::time::Instant::now();
    tokio::time::advance(MS(30)).await;
    let context = Context::new(Metadata::default(), Some(MS(100))).arrived_at(arrived);
    assert_eq!(context.remaining(), Some(MS(70)));
    tokio::time::advance(MS(70)).await;
    assert!(context.check().is_err());
}

#[test]
fn a_colour_is_meant_for_the_services_that_it_names_or_for_all() {
    let mut meta = Metadata {
        gray_version: Some("v2".into()),
        ..Metadata::default()
    };
    assert_eq!(meta.colour_for("order"), Some("v2"));
    meta.gray_services = Some("order+billing".into());
    assert_eq!(meta.colour_for("billing"), Some("v2"));
    assert_eq!(meta.colour_for("bill"), None);
    meta.gray_version = None;
    assert_eq!(meta.colour_for("order"), None);
}

#[test]
fn a_colour_goes_as_baggage_too_beside_that_of_others() {
    let mut headers = HeaderMap::new();
    headers.append(
        BAGGAGE,
        "tenant=a;p=1, gray.version=forged".parse().unwrap(),
    );
    headers.append(BAGGAGE, "region = eu".parse().unwrap());
    let meta = Metadata {
        gray_version: Some("v2".into()),
        gray_services: Some("order+billing".into()),
        ..Metadata::default()
    };
    meta.to_headers(&mut headers);
    let baggage = headers[BAGGAGE].to_str().unwrap();
    assert_eq!(
        baggage,
        "tenant=a;p=1,region=eu,gray.version=v2,gray.services=order+billing"
    );
    assert_eq!(headers.get_all(BAGGAGE).iter().count(), 1);

    // Where only baggage came through, it is as good as the header.
    headers.remove(GRAY_VERSION);
    headers.remove(GRAY_SERVICES);
    assert_eq!(Metadata::from_headers(&headers, true), meta);
    assert_eq!(Metadata::from_headers(&headers, false), Metadata::default());

    // What is too long to be a colour is none.
    headers.insert(
        BAGGAGE,
        format!("gray.version={}", "x".repeat(129)).parse().unwrap(),
    );
    assert_eq!(Metadata::from_headers(&headers, true), Metadata::default());

    // Without a colour nothing of it is left, and nothing else is lost.
    headers.insert(
        BAGGAGE,
        "tenant=a;p=1,gray.version=v2,region=eu".parse().unwrap(),
    );
    Metadata::default().to_headers(&mut headers);
    assert_eq!(headers[BAGGAGE], "tenant=a;p=1,region=eu");
    let mut none = HeaderMap::new();
    Metadata::default().to_headers(&mut none);
    assert!(none.is_empty());
}

#[test]
fn bad_timeouts_are_not_read() {
    for bad in ["", "m", "5", "5x", "-1m", "123456789S", "1.5S", "é"] {
        assert_eq!(parse_grpc_timeout(bad), None, "{bad:?}");
    }
}

proptest! {
    #[test]
    fn a_written_timeout_reads_back_no_longer_than_it_was(nanos in 0u64..u64::MAX) {
        let timeout = Duration::from_nanos(nanos);
        let back = parse_grpc_timeout(&format_grpc_timeout(timeout)).unwrap();
        prop_assert!(back <= timeout);
        // Eight digits keep it within one part in ten million, or an hour.
        let lost = timeout - back;
        prop_assert!(lost < Duration::from_secs(1) || lost < timeout / 1000);
    }

    #[test]
    fn metadata_survives_headers_and_maps(
        request_id in proptest::option::of("[a-zA-Z0-9-]{1,64}"),
        user_id in proptest::option::of("usr_[a-z0-9]{26}"),
        class in proptest::sample::select(Class::ALL.as_slice()),
        gray in proptest::option::of(("[a-z0-9.]{1,16}", proptest::option::of("[a-z]{1,9}([+][a-z]{1,9}){0,3}"))),
    ) {
        let (gray_version, gray_services) = gray.map_or((None, None), |(v, s)| (Some(v), s));
        let meta = Metadata { request_id, user_id, gray_version, gray_services, class };
        let mut headers = HeaderMap::new();
        meta.to_headers(&mut headers);
        prop_assert_eq!(&Metadata::from_headers(&headers, true), &meta);
        let context = Context::new(meta.clone(), None);
        let back = Context::from_map(&context.to_map());
        prop_assert_eq!(Metadata::from_map(&context.to_map()), meta.clone());
        let queued = Metadata { class: class.lowered_to(Class::Internal), ..meta };
        prop_assert_eq!(back.meta(), &queued);
    }
}
