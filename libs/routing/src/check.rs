//! Whether rules can be meant, and what is wrong when they cannot.

use std::collections::BTreeSet;
use std::fmt;

use http::HeaderName;

use crate::SERVICE_SEPARATOR;
use crate::rule::{Named, Rule, RuleSet, When};

/// Most rules in a set: a request's decision is one bit per rule.
pub const MAX_RULES: usize = 64;

/// What the colour of uncoloured traffic is called in metrics; no colour may be
/// called so.
const RESERVED: &str = "stable";
/// Longest text of a rule's services: it travels as a header.
const MAX_SERVICES: usize = 128;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleFault {
    /// Position of the rule, from 0.
    pub at: usize,
    /// Its name, as far as it has one.
    pub rule: String,
    /// The key below the rule, e.g. `when.percent`.
    pub key: String,
    /// Why it cannot stay so, without a full stop.
    pub problem: String,
}

impl fmt::Display for RuleFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            at,
            rule,
            key,
            problem,
        } = self;
        if rule.is_empty() {
            write!(f, "rule {}: {key}: {problem}", at + 1)
        } else {
            write!(f, "rule {} ({rule:?}): {key}: {problem}", at + 1)
        }
    }
}

/// Everything that is wrong with a set of rules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", texts(.0))]
pub struct RulesError(pub Vec<RuleFault>);

fn texts(faults: &[RuleFault]) -> String {
    let texts: Vec<_> = faults.iter().map(ToString::to_string).collect();
    texts.join("; ")
}

/// Whether `text` can be a colour: 1 to 32 of `a-z`, `0-9`, `.`, `-`, beginning
/// with a letter or digit, and not `stable`.
#[must_use]
pub fn is_colour(text: &str) -> bool {
    text.len() <= 32 && text != RESERVED && is_word(text, "-.")
}

/// Every fault of a set.
pub(crate) fn check(set: &RuleSet) -> Result<(), RulesError> {
    let mut faults = Faults::default();
    if set.rules.len() > MAX_RULES {
        faults.at = MAX_RULES;
        faults.add("rules", format!("there are more than {MAX_RULES}"));
    }
    let mut names = BTreeSet::new();
    for (at, rule) in set.rules.iter().enumerate().take(MAX_RULES) {
        faults.at = at;
        faults.rule.clone_from(&rule.name);
        if !names.insert(rule.name.as_str()) {
            faults.add("name", "another rule above has it".to_owned());
        }
        check_rule(rule, &mut faults);
    }
    if faults.found.is_empty() {
        Ok(())
    } else {
        Err(RulesError(faults.found))
    }
}

#[derive(Default)]
struct Faults {
    at: usize,
    rule: String,
    found: Vec<RuleFault>,
}

impl Faults {
    fn add(&mut self, key: &str, problem: String) {
        self.found.push(RuleFault {
            at: self.at,
            rule: self.rule.clone(),
            key: key.to_owned(),
            problem,
        });
    }

    fn unless(&mut self, holds: bool, key: &str, problem: impl FnOnce() -> String) {
        if !holds {
            self.add(key, problem());
        }
    }
}

fn check_rule(rule: &Rule, faults: &mut Faults) {
    let name = &rule.name;
    faults.unless(name.len() <= 64 && is_word(name, "-"), "name", || {
        format!("{name:?} is not 1 to 64 of a-z, 0-9 and -")
    });
    faults.unless(rule.about.len() <= 500, "about", || {
        "is longer than 500 bytes".to_owned()
    });
    let salted = rule
        .salt
        .as_ref()
        .is_none_or(|salt| (1..=64).contains(&salt.len()));
    faults.unless(salted, "salt", || "is not 1 to 64 bytes long".to_owned());
    check_result(rule, faults);
    check_services(&rule.services, faults);
    check_when(&rule.when, faults);
}

fn check_result(rule: &Rule, faults: &mut Faults) {
    let colour = |text: &str, key: &str, faults: &mut Faults| {
        faults.unless(is_colour(text), key, || {
            format!("{text:?} is not 1 to 32 of a-z, 0-9, . and -, or is {RESERVED:?}")
        });
    };
    match (&rule.colour, rule.shares.is_empty()) {
        (Some(text), true) => colour(text, "colour", faults),
        (None, true) => faults.add("colour", "is missing, and so is `shares`".to_owned()),
        (Some(_), false) => faults.add("shares", "cannot stand beside `colour`".to_owned()),
        (None, false) => {}
    }
    for (row, share) in rule.shares.iter().enumerate() {
        colour(&share.colour, &format!("shares.{row}.colour"), faults);
        percent(share.percent, &format!("shares.{row}.percent"), faults);
    }
    let sum: f64 = rule.shares.iter().map(|share| share.percent).sum();
    // Decimal fractions do not add up exactly in binary.
    faults.unless(sum.is_nan() || sum <= 100.0 + 1e-9, "shares", || {
        format!("add up to {sum} percent")
    });
    let both = rule.when.percent.is_some() && !rule.shares.is_empty();
    faults.unless(!both, "when.percent", || {
        "cannot stand beside `shares`, whose rows have percentages of their own".to_owned()
    });
    faults.unless(rule.shares.len() <= 16, "shares", || {
        "has more than 16 rows".to_owned()
    });
}

fn check_services(services: &[String], faults: &mut Faults) {
    for (at, service) in services.iter().enumerate() {
        service_name(service, &format!("services.{at}"), faults);
    }
    let length: usize = services.iter().map(|name| name.len() + 1).sum();
    faults.unless(length <= MAX_SERVICES, "services", || {
        format!(
            "joined by {SERVICE_SEPARATOR:?} they are longer than {MAX_SERVICES} bytes; leave the list out for every service"
        )
    });
}

fn check_when(when: &When, faults: &mut Faults) {
    if let Some(share) = when.percent {
        percent(share, "when.percent", faults);
    }
    faults.unless(when.users.len() <= 10_000, "when.users", || {
        "has more than 10000 ids; use `percent` or a cookie".to_owned()
    });
    faults.unless(
        when.users.iter().all(|user| !user.is_empty()),
        "when.users",
        || "has an empty id".to_owned(),
    );
    if let Some(header) = &when.header {
        let valid = HeaderName::try_from(header.name.as_str()).is_ok();
        named(header, valid, "when.header.name", faults);
    }
    if let Some(cookie) = &when.cookie {
        let valid = !cookie.name.is_empty() && cookie.name.bytes().all(is_cookie_byte);
        named(cookie, valid, "when.cookie.name", faults);
    }
    for (at, path) in when.paths.iter().enumerate() {
        let whole = path.len() > 1 && path.starts_with('/') && !path.ends_with('/');
        let whole = whole && !path.contains("//");
        faults.unless(whole, &format!("when.paths.{at}"), || {
            format!("{path:?} is not whole segments such as \"/order/v1\"")
        });
    }
    for (at, service) in when.to.iter().enumerate() {
        service_name(service, &format!("when.to.{at}"), faults);
    }
    check_window(when, faults);
}

fn check_window(when: &When, faults: &mut Faults) {
    let mut read = |text: &Option<String>, key: &str| {
        let text = text.as_ref()?;
        let moment = moment_ms(text);
        faults.unless(moment.is_some(), key, || {
            format!("{text:?} is not a moment such as \"2026-11-23T08:00:00Z\"")
        });
        moment
    };
    let (from, until) = (
        read(&when.from, "when.from"),
        read(&when.until, "when.until"),
    );
    if let (Some(from), Some(until)) = (from, until) {
        faults.unless(from < until, "when.until", || {
            "is not after `from`".to_owned()
        });
    }
}

fn percent(value: f64, key: &str, faults: &mut Faults) {
    faults.unless((0.0..=100.0).contains(&value), key, || {
        format!("{value} is not between 0 and 100")
    });
}

fn service_name(name: &str, key: &str, faults: &mut Faults) {
    faults.unless(name.len() <= 63 && is_word(name, "-"), key, || {
        format!("{name:?} is not the name of a service")
    });
}

fn named(named: &Named, valid: bool, key: &str, faults: &mut Faults) {
    faults.unless(valid && named.name.len() <= 64, key, || {
        format!("{:?} cannot be such a name", named.name)
    });
}

/// Unix milliseconds of an RFC 3339 moment.
pub(crate) fn moment_ms(text: &str) -> Option<i64> {
    let rfc3339 = &time::format_description::well_known::Rfc3339;
    let moment = time::OffsetDateTime::parse(text, rfc3339).ok()?;
    i64::try_from(moment.unix_timestamp_nanos() / 1_000_000).ok()
}

/// Lower-case letters, digits and `also`, beginning with one of the former.
fn is_word(text: &str, also: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    text.bytes().next().is_some_and(plain)
        && text
            .bytes()
            .all(|b| plain(b) || also.as_bytes().contains(&b))
}

/// A byte of a token (RFC 9110, 5.6.2), which a cookie's name is.
fn is_cookie_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b)
}
