use serde_json::json;
use shoal_release::graph::{self, Graph, Rule};

use super::support::Scratch;

#[test]
fn a_sound_workspace_has_no_violation() {
    let scratch = Scratch::new();
    assert_eq!(scratch.rules(), []);
    let graph = Graph::of(&scratch.workspace()).unwrap();
    assert_eq!(graph.calls(), [("order", "billing")]);
    assert_eq!(graph.events()[0].publishers, ["billing"]);
    assert_eq!(graph.events()[0].consumers, ["order"]);
    assert_eq!(graph.providers_first(), ["billing", "order"]);
}

#[test]
fn a_service_may_not_be_built_from_another_service() {
    let scratch = Scratch::new();
    scratch.manifest("services/order", "shoal-order", &["shoal-billing"]);
    assert_eq!(scratch.rules(), [Rule::SidewaysDependency]);
}

#[test]
fn not_even_for_its_tests_or_one_platform_or_under_another_name() {
    for section in [
        "[dev-dependencies]\nshoal-billing.workspace = true\n",
        "[target.'cfg(unix)'.dependencies]\nshoal-billing = { path = \"../billing\" }\n",
        "[build-dependencies]\ninnocent = { package = \"shoal-billing\", path = \"../billing\" }\n",
    ] {
        let scratch = Scratch::new();
        let manifest = scratch.read("services/order/Cargo.toml");
        scratch.write(
            "services/order/Cargo.toml",
            &format!("{manifest}\n{section}"),
        );
        assert_eq!(scratch.rules(), [Rule::SidewaysDependency], "{section}");
    }
}

#[test]
fn nothing_depends_upwards() {
    for (folder, name, on) in [
        ("libs/store", "shoal-store", "shoal-order"),
        ("proto", "shoal-proto", "shoal-store"),
        ("services/order", "shoal-order", "shoal-up"),
        ("libs/store", "shoal-store", "shoal-up"),
    ] {
        let scratch = Scratch::new();
        scratch.manifest(folder, name, &[on]);
        assert!(
            scratch.rules().contains(&Rule::UpwardDependency),
            "{name} on {on}"
        );
    }
}

#[test]
fn a_proto_file_may_import_what_is_common_but_not_another_modules() {
    let scratch = Scratch::new();
    scratch.replace(
        "proto/proto/shoal/order/v1/order.proto",
        "import \"shoal/common/v1/money.proto\";",
        "import \"shoal/common/v1/money.proto\";\nimport \"shoal/billing/v1/billing.proto\";",
    );
    assert_eq!(scratch.rules(), [Rule::ProtoImport]);
}

#[test]
fn a_commented_import_is_none() {
    let scratch = Scratch::new();
    scratch.replace(
        "proto/proto/shoal/order/v1/order.proto",
        "message A",
        "// import \"shoal/billing/v1/billing.proto\";\nmessage A",
    );
    assert_eq!(scratch.rules(), []);
}

#[test]
fn common_may_not_import_a_modules_contract() {
    let scratch = Scratch::new();
    scratch.replace(
        "proto/proto/shoal/common/v1/money.proto",
        "google/protobuf/empty.proto",
        "shoal/order/v1/order.proto",
    );
    assert_eq!(scratch.rules(), [Rule::ProtoImport]);
}

#[test]
fn a_proto_file_belongs_to_a_module() {
    let scratch = Scratch::new();
    scratch.write(
        "proto/proto/shoal/gone/v1/gone.proto",
        "syntax = \"proto3\";\npackage shoal.gone.v1;\n",
    );
    assert_eq!(scratch.rules(), [Rule::ProtoWithoutModule]);
}

#[test]
fn a_call_must_be_declared() {
    let scratch = Scratch::new();
    scratch.facts("order", |facts| {
        facts["consumes"] = json!(["billing.paid.v1"]);
    });
    assert_eq!(scratch.rules(), [Rule::UndeclaredCall]);
}

#[test]
fn a_declared_call_needs_somebody_to_answer() {
    let scratch = Scratch::new();
    scratch.facts("billing", |facts| {
        facts["publishes"] = json!(["billing.paid.v1"]);
        facts["calls"] = json!(["bank"]);
    });
    assert_eq!(scratch.rules(), [Rule::UnknownPeer]);
}

#[test]
fn calls_may_not_go_in_a_circle() {
    let scratch = Scratch::new();
    scratch.facts("billing", |facts| {
        facts["publishes"] = json!(["billing.paid.v1"]);
        facts["calls"] = json!(["order"]);
    });
    assert_eq!(scratch.rules(), [Rule::CallCycle]);
    let graph = Graph::of(&scratch.workspace()).unwrap();
    assert!(
        graph.violations()[0]
            .message
            .contains("billing → order → billing"),
        "{}",
        graph.violations()[0]
    );
}

#[test]
fn an_event_that_somebody_listens_to_must_be_announced_by_its_own_module() {
    let scratch = Scratch::new();
    scratch.facts("billing", |_| ());
    assert_eq!(scratch.rules(), [Rule::OrphanEvent]);
    scratch.facts("billing", |facts| {
        facts["publishes"] = json!(["billing.paid.v1", "order.paid.v1"]);
    });
    assert_eq!(scratch.rules(), [Rule::ForeignEvent]);
}

#[test]
fn listening_must_be_declared() {
    let scratch = Scratch::new();
    scratch.facts("order", |facts| facts["calls"] = json!(["billing"]));
    assert_eq!(scratch.rules(), [Rule::UndeclaredEvent]);
}

#[test]
fn uses_may_not_be_hidden_behind_another_name() {
    let scratch = Scratch::new();
    scratch.write("services/billing/src/sly.rs", "use shoal_proto as p;\n");
    assert_eq!(scratch.rules(), [Rule::HiddenUse]);
}

#[test]
fn a_module_needs_its_own_generated_contract() {
    let scratch = Scratch::new();
    std::fs::remove_file(scratch.root().join("services/order/contract/module.json")).unwrap();
    assert_eq!(scratch.rules(), [Rule::ContractMissing]);
    scratch.facts("order", |facts| facts["name"] = json!("billing"));
    assert!(scratch.rules().contains(&Rule::ContractMissing));
}

#[test]
fn a_stale_page_is_found_and_a_release_does_not_make_it_stale() {
    let scratch = Scratch::new();
    let drift = || {
        graph::drift(
            &scratch.workspace(),
            &Graph::of(&scratch.workspace()).unwrap(),
        )
        .unwrap()
    };
    assert!(drift().unwrap().contains("graph --write"));
    scratch.write(
        graph::PAGE,
        &Graph::of(&scratch.workspace()).unwrap().page(),
    );
    assert_eq!(drift(), None);
    scratch.commit("Draw");
    scratch.cut("order", Some("1.2.0")).unwrap();
    assert_eq!(drift(), None);
    scratch.facts("order", |facts| facts["calls"] = json!([]));
    assert!(drift().is_some());
}

#[test]
fn the_page_shows_calls_and_events() {
    let page = Graph::of(&Scratch::new().workspace()).unwrap().page();
    for part in [
        "order --> billing\n",
        "billing -. billing.paid.v1 .-> order\n",
        "| order | @shoal/order | billing |",
        "| `billing.paid.v1` | billing | order |",
        "`shoal.order.v1.S`",
    ] {
        assert!(page.contains(part), "{part} is not in\n{page}");
    }
}
