//! Sinks record what real clients send.

use std::time::Duration;

use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use serde_json::json;
use shoal_testkit::{Answer, HttpSink, SmtpSink, TestClient};

const SOON: Duration = Duration::from_secs(10);

fn mailer(sink: &SmtpSink) -> AsyncSmtpTransport<Tokio1Executor> {
    let addr = sink.addr();
    AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(addr.ip().to_string())
        .port(addr.port())
        .build()
}

fn mail(body: &str) -> Message {
    Message::builder()
        .from("Shoal <noreply@shoal.test>".parse().unwrap())
        .to("ada@example.com".parse().unwrap())
        .subject("Hello")
        .body(body.to_owned())
        .unwrap()
}

#[tokio::test]
async fn a_real_mail_client_delivers_to_the_sink() {
    let sink = SmtpSink::start().await;
    mailer(&sink)
        .send(mail("line\n.dot\n..dots\n"))
        .await
        .unwrap();
    let mails = sink.wait_for(1, SOON).await;
    assert_eq!(mails[0].from, "noreply@shoal.test");
    assert_eq!(mails[0].to, ["ada@example.com"]);
    assert_eq!(mails[0].header("subject").as_deref(), Some("Hello"));
    assert!(
        mails[0].body().contains("\n.dot\n..dots\n"),
        "{:?}",
        mails[0].data
    );
}

#[tokio::test]
async fn a_refusal_is_told_once_and_the_mail_is_not_kept() {
    let sink = SmtpSink::start().await;
    sink.refuse(["451 try later", "550 no such mailbox"]);
    let mailer = mailer(&sink);
    assert!(mailer.send(mail("one")).await.unwrap_err().is_transient());
    assert!(mailer.send(mail("one")).await.unwrap_err().is_permanent());
    mailer.send(mail("one")).await.unwrap();
    assert_eq!(sink.mails().len(), 1);
}

#[tokio::test]
async fn requests_are_recorded_and_answered_by_script() {
    let sink = HttpSink::start().await;
    sink.script([
        Answer::status(503).header("retry-after", "1"),
        Answer::status(201).body("ok"),
    ]);
    let client = TestClient::new(sink.url(""));
    let first = client
        .post("/hook?x=1")
        .header("x-sig", "abc")
        .json(&json!({"n": 1}))
        .send()
        .await;
    assert_eq!(
        (first.status.as_u16(), first.header("retry-after")),
        (503, Some("1"))
    );
    assert_eq!(client.post("/hook").send().await.expect(201).text(), "ok");
    assert_eq!(client.get("/other").send().await.status, 200);
    let all = sink.wait_for(3, SOON).await;
    assert_eq!(all[0].uri.to_string(), "/hook?x=1");
    assert_eq!(all[0].header("x-sig"), Some("abc"));
    assert_eq!(all[0].json::<serde_json::Value>(), json!({"n": 1}));
    assert_eq!(all[2].method, http::Method::GET);
}
