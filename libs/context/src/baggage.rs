//! The colour as W3C baggage (<https://www.w3.org/TR/baggage/>), for whoever
//! between our services knows that header and not ours: proxies, collectors,
//! instrumented clients of other languages.
//!
//! Our own header wins where both are there. Members of others are handed on as
//! they are.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::metadata::MAX_VALUE;

/// W3C baggage.
pub const BAGGAGE: HeaderName = HeaderName::from_static("baggage");
/// Baggage member with the colour.
const VERSION: &str = "gray.version";
/// Baggage member with the services that the colour is for.
const SERVICES: &str = "gray.services";

/// Colour and services, as far as baggage names them.
pub(crate) fn read(headers: &HeaderMap) -> (Option<String>, Option<String>) {
    let text = |key: &str| {
        let (_, value) = members(headers).find(|(name, _)| *name == key)?;
        // Properties follow behind a semicolon.
        let value = value.split(';').next()?.trim();
        (!value.is_empty() && value.len() <= MAX_VALUE).then(|| value.to_owned())
    };
    (text(VERSION), text(SERVICES))
}

/// Replaces what baggage says of the colour; without one nothing is said.
pub(crate) fn write(headers: &mut HeaderMap, version: Option<&str>, services: Option<&str>) {
    if version.is_none() && !headers.contains_key(BAGGAGE) {
        return;
    }
    let others = members(headers).filter(|(name, _)| !matches!(*name, VERSION | SERVICES));
    let mut kept: Vec<String> = others
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let own = [(VERSION, version), (SERVICES, services)];
    let own = own
        .into_iter()
        .filter_map(|(name, value)| Some(format!("{name}={}", value?)));
    kept.extend(own);
    headers.remove(BAGGAGE);
    if !kept.is_empty()
        && let Ok(value) = HeaderValue::from_str(&kept.join(","))
    {
        headers.insert(BAGGAGE, value);
    }
}

/// Names and values, properties included. A header may come in several lines.
fn members(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let lines = headers.get_all(BAGGAGE).iter();
    let members = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','));
    members.filter_map(|member| {
        let (name, value) = member.split_once('=')?;
        Some((name.trim(), value.trim()))
    })
}
