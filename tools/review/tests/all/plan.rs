use crate::fixture::Checkout;

#[test]
fn a_new_plan_names_what_the_change_reaches_and_leaves_blanks() {
    let checkout = Checkout::changed("10");
    checkout.run(&["plan"]).accepts();
    let plan = checkout.read("review-plan.md");
    assert!(
        plan.contains("| `services/order` | changed | its files |"),
        "{plan}"
    );
    assert!(
        plan.contains("| `tools/bench` | affected | uses `services/order` |"),
        "{plan}"
    );
    assert!(!plan.contains("`libs/store`"), "{plan}");
    assert!(
        plan.contains("./bazelw test //services/order/... //tools/bench/..."),
        "{plan}"
    );
    assert!(
        plan.contains("| `speed` | `read: p99` | TODO | TODO |"),
        "{plan}"
    );
    for section in ["Purpose", "Contracts", "Risks", "Roll-back"] {
        assert!(plan.contains(&format!("\n## {section}\n")), "{plan}");
    }
}

#[test]
fn what_has_no_tests_is_built_instead() {
    let checkout = Checkout::new();
    checkout.write("tools/bench/src/main.rs", "fn main() { work() }\n");
    checkout.commit("Change the benchmark");
    checkout.run(&["plan"]).accepts();
    let plan = checkout.read("review-plan.md");
    assert!(!plan.contains("./bazelw test"), "{plan}");
    assert!(plan.contains("./bazelw build //tools/bench/..."), "{plan}");
}

#[test]
fn planning_again_keeps_what_people_wrote_and_renews_the_rest() {
    let checkout = Checkout::changed("10");
    let plan = checkout.planned("within 5 %");
    let own = "```sh\n./bazelw build //libs/store/...\n```\n\n## Notes\n\nFor the night shift.\n";
    let plan = plan.replace(
        "\n## Expected performance",
        &format!("\n{own}\n## Expected performance"),
    );
    checkout.write("review-plan.md", &plan);
    checkout.write("libs/store/src/lib.rs", "fn store() { faster() }\n");
    checkout.commit("Touch the store as well");
    checkout.run(&["check"]).refuses("stale");
    checkout.run(&["plan"]).accepts();
    let renewed = checkout.read("review-plan.md");
    assert!(
        renewed.contains("| `libs/store` | changed | its files |"),
        "{renewed}"
    );
    assert!(
        renewed.contains("| speed | read: p99 | within 5 % | the same work is done |"),
        "{renewed}"
    );
    assert!(
        renewed.contains("./bazelw build //libs/store/..."),
        "{renewed}"
    );
    assert!(renewed.contains("For the night shift."), "{renewed}");
    assert!(!renewed.contains("TODO"), "{renewed}");
    checkout.run(&["check"]).accepts();
    checkout.run(&["plan"]).accepts();
    assert_eq!(checkout.read("review-plan.md"), renewed);
}

#[test]
fn the_plan_of_the_last_change_is_not_taken_for_this_one() {
    let checkout = Checkout::changed("10");
    checkout.planned("within 5 %");
    checkout.commit("Plan");
    checkout.git(&["switch", "--quiet", "main"]);
    checkout.git(&["merge", "--quiet", "change"]);
    checkout.git(&["switch", "--quiet", "--create", "next"]);
    checkout.write("libs/store/src/lib.rs", "fn store() { again() }\n");
    checkout.commit("The next change");
    checkout
        .run(&["check"])
        .refuses("the plan of the last change");
    checkout.run(&["plan"]).accepts();
    let plan = checkout.read("review-plan.md");
    assert!(
        plan.contains("TODO") && !plan.contains("within 5 % | the same"),
        "{plan}"
    );
}

#[test]
fn a_base_that_was_named_is_remembered() {
    let checkout = Checkout::changed("10");
    checkout.git(&["branch", "--quiet", "trunk", "main"]);
    checkout.run(&["plan", "--base", "trunk"]).accepts();
    assert!(
        checkout
            .read("review-plan.md")
            .contains("Base: `trunk` at `")
    );
    checkout.run(&["plan"]).accepts();
    assert!(
        checkout
            .read("review-plan.md")
            .contains("Base: `trunk` at `")
    );
}

#[test]
fn what_is_not_committed_yet_is_planned_as_well() {
    let checkout = Checkout::new();
    checkout.write("services/order/src/new.rs", "fn new() {}\n");
    checkout.run(&["plan"]).accepts();
    assert!(
        checkout
            .read("review-plan.md")
            .contains("`services/order` | changed")
    );
}

#[test]
fn a_change_of_documents_still_gets_a_command_and_a_figure() {
    let checkout = Checkout::new();
    checkout.write("README.md", "A better workspace.\n");
    checkout.commit("Say it better");
    checkout.run(&["plan"]).accepts();
    let plan = checkout.read("review-plan.md");
    assert!(
        plan.contains("No benchmark is built from what the change reaches"),
        "{plan}"
    );
    assert!(plan.contains("git diff --check"), "{plan}");
    checkout.planned("within 5 %");
    checkout.run(&["check"]).accepts();
}

#[test]
fn what_cannot_be_planned_is_told_in_a_sentence() {
    let nothing = Checkout::new();
    nothing.run(&["plan"]).fails("there is no change to review");
    nothing
        .run(&["plan", "--base", "nowhere"])
        .fails("there is no revision `nowhere`");
    let broken = Checkout::changed("10");
    broken.write(
        "review-plan.md",
        "# Mine\n\n## Scope\n<!-- generated: scope -->\n",
    );
    broken
        .run(&["plan"])
        .fails("review-plan.md:4: the block 'generated: scope' is not closed");
    assert!(broken.read("review-plan.md").starts_with("# Mine"));
}

#[test]
fn a_shallow_clone_says_how_to_get_the_rest() {
    let checkout = Checkout::changed("10");
    let from = format!("file://{}", checkout.root().display());
    let to = checkout.cache().join("shallow");
    let to = to.to_str().unwrap();
    checkout.git(&[
        "clone",
        "--quiet",
        "--depth=1",
        "--branch=change",
        &from,
        to,
    ]);
    let output = checkout
        .program(&["plan", "--base", "main"])
        .current_dir(to)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(said.contains("git fetch --unshallow"), "{said}");
}
