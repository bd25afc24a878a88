//! The gateway and all services in one process.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use shoal_bus::Bus;
use shoal_discovery::{Instance, Resolver, StaticResolver};
use shoal_service::{
    ConfigFault, Module, Platform, Running, Settings, ShutdownReport, Sources, StartError,
    mesh_secret_of_folder,
};

use crate::cli::Options;
use crate::failure::UpError;
use crate::{admin, seed};

/// Longest that a service may take to become ready.
const READY: Duration = Duration::from_secs(30);

/// The running platform.
pub struct Up {
    // In the order of their start: each after those that it calls.
    running: Vec<Running>,
    /// Name and address of the gateway and each service.
    pub addresses: Addresses,
    /// Products of the demonstration catalogue; empty when it was not asked for.
    pub products: Vec<String>,
    /// E-mail address and password file of the first administrator.
    pub admin: admin::Admin,
}

/// Where everything listens.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    /// The one door for clients.
    pub gateway: SocketAddr,
    /// Users and tokens.
    pub auth: SocketAddr,
    /// Payments.
    pub billing: SocketAddr,
    /// Orders.
    pub order: SocketAddr,
    /// Messages.
    pub notification: SocketAddr,
}

impl Addresses {
    /// The gateway's port and the four after it; 0 takes free ones.
    fn choose(port: u16) -> Result<Self, UpError> {
        if port == 0 {
            return Self::free();
        }
        if port > u16::MAX - 4 {
            return Err(UpError::Port(port));
        }
        let at = |offset| SocketAddr::from((Ipv4Addr::LOCALHOST, port + offset));
        Ok(Self {
            gateway: at(0),
            auth: at(1),
            billing: at(2),
            order: at(3),
            notification: at(4),
        })
    }

    /// Ports that are free now. All are held until the last is known, so that
    /// no two are the same.
    fn free() -> Result<Self, UpError> {
        let hold = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(UpError::NoFreePort);
        let held = [hold()?, hold()?, hold()?, hold()?, hold()?];
        let at = |i: usize| held[i].local_addr().map_err(UpError::NoFreePort);
        Ok(Self {
            gateway: at(0)?,
            auth: at(1)?,
            billing: at(2)?,
            order: at(3)?,
            notification: at(4)?,
        })
    }

    /// Names and addresses of the services behind the gateway.
    pub fn services(&self) -> [(&'static str, SocketAddr); 4] {
        [
            ("auth", self.auth),
            ("billing", self.billing),
            ("order", self.order),
            ("notification", self.notification),
        ]
    }
}

impl Up {
    /// Starts everything and waits until it is ready. What has started is
    /// stopped again when a later part fails.
    ///
    /// # Errors
    /// One sentence about the first thing that is wrong.
    pub async fn start(options: &Options) -> Result<Self, UpError> {
        let addresses = Addresses::choose(options.port)?;
        let data_dir = anchored(&options.data_dir);
        let starting = Starting {
            options,
            addresses,
            data_dir,
        };
        let mut running = Vec::new();
        match starting.start_all(&mut running).await {
            Ok((products, admin)) => Ok(Self {
                running,
                addresses,
                products,
                admin,
            }),
            Err(error) => {
                stop(running, Duration::from_secs(5)).await;
                Err(error)
            }
        }
    }

    /// Stops everything, the gateway first; `bound` for each part.
    pub async fn shutdown(self, bound: Duration) -> Vec<(&'static str, ShutdownReport)> {
        stop(self.running, bound).await
    }
}

async fn stop(running: Vec<Running>, bound: Duration) -> Vec<(&'static str, ShutdownReport)> {
    let mut reports = Vec::new();
    for service in running.into_iter().rev() {
        reports.push((service.name(), service.shutdown(bound).await));
    }
    reports
}

/// A relative folder is meant from where the person stands, which `bazel run`
/// tells in a variable.
pub fn anchored(folder: &Path) -> PathBuf {
    match std::env::var_os("BUILD_WORKING_DIRECTORY") {
        Some(here) => Path::new(&here).join(folder),
        None => folder.to_owned(),
    }
}

struct Starting<'a> {
    options: &'a Options,
    addresses: Addresses,
    data_dir: PathBuf,
}

impl Starting<'_> {
    async fn start_all(
        &self,
        running: &mut Vec<Running>,
    ) -> Result<(Vec<String>, admin::Admin), UpError> {
        let mesh = mesh_secret_of_folder(&self.data_dir)
            .map_err(|error| UpError::DataDir(self.data_dir.clone(), error))?;
        let admin = admin::Admin::of_folder(&self.data_dir)
            .map_err(|error| UpError::DataDir(self.data_dir.clone(), error))?;
        let bus = self.bus().await?;
        // Events wait until every consumer has joined.
        let hold = bus.hold();
        let resolver = self.resolver();
        let platform = Platform::new()
            .build(shoal_service::build_info!())
            .bus(bus)
            .resolver(Arc::clone(&resolver) as Arc<dyn Resolver>)
            .mesh(mesh.clone());

        running.push(
            self.start::<shoal_auth::Auth>(self.addresses.auth, &platform, |sources| {
                sources
                    .set(
                        "bootstrap.admin_email",
                        admin.email,
                        "the one-process program",
                    )
                    .set(
                        "bootstrap.admin_password",
                        admin.password.as_str(),
                        "the one-process program",
                    )
            })
            .await?,
        );
        running.push(
            self.start::<shoal_billing::Billing>(self.addresses.billing, &platform, same)
                .await?,
        );
        running.push(
            self.start::<shoal_order::Order>(self.addresses.order, &platform, same)
                .await?,
        );
        running.push(
            self.start::<shoal_notification::Notification>(
                self.addresses.notification,
                &platform,
                same,
            )
            .await?,
        );
        running.push(
            self.start::<shoal_gateway::Gateway>(self.addresses.gateway, &platform, |sources| {
                sources.set("trace_view", true, "the one-process program")
            })
            .await?,
        );
        drop(hold);
        for service in running.iter() {
            service.ready(READY).await.map_err(UpError::NotReady)?;
        }
        let products = match self.options.no_seed {
            true => Vec::new(),
            false => seed::catalogue(&(resolver as Arc<dyn Resolver>), &mesh)
                .await
                .map_err(UpError::Seed)?,
        };
        Ok((products, admin))
    }

    async fn start<M: Module>(
        &self,
        address: SocketAddr,
        platform: &Platform,
        more: impl FnOnce(Sources) -> Sources,
    ) -> Result<Running, UpError> {
        let sources = more(self.sources(M::NAME, address));
        let settings = Settings::load::<M>(&sources)
            .map_err(|fault| UpError::Service(StartError::Settings(M::NAME, fault)))?;
        shoal_service::start::<M>(settings, platform)
            .await
            .map_err(UpError::Service)
    }

    /// Settings of one service: its file, the environment, then the options.
    fn sources(&self, service: &str, address: SocketAddr) -> Sources {
        let mut sources = Sources::process();
        if let Some(folder) = &self.options.config_dir {
            let file = anchored(folder).join(format!("{service}.toml"));
            if file.is_file() {
                sources = sources.file(file);
            }
        }
        let (gateway, auth) = (self.addresses.gateway, self.addresses.auth);
        let jwks = format!("http://{auth}/.well-known/jwks.json");
        sources = sources
            .set("listen", address.to_string(), "option --port")
            .set(
                "data_dir",
                self.data_dir.display().to_string(),
                "option --data-dir",
            )
            .set(
                "identity.issuer",
                format!("http://{gateway}"),
                "option --port",
            )
            .set("identity.jwks_url", jwks, "option --port");
        if let Some(url) = &self.options.database_url {
            sources = sources.set("database.url", url.as_str(), "option --database-url");
        }
        sources
    }

    async fn bus(&self) -> Result<Bus, UpError> {
        let Some(url) = &self.options.redis_url else {
            return Ok(Bus::in_process());
        };
        let bus = Bus::redis(url).map_err(|error| {
            let fault = ConfigFault::new("bus.redis_url", error.message().to_owned());
            UpError::Service(StartError::Settings(
                "up",
                fault.with_origin("option --redis-url"),
            ))
        })?;
        bus.ping().await.map_err(UpError::Redis)?;
        Ok(bus)
    }

    fn resolver(&self) -> Arc<StaticResolver> {
        let resolver = StaticResolver::new();
        for (name, address) in self.addresses.services() {
            resolver.set(name, [Instance::at(address.to_string())]);
        }
        Arc::new(resolver)
    }
}

fn same(sources: Sources) -> Sources {
    sources
}
