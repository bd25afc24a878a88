//! Colours at the door: who gets one, who serves it, and who may change that.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use shoal_discovery::{Instance, Resolver, StaticResolver};
use shoal_gateway::Gateway;
use shoal_testkit::{Answer, HttpSink, TestService, eventually};
use tempfile::TempDir;

pub(crate) const SOON: Duration = Duration::from_secs(20);

/// A gateway in front of a stable and a gray order service.
pub(crate) struct Two {
    pub(crate) gateway: TestService<Gateway>,
    pub(crate) stable: HttpSink,
    pub(crate) gray: HttpSink,
    pub(crate) resolver: Arc<StaticResolver>,
    pub(crate) folder: TempDir,
}

impl Two {
    pub(crate) async fn with(rules: &str) -> Self {
        Self::start(rules, |_| {}).await
    }

    async fn start(
        rules: &str,
        change: impl FnOnce(&mut shoal_gateway::config::GatewayConfig),
    ) -> Self {
        let (stable, gray) = (HttpSink::start().await, HttpSink::start().await);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("gray.toml");
        std::fs::write(&file, rules).unwrap();
        let resolver = Arc::new(StaticResolver::new());
        resolver.set(
            "order",
            [instance(&stable, None), instance(&gray, Some("v2"))],
        );
        let handed: Arc<dyn Resolver> = Arc::clone(&resolver) as _;
        let gateway = TestService::<Gateway>::builder()
            .platform(|platform| platform.resolver(handed))
            .config(|config| {
                config.gray.rules_file = file.display().to_string();
                config.gray.reload_ms = 10;
                config.rate_limit.per_address = 100_000;
                config.rate_limit.per_user = 100_000;
                change(config);
            })
            .start_without_database()
            .await;
        Self {
            gateway,
            stable,
            gray,
            resolver,
            folder,
        }
    }

    /// Writes the rules file as a person would, and waits until it counts.
    pub(crate) async fn write(&self, rules: &str) {
        let before = self.rules().await["revision"].clone();
        std::fs::write(self.folder.path().join("gray.toml"), rules).unwrap();
        eventually(|| async { self.rules().await["revision"] != before }, SOON).await;
    }

    pub(crate) fn admin(&self) -> String {
        self.gateway.issuer.user("usr_admin", &["admin"])
    }

    pub(crate) async fn rules(&self) -> Value {
        let answer = self.gateway.get("/gateway/v1/gray/rules");
        answer.bearer(&self.admin()).send().await.ok(200)
    }

    pub(crate) async fn trail(&self) -> Vec<Value> {
        let answer = self.gateway.get("/gateway/v1/gray/audit?limit=100");
        let page: Value = answer.bearer(&self.admin()).send().await.ok(200);
        page["items"].as_array().unwrap().clone()
    }

    /// Asks for the products as a user, and says which instance answered.
    pub(crate) async fn ask(&self, user: &str) -> &'static str {
        let token = self.gateway.issuer.user(user, &[]);
        let request = self.gateway.get("/order/v1/products").bearer(&token);
        self.answered(request).await
    }

    async fn answered(&self, request: shoal_testkit::TestRequest) -> &'static str {
        let before = (self.stable.received().len(), self.gray.received().len());
        let _ = request.send().await;
        let after = (self.stable.received().len(), self.gray.received().len());
        match (after.0 - before.0, after.1 - before.1) {
            (1, 0) => "stable",
            (0, 1) => "gray",
            other => panic!("answered by {other:?}"),
        }
    }

    pub(crate) fn metric(&self, line: &str) -> bool {
        shoal_telemetry::metrics::encode().contains(line)
    }
}

fn instance(sink: &HttpSink, colour: Option<&str>) -> Instance {
    let mut instance = Instance::at(sink.addr().to_string());
    let label = colour.map(|colour| ("gray".to_owned(), colour.to_owned()));
    instance.labels.extend(label);
    instance
}

pub(crate) const ONE_USER: &str = r#"
[[rules]]
name = "one-user"
colour = "v2"
services = ["order", "billing"]
when.users = ["usr_gray"]
"#;

#[tokio::test]
async fn a_coloured_request_goes_to_its_colour_and_all_others_stay_stable() {
    let two = Two::with(ONE_USER).await;
    let listed = two.resolver.resolve("order");
    for _ in 0..4 {
        assert_eq!(two.ask("usr_gray").await, "gray");
        assert_eq!(two.ask("usr_other").await, "stable");
    }
    let anonymous = two.gateway.get("/order/v1/products");
    assert_eq!(two.answered(anonymous).await, "stable");
    assert_eq!(
        two.resolver.resolve("order"),
        listed,
        "the list is others' too"
    );

    let sent = &two.gray.received()[0];
    assert_eq!(sent.header("x-gray-version"), Some("v2"));
    assert_eq!(sent.header("x-gray-services"), Some("order+billing"));
    assert_eq!(
        sent.header("baggage"),
        Some("gray.version=v2,gray.services=order+billing")
    );
    for plain in two.stable.received() {
        assert_eq!(plain.header("x-gray-version"), None);
        assert_eq!(plain.header("baggage"), None);
    }
    two.gateway.stop().await;
}

#[tokio::test]
async fn a_client_cannot_colour_itself_unless_a_rule_says_so() {
    let two = Two::with(ONE_USER).await;
    let forged = || {
        two.gateway
            .get("/order/v1/products")
            .header("x-gray-version", "v2")
            .header("x-gray-services", "order")
            .header("baggage", "gray.version=v2,tenant=a")
    };
    assert_eq!(two.answered(forged()).await, "stable");
    let sent = two.stable.received().pop().unwrap();
    assert_eq!(sent.header("x-gray-version"), None);
    assert_eq!(sent.header("x-gray-services"), None);
    assert_eq!(sent.header("baggage"), Some("tenant=a"));

    two.write("[[rules]]\nname = \"self\"\ncolour = \"v2\"\nwhen.header = { name = \"x-gray-version\", value = \"v2\" }\n")
        .await;
    assert_eq!(two.answered(forged()).await, "gray");
    let other = two.gateway.get("/order/v1/products");
    let other = other.header("x-gray-version", "v3");
    assert_eq!(two.answered(other).await, "stable");
    two.gateway.stop().await;
}

#[tokio::test]
async fn a_colour_for_other_services_changes_nothing_here_but_travels_on() {
    let two =
        Two::with("[[rules]]\nname = \"r\"\ncolour = \"v2\"\nservices = [\"billing\"]\n").await;
    assert_eq!(two.ask("usr_1").await, "stable");
    let sent = two.stable.received().pop().unwrap();
    assert_eq!(sent.header("x-gray-version"), Some("v2"));
    assert_eq!(sent.header("x-gray-services"), Some("billing"));
    two.gateway.stop().await;
}

#[tokio::test]
async fn a_colour_without_an_instance_falls_back_and_is_counted() {
    let two = Two::with("[[rules]]\nname = \"r\"\ncolour = \"v9\"\n").await;
    for _ in 0..3 {
        assert_eq!(two.ask("usr_1").await, "stable");
    }
    let counted = "shoal_gray_fallbacks_total{service=\"gateway\",dependency=\"order\",gray_version=\"v9\"} 3";
    assert!(two.metric(counted));
    assert!(two.metric("shoal_gray_duration_seconds_count{service=\"gateway\",upstream=\"order\",gray_version=\"v9\",status=\"2xx\"} 3"));

    // One that cannot be reached is none either, whatever the method.
    two.write("[[rules]]\nname = \"r\"\ncolour = \"v8\"\n")
        .await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut gone = Instance::at(closed.local_addr().unwrap().to_string());
    drop(closed);
    gone.labels.insert("gray".to_owned(), "v8".to_owned());
    two.resolver
        .set("order", [instance(&two.stable, None), gone]);
    let post = two.gateway.post("/order/v1/orders").json(&json!({}));
    assert_eq!(two.answered(post).await, "stable");

    // And uncoloured traffic has no stable instance to go to now.
    two.write("rules = []\n").await;
    two.resolver.set("order", [instance(&two.gray, Some("v2"))]);
    two.gateway
        .get("/order/v1/products")
        .send()
        .await
        .problem(503, "common.unavailable");
    assert!(two.gray.received().is_empty());
    two.gateway.stop().await;
}

#[tokio::test]
async fn a_colour_that_does_worse_is_rolled_back_and_stays_so_until_resumed() {
    let two = Two::start(ONE_USER, |config| {
        config.gray.rollback.min_requests = 20;
        config.gray.rollback.confirmations = 2;
        config.gray.rollback.check_ms = 20;
    })
    .await;
    two.gray.otherwise(Answer::status(500));
    // Both sides at once until the gray one is sent to stable.
    let rolled_back = || async {
        for _ in 0..10 {
            two.ask("usr_other").await;
        }
        two.ask("usr_gray").await == "stable"
    };
    let sides = || async {
        let mut gone = false;
        for _ in 0..10 {
            gone = rolled_back().await;
        }
        gone
    };
    eventually(sides, SOON).await;

    let paused = two.rules().await["rules"][0]["paused"].clone();
    assert_eq!(paused["source"], "rollback");
    assert_eq!(paused["actor"], "gateway");
    let reason = paused["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("100.00 % failed, against 0.00 %"),
        "{reason}"
    );
    assert!(two.metric(
        "gateway_gray_rollbacks_total{service=\"gateway\",rule=\"one-user\",of=\"errors\"} 1"
    ));
    let last = two.trail().await[0].clone();
    assert_eq!(
        (&last["source"], &last["action"]),
        (&json!("rollback"), &json!("paused"))
    );

    // Touching the file does not bring it back; a person does.
    two.write(&format!("# touched\n{ONE_USER}")).await;
    assert_eq!(two.ask("usr_gray").await, "stable");
    two.gray.otherwise(Answer::status(200));
    let _ = two
        .gateway
        .post("/gateway/v1/gray/rules/one-user/resume")
        .bearer(&two.admin())
        .json(&json!({"reason": "mended"}))
        .send()
        .await
        .expect(204);
    for _ in 0..60 {
        assert_eq!(two.ask("usr_gray").await, "gray");
        assert_eq!(two.ask("usr_other").await, "stable");
    }
    two.gateway.stop().await;
}

#[tokio::test]
async fn a_stable_instance_answers_as_before_while_a_colour_fails() {
    let two = Two::with(ONE_USER).await;
    two.stable
        .otherwise(Answer::status(200).body("{\"from\":\"stable\"}"));
    two.gray
        .otherwise(Answer::status(500).body("{\"from\":\"gray\"}"));
    let token = two.gateway.issuer.user("usr_other", &[]);
    for _ in 0..5 {
        two.ask("usr_gray").await;
        let answer: Value = two
            .gateway
            .get("/order/v1/products")
            .bearer(&token)
            .send()
            .await
            .ok(200);
        assert_eq!(answer["from"], "stable");
    }
    two.gateway.stop().await;
}
