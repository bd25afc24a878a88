//! A service as a process of its own: ports, signals, exit codes. The test
//! program runs itself again as the service.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use shoal_service::{BuildInfo, Module as _, run_with};
use shoal_testkit::{TestClient, eventually};

use super::toy::{Toy, with_probe};

const SOON: Duration = Duration::from_secs(20);

/// Set for the process that plays the service; its command line.
const ARGUMENTS: &str = "CHASSIS_TEST_ARGUMENTS";

/// Not a test of its own: what the other tests run as a process.
#[test]
fn plays_the_service_when_asked_to() {
    let Ok(arguments) = std::env::var(ARGUMENTS) else {
        return;
    };
    let arguments = std::iter::once(Toy::NAME).chain(arguments.split_whitespace());
    let (mut out, mut err) = (std::io::stdout(), std::io::stderr());
    let code = with_probe(|| run_with::<Toy>(arguments, BuildInfo::default(), &mut out, &mut err));
    // ExitCode cannot be looked into, and the harness must not report.
    std::process::exit(i32::from(code != std::process::ExitCode::SUCCESS));
}

/// A service that is killed when the test ends.
struct Service(Child);

impl Service {
    fn start(arguments: &str) -> Self {
        let program = std::env::current_exe().unwrap();
        let child = Command::new(program)
            .args([
                "--exact",
                "all::process::plays_the_service_when_asked_to",
                "--nocapture",
            ])
            .env(ARGUMENTS, arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        Self(child.unwrap())
    }

    /// The address in the log line that says where it serves.
    fn addr(&mut self) -> SocketAddr {
        let lines = BufReader::new(self.0.stderr.as_mut().unwrap()).lines();
        let line = lines
            .map(Result::unwrap)
            .find(|line| line.contains("serving"));
        let line: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
        find(&line, "addr").unwrap().parse().unwrap()
    }

    fn signal(&self, name: &str) {
        let id = self.0.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-s", name, &id])
                .status()
                .unwrap()
                .success()
        );
    }

    async fn code(&mut self) -> Option<i32> {
        let child = std::cell::RefCell::new(&mut self.0);
        eventually(|| async { child.borrow_mut().try_wait().unwrap() }, SOON)
            .await
            .code()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn find(value: &serde_json::Value, key: &str) -> Option<String> {
    let members = value.as_object()?;
    let own = members
        .get(key)
        .and_then(|found| found.as_str().map(str::to_owned));
    own.or_else(|| members.values().find_map(|inner| find(inner, key)))
}

fn arguments(more: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().display();
    let text = format!("--listen 127.0.0.1:0 --log-format json --data-dir {data} {more}");
    (folder, text)
}

/// Waits until the server says that it works on a request.
async fn in_flight(client: &TestClient) {
    let gauge = |line: &str| {
        let ours = line.starts_with("shoal_admission_in_flight{");
        ours && line.contains("class=\"interactive\"") && line.ends_with(" 1.0")
    };
    let probe = || async {
        let text = client.get("/metrics").send().await.text();
        text.lines().any(gauge)
    };
    eventually(probe, SOON).await;
}

#[tokio::test]
async fn sigterm_and_sigint_drain_and_end_the_program_well() {
    for signal in ["TERM", "INT"] {
        let (_folder, arguments) = arguments("");
        let mut service = Service::start(&arguments);
        let client = TestClient::new(format!("http://{}", service.addr()));
        let held = client.get("/toy/v1/sleep").send();
        let held = async {
            let answer = held.await;
            assert_eq!(answer.status, 204, "the request in flight was answered");
        };
        let stop = async {
            in_flight(&client).await;
            service.signal(signal);
            service.code().await
        };
        let ((), code) = tokio::join!(held, stop);
        assert_eq!(code, Some(0));
    }
}

#[tokio::test]
async fn a_second_signal_cuts_the_drain_short() {
    let (_folder, arguments) = arguments("");
    let mut service = Service::start(&arguments);
    let addr = service.addr();
    let client = TestClient::new(format!("http://{addr}"));
    let held = client.get("/toy/v1/hold").try_send();
    let stop = async {
        in_flight(&client).await;
        service.signal("INT");
        eventually(
            || async { tokio::net::TcpStream::connect(addr).await.is_err() },
            SOON,
        )
        .await;
        service.signal("INT");
        service.code().await
    };
    let (answer, code) = tokio::join!(held, stop);
    assert!(answer.is_err());
    assert_eq!(code, Some(130));
}

#[tokio::test]
async fn a_port_in_use_ends_the_program_with_one_sentence() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap();
    let (_folder, arguments) = arguments(&format!("--listen {addr}"));
    let arguments = arguments.replacen("--listen 127.0.0.1:0 ", "", 1);
    let mut service = Service::start(&arguments);
    assert_eq!(service.code().await, Some(1));
    let mut text = String::new();
    service
        .0
        .stderr
        .as_mut()
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    let said: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("toy: "))
        .collect();
    assert_eq!(said.len(), 1, "{text}");
    assert!(
        said[0].contains(&format!("the address {addr} is in use")),
        "{text}"
    );
}
