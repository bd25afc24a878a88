//! The platform: servers that it stands on, and each instance of each service
//! as a process of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use shoal_error::{Error, Result, ResultExt as _};
use shoal_testkit::{Etcd, FaultProxy, Postgres, Program, Redis};
use tokio::task::block_in_place;
use tokio::time::{Instant, sleep};

use crate::bad_release::BadRelease;
use crate::programs;

/// Name of the database.
const DATABASE: &str = "shoal";

/// How long everything may take to become ready.
const READY: Duration = Duration::from_secs(120);

/// How often starting is tried.
const START_TRIES: usize = 3;

/// How long one instance may take to end when it is asked to.
const DRAIN: Duration = Duration::from_secs(30);

/// The first administrator.
pub(crate) const ADMIN: (&str, &str) = ("admin@shoal.example", "a password of one run only");

/// The colour of the release that goes bad.
pub(crate) const COLOUR: &str = "v2";

/// What runs: instance, service, colour, in the order in which it is stopped.
pub(crate) type Layout = [(&'static str, &'static str, Option<&'static str>)];

/// What can lose an instance.
pub(crate) const FULL: [(&str, &str, Option<&str>); 9] = [
    ("gateway", "gateway", None),
    ("order-1", "order", None),
    ("order-2", "order", None),
    ("order-v2", "order", Some(COLOUR)),
    ("billing-1", "billing", None),
    ("billing-2", "billing", None),
    ("billing-v2", "billing", Some(COLOUR)),
    ("notification", "notification", None),
    ("auth", "auth", None),
];

/// Each service once.
pub(crate) const SMALL: [(&str, &str, Option<&str>); 5] = [
    ("gateway", "gateway", None),
    ("order-1", "order", None),
    ("billing-1", "billing", None),
    ("notification", "notification", None),
    ("auth", "auth", None),
];

/// A path of each service behind the gateway.
const REACHED: [&str; 4] = [
    "/.well-known/jwks.json",
    "/order/v1/products",
    "/billing/v1/statement",
    "/notification/v1/inbox",
];

/// One instance of a service.
pub(crate) struct Instance {
    /// E.g. `billing-1`.
    pub(crate) name: &'static str,
    service: &'static str,
    pub(crate) program: Program,
    binary: PathBuf,
    colour: Option<&'static str>,
    /// Where others reach it when that is not where it listens.
    advertised: Option<SocketAddr>,
}

/// Everything, with the faults' levers.
pub(crate) struct Platform {
    pub(crate) instances: Vec<Instance>,
    /// In front of `billing-1`.
    pub(crate) billing: FaultProxy,
    /// In front of `order-v2`.
    pub(crate) release: BadRelease,
    pub(crate) redis: Redis,
    pub(crate) etcd: Etcd,
    pub(crate) postgres: Postgres,
    pub(crate) gateway: SocketAddr,
    http: reqwest::Client,
}

impl Platform {
    /// Starts everything and waits until every instance is ready. `window` is
    /// what the gateway compares releases over.
    pub(crate) async fn start(layout: &Layout, window: Duration) -> Result<Self> {
        let binaries = layout.iter().map(|each| programs::of_service(each.1));
        let binaries = binaries.collect::<Result<Vec<_>>>()?;
        let mut failure = None;
        // Somebody may take a port between its choice and its use.
        for _ in 0..START_TRIES {
            match Box::pin(Self::try_start(layout, &binaries, window)).await {
                Ok(platform) => return Ok(platform),
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.unwrap_or_else(|| Error::internal("nothing was tried")))
    }

    async fn try_start(layout: &Layout, binaries: &[PathBuf], window: Duration) -> Result<Self> {
        let (postgres, redis) = block_in_place(|| (Postgres::start(), Redis::start_durable()));
        postgres.create_database(DATABASE, "template1").await;
        let etcd = Etcd::cluster(3).await;
        let instance = |(&(name, service, colour), binary): (&_, &PathBuf)| Instance {
            name,
            service,
            program: Program::new(name),
            binary: binary.clone(),
            colour,
            advertised: None,
        };
        let mut instances: Vec<_> = layout.iter().zip(binaries).map(instance).collect();
        let listens = |name: &str| {
            let found = instances.iter().find(|instance| instance.name == name);
            found.map(|instance| instance.program.addr())
        };
        let missing = || Error::internal("an instance is not in the layout");
        let gateway = listens("gateway").ok_or_else(missing)?;
        let billing = listens("billing-1").ok_or_else(missing)?;
        let gray = listens("order-v2");
        let billing = FaultProxy::to(billing).await;
        // Without a gray order nobody comes by.
        let release = BadRelease::before(gray.unwrap_or(gateway)).await?;
        for instance in &mut instances {
            instance.advertised = match instance.name {
                "billing-1" if gray.is_some() => Some(billing.addr()),
                "order-v2" => Some(release.addr()),
                _ => None,
            };
        }
        let mut platform = Self {
            instances,
            billing,
            release,
            redis,
            etcd,
            postgres,
            gateway,
            http: reqwest::Client::builder()
                .timeout(Duration::from_secs(2))
                .build()
                .internal()?,
        };
        platform.configure(window)?;
        for at in 0..platform.instances.len() {
            platform.instances[at].start();
        }
        platform.ready().await?;
        Ok(platform)
    }

    /// URL of the database.
    pub(crate) fn database(&self) -> String {
        self.postgres.url(DATABASE)
    }

    /// The instance of that name.
    pub(crate) fn named(&mut self, name: &str) -> Result<&mut Instance> {
        let at = self.position(name)?;
        Ok(&mut self.instances[at])
    }

    /// Starts an instance again that was killed, and waits until it is ready.
    pub(crate) async fn restart(&mut self, name: &str) -> Result<()> {
        let at = self.position(name)?;
        let end = Instant::now() + READY;
        self.instances[at].start();
        while !self.is_ready(at).await {
            let instance = &mut self.instances[at];
            if instance.program.ended().is_some() {
                // A connection of somebody else's may hold its port for a while.
                instance.start();
            }
            if Instant::now() >= end {
                let log = instance.program.log();
                return Err(Error::internal(format!("{name} is not back:\n{log}")));
            }
            sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Asks every instance to end, one after the other as a person would roll
    /// them down, the gateway first. What did not end well, in words.
    pub(crate) async fn drain(&mut self) -> Vec<String> {
        let mut faults = Vec::new();
        for instance in &mut self.instances {
            instance.program.terminate();
            let end = Instant::now() + DRAIN;
            let status = loop {
                match instance.program.ended() {
                    Some(status) => break Some(status),
                    None if Instant::now() >= end => break None,
                    None => sleep(Duration::from_millis(20)).await,
                }
            };
            let how = match status {
                Some(status) if status.success() => continue,
                Some(status) => format!("ended with {status}"),
                None => format!("did not end within {DRAIN:?}"),
            };
            let log = instance.program.log();
            faults.push(format!("{} {how}: {}", instance.name, last_words(&log)));
        }
        faults
    }

    /// Writes what each instance printed into `FOLDER/<instance>.log`.
    pub(crate) fn write_logs(&self, folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder).internal()?;
        for instance in &self.instances {
            let path = folder.join(format!("{}.log", instance.name));
            std::fs::write(path, instance.program.log()).internal()?;
        }
        Ok(())
    }

    fn position(&self, name: &str) -> Result<usize> {
        let found = self.instances.iter().position(|each| each.name == name);
        found.ok_or_else(|| Error::internal(format!("no instance {name}")))
    }

    fn configure(&self, window: Duration) -> Result<()> {
        let auth = self.instances.iter().find(|each| each.service == "auth");
        let auth = auth.map(|each| each.program.addr());
        let auth = auth.ok_or_else(|| Error::internal("no auth in the layout"))?;
        for instance in &self.instances {
            let common = self.common(instance, auth);
            let own = own_settings(instance, window);
            let text = format!("{}\n{own}", common.join("\n"));
            let dir = instance.program.dir();
            std::fs::write(dir.join("settings.toml"), text).internal()?;
            if instance.service == "gateway" {
                std::fs::write(dir.join("rules.toml"), rules()).internal()?;
            }
        }
        Ok(())
    }

    fn common(&self, instance: &Instance, auth: SocketAddr) -> Vec<String> {
        let dir = instance.program.dir().display();
        let endpoints: Vec<_> = self.etcd.endpoints();
        let mut lines = vec![
            format!("listen = \"{}\"", instance.program.addr()),
            format!("data_dir = \"{dir}/data\""),
            "mesh_secret = \"the secret of one run of the soak\"".to_owned(),
            format!("database.url = \"{}\"", self.database()),
            // All of them together stay below what PostgreSQL takes.
            format!("database.max_connections = {}", 160 / self.instances.len()),
            format!("bus.redis_url = \"{}\"", self.redis.url()),
            format!("discovery.etcd.endpoints = {endpoints:?}"),
            format!("identity.issuer = \"http://{}\"", self.gateway),
            format!("identity.jwks_url = \"http://{auth}/.well-known/jwks.json\""),
            format!("instance.id = \"{}\"", instance.name),
            "telemetry.filter = \"warn\"".to_owned(),
        ];
        if let Some(addr) = instance.advertised {
            lines.push(format!("instance.advertise = \"{addr}\""));
        }
        if let Some(colour) = instance.colour {
            lines.push(format!("instance.labels.gray = \"{colour}\""));
        }
        if instance.service == "gateway" {
            lines.retain(|line| !line.starts_with("database."));
        }
        lines
    }

    async fn ready(&mut self) -> Result<()> {
        let end = Instant::now() + READY;
        for at in 0..self.instances.len() {
            let name = self.instances[at].name;
            while !self.is_ready(at).await {
                let program = &mut self.instances[at].program;
                if let Some(status) = program.ended() {
                    let log = program.log();
                    return Err(Error::internal(format!(
                        "{name} ended with {status}:\n{log}"
                    )));
                }
                if Instant::now() >= end {
                    let log = program.log();
                    return Err(Error::internal(format!("{name} is not ready:\n{log}")));
                }
                sleep(Duration::from_millis(50)).await;
            }
        }
        self.reachable(end).await
    }

    /// An instance that is ready registers, and the gateway hears of it.
    async fn reachable(&self, end: Instant) -> Result<()> {
        for path in REACHED {
            let url = format!("http://{}{path}", self.gateway);
            loop {
                let answer = self.http.get(&url).send().await;
                if answer.is_ok_and(|answer| !answer.status().is_server_error()) {
                    break;
                }
                if Instant::now() >= end {
                    return Err(Error::internal(format!("{path} is not reached")));
                }
                sleep(Duration::from_millis(50)).await;
            }
        }
        Ok(())
    }

    async fn is_ready(&self, at: usize) -> bool {
        let url = format!("http://{}/readyz", self.instances[at].program.addr());
        let answer = self.http.get(url).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }
}

impl Instance {
    fn start(&mut self) {
        let mut command = Command::new(&self.binary);
        command
            .arg("--config")
            .arg(self.program.dir().join("settings.toml"))
            // Nothing of the caller's surroundings may change a run.
            .env_clear();
        block_in_place(|| self.program.start(&mut command));
    }
}

/// The end of a log, in a line.
fn last_words(log: &str) -> String {
    const LINES: usize = 5;
    let mut lines: Vec<_> = log.lines().rev().take(LINES).collect();
    lines.reverse();
    lines.join(" / ")
}

/// Three of ten users try the new order and billing.
fn rules() -> String {
    format!(
        "[[rules]]\n\
         name = \"new-release\"\n\
         about = \"A release on trial.\"\n\
         colour = \"{COLOUR}\"\n\
         services = [\"order\", \"billing\"]\n\
         when.percent = 30\n"
    )
}

/// What a service is told beside what all are told.
fn own_settings(instance: &Instance, window: Duration) -> String {
    match instance.service {
        "gateway" => format!(
            "gray.rules_file = \"{}/rules.toml\"\n\
             gray.rollback.window_s = {}\n\
             rate_limit.per_user = 1000000\n\
             rate_limit.per_address = 1000000\n",
            instance.program.dir().display(),
            window.as_secs().clamp(10, 60),
        ),
        "auth" => format!(
            "bootstrap.admin_email = \"{}\"\nbootstrap.admin_password = \"{}\"\n",
            ADMIN.0, ADMIN.1
        ),
        "order" => "seed_catalogue = true\n".to_owned(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_words_are_the_last_lines_in_their_order() {
        let log = "1\n2\n3\n4\n5\n6\n";
        assert_eq!(last_words(log), "2 / 3 / 4 / 5 / 6");
        assert_eq!(last_words(""), "");
    }
}
