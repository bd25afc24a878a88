use crate::fixture::Checkout;

/// A checkout with an accepted plan in which `from` is replaced by `to`.
fn planted(from: &str, to: &str) -> Checkout {
    let checkout = Checkout::changed("10");
    let plan = checkout.planned("within 5 %");
    checkout.run(&["check"]).accepts();
    assert!(plan.contains(from), "not '{from}' in: {plan}");
    checkout.write("review-plan.md", &plan.replace(from, to));
    checkout
}

const ROW: &str = "| speed | read: p99 | within 5 % | the same work is done |";

#[test]
fn a_change_without_a_plan_is_refused() {
    let checkout = Checkout::changed("10");
    checkout
        .run(&["check"])
        .refuses("there is no plan; run `./bazelw run //tools/review -- plan`");
}

#[test]
fn a_plan_that_was_not_filled_in_is_refused_at_every_blank() {
    let checkout = Checkout::changed("10");
    checkout.run(&["plan"]).accepts();
    let answer = checkout.run(&["check"]);
    answer.refuses("the title is blank");
    answer.refuses("'Purpose' is left blank; answer: what is better afterwards");
    answer.refuses("'Risks' is left blank");
    answer.refuses("'Roll-back' is left blank");
    answer.refuses("no figure is expected of 'read: p99'; write 'within 5 %'");
    answer.refuses("no figure is expected of 'read: rate'");
}

#[test]
fn a_plan_without_a_performance_figure_is_refused() {
    let none = planted(ROW, "");
    none.run(&["check"])
        .refuses("there is no performance figure; write a row such as '| speed |");
    for words in ["no effect expected", "faster", "noise"] {
        let vague = planted("within 5 %", words);
        vague
            .run(&["check"])
            .refuses(&format!("'{words}' holds no figure"));
    }
    let noise = planted("within 5 %", "within noise");
    noise
        .run(&["check"])
        .refuses("'noise' has no unit; write a share of base such as '5 %'");
    let bare = planted("within 5 %", "<= 12");
    bare.run(&["check"]).refuses("12 has no unit");
}

#[test]
fn a_figure_that_cannot_be_judged_is_refused_with_what_to_write() {
    let cases = [
        (
            "| speed |",
            "| spede |",
            "there is no benchmark 'spede'; name one of speed",
        ),
        (
            "read: p99 | w",
            "read: p50 | w",
            "'speed' has no figure 'read: p50'; it has read: p99, read: rate",
        ),
        (
            "within 5 %",
            "<= 12 s",
            "'read: p99' is measured in ms, not in s",
        ),
        (
            "the same work is done",
            "none",
            "say in a few words: why can the change have no effect",
        ),
        (
            "within 5 % | the same work is done",
            "at most 9 % worse | TODO",
            "what is bought at this price?",
        ),
        (
            ROW,
            &format!("{ROW}\n{ROW}"),
            "is there twice; keep one row",
        ),
    ];
    for (from, to, refusal) in cases {
        planted(from, to).run(&["check"]).refuses(refusal);
    }
}

#[test]
fn sections_that_are_gone_or_say_nothing_are_refused() {
    let gone = planted("## Risks", "## Rusks");
    gone.run(&["check"])
        .refuses("the section '## Risks' is missing");
    let checkout = Checkout::changed("10");
    let plan = checkout.planned("within 5 %");
    let start = plan.find("## Risks").unwrap();
    let end = plan.find("## Roll-back").unwrap();
    let thin = format!("{}## Risks\n\nNone.\n\n{}", &plan[..start], &plan[end..]);
    checkout.write("review-plan.md", &thin);
    checkout
        .run(&["check"])
        .refuses("'Risks' says only 'None.'; name what could go wrong");
}

#[test]
fn a_scope_that_no_longer_matches_is_refused_and_says_what_is_new() {
    let checkout = Checkout::changed("10");
    checkout.planned("within 5 %");
    checkout.write("libs/store/src/lib.rs", "fn store() { more() }\n");
    let answer = checkout.run(&["check"]);
    answer
        .refuses("the block 'scope' is stale (it lacks '| `libs/store` | changed | its files |')");
    answer.refuses("the block 'commands' is stale");
}

#[test]
fn a_block_that_was_edited_by_hand_is_refused() {
    let edited = planted("| `tools/bench` | affected | uses `services/order` |\n", "");
    edited.run(&["check"]).refuses("the block 'scope' is stale");
    let widened = planted(" //tools/bench/...\n", "\n");
    widened
        .run(&["check"])
        .refuses("the block 'commands' is stale");
}

#[test]
fn commands_that_cannot_be_run_are_refused_with_the_reason() {
    let cases = [
        (
            "./bazelw test //services/nowhere/...",
            "there is no folder services/nowhere",
        ),
        (
            "./bazelw test //services/order:nosuch",
            "Bazel says: no such target '//services/order:nosuch'",
        ),
        (
            "./bazelw test //services/order:testless",
            "no test is in these targets",
        ),
        ("./bazelw test", "it names no target"),
        (
            "./bazelw test services/order",
            "'services/order' is no label",
        ),
        ("./bazelw clean //libs/store", "'clean' verifies nothing"),
        (
            "./bazelw run //libs/store //tools/bench",
            "run takes one target",
        ),
        (
            "./bazelw build //services:all",
            "services has no BUILD.bazel",
        ),
        ("tools/nothing", "there is no file tools/nothing"),
        ("./README.md", "may not be executed"),
        (
            "no-such-program-at-all",
            "there is no program 'no-such-program-at-all' on the PATH",
        ),
        (
            "./bazelw test //libs/store/... | tee log",
            "'|' needs a shell",
        ),
    ];
    for (command, refusal) in cases {
        let plan = format!("\n```sh\n{command}\n```\n\n## Expected performance");
        let checkout = planted("\n## Expected performance", &plan);
        checkout.run(&["check"]).refuses(refusal);
    }
}

#[test]
fn without_asking_bazel_folders_and_files_are_still_looked_at() {
    let unknown = "\n```sh\n./bazelw test //services/order:nosuch\n```\n\n## Expected performance";
    planted("\n## Expected performance", unknown)
        .run(&["check", "--no-query"])
        .accepts();
    let nowhere = "\n```sh\n./bazelw test //nowhere/...\n```\n\n## Expected performance";
    let checkout = planted("\n## Expected performance", nowhere);
    checkout
        .run(&["check", "--no-query"])
        .refuses("there is no folder nowhere");
}

#[test]
fn a_benchmark_far_from_the_change_alone_is_not_enough() {
    let bench = "[package]\nname = \"other\"\nversion = \"0.1.0\"\n\
        [package.metadata.benchmarks.far]\nabout = \"x\"\ncommand = \"./bench.sh\"\nfigures = { \"a\" = \"ms\" }\n";
    let checkout = Checkout::with("tools/other/Cargo.toml", bench);
    let members = checkout
        .read("Cargo.toml")
        .replace("\"tools/bench\"", "\"tools/bench\", \"tools/other\"");
    checkout.git(&["switch", "--quiet", "main"]);
    checkout.write("Cargo.toml", &members);
    checkout.commit("Add a member");
    checkout.git(&["switch", "--quiet", "change"]);
    checkout.git(&["merge", "--quiet", "main"]);
    checkout.write("services/order/src/lib.rs", "fn order() { work() }\n");
    checkout.commit("Change the service");
    let plan = checkout.planned("within 5 %");
    checkout.run(&["check"]).accepts();
    checkout.write(
        "review-plan.md",
        &plan.replace(ROW, "| far | a | within 5 % | nothing is changed there |"),
    );
    checkout
        .run(&["check"])
        .refuses("no row is about a benchmark that the change can move; add a figure of speed");
}

#[test]
fn the_program_tells_bad_arguments_from_bad_plans() {
    let checkout = Checkout::changed("10");
    assert_eq!(checkout.run(&["check", "--nonsense"]).code, Some(2));
    assert_eq!(checkout.run(&["report", "--rounds", "3"]).code, Some(2));
    let outside = checkout
        .program(&["check"])
        .current_dir(checkout.cache())
        .output()
        .unwrap();
    assert_eq!(outside.status.code(), Some(2));
}
