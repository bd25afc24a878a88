//! Schemas, changes of them, and values that they accept, all drawn from a list of bytes: proptest shrinks the
//! list, and with it what is drawn.

use serde_json::{Map, Value, json};

/// Draws choices from bytes; once they are used up, always the first choice.
pub(crate) struct Draw<'a> {
    bytes: std::slice::Iter<'a, u8>,
    /// Whether a value misses the alternative for which it was made. It may fit another one, but then with
    /// properties that nobody named there, which by convention are not sent.
    pub(crate) missed: bool,
}

impl<'a> Draw<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes: bytes.iter(),
            missed: false,
        }
    }

    /// A number below `n`.
    pub(crate) fn below(&mut self, n: u8) -> u8 {
        self.bytes.next().map_or(0, |b| b % n)
    }

    fn yes(&mut self) -> bool {
        self.below(2) == 1
    }
}

/// A schema, `depth` levels deep at most.
pub(crate) fn schema(draw: &mut Draw<'_>, depth: u8) -> Value {
    match draw.below(if depth == 0 { 6 } else { 12 }) {
        0 => integer(draw),
        1 => string(draw),
        2 => json!({"type": "boolean"}),
        3 => listed(draw),
        4 => nullable(draw),
        5 => json!({"type": "number", "minimum": draw.below(3)}),
        6 => array(draw, depth),
        7 | 8 => object(draw, depth),
        9 => tagged(draw, depth),
        10 => json!({"anyOf": [schema(draw, depth - 1), schema(draw, depth - 1)]}),
        _ => {
            let (a, b) = (object(draw, depth), object(draw, 0));
            // Closing one part would refuse the other's properties.
            let open = |mut v: Value| {
                v.as_object_mut().unwrap().remove("additionalProperties");
                v
            };
            json!({"allOf": [open(a), open(b)]})
        }
    }
}

fn integer(draw: &mut Draw<'_>) -> Value {
    let mut schema = json!({"type": "integer"});
    if draw.yes() {
        let key = if draw.yes() {
            "minimum"
        } else {
            "exclusiveMinimum"
        };
        schema[key] = json!(draw.below(4));
    }
    if draw.yes() {
        let key = if draw.yes() {
            "maximum"
        } else {
            "exclusiveMaximum"
        };
        schema[key] = json!(6 + draw.below(4));
    }
    if draw.below(4) == 1 {
        schema["multipleOf"] = json!(1 + draw.below(3));
    }
    schema
}

fn string(draw: &mut Draw<'_>) -> Value {
    let mut schema = json!({"type": "string"});
    if draw.yes() {
        schema["minLength"] = json!(draw.below(3));
    }
    if draw.yes() {
        schema["maxLength"] = json!(3 + draw.below(3));
    }
    if draw.below(4) == 1 {
        schema["pattern"] = json!(["^a", "^[ab]*$", "b$"][usize::from(draw.below(3))]);
    }
    schema
}

fn listed(draw: &mut Draw<'_>) -> Value {
    let pool = [
        json!("a"),
        json!("ab"),
        json!(1),
        json!(2),
        json!(null),
        json!("bbb"),
    ];
    let mut values: Vec<Value> = pool.iter().filter(|_| draw.yes()).cloned().collect();
    if values.is_empty() {
        values.push(json!("a"));
    }
    json!({ "enum": values })
}

fn nullable(draw: &mut Draw<'_>) -> Value {
    let mut schema = if draw.yes() {
        integer(draw)
    } else {
        string(draw)
    };
    let name = schema["type"].clone();
    schema["type"] = json!([name, "null"]);
    schema
}

fn array(draw: &mut Draw<'_>, depth: u8) -> Value {
    let mut array = json!({"type": "array"});
    if draw.below(4) > 0 {
        array["items"] = schema(draw, depth - 1);
    }
    if draw.below(4) == 1 {
        array["prefixItems"] = json!([schema(draw, depth - 1)]);
    }
    if draw.yes() {
        array["minItems"] = json!(draw.below(3));
    }
    if draw.yes() {
        array["maxItems"] = json!(2 + draw.below(3));
    }
    if draw.below(4) == 1 {
        array["uniqueItems"] = json!(true);
    }
    array
}

fn object(draw: &mut Draw<'_>, depth: u8) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for name in ["a", "b", "c"] {
        if draw.yes() {
            properties.insert(
                name.to_owned(),
                schema(draw, depth.saturating_sub(1).min(1)),
            );
            if draw.yes() {
                required.push(json!(name));
            }
        }
    }
    let mut object = json!({"type": "object", "properties": properties, "required": required});
    match draw.below(4) {
        1 => object["additionalProperties"] = json!(false),
        2 => object["additionalProperties"] = schema(draw, 0),
        _ => {}
    }
    object
}

/// `oneOf` with alternatives that a property tells apart.
fn tagged(draw: &mut Draw<'_>, depth: u8) -> Value {
    let branches: Vec<Value> = ["x", "y", "z"]
        .iter()
        .take(usize::from(1 + draw.below(3)))
        .map(|tag| {
            let mut branch = object(draw, depth - 1);
            branch["properties"]["kind"] = json!({"const": tag});
            branch["required"]
                .as_array_mut()
                .unwrap()
                .push(json!("kind"));
            branch
        })
        .collect();
    json!({ "oneOf": branches })
}

/// The schema with something changed, most often a little.
pub(crate) fn changed(schema: &Value, draw: &mut Draw<'_>) -> Value {
    let mut new = schema.clone();
    for _ in 0..=draw.below(3) {
        change(&mut new, draw, 4);
    }
    new
}

fn change(at: &mut Value, draw: &mut Draw<'_>, depth: u8) {
    if depth > 0 && draw.below(3) > 0 && descend(at, draw, depth) {
        return;
    }
    let Some(object) = at.as_object_mut() else {
        return;
    };
    match draw.below(8) {
        0 => *at = self::schema(draw, 1),
        1 => {
            let keys: Vec<String> = object.keys().cloned().collect();
            if let Some(key) = keys.get(usize::from(draw.below(8))) {
                object.remove(key);
            }
        }
        2 if object.contains_key("properties") => {
            let name = ["a", "b", "c", "d"][usize::from(draw.below(4))];
            at["properties"][name] = self::schema(draw, 0);
        }
        3 if object.contains_key("required") => {
            let names = at["required"].as_array_mut().unwrap();
            let name = json!(["a", "b", "c"][usize::from(draw.below(3))]);
            if draw.yes() && !names.contains(&name) {
                names.push(name);
            } else {
                names.pop();
            }
        }
        4 => *at = json!({"anyOf": [at.clone(), self::schema(draw, 1)]}),
        5 => *at = json!({"allOf": [at.clone()]}),
        6 => loosen(object, draw),
        _ => *at = json!({"anyOf": [at.clone(), {"type": "null"}]}),
    }
}

fn loosen(object: &mut Map<String, Value>, draw: &mut Draw<'_>) {
    for (key, value) in object.iter_mut() {
        let Some(number) = value.as_u64() else {
            continue;
        };
        let by = u64::from(draw.below(3));
        *value = if key.starts_with("min") || key.starts_with("exclusiveMin") {
            json!(number.saturating_sub(by))
        } else if key == "multipleOf" {
            json!(number)
        } else {
            json!(number + by)
        };
    }
}

/// Changes something below; gives whether there was anything.
fn descend(at: &mut Value, draw: &mut Draw<'_>, depth: u8) -> bool {
    let Some(object) = at.as_object_mut() else {
        return false;
    };
    let mut below: Vec<&mut Value> = Vec::new();
    for (key, value) in object {
        match (key.as_str(), value) {
            ("items" | "additionalProperties", inner) if inner.is_object() => below.push(inner),
            ("properties", Value::Object(inner)) => below.extend(inner.values_mut()),
            ("anyOf" | "oneOf" | "allOf" | "prefixItems", Value::Array(inner)) => {
                below.extend(inner);
            }
            _ => {}
        }
    }
    if below.is_empty() {
        return false;
    }
    let n = u8::try_from(below.len()).unwrap();
    let chosen = usize::from(draw.below(n));
    change(below[chosen], draw, depth - 1);
    true
}

/// A value made after the schema, with no property that the schema does not name; whether it is valid is for
/// the validator to say.
pub(crate) fn value(schema: &Value, draw: &mut Draw<'_>) -> Value {
    if let Some(branches) = schema
        .get("oneOf")
        .or(schema.get("anyOf"))
        .and_then(Value::as_array)
    {
        let n = u8::try_from(branches.len()).unwrap();
        let branch = &branches[usize::from(draw.below(n))];
        let made = value(branch, draw);
        draw.missed |= !jsonschema::is_valid(branch, &made);
        return made;
    }
    if let Some(parts) = schema.get("allOf").and_then(Value::as_array) {
        return all_of(parts, draw);
    }
    if let Some(constant) = schema.get("const") {
        return constant.clone();
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        let n = u8::try_from(values.len()).unwrap();
        return values[usize::from(draw.below(n))].clone();
    }
    let name = match &schema["type"] {
        Value::Array(names) => names[usize::from(draw.below(2)).min(names.len() - 1)].as_str(),
        name => name.as_str(),
    };
    match name {
        Some("integer") => json!(draw.below(12)),
        Some("number") => json!(f64::from(draw.below(24)) / 2.0),
        Some("boolean") => json!(draw.yes()),
        Some("null") => Value::Null,
        Some("array") => array_value(schema, draw),
        Some("object") => object_value(schema, draw),
        Some("string") => text(draw),
        // Anything goes, except objects with properties that nobody named.
        _ => [json!(3), json!("a"), json!(null), json!([]), json!({})][usize::from(draw.below(5))]
            .clone(),
    }
}

fn all_of(parts: &[Value], draw: &mut Draw<'_>) -> Value {
    let mut merged = Map::new();
    for part in parts {
        match value(part, draw) {
            Value::Object(object) => merged.extend(object),
            other => return other,
        }
    }
    Value::Object(merged)
}

fn text(draw: &mut Draw<'_>) -> Value {
    let length = draw.below(7);
    let letters = (0..length).map(|_| if draw.yes() { 'b' } else { 'a' });
    json!(letters.collect::<String>())
}

fn array_value(schema: &Value, draw: &mut Draw<'_>) -> Value {
    let length = usize::from(draw.below(5));
    let prefix = schema.get("prefixItems").and_then(Value::as_array);
    let any = json!({});
    let item = |i: usize| {
        let own = prefix.and_then(|p| p.get(i));
        own.or(schema.get("items")).unwrap_or(&any)
    };
    (0..length).map(|i| value(item(i), draw)).collect()
}

fn object_value(schema: &Value, draw: &mut Draw<'_>) -> Value {
    let mut object = Map::new();
    for (name, inner) in schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        let required = schema["required"]
            .as_array()
            .is_some_and(|r| r.contains(&json!(name)));
        if required || draw.yes() {
            object.insert(name.clone(), value(inner, draw));
        }
    }
    if let Some(others) = schema.get("additionalProperties").filter(|s| s.is_object())
        && draw.yes()
    {
        object.insert("other".to_owned(), value(others, draw));
        if draw.yes() && !object.contains_key("d") {
            object.insert("d".to_owned(), value(others, draw));
        }
    }
    Value::Object(object)
}
