//! The whole platform through the gateway: a read, and placing an order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use shoal_error::{Error, Result, ResultExt as _};
use shoal_testkit::{Redis, TestDb};
use shoal_up::{Options, Up};

use crate::load::{self, Report};
use crate::{Plan, http as http_callers};

/// Stock that no run can use up.
const STOCK: i64 = 100_000_000;

/// Which loads to run.
#[derive(Clone, Copy)]
pub(crate) struct Loads {
    read: bool,
    order: bool,
}

impl Loads {
    pub(crate) const BOTH: Self = Self {
        read: true,
        order: true,
    };
    pub(crate) const READ: Self = Self {
        read: true,
        order: false,
    };
    pub(crate) const ORDER: Self = Self {
        read: false,
        order: true,
    };
}

/// The platform on SQLite, with events inside the process.
pub(crate) async fn embedded(plan: &Plan, loads: Loads) -> Result<Vec<Report>> {
    measure(plan, loads, "SQLite", |_| {}).await
}

/// Both loads on PostgreSQL and Redis.
pub(crate) async fn servers(plan: &Plan) -> Result<Vec<Report>> {
    let database = TestDb::postgres().await;
    let redis = Redis::start();
    measure(plan, Loads::BOTH, "PostgreSQL + Redis", |options| {
        options.database_url = Some(database.url().to_owned());
        options.redis_url = Some(redis.url());
    })
    .await
}

async fn measure(
    plan: &Plan,
    loads: Loads,
    stores: &str,
    change: impl FnOnce(&mut Options),
) -> Result<Vec<Report>> {
    let folder = tempfile::tempdir().internal()?;
    let limits = folder.path().join("gateway.toml");
    // The gateway's own limits are not what is measured.
    std::fs::write(
        &limits,
        "[rate_limit]\nper_user = 1000000\nper_address = 1000000\n",
    )
    .internal()?;
    let mut options = Options {
        port: 0,
        data_dir: folder.path().to_owned(),
        config_dir: Some(folder.path().to_owned()),
        ..Options::default()
    };
    change(&mut options);
    let up = Up::start(&options).await.internal()?;
    let gateway = up.addresses.gateway;
    let product = up
        .products
        .first()
        .ok_or_else(|| Error::internal("an empty catalogue"))?
        .clone();
    let buyer = Setup { gateway }.buyer(&up, &product).await?;

    let read = Arc::new(move |_| request(gateway, Method::GET, "/order/v1/products", None, None));
    let order = json!({"items": [{"product_id": product, "quantity": 1}]}).to_string();
    let place = Arc::new(move |number| {
        let mut placed = request(
            gateway,
            Method::POST,
            "/order/v1/orders",
            Some(&buyer),
            Some(&order),
        )?;
        let key = format!("bench-{number}").parse().internal()?;
        placed.headers_mut().insert("idempotency-key", key);
        Ok(placed)
    });
    let mut reports = Vec::new();
    if loads.read {
        let callers =
            http_callers::callers(plan.connections, gateway, StatusCode::OK, read).await?;
        let name = format!("list products, {stores}");
        reports.push(load::run(name, plan.time, callers).await?);
    }
    if loads.order {
        let callers =
            http_callers::callers(plan.connections, gateway, StatusCode::CREATED, place).await?;
        let name = format!("place order, {stores}");
        reports.push(load::run(name, plan.time, callers).await?);
    }
    up.shutdown(Duration::from_secs(20)).await;
    Ok(reports)
}

fn request(
    gateway: SocketAddr,
    method: Method,
    path: &str,
    token: Option<&str>,
    body: Option<&str>,
) -> Result<Request<Full<Bytes>>> {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", gateway.to_string());
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    if body.is_some() {
        request = request.header("content-type", "application/json");
    }
    request
        .body(Full::new(Bytes::from(body.unwrap_or_default().to_owned())))
        .internal()
}

/// What must be there before the load.
struct Setup {
    gateway: SocketAddr,
}

impl Setup {
    /// Fills the stock, registers a buyer and gives the buyer's token.
    async fn buyer(&self, up: &Up, product: &str) -> Result<String> {
        let password = std::fs::read_to_string(&up.admin.password_file).internal()?;
        let admin = json!({"email": up.admin.email, "password": password.trim()});
        let admin = self.token(&admin).await?;
        let path = format!("/order/v1/products/{product}/stock");
        self.call(&path, Some(&admin), &json!({"delta": STOCK}))
            .await?;
        let buyer =
            json!({"email": "bench@example.com", "password": "correct horse battery staple"});
        self.call("/auth/v1/register", None, &buyer).await?;
        self.token(&buyer).await
    }

    async fn token(&self, credentials: &Value) -> Result<String> {
        let tokens = self.call("/auth/v1/login", None, credentials).await?;
        let token = tokens["access_token"].as_str();
        token
            .map(str::to_owned)
            .ok_or_else(|| Error::internal("a log-in without a token"))
    }

    async fn call(&self, path: &str, token: Option<&str>, body: &Value) -> Result<Value> {
        let client: Client<HttpConnector, Full<Bytes>> =
            Client::builder(TokioExecutor::new()).build_http();
        let mut asked = request(
            self.gateway,
            Method::POST,
            path,
            token,
            Some(&body.to_string()),
        )?;
        *asked.uri_mut() = format!("http://{}{path}", self.gateway)
            .parse()
            .internal()?;
        let response = client.request(asked).await.internal()?;
        let status = response.status();
        let bytes = response.into_body().collect().await.internal()?.to_bytes();
        if !status.is_success() {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            return Err(Error::internal(format!("{path} answered {status}: {text}")));
        }
        Ok(serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }
}
