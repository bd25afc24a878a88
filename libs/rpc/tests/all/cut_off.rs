//! An instance behind a network that drops its packets: nothing refuses, nothing
//! breaks, nothing comes. Needs a network namespace of its own, so root and
//! `ip`; where that is not to be had, as in Bazel's sandbox, the test says so and
//! does nothing. CI runs it outside of the sandbox, and requires it to run.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use shoal_discovery::Instance;
use shoal_resilience::{Dependencies, OutlierCause, ResilienceSettings};
use shoal_rpc::ServerConfig;
use tokio::time::Instant;

use crate::probe::{Caller, Probe, Server, secret, within};

const CHILD_ADDR: &str = "SHOAL_CUT_OFF_ADDR";
/// Set where the test may not be skipped.
const REQUIRED: &str = "SHOAL_NETWORK_NAMESPACES";

/// A namespace that is joined to this one by a pair of virtual cards.
struct Island {
    name: String,
    bridge: String,
    net: u8,
    child: Option<Child>,
}

impl Island {
    fn make() -> Option<Self> {
        let pid = std::process::id();
        let island = Self {
            name: format!("shoal-{pid}"),
            bridge: format!("shoal{pid}"),
            // 198.18.0.0/15 is for tests of networks (RFC 2544).
            net: (pid % 250) as u8,
            child: None,
        };
        let (name, bridge) = (&island.name, &island.bridge);
        let (here, there) = (island.at(1), island.at(2));
        let made = run(&["netns", "add", name])
            && run(&[
                "link", "add", bridge, "type", "veth", "peer", "name", "inside", "netns", name,
            ])
            && run(&["addr", "add", &format!("{here}/30"), "dev", bridge])
            && run(&["link", "set", bridge, "up"])
            && run(&[
                "-n",
                name,
                "addr",
                "add",
                &format!("{there}/30"),
                "dev",
                "inside",
            ])
            && run(&["-n", name, "link", "set", "inside", "up"]);
        made.then_some(island)
    }

    fn at(&self, host: u8) -> String {
        format!("198.18.{}.{host}", self.net)
    }

    /// Runs a server of the probe there.
    fn serve(&mut self) -> Instance {
        let addr = format!("{}:7000", self.at(2));
        let child = Command::new("ip")
            .args(["netns", "exec", &self.name])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "cut_off::what_a_child_does", "--nocapture"])
            .env(CHILD_ADDR, &addr)
            // Closed when this process ends, however it ends.
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.child = Some(child.unwrap());
        Instance::at(addr)
    }

    /// From now on its packets get lost.
    fn cut_off(&self) {
        let here = format!("{}/32", self.at(1));
        assert!(run(&["-n", &self.name, "route", "add", "blackhole", &here]));
    }

    fn join_again(&self) {
        let here = format!("{}/32", self.at(1));
        assert!(run(&["-n", &self.name, "route", "del", "blackhole", &here]));
    }
}

impl Drop for Island {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            drop(child.stdin.take());
            let _ = child.wait();
        }
        run(&["link", "del", &self.bridge]);
        run(&["netns", "del", &self.name]);
    }
}

fn run(args: &[&str]) -> bool {
    let done = Command::new("ip")
        .args(args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    done.is_ok_and(|status| status.success())
}

/// No test of its own: what a child is told to do, and nothing otherwise.
#[test]
fn what_a_child_does() {
    let Ok(addr) = std::env::var(CHILD_ADDR) else {
        return;
    };
    let config = ServerConfig::new("probe", secret());
    let _server = Server::at(addr.parse().unwrap(), Probe::echo(), &config);
    let _ = std::io::Read::read(&mut std::io::stdin(), &mut [0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_is_cut_off_is_left_out_long_before_its_lease_ends() {
    let Some(mut island) = Island::make() else {
        let text = "no network namespace can be made here (it takes root and ip)";
        assert!(std::env::var_os(REQUIRED).is_none(), "{text}");
        println!("skipped: {text}");
        return;
    };
    let far = island.serve();
    let (a, b) = (Server::start(Probe::echo()), Server::start(Probe::echo()));
    let system = shoal_task::system_clock();
    let all = Dependencies::new("caller", ResilienceSettings::default(), system);
    let caller = Caller::new([a.instance(), b.instance(), far.clone()], |config| {
        config.dependencies = all.clone();
    });
    let state = || {
        let report = all.report().into_iter().next();
        let mut instances = report.into_iter().flat_map(|one| one.instances);
        instances.find(|one| one.address == far.addr)
    };
    let limit = Instant::now() + Duration::from_secs(10);
    // It takes part first.
    while state().is_none_or(|one| one.calls.all < 20 || one.left_out.is_some()) {
        assert!(Instant::now() < limit, "it never took part: {:?}", state());
        let _ = caller.say("").await;
    }
    island.cut_off();
    let cut = Instant::now();
    let (mut lost, mut calls) = (0, 0);
    while state().is_some_and(|one| one.left_out.is_none()) {
        assert!(cut.elapsed() < Duration::from_secs(8), "never noticed");
        // Four callers that have a second and a half each.
        let patient = || within(Duration::from_millis(1_500));
        let four = (0..4).map(|_| async { patient().scope(caller.say("")).await.is_err() });
        let failed = futures::future::join_all(four).await;
        calls += failed.len();
        lost += failed.into_iter().filter(|failed| *failed).count();
    }
    let (noticed, cause) = (cut.elapsed(), state().unwrap().left_out.unwrap());
    println!("cut off: left out as {cause:?} after {noticed:?}, {lost} of {calls} calls lost");
    assert!(matches!(
        cause,
        OutlierCause::Silent | OutlierCause::Unreachable
    ));
    assert!(noticed < Duration::from_secs(5), "{noticed:?}");

    island.join_again();
    let back = Instant::now();
    while state().is_some_and(|one| one.left_out.is_some()) {
        assert!(back.elapsed() < Duration::from_secs(20), "never taken back");
        let _ = within(Duration::from_millis(1_500))
            .scope(caller.say(""))
            .await;
    }
    println!(
        "cut off: taken back {:?} after the network was",
        back.elapsed()
    );
}
