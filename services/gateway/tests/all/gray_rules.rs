//! Who may change the gray rules, how, and what is on record.

use serde_json::{Value, json};
use shoal_testkit::eventually;

use super::gray::{ONE_USER, SOON, Two};

#[tokio::test]
async fn a_changed_file_counts_at_once_and_a_bad_one_does_not() {
    let two = Two::with(ONE_USER).await;
    assert_eq!(two.ask("usr_gray").await, "gray");
    two.write("[[rules]]\nname = \"all\"\ncolour = \"v2\"\n")
        .await;
    assert_eq!(two.ask("usr_other").await, "gray");

    let file = two.folder.path().join("gray.toml");
    std::fs::write(
        &file,
        "[[rules]]\nname = \"all\"\ncolour = \"v2\"\nwhen.percent = 140\n",
    )
    .unwrap();
    let refused = eventually(
        || async {
            two.rules().await["refused"]["problem"]
                .as_str()
                .map(str::to_owned)
        },
        SOON,
    )
    .await;
    assert_eq!(
        refused,
        "rule 1 (\"all\"): when.percent: 140 is not between 0 and 100"
    );
    assert!(two.metric("gateway_gray_reloads_total{service=\"gateway\",outcome=\"refused\"} "));
    assert!(two.metric("gateway_gray_rules_stale{service=\"gateway\"} "));
    assert_eq!(
        two.ask("usr_other").await,
        "gray",
        "the last good rules count"
    );
    let _ = two.gateway.get("/readyz").send().await.expect(200);

    std::fs::write(&file, "rules = [").unwrap();
    eventually(
        || async {
            let rules = two.rules().await;
            rules["refused"]["problem"]
                .as_str()?
                .starts_with("line 1")
                .then_some(())
        },
        SOON,
    )
    .await;
    std::fs::remove_file(&file).unwrap();
    eventually(
        || async {
            let rules = two.rules().await;
            rules["refused"]["problem"]
                .as_str()?
                .contains("cannot be read")
                .then_some(())
        },
        SOON,
    )
    .await;
    assert_eq!(two.ask("usr_other").await, "gray");

    std::fs::write(&file, ONE_USER).unwrap();
    eventually(|| async { two.rules().await["refused"].is_null() }, SOON).await;
    assert_eq!(two.ask("usr_other").await, "stable");
    let actions: Vec<_> = two
        .trail()
        .await
        .iter()
        .rev()
        .map(|e| e["action"].clone())
        .collect();
    assert_eq!(
        actions,
        [
            "replaced", "replaced", "refused", "refused", "refused", "replaced"
        ],
        "each once, though the file is looked at often"
    );
    two.gateway.stop().await;
}

#[tokio::test]
async fn administrators_replace_pause_and_resume_and_all_of_it_is_on_record() {
    let two = Two::with(ONE_USER).await;
    let admin = two.admin();
    let revision = two.rules().await["revision"].clone();
    let rules = json!([{"name": "all", "colour": "v2", "when": {"percent": 100}}]);
    let put = |body: Value| {
        two.gateway
            .put("/gateway/v1/gray/rules")
            .bearer(&admin)
            .json(&body)
            .send()
    };
    let replaced: Value =
        put(json!({"rules": rules, "reason": "to all", "expected_revision": revision}))
            .await
            .ok(200);
    assert_eq!(replaced["rules"][0]["rule"]["name"], "all");
    assert_ne!(replaced["revision"], revision);
    assert_eq!(two.ask("usr_other").await, "gray");
    let written = std::fs::read_to_string(two.folder.path().join("gray.toml")).unwrap();
    assert!(written.contains("name = \"all\""), "{written}");

    put(json!({"rules": rules, "reason": "late", "expected_revision": revision}))
        .await
        .problem(409, "common.conflict");
    let bad = json!([{"name": "all", "colour": "v2", "when": {"percent": 101}}]);
    let problem = put(json!({"rules": bad, "reason": "too much"}))
        .await
        .problem(422, "gateway.gray_rules_invalid");
    assert_eq!(problem.errors[0].field, "/rules/0/when/percent");
    put(json!({"rules": rules, "reason": " "}))
        .await
        .problem(400, "common.invalid_field");

    let act = |what: &str, reason: &str| {
        let path = format!("/gateway/v1/gray/rules/all/{what}");
        two.gateway
            .post(&path)
            .bearer(&admin)
            .json(&json!({"reason": reason}))
            .send()
    };
    for _ in 0..2 {
        let _ = act("pause", "wrong totals").await.expect(204);
    }
    assert_eq!(two.ask("usr_other").await, "stable");
    let paused = two.rules().await["rules"][0]["paused"].clone();
    assert_eq!(paused["reason"], "wrong totals");
    assert_eq!(paused["actor"], "usr_admin");
    assert!(two.metric("gateway_gray_rules{service=\"gateway\",state=\"paused\"} "));
    let _ = act("resume", "mended").await.expect(204);
    assert_eq!(two.ask("usr_other").await, "gray");
    two.gateway
        .post("/gateway/v1/gray/rules/none/pause")
        .bearer(&admin)
        .json(&json!({"reason": "x"}))
        .send()
        .await
        .problem(404, "common.not_found");

    let trail = two.trail().await;
    let told: Vec<_> = trail
        .iter()
        .map(|e| {
            format!(
                "{} {} {}",
                e["source"].as_str().unwrap(),
                e["action"].as_str().unwrap(),
                e["actor"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "api resumed usr_admin",
            "api paused usr_admin",
            "api replaced usr_admin",
            "file replaced gateway"
        ]
    );
    pages_join_to_the_trail(&two, &trail).await;
    two.gateway.stop().await;
}

async fn pages_join_to_the_trail(two: &Two, trail: &[Value]) {
    let (mut joined, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let mut path = "/gateway/v1/gray/audit?limit=3".to_owned();
        if let Some(cursor) = &cursor {
            path.push_str(&format!("&cursor={cursor}"));
        }
        let page: Value = two
            .gateway
            .get(&path)
            .bearer(&two.admin())
            .send()
            .await
            .ok(200);
        joined.extend(page["items"].as_array().unwrap().clone());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => break,
        }
    }
    assert_eq!(joined, trail);
    two.gateway
        .get("/gateway/v1/gray/audit?cursor=AAAA")
        .bearer(&two.admin())
        .send()
        .await
        .problem(400, "common.invalid_cursor");
}

#[tokio::test]
async fn only_administrators_see_or_change_rules() {
    let two = Two::with(ONE_USER).await;
    let user = two.gateway.issuer.user("usr_1", &["customer"]);
    let body = json!({"rules": [], "reason": "none of mine"});
    let change = json!({"reason": "none of mine"});
    let requests = [
        two.gateway.get("/gateway/v1/gray/rules"),
        two.gateway.put("/gateway/v1/gray/rules").json(&body),
        two.gateway
            .post("/gateway/v1/gray/rules/one-user/pause")
            .json(&change),
        two.gateway
            .post("/gateway/v1/gray/rules/one-user/resume")
            .json(&change),
        two.gateway.get("/gateway/v1/gray/audit"),
    ];
    for request in requests {
        request
            .bearer(&user)
            .send()
            .await
            .problem(403, "common.permission_denied");
    }
    assert_eq!(two.rules().await["rules"].as_array().unwrap().len(), 1);
    assert_eq!(two.trail().await.len(), 1);
    two.gateway.stop().await;
}
