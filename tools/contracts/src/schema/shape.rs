//! What a schema demands, gathered from all that holds at once: the schema itself, what it refers to with
//! `$ref`, and the parts of `allOf`. So moving keywords into a component or an `allOf` is no change.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::Value;

use super::numbers::{Bound, Numbers};
use super::types::Types;
use crate::document::{Document, Loc};

/// Schemas that all hold at once. Empty means that anything goes.
pub(crate) type Conj<'a> = Vec<Loc<'a>>;

/// What schemas that hold at once demand together.
#[derive(Debug, Default)]
pub(crate) struct Shape<'a> {
    /// Whether nothing is accepted.
    pub(crate) never: bool,
    pub(crate) types: Option<Types>,
    /// The listed values of `enum` and `const`.
    pub(crate) values: Option<Vec<&'a Value>>,
    pub(crate) numbers: Numbers,
    pub(crate) strings: Strings<'a>,
    pub(crate) arrays: Arrays<'a>,
    pub(crate) objects: Objects<'a>,
    /// `oneOf` and `anyOf`: of each, one alternative must hold.
    pub(crate) unions: Vec<Union<'a>>,
    pub(crate) nots: Vec<Loc<'a>>,
    pub(crate) conditions: Vec<Loc<'a>>,
    pub(crate) notes: Notes<'a>,
    /// Names of the definitions that it was gathered from.
    pub(crate) references: BTreeSet<String>,
}

#[derive(Debug, Default)]
pub(crate) struct Strings<'a> {
    pub(crate) min: Option<u64>,
    pub(crate) max: Option<u64>,
    pub(crate) patterns: BTreeSet<&'a str>,
    pub(crate) formats: BTreeSet<&'a str>,
    pub(crate) content: BTreeSet<String>,
}

#[derive(Debug, Default)]
pub(crate) struct Arrays<'a> {
    pub(crate) min: Option<u64>,
    pub(crate) max: Option<u64>,
    pub(crate) unique: bool,
    pub(crate) prefix: Vec<Conj<'a>>,
    pub(crate) items: Conj<'a>,
    pub(crate) contains: Conj<'a>,
    pub(crate) contains_bounds: BTreeSet<String>,
}

/// What holds for properties that are not named.
#[derive(Debug, Default, Clone)]
pub(crate) enum Additional<'a> {
    /// They may be there; by convention nobody sends them.
    #[default]
    Open,
    /// They are refused.
    Closed,
    /// They are the values of a map.
    Typed(Conj<'a>),
}

#[derive(Debug, Default)]
pub(crate) struct Objects<'a> {
    pub(crate) properties: BTreeMap<&'a str, Conj<'a>>,
    pub(crate) patterns: BTreeMap<&'a str, Conj<'a>>,
    pub(crate) additional: Additional<'a>,
    pub(crate) required: BTreeSet<&'a str>,
    pub(crate) min: Option<u64>,
    pub(crate) max: Option<u64>,
    pub(crate) names: Conj<'a>,
    /// (property, what it demands)
    pub(crate) dependent_required: BTreeSet<(&'a str, &'a str)>,
    pub(crate) dependent: BTreeMap<&'a str, Conj<'a>>,
}

#[derive(Debug)]
pub(crate) struct Union<'a> {
    /// Whether exactly one alternative may hold.
    pub(crate) exclusive: bool,
    pub(crate) branches: Vec<Loc<'a>>,
}

/// What is said without changing which values are accepted.
#[derive(Debug, Default)]
pub(crate) struct Notes<'a> {
    pub(crate) default: Option<&'a Value>,
    pub(crate) deprecated: bool,
    pub(crate) read_only: bool,
    pub(crate) write_only: bool,
    pub(crate) discriminator: Option<Loc<'a>>,
}

impl<'a> Shape<'a> {
    /// Gathers what `conj` demands.
    pub(crate) fn of(document: &'a Document, conj: &[Loc<'a>]) -> Self {
        let mut gathering = Gathering {
            document,
            seen: HashSet::new(),
            scopes: Vec::new(),
            shape: Self::default(),
        };
        for loc in conj {
            gathering.take(loc);
        }
        gathering.apply_scopes();
        let mut shape = gathering.shape;
        shape.numbers.settle(shape.allowed_types());
        shape
    }

    /// The types that a value can have, listed values considered.
    pub(crate) fn allowed_types(&self) -> Types {
        if self.never {
            return Types::NONE;
        }
        let named = self.types.unwrap_or(Types::ALL);
        self.values.as_ref().map_or(named, |values| {
            let none = Types::NONE;
            let listed = values.iter().fold(none, |all, v| all.or(Types::of(v)));
            named.and(listed)
        })
    }

    /// The listed values that have an allowed type; those of `null` and `boolean` are always listed.
    pub(crate) fn finite_values(&self) -> Option<Vec<Value>> {
        let types = self.allowed_types();
        if let Some(values) = &self.values {
            let fits = |v: &&&Value| types.has(Types::of(v));
            return Some(values.iter().filter(fits).map(|v| (*v).clone()).collect());
        }
        let few = types.without(Types::NULL.or(Types::BOOLEAN)).is_empty();
        few.then(|| {
            let null = types.has(Types::NULL).then_some(Value::Null);
            let booleans = [Value::Bool(false), Value::Bool(true)];
            let booleans = booleans.into_iter().filter(|_| types.has(Types::BOOLEAN));
            null.into_iter().chain(booleans).collect()
        })
    }
}

struct Gathering<'a> {
    document: &'a Document,
    seen: HashSet<(String, bool)>,
    /// Each `additionalProperties` with the names that stand beside it, the only ones that it lets be.
    scopes: Vec<(BTreeSet<&'a str>, Loc<'a>)>,
    shape: Shape<'a>,
}

impl<'a> Gathering<'a> {
    fn take(&mut self, loc: &Loc<'a>) {
        if !self.seen.insert((loc.pointer.clone(), loc.without_unions)) {
            return;
        }
        if loc.value == &Value::Bool(false) {
            self.shape.never = true;
        }
        if !loc.value.is_object() {
            return;
        }
        if let Some(mut target) = loc.text("$ref").and_then(|r| self.document.target(r)) {
            target.without_unions = loc.without_unions;
            self.shape.references.insert(target.pointer.clone());
            self.take(&target);
        }
        for mut part in loc.items("allOf") {
            part.without_unions = loc.without_unions;
            self.take(&part);
        }
        self.types_and_values(loc);
        self.shape.numbers.take(loc.value);
        self.strings(loc);
        self.arrays(loc);
        self.objects(loc);
        self.combinations(loc);
        self.notes(loc);
    }

    fn types_and_values(&mut self, loc: &Loc<'a>) {
        let named = match loc.value.get("type") {
            Some(Value::String(name)) => Types::named(name),
            Some(Value::Array(names)) => {
                let named = names.iter().filter_map(|n| Types::named(n.as_str()?));
                named.reduce(Types::or)
            }
            _ => None,
        };
        // OpenAPI 3.0 writes it so.
        let null = if loc.flag("nullable") {
            Types::NULL
        } else {
            Types::NONE
        };
        if let Some(types) = named.map(|t| t.or(null)) {
            let both = self.shape.types.map_or(types, |known| known.and(types));
            self.shape.types = Some(both);
        }
        let listed = loc.value.get("enum").and_then(Value::as_array);
        if let Some(values) = listed {
            self.limit(values.iter().collect());
        }
        if let Some(value) = loc.value.get("const") {
            self.limit(vec![value]);
        }
    }

    fn limit(&mut self, mut values: Vec<&'a Value>) {
        if let Some(known) = &self.shape.values {
            values.retain(|v| known.contains(v));
        }
        self.shape.values = Some(values);
    }

    fn strings(&mut self, loc: &Loc<'a>) {
        let strings = &mut self.shape.strings;
        strings.min = strings.min.max(count(loc, "minLength"));
        strings.max = least(strings.max, count(loc, "maxLength"));
        strings.patterns.extend(loc.text("pattern"));
        strings.formats.extend(loc.text("format"));
        for key in ["contentEncoding", "contentMediaType"] {
            let value = loc.text(key);
            strings.content.extend(value.map(|v| format!("{key}: {v}")));
        }
    }

    fn arrays(&mut self, loc: &Loc<'a>) {
        let arrays = &mut self.shape.arrays;
        arrays.min = arrays.min.max(count(loc, "minItems"));
        arrays.max = least(arrays.max, count(loc, "maxItems"));
        arrays.unique |= loc.flag("uniqueItems");
        for (i, item) in loc.items("prefixItems").enumerate() {
            if arrays.prefix.len() <= i {
                arrays.prefix.push(Vec::new());
            }
            arrays.prefix[i].push(item);
        }
        arrays.items.extend(loc.get("items"));
        arrays.items.extend(loc.get("unevaluatedItems"));
        if let Some(contains) = loc.get("contains") {
            arrays.contains.push(contains);
            for key in ["minContains", "maxContains"] {
                let bound = count(loc, key);
                arrays
                    .contains_bounds
                    .extend(bound.map(|b| format!("{key}: {b}")));
            }
        }
    }

    fn objects(&mut self, loc: &Loc<'a>) {
        let objects = &mut self.shape.objects;
        for (name, schema) in loc.members("properties") {
            objects.properties.entry(name).or_default().push(schema);
        }
        for (pattern, schema) in loc.members("patternProperties") {
            objects.patterns.entry(pattern).or_default().push(schema);
        }
        let required = loc.value.get("required").and_then(Value::as_array);
        objects
            .required
            .extend(required.into_iter().flatten().filter_map(Value::as_str));
        objects.min = objects.min.max(count(loc, "minProperties"));
        objects.max = least(objects.max, count(loc, "maxProperties"));
        objects.names.extend(loc.get("propertyNames"));
        for (name, demanded) in loc.members("dependentRequired") {
            let names = demanded.value.as_array().into_iter().flatten();
            let pairs = names.filter_map(Value::as_str).map(|other| (name, other));
            objects.dependent_required.extend(pairs);
        }
        for (name, schema) in loc.members("dependentSchemas") {
            objects.dependent.entry(name).or_default().push(schema);
        }
        for key in ["additionalProperties", "unevaluatedProperties"] {
            if let Some(schema) = loc.get(key) {
                if key == "additionalProperties" {
                    let names = loc.members("properties").map(|(name, _)| name);
                    self.scopes.push((names.collect(), schema.clone()));
                }
                self.additional(schema);
            }
        }
    }

    /// `additionalProperties` binds the properties that other parts of an `allOf` name.
    fn apply_scopes(&mut self) {
        for (names, schema) in std::mem::take(&mut self.scopes) {
            let others = self
                .shape
                .objects
                .properties
                .iter_mut()
                .filter(|(n, _)| !names.contains(*n));
            others.for_each(|(_, conj)| conj.push(schema.clone()));
        }
    }

    fn additional(&mut self, schema: Loc<'a>) {
        let additional = &mut self.shape.objects.additional;
        let anything = schema.value == &Value::Bool(true)
            || schema
                .value
                .as_object()
                .is_some_and(serde_json::Map::is_empty);
        match additional {
            _ if schema.value == &Value::Bool(false) => *additional = Additional::Closed,
            Additional::Closed => {}
            _ if anything => {}
            Additional::Typed(known) => known.push(schema),
            Additional::Open => *additional = Additional::Typed(vec![schema]),
        }
    }

    fn combinations(&mut self, loc: &Loc<'a>) {
        for key in ["oneOf", "anyOf"] {
            let branches: Vec<_> = loc.items(key).collect();
            if branches.is_empty() {
                continue;
            }
            // How schemars writes an enumeration whose values have comments.
            let listed: Option<Vec<_>> = branches
                .iter()
                .map(|b| listed_only(&self.document.resolved(b.clone())))
                .collect();
            match listed {
                Some(values) => self.limit(values.into_iter().flatten().collect()),
                None if loc.without_unions => {}
                None => self.shape.unions.push(Union {
                    exclusive: key == "oneOf",
                    branches,
                }),
            }
        }
        self.shape.nots.extend(loc.get("not"));
        if loc.get("if").is_some() {
            self.shape.conditions.push(loc.clone());
        }
    }

    fn notes(&mut self, loc: &Loc<'a>) {
        let notes = &mut self.shape.notes;
        // A keyword beside `$ref` speaks of this use and wins over what the target says.
        notes.default = loc.value.get("default").or(notes.default);
        notes.deprecated |= loc.flag("deprecated");
        notes.read_only |= loc.flag("readOnly");
        notes.write_only |= loc.flag("writeOnly");
        if let Some(discriminator) = loc.get("discriminator") {
            notes.discriminator = Some(discriminator);
        }
    }
}

/// The values of a schema that consists of nothing but a list of them.
fn listed_only<'a>(loc: &Loc<'a>) -> Option<Vec<&'a Value>> {
    const SILENT: &[&str] = &[
        "const",
        "enum",
        "type",
        "title",
        "description",
        "deprecated",
        "examples",
        "example",
    ];
    let object = loc.value.as_object()?;
    if object.keys().any(|k| !SILENT.contains(&k.as_str())) {
        return None;
    }
    if let Some(value) = object.get("const") {
        return Some(vec![value]);
    }
    Some(object.get("enum")?.as_array()?.iter().collect())
}

fn count(loc: &Loc<'_>, key: &str) -> Option<u64> {
    let value = loc.value.get(key)?;
    // Zero demands nothing, so that writing it down is no change.
    let zero_is_nothing = key.starts_with("min") && key != "minContains";
    whole(value).filter(|n| *n > 0 || !zero_is_nothing)
}

/// A count, which JSON may write as `3` or `3.0`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked just before"
)]
pub(super) fn whole(value: &Value) -> Option<u64> {
    let float = |f: &f64| f.fract() == 0.0 && (0.0..9e15).contains(f);
    value
        .as_u64()
        .or_else(|| value.as_f64().filter(float).map(|f| f as u64))
}

fn least(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// The bounds that a list of values keeps to by itself.
pub(super) fn bounds_of(values: &[Value]) -> (Option<Bound>, Option<Bound>) {
    let numbers = values.iter().filter_map(Value::as_f64);
    let bound = |value| Bound {
        value,
        exclusive: false,
    };
    let least = numbers.clone().reduce(f64::min).map(bound);
    (least, numbers.reduce(f64::max).map(bound))
}
