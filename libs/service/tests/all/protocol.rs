//! HTTP/1.1, HTTP/2 and gRPC on one port.

use std::convert::Infallible;
use std::task::{Context as Task, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::{Request, Response, StatusCode, Version};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use shoal_context::{Context, Metadata};
use shoal_error::Error;
use shoal_testkit::{TestService, eventually};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tonic::body::Body;
use tonic::metadata::MetadataValue;
use tonic::server::{NamedService, UnaryService};
use tonic::{Code, Status};
use tonic_prost::ProstCodec;

use super::toy::{Toy, toy, toy_with};

const SOON: Duration = Duration::from_secs(10);

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Text {
    #[prost(string, tag = "1")]
    text: String,
}

/// A gRPC service as tonic's generator would write it, with one method per
/// thing to be tested.
#[derive(Clone)]
pub(crate) struct ToyGrpc;

impl NamedService for ToyGrpc {
    const NAME: &'static str = "toy.v1.Toy";
}

struct Method(String);

impl UnaryService<Text> for Method {
    type Response = Text;
    type Future = BoxFuture<'static, Result<tonic::Response<Text>, Status>>;

    fn call(&mut self, request: tonic::Request<Text>) -> Self::Future {
        let method = self.0.clone();
        async move {
            match method.as_str() {
                "Echo" => Ok(tonic::Response::new(request.into_inner())),
                "Sleep" => {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    Ok(tonic::Response::new(Text::default()))
                }
                "Fail" => Err(Error::new(super::toy::ToyCode::Broken, "It broke.").into()),
                _ => panic!("the secret is 1234"),
            }
        }
        .boxed()
    }
}

impl tower::Service<Request<Body>> for ToyGrpc {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Task<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let method = request
            .uri()
            .path()
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .to_owned();
        async move {
            let mut grpc = tonic::server::Grpc::new(ProstCodec::<Text, Text>::default());
            Ok(grpc.unary(Method(method), request).await)
        }
        .boxed()
    }
}

async fn call(
    t: &TestService<Toy>,
    method: &str,
    change: impl FnOnce(&mut tonic::Request<Text>),
) -> Result<Text, Status> {
    let url = format!("http://{}", t.addr());
    let channel = tonic::transport::Endpoint::new(url)
        .unwrap()
        .connect()
        .await
        .unwrap();
    let mut grpc = tonic::client::Grpc::new(channel);
    grpc.ready().await.unwrap();
    let mut request = tonic::Request::new(Text {
        text: "hello".to_owned(),
    });
    let mesh = MetadataValue::try_from(t.mesh().expose()).unwrap();
    request.metadata_mut().insert("x-shoal-mesh", mesh);
    change(&mut request);
    let path = format!("/toy.v1.Toy/{method}").parse().unwrap();
    grpc.unary(request, path, ProstCodec::<Text, Text>::default())
        .await
        .map(tonic::Response::into_inner)
}

type Answer = (StatusCode, Version, Bytes);

/// Sends a GET over a connection of its own.
async fn get(t: &TestService<Toy>, version: Version) -> Answer {
    let addr = t.addr();
    let io = TokioIo::new(TcpStream::connect(addr).await.unwrap());
    let request = Request::get(format!("http://{addr}/toy/v1/parts/12")).version(version);
    let request = request
        .header("host", addr.to_string())
        .body(Empty::<Bytes>::new())
        .unwrap();
    if version == Version::HTTP_2 {
        let executor = TokioExecutor::new();
        let (mut send, connection) = hyper::client::conn::http2::handshake(executor, io)
            .await
            .unwrap();
        exchange(send.send_request(request), connection).await
    } else {
        let (mut send, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
        exchange(send.send_request(request), connection).await
    }
}

async fn exchange(
    answer: impl Future<Output = hyper::Result<Response<Incoming>>>,
    connection: impl Future<Output = hyper::Result<()>>,
) -> Answer {
    let whole = async {
        let (parts, body) = answer.await.unwrap().into_parts();
        (
            parts.status,
            parts.version,
            body.collect().await.unwrap().to_bytes(),
        )
    };
    tokio::select! {
        answer = whole => answer,
        ended = connection => panic!("the connection ended first: {ended:?}"),
    }
}

#[tokio::test]
async fn one_port_speaks_http_1_http_2_and_grpc() {
    let t = toy().await;
    let body = Bytes::from_static(b"12");
    let one = get(&t, Version::HTTP_11).await;
    assert_eq!(one, (StatusCode::OK, Version::HTTP_11, body.clone()));
    let two = get(&t, Version::HTTP_2).await;
    assert_eq!(two, (StatusCode::OK, Version::HTTP_2, body));
    assert_eq!(call(&t, "Echo", |_| {}).await.unwrap().text, "hello");
    t.stop().await;
}

#[tokio::test]
async fn a_grpc_call_without_the_mesh_secret_is_refused() {
    let t = toy().await;
    let without = call(&t, "Echo", |request| {
        request.metadata_mut().remove("x-shoal-mesh");
    });
    assert_eq!(without.await.unwrap_err().code(), Code::Unauthenticated);
    let wrong = call(&t, "Echo", |request| {
        request
            .metadata_mut()
            .insert("x-shoal-mesh", "guess".parse().unwrap());
    });
    assert_eq!(wrong.await.unwrap_err().code(), Code::Unauthenticated);
    t.stop().await;
}

#[tokio::test]
async fn an_error_of_the_module_keeps_its_code_over_grpc() {
    let t = toy().await;
    let error = Error::from_status(call(&t, "Fail", |_| {}).await.unwrap_err());
    assert_eq!(error.code(), "toy.broken");
    assert_eq!(error.message(), "It broke.");
    t.stop().await;
}

#[tokio::test]
async fn a_grpc_deadline_of_half_a_second_ends_a_one_second_task() {
    let t = toy().await;
    let start = Instant::now();
    let context = Context::new(Metadata::default(), Some(Duration::from_millis(500)));
    let mut grpc = tonic::client::Grpc::new(t.grpc_channel());
    let slept = context.scope(async {
        let path = "/toy.v1.Toy/Sleep".parse().unwrap();
        let codec = ProstCodec::<Text, Text>::default();
        shoal_rpc::call(grpc.unary(tonic::Request::new(Text::default()), path, codec)).await
    });
    assert_eq!(slept.await.unwrap_err().code(), "common.deadline_exceeded");
    let took = start.elapsed();
    assert!(
        took >= Duration::from_millis(400) && took < Duration::from_millis(900),
        "{took:?}"
    );
    t.stop().await;
}

#[tokio::test]
async fn a_panic_in_a_grpc_method_is_internal_and_tells_nothing() {
    let t = toy().await;
    let status = call(&t, "Boom", |_| {}).await.unwrap_err();
    assert_eq!(status.code(), Code::Internal);
    assert!(!format!("{status:?}").contains("1234"), "{status:?}");
    assert_eq!(call(&t, "Echo", |_| {}).await.unwrap().text, "hello");
    t.stop().await;
}

#[tokio::test]
async fn an_unknown_grpc_service_is_unimplemented_and_no_404_page() {
    let t = toy().await;
    let addr = t.addr();
    let channel = tonic::transport::Endpoint::new(format!("http://{addr}")).unwrap();
    let mut grpc = tonic::client::Grpc::new(channel.connect().await.unwrap());
    grpc.ready().await.unwrap();
    let mut request = tonic::Request::new(Text::default());
    let mesh = MetadataValue::try_from(t.mesh().expose()).unwrap();
    request.metadata_mut().insert("x-shoal-mesh", mesh);
    let path = "/other.v1.Other/Get".parse().unwrap();
    let answer = grpc
        .unary(request, path, ProstCodec::<Text, Text>::default())
        .await;
    assert_eq!(answer.unwrap_err().code(), Code::Unimplemented);
    t.stop().await;
}

#[tokio::test]
async fn a_reset_stream_stops_its_handler_and_leaves_the_others() {
    let (t, probe) = toy_with(|b| b).await;
    let io = TokioIo::new(TcpStream::connect(t.addr()).await.unwrap());
    let (mut send, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io)
        .await
        .unwrap();
    let get = |path: &str| {
        Request::get(format!("http://{}{path}", t.addr()))
            .body(Empty::<Bytes>::new())
            .unwrap()
    };
    let one_hangs_up = async {
        let held = send.send_request(get("/toy/v1/hold"));
        let entered = eventually(|| async { probe.entered() == 1 }, SOON);
        tokio::select! {
            _ = held => panic!("nobody opened the gate"),
            () = entered => {}
        }
        eventually(|| async { probe.dropped() == 1 }, SOON).await;
        send.send_request(get("/toy/v1/parts"))
            .await
            .unwrap()
            .status()
    };
    let status = tokio::select! {
        status = one_hangs_up => status,
        ended = connection => panic!("the connection ended first: {ended:?}"),
    };
    assert_eq!(status, StatusCode::OK);
    t.stop().await;
}
