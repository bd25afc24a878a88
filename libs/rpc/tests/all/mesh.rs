use shoal_context::{Context, Metadata};
use shoal_error::CommonCode;
use shoal_rpc::MeshSecret;
use tonic::client::Grpc;
use tonic::transport::Endpoint;
use tonic::{Code, Request};
use tonic_prost::ProstCodec;

use crate::probe::{Probe, Server, Text, UNARY, text};

/// Answers with the user that the handler believes in.
fn tells_user() -> Probe {
    Probe::unary(|request| async move {
        assert!(
            !request.metadata().contains_key("x-shoal-mesh"),
            "the secret stays outside"
        );
        Ok(text(
            Context::current()
                .meta()
                .user_id
                .clone()
                .unwrap_or_default(),
        ))
    })
}

async fn stranger(server: &Server, path: &'static str, secret: Option<&str>) -> Code {
    let endpoint = Endpoint::from_shared(format!("http://{}", server.addr)).unwrap();
    let mut grpc = Grpc::new(endpoint.connect().await.unwrap());
    grpc.ready().await.unwrap();
    let mut request = Request::new(text(""));
    request
        .metadata_mut()
        .insert("x-shoal-user", "usr_admin".parse().unwrap());
    if let Some(secret) = secret {
        request
            .metadata_mut()
            .insert("x-shoal-mesh", secret.parse().unwrap());
    }
    let path = http::uri::PathAndQuery::from_static(path);
    match grpc
        .unary(request, path, ProstCodec::<Text, Text>::default())
        .await
    {
        Ok(_) => Code::Ok,
        Err(status) => status.code(),
    }
}

#[tokio::test]
async fn only_who_knows_the_secret_may_call() {
    let server = Server::start(tells_user());
    for wrong in [
        None,
        Some(""),
        Some("the-mesh-secre"),
        Some("the-mesh-secret2"),
    ] {
        assert_eq!(
            stranger(&server, UNARY, wrong).await,
            Code::Unauthenticated,
            "{wrong:?}"
        );
    }
    assert_eq!(
        stranger(&server, UNARY, Some("the-mesh-secret")).await,
        Code::Ok
    );
    // Unknown methods tell a stranger nothing of which ones there are.
    assert_eq!(
        stranger(&server, "/test.v1.Probe/Other", None).await,
        Code::Unauthenticated
    );
}

#[tokio::test]
async fn health_is_open_to_orchestrators() {
    let server = Server::start(tells_user());
    let path = "/grpc.health.v1.Health/Check";
    assert_eq!(
        stranger(&server, path, None).await,
        Code::Unimplemented,
        "passed, not refused"
    );
}

#[tokio::test]
async fn the_user_travels_to_the_callee() {
    let server = Server::start(tells_user());
    let meta = Metadata {
        user_id: Some("usr_1".into()),
        ..Metadata::default()
    };
    let answer = Context::new(meta, None)
        .attach(server.client().say(""))
        .await;
    assert_eq!(answer.unwrap().text, "usr_1");
}

#[tokio::test]
async fn a_client_with_another_secret_learns_that_it_is_refused() {
    let server = Server::start(tells_user());
    let caller = server.client_with(|config| config.mesh_secret = MeshSecret::new("another"));
    let error = caller.say("").await.unwrap_err();
    assert!(error.is(CommonCode::Unauthenticated), "{error:?}");
}

#[tokio::test]
async fn an_empty_secret_admits_nobody() {
    let config = shoal_rpc::ServerConfig::new("probe", MeshSecret::new(""));
    let server = Server::with(tells_user(), &config);
    for shown in [None, Some("")] {
        assert_eq!(stranger(&server, UNARY, shown).await, Code::Unauthenticated);
    }
}

#[test]
fn the_secret_is_shown_in_no_debug_text() {
    let secret = MeshSecret::new("the-mesh-secret");
    let config = shoal_rpc::ClientConfig::new("order", secret.clone());
    let shown = format!("{secret:?} {config:?} {:?}", secret.header_value());
    assert!(!shown.contains("the-mesh-secret"), "{shown}");
}
