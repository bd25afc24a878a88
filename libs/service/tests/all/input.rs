//! Every bad input has its answer.

use serde_json::{Value, json};

use super::toy::toy;

#[tokio::test]
async fn a_good_body_is_read() {
    let t = toy().await;
    let part = json!({"name": "wheel", "lines": [{"quantity": 2}]});
    let made: Value = t
        .post("/toy/v1/parts")
        .idempotency_key("k")
        .json(&part)
        .send()
        .await
        .ok(201);
    assert_eq!(made, part);
    t.stop().await;
}

#[tokio::test]
async fn a_body_that_is_not_json_is_refused_with_line_and_column() {
    let t = toy().await;
    let send = |body: &'static str| {
        t.post("/toy/v1/parts")
            .idempotency_key("k")
            .body("application/json", body)
            .send()
    };
    let problem = send("{\n \"name\": oops}")
        .await
        .problem(400, "common.malformed_body");
    assert!(
        problem.detail.contains("line 2, column"),
        "{}",
        problem.detail
    );
    assert_eq!(problem.meta["line"], "2");
    send("").await.problem(400, "common.malformed_body");
    send("{\"name\": \"x\", \"lines\": []} trailing")
        .await
        .problem(400, "common.malformed_body");
    send("{\"name\":")
        .await
        .problem(400, "common.malformed_body");
    t.stop().await;
}

#[tokio::test]
async fn nesting_without_end_is_refused_and_not_a_stack_overflow() {
    let t = toy().await;
    let body = "[".repeat(100_000);
    let answer = t
        .post("/toy/v1/parts")
        .idempotency_key("k")
        .body("application/json", body)
        .send()
        .await;
    // The type is refused first; a free-form value meets serde's own bound.
    assert_eq!(answer.status, 400);
    t.stop().await;
}

#[tokio::test]
async fn a_wrong_type_is_refused_with_a_json_pointer() {
    let t = toy().await;
    let part = json!({"name": "wheel", "lines": [{"quantity": 1}, {"quantity": "two"}]});
    let answer = t
        .post("/toy/v1/parts")
        .idempotency_key("k")
        .json(&part)
        .send()
        .await;
    let problem = answer.problem(400, "common.invalid_field");
    assert_eq!(problem.errors[0].field, "/lines/1/quantity");
    assert!(
        problem.errors[0].message.contains("expected u32"),
        "{:?}",
        problem.errors
    );
    assert!(
        !problem.errors[0].message.contains("line 1"),
        "positions help nobody here"
    );
    t.stop().await;
}

#[tokio::test]
async fn a_missing_field_is_named() {
    let t = toy().await;
    let answer = t
        .post("/toy/v1/parts")
        .idempotency_key("k")
        .json(&json!({"name": "wheel"}))
        .send()
        .await;
    let problem = answer.problem(400, "common.invalid_field");
    assert!(
        problem.detail.contains("missing field `lines`"),
        "{}",
        problem.detail
    );
    t.stop().await;
}

#[tokio::test]
async fn an_unknown_field_is_refused_with_a_json_pointer() {
    let t = toy().await;
    let part = json!({"name": "wheel", "lines": [{"quantity": 1, "colour/x": "red"}]});
    let answer = t
        .post("/toy/v1/parts")
        .idempotency_key("k")
        .json(&part)
        .send()
        .await;
    let problem = answer.problem(400, "common.unknown_field");
    assert_eq!(problem.errors[0].field, "/lines/0/colour~1x");
    t.stop().await;
}

#[tokio::test]
async fn another_content_type_is_refused() {
    let t = toy().await;
    let send = |content_type: &'static str| {
        t.post("/toy/v1/parts")
            .idempotency_key("k")
            .body(content_type, "{}")
            .send()
    };
    send("text/plain")
        .await
        .problem(415, "common.unsupported_media_type");
    send("application/jsonp")
        .await
        .problem(415, "common.unsupported_media_type");
    send("application/json; charset=utf-8")
        .await
        .problem(400, "common.invalid_field");
    send("application/merge-patch+json")
        .await
        .problem(400, "common.invalid_field");
    let none = t.post("/toy/v1/parts").idempotency_key("k").send().await;
    none.problem(415, "common.unsupported_media_type");
    t.stop().await;
}

#[tokio::test]
async fn a_query_parameter_of_the_wrong_type_is_named() {
    let t = toy().await;
    assert_eq!(t.get("/toy/v1/search?min=7").send().await.ok::<u32>(200), 7);
    let problem = t
        .get("/toy/v1/search?min=cheap")
        .send()
        .await
        .problem(400, "common.invalid_query");
    assert_eq!(problem.errors[0].field, "min");
    let problem = t
        .get("/toy/v1/search")
        .send()
        .await
        .problem(400, "common.invalid_query");
    assert_eq!(problem.errors[0].field, "min");
    let unknown = t.get("/toy/v1/search?min=1&max=2").send().await;
    let problem = unknown.problem(400, "common.invalid_query");
    assert_eq!(problem.errors[0].field, "max");
    t.stop().await;
}

#[tokio::test]
async fn a_path_parameter_of_the_wrong_type_is_named() {
    let t = toy().await;
    assert_eq!(t.get("/toy/v1/parts/12").send().await.ok::<u64>(200), 12);
    let problem = t
        .get("/toy/v1/parts/twelve")
        .send()
        .await
        .problem(400, "common.invalid_path");
    assert!(problem.detail.contains("twelve"), "{}", problem.detail);
    t.get("/toy/v1/parts/%FF")
        .send()
        .await
        .problem(400, "common.invalid_path");
    t.stop().await;
}

#[tokio::test]
async fn pages_have_bounds_and_cursors_are_checked() {
    let t = toy().await;
    assert_eq!(t.get("/toy/v1/parts").send().await.ok::<u32>(200), 20);
    assert_eq!(
        t.get("/toy/v1/parts?limit=100&other=1")
            .send()
            .await
            .ok::<u32>(200),
        100
    );
    for limit in ["0", "101", "-1", "ten"] {
        let answer = t.get(&format!("/toy/v1/parts?limit={limit}")).send().await;
        let problem = answer.problem(400, "common.invalid_query");
        assert_eq!(problem.errors[0].field, "limit");
    }
    let answer = t.get("/toy/v1/parts?cursor=made-up").send().await;
    answer.problem(400, "common.invalid_cursor");
    t.stop().await;
}

#[tokio::test]
async fn an_idempotency_key_must_be_there_and_be_short_and_visible() {
    let t = toy().await;
    let body = json!({"name": "wheel", "lines": []});
    let send = |key: &str| {
        t.post("/toy/v1/parts")
            .idempotency_key(key)
            .json(&body)
            .send()
    };
    t.post("/toy/v1/parts")
        .json(&body)
        .send()
        .await
        .problem(400, "common.idempotency_key_missing");
    send("two words")
        .await
        .problem(400, "common.idempotency_key_invalid");
    send("")
        .await
        .problem(400, "common.idempotency_key_invalid");
    send(&"k".repeat(129))
        .await
        .problem(400, "common.idempotency_key_invalid");
    let _ = send(&"k".repeat(128)).await.expect(201);
    let twice = t
        .post("/toy/v1/parts")
        .idempotency_key("a")
        .idempotency_key("b")
        .json(&body);
    twice
        .send()
        .await
        .problem(400, "common.idempotency_key_invalid");
    t.stop().await;
}

#[tokio::test]
async fn a_module_error_keeps_its_code_and_says_what_to_do() {
    let t = toy().await;
    let body = json!({"name": "wheel", "lines": []});
    let answer = t
        .post("/toy/v1/parts")
        .idempotency_key("break-it")
        .json(&body)
        .send()
        .await;
    assert_eq!(answer.header("x-trace-id").map(str::len), Some(32));
    let trace = answer.header("x-trace-id").map(str::to_owned);
    let problem = answer.problem(409, "toy.broken");
    assert_eq!(problem.action, "Mend the toy.");
    assert_eq!(problem.trace_id, trace);
    t.stop().await;
}

#[tokio::test]
async fn an_unknown_route_is_a_404_problem() {
    let t = toy().await;
    t.get("/toy/v2/parts")
        .send()
        .await
        .problem(404, "common.route_not_found");
    t.get("/")
        .send()
        .await
        .problem(404, "common.route_not_found");
    t.stop().await;
}

#[tokio::test]
async fn a_wrong_method_is_a_405_problem_that_lists_the_right_ones() {
    let t = toy().await;
    let answer = t.put("/toy/v1/parts").send().await;
    let allow = answer.header("allow").unwrap().to_owned();
    answer.problem(405, "common.method_not_allowed");
    assert!(allow.contains("GET") && allow.contains("POST"), "{allow}");
    t.stop().await;
}

#[tokio::test]
async fn head_answers_as_get_does_without_a_body() {
    let t = toy().await;
    let answer = t
        .request(http::Method::HEAD, "/toy/v1/parts/12")
        .send()
        .await
        .expect(200);
    assert!(answer.body.is_empty());
    assert_eq!(answer.header("content-type"), Some("application/json"));
    t.stop().await;
}
