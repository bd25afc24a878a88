//! Two real instances of a service behind the platform's gRPC client.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context as Task, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shoal_discovery::{EtcdConfig, Instances, Resolver};
use shoal_error::Result;
use shoal_rpc::{Channel, Client, ClientConfig};
use shoal_service::{Built, Module, ModuleContext, OpenApiRouter};
use shoal_testkit::{Etcd, TestService, eventually};
use tokio::net::TcpStream;
use tonic::body::Body;
use tonic::client::Grpc as ClientGrpc;
use tonic::codegen::Service;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

use super::support::{Node, SOON, config, ids, known, proxied, until};

const WHO: &str = "/test.v1.Who/Are";

#[derive(Clone, PartialEq, prost::Message)]
struct Text {
    #[prost(string, tag = "1")]
    text: String,
}

/// Answers with its own address.
#[derive(Clone)]
struct Who(String);

impl UnaryService<Text> for Who {
    type Response = Text;
    type Future = BoxFuture<'static, std::result::Result<Response<Text>, Status>>;

    fn call(&mut self, _: Request<Text>) -> Self::Future {
        let text = self.0.clone();
        // Long enough that a drain meets calls under way.
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(5)).await;
            Ok(Response::new(Text { text }))
        })
    }
}

impl NamedService for Who {
    const NAME: &'static str = "test.v1.Who";
}

impl Service<http::Request<Body>> for Who {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, std::result::Result<http::Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Task<'_>) -> Poll<std::result::Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let who = self.clone();
        Box::pin(async move {
            let mut grpc = Grpc::new(ProstCodec::<Text, Text>::default());
            Ok(grpc.unary(who, request).await)
        })
    }
}

struct Named;

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct NamedConfig {}

impl Module for Named {
    const NAME: &'static str = "named";
    const VERSION: &'static str = "1.2.3";
    const ABOUT: &'static str = "Says who it is.";
    const PORT: u16 = 0;
    const GRPC: &'static [&'static str] = &[Who::NAME];
    type Config = NamedConfig;
    type State = ();

    fn api() -> OpenApiRouter<()> {
        OpenApiRouter::new()
    }

    async fn build(context: ModuleContext<NamedConfig>) -> Result<Built<()>> {
        Ok(Built::new(()).grpc(Who(context.addr.to_string())))
    }
}

async fn instance(etcd: &Etcd) -> TestService<Named> {
    instance_with(config(etcd.endpoints())).await
}

async fn instance_with(registry: EtcdConfig) -> TestService<Named> {
    let builder = TestService::<Named>::builder().chassis(|chassis| {
        chassis.discovery.etcd = registry;
        // So that a test can look in between.
        chassis.shutdown.linger_ms = 300;
        chassis.instance.labels.insert("zone".into(), "b".into());
    });
    builder.start_without_database().await
}

fn channel(caller: &Node, of: &TestService<Named>) -> Channel {
    let resolver: Arc<dyn Resolver> = Arc::new(caller.registry.clone());
    let config = ClientConfig::new("caller", of.mesh().clone());
    Client::connect("named", &resolver, &config)
}

async fn ask(channel: &Channel) -> Result<String> {
    let mut grpc = ClientGrpc::new(channel.clone());
    let codec = ProstCodec::<Text, Text>::default();
    let path = PathAndQuery::from_static(WHO);
    let request = Request::new(Text::default());
    shoal_rpc::call(async move {
        grpc.ready().await?;
        grpc.unary(request, path, codec).await
    })
    .await
    .map(|answer: Text| answer.text)
}

async fn answers(channel: &Channel, calls: usize) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for _ in 0..calls {
        *counts.entry(ask(channel).await.unwrap()).or_default() += 1;
    }
    counts
}

/// Waits until the caller knows this many.
async fn knows(caller: &Node, count: usize) {
    let count_known = || async {
        let list = known(caller, "named");
        let takes = list.list.iter().filter(|i| i.takes_work()).count();
        (takes == count)
            .then_some(())
            .ok_or_else(|| format!("{list:?}"))
    };
    eventually(count_known, SOON).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_registers_itself_when_it_is_ready_and_says_what_it_is() {
    let etcd = Etcd::start().await;
    let caller = Node::new("caller", &config(etcd.endpoints()));
    let service = instance(&etcd).await;
    knows(&caller, 1).await;
    let list = known(&caller, "named");
    let one = &list.list[0];
    assert_eq!(one.addr, service.addr().to_string());
    assert_eq!(
        (one.version.as_str(), one.labels["zone"].as_str()),
        ("1.2.3", "b")
    );
    service.stop().await;
    let gone = || async { ids(&known(&caller, "named")).is_empty() };
    eventually(gone, SOON).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_tells_the_registry_before_it_closes_the_port_and_at_its_end() {
    let etcd = Etcd::start().await;
    let caller = Node::new("caller", &config(etcd.endpoints()));
    let service = instance(&etcd).await;
    knows(&caller, 1).await;
    let addr = service.addr();
    let (sender, mut drained) = tokio::sync::mpsc::channel(1);
    let watching = async {
        let mut watch = caller.registry.watch("named");
        let draining = |list: &Instances| list.list.iter().any(|i| !i.takes_work());
        until(&mut watch, "draining", draining).await;
        sender
            .send(TcpStream::connect(addr).await.is_ok())
            .await
            .unwrap();
        until(&mut watch, "gone", |list| list.list.is_empty()).await;
        TcpStream::connect(addr).await.is_err()
    };
    let (closed, ()) = tokio::join!(watching, service.stop());
    assert!(
        drained.recv().await.unwrap(),
        "the port was closed before callers knew"
    );
    assert!(closed, "the record was gone before the port");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_shuts_down_under_load_and_no_call_fails() {
    let etcd = Etcd::start().await;
    let caller = Node::new("caller", &config(etcd.endpoints()));
    let (a, b) = (instance(&etcd).await, instance(&etcd).await);
    let channel = channel(&caller, &a);
    knows(&caller, 2).await;
    assert_eq!(answers(&channel, 40).await.len(), 2);

    let stays = b.addr().to_string();
    let load = async {
        let mut served = 0;
        // Until only the other one has answered for a while.
        let mut alone = 0;
        while alone < 100 {
            let calls = (0..4).map(|_| ask(&channel));
            for answer in futures::future::join_all(calls).await {
                let who = answer.expect("no call fails while an instance drains");
                alone = if who == stays { alone + 1 } else { 0 };
                served += 1;
            }
        }
        served
    };
    let (served, ()) = tokio::join!(load, a.stop());
    assert!(served >= 100);
    knows(&caller, 1).await;
    b.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_crashes_costs_no_call_although_its_record_still_stands() {
    let etcd = Etcd::start().await;
    let caller = Node::new("caller", &config(etcd.endpoints()));
    let (proxy, through) = proxied(&etcd.endpoints()[0]).await;
    let long = EtcdConfig {
        lease_s: 60,
        ..config(vec![through])
    };
    let (crashing, stays) = (instance_with(long).await, instance(&etcd).await);
    let channel = channel(&caller, &stays);
    knows(&caller, 2).await;
    assert_eq!(answers(&channel, 40).await.len(), 2);
    // It cannot say goodbye.
    proxy.refuse();
    crashing.kill().await;
    let only = answers(&channel, 200).await;
    assert_eq!(only.keys().collect::<Vec<_>>(), [&stays.addr().to_string()]);
    knows(&caller, 2).await;
    stays.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_go_on_while_etcd_is_wholly_away() {
    let mut etcd = Etcd::start().await;
    let caller = Node::new("caller", &config(etcd.endpoints()));
    let (a, b) = (instance(&etcd).await, instance(&etcd).await);
    let channel = channel(&caller, &a);
    knows(&caller, 2).await;
    etcd.kill(0);
    let stale = || async { known(&caller, "named").stale };
    eventually(stale, SOON).await;
    assert_eq!(answers(&channel, 40).await.len(), 2);
    // An instance that ends now cannot tell; calls find the other one.
    a.kill().await;
    let only = answers(&channel, 40).await;
    assert_eq!(only.keys().collect::<Vec<_>>(), [&b.addr().to_string()]);
    etcd.restart(0);
    knows(&caller, 1).await;
    b.stop().await;
}
