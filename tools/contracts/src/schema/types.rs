//! Sets of JSON types. `number` is two of them, as every integer is a number.

use serde_json::Value;

/// A set of JSON types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Types(u8);

impl Types {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const NULL: Self = Self(1);
    pub(crate) const BOOLEAN: Self = Self(2);
    pub(crate) const OBJECT: Self = Self(4);
    pub(crate) const ARRAY: Self = Self(8);
    pub(crate) const STRING: Self = Self(16);
    pub(crate) const INTEGER: Self = Self(32);
    const FRACTION: Self = Self(64);
    pub(crate) const NUMBER: Self = Self(96);
    pub(crate) const ALL: Self = Self(127);

    /// The type of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "null" => Self::NULL,
            "boolean" => Self::BOOLEAN,
            "object" => Self::OBJECT,
            "array" => Self::ARRAY,
            "string" => Self::STRING,
            "integer" => Self::INTEGER,
            "number" => Self::NUMBER,
            _ => return None,
        })
    }

    /// The type of a value; 1.0 is an integer, as JSON Schema has it.
    pub(crate) fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::NULL,
            Value::Bool(_) => Self::BOOLEAN,
            Value::Object(_) => Self::OBJECT,
            Value::Array(_) => Self::ARRAY,
            Value::String(_) => Self::STRING,
            Value::Number(n) if n.as_f64().is_some_and(|f| f.fract() != 0.0) => Self::FRACTION,
            Value::Number(_) => Self::INTEGER,
        }
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(crate) fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The names of the types as JSON Schema writes them.
    pub(crate) fn names(self) -> Vec<&'static str> {
        let number = if self.and(Self::NUMBER) == Self::NUMBER {
            Some("number")
        } else if self.has(Self::INTEGER) {
            Some("integer")
        } else {
            None
        };
        let plain = [
            (Self::NULL, "null"),
            (Self::BOOLEAN, "boolean"),
            (Self::OBJECT, "object"),
            (Self::ARRAY, "array"),
            (Self::STRING, "string"),
        ];
        let named = plain.into_iter().filter(|(t, _)| self.has(*t));
        named.map(|(_, name)| name).chain(number).collect()
    }

    /// As a finding shows it: one name, or a list.
    pub(crate) fn shown(self) -> Value {
        match self.names().as_slice() {
            [one] => Value::from(*one),
            _ if self == Self::ALL => Value::from("any"),
            many => Value::from(many.to_vec()),
        }
    }
}
