//! Where an answer says what clients read differently: its model, its id and the worker's receipt.

use std::ops::Range;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::body::{place, slice, write_string};

/// Places in the bytes of an answer, found once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places {
    model: Option<Range<usize>>,
    id: Option<Range<usize>>,
    /// The receipt with its name and one comma.
    receipt: Option<Range<usize>>,
}

#[derive(Deserialize)]
struct UsageOutline<'a> {
    #[serde(borrow)]
    moegate: Option<&'a RawValue>,
}

#[derive(Clone, Copy)]
enum Patch<'a> {
    Text(&'a str),
    Nothing,
}

impl Places {
    /// The places of values that are slices of `text`.
    pub(crate) fn find(
        text: &str,
        id: Option<&RawValue>,
        model: Option<&RawValue>,
        usage: Option<&RawValue>,
    ) -> Self {
        let at = |value: Option<&RawValue>| value.and_then(|v| place(text, v.get()));
        let receipt = usage
            .and_then(|u| serde_json::from_str::<UsageOutline<'_>>(u.get()).ok())
            .and_then(|u| place(text, u.moegate?.get()))
            .and_then(|value| member(text, &value));
        Self {
            model: at(model),
            id: at(id),
            receipt,
        }
    }

    /// Writes the bytes with another model and id, and without the receipt.
    pub(crate) fn splice(&self, out: &mut Vec<u8>, bytes: &[u8], model: &str, id: &str) {
        let mut patches = [
            (self.model.clone(), Patch::Text(model)),
            (self.id.clone(), Patch::Text(id)),
            (self.receipt.clone(), Patch::Nothing),
        ];
        patches.sort_by_key(|(range, _)| range.as_ref().map_or(usize::MAX, |r| r.start));
        let mut at = 0;
        for (range, patch) in patches {
            let Some(range) = range else { continue };
            out.extend_from_slice(slice(bytes, at..range.start));
            if let Patch::Text(text) = patch {
                write_string(out, text);
            }
            at = range.end;
        }
        out.extend_from_slice(slice(bytes, at..bytes.len()));
    }
}

/// The whole member of an object whose value lies at `value`, with the comma before or after it.
fn member(text: &str, value: &Range<usize>) -> Option<Range<usize>> {
    let before = text
        .get(..value.start)?
        .trim_end()
        .strip_suffix(':')?
        .trim_end();
    let before = before.strip_suffix("\"moegate\"")?;
    if let Some(outside) = before.trim_end().strip_suffix(',') {
        return Some(outside.len()..value.end);
    }
    let after = text.get(value.end..)?;
    let comma = after
        .trim_start()
        .strip_prefix(',')
        .map_or(after.len(), str::len);
    Some(before.len()..value.end.checked_add(after.len().checked_sub(comma)?)?)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[derive(Deserialize)]
    struct Outline<'a> {
        #[serde(borrow)]
        id: Option<&'a RawValue>,
        #[serde(borrow)]
        model: Option<&'a RawValue>,
        #[serde(borrow)]
        usage: Option<&'a RawValue>,
    }

    fn spliced(text: &str) -> Value {
        let o: Outline<'_> = serde_json::from_str(text).unwrap();
        let mut out = Vec::new();
        Places::find(text, o.id, o.model, o.usage).splice(&mut out, text.as_bytes(), "m", "i");
        serde_json::from_slice(&out).unwrap_or_else(|why| panic!("{why}: {out:?}"))
    }

    #[test]
    fn the_receipt_leaves_with_its_comma() {
        for usage in [
            r#"{"moegate":{"a":[1,2]}}"#,
            r#"{"n":1,"moegate":{"a":"x,y"}}"#,
            r#"{"moegate" : {"a":1} , "n":1}"#,
            r#"{"n":1 , "moegate":{"a":1},"k":2}"#,
        ] {
            let text = format!(r#"{{"usage":{usage},"id":"a","model":"b"}}"#);
            let mut expected: Value = serde_json::from_str(usage).unwrap();
            expected.as_object_mut().unwrap().remove("moegate");
            assert_eq!(
                spliced(&text),
                json!({"usage": expected, "id": "i", "model": "m"}),
                "{usage}"
            );
        }
    }

    #[test]
    fn what_is_not_there_stays_away() {
        assert_eq!(spliced(r#"{"x":{"id":1}}"#), json!({"x": {"id": 1}}));
        assert_eq!(
            spliced(r#"{"usage":null,"id":"a"}"#),
            json!({"usage": null, "id": "i"})
        );
    }
}
