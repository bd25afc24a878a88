//! Every line that the program prints works when pasted.

use std::process::Command;

use super::person::SOON;
use super::process::Process;
use super::stores::Stores;
use shoal_testkit::eventually;

#[tokio::test(flavor = "multi_thread")]
async fn the_walk_through_works_as_printed() {
    let stores = Stores::embedded();
    let process = Process::start(&stores, &[]).await;
    let lines: Vec<String> = serde_json::from_value(process.facts["walkthrough"].clone()).unwrap();
    assert_eq!(lines.len(), 5);
    let out = shell(lines.join("\n")).await;
    let answers: Vec<&str> = out.lines().collect();
    assert!(answers[0].contains("ada@example.com"), "register: {out}");
    assert!(out.contains("Enamel mug"), "products: {out}");
    assert!(out.contains(r#""status":"confirmed""#), "order: {out}");
    assert!(out.contains("order_confirmed"), "notification: {out}");

    let line = process.facts["trace"].as_str().unwrap().to_owned();
    let trace = eventually(
        || async {
            let trace = shell(line.clone()).await;
            trace.contains("notification").then_some(trace)
        },
        SOON,
    )
    .await;
    for service in ["gateway", "order", "billing", "notification"] {
        assert!(trace.contains(service), "{service} is not in\n{trace}");
    }
}

async fn shell(script: String) -> String {
    let out =
        tokio::task::spawn_blocking(move || Command::new("bash").args(["-c", &script]).output())
            .await
            .unwrap()
            .unwrap();
    String::from_utf8_lossy(&out.stdout).into_owned()
}
