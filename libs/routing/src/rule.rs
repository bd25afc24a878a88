//! What a rule says, as people write it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The rules of a gateway, in their order: the first one that matches a request
/// colours it, later ones are not asked.
///
/// ```toml
/// [[rules]]
/// name = "testers"
/// colour = "v2"
/// when.header = { name = "x-beta", value = "on" }
///
/// [[rules]]
/// name = "five-percent"
/// colour = "v2"
/// services = ["order", "billing"]
/// when.percent = 5
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RuleSet {
    /// At most 64 rules. Their order is their precedence.
    #[schemars(length(max = 64))]
    pub rules: Vec<Rule>,
}

/// One rule: which requests get which colour.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GrayRule)]
pub struct Rule {
    /// Unique among the rules: 1 to 64 of `a-z`, `0-9`, `-`. Metrics, the audit
    /// trail and pauses know the rule by it.
    #[schema(example = "five-percent", pattern = "^[a-z0-9][a-z0-9-]{0,63}$")]
    #[schemars(regex(pattern = "^[a-z0-9][a-z0-9-]{0,63}$"))]
    pub name: String,
    /// What it is for, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schema(max_length = 500, example = "The new price rules, for a few.")]
    #[schemars(length(max = 500))]
    pub about: String,
    /// Colour of the requests that it matches: 1 to 32 of `a-z`, `0-9`, `.`,
    /// `-`, and not `stable`. Either this or `shares`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "v2", pattern = "^[a-z0-9][a-z0-9.-]{0,31}$")]
    #[schemars(regex(pattern = "^[a-z0-9][a-z0-9.-]{0,31}$"))]
    pub colour: Option<String>,
    /// A/B table: each row colours its share of the users. Users beyond the sum
    /// are not matched.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 16, example = json!([]))]
    #[schemars(length(max = 16))]
    pub shares: Vec<Share>,
    /// Services whose instances are chosen by the colour; all others serve the
    /// request as if it had none. Empty: every service.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 16, example = json!(["order", "billing"]))]
    #[schemars(length(max = 16))]
    pub services: Vec<String>,
    /// Salt of the hash that places users; the rule's name when left out. Two
    /// rules with one salt choose the same users first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 64, example = "prices-2026")]
    #[schemars(length(min = 1, max = 64))]
    pub salt: Option<String>,
    /// Which requests it matches: all conditions that are given must hold.
    /// Without any, every request.
    #[serde(default)]
    pub when: When,
}

/// One row of an A/B table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GrayShare)]
pub struct Share {
    /// Colour of this share.
    #[schema(example = "v2", pattern = "^[a-z0-9][a-z0-9.-]{0,31}$")]
    #[schemars(regex(pattern = "^[a-z0-9][a-z0-9.-]{0,31}$"))]
    pub colour: String,
    /// Its part of the users, in percent; all rows together at most 100.
    #[schema(minimum = 0.0, maximum = 100.0, example = 50.0)]
    #[schemars(range(min = 0.0, max = 100.0))]
    pub percent: f64,
}

/// Conditions of a rule. Those that are given must all hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = GrayConditions)]
pub struct When {
    /// Part of the users in percent, by a hash of their id: a user stays in or
    /// out, and a higher percentage only adds users. Requests without a user
    /// are not matched.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0.0, maximum = 100.0, example = 5.0)]
    #[schemars(range(min = 0.0, max = 100.0))]
    pub percent: Option<f64>,
    /// Ids of users.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 10000, example = json!([]))]
    #[schemars(length(max = 10_000))]
    pub users: Vec<String>,
    /// A header that the client sends.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = json!({"name": "x-beta", "value": "on"}))]
    pub header: Option<Named>,
    /// A cookie that the client sends.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = json!({"name": "beta"}))]
    pub cookie: Option<Named>,
    /// Whole leading segments of the path, e.g. `/order/v1/orders`; one of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 32, example = json!(["/order/v1/orders"]))]
    #[schemars(length(max = 32))]
    pub paths: Vec<String>,
    /// Services that the gateway passes the request to; one of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 16, example = json!(["order"]))]
    #[schemars(length(max = 16))]
    pub to: Vec<String>,
    /// Not before this moment (RFC 3339 with an offset).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, example = "2026-11-23T08:00:00Z")]
    pub from: Option<String>,
    /// Before this moment (RFC 3339 with an offset).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, example = "2026-11-24T08:00:00Z")]
    pub until: Option<String>,
}

/// A header or a cookie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GrayMatch)]
pub struct Named {
    /// Its name; upper and lower case are the same for headers.
    #[schema(min_length = 1, max_length = 64, example = "x-beta")]
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// Its value, compared as it is; any value when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 256, example = "on")]
    #[schemars(length(max = 256))]
    pub value: Option<String>,
}
