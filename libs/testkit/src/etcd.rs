//! A real etcd cluster on free ports.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::program::Program;
use crate::server::program;

/// Longest that a cluster may take to agree on a leader.
const AGREE: Duration = Duration::from_secs(20);

/// Longest that a member may take to answer before another is asked.
const ANSWER: Duration = Duration::from_secs(2);

/// An etcd cluster of one test. Ends with the value, or with the process.
pub struct Etcd {
    members: Vec<Member>,
}

/// One member of the cluster.
struct Member {
    name: String,
    program: Program,
    peer_port: u16,
    http: reqwest::Client,
}

impl Etcd {
    /// A cluster of one member.
    pub async fn start() -> Self {
        Self::cluster(1).await
    }

    /// A cluster of `size` members that have agreed on a leader.
    pub async fn cluster(size: usize) -> Self {
        for _ in 0..5 {
            let mut members: Vec<_> = (0..size).map(Member::new).collect();
            let peers = peers(&members);
            for member in &mut members {
                member.spawn(&peers);
            }
            let up = members.iter_mut().all(|member| member.program.answers());
            // Otherwise somebody took one of the ports; another set then.
            if up {
                let cluster = Self { members };
                cluster.leader().await;
                return cluster;
            }
        }
        panic!("etcd does not start");
    }

    /// `http://127.0.0.1:port` of each member.
    #[must_use]
    pub fn endpoints(&self) -> Vec<String> {
        self.members.iter().map(Member::endpoint).collect()
    }

    /// Places of the members in [`Etcd::endpoints`].
    #[must_use]
    pub fn members(&self) -> std::ops::Range<usize> {
        0..self.members.len()
    }

    /// Place of the leader, as soon as one is known to a member that answers.
    pub async fn leader(&self) -> usize {
        let end = Instant::now() + AGREE;
        loop {
            for member in &self.members {
                let Some(status) = member.post("/v3/maintenance/status", json!({})).await else {
                    continue;
                };
                let leader = status["leader"].as_str().unwrap_or("0").to_owned();
                if let Some(at) = self.place_of(&leader).await {
                    return at;
                }
            }
            assert!(Instant::now() < end, "etcd has no leader: {}", self.logs());
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Ends a member as a power cut of its process would.
    pub fn kill(&mut self, at: usize) {
        self.members[at].program.kill();
    }

    /// Ends a member as its operator would.
    pub fn stop(&mut self, at: usize) {
        self.members[at].program.end("TERM");
    }

    /// Starts a stopped or killed member again, with its port and its data.
    pub fn restart(&mut self, at: usize) {
        let peers = peers(&self.members);
        let member = &mut self.members[at];
        member.spawn(&peers);
        let up = member.program.answers();
        let log = member.program.log();
        assert!(up, "etcd does not start; its log:\n{log}");
    }

    /// Ends all members and forgets what they knew; [`Etcd::restart`] brings
    /// back an empty cluster under the same addresses.
    pub fn lose_data(&mut self) {
        for member in &mut self.members {
            member.program.kill();
            let data = member.program.dir().join("data");
            let _ = std::fs::remove_dir_all(data);
        }
    }

    /// Stands still without losing its connections (SIGSTOP).
    pub fn pause(&self, at: usize) {
        self.members[at].program.tell("STOP");
    }

    /// Goes on after [`Etcd::pause`].
    pub fn resume(&self, at: usize) {
        self.members[at].program.tell("CONT");
    }

    /// Forgets all revisions up to the present one.
    pub async fn compact(&self) {
        let status = self.ask("/v3/kv/range", json!({ "key": "AA==" })).await;
        let revision = status["header"]["revision"].clone();
        let body = json!({ "revision": revision, "physical": true });
        self.ask("/v3/kv/compaction", body).await;
    }

    /// Asks for a password from now on.
    pub async fn require_password(&self, user: &str, password: &str) {
        let root = json!({ "name": "root" });
        self.ask("/v3/auth/role/add", root.clone()).await;
        for (name, password) in [("root", "root-of-the-test"), (user, password)] {
            let body = json!({ "name": name, "password": password });
            self.ask("/v3/auth/user/add", body).await;
            let body = json!({ "user": name, "role": "root" });
            self.ask("/v3/auth/user/grant", body).await;
        }
        self.ask("/v3/auth/enable", json!({})).await;
    }

    /// Calls etcd's JSON gateway at the first member that answers.
    pub async fn ask(&self, path: &str, body: Value) -> Value {
        for member in &self.members {
            if let Some(answer) = member.post(path, body.clone()).await {
                return answer;
            }
        }
        panic!("no member of etcd answers {path}: {}", self.logs());
    }

    async fn place_of(&self, member_id: &str) -> Option<usize> {
        if member_id == "0" {
            return None;
        }
        for (at, member) in self.members.iter().enumerate() {
            let status = member.post("/v3/maintenance/status", json!({})).await;
            if status.is_some_and(|status| status["header"]["member_id"] == member_id) {
                return Some(at);
            }
        }
        None
    }

    fn logs(&self) -> String {
        let logs = self.members.iter().map(|member| member.program.log());
        logs.collect::<Vec<_>>().join("\n---\n")
    }
}

impl Member {
    fn new(at: usize) -> Self {
        Self {
            name: format!("member{at}"),
            peer_port: crate::server::free_port(),
            program: Program::new("etcd"),
            http: http_client(),
        }
    }

    fn endpoint(&self) -> String {
        format!("http://{}", self.program.addr())
    }

    fn spawn(&mut self, peers: &str) {
        let (client, peer) = (self.endpoint(), self.peer_url());
        let mut command = Command::new(program("etcd", &[], "etcd-server"));
        command
            .args(["--name", &self.name])
            .arg("--data-dir")
            .arg(self.program.dir().join("data"))
            .args(["--listen-client-urls", &client])
            .args(["--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &peer])
            .args(["--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", peers])
            // Loopback: a tenth of a second tells a dead member from a slow one.
            .args(["--heartbeat-interval", "50", "--election-timeout", "500"])
            .args(["--log-level", "warn", "--logger", "zap"]);
        self.program.start(&mut command);
    }

    fn peer_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.peer_port)
    }

    async fn post(&self, path: &str, body: Value) -> Option<Value> {
        let url = format!("{}{path}", self.endpoint());
        let asked = self.http.post(url).json(&body).timeout(ANSWER);
        let answer = asked.send().await.ok()?;
        answer.json().await.ok()
    }
}

fn http_client() -> reqwest::Client {
    // Fails when another test has done so already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

fn peers(members: &[Member]) -> String {
    let peers = members
        .iter()
        .map(|m| format!("{}={}", m.name, m.peer_url()));
    peers.collect::<Vec<_>>().join(",")
}
