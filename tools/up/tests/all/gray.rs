//! Two versions of order and billing side by side: every hop of a request is
//! served by its colour, and of all others by stable instances.

use std::time::Duration;

use serde_json::{Value, json};
use shoal_discovery::Resolver as _;
use shoal_telemetry::{SpanRecord, TraceStore};
use shoal_testkit::{FaultProxy, eventually};
use shoal_up::{GrayOption, Options, Up};

use super::person::{Person, SOON};
use super::process::Process;
use super::stores::Stores;

const RULES: &str = r#"
[[rules]]
name = "beta"
colour = "v2"
services = ["order", "billing"]
when.header = { name = "x-beta", value = "on" }
"#;
const COLOURED: [&str; 2] = ["order", "billing"];

/// The platform with gray instances of order and billing.
struct TwoVersions {
    up: Up,
    ada: Person,
    admin: Person,
    product: String,
    stores: Stores,
}

impl TwoVersions {
    async fn start(stores: Stores) -> Self {
        Self::start_with(stores, |_| {}).await
    }

    async fn start_with(stores: Stores, change: impl FnOnce(&mut Options)) -> Self {
        shoal_telemetry::Telemetry::init_for_tests();
        write_rules(&stores, RULES);
        let gray = vec![GrayOption {
            colour: "v2".to_owned(),
            services: COLOURED.map(str::to_owned).to_vec(),
        }];
        let mut options = Options {
            gray,
            ..stores.options()
        };
        change(&mut options);
        let up = Up::start(&options).await.unwrap();
        let gateway = format!("http://{}", up.addresses.gateway);
        Self {
            ada: Person::new(&gateway, "ada@example.com").await,
            admin: Person::admin(&gateway, stores.folder()).await,
            product: up.products[0].clone(),
            up,
            stores,
        }
    }

    /// Places an order under a trace of its own; gives its id and the trace.
    async fn order(&self, key: &str, beta: bool, status: u16) -> (String, String) {
        let trace = format!("{:032x}", rand_trace(key));
        let mut request = self
            .ada
            .post("/order/v1/orders")
            .idempotency_key(key)
            .header("traceparent", &format!("00-{trace}-b7ad6b7169203331-01"))
            .json(&json!({"items": [{"product_id": self.product, "quantity": 1}]}));
        if beta {
            request = request.header("x-beta", "on");
        }
        if status == 202 {
            request = request.header("x-shoal-timeout-ms", "1000");
        }
        let order: Value = request.send().await.ok(status);
        (order["id"].as_str().unwrap().to_owned(), trace)
    }

    async fn rules_become(&self, rules: &str) {
        let revision = || async {
            let rules = self.admin.get("/gateway/v1/gray/rules").send().await;
            rules.ok::<Value>(200)["revision"].clone()
        };
        let before = revision().await;
        write_rules(&self.stores, rules);
        eventually(|| async { revision().await != before }, SOON).await;
    }
}

fn write_rules(stores: &Stores, rules: &str) {
    let folder = stores.folder().join("gray");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("rules.toml"), rules).unwrap();
}

/// A trace id that no other test of this process has.
fn rand_trace(key: &str) -> u128 {
    use std::hash::{BuildHasher as _, RandomState};
    let part = || u128::from(RandomState::new().hash_one(key));
    (part() << 64) | part() | 1
}

/// Spans of the trace, once the event of the order has been handled.
async fn spans(trace: &str) -> Vec<SpanRecord> {
    eventually(
        || async {
            let spans = TraceStore::global().get(trace);
            let has = |name: &str| spans.iter().any(|span| span.name == name);
            let ended = spans
                .iter()
                .any(|s| s.service == "gateway" && s.kind == "server");
            let whole = ended && has("process order.confirmed.v1") && has("saga place_order");
            whole.then_some(spans)
        },
        SOON,
    )
    .await
}

fn attribute<'a>(span: &'a SpanRecord, key: &str) -> Option<&'a str> {
    let found = span.attributes.iter().find(|(name, _)| name == key);
    found.map(|(_, value)| value.as_str())
}

/// Asserts that every hop bore the colour, and that each was served by an
/// instance of it where the service has one.
fn assert_colour(spans: &[SpanRecord], colour: Option<&str>, served_by: &[(&str, Option<&str>)]) {
    let hop = |span: &&SpanRecord| {
        matches!(span.kind, "server" | "consumer" | "producer") || span.name.starts_with("saga ")
    };
    for span in spans.iter().filter(hop) {
        let told = attribute(span, "gray.version");
        assert_eq!(told, colour, "{} {}", span.service, span.name);
    }
    for (service, expected) in served_by {
        let served: Vec<_> = spans
            .iter()
            .filter(|span| span.kind == "server" && span.service == *service)
            .collect();
        assert!(!served.is_empty(), "{service} served nothing");
        for span in served {
            let by = attribute(span, "instance.gray");
            assert_eq!(by, *expected, "{service} {}", span.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_is_served_by_a_wrong_colour_on_embedded_stores() {
    side_by_side(Stores::embedded()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_is_served_by_a_wrong_colour_on_postgresql_and_redis() {
    side_by_side(Stores::servers().await).await;
}

async fn side_by_side(stores: Stores) {
    let two = TwoVersions::start(stores).await;
    let listed = COLOURED.map(|name| two.up.resolver.resolve(name));
    let before = two.ada.stock(&two.product).await;
    let orders = (0..8).map(|n| {
        let beta = n % 2 == 0;
        let two = &two;
        async move { (beta, two.order(&format!("mixed-{n}"), beta, 201).await.1) }
    });
    let traces = futures_of(orders).await;
    for (beta, trace) in traces {
        let colour = beta.then_some("v2");
        let served = [("gateway", None), ("order", colour), ("billing", colour)];
        assert_colour(&spans(&trace).await, colour, &served);
    }
    assert_eq!(
        two.ada.stock(&two.product).await,
        before - 8,
        "one stock for both"
    );

    // The gray billing goes away: its requests fall back, and order's stay gray.
    let stable = listed[1].list.iter().filter(|i| i.labels.is_empty());
    two.up.resolver.set("billing", stable.cloned());
    let (_, trace) = two.order("fallback", true, 201).await;
    let served = [("order", Some("v2")), ("billing", None)];
    assert_colour(&spans(&trace).await, Some("v2"), &served);
    let counted =
        "shoal_gray_fallbacks_total{service=\"order\",dependency=\"billing\",gray_version=\"v2\"}";
    assert!(shoal_telemetry::metrics::encode().contains(counted));

    two.up
        .resolver
        .set("billing", listed[1].list.iter().cloned());
    let now = COLOURED.map(|name| two.up.resolver.resolve(name));
    for (before, after) in listed.iter().zip(&now) {
        assert_eq!(
            before.list, after.list,
            "no request changed the known instances"
        );
    }
    for (service, report) in two.up.shutdown(SOON).await {
        assert!(report.is_clean(), "{service}: {:?}", report.forced);
    }
}

async fn futures_of<T>(all: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut done = Vec::new();
    // Two at a time: what matters is that colours alternate, not the load.
    let mut all = all.peekable();
    while let Some(first) = all.next() {
        match all.next() {
            Some(second) => {
                let (first, second) = tokio::join!(first, second);
                done.extend([first, second]);
            }
            None => done.push(first.await),
        }
    }
    done
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saga_under_way_keeps_its_colour_when_the_rules_change() {
    let two = TwoVersions::start(Stores::embedded()).await;
    let list = two.up.resolver.resolve("billing").list;
    let gray = list.iter().find(|i| !i.labels.is_empty()).unwrap();
    let proxy = FaultProxy::to(gray.addr.parse().unwrap()).await;
    let mut behind = gray.clone();
    behind.addr = proxy.addr().to_string();
    let stable = list.iter().filter(|i| i.labels.is_empty()).cloned();
    two.up.resolver.set("billing", stable.chain([behind]));

    proxy.freeze();
    let (id, trace) = two.order("in-flight", true, 202).await;
    two.rules_become("rules = []\n").await;
    proxy.heal();
    let order = two.ada.settled(&id).await;
    assert_eq!(order["status"], "confirmed", "{order}");
    let served = [("order", Some("v2")), ("billing", Some("v2"))];
    assert_colour(&spans(&trace).await, Some("v2"), &served);

    let (_, trace) = two.order("after", true, 201).await;
    let served = [("order", None), ("billing", None)];
    assert_colour(&spans(&trace).await, None, &served);
    two.up.shutdown(SOON).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gray_release_that_is_slower_is_rolled_back_while_customers_use_it() {
    let stores = Stores::embedded();
    let settings = stores.folder().join("settings");
    std::fs::create_dir_all(&settings).unwrap();
    std::fs::write(
        settings.join("gateway.toml"),
        "[gray.rollback]\nmin_requests = 20\ncheck_ms = 100\n",
    )
    .unwrap();
    let two = TwoVersions::start_with(stores, |options| options.config_dir = Some(settings)).await;
    let list = two.up.resolver.resolve("order").list;
    let gray = list.iter().find(|i| !i.labels.is_empty()).unwrap();
    let proxy = FaultProxy::to(gray.addr.parse().unwrap()).await;
    let mut behind = gray.clone();
    behind.addr = proxy.addr().to_string();
    let stable = list.iter().filter(|i| i.labels.is_empty()).cloned();
    two.up.resolver.set("order", stable.chain([behind]));
    proxy.delay(Duration::from_millis(100));

    let ask = |beta: bool| {
        let request = two.ada.get("/order/v1/products");
        let request = if beta {
            request.header("x-beta", "on")
        } else {
            request
        };
        async move { drop(request.send().await.expect(200)) }
    };
    let paused = || async {
        tokio::join!(ask(true), ask(true), ask(true), ask(true));
        tokio::join!(ask(false), ask(false), ask(false), ask(false));
        let rules = two.admin.get("/gateway/v1/gray/rules").send().await;
        let paused = rules.ok::<Value>(200)["rules"][0]["paused"].clone();
        (!paused.is_null()).then_some(paused)
    };
    let paused = eventually(paused, SOON).await;
    assert_eq!(paused["source"], "rollback");
    let reason = paused["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("p9") && reason.contains("ms, against"),
        "{reason}"
    );
    let (_, trace) = two.order("afterwards", true, 201).await;
    let served = [("order", None), ("billing", None)];
    assert_colour(&spans(&trace).await, None, &served);
    two.up.shutdown(SOON).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saga_keeps_its_colour_when_the_process_dies_and_the_rule_is_gone() {
    let stores = Stores::embedded();
    write_rules(&stores, RULES);
    let gray = ["--gray=v2=order,billing"];
    let faults = [("SHOAL_FAULTS", "place_order.capture.before=kill")];
    let mut process = Process::start_with(&stores, &gray, &faults).await;
    let product = process.facts["product"].as_str().unwrap().to_owned();
    let ada = Person::new(&process.gateway(), "ada@example.com").await;
    let trace = format!("{:032x}", rand_trace("crash"));
    let asked = ada
        .post("/order/v1/orders")
        .idempotency_key("crash")
        .header("traceparent", &format!("00-{trace}-b7ad6b7169203331-01"))
        .header("x-beta", "on")
        .json(&json!({"items": [{"product_id": product, "quantity": 1}]}))
        .try_send()
        .await;
    assert!(asked.is_err(), "still alive: {asked:?}");
    process.ended(SOON).await;
    drop(process);

    write_rules(&stores, "rules = []\n");
    let process = Process::start_with(&stores, &gray, &[]).await;
    assert_eq!(process.facts["gray"][1]["service"], "billing");
    let credentials =
        json!({"email": "ada@example.com", "password": "correct horse battery staple"});
    let ada = Person::log_in(&process.gateway(), &credentials).await;
    let orders: Value = ada.get("/order/v1/orders").send().await.ok(200);
    let id = orders["items"][0]["id"].as_str().unwrap().to_owned();
    let order = ada.settled(&id).await;
    assert_eq!(order["status"], "confirmed", "{order}");

    // The new process knows only its own part of the trace: the rest of the saga.
    let path = format!("/debug/traces/{trace}");
    let view = eventually(
        || async {
            let text = ada.client.get(&path).send().await.text();
            let whole =
                text.contains("saga place_order") && text.contains("process order.confirmed");
            if whole { Ok(text) } else { Err(text) }
        },
        SOON,
    )
    .await;
    let line = |of: &[&str]| {
        let found = view
            .lines()
            .find(|line| of.iter().all(|part| line.contains(part)));
        found.unwrap_or_else(|| panic!("no line with {of:?} in\n{view}"))
    };
    assert!(line(&["saga place_order"]).contains("gray=v2"), "{view}");
    let capture = line(&["billing", "Capture", "instance="]);
    assert!(
        capture.contains("gray=v2") && capture.contains("instance=v2"),
        "{view}"
    );
    assert!(
        line(&["process order.confirmed"]).contains("gray=v2"),
        "{view}"
    );
}
