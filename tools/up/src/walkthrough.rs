//! The text that a newcomer sees: where everything is, and five lines to
//! paste.

use std::fmt::Write as _;
use std::path::PathBuf;

use rand::RngExt as _;

use crate::cli::Options;
use crate::modules::Addresses;
use crate::platform::{GrayInstance, Up, anchored};

/// What the walk-through speaks of.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Where everything listens.
    pub addresses: Addresses,
    /// Coloured instances beside the stable ones.
    pub gray: Vec<GrayInstance>,
    /// Id of the product to order; `None` with an empty catalogue.
    pub product: Option<String>,
    /// Trace id that the order is to have, 32 hex digits.
    pub trace_id: String,
    /// Folder of everything that is kept.
    pub data_dir: PathBuf,
    /// The documentation is served.
    pub portal: bool,
    /// Where data and events are, in words.
    pub stores: String,
    /// E-mail address of the administrator and the file with the password.
    pub admin: (String, PathBuf),
}

impl Facts {
    /// Those of a running platform.
    pub fn new(options: &Options, up: &Up) -> Self {
        let data = match options.database_url {
            Some(_) => "PostgreSQL",
            None => "SQLite",
        };
        let events = match options.redis_url {
            Some(_) => "events over Redis",
            None => "events inside the process",
        };
        Self {
            addresses: up.addresses,
            gray: up.gray.clone(),
            product: up.products.first().cloned(),
            trace_id: format!("{:032x}", rand::rng().random::<u128>().max(1)),
            data_dir: anchored(&options.data_dir),
            portal: options.portal.is_some(),
            stores: format!("{data}, {events}"),
            admin: (up.admin.email.to_owned(), up.admin.password_file.clone()),
        }
    }
}

/// The facts for a script: one line of JSON.
pub fn json(facts: &Facts) -> String {
    let addresses = &facts.addresses;
    let mut services = serde_json::Map::new();
    for (name, address) in addresses.services() {
        services.insert(name.to_owned(), address.to_string().into());
    }
    let gray: Vec<_> = facts
        .gray
        .iter()
        .map(|own| serde_json::json!({"service": own.service, "colour": own.colour, "address": own.address.to_string()}))
        .collect();
    let line = serde_json::json!({
        "gateway": addresses.gateway.to_string(),
        "portal": facts.portal.then(|| format!("http://{}/docs/", addresses.gateway)),
        "services": services,
        "gray": gray,
        "product": facts.product,
        "walkthrough": lines(facts),
        "trace": trace_line(facts),
        "trace_id": facts.trace_id,
        "admin": { "email": facts.admin.0, "password_file": facts.admin.1 },
    });
    format!("{line}\n")
}

/// The whole text.
pub fn render(facts: &Facts) -> String {
    let mut out = String::new();
    let gateway = facts.addresses.gateway;
    // Writing into a string cannot fail.
    let _ = writeln!(
        out,
        "\nShoal is up ({}; everything kept lies in {}).\n",
        facts.stores,
        facts.data_dir.display()
    );
    let _ = writeln!(
        out,
        "  gateway       http://{gateway}    API: http://{gateway}/docs/openapi.json"
    );
    if facts.portal {
        let text = "documentation, with a console to try requests";
        let _ = writeln!(out, "  portal        http://{gateway}/docs/    {text}");
    }
    for (name, address) in facts.addresses.services() {
        let _ = writeln!(out, "  {name:<12}  http://{address}    HTTP and gRPC");
    }
    let _ = writeln!(
        out,
        "\nA walk-through; paste the lines into another terminal:\n"
    );
    for line in lines(facts) {
        let _ = writeln!(out, "{line}");
    }
    let (email, file) = &facts.admin;
    let _ = writeln!(
        out,
        "\nAn administrator is {email}; the password lies in {}.",
        file.display()
    );
    let _ = writeln!(
        out,
        "The order's whole trace, through all services: {}",
        trace_line(facts)
    );
    let _ = writeln!(out, "Ctrl-C drains and stops.\n");
    out
}

/// The five lines.
pub fn lines(facts: &Facts) -> Vec<String> {
    let base = format!("http://{}", facts.addresses.gateway);
    let json = "-H 'content-type: application/json'";
    let person = r#"'{"email":"ada@example.com","password":"correct horse battery staple"}'"#;
    let product = facts.product.as_deref().unwrap_or("PRODUCT_ID");
    let order =
        format!(r#"'{{"currency":"EUR","items":[{{"product_id":"{product}","quantity":2}}]}}'"#);
    vec![
        format!("curl -s {base}/auth/v1/register {json} -d {person}; echo"),
        format!(
            r#"TOKEN=$(curl -s {base}/auth/v1/login {json} -d {person} | sed 's/.*"access_token":"\([^"]*\)".*/\1/')"#
        ),
        format!("curl -s {base}/order/v1/products; echo"),
        format!(
            r#"curl -s {base}/order/v1/orders {json} -H "authorization: Bearer $TOKEN" -H "idempotency-key: $(date +%s)" -H 'traceparent: 00-{}-{}-01' -d {order}; echo"#,
            facts.trace_id,
            &facts.trace_id[..16],
        ),
        format!(
            r#"curl -sN --max-time 5 {base}/notification/v1/inbox/stream -H "authorization: Bearer $TOKEN" -H 'last-event-id: 0'"#
        ),
    ]
}

/// The line that shows the trace.
pub fn trace_line(facts: &Facts) -> String {
    format!(
        "curl -s http://{}/debug/traces/{}",
        facts.addresses.gateway, facts.trace_id
    )
}
