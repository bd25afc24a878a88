//! What a service is to the chassis.

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use shoal_bus::{Bus, Consumer};
use shoal_discovery::{Discovery, Leadership, Resolver};
use shoal_error::{CodeSpec, CommonCode, Error, Result};
use shoal_proto::events::EventSpec;
use shoal_queue::DeadLetters;
use shoal_resilience::{Admission, Classes, Dependencies};
use shoal_rpc::{Channel, MeshSecret};
use shoal_store::{Migrations, Store};
use shoal_task::{Scope, SharedClock};
use tokio_util::sync::CancellationToken;
use tonic::server::NamedService;
use tonic::service::{Routes, RoutesBuilder};
use utoipa_axum::router::OpenApiRouter;

use crate::config::{ChassisConfig, ConfigFault};
use crate::identity::{IdentityVerifier, JwksSource};
use crate::ops::ReadyCheck;

/// A service: what it is called, what it offers and how it is built. The same
/// type runs alone ([`crate::run`]) and beside others in one process
/// ([`crate::start`]).
pub trait Module: Sized + Send + Sync + 'static {
    /// Name, as in paths, metrics and settings: `order`.
    const NAME: &'static str;
    /// The module's own version: `env!("CARGO_PKG_VERSION")`.
    const VERSION: &'static str;
    /// What it is for, in one sentence.
    const ABOUT: &'static str;
    /// Loopback port unless settings say otherwise.
    const PORT: u16;
    /// Services that it calls.
    const PEERS: &'static [Peer] = &[];
    /// Its error codes.
    const CODES: &'static [CodeSpec] = &[];
    /// gRPC services that it serves, by full name.
    const GRPC: &'static [&'static str] = &[];
    /// Events that it announces.
    const PUBLISHES: &'static [EventSpec] = &[];
    /// Types of the events that it consumes.
    const CONSUMES: &'static [&'static str] = &[];
    /// Routes that are less urgent than interactive, as `POST
    /// /order/v1/imports` or `gRPC /shoal.order.v1.OrderService/Import`: who is
    /// refused first when the service is busy.
    const CLASSES: Classes = &[];

    /// Its own settings. Doc comments become the reference.
    type Config: Clone + Default + Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static;
    /// What handlers share.
    type State: Clone + Send + Sync + 'static;

    /// Its HTTP interface. A function of nothing, so that the OpenAPI document
    /// can be printed without a database.
    fn api() -> OpenApiRouter<Self::State>;

    /// Its tables; `None` when it keeps nothing.
    fn migrations() -> Option<Migrations> {
        None
    }

    /// Rules between settings, which types and ranges cannot say.
    ///
    /// # Errors
    /// The first setting that cannot be used.
    fn check_config(_config: &Self::Config) -> Result<(), ConfigFault> {
        Ok(())
    }

    /// Builds the service. The port is bound and the database is migrated;
    /// requests are answered once this has returned.
    fn build(
        context: ModuleContext<Self::Config>,
    ) -> impl Future<Output = Result<Built<Self::State>>> + Send;

    /// Further subcommands of its binary.
    fn commands() -> Vec<clap::Command> {
        Vec::new()
    }

    /// Runs one of [`Module::commands`]; `arguments` are those of the whole
    /// program. What it returns is printed.
    fn command(
        _context: ModuleContext<Self::Config>,
        _arguments: &clap::ArgMatches,
    ) -> impl Future<Output = Result<String>> + Send {
        std::future::ready(Err(Error::new(
            CommonCode::Unimplemented,
            "There is no such command.",
        )))
    }
}

/// A service that a module calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its name.
    pub name: &'static str,
    /// Where it is unless settings say otherwise.
    pub address: &'static str,
}

impl Peer {
    /// A peer with its default address, `host:port`.
    pub const fn new(name: &'static str, address: &'static str) -> Self {
        Self { name, address }
    }
}

/// What the chassis hands to a module that is being built.
pub struct ModuleContext<C> {
    /// The module's settings.
    pub config: Arc<C>,
    /// The chassis' settings.
    pub chassis: Arc<ChassisConfig>,
    /// Owner of the module's background tasks.
    pub scope: Scope,
    /// What time it is.
    pub clock: SharedClock,
    /// Where events go.
    pub bus: Bus,
    /// Where other services are.
    pub resolver: Arc<dyn Resolver>,
    /// Verifies access tokens.
    pub identity: IdentityVerifier,
    /// Folder for what the module keeps on disk.
    pub data_dir: PathBuf,
    /// Address that the service listens on.
    pub addr: SocketAddr,
    /// Fires when the service begins to shut down, before requests are waited
    /// for; streams that never end by themselves end on it.
    pub draining: CancellationToken,
    pub(crate) store: Option<Store>,
    pub(crate) mesh: MeshSecret,
    pub(crate) name: &'static str,
    pub(crate) peers: Vec<&'static str>,
    pub(crate) discovery: Discovery,
    /// The door of the service, for a module that divides what it lets in.
    pub admission: Admission,
    /// Breakers and retry budgets of whatever the service depends on; those of
    /// [`ModuleContext::peer`] are among them.
    pub dependencies: Dependencies,
}

impl<C> ModuleContext<C> {
    /// The module's database, open and migrated.
    ///
    /// # Errors
    /// `Internal` when the module declares no migrations.
    pub fn store(&self) -> Result<Store> {
        self.store
            .clone()
            .ok_or_else(|| Error::internal(format!("{} declares no database", self.name)))
    }

    /// A channel to another service, connected when first used.
    ///
    /// # Errors
    /// `Internal` when `name` is not among [`Module::PEERS`].
    pub fn peer(&self, name: &'static str) -> Result<Channel> {
        crate::wiring::channel(self, name)
    }

    /// Stands for election as the one instance of the service that does
    /// `role`'s work. Without a registry this one always leads.
    pub fn campaign(&self, role: &str) -> Leadership {
        self.discovery.campaign(role)
    }

    /// A verifier that reads keys from `source`; for the issuer itself, which
    /// gives it to [`Built::identity`].
    pub fn identity_with(&self, source: Arc<dyn JwksSource>) -> IdentityVerifier {
        IdentityVerifier::new(
            self.chassis.identity.clone(),
            source,
            Arc::clone(&self.clock),
        )
    }

    /// Secret of the platform, for the rare caller that makes its own client.
    pub fn mesh(&self) -> &MeshSecret {
        &self.mesh
    }
}

/// A module that is ready to serve.
pub struct Built<S> {
    pub(crate) state: S,
    pub(crate) grpc: RoutesBuilder,
    pub(crate) grpc_names: Vec<&'static str>,
    pub(crate) consumers: Vec<Consumer>,
    pub(crate) dead_letters: Vec<Arc<dyn DeadLetters>>,
    pub(crate) checks: Vec<(&'static str, ReadyCheck)>,
    pub(crate) identity: Option<IdentityVerifier>,
    pub(crate) own_fallback: bool,
    pub(crate) own_openapi: bool,
    pub(crate) http_layers: Option<HttpLayers>,
}

/// Layers that a module puts around its routes.
pub(crate) type HttpLayers = Box<dyn FnOnce(axum::Router) -> axum::Router + Send>;

impl<S> Built<S> {
    /// A module whose handlers share `state`.
    pub fn new(state: S) -> Self {
        Self {
            state,
            grpc: Routes::builder(),
            grpc_names: Vec::new(),
            consumers: Vec::new(),
            dead_letters: Vec::new(),
            checks: Vec::new(),
            identity: None,
            own_fallback: false,
            own_openapi: false,
            http_layers: None,
        }
    }

    /// Adds a gRPC service; the server stack is put around all of them.
    #[must_use]
    pub fn grpc<G>(mut self, service: G) -> Self
    where
        G: tower::Service<
                http::Request<tonic::body::Body>,
                Error = std::convert::Infallible,
                Response: axum::response::IntoResponse,
                Future: Send + 'static,
            > + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
    {
        self.grpc.add_service(service);
        self.grpc_names.push(G::NAME);
        self
    }

    /// Adds a consumer of events, started once the module is built and drained
    /// at shutdown.
    #[must_use]
    pub fn consumer(mut self, consumer: Consumer) -> Self {
        self.consumers.push(consumer);
        self
    }

    /// Adds a queue to `/admin/queues` and `/admin/dead-letters`, and to the
    /// figures of queues. Events that consumers park are there anyway.
    #[must_use]
    pub fn dead_letters(mut self, queue: Arc<dyn DeadLetters>) -> Self {
        self.dead_letters.push(queue);
        self
    }

    /// Adds a check to `/readyz`. The database and the bus are checked anyway.
    #[must_use]
    pub fn ready<F, Fut>(mut self, name: &'static str, check: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        self.checks
            .push((name, Arc::new(move || Box::pin(check()))));
        self
    }

    /// Verifies tokens with the module's own verifier; for the issuer.
    #[must_use]
    pub fn identity(mut self, verifier: IdentityVerifier) -> Self {
        self.identity = Some(verifier);
        self
    }

    /// Keeps the fallback of [`Module::api`] instead of the chassis' 404; for a
    /// gateway.
    #[must_use]
    pub fn own_fallback(mut self) -> Self {
        self.own_fallback = true;
        self
    }

    /// Leaves `/openapi.json` to the module; for a gateway.
    #[must_use]
    pub fn own_openapi(mut self) -> Self {
        self.own_openapi = true;
        self
    }

    /// Puts layers around all routes and fallbacks, inside the chassis' own
    /// stack; for what only one module needs, such as a gateway's CORS.
    #[must_use]
    pub fn http_layers(
        mut self,
        wrap: impl FnOnce(axum::Router) -> axum::Router + Send + 'static,
    ) -> Self {
        self.http_layers = Some(Box::new(wrap));
        self
    }
}
