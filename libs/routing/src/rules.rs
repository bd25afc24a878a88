//! Which colour a request gets.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use http::{HeaderMap, HeaderName, header};

use crate::check::{self, RulesError, moment_ms};
use crate::hash::fraction;
use crate::rule::{Named, Rule, RuleSet};
use crate::{MAX_RULES, SERVICE_SEPARATOR};

/// What the rules look at.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The authenticated user.
    pub user: Option<&'a str>,
    /// Headers as the client sent them.
    pub headers: &'a HeaderMap,
    /// Path without the query.
    pub path: &'a str,
    /// Service that the request is passed to.
    pub service: &'a str,
    /// Unix milliseconds.
    pub now_ms: i64,
}

/// What a rule gave a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coloured {
    /// Position of the rule.
    pub rule: usize,
    /// The colour.
    pub colour: Arc<str>,
    /// Services whose instances are chosen by it, joined by
    /// [`SERVICE_SEPARATOR`]; `None`: every service.
    pub services: Option<Arc<str>>,
}

/// A set of rules, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuleBits(u64);

impl RuleBits {
    /// Positions in the set, ascending.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..MAX_RULES).filter(move |at| self.0 & (1 << at) != 0)
    }

    fn insert(&mut self, at: usize) {
        self.0 |= 1 << at;
    }
}

/// What the rules say of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// A rule gave it a colour.
    Coloured(Coloured),
    /// No rule did. It is what the named rules' requests are compared with: the
    /// rules look at its path, service and moment too, but chose others.
    Plain(RuleBits),
}

/// Rules that were checked and are ready to be asked.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    set: RuleSet,
    ready: Vec<Ready>,
}

impl Rules {
    /// Checks the rules. Those whose names are in `paused` stay in the set and
    /// match nothing.
    ///
    /// # Errors
    /// Every fault, with rule and key.
    pub fn new(set: RuleSet, paused: &BTreeSet<String>) -> Result<Self, RulesError> {
        check::check(&set)?;
        let ready = set.rules.iter();
        let ready = ready.map(|rule| Ready::new(rule, paused.contains(&rule.name)));
        Ok(Self {
            ready: ready.collect(),
            set,
        })
    }

    /// The rules as they were given.
    pub fn set(&self) -> &RuleSet {
        &self.set
    }

    /// Whether no rule could match.
    pub fn is_idle(&self) -> bool {
        self.ready.iter().all(|rule| rule.paused)
    }

    /// Asks the rules in their order; the first that matches decides.
    pub fn decide(&self, request: &Request<'_>) -> Decision {
        let mut in_scope = RuleBits::default();
        for (at, rule) in self.ready.iter().enumerate() {
            if rule.paused || !rule.looks_at(request) {
                continue;
            }
            if let Some(colour) = rule.chosen(request) {
                return Decision::Coloured(Coloured {
                    rule: at,
                    colour,
                    services: rule.services.clone(),
                });
            }
            in_scope.insert(at);
        }
        Decision::Plain(in_scope)
    }
}

/// A rule with everything prepared that does not depend on the request.
#[derive(Clone, Debug)]
struct Ready {
    paused: bool,
    salt: Arc<str>,
    /// Upper ends of the ranges of `0.0..1.0` and their colours, ascending.
    /// `None`: everybody has the one colour.
    ranges: Option<Vec<(f64, Arc<str>)>>,
    colour: Arc<str>,
    services: Option<Arc<str>>,
    users: HashSet<String>,
    header: Option<(HeaderName, Option<String>)>,
    cookie: Option<Named>,
    paths: Vec<String>,
    to: Vec<String>,
    from: Option<i64>,
    until: Option<i64>,
}

impl Ready {
    fn new(rule: &Rule, paused: bool) -> Self {
        let when = &rule.when;
        let header = when.header.as_ref().and_then(|named| {
            let name = HeaderName::try_from(named.name.as_str()).ok()?;
            Some((name, named.value.clone()))
        });
        let separator = SERVICE_SEPARATOR.to_string();
        Self {
            paused,
            salt: rule.salt.as_ref().unwrap_or(&rule.name).as_str().into(),
            ranges: ranges(rule),
            colour: rule.colour.as_deref().unwrap_or_default().into(),
            services: (!rule.services.is_empty()).then(|| rule.services.join(&separator).into()),
            users: when.users.iter().cloned().collect(),
            header,
            cookie: when.cookie.clone(),
            paths: when.paths.clone(),
            to: when.to.clone(),
            from: when.from.as_deref().and_then(moment_ms),
            until: when.until.as_deref().and_then(moment_ms),
        }
    }

    /// The conditions on what is asked for and when; the same for all clients.
    fn looks_at(&self, request: &Request<'_>) -> bool {
        let now = request.now_ms;
        self.from.is_none_or(|from| now >= from)
            && self.until.is_none_or(|until| now < until)
            && (self.to.is_empty() || self.to.iter().any(|to| to == request.service))
            && (self.paths.is_empty() || self.paths.iter().any(|path| below(request.path, path)))
    }

    /// The conditions on who asks, and the colour when they hold.
    fn chosen(&self, request: &Request<'_>) -> Option<Arc<str>> {
        let user = request.user;
        if !self.users.is_empty() && !user.is_some_and(|user| self.users.contains(user)) {
            return None;
        }
        if let Some((name, value)) = &self.header {
            let mut sent = request.headers.get_all(name).iter();
            let fits = |got: &[u8]| value.as_ref().is_none_or(|want| got == want.as_bytes());
            sent.find(|sent| fits(sent.as_bytes()))?;
        }
        if let Some(Named { name, value }) = &self.cookie {
            let fits = |got: &str| value.as_ref().is_none_or(|want| got == want);
            cookies(request.headers).find(|(sent, got)| sent == name && fits(got))?;
        }
        let Some(ranges) = &self.ranges else {
            return Some(Arc::clone(&self.colour));
        };
        let place = fraction(&self.salt, user?);
        let range = ranges.iter().find(|(end, _)| place < *end);
        range.map(|(_, colour)| Arc::clone(colour))
    }
}

fn ranges(rule: &Rule) -> Option<Vec<(f64, Arc<str>)>> {
    if let Some(percent) = rule.when.percent {
        let colour = rule.colour.as_deref().unwrap_or_default();
        return Some(vec![(percent / 100.0, colour.into())]);
    }
    let mut end = 0.0;
    let rows = rule.shares.iter().map(|share| {
        end += share.percent;
        (end / 100.0, Arc::from(share.colour.as_str()))
    });
    let rows: Vec<_> = rows.collect();
    (!rows.is_empty()).then_some(rows)
}

/// Whether `path` is `prefix` or lies below it.
fn below(path: &str, prefix: &str) -> bool {
    let rest = path.strip_prefix(prefix);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Names and values of all cookies (RFC 6265, 4.2).
fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let lines = headers.get_all(header::COOKIE).iter();
    let pairs = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'));
    pairs.filter_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        let quoted = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
        Some((name, quoted.unwrap_or(value)))
    })
}
