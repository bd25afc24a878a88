use shoal_new_service::{Error, Plan};

use super::support::Scratch;

#[test]
fn every_list_names_the_module_once_and_at_its_place() {
    let scratch = Scratch::new();
    let plan = scratch.plan("shipping").unwrap();
    plan.carry_out(&scratch.workspace(), true, &|_| ()).unwrap();
    for (path, part) in [
        (
            "Cargo.toml",
            "    \"services/gateway\",\n    \"services/shipping\",\n    \"tools/up\",\n",
        ),
        (
            "Cargo.toml",
            "\nshoal-gateway = { path = \"services/gateway\" }\nshoal-shipping = { path = \"services/shipping\" }\nshoal-up",
        ),
        (
            "Cargo.lock",
            "name = \"shoal-shipping\"\nversion = \"0.1.0\"\ndependencies = [\n \"axum\",\n",
        ),
        (
            "Cargo.lock",
            " \"shoal-gateway\",\n \"shoal-shipping\",\n \"tokio\",\n",
        ),
        (
            "Cargo.lock",
            " \"sqlx 0.9.0\",\n \"tokio\",\n \"tonic\",\n \"utoipa\",\n]\n\n[[package]]\nname = \"shoal-up\"",
        ),
        (
            "MODULE.bazel",
            "        \"gateway\",\n        \"shipping\",\n    ]\n",
        ),
        (
            "CODEOWNERS",
            "/proto/proto/shoal/shipping/        @shoal/post @shoal/platform\n",
        ),
        ("CODEOWNERS", "/services/shipping/         @shoal/post\n"),
        (
            "proto/src/lib.rs",
            "    /// Parcels on their way.\n    shipping = \"shoal.shipping.v1\",\n}\n",
        ),
        (
            "proto/src/events/mod.rs",
            "pub mod auth;\npub mod shipping;\n",
        ),
        (
            "tools/up/Cargo.toml",
            "shoal-gateway.workspace = true\nshoal-shipping.workspace = true\ntokio",
        ),
        (
            "tools/up/src/modules.rs",
            "    /// Parcels on their way.\n    shipping: shoal_shipping::Shipping,\n}\n",
        ),
        (
            "services/gateway/src/config.rs",
            "to(\"/auth\", \"auth\", false),",
        ),
        (
            "services/gateway/src/config.rs",
            "to(\"/shipping\", \"shipping\", true),",
        ),
        (
            "services/gateway/src/lib.rs",
            "Peer::new(\"shipping\", \"127.0.0.1:8081\"),",
        ),
        (
            "services/gateway/CHANGELOG.md",
            "## [Unreleased]\n\n### Added\n- Routes to shipping below `/shipping`.\n\n## [0.1.0]\n",
        ),
    ] {
        assert!(
            scratch.read(path).contains(part),
            "{path} has no {part:?}:\n{}",
            scratch.read(path)
        );
    }
}

#[test]
fn what_is_made_has_its_name_everywhere_and_no_template_is_left() {
    let scratch = Scratch::new();
    let plan = scratch.plan("shipping").unwrap();
    assert_eq!(plan.wish.port, 8081);
    for (path, text) in &plan.created {
        assert!(path.contains("shipping"), "{path}");
        // Templates' marks, and names of the modules that the template was modelled on.
        for left in [
            "{{",
            "{%",
            "shoal-order",
            "shoal_order",
            "order.",
            "/order",
            "billing",
            "TODO",
        ] {
            assert!(!text.contains(left), "{path} has {left:?}:\n{text}");
        }
        assert!(text.ends_with('\n') && !text.contains(" \n"), "{path}");
    }
    for path in [
        "proto/proto/shoal/shipping/v1/shipping.proto",
        "proto/src/events/shipping.rs",
        "services/shipping/deploy/shipping.yaml",
        "services/shipping/migrations/postgres/0001_items.sql",
        "services/shipping/migrations/sqlite/0001_items.sql",
        "services/shipping/tests/all/grpc.rs",
    ] {
        assert!(plan.created.contains_key(path), "{path}");
    }
}

#[test]
fn names_that_are_taken_are_refused_with_nothing_written() {
    let scratch = Scratch::new();
    scratch.write("libs/webhook/Cargo.toml", "");
    let before = scratch.state();
    for (name, part) in [
        ("gateway", "means something else"),
        ("webhook", "libs/webhook"),
        ("Shipping", "`shipping`"),
        ("proto", "contracts"),
    ] {
        let error = scratch.plan(name).unwrap_err();
        assert!(
            matches!(error, Error::Refused(_)) && error.to_string().contains(part),
            "{name}: {error}"
        );
    }
    scratch
        .plan("shipping")
        .unwrap()
        .carry_out(&scratch.workspace(), true, &|_| ())
        .unwrap();
    assert!(
        scratch
            .plan("shipping")
            .unwrap_err()
            .to_string()
            .contains("already")
    );
    assert_ne!(scratch.state(), before);
}

#[test]
fn a_folder_that_was_left_behind_is_not_written_into() {
    let scratch = Scratch::new();
    scratch.write("proto/proto/shoal/shipping/v1/shipping.proto", "mine");
    assert!(
        scratch
            .plan("shipping")
            .unwrap_err()
            .to_string()
            .contains("shipping.proto is there already")
    );
}

#[test]
fn a_list_that_is_not_found_fails_before_anything_is_written() {
    for path in [
        "Cargo.toml",
        "Cargo.lock",
        "MODULE.bazel",
        "CODEOWNERS",
        "proto/src/lib.rs",
        "proto/src/events/mod.rs",
        "tools/up/Cargo.toml",
        "tools/up/src/modules.rs",
        "services/gateway/src/config.rs",
        "services/gateway/src/lib.rs",
    ] {
        let scratch = Scratch::new();
        let other = match path {
            "CODEOWNERS" => "* @shoal/platform\n",
            _ => "const PORT: u16 = 8080;\n",
        };
        scratch.write(path, other);
        let before = scratch.state();
        let error = scratch.plan("shipping").unwrap_err();
        assert!(
            matches!(error, Error::NoPlace { .. }) && error.to_string().contains(path),
            "{path}: {error}"
        );
        assert_eq!(scratch.state(), before);
    }
}

#[test]
fn planning_writes_nothing() {
    let scratch = Scratch::new();
    let before = scratch.state();
    Plan::new(
        &scratch.workspace(),
        "shipping",
        "@shoal/post",
        None,
        Some(9000),
    )
    .unwrap();
    assert_eq!(scratch.state(), before);
}

#[test]
fn a_step_that_fails_takes_everything_back() {
    let scratch = Scratch::new();
    // It renews the module's contract and spoils the gateway's.
    scratch.bazel("case $2 in *gateway*) echo new > services/gateway/contract/config.md; rm -f services/gateway/contract/x; exit 3 ;; esac\nmkdir -p services/shipping/contract && echo new > services/shipping/contract/config.md");
    scratch.write("services/gateway/contract/x", "kept");
    let before = scratch.state();
    let plan = scratch.plan("shipping").unwrap();
    let error = plan
        .carry_out(&scratch.workspace(), false, &|_| ())
        .unwrap_err();
    assert!(
        error.to_string().contains("//services/gateway:renew"),
        "{error}"
    );
    assert_eq!(scratch.state(), before);
}

#[test]
fn contracts_are_made_and_the_graph_is_drawn() {
    let scratch = Scratch::new();
    scratch.bazel("name=${2#//services/}; name=${name%:renew}; [ \"$2\" = \"@rules_rust//:rustfmt\" ] && exit 0\nmkdir -p services/$name/contract docs && echo \"{\\\"name\\\": \\\"$name\\\", \\\"version\\\": \\\"0.1.0\\\"}\" > services/$name/contract/module.json");
    let plan = scratch.plan("shipping").unwrap();
    plan.carry_out(&scratch.workspace(), false, &|_| ())
        .unwrap();
    assert!(
        scratch
            .read("docs/module-graph.md")
            .contains("| shipping | @shoal/post |")
    );
}
