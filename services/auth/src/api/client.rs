//! Who is at the other end, as an argument of a handler.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, FromRequestParts};
use http::header::USER_AGENT;
use http::request::Parts;
use shoal_error::{Error, Result};

use crate::app::{App, Client};
use crate::domain::client_address::client_address;

const FORWARDED_FOR: &str = "x-forwarded-for";

impl FromRequestParts<App> for Client {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let peer = parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .ok_or_else(|| Error::internal("the listener did not note the peer's address"))?;
        let lines = parts.headers.get_all(FORWARDED_FOR);
        // A header that is not text can't have come from one of our proxies.
        let lines: Vec<&str> = lines
            .iter()
            .filter_map(|value| value.to_str().ok())
            .collect();
        let address = client_address(peer.0.ip(), lines.into_iter(), &app.trusted);
        let user_agent = parts
            .headers
            .get(USER_AGENT)
            .and_then(|value| value.to_str().ok());
        Ok(Self {
            address,
            user_agent: user_agent.unwrap_or_default().to_owned(),
        })
    }
}
