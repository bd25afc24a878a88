//! The text that a newcomer sees: where everything is, and five lines to
//! paste.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

/// What the walk-through speaks of.
#[derive(Debug)]
pub struct Facts<'a> {
    /// Address of the gateway.
    pub gateway: SocketAddr,
    /// Names and addresses of the services.
    pub services: &'a [(&'static str, SocketAddr)],
    /// Id of the product to order; `None` with an empty catalogue.
    pub product: Option<&'a str>,
    /// Trace id that the order is to have, 32 hex digits.
    pub trace_id: &'a str,
    /// Folder of everything that is kept.
    pub data_dir: &'a Path,
    /// Where data and events are, in words.
    pub stores: &'a str,
}

/// The whole text.
pub fn render(facts: &Facts<'_>) -> String {
    let mut out = String::new();
    let gateway = facts.gateway;
    // Writing into a string cannot fail.
    let _ = writeln!(out, "\nShoal is up ({}; everything kept lies in {}).\n", facts.stores, facts.data_dir.display());
    let _ = writeln!(out, "  gateway       http://{gateway}    API: http://{gateway}/docs/openapi.json");
    for (name, address) in facts.services {
        let _ = writeln!(out, "  {name:<12}  http://{address}    HTTP and gRPC");
    }
    let _ = writeln!(out, "\nA walk-through; paste the lines into another terminal:\n");
    for line in lines(facts) {
        let _ = writeln!(out, "{line}");
    }
    let _ = writeln!(out, "\nThe order's whole trace, through all services: {}", trace_line(facts));
    let _ = writeln!(out, "Ctrl-C drains and stops.\n");
    out
}

/// The five lines.
pub fn lines(facts: &Facts<'_>) -> Vec<String> {
    let base = format!("http://{}", facts.gateway);
    let json = "-H 'content-type: application/json'";
    let person = r#"'{"email":"ada@example.com","password":"correct horse battery staple"}'"#;
    let product = facts.product.unwrap_or("PRODUCT_ID");
    let order = format!(r#"'{{"currency":"EUR","items":[{{"product_id":"{product}","quantity":2}}]}}'"#);
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
pub fn trace_line(facts: &Facts<'_>) -> String {
    format!("curl -s http://{}/debug/traces/{}", facts.gateway, facts.trace_id)
}
