//! Samples for TypeScript with fetch, as browsers and Node have it.

use super::{BASE, Body, Request, pretty, variable};

pub(super) fn render(request: &Request) -> String {
    let mut out = String::new();
    if request.token {
        out.push_str("const token = process.env.TOKEN;\n");
    }
    for (name, value) in &request.path_values {
        out.push_str(&format!("const {} = {value:?};\n", variable(name)));
    }
    let path = request.path_with(|name| format!("${{{}}}", variable(name)));
    let url = format!("{BASE}{path}{}", request.query_text());
    let url = match request.path_values.is_empty() {
        true => format!("{url:?}"),
        false => format!("`{url}`"),
    };
    out.push_str(&format!("const response = await fetch({url}"));
    let options = options(request);
    if !options.is_empty() {
        out.push_str(&format!(", {{\n  {},\n}}", options.join(",\n  ")));
    }
    out.push_str(");\n");
    out.push_str("if (!response.ok) throw new Error(await response.text());\n");
    out.push_str(match request.stream {
        true => "const text = response.body!.pipeThrough(new TextDecoderStream());\nfor await (const chunk of text) console.log(chunk);",
        false => "console.log(await response.text());",
    });
    out
}

fn options(request: &Request) -> Vec<String> {
    let mut options = Vec::new();
    if request.method != "GET" {
        options.push(format!("method: {:?}", request.method));
    }
    let mut headers = Vec::new();
    if request.token {
        headers.push("Authorization: `Bearer ${token}`".to_owned());
    }
    if request.key {
        headers.push("\"Idempotency-Key\": crypto.randomUUID()".to_owned());
    }
    match &request.body {
        Some(Body::Json(_)) => headers.push("\"Content-Type\": \"application/json\"".to_owned()),
        Some(Body::Other(kind)) => headers.push(format!("\"Content-Type\": {kind:?}")),
        // fetch names the type of a form itself.
        Some(Body::Form(_)) | None => {}
    }
    if !headers.is_empty() {
        options.push(format!(
            "headers: {{\n    {},\n  }}",
            headers.join(",\n    ")
        ));
    }
    match &request.body {
        Some(Body::Json(value)) => {
            options.push(format!("body: JSON.stringify({})", pretty(value, 2)));
        }
        Some(Body::Form(fields)) => {
            let pairs: Vec<String> = fields.iter().map(|(n, v)| format!("{n}: {v:?}")).collect();
            options.push(format!(
                "body: new URLSearchParams({{ {} }})",
                pairs.join(", ")
            ));
        }
        Some(Body::Other(_)) => options.push("body".to_owned()),
        None => {}
    }
    options
}
