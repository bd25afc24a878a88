//! A client hangs up, or its time is over: the gateway, the service, the service
//! that this one calls over gRPC and the statement at the PostgreSQL server end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shoal_billing::Billing;
use shoal_discovery::{Instance, Resolver, StaticResolver};
use shoal_error::{Error, Result};
use shoal_gateway::Gateway;
use shoal_proto::billing::v1::ListPaymentsByReferenceRequest;
use shoal_proto::billing::v1::billing_service_client::BillingServiceClient;
use shoal_rpc::Channel;
use shoal_service::{Built, Context, Json, Module, ModuleContext, OpenApiRouter, Peer, routes};
use shoal_testkit::{TestDb, TestService, eventually};
use sqlx::{Connection as _, PgConnection};
use tokio::time::Instant;

use super::person::SOON;

/// It has no settings.
#[derive(Clone, Default, Serialize, Deserialize, JsonSchema)]
struct Nothing {}

/// The service in the middle: asks billing while its client waits.
struct Till;

/// Handlers of the till that began, and those that have gone.
#[derive(Clone, Default)]
struct Seen {
    begun: Arc<AtomicU64>,
    gone: Arc<AtomicU64>,
    /// Time left of the last request, in milliseconds.
    left_ms: Arc<AtomicU64>,
}

tokio::task_local! {
    static SEEN: Seen;
}

impl Module for Till {
    const NAME: &'static str = "order";
    const VERSION: &'static str = "1.0.0";
    const ABOUT: &'static str = "A till.";
    const PORT: u16 = 0;
    const PEERS: &'static [Peer] = &[Peer::new("billing", "127.0.0.1:1")];
    type Config = Nothing;
    type State = (Seen, Channel);

    fn api() -> OpenApiRouter<Self::State> {
        OpenApiRouter::new().routes(routes!(paid))
    }

    async fn build(context: ModuleContext<Nothing>) -> Result<Built<Self::State>> {
        let seen = SEEN.with(Clone::clone);
        Ok(Built::new((seen, context.peer("billing")?)))
    }
}

/// What was paid.
#[utoipa::path(get, path = "/order/v1/paid",
    responses((status = 200, description = "How many payments.", body = u64)))]
async fn paid(State((seen, billing)): State<(Seen, Channel)>) -> Result<Json<usize>> {
    let left = Context::current().remaining().unwrap_or_default();
    seen.left_ms
        .store(left.as_millis() as u64, Ordering::SeqCst);
    seen.begun.fetch_add(1, Ordering::SeqCst);
    let _gone = OnDrop(Arc::clone(&seen.gone));
    let request = ListPaymentsByReferenceRequest {
        reference: "ord_1".to_owned(),
    };
    let answer = BillingServiceClient::new(billing)
        .list_payments_by_reference(request)
        .await
        .map_err(Error::from_status)?;
    Ok(Json(answer.into_inner().payments.len()))
}

struct OnDrop(Arc<AtomicU64>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Gateway, till and billing, and a lock on billing's table that whoever reads
/// payments waits for.
struct Street {
    gateway: TestService<Gateway>,
    till: TestService<Till>,
    billing: TestService<Billing>,
    lock: PgConnection,
    onlooker: PgConnection,
    seen: Seen,
    db: TestDb,
}

impl Street {
    async fn open() -> Self {
        let db = TestDb::postgres().await;
        let billing = TestService::<Billing>::start(&db).await;
        let seen = Seen::default();
        let till = TestService::<Till>::builder().peer("billing", billing.addr());
        let till = SEEN
            .scope(seen.clone(), till.start_without_database())
            .await;
        let resolver = StaticResolver::new();
        resolver.set("order", [Instance::at(till.addr().to_string())]);
        let resolver: Arc<dyn Resolver> = Arc::new(resolver);
        let gateway = TestService::<Gateway>::builder()
            .platform(|platform| platform.resolver(resolver))
            .start_without_database()
            .await;
        let mut lock = PgConnection::connect(db.url()).await.unwrap();
        for statement in ["BEGIN", "LOCK TABLE billing.payments"] {
            sqlx::query(statement).execute(&mut lock).await.unwrap();
        }
        Self {
            gateway,
            till,
            billing,
            onlooker: PgConnection::connect(db.url()).await.unwrap(),
            lock,
            seen,
            db,
        }
    }

    /// Statements that wait for the lock at the server.
    async fn waiting(&mut self) -> i64 {
        let sql = "SELECT COUNT(*) FROM pg_stat_activity \
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let count = sqlx::query_scalar(sql).fetch_one(&mut self.onlooker);
        count.await.unwrap()
    }

    /// Waits until so many statements wait at the server.
    async fn wait_for(&mut self, count: i64) {
        let end = Instant::now() + SOON;
        loop {
            let waiting = self.waiting().await;
            if waiting == count {
                return;
            }
            assert!(Instant::now() < end, "{waiting} statements, not {count}");
            tokio::task::yield_now().await;
        }
    }

    async fn close(self) {
        drop(self.lock);
        self.gateway.stop().await;
        self.till.stop().await;
        self.billing.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hangs_up_ends_the_statement_at_the_server_and_all_between() {
    let mut street = Street::open().await;
    let asked = tokio::spawn(street.gateway.get("/order/v1/paid").send());
    street.wait_for(1).await;
    assert_eq!(street.seen.gone.load(Ordering::SeqCst), 0);
    asked.abort();
    // The lock is still held: only the client's going away can end it.
    street.wait_for(0).await;
    let gone = Arc::clone(&street.seen.gone);
    eventually(|| async { gone.load(Ordering::SeqCst) == 1 }, SOON).await;

    // Nobody holds a place or a connection for it any more.
    drop(std::mem::replace(
        &mut street.lock,
        PgConnection::connect(street.db.url()).await.unwrap(),
    ));
    let payments: u64 = street.gateway.get("/order/v1/paid").send().await.ok(200);
    assert_eq!(payments, 0);
    assert_eq!(street.seen.begun.load(Ordering::SeqCst), 2);
    street.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_ends_everything_below_and_is_shorter_at_each_hop() {
    let mut street = Street::open().await;
    let began = Instant::now();
    let asked = street.gateway.get("/order/v1/paid");
    let asked = tokio::spawn(asked.header("x-shoal-timeout-ms", "2000").send());
    street.wait_for(1).await;
    let answer = asked.await.unwrap();
    let took = began.elapsed();
    answer.problem(504, "common.deadline_exceeded");
    assert!(took >= Duration::from_millis(1_600), "{took:?}");
    let left = street.seen.left_ms.load(Ordering::SeqCst);
    assert!(
        (1..=1_975).contains(&left),
        "{left} ms of 2000 at the service"
    );
    // Well before the 10 s that any statement gets.
    street.wait_for(0).await;
    assert!(began.elapsed() < Duration::from_secs(5));
    street.close().await;
}
