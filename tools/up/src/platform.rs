//! The gateway and all services in one process.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use shoal_bus::Bus;
use shoal_discovery::{Instance, Resolver, StaticResolver};
use shoal_routing::GRAY_LABEL;
use shoal_service::{
    ConfigFault, MeshSecret, Module, Platform, Running, Settings, ShutdownReport, Sources,
    StartError, mesh_secret_of_folder,
};

use crate::cli::Options;
use crate::failure::UpError;
use crate::modules::{self, Addresses};
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
    /// Where everything is. Changing it moves traffic, unless there is a
    /// registry.
    pub resolver: StaticResolver,
    /// Coloured instances beside the stable ones.
    pub gray: Vec<GrayInstance>,
}

/// A coloured instance of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrayInstance {
    /// Name of the service.
    pub service: String,
    /// Its colour.
    pub colour: String,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Addresses {
    /// The gateway's port and those after it; 0 takes free ones.
    fn choose(port: u16) -> Result<Self, UpError> {
        if port == 0 {
            return Self::free();
        }
        if usize::from(u16::MAX - port) < modules::COUNT {
            return Err(UpError::Port(port));
        }
        let mut ports = port..=u16::MAX;
        let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Self::each(|| Ok(at(ports.next().unwrap_or(port))))
    }

    /// Ports that are free now. All are held until the last is known, so that
    /// no two are the same.
    fn free() -> Result<Self, UpError> {
        let mut held = Vec::new();
        Self::each(|| {
            let listener =
                TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(UpError::NoFreePort)?;
            let address = listener.local_addr().map_err(UpError::NoFreePort);
            held.push(listener);
            address
        })
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
        // The secret first, as it makes the folder.
        let unusable = |error| UpError::DataDir(data_dir.clone(), error);
        let mesh = mesh_secret_of_folder(&data_dir).map_err(unusable)?;
        let admin = admin::Admin::of_folder(&data_dir).map_err(unusable)?;
        let resolver = resolver(&addresses);
        let starting = Starting {
            options,
            addresses,
            resolver: resolver.clone(),
            data_dir,
            mesh,
            admin,
        };
        let mut running = Vec::new();
        match starting.start_all(&mut running).await {
            Ok((products, gray)) => Ok(Self {
                running,
                gray,
                addresses,
                products,
                admin: starting.admin,
                resolver,
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

pub(crate) struct Starting<'a> {
    options: &'a Options,
    pub(crate) addresses: Addresses,
    resolver: StaticResolver,
    data_dir: PathBuf,
    mesh: MeshSecret,
    admin: admin::Admin,
}

impl Starting<'_> {
    /// Starts everything; gives the products of the demonstration catalogue and
    /// the coloured instances.
    async fn start_all(
        &self,
        running: &mut Vec<Running>,
    ) -> Result<(Vec<String>, Vec<GrayInstance>), UpError> {
        let bus = self.bus().await?;
        // Events wait until every consumer has joined.
        let hold = bus.hold();
        let resolver: Arc<dyn Resolver> = Arc::new(self.resolver.clone());
        let mut platform = Platform::new()
            .build(shoal_service::build_info!())
            .bus(bus)
            .mesh(self.mesh.clone());
        // With a registry each service finds the others there.
        if self.options.etcd.is_empty() {
            platform = platform.resolver(Arc::clone(&resolver));
        }
        modules::start(self, &platform, running).await?;
        let gray = self.start_gray(&platform, running).await?;
        let gateway = self.addresses.gateway;
        running.push(
            self.start::<shoal_gateway::Gateway>(gateway, None, &platform)
                .await?,
        );
        drop(hold);
        for service in running.iter() {
            service.ready(READY).await.map_err(UpError::NotReady)?;
        }
        if self.options.no_seed {
            return Ok((Vec::new(), gray));
        }
        let products = seed::catalogue(&resolver, &self.mesh).await;
        Ok((products.map_err(UpError::Seed)?, gray))
    }

    /// Starts the coloured instances beside the stable ones.
    async fn start_gray(
        &self,
        platform: &Platform,
        running: &mut Vec<Running>,
    ) -> Result<Vec<GrayInstance>, UpError> {
        let mut gray = Vec::new();
        for option in &self.options.gray {
            for name in &option.services {
                let colour = &option.colour;
                let Some(started) = modules::start_gray(self, platform, name, colour).await? else {
                    continue;
                };
                let mut instance = Instance::at(started.addr().to_string());
                instance
                    .labels
                    .insert(GRAY_LABEL.to_owned(), colour.clone());
                let known = self.resolver.resolve(name).list;
                self.resolver
                    .set(name, known.iter().cloned().chain([instance]));
                gray.push(GrayInstance {
                    service: name.clone(),
                    colour: colour.clone(),
                    address: started.addr(),
                });
                running.push(started);
            }
        }
        Ok(gray)
    }

    /// Starts one module, in a colour or as a stable instance.
    pub(crate) async fn start<M: Module>(
        &self,
        address: SocketAddr,
        colour: Option<&str>,
        platform: &Platform,
    ) -> Result<Running, UpError> {
        let mut sources = self.sources(M::NAME, address);
        if let Some(colour) = colour {
            sources = sources.set("instance.labels.gray", colour, "option --gray");
        }
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
        let program = "the one-process program";
        sources = match service {
            "auth" => sources
                .set("bootstrap.admin_email", self.admin.email, program)
                .set(
                    "bootstrap.admin_password",
                    self.admin.password.as_str(),
                    program,
                ),
            "gateway" => self.portal(sources.set("trace_view", true, program)),
            _ => sources,
        };
        if let Some(url) = &self.options.database_url {
            sources = sources.set("database.url", url.as_str(), "option --database-url");
        }
        if !self.options.etcd.is_empty() {
            let endpoints = self.options.etcd.clone();
            sources = sources.set("discovery.etcd.endpoints", endpoints, "option --etcd");
        }
        sources
    }

    /// The documentation: a folder that a build handed over is meant from where
    /// the program runs, one that a person names from where that person stands.
    fn portal(&self, sources: Sources) -> Sources {
        let Some(folder) = &self.options.portal else {
            return sources;
        };
        let folder = if folder.exists() {
            folder.clone()
        } else {
            anchored(folder)
        };
        sources.set("docs.dir", folder.display().to_string(), "option --portal")
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
}

fn resolver(addresses: &Addresses) -> StaticResolver {
    let resolver = StaticResolver::new();
    for (name, address) in addresses.services() {
        resolver.set(name, [Instance::at(address.to_string())]);
    }
    resolver
}
