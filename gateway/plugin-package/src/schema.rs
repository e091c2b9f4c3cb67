//! JSON Schema 2020-12, bounded: no schema from elsewhere, and none that is large or deep.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

const MOST_BYTES: usize = 64 << 10;
const MOST_DEPTH: usize = 32;

/// Why a schema is refused, or a value does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// Too large or too deep.
    #[error("a schema has at most {MOST_BYTES} bytes and {MOST_DEPTH} levels")]
    Size,
    /// It refers to another document.
    #[error("a schema refers to nothing but itself (`#…`)")]
    Remote,
    /// It is no schema.
    #[error("no schema: {0}")]
    Form(String),
    /// A value does not fit; the message says where.
    #[error("{0}")]
    Mismatch(String),
}

/// A schema, ready to check values.
#[derive(Clone)]
pub struct Schema {
    value: Value,
    validator: Arc<jsonschema::Validator>,
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Schema").field(&self.value).finish()
    }
}

impl Schema {
    /// Takes a schema.
    ///
    /// # Errors
    /// It is too large, too deep, no schema, or refers to another document.
    pub fn new(value: Value) -> Result<Self, SchemaError> {
        if value.to_string().len() > MOST_BYTES || depth(&value) > MOST_DEPTH {
            return Err(SchemaError::Size);
        }
        if refers_elsewhere(&value) {
            return Err(SchemaError::Remote);
        }
        let validator = jsonschema::draft202012::new(&value)
            .map_err(|why| SchemaError::Form(why.to_string()))?;
        Ok(Self {
            value,
            validator: Arc::new(validator),
        })
    }

    /// The schema itself.
    pub const fn value(&self) -> &Value {
        &self.value
    }

    /// Does a value fit?
    ///
    /// # Errors
    /// The first place where it does not.
    pub fn check(&self, value: &Value) -> Result<(), SchemaError> {
        self.validator.validate(value).map_err(|why| {
            let place = why.instance_path().to_string();
            let place = if place.is_empty() { "/" } else { &place };
            let text: String = format!("{place}: {why}").chars().take(300).collect();
            SchemaError::Mismatch(text)
        })
    }
}

fn depth(value: &Value) -> usize {
    let below = match value {
        Value::Array(items) => items.iter().map(depth).max(),
        Value::Object(entries) => entries.values().map(depth).max(),
        _ => None,
    };
    below.unwrap_or(0).saturating_add(1)
}

fn refers_elsewhere(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(refers_elsewhere),
        Value::Object(entries) => entries.iter().any(|(key, value)| {
            let refers = matches!(key.as_str(), "$ref" | "$dynamicRef" | "$schema" | "$id");
            let own = value.as_str().is_none_or(|text| {
                text.starts_with('#')
                    || (key == "$schema" && text == "https://json-schema.org/draft/2020-12/schema")
            });
            (refers && !own) || refers_elsewhere(value)
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn large_deep_and_foreign_schemas_are_refused() {
        let large = json!({"description": "x".repeat(MOST_BYTES)});
        assert_eq!(Schema::new(large).unwrap_err(), SchemaError::Size);
        let deep = (0..40).fold(json!(true), |inner, _| json!({"not": inner}));
        assert_eq!(Schema::new(deep).unwrap_err(), SchemaError::Size);
        for text in ["https://evil.example/s", "file:///etc/passwd", "other.json"] {
            assert_eq!(
                Schema::new(json!({"items": {"$ref": text}})).unwrap_err(),
                SchemaError::Remote
            );
        }
        assert!(matches!(
            Schema::new(json!({"type": 5})),
            Err(SchemaError::Form(_))
        ));
        assert!(
            Schema::new(json!({"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}})).is_ok()
        );
    }
}
