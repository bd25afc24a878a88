//! A real service on a free port.

use std::marker::PhantomData;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use shoal_discovery::{DiscoveryConfig, Resolver, StaticResolver};
use shoal_rpc::{Channel, Client, ClientConfig};
use shoal_service::{
    MeshSecret, Module, Platform, Running, Settings, ShutdownReport, Sources, StartError,
};
use shoal_store::DatabaseConfig;
use shoal_task::{SharedClock, system_clock};
use tempfile::TempDir;

use crate::client::TestClient;
use crate::tokens::{READY, TestIssuer};

/// Longest that a test's service may take to stop.
const STOP: Duration = Duration::from_secs(20);

/// A service under test: started for real, with tokens and a client at hand.
/// Dereferences to the client: `service.get("/order/v1/orders")`.
pub struct TestService<M> {
    running: Running,
    client: TestClient,
    mesh: MeshSecret,
    /// Issuer whose tokens the service believes.
    pub issuer: TestIssuer,
    _folder: TempDir,
    _module: PhantomData<fn() -> M>,
}

/// How a service under test is set up.
pub struct TestServiceBuilder<M: Module> {
    settings: Settings<M::Config>,
    platform: Platform,
    clock: SharedClock,
    issuer: Option<TestIssuer>,
}

impl<M: Module> TestService<M> {
    /// Starts a module with plain defaults on the given database.
    pub async fn start(database: impl Into<DatabaseConfig>) -> Self {
        Self::builder().start(database).await
    }

    /// Sets a module up before it is started, with plain defaults; only that a
    /// crowd waits longer at the door, which on a busy machine is no overload.
    pub fn builder() -> TestServiceBuilder<M> {
        let mut settings = Settings::load::<M>(&Sources::defaults()).expect("defaults are right");
        settings.chassis.admission.max_wait_ms = 10_000;
        let (platform, clock) = (Platform::new(), system_clock());
        TestServiceBuilder {
            settings,
            platform,
            clock,
            issuer: None,
        }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.running.addr()
    }

    /// The running service.
    pub fn running(&self) -> &Running {
        &self.running
    }

    /// The platform's secret, which callers over gRPC must show.
    pub fn mesh(&self) -> &MeshSecret {
        &self.mesh
    }

    /// A channel for its generated gRPC clients, which shows the secret.
    pub fn grpc_channel(&self) -> Channel {
        let mut discovery = DiscoveryConfig::default();
        discovery.set(M::NAME, self.addr().to_string());
        let resolver = StaticResolver::from_config(&discovery).expect("an address");
        let resolver: Arc<dyn Resolver> = Arc::new(resolver);
        Client::connect(
            M::NAME,
            &resolver,
            &ClientConfig::new("test", self.mesh.clone()),
        )
    }

    /// Drains the service. Panics when a task had to be ended by force, which
    /// means that it does not listen to its scope.
    pub async fn stop(self) {
        let report = self.running.shutdown(STOP).await;
        assert!(
            report.is_clean(),
            "tasks outlived the drain: {:?}",
            report.forced
        );
    }

    /// Drains the service within `bound` and says how it went.
    pub async fn shutdown(self, bound: Duration) -> ShutdownReport {
        self.running.shutdown(bound).await
    }

    /// Ends the service as a crash would, as far as that is possible within
    /// one process: tasks are dropped where they stand.
    pub async fn kill(self) {
        self.running.shutdown(Duration::ZERO).await;
    }
}

impl<M> Deref for TestService<M> {
    type Target = TestClient;

    fn deref(&self) -> &TestClient {
        &self.client
    }
}

impl<M: Module> TestServiceBuilder<M> {
    /// Changes the module's settings.
    #[must_use]
    pub fn config(mut self, change: impl FnOnce(&mut M::Config)) -> Self {
        change(&mut self.settings.module);
        self
    }

    /// Changes the chassis' settings.
    #[must_use]
    pub fn chassis(mut self, change: impl FnOnce(&mut shoal_service::ChassisConfig)) -> Self {
        change(&mut self.settings.chassis);
        self
    }

    /// Says where a service is that the module calls.
    #[must_use]
    pub fn peer(self, name: &str, addr: SocketAddr) -> Self {
        self.chassis(|chassis| chassis.discovery.set(name, addr.to_string()))
    }

    /// Changes what the process brings: bus, resolver, clock.
    #[must_use]
    pub fn platform(mut self, change: impl FnOnce(Platform) -> Platform) -> Self {
        self.platform = change(self.platform);
        self
    }

    /// Another clock, for the service and its tokens.
    #[must_use]
    pub fn clock(mut self, clock: SharedClock) -> Self {
        self.clock = clock;
        self
    }

    /// An issuer that several services share.
    #[must_use]
    pub fn issuer(mut self, issuer: TestIssuer) -> Self {
        self.issuer = Some(issuer);
        self
    }

    /// Starts the service on a free port and waits until it is ready.
    pub async fn start(self, database: impl Into<DatabaseConfig>) -> TestService<M> {
        self.try_start(database)
            .await
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// Starts a module that keeps nothing.
    pub async fn start_without_database(self) -> TestService<M> {
        // Never opened: the module declares no migrations.
        self.start(DatabaseConfig::default()).await
    }

    /// Starts the service, or says why it does not.
    ///
    /// # Errors
    /// Those of [`shoal_service::start`].
    pub async fn try_start(
        self,
        database: impl Into<DatabaseConfig>,
    ) -> Result<TestService<M>, StartError> {
        shoal_telemetry::Telemetry::init_for_tests();
        let Self {
            mut settings,
            platform,
            clock,
            issuer,
        } = self;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let chassis = &mut settings.chassis;
        chassis.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        chassis.data_dir = folder.path().to_owned();
        chassis.database = database.into();
        let issuer = issuer
            .unwrap_or_else(|| TestIssuer::with(chassis.identity.clone(), Arc::clone(&clock)));
        let mesh = MeshSecret::new("secret-of-the-test-platform");
        let platform = platform
            .clock(clock)
            .jwks(issuer.source())
            .mesh(mesh.clone());
        let running = shoal_service::start::<M>(settings, &platform).await?;
        running
            .ready(READY)
            .await
            .expect("the service becomes ready");
        let client = TestClient::new(running.base_url());
        Ok(TestService {
            running,
            client,
            mesh,
            issuer,
            _folder: folder,
            _module: PhantomData,
        })
    }
}
