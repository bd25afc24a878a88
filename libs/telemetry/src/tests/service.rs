use tracing::info_span;

use super::{Rig, find};
use crate::config::LogFormat;
use crate::service_span;

#[test]
fn what_happens_below_a_service_belongs_to_it_although_no_span_says_so() {
    let rig = Rig::new(LogFormat::Json, "info");
    rig.run(|| {
        let _order = service_span("order").entered();
        let _step = info_span!("saga.step").entered();
        let _sql = info_span!("sql").entered();
        tracing::info!("reserved");
    });
    let spans = rig.only_trace();
    assert_eq!(find(&spans, "saga.step").service, "order");
    assert_eq!(find(&spans, "sql").service, "order");
    assert!(rig.log().contains("\"service\":\"order\""), "{}", rig.log());
}

#[test]
fn two_services_of_one_process_share_a_trace_and_keep_their_names() {
    let rig = Rig::new(LogFormat::Json, "info");
    rig.run(|| {
        let _server = info_span!("order.server", service.name = "order").entered();
        let _client = info_span!("order.client").entered();
        let _other = info_span!("billing.server", service.name = "billing").entered();
        let _inner = info_span!("billing.sql").entered();
    });
    let spans = rig.only_trace();
    for (name, service) in [
        ("order.server", "order"),
        ("order.client", "order"),
        ("billing.server", "billing"),
        ("billing.sql", "billing"),
    ] {
        assert_eq!(find(&spans, name).service, service, "{name}");
    }
}

#[test]
fn a_span_without_any_service_bears_the_name_of_the_process() {
    let rig = Rig::new(LogFormat::Json, "info");
    rig.run(|| info_span!("lonely").in_scope(|| tracing::info!("here")));
    assert_eq!(rig.only_trace()[0].service, "process");
    assert!(rig.log().contains("\"service\":\"process\""));
}

#[test]
fn the_span_of_a_service_itself_is_never_exported() {
    let rig = Rig::new(LogFormat::Json, "info");
    rig.run(|| service_span("order").in_scope(|| info_span!("work").in_scope(|| ())));
    let spans = rig.only_trace();
    assert_eq!(spans.len(), 1);
    assert_eq!(
        (spans[0].name.as_str(), spans[0].parent_id.as_deref()),
        ("work", None)
    );
}

#[test]
fn spans_below_info_are_not_traced_and_their_children_keep_their_place() {
    let rig = Rig::new(LogFormat::Json, "trace");
    rig.run(|| {
        let _outer = info_span!("outer", service.name = "order").entered();
        let _detail = tracing::debug_span!("detail").entered();
        let _inner = info_span!("inner").entered();
    });
    let spans = rig.only_trace();
    assert_eq!(spans.len(), 2, "{spans:?}");
    let outer = find(&spans, "outer").span_id.clone();
    assert_eq!(find(&spans, "inner").parent_id, Some(outer));
    assert_eq!(find(&spans, "inner").service, "order");
}
