//! The paved road against bare servers: the same trivial handler on axum and on
//! the chassis, the same trivial method on tonic and behind the server stack.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::routing::get;
use http::{Request, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shoal_error::{Result, ResultExt as _};
use shoal_proto::auth::v1 as pb;
use shoal_proto::auth::v1::auth_service_client::AuthServiceClient;
use shoal_proto::auth::v1::auth_service_server::{AuthService, AuthServiceServer};
use shoal_service::{
    Built, Json, MeshSecret, Module, ModuleContext, OpenApiRouter, Platform, Settings, Sources,
    routes,
};
use shoal_task::Scope;
use tokio::net::TcpListener;
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Response, Status};

use crate::load::{self, Caller, Report};
use crate::{Plan, http as http_callers};

const SECRET: &str = "secret-of-the-benchmark";

/// All four, one after the other.
pub(crate) async fn compare(plan: &Plan) -> Result<Vec<Report>> {
    let scope = Scope::root("bare");
    let axum = bare_axum(&scope).await?;
    let tonic = bare_tonic(&scope).await?;
    let folder = tempfile::tempdir().internal()?;
    let sources = Sources::defaults()
        .set("listen", "127.0.0.1:0", "the benchmark")
        .set(
            "data_dir",
            folder.path().display().to_string(),
            "the benchmark",
        );
    let settings = Settings::load::<Toy>(&sources).internal()?;
    let platform = Platform::new().mesh(MeshSecret::new(SECRET));
    let paved = shoal_service::start::<Toy>(settings, &platform)
        .await
        .internal()?;

    let reports = vec![
        over_http(plan, "bare axum handler", axum).await?,
        over_http(plan, "paved road, HTTP", paved.addr()).await?,
        over_grpc(plan, "bare tonic method", tonic).await?,
        over_grpc(plan, "paved road, gRPC", paved.addr()).await?,
    ];
    paved.shutdown(Duration::from_secs(5)).await;
    scope.drain(Duration::from_secs(1)).await;
    Ok(reports)
}

async fn over_http(plan: &Plan, name: &str, address: SocketAddr) -> Result<Report> {
    let make = Arc::new(move |_| {
        let request = Request::get("/toy/v1/hello").header("host", address.to_string());
        request.body(http_body_util::Full::default()).internal()
    });
    let callers = http_callers::callers(plan.connections, address, StatusCode::OK, make).await?;
    load::run(name, plan.time, callers).await
}

async fn over_grpc(plan: &Plan, name: &str, address: SocketAddr) -> Result<Report> {
    let mut callers = Vec::with_capacity(plan.connections);
    for _ in 0..plan.connections {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).internal()?;
        callers.push(GrpcCaller(AuthServiceClient::new(
            endpoint.connect().await.internal()?,
        )));
    }
    load::run(name, plan.time, callers).await
}

struct GrpcCaller(AuthServiceClient<Channel>);

impl Caller for GrpcCaller {
    async fn call(&mut self) -> Result<bool> {
        let mut request = tonic::Request::new(pb::IntrospectRequest::default());
        request
            .metadata_mut()
            .insert("x-shoal-mesh", MetadataValue::from_static(SECRET));
        Ok(self.0.introspect(request).await.is_ok())
    }
}

async fn listen() -> Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .internal()?;
    let address = listener.local_addr().internal()?;
    Ok((listener, address))
}

async fn bare_axum(scope: &Scope) -> Result<SocketAddr> {
    let (listener, address) = listen().await?;
    let app = axum::Router::new().route(
        "/toy/v1/hello",
        get(|| async { axum::Json(Hello::world()) }),
    );
    let ending = scope.clone();
    drop(scope.spawn_detached_context("axum", async move {
        axum::serve(listener, app)
            .with_graceful_shutdown(async move { ending.cancelled().await })
            .await
    }));
    Ok(address)
}

async fn bare_tonic(scope: &Scope) -> Result<SocketAddr> {
    let (listener, address) = listen().await?;
    let ending = scope.clone();
    drop(scope.spawn_detached_context("tonic", async move {
        let incoming =
            tonic::transport::server::TcpIncoming::from(listener).with_nodelay(Some(true));
        Server::builder()
            .add_service(AuthServiceServer::new(ToyRpc))
            .serve_with_incoming_shutdown(incoming, async move { ending.cancelled().await })
            .await
    }));
    Ok(address)
}

/// A service that does nothing.
struct Toy;

#[derive(Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct NoSettings {}

impl Module for Toy {
    const NAME: &'static str = "toy";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const ABOUT: &'static str = "Answers at once.";
    const PORT: u16 = 0;
    const GRPC: &'static [&'static str] =
        &[shoal_proto::auth::v1::auth_service_server::SERVICE_NAME];

    type Config = NoSettings;
    type State = ();

    fn api() -> OpenApiRouter {
        OpenApiRouter::new().routes(routes!(hello))
    }

    async fn build(_: ModuleContext<NoSettings>) -> Result<Built<()>> {
        Ok(Built::new(()).grpc(AuthServiceServer::new(ToyRpc)))
    }
}

#[derive(Serialize, utoipa::ToSchema)]
struct Hello {
    hello: &'static str,
}

impl Hello {
    fn world() -> Self {
        Self { hello: "world" }
    }
}

/// Say hello.
#[utoipa::path(get, path = "/toy/v1/hello", responses((status = 200, body = Hello)))]
async fn hello() -> Json<Hello> {
    Json(Hello::world())
}

/// The shortest contract at hand; only one method is called.
struct ToyRpc;

type Answer<T> = std::result::Result<Response<T>, Status>;

#[tonic::async_trait]
impl AuthService for ToyRpc {
    async fn introspect(
        &self,
        _: tonic::Request<pb::IntrospectRequest>,
    ) -> Answer<pb::IntrospectResponse> {
        Ok(Response::new(pb::IntrospectResponse::default()))
    }

    async fn get_user(&self, _: tonic::Request<pb::GetUserRequest>) -> Answer<pb::GetUserResponse> {
        Err(Status::unimplemented(""))
    }

    async fn batch_get_users(
        &self,
        _: tonic::Request<pb::BatchGetUsersRequest>,
    ) -> Answer<pb::BatchGetUsersResponse> {
        Err(Status::unimplemented(""))
    }

    async fn list_users(
        &self,
        _: tonic::Request<pb::ListUsersRequest>,
    ) -> Answer<pb::ListUsersResponse> {
        Err(Status::unimplemented(""))
    }

    async fn get_jwks(&self, _: tonic::Request<pb::GetJwksRequest>) -> Answer<pb::GetJwksResponse> {
        Err(Status::unimplemented(""))
    }
}
