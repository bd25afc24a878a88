use std::time::{Duration, SystemTime};

use crate::{SpanRecord, waterfall};

fn span(id: &str, parent: Option<&str>, service: &str, name: &str, ms: [u64; 2]) -> SpanRecord {
    SpanRecord {
        trace_id: "4bf92f3577b34da6a3ce929d0e0e4736".into(),
        span_id: id.into(),
        parent_id: parent.map(str::to_owned),
        service: service.into(),
        name: name.into(),
        kind: "internal",
        start: SystemTime::UNIX_EPOCH + Duration::from_millis(ms[0]),
        duration: Duration::from_millis(ms[1]),
        error: None,
        attributes: Vec::new(),
        events: Vec::new(),
    }
}

#[test]
fn a_trace_reads_as_a_tree_with_times_services_and_what_went_wrong() {
    let mut server = span("b", Some("a"), "order", "POST /order/v1/orders", [2, 46]);
    server.kind = "server";
    server.attributes = vec![("http.response.status_code".into(), "402".into())];
    let mut capture = span("d", Some("b"), "billing", "billing.v1/Capture", [20, 20]);
    capture.error = Some("declined".into());
    capture.events = vec![(Duration::from_millis(5), "provider said no".into())];
    let text = waterfall(
        "4bf92f3577b34da6a3ce929d0e0e4736",
        &[
            span("c", Some("b"), "order", "sql", [4, 1]),
            capture,
            server,
            // The caller's own span is not ours to see.
            span("a", Some("caller"), "gateway", "POST", [0, 50]),
        ],
    );
    let expected = "\
Trace 4bf92f3577b34da6a3ce929d0e0e4736
4 spans, 3 services (billing, gateway, order), 50.0 ms, 1 error

    start      took                            service  span
     0 µs   50.0 ms  ████████████████████████  gateway  POST
   2.0 ms   46.0 ms  ·██████████████████████·  order    └─ → POST /order/v1/orders  [status=402]
   4.0 ms    1.0 ms  ··█·····················  order       ├─ sql
  20.0 ms   20.0 ms  ··········██████████····  billing     └─ ✗ billing.v1/Capture
                                                                 ! error: declined
                                                                 ! 5.0 ms: provider said no
";
    assert_eq!(text, expected, "\n{text}");
}

#[test]
fn an_unknown_trace_is_said_to_be_unknown() {
    assert!(waterfall("abc", &[]).contains("nothing is kept under this id"));
}

#[test]
fn hostile_names_break_no_line() {
    let evil = span("a", None, "order", &"x\n".repeat(500), [0, 1]);
    let text = waterfall("t", &[evil]);
    assert_eq!(text.lines().count(), 5, "{text}");
}
