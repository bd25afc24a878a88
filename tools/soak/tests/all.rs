//! The soak in its short form, with every fault in it.

use std::time::Duration;

use shoal_soak::{SoakOptions, soak};

#[tokio::test(flavor = "multi_thread")]
async fn the_platform_keeps_its_promises_while_parts_of_it_break() {
    // Cargo builds the services' programs only when asked to.
    if std::env::var_os("SHOAL_SOAK_GATEWAY").is_none() {
        eprintln!("not run: Bazel names the programs, see BUILD.bazel");
        return;
    }
    let report = std::env::var_os("TEST_UNDECLARED_OUTPUTS_DIR").map(Into::into);
    let options = SoakOptions {
        time: Duration::from_secs(90),
        rate: 40,
        seed: 1,
        report,
    };
    let outcome = Box::pin(soak(&options, |line| eprintln!("{line}"))).await;
    let outcome = outcome.expect("the run can be made");
    if let Some(folder) = &options.report {
        for file in ["report.md", "report.html", "billing-1.log"] {
            assert!(folder.join(file).is_file(), "{file} is missing");
        }
    }
    let broken: Vec<_> = outcome.verdicts.iter().filter(|v| !v.held).collect();
    assert!(broken.is_empty(), "{broken:#?}\n{}", outcome.text);
    assert!(outcome.verdicts.len() >= 9, "{}", outcome.text);
}
