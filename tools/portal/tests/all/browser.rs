//! A real Chromium that says what it asked for and what it complained about.

use std::future::Future;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{SocketAddr, TcpListener};
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fantoccini::actions::{InputSource as _, KeyAction, KeyActions};
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use futures::FutureExt as _;
use serde_json::{Value, json};
use shoal_testkit::eventually;
use tempfile::TempDir;

use super::world::{SOON, folder};

/// A browser window on the portal.
#[derive(Clone)]
pub(crate) struct Browser {
    client: Client,
    /// Address of the portal's first page.
    pub(crate) home: String,
}

impl Browser {
    /// Opens a browser for one test and closes it, however the test ends.
    #[expect(
        clippy::print_stderr,
        reason = "what helps to understand a failed test"
    )]
    pub(crate) async fn visit<F: Future<Output = ()>>(home: &str, test: impl FnOnce(Self) -> F) {
        let driver = Driver::start();
        let outside = Outside::start();
        let client = driver.session(outside.addr).await;
        let browser = Self {
            client,
            home: home.to_owned(),
        };
        let outcome = AssertUnwindSafe(test(browser.clone())).catch_unwind().await;
        let complaints = browser.take_complaints().await;
        let foreign = browser.foreign_requests().await;
        let _ = browser.client.close().await;
        if let Err(panic) = outcome {
            eprintln!("the browser said: {complaints:#?}");
            resume_unwind(panic);
        }
        assert_eq!(complaints, Vec::<String>::new(), "the browser complained");
        assert_eq!(foreign, Vec::<String>::new(), "asked of others");
        assert_eq!(outside.seen(), Vec::<String>::new(), "sent to the outside");
    }

    /// Opens a page of the portal, by its path from the first page.
    pub(crate) async fn open(&self, path: &str) {
        // An address that differs in its anchor only would not load anything.
        self.client.goto("about:blank").await.unwrap();
        self.client
            .goto(&format!("{}{path}", self.home))
            .await
            .unwrap();
        if path.contains("/api.html") {
            self.see("#reference .scalar-app h1").await;
        }
    }

    pub(crate) async fn goto(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    pub(crate) async fn reload(&self) {
        self.client.refresh().await.unwrap();
    }

    /// Where the browser is, from the portal's first page.
    pub(crate) async fn path(&self) -> String {
        let url = self.client.current_url().await.unwrap();
        url.as_str().replace(&self.home, "")
    }

    /// Waits until the browser is there; at any anchor unless one is named.
    pub(crate) async fn arrives(&self, path: &str) {
        eventually(
            || async {
                let mut here = self.path().await;
                if !path.contains('#') {
                    here = here.split('#').next().unwrap_or_default().to_owned();
                }
                if here == path { Ok(()) } else { Err(here) }
            },
            SOON,
        )
        .await;
    }

    /// Waits until something is shown.
    pub(crate) async fn see(&self, css: &str) {
        let shown = "const e = document.querySelector(arguments[0]); return Boolean(e && e.checkVisibility());";
        eventually(
            || async {
                match self.run(shown, vec![css.into()]).await {
                    Value::Bool(true) => Ok(()),
                    _ => Err(format!("{css} is not shown")),
                }
            },
            SOON,
        )
        .await;
    }

    /// Waits until the text of something holds a part.
    pub(crate) async fn read(&self, css: &str, part: &str) {
        let text = "return document.querySelector(arguments[0])?.textContent ?? null;";
        eventually(
            || async {
                let found = self.run(text, vec![css.into()]).await;
                match found.as_str() {
                    Some(text) if text.contains(part) => Ok(()),
                    _ => Err(format!("{css}: {found}")),
                }
            },
            SOON,
        )
        .await;
    }

    pub(crate) async fn click(&self, css: &str) {
        self.see(css).await;
        let element = self.client.find(Locator::Css(css)).await.unwrap();
        element.click().await.unwrap();
    }

    /// Clicks what has this text.
    pub(crate) async fn click_text(&self, xpath: &str) {
        let wait = self.client.wait().at_most(SOON);
        let element = wait.for_element(Locator::XPath(xpath)).await.unwrap();
        element.click().await.unwrap();
    }

    pub(crate) async fn fill(&self, css: &str, text: &str) {
        self.see(css).await;
        let element = self.client.find(Locator::Css(css)).await.unwrap();
        element.send_keys(text).await.unwrap();
    }

    /// Presses keys, one after the other, wherever the focus is.
    pub(crate) async fn press(&self, keys: &[char]) {
        let mut actions = KeyActions::new("keyboard".to_owned());
        for &value in keys {
            actions = actions
                .then(KeyAction::Down { value })
                .then(KeyAction::Up { value });
        }
        self.client.perform_actions(actions).await.unwrap();
    }

    /// Presses a key while another is held.
    pub(crate) async fn chord(&self, held: char, value: char) {
        let actions = KeyActions::new("keyboard".to_owned())
            .then(KeyAction::Down { value: held })
            .then(KeyAction::Down { value })
            .then(KeyAction::Up { value })
            .then(KeyAction::Up { value: held });
        self.client.perform_actions(actions).await.unwrap();
    }

    /// Runs a script in the page.
    pub(crate) async fn run(&self, script: &str, arguments: Vec<Value>) -> Value {
        self.client.execute(script, arguments).await.unwrap()
    }

    /// Runs a script that calls its last argument when it is done.
    pub(crate) async fn run_async(&self, script: &str, arguments: Vec<Value>) -> Value {
        self.client.execute_async(script, arguments).await.unwrap()
    }

    /// A picture of what is shown, as PNG.
    pub(crate) async fn picture(&self) -> Vec<u8> {
        self.client.screenshot().await.unwrap()
    }

    /// A command of Chromium's own protocol.
    pub(crate) async fn chromium(&self, command: &str, parameters: Value) -> Value {
        let body = json!({ "cmd": command, "params": parameters });
        let command = Own {
            path: "goog/cdp/execute",
            body,
        };
        self.client.issue_cmd(command).await.unwrap()
    }

    /// A window of this size, in CSS pixels; a phone's when it is narrow.
    pub(crate) async fn size(&self, width: u32, height: u32) {
        let phone = width < 600;
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone });
        self.chromium("Emulation.setDeviceMetricsOverride", metrics)
            .await;
    }

    /// What the system's colours are.
    pub(crate) async fn system_colours(&self, scheme: &str) {
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.chromium("Emulation.setEmulatedMedia", features).await;
    }

    /// Warnings and errors of pages since this was last asked, without that of a
    /// page that is missing on purpose.
    pub(crate) async fn take_complaints(&self) -> Vec<String> {
        let entries = self.log("browser").await;
        entries
            .iter()
            .filter(|entry| entry["level"] != "INFO" && entry["level"] != "DEBUG")
            .filter_map(|entry| entry["message"].as_str())
            .filter(|text| !text.contains("there-is-no-such-page"))
            .map(str::to_owned)
            .collect()
    }

    /// Requests to anybody but the gateway.
    async fn foreign_requests(&self) -> Vec<String> {
        let entries = self.log("performance").await;
        let origin = self.home.trim_end_matches("docs/");
        let requests = entries.iter().filter_map(|entry| {
            let event: Value = serde_json::from_str(entry["message"].as_str()?).ok()?;
            let message = &event["message"];
            let asks = ["Network.requestWillBeSent", "Network.webSocketCreated"];
            let asks = asks.iter().any(|kind| message["method"] == *kind);
            let url = message["params"]["request"]["url"]
                .as_str()
                .or(message["params"]["url"].as_str());
            asks.then(|| url.map(str::to_owned)).flatten()
        });
        let own = |url: &String| {
            [origin, "data:", "blob:", "about:", "file:", "chrome:"]
                .iter()
                .any(|start| url.starts_with(start))
        };
        requests.filter(|url| !own(url)).collect()
    }

    async fn log(&self, kind: &str) -> Vec<Value> {
        let command = Own {
            path: "se/log",
            body: json!({ "type": kind }),
        };
        let log = self.client.issue_cmd(command).await.unwrap();
        log.as_array().cloned().unwrap_or_default()
    }
}

/// A command that only this driver knows.
#[derive(Debug)]
struct Own {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Own {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        let session = session.unwrap_or_default();
        base.join(&format!("session/{session}/{}", self.path))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}

/// The program between the tests and Chromium; ends with this value.
struct Driver {
    process: Child,
    port: u16,
    home: TempDir,
}

impl Driver {
    fn start() -> Self {
        let home = folder();
        let mut process = Command::new("/usr/bin/chromedriver")
            .arg("--port=0")
            .env("HOME", home.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("chromedriver: install Debian's chromium and chromium-driver");
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = lines.find_map(|line| {
            let line = line.ok()?;
            let (_, port) = line.split_once("started successfully on port ")?;
            port.trim_end_matches('.').parse().ok()
        });
        // Kept reading, or the program would wait for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            process,
            port: port.expect("chromedriver says its port"),
            home,
        }
    }

    async fn session(&self, proxy: SocketAddr) -> Client {
        let profile = self.home.path().join("profile");
        let arguments = [
            "--headless=new".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-quic".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--disable-domain-reliability".to_owned(),
            "--disable-features=AutofillServerCommunication,MediaRouter,NetworkTimeServiceQuerying,OptimizationHints".to_owned(),
            "--disable-sync".to_owned(),
            "--disable-extensions".to_owned(),
            "--no-first-run".to_owned(),
            "--no-default-browser-check".to_owned(),
            "--force-color-profile=srgb".to_owned(),
            "--window-size=1280,900".to_owned(),
            // Whatever is not of this machine goes to who writes it down.
            format!("--proxy-server=http://{proxy}"),
            format!("--user-data-dir={}", profile.display()),
        ];
        let capabilities = json!({
            "browserName": "chrome",
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
            "goog:chromeOptions": { "binary": "/usr/bin/chromium", "args": arguments },
            "timeouts": { "script": SOON.as_millis(), "pageLoad": SOON.as_millis() },
        });
        let capabilities = capabilities.as_object().unwrap().clone();
        let address = format!("http://127.0.0.1:{}", self.port);
        let client = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
            .capabilities(capabilities)
            .connect(&address)
            .await;
        client.expect("Chromium starts")
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Hosts that Chromium asks of its own accord, whatever page it shows: clock,
/// updates, accounts, hints, Debian's first page. What a page asks of them
/// would still stand in the browser's own log of requests.
const BROWSERS_OWN: [&str; 6] = [
    "accounts.google.com",
    "clients2.google.com",
    "update.googleapis.com",
    "optimizationguide-pa.googleapis.com",
    "content-autofill.googleapis.com",
    "start.duckduckgo.com",
];

/// A proxy that lets nothing through and writes down who knocked.
struct Outside {
    addr: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Outside {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&seen);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut head = [0; 300];
                let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
                let length = stream.read(&mut head).unwrap_or(0);
                let text = String::from_utf8_lossy(&head[..length]);
                let line = text.lines().next().unwrap_or_default().to_owned();
                notes.lock().unwrap().push(line);
            }
        });
        Self { addr, seen }
    }

    /// Who was asked for, but for what Chromium asks by itself.
    fn seen(&self) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        let own = |line: &&String| BROWSERS_OWN.iter().any(|host| line.contains(host));
        // A connection that was opened in advance and not used says nothing.
        let asked = seen.iter().filter(|line| !line.is_empty());
        asked.filter(|line| !own(line)).cloned().collect()
    }
}
