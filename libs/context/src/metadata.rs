//! What travels with a request besides its deadline.

use std::collections::HashMap;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::{CLASS, Class, baggage};

/// One per request of a client; equals the trace id when the client sent none.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The authenticated user or service account. Only trusted from inside.
pub const USER_ID: HeaderName = HeaderName::from_static("x-shoal-user");
/// Traffic colour. Only trusted from inside.
pub const GRAY_VERSION: HeaderName = HeaderName::from_static("x-gray-version");
/// Services whose instances are chosen by the colour, joined by `+`; every
/// service without it. Only trusted from inside.
pub const GRAY_SERVICES: HeaderName = HeaderName::from_static("x-gray-services");
/// Time left for the request, in milliseconds.
pub const TIMEOUT_MS: HeaderName = HeaderName::from_static("x-shoal-timeout-ms");

/// Longest value taken from a caller; a longer one is replaced.
pub(crate) const MAX_VALUE: usize = 128;

/// Request metadata. Empty strings are never stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// See [`REQUEST_ID`].
    pub request_id: Option<String>,
    /// See [`USER_ID`].
    pub user_id: Option<String>,
    /// See [`GRAY_VERSION`].
    pub gray_version: Option<String>,
    /// See [`GRAY_SERVICES`].
    pub gray_services: Option<String>,
    /// See [`CLASS`].
    pub class: Class,
}

impl Metadata {
    /// Reads the metadata of a request. `trusted` says whether the caller may
    /// name the user and the colour; an outside caller may only name the
    /// request and its class, which it can but lower. The colour comes as header or as W3C baggage.
    pub fn from_headers(headers: &HeaderMap, trusted: bool) -> Self {
        let text = |name: &HeaderName| {
            let value = headers.get(name)?.to_str().ok()?.trim();
            (!value.is_empty() && value.len() <= MAX_VALUE).then(|| value.to_owned())
        };
        let request_id = text(&REQUEST_ID);
        let class = headers.get(CLASS).and_then(|value| value.to_str().ok());
        let class = class.and_then(Class::parse).unwrap_or_default();
        if !trusted {
            return Self {
                request_id,
                class,
                ..Self::default()
            };
        }
        let (gray_version, gray_services) = match text(&GRAY_VERSION) {
            Some(version) => (Some(version), text(&GRAY_SERVICES)),
            None => baggage::read(headers),
        };
        Self {
            request_id,
            user_id: text(&USER_ID),
            gray_version,
            gray_services,
            class,
        }
    }

    /// The colour by which an instance of `service` is to be chosen.
    pub fn colour_for(&self, service: &str) -> Option<&str> {
        let colour = self.gray_version.as_deref()?;
        let services = self.gray_services.as_deref();
        let meant = services.is_none_or(|names| names.split('+').any(|name| name == service));
        meant.then_some(colour)
    }

    /// Writes the metadata into the headers of a request to another service.
    /// What baggage there says of a colour is replaced.
    pub fn to_headers(&self, headers: &mut HeaderMap) {
        baggage::write(
            headers,
            self.gray_version.as_deref(),
            self.gray_services.as_deref(),
        );
        for (name, value) in self.entries() {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        }
    }

    /// Reads metadata from what a queue or a durable log kept.
    pub fn from_map(map: &HashMap<String, String>) -> Self {
        let text = |name: &HeaderName| map.get(name.as_str()).filter(|v| !v.is_empty()).cloned();
        Self {
            request_id: text(&REQUEST_ID),
            user_id: text(&USER_ID),
            gray_version: text(&GRAY_VERSION),
            gray_services: text(&GRAY_SERVICES),
            class: text(&CLASS)
                .and_then(|class| Class::parse(&class))
                .unwrap_or_default(),
        }
    }

    /// Writes metadata for a queue or a durable log.
    pub fn to_map(&self, map: &mut HashMap<String, String>) {
        for (name, value) in self.entries() {
            map.insert(name.as_str().to_owned(), value.to_owned());
        }
    }

    fn entries(&self) -> impl Iterator<Item = (HeaderName, &str)> {
        // Most requests are interactive: that goes without saying.
        let class = (self.class != Class::default()).then(|| self.class.as_str());
        [
            (REQUEST_ID, self.request_id.as_deref()),
            (USER_ID, self.user_id.as_deref()),
            (GRAY_VERSION, self.gray_version.as_deref()),
            (GRAY_SERVICES, self.gray_services.as_deref()),
            (CLASS, class),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
    }
}
