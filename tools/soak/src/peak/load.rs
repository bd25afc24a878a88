//! Many connections that share one timetable.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hdrhistogram::Histogram;
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
use crate::traffic::Crowd;

/// Connections. More do not help: what waits for one counts from its time.
const CONNECTIONS: u32 = 256;

/// Repeats after a turn of so many requests, so that the mixture is exact.
const TURN: u32 = 100;

/// A load that can be run at any rate.
pub(crate) struct Load {
    gateway: SocketAddr,
    reads: Arc<Vec<Prepared>>,
    orders: Arc<Vec<Prepared>>,
    /// Of a hundred requests.
    share: u32,
    keys: Arc<AtomicU64>,
}

/// A request but for its idempotency key.
struct Prepared {
    path: String,
    token: Option<String>,
    body: Bytes,
}

/// What one run saw.
pub(crate) struct Seen {
    pub(crate) rate: u32,
    all: Histogram<u64>,
    orders: Histogram<u64>,
    /// By code, or by status where there is none.
    pub(crate) errors: BTreeMap<String, u64>,
}

impl Seen {
    /// A quantile in milliseconds, from the time at which a request was due.
    pub(crate) fn millis(&self, quantile: f64) -> f64 {
        self.all.value_at_quantile(quantile) as f64 / 1000.0
    }

    /// The same of orders alone.
    pub(crate) fn orders_millis(&self, quantile: f64) -> f64 {
        self.orders.value_at_quantile(quantile) as f64 / 1000.0
    }

    fn new(rate: u32) -> Result<Self> {
        Ok(Self {
            rate,
            all: histogram()?,
            orders: histogram()?,
            errors: BTreeMap::new(),
        })
    }

    fn add(&mut self, other: &Self) -> Result<()> {
        self.all.add(&other.all).internal()?;
        self.orders.add(&other.orders).internal()?;
        for (code, count) in &other.errors {
            *self.errors.entry(code.clone()).or_default() += count;
        }
        Ok(())
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
            reads: Arc::new(reads),
            orders: Arc::new(orders),
            share: share.min(TURN),
            keys: Arc::default(),
        })
    }

    /// Sends `rate` requests a second for `time`.
    pub(crate) async fn run(&self, rate: u32, time: Duration) -> Result<Seen> {
        let scope = Scope::root("peak");
        let next = Arc::new(AtomicU32::new(0));
        let start = Instant::now() + Duration::from_millis(100);
        let count = u32::try_from(u64::from(rate) * time.as_secs()).unwrap_or(u32::MAX);
        let mut working = Vec::new();
        for _ in 0..CONNECTIONS {
            let worker = Worker {
                gateway: self.gateway,
                reads: Arc::clone(&self.reads),
                orders: Arc::clone(&self.orders),
                share: self.share,
                keys: Arc::clone(&self.keys),
                next: Arc::clone(&next),
                count,
                rate,
                start,
                scope: scope.clone(),
            };
            working.push(scope.spawn_detached_context("connection", worker.work()));
        }
        let mut seen = Seen::new(rate)?;
        for worker in working {
            seen.add(&worker.await.internal()??)?;
        }
        Ok(seen)
    }
}

/// One connection.
struct Worker {
    gateway: SocketAddr,
    reads: Arc<Vec<Prepared>>,
    orders: Arc<Vec<Prepared>>,
    share: u32,
    keys: Arc<AtomicU64>,
    /// Shared by all: the next request of the timetable.
    next: Arc<AtomicU32>,
    count: u32,
    rate: u32,
    start: Instant,
    scope: Scope,
}

impl Worker {
    async fn work(self) -> Result<Seen> {
        let mut seen = Seen::new(self.rate)?;
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
            if let Some(error) = send(&mut sender, self.request(number)?).await {
                *seen.errors.entry(error).or_default() += 1;
            }
            let took = u64::try_from(due.elapsed().as_micros()).unwrap_or(u64::MAX);
            seen.all.saturating_record(took);
            if self.is_order(number) {
                seen.orders.saturating_record(took);
            }
        }
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>> {
        let stream = TcpStream::connect(self.gateway).await.internal()?;
        stream.set_nodelay(true).internal()?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.internal()?;
        drop(self.scope.spawn_detached_context("driver", connection));
        Ok(sender)
    }

    /// Orders are spread over the turn: every twentieth, not five at once.
    fn is_order(&self, number: u32) -> bool {
        number % TURN * self.share % TURN < self.share
    }

    fn request(&self, number: u32) -> Result<Request<Full<Bytes>>> {
        let lap = number / TURN;
        let order = self.is_order(number);
        let list = if order { &self.orders } else { &self.reads };
        let at = usize::try_from(if order { lap } else { number }).unwrap_or(0);
        let prepared = &list[at % list.len()];
        let mut request = Request::builder()
            .uri(&prepared.path)
            .header("host", self.gateway.to_string());
        if let Some(token) = &prepared.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if order {
            let key = self.keys.fetch_add(1, Ordering::Relaxed);
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

/// One microsecond to one minute, three digits.
fn histogram() -> Result<Histogram<u64>> {
    Histogram::new_with_bounds(1, 60_000_000, 3).internal()
}
