//! Samples for a shell.

use super::{BASE, Body, Request, pretty, variable};

pub(super) fn render(request: &Request) -> String {
    let mut out = String::new();
    for (name, value) in &request.path_values {
        out.push_str(&format!("{}={}\n", shell_name(name), quoted(value)));
    }
    let path = request.path_with(|name| format!("${{{}}}", shell_name(name)));
    let url = format!("{BASE}{path}{}", request.query_text());
    let mut parts = vec![match request.stream {
        true => format!("curl -sN \"{url}\""),
        false => format!("curl -s \"{url}\""),
    }];
    let implied = if request.body.is_some() {
        "POST"
    } else {
        "GET"
    };
    if request.method != implied {
        parts[0] = format!("{} -X {}", parts[0], request.method);
    }
    if request.token {
        parts.push(r#"-H "Authorization: Bearer $TOKEN""#.to_owned());
    }
    if request.key {
        // From the kernel, as uuidgen is not everywhere.
        parts.push(r#"-H "Idempotency-Key: $(cat /proc/sys/kernel/random/uuid)""#.to_owned());
    }
    match &request.body {
        Some(Body::Json(value)) => {
            parts.push("-H 'Content-Type: application/json'".to_owned());
            parts.push(format!("-d {}", quoted(&pretty(value, 0))));
        }
        Some(Body::Form(fields)) => parts.extend(fields.iter().map(|(name, value)| {
            format!("--data-urlencode {}", quoted(&format!("{name}={value}")))
        })),
        Some(Body::Other(kind)) => {
            parts.push(format!("-H 'Content-Type: {kind}'"));
            parts.push("--data-binary @body".to_owned());
        }
        None => {}
    }
    out + &parts.join(" \\\n  ")
}

fn shell_name(name: &str) -> String {
    variable(name).to_uppercase()
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
