//! Samples for Rust with reqwest.

use super::{BASE, Body, Request, pretty, variable};

pub(super) fn render(request: &Request) -> String {
    let mut out = String::new();
    for (name, value) in &request.path_values {
        out.push_str(&format!("let {} = {value:?};\n", variable(name)));
    }
    let path = request.path_with(|name| format!("{{{}}}", variable(name)));
    let url = format!("{BASE}{path}{}", request.query_text());
    let url = match request.path_values.is_empty() {
        true => format!("{url:?}"),
        false => format!("format!({url:?})"),
    };
    let answer = if request.stream {
        "mut response"
    } else {
        "response"
    };
    let method = request.method.to_lowercase();
    out.push_str(&format!(
        "let {answer} = reqwest::Client::new()\n    .{method}({url})\n"
    ));
    if request.token {
        out.push_str("    .bearer_auth(std::env::var(\"TOKEN\")?)\n");
    }
    if request.key {
        out.push_str("    .header(\"Idempotency-Key\", uuid::Uuid::new_v4().to_string())\n");
    }
    match &request.body {
        Some(Body::Json(value)) => {
            let json = pretty(value, 4);
            out.push_str(&format!("    .json(&serde_json::json!({json}))\n"));
        }
        Some(Body::Form(fields)) => {
            let pairs: Vec<String> = fields
                .iter()
                .map(|(n, v)| format!("({n:?}, {v:?})"))
                .collect();
            out.push_str(&format!("    .form(&[{}])\n", pairs.join(", ")));
        }
        Some(Body::Other(kind)) => {
            out.push_str(&format!(
                "    .header(\"Content-Type\", {kind:?})\n    .body(body)\n"
            ));
        }
        None => {}
    }
    out.push_str("    .send()\n    .await?\n    .error_for_status()?;\n");
    out.push_str(match request.stream {
        true => "while let Some(chunk) = response.chunk().await? {\n    print!(\"{}\", String::from_utf8_lossy(&chunk));\n}",
        false => "println!(\"{}\", response.text().await?);",
    });
    out
}
