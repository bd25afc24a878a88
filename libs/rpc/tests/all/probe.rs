//! A service whose behaviour each test writes, and clients for it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context as Task, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use http::uri::PathAndQuery;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use shoal_context::{Context, Metadata};
use shoal_discovery::{Instance, Resolver, StaticResolver};
use shoal_rpc::{Channel, Client, ClientConfig, MeshSecret, ServerConfig};
use shoal_telemetry::Telemetry;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tonic::body::Body;
use tonic::client::Grpc as ClientGrpc;
use tonic::server::{Grpc, NamedService, ServerStreamingService, UnaryService};
use tonic::service::Routes;
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;
use tower::Service;

pub const UNARY: &str = "/test.v1.Probe/Unary";
pub const STREAM: &str = "/test.v1.Probe/Stream";

#[derive(Clone, PartialEq, prost::Message)]
pub struct Text {
    #[prost(string, tag = "1")]
    pub text: String,
}

pub fn text(text: impl Into<String>) -> Text {
    Text { text: text.into() }
}

type Unary = dyn Fn(Request<Text>) -> BoxFuture<'static, Result<Text, Status>> + Send + Sync;
type Items = BoxStream<'static, Result<Text, Status>>;
type Stream = dyn Fn(Request<Text>) -> BoxFuture<'static, Result<Items, Status>> + Send + Sync;

#[derive(Clone)]
pub struct Probe {
    unary: Arc<Unary>,
    stream: Arc<Stream>,
}

impl Probe {
    pub fn unary<F>(answer: impl Fn(Request<Text>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Text, Status>> + Send + 'static,
    {
        Self {
            unary: Arc::new(move |request| Box::pin(answer(request))),
            stream: Arc::new(|_| Box::pin(async { Err(Status::unimplemented("")) })),
        }
    }

    pub fn echo() -> Self {
        Self::unary(|request| async move { Ok(request.into_inner()) })
    }

    pub fn stream(items: impl Fn() -> Items + Send + Sync + 'static) -> Self {
        let mut probe = Self::echo();
        probe.stream = Arc::new(move |_| {
            let items = items();
            Box::pin(async move { Ok(items) })
        });
        probe
    }
}

impl UnaryService<Text> for Probe {
    type Response = Text;
    type Future = BoxFuture<'static, Result<Response<Text>, Status>>;

    fn call(&mut self, request: Request<Text>) -> Self::Future {
        let answer = (self.unary)(request);
        Box::pin(async move { answer.await.map(Response::new) })
    }
}

impl ServerStreamingService<Text> for Probe {
    type Response = Text;
    type ResponseStream = Items;
    type Future = BoxFuture<'static, Result<Response<Items>, Status>>;

    fn call(&mut self, request: Request<Text>) -> Self::Future {
        let answer = (self.stream)(request);
        Box::pin(async move { answer.await.map(Response::new) })
    }
}

impl NamedService for Probe {
    const NAME: &'static str = "test.v1.Probe";
}

impl Service<http::Request<Body>> for Probe {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<http::Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Task<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let probe = self.clone();
        Box::pin(async move {
            let mut grpc = Grpc::new(ProstCodec::<Text, Text>::default());
            Ok(match request.uri().path() {
                UNARY => grpc.unary(probe, request).await,
                STREAM => grpc.server_streaming(probe, request).await,
                _ => Status::unimplemented("").into_http(),
            })
        })
    }
}

pub fn secret() -> MeshSecret {
    MeshSecret::new("the-mesh-secret")
}

/// A server in a runtime of its own, so that dropping it is as sudden as a
/// process that dies.
pub struct Server {
    pub addr: SocketAddr,
    runtime: Option<Runtime>,
}

impl Server {
    pub fn start(probe: Probe) -> Self {
        Self::with(probe, &ServerConfig::new("probe", secret()))
    }

    pub fn with(probe: Probe, config: &ServerConfig) -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), probe, config)
    }

    pub fn at(addr: SocketAddr, probe: Probe, config: &ServerConfig) -> Self {
        Telemetry::init_for_tests();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = std::net::TcpListener::bind(addr).unwrap();
        listener.set_nonblocking(true).unwrap();
        let addr = listener.local_addr().unwrap();
        let router = shoal_rpc::server::stack(Routes::new(probe), config);
        runtime.spawn(serve(listener, router));
        Self {
            addr,
            runtime: Some(runtime),
        }
    }

    pub fn instance(&self) -> Instance {
        Instance::at(self.addr.to_string())
    }

    pub fn client(&self) -> Caller {
        self.client_with(|_| ())
    }

    pub fn client_with(&self, change: impl FnOnce(&mut ClientConfig)) -> Caller {
        Caller::new([self.instance()], change)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Serves connections as the chassis does: bare hyper, no stack but ours.
async fn serve(listener: std::net::TcpListener, router: axum::Router) {
    let listener = TcpListener::from_std(listener).unwrap();
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let service = TowerToHyperService::new(router.clone());
        connections.spawn(async move {
            let builder = auto::Builder::new(TokioExecutor::new());
            // A client that goes away in the middle is part of the tests.
            let _ = builder
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

/// A client of the probe.
#[derive(Clone)]
pub struct Caller {
    channel: Channel,
    pub resolver: StaticResolver,
}

impl Caller {
    pub fn new(
        instances: impl IntoIterator<Item = Instance>,
        change: impl FnOnce(&mut ClientConfig),
    ) -> Self {
        Self::of("probe", instances, change)
    }

    /// A client of the probe under another name.
    pub fn of(
        name: &str,
        instances: impl IntoIterator<Item = Instance>,
        change: impl FnOnce(&mut ClientConfig),
    ) -> Self {
        Telemetry::init_for_tests();
        let resolver = StaticResolver::new();
        resolver.set(name, instances);
        let mut config = ClientConfig::new("caller", secret());
        change(&mut config);
        let shared: Arc<dyn Resolver> = Arc::new(resolver.clone());
        let channel = Client::connect(name, &shared, &config);
        Self { channel, resolver }
    }

    pub async fn unary(&self, request: Request<Text>) -> shoal_error::Result<Text> {
        shoal_rpc::call(self.raw(request)).await
    }

    pub async fn say(&self, said: &str) -> shoal_error::Result<Text> {
        self.unary(Request::new(text(said))).await
    }

    pub async fn raw(&self, request: Request<Text>) -> Result<Response<Text>, Status> {
        let mut grpc = ClientGrpc::new(self.channel.clone());
        grpc.ready().await?;
        let codec = ProstCodec::<Text, Text>::default();
        grpc.unary(request, PathAndQuery::from_static(UNARY), codec)
            .await
    }

    pub async fn stream(&self, request: Request<Text>) -> Result<Streaming<Text>, Status> {
        let mut grpc = ClientGrpc::new(self.channel.clone());
        grpc.ready().await?;
        let codec = ProstCodec::<Text, Text>::default();
        let path = PathAndQuery::from_static(STREAM);
        grpc.server_streaming(request, path, codec)
            .await
            .map(Response::into_inner)
    }
}

/// A request's context with this much time.
pub fn within(timeout: Duration) -> Context {
    Context::new(Metadata::default(), Some(timeout))
}

/// Waits until `done`, or fails.
pub async fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let limit = tokio::time::Instant::now() + Duration::from_secs(10);
    while !done() {
        assert!(tokio::time::Instant::now() < limit, "never: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Sends when dropped: what a handler sees of its own end.
pub struct OnDrop(pub Option<tokio::sync::oneshot::Sender<()>>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        if let Some(sender) = self.0.take() {
            let _ = sender.send(());
        }
    }
}
