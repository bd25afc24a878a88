//! Many connections that share one timetable.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use shoal_error::{Result, ResultExt as _};
use shoal_task::Scope;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

use crate::platform::Platform;
use crate::record::Latencies;
use crate::traffic::Crowd;

/// Connections. More do not help: what waits for one counts from its time.
const CONNECTIONS: u32 = 256;

/// Repeats after a turn of so many requests, so that the mixture is exact.
const TURN: u32 = 100;

/// A load that can be run at any rate.
pub(crate) struct Load {
    gateway: SocketAddr,
    reads: Vec<Prepared>,
    orders: Vec<Prepared>,
    /// Of a hundred requests.
    share: u32,
    keys: AtomicU64,
}

/// A request but for its idempotency key.
struct Prepared {
    path: String,
    token: Option<String>,
    body: Bytes,
}

/// What one run saw; a request takes as long as since the time at which it was
/// due.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) rate: u32,
    pub(crate) all: Latencies,
    pub(crate) orders: Latencies,
    /// By code, or by status where there is none.
    pub(crate) errors: BTreeMap<String, u64>,
}

impl Seen {
    pub(crate) fn at(rate: u32) -> Self {
        Self {
            rate,
            ..Self::default()
        }
    }

    fn add(&mut self, other: &Self) {
        self.all.add(&other.all);
        self.orders.add(&other.orders);
        for (code, count) in &other.errors {
            *self.errors.entry(code.clone()).or_default() += count;
        }
    }
}

impl Load {
    /// Prepares the requests; places a few orders to have some to read.
    pub(crate) async fn new(platform: &Platform, crowd: &Crowd, share: u32) -> Result<Self> {
        let mut reads = Vec::new();
        let mut orders = Vec::new();
        for person in 0..crowd.people.len() {
            let token = crowd.people.get(person).token();
            let product = &crowd.products[person % crowd.products.len()];
            let item = json!({ "product_id": product, "quantity": 1 });
            let body = json!({ "items": [item] });
            let order = crate::traffic::place_one(crowd, person, &body).await?;
            let read = |path: String, token: Option<&String>| Prepared {
                path,
                token: token.cloned(),
                body: Bytes::new(),
            };
            reads.push(read("/order/v1/products".to_owned(), None));
            reads.push(read(format!("/order/v1/products/{product}"), None));
            reads.push(read(format!("/order/v1/orders/{order}"), Some(&token)));
            reads.push(read("/order/v1/orders?limit=5".to_owned(), Some(&token)));
            orders.push(Prepared {
                path: "/order/v1/orders".to_owned(),
                token: Some(token),
                body: Bytes::from(body.to_string()),
            });
        }
        Ok(Self {
            gateway: platform.gateway,
            reads,
            orders,
            share: share.min(TURN),
            keys: AtomicU64::default(),
        })
    }

    /// Sends `rate` requests a second for `time`.
    pub(crate) async fn run(self: &Arc<Self>, rate: u32, time: Duration) -> Result<Seen> {
        let timetable = Arc::new(Timetable {
            load: Arc::clone(self),
            next: AtomicU32::new(0),
            count: u32::try_from(u64::from(rate) * time.as_secs()).unwrap_or(u32::MAX),
            rate,
            start: Instant::now() + Duration::from_millis(100),
            scope: Scope::root("peak"),
        });
        let connection = |_| {
            let work = Arc::clone(&timetable).work();
            timetable.scope.spawn_detached_context("connection", work)
        };
        let working: Vec<_> = (0..CONNECTIONS).map(connection).collect();
        let mut seen = Seen::at(rate);
        for worker in working {
            seen.add(&worker.await.internal()??);
        }
        Ok(seen)
    }

    /// The request of that number and whether it is an order. Orders are spread
    /// over the turn: every twentieth, not five at once. Each kind goes through
    /// its list by a count of its own, so that none is left out.
    fn request(&self, number: u32) -> (&Prepared, bool) {
        let orders = |numbers: u64| (numbers * u64::from(self.share)).div_ceil(u64::from(TURN));
        let number = u64::from(number);
        let before = orders(number);
        let is_order = orders(number + 1) > before;
        let (list, at) = match is_order {
            true => (&self.orders, before),
            false => (&self.reads, number - before),
        };
        (&list[at as usize % list.len()], is_order)
    }
}

/// One run, shared by its connections.
struct Timetable {
    load: Arc<Load>,
    /// The next request.
    next: AtomicU32,
    count: u32,
    rate: u32,
    start: Instant,
    scope: Scope,
}

impl Timetable {
    /// One connection.
    async fn work(self: Arc<Self>) -> Result<Seen> {
        let mut seen = Seen::at(self.rate);
        let mut sender = self.connect().await?;
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.count {
                return Ok(seen);
            }
            let due = self.start + Duration::from_secs(1) * number / self.rate;
            sleep_until(due).await;
            if sender.is_closed() {
                sender = self.connect().await?;
            }
            let (prepared, is_order) = self.load.request(number);
            let request = self.written(prepared, is_order)?;
            if let Some(error) = send(&mut sender, request).await {
                *seen.errors.entry(error).or_default() += 1;
            }
            let took = due.elapsed();
            seen.all.record(took);
            if is_order {
                seen.orders.record(took);
            }
        }
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>> {
        let stream = TcpStream::connect(self.load.gateway).await.internal()?;
        stream.set_nodelay(true).internal()?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.internal()?;
        drop(self.scope.spawn_detached_context("driver", connection));
        Ok(sender)
    }

    fn written(&self, prepared: &Prepared, is_order: bool) -> Result<Request<Full<Bytes>>> {
        let mut request = Request::builder()
            .uri(&prepared.path)
            .header("host", self.load.gateway.to_string());
        if let Some(token) = &prepared.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if is_order {
            let key = self.load.keys.fetch_add(1, Ordering::Relaxed);
            request = request
                .method("POST")
                .header("content-type", "application/json")
                .header("idempotency-key", format!("peak-{key}"));
        }
        request.body(Full::new(prepared.body.clone())).internal()
    }
}

/// Sends it; what was wrong with the answer.
async fn send(
    sender: &mut SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> Option<String> {
    let answer = async {
        sender.ready().await?;
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        Ok::<_, hyper::Error>((status, answer.into_body().collect().await?.to_bytes()))
    };
    match answer.await {
        Ok((status, _)) if status.is_success() => None,
        Ok((status, body)) => {
            let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
            let code = body["code"].as_str().map(str::to_owned);
            Some(code.unwrap_or_else(|| status.to_string()))
        }
        Err(error) => Some(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often each read and each order is sent in a turn for each read.
    fn sent(share: u32) -> (BTreeMap<String, u32>, BTreeMap<String, u32>) {
        let prepared = |number: u32| Prepared {
            path: number.to_string(),
            token: None,
            body: Bytes::new(),
        };
        let load = Load {
            gateway: SocketAddr::from(([127, 0, 0, 1], 1)),
            reads: (0..40).map(prepared).collect(),
            orders: (0..10).map(prepared).collect(),
            share,
            keys: AtomicU64::default(),
        };
        let (mut reads, mut orders) = (BTreeMap::new(), BTreeMap::new());
        for number in 0..TURN * 40 {
            let (prepared, is_order) = load.request(number);
            let kind = if is_order { &mut orders } else { &mut reads };
            *kind.entry(prepared.path.clone()).or_default() += 1;
        }
        (reads, orders)
    }

    #[test]
    fn every_prepared_request_is_sent_as_often_as_the_others_of_its_kind() {
        for share in [1, 5, 30, 33, 99] {
            let (reads, orders) = sent(share);
            assert_eq!((reads.len(), orders.len()), (40, 10), "{share}");
            assert!(
                reads.values().all(|times| *times == TURN - share),
                "{reads:?}"
            );
            assert!(
                orders.values().all(|times| *times == share * 4),
                "{orders:?}"
            );
        }
        assert!(sent(0).1.is_empty() && sent(100).0.is_empty());
    }
}
