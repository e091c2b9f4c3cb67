//! The request as bytes, made ready for each expert by splicing and not by writing it anew.

use std::ops::Range;

use bytes::Bytes;
use openai_api::ChatRequest;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Why bytes are no request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the body is not a chat request: {0}")]
pub struct BodyError(String);

/// The client's request. What is sent to an expert differs from it in `model`, and in
/// `stream_options.include_usage`, which is always on for streams.
#[derive(Debug, Clone)]
pub struct RequestBody {
    raw: Bytes,
    model: Option<Range<usize>>,
    options: Options,
}

/// What becomes of `stream_options`.
#[derive(Debug, Clone)]
enum Options {
    /// Nothing: no stream, or the client asks for usage itself.
    Keep,
    /// The client has none.
    Add,
    /// The client has others.
    Replace(Range<usize>, String),
}

#[derive(Deserialize)]
struct Outline<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    model: Option<&'a RawValue>,
    stream: Option<bool>,
    #[serde(borrow, default, deserialize_with = "present")]
    stream_options: Option<&'a RawValue>,
}

/// Any value that is there, `null` too.
fn present<'de: 'a, 'a, D: serde::Deserializer<'de>>(
    d: D,
) -> Result<Option<&'a RawValue>, D::Error> {
    <&'a RawValue>::deserialize(d).map(Some)
}

const ASK_USAGE: &str = r#""stream_options":{"include_usage":true},"#;

impl RequestBody {
    /// Takes the client's bytes, already checked with [`ChatRequest::parse`].
    pub fn new(raw: Bytes) -> Result<Self, BodyError> {
        let text = std::str::from_utf8(&raw).map_err(|e| BodyError(e.to_string()))?;
        let outline: Outline<'_> =
            serde_json::from_str(text).map_err(|e| BodyError(e.to_string()))?;
        let model = outline.model.and_then(|value| place(text, value.get()));
        let options = match (outline.stream, outline.stream_options) {
            (Some(true), None) => Options::Add,
            (Some(true), Some(given)) => ask_usage(text, given)?,
            _ => Options::Keep,
        };
        Ok(Self {
            raw,
            model,
            options,
        })
    }

    /// Writes a request that exists only as a value.
    pub fn from_request(request: &ChatRequest) -> Result<Self, BodyError> {
        let bytes = serde_json::to_vec(request).map_err(|e| BodyError(e.to_string()))?;
        Self::new(Bytes::from(bytes))
    }

    /// The bytes for an expert that knows itself by `model`.
    pub(crate) fn for_model(&self, model: &str) -> Bytes {
        let mut out = Vec::with_capacity(self.raw.len().saturating_add(model.len() + 64));
        let start = self
            .raw
            .iter()
            .position(|b| *b == b'{')
            .map_or(0, |at| at + 1);
        out.extend_from_slice(slice(&self.raw, 0..start));
        if matches!(self.options, Options::Add) {
            out.extend_from_slice(ASK_USAGE.as_bytes());
        }
        if self.model.is_none() {
            out.extend_from_slice(b"\"model\":");
            write_string(&mut out, model);
            out.push(b',');
        }
        let mut at = start;
        for (range, patch) in self.patches() {
            out.extend_from_slice(slice(&self.raw, at..range.start));
            match patch {
                Patch::Model => write_string(&mut out, model),
                Patch::Text(text) => out.extend_from_slice(text.as_bytes()),
            }
            at = range.end;
        }
        out.extend_from_slice(slice(&self.raw, at..self.raw.len()));
        Bytes::from(out)
    }

    /// The replacements in the order of their places.
    fn patches(&self) -> impl Iterator<Item = (Range<usize>, Patch<'_>)> {
        let model = self.model.clone().map(|range| (range, Patch::Model));
        let options = match &self.options {
            Options::Replace(range, text) => Some((range.clone(), Patch::Text(text))),
            Options::Keep | Options::Add => None,
        };
        let model_first = match (&model, &options) {
            (Some((m, _)), Some((o, _))) => m.start < o.start,
            _ => true,
        };
        let (first, second) = if model_first {
            (model, options)
        } else {
            (options, model)
        };
        first.into_iter().chain(second)
    }
}

enum Patch<'a> {
    Model,
    Text(&'a str),
}

fn ask_usage(text: &str, given: &RawValue) -> Result<Options, BodyError> {
    let options: Option<serde_json::Map<String, serde_json::Value>> =
        serde_json::from_str(given.get()).map_err(|e| BodyError(e.to_string()))?;
    let mut options = options.unwrap_or_default();
    let asked = options.insert("include_usage".to_owned(), true.into());
    if asked == Some(true.into()) {
        return Ok(Options::Keep);
    }
    let written = serde_json::Value::Object(options).to_string();
    Ok(place(text, given.get()).map_or(Options::Keep, |at| Options::Replace(at, written)))
}

/// Where `part`, a slice of `whole`, lies in it.
pub(crate) fn place(whole: &str, part: &str) -> Option<Range<usize>> {
    let start = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
    let range = start..start.checked_add(part.len())?;
    (whole.get(range.clone()) == Some(part)).then_some(range)
}

pub(crate) fn slice(bytes: &[u8], range: Range<usize>) -> &[u8] {
    bytes.get(range).unwrap_or_default()
}

/// Writes a JSON string.
pub(crate) fn write_string(out: &mut Vec<u8>, text: &str) {
    let plain = text
        .bytes()
        .all(|b| (0x20..0x7f).contains(&b) && b != b'"' && b != b'\\');
    if plain {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        out.extend_from_slice(serde_json::Value::from(text).to_string().as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn sent(body: &str, model: &str) -> Value {
        let body = RequestBody::new(Bytes::from(body.to_owned())).unwrap();
        serde_json::from_slice(&body.for_model(model)).unwrap()
    }

    #[test]
    fn only_the_model_changes_in_a_whole_answer() {
        let body =
            r#" {"messages":[{"role":"user","content":"model"}], "model" : "auto" ,"seed":7}"#;
        assert_eq!(
            sent(body, "legal"),
            json!({"messages":[{"role":"user","content":"model"}],"model":"legal","seed":7})
        );
    }

    #[test]
    fn a_stream_always_asks_for_usage() {
        for (given, expected) in [
            (
                r#"{"model":"a","stream":true}"#,
                json!({"include_usage":true}),
            ),
            (
                r#"{"stream_options":{"include_usage":false,"x":1},"model":"a","stream":true}"#,
                json!({"include_usage":true,"x":1}),
            ),
            (
                r#"{"model":"a","stream":true,"stream_options":{"include_usage":true}}"#,
                json!({"include_usage":true}),
            ),
            (
                r#"{"model":"a","stream":true,"stream_options":null}"#,
                json!({"include_usage":true}),
            ),
        ] {
            let value = sent(given, "b\"\n");
            assert_eq!(value["stream_options"], expected, "{given}");
            assert_eq!(value["model"], "b\"\n");
        }
        assert_eq!(
            sent(r#"{"model":"a","stream":false}"#, "b")["stream_options"],
            Value::Null
        );
    }

    #[test]
    fn a_missing_model_is_added_and_bad_bodies_are_refused() {
        assert_eq!(sent(r#"{"seed":1}"#, "b"), json!({"model":"b","seed":1}));
        for bad in ["", "[]", "{", r#"{"model":"a","model":"b"}"#, "\u{feff}{}"] {
            assert!(
                RequestBody::new(Bytes::from(bad.to_owned())).is_err(),
                "{bad:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn splicing_equals_writing_anew(
            text in ".{0,40}", model in ".{1,20}", target in ".{1,20}",
            stream in any::<Option<bool>>(), before in any::<bool>(),
        ) {
            let mut value = json!({"messages":[{"role":"user","content":text}]});
            let last = json!({"z": [1, {"model": "inner"}]});
            if before { value["a"] = last } else { value["z"] = last }
            value["model"] = model.into();
            if let Some(stream) = stream { value["stream"] = stream.into() }
            let got = sent(&value.to_string(), &target);
            value["model"] = target.into();
            if stream == Some(true) { value["stream_options"] = json!({"include_usage":true}) }
            prop_assert_eq!(got, value);
        }
    }
}
