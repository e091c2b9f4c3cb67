//! A tool that is one HTTP request.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use egress::{Origin, Request, Scope};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{Tool, ToolError};

#[cfg(test)]
mod tests;

/// How a function stands in configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FunctionForm {
    /// 1 to 64 of `a-z 0-9 - _`, in parts joined by dots.
    pub name: String,
    /// What it does, for the model.
    pub description: String,
    /// JSON Schema of the arguments; references into itself only.
    pub schema: Value,
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: String,
    /// `https://host/path/{argument}?key={argument}`: arguments stand behind the origin only.
    pub url: String,
    /// Headers; `{secret:NAME}` stands for a secret.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Bytes of a result.
    #[serde(default = "result_bytes")]
    pub result_bytes: usize,
    /// How long it may take.
    #[serde(default = "timeout_ms")]
    pub timeout_ms: u64,
}

pub(crate) fn result_bytes() -> usize {
    64 << 10
}

pub(crate) fn timeout_ms() -> u64 {
    10_000
}

/// A function that has been checked.
#[derive(Debug)]
pub struct Function {
    form: FunctionForm,
    origin: Origin,
    validator: jsonschema::Validator,
}

impl Function {
    /// Checks a form.
    pub fn new(form: FunctionForm) -> Result<Self, ToolError> {
        let wrong = |why: String| ToolError::Form {
            tool: form.name.clone(),
            why,
        };
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        let part = |part: &str| !part.is_empty() && part.bytes().all(plain);
        if form.name.len() > 64 || !form.name.split('.').all(part) {
            return Err(wrong("the name is not of a-z 0-9 - _ and dots".to_owned()));
        }
        if !matches!(
            form.method.as_str(),
            "GET" | "POST" | "PUT" | "PATCH" | "DELETE"
        ) {
            return Err(wrong("the method is not allowed".to_owned()));
        }
        if refers_outside(&form.schema) {
            return Err(wrong("the schema refers to another document".to_owned()));
        }
        let validator =
            jsonschema::draft202012::new(&form.schema).map_err(|e| wrong(e.to_string()))?;
        let (base, _) = split(&form.url);
        if base.contains(['{', '}']) {
            return Err(wrong("an argument stands in the origin".to_owned()));
        }
        let origin = Origin::new(base).map_err(|e| wrong(e.to_string()))?;
        Ok(Self {
            form,
            origin,
            validator,
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.form.name
    }

    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Names of the secrets in its headers.
    pub(crate) fn secrets(&self) -> Vec<&str> {
        let values = self.form.headers.values();
        values.flat_map(|value| secrets_in(value)).collect()
    }

    pub(crate) fn result_bytes(&self) -> usize {
        self.form.result_bytes
    }

    pub(crate) fn tool(&self) -> Tool {
        Tool {
            name: self.form.name.clone(),
            description: self.form.description.clone(),
            schema: self.form.schema.to_string(),
        }
    }

    pub(crate) fn request(&self, scope: &Scope, arguments: &str) -> Result<Request, ToolError> {
        let wrong = |why: &str| ToolError::Arguments(why.to_owned());
        let value: Value = serde_json::from_str(arguments).map_err(|_| wrong("no JSON"))?;
        if let Err(error) = self.validator.validate(&value) {
            return Err(ToolError::Arguments(error.masked().to_string()));
        }
        let Value::Object(mut rest) = value else {
            return Err(wrong("no object"));
        };
        let url = self.render(&mut rest)?;
        let with_body = matches!(self.form.method.as_str(), "POST" | "PUT" | "PATCH");
        if !with_body && !rest.is_empty() {
            return Err(wrong("an argument has no place in the url"));
        }
        let mut headers = Vec::new();
        for (name, value) in &self.form.headers {
            headers.push((name.clone(), fill(scope, value)?));
        }
        let mut body = String::new();
        if with_body {
            headers.push(("content-type".to_owned(), "application/json".to_owned()));
            body = Value::Object(rest).to_string();
        }
        Ok(Request {
            method: self.form.method.clone(),
            url,
            headers,
            body: body.into(),
            timeout: Some(Duration::from_millis(self.form.timeout_ms)),
        })
    }

    /// Puts arguments into the URL, percent-encoded, and takes them from `arguments`.
    fn render(&self, arguments: &mut Map<String, Value>) -> Result<String, ToolError> {
        let wrong = |why: String| ToolError::Arguments(why);
        let (_, template) = split(&self.form.url);
        let mut path = String::new();
        let mut used = Vec::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, tail) = after
                .split_once('}')
                .ok_or_else(|| wrong("the url has an open brace".to_owned()))?;
            path.push_str(before);
            match arguments.get(name) {
                Some(Value::String(text)) => encode(text, &mut path),
                Some(value @ (Value::Number(_) | Value::Bool(_))) => {
                    encode(&value.to_string(), &mut path);
                }
                _ => return Err(wrong(format!("{name:?} is missing or no plain value"))),
            }
            used.push(name);
            rest = tail;
        }
        path.push_str(rest);
        for name in used {
            arguments.remove(name);
        }
        // A segment of dots would climb out of the template's path.
        let before_query = path.split('?').next().unwrap_or_default();
        if before_query
            .split('/')
            .any(|segment| matches!(segment, "." | ".."))
        {
            return Err(wrong("an argument may not be a segment of dots".to_owned()));
        }
        Ok(format!("{}{path}", self.origin))
    }
}

/// The names of secrets in a header's value.
pub(crate) fn secrets_in(value: &str) -> impl Iterator<Item = &str> {
    let named = value.split("{secret:").skip(1);
    named.filter_map(|rest| Some(rest.split_once('}')?.0))
}

/// The origin and what follows it.
pub(crate) fn split(url: &str) -> (&str, &str) {
    let authority = url.find("://").map_or(0, |at| at + 3);
    let rest = url.get(authority..).unwrap_or_default();
    let end = rest
        .find(['/', '?', '#'])
        .map_or(url.len(), |at| authority + at);
    url.split_at(end)
}

fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else if write!(out, "%{byte:02X}").is_err() {
            return;
        }
    }
}

/// Puts the placeholders of this call into a header's value.
pub(crate) fn fill(scope: &Scope, value: &str) -> Result<String, ToolError> {
    let mut out = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once("{secret:") {
        let (name, tail) = after.split_once('}').unwrap_or((after, ""));
        out.push_str(before);
        out.push_str(&scope.handle(name)?);
        rest = tail;
    }
    out.push_str(rest);
    Ok(out)
}

/// A reference to anything but a part of the same schema.
pub(crate) fn refers_outside(schema: &Value) -> bool {
    match schema {
        Value::Object(map) => map.iter().any(|(key, value)| {
            let reference = matches!(key.as_str(), "$ref" | "$dynamicRef");
            let outside = value.as_str().is_some_and(|text| !text.starts_with('#'));
            (reference && outside) || refers_outside(value)
        }),
        Value::Array(list) => list.iter().any(refers_outside),
        _ => false,
    }
}
