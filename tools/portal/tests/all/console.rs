//! Trying requests from the page, against the running platform.

use serde_json::{Value, json};
use shoal_testkit::eventually;

use super::browser::Browser;
use super::world::{SOON, browse, products};

const PASSWORD: &str = "correct horse battery staple";
const CONTROL: char = '\u{e009}';

const PLACE: &str = "tag/orders/POST/order/v1/orders";
const ORDERS: &str = "services/order/current/api.html";
const INBOX: &str = "services/notification/current/api.html";
const AUTH: &str = "services/auth/current/api.html";

#[test]
fn somebody_registers_signs_in_and_places_an_order_and_the_token_is_kept() {
    browse(|b| async move {
        b.open(ORDERS).await;
        sign_in(&b, "ada@example.com", "register").await;
        let product = &products()[0];
        let order =
            json!({ "currency": "EUR", "items": [{ "product_id": product, "quantity": 1 }] });
        send(&b, ORDERS, PLACE, Some(&order), "201").await;
        let orders = ask(&b, "/order/v1/orders").await;
        assert_eq!(orders["items"][0]["status"], "confirmed", "{orders}");
        assert_eq!(orders["items"].as_array().unwrap().len(), 1, "{orders}");

        // A second one is another order: the key of the example is not sent twice.
        send(&b, ORDERS, PLACE, Some(&order), "201").await;
        let orders = ask(&b, "/order/v1/orders").await;
        assert_eq!(orders["items"].as_array().unwrap().len(), 2, "{orders}");

        // On the page of another service, and after a reload.
        b.open(INBOX).await;
        b.read("#session-state", "ada@example.com").await;
        b.reload().await;
        send(
            &b,
            INBOX,
            "tag/inbox/GET/notification/v1/inbox",
            None,
            "200",
        )
        .await;

        b.open(INBOX).await;
        b.click("#session-end").await;
        b.read("#session-state", "Not signed in").await;
        send(
            &b,
            INBOX,
            "tag/inbox/GET/notification/v1/inbox",
            None,
            "401",
        )
        .await;
        forget_refusals(&b).await;
    });
}

#[test]
fn a_token_that_the_console_is_answered_becomes_the_sessions() {
    browse(|b| async move {
        let person = json!({ "email": "grace@example.com", "password": PASSWORD });
        let register = "tag/accounts/POST/auth/v1/register";
        send(&b, AUTH, register, Some(&person), "201").await;
        b.read("#session-state", "Not signed in").await;
        let log_in = "tag/sessions/POST/auth/v1/login";
        send(&b, AUTH, log_in, Some(&person), "200").await;
        b.read("#session-state", "grace@example.com").await;
        send(&b, AUTH, "tag/accounts/GET/auth/v1/me", None, "200").await;
    });
}

#[test]
fn a_wrong_password_is_said_where_it_was_typed_and_a_session_ends_with_its_tab() {
    browse(|b| async move {
        b.open(ORDERS).await;
        sign_in(&b, "eve@example.com", "register").await;
        b.click("#session-end").await;
        b.click("#session-open").await;
        b.run(
            "document.querySelector('#sign-in-email').value = 'eve@example.com'",
            vec![],
        )
        .await;
        b.fill("#sign-in-password", "not the password at all").await;
        b.click("button[value=log-in]").await;
        let said = "return document.querySelector('#sign-in-problem').textContent.length > 5;";
        eventually(
            || async { (b.run(said, vec![]).await == json!(true)).then_some(()) },
            SOON,
        )
        .await;
        b.read("#session-state", "Not signed in").await;
        forget_refusals(&b).await;
        let kept = "return Object.values(localStorage).some((v) => v.includes('eyJ'));";
        assert_eq!(
            b.run(kept, vec![]).await,
            json!(false),
            "a token outlives the tab"
        );
    });
}

#[test]
fn samples_are_code_and_those_for_a_shell_work_as_they_stand() {
    browse(|b| async move {
        b.open(ORDERS).await;
        let script = "const at = [];
            for (const [path, item] of Object.entries(shoalDocument.paths))
                for (const [method, op] of Object.entries(item))
                    for (const s of op['x-codeSamples'] ?? []) at.push([`${method} ${path}`, s.lang, s.source]);
            return at;";
        let all = b.run(script, vec![]).await;
        let all = all.as_array().unwrap();
        assert_eq!(all.len() % 4, 0);
        assert!(all.len() >= 40, "{}", all.len());
        for sample in all.iter().filter(|sample| sample[1] == "typescript") {
            // Types aside, it has to be a script that a browser takes.
            let source = sample[2].as_str().unwrap().replace("body!", "body");
            let parsed = parses(&b, &source).await;
            assert_eq!(parsed, json!(null), "{source}");
        }
        let list = all
            .iter()
            .find(|s| s[0] == "get /order/v1/products" && s[1] == "shell")
            .unwrap();
        let gateway = b.home.trim_end_matches("/docs/");
        let source = list[2]
            .as_str()
            .unwrap()
            .replace("http://127.0.0.1:8080", gateway);
        let out = tokio::process::Command::new("bash")
            .args(["-c", &source])
            .output()
            .await
            .unwrap();
        let page: Value = serde_json::from_slice(&out.stdout).unwrap();
        assert!(
            page["items"]
                .as_array()
                .is_some_and(|items| !items.is_empty()),
            "{page}"
        );
    });
}

/// The complaint about a script, if any; parsed, not run. In a page without the
/// portal's policy, which forbids to make scripts of text.
async fn parses(b: &Browser, source: &str) -> Value {
    b.goto("about:blank").await;
    let script = "try { new (async () => {}).constructor(arguments[0]); return null; } catch (e) { return String(e); }";
    b.run(script, vec![source.into()]).await
}

async fn sign_in(b: &Browser, email: &str, how: &str) {
    b.click("#session-open").await;
    b.fill("#sign-in-email", email).await;
    b.fill("#sign-in-password", PASSWORD).await;
    b.click(&format!("button[value={how}]")).await;
    b.read("#session-state", email).await;
}

/// Sends an operation's request from its console and waits for the status.
async fn send(b: &Browser, page: &str, operation: &str, body: Option<&Value>, status: &str) {
    b.open(&format!("{page}#{operation}")).await;
    let open = "const s = [...document.querySelectorAll('section[id]')].find((e) => e.id.endsWith(arguments[0]));
        const button = s && [...s.querySelectorAll('button')].find((e) => /Test Request/.test(e.textContent));
        button?.scrollIntoView({ block: 'center' }); button?.click(); return Boolean(button);";
    eventually(
        || async { (b.run(open, vec![operation.into()]).await == json!(true)).then_some(()) },
        SOON,
    )
    .await;
    b.see(".scalar-client--open").await;
    if let Some(body) = body {
        let focus = "const e = [...document.querySelectorAll('.scalar-client--open .cm-content[contenteditable=true]')].filter((e) => e.textContent.includes('{')).at(-1);
            e?.focus(); return document.activeElement === e && Boolean(e);";
        eventually(
            || async { (b.run(focus, vec![]).await == json!(true)).then_some(()) },
            SOON,
        )
        .await;
        b.chord(CONTROL, 'a').await;
        b.chromium("Input.insertText", json!({ "text": body.to_string() }))
            .await;
    }
    let press = "const all = [...document.querySelectorAll('.scalar-client--open button')];
        const send = all.find((e) => /^Send(?! Request)/.test(e.textContent.trim()) && e.checkVisibility());
        send?.click(); return Boolean(send);";
    eventually(
        || async { (b.run(press, vec![]).await == json!(true)).then_some(()) },
        SOON,
    )
    .await;
    b.read(".scalar-client--open", &format!("Status:{status}"))
        .await;
}

/// What the gateway answers whoever is signed in.
async fn ask(b: &Browser, path: &str) -> Value {
    let script = "const done = arguments[1]; const { token } = JSON.parse(sessionStorage.getItem('shoal.session'));
        fetch(arguments[0], { headers: { authorization: `Bearer ${token}` } }).then((r) => r.json()).then(done);";
    b.run_async(script, vec![path.into()]).await
}

/// Chromium logs an answer of 401, which the tests here ask for.
async fn forget_refusals(b: &Browser) {
    let all = b.take_complaints().await;
    let other: Vec<&String> = all.iter().filter(|text| !text.contains("401")).collect();
    assert!(other.is_empty(), "{other:?}");
}
