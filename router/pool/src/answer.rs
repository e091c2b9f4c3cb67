//! Answers of experts: kept as the bytes that came, looked into once and no deeper than needed.

use bytes::Bytes;
use openai_api::{ChatChunk, ChatResponse};
use serde::Deserialize;
use serde_json::value::RawValue;
use units::ExpertId;

use crate::places::Places;
use crate::usage::SaidUsage;

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The expert that answered.
    pub expert: ExpertId,
    /// Its HTTP status, 200 to 299.
    pub status: u16,
    /// Its JSON as it came.
    pub body: Bytes,
    places: Places,
}

impl Answer {
    /// The JSON for a client: other names in `model` and `id`, no receipt; the rest is as it came.
    pub fn body_for(&self, model: &str, id: &str) -> Bytes {
        let mut out = Vec::with_capacity(self.body.len().saturating_add(80));
        self.places.splice(&mut out, &self.body, model, id);
        Bytes::from(out)
    }

    /// The whole answer as a value, for who needs to read it.
    pub fn parse(&self) -> Result<ChatResponse, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }
}

/// One event of a stream: a JSON chunk on one line.
#[derive(Debug, Clone)]
pub struct Frame {
    data: Bytes,
    places: Places,
    usage: bool,
    choices: bool,
}

impl Frame {
    /// The JSON of the chunk as it came.
    pub fn data(&self) -> &Bytes {
        &self.data
    }

    /// Does the chunk carry usage and nothing else? A client that did not ask for usage does not
    /// get it.
    pub fn is_usage_only(&self) -> bool {
        self.usage && !self.choices
    }

    /// The event for a client, `data: …` with its empty line: other names in `model` and `id`, no
    /// receipt; the rest is as it came.
    pub fn event_for(&self, model: &str, id: &str) -> Bytes {
        let mut out = Vec::with_capacity(self.data.len().saturating_add(90));
        out.extend_from_slice(b"data: ");
        self.places.splice(&mut out, &self.data, model, id);
        out.extend_from_slice(b"\n\n");
        Bytes::from(out)
    }

    /// The chunk as a value, for who needs to read it.
    pub fn parse(&self) -> Result<ChatChunk, serde_json::Error> {
        serde_json::from_slice(&self.data)
    }
}

#[derive(Deserialize)]
struct AnswerOutline<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    #[serde(borrow)]
    choices: &'a RawValue,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

/// An answer and what it says it used; `None` where the bytes are no answer of the API.
pub(crate) fn read_answer(
    expert: &ExpertId,
    status: u16,
    body: &Bytes,
) -> Option<(Answer, Option<SaidUsage>)> {
    let text = std::str::from_utf8(body).ok()?;
    let outline: AnswerOutline<'_> = serde_json::from_str(text).ok()?;
    if !outline.choices.get().starts_with('[') {
        return None;
    }
    let usage = outline.usage.and_then(|u| SaidUsage::read(u.get()));
    let answer = Answer {
        expert: expert.clone(),
        status,
        places: Places::find(text, outline.id, outline.model, outline.usage),
        body: body.clone(),
    };
    Some((answer, usage))
}

#[derive(Deserialize)]
struct FrameOutline<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    #[serde(borrow, default)]
    choices: Vec<ChoiceOutline<'a>>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ChoiceOutline<'a> {
    #[serde(borrow)]
    delta: Option<DeltaOutline<'a>>,
    #[serde(borrow)]
    finish_reason: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct DeltaOutline<'a> {
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    reasoning_content: Option<&'a RawValue>,
    #[serde(borrow)]
    tool_calls: Option<&'a RawValue>,
}

impl DeltaOutline<'_> {
    fn says_something(&self) -> bool {
        [self.content, self.reasoning_content, self.tool_calls]
            .into_iter()
            .flatten()
            .any(|value| !matches!(value.get(), "null" | "\"\"" | "[]"))
    }
}

/// What one event of a stream says.
#[derive(Debug)]
pub(crate) enum Event {
    /// A chunk.
    Chunk {
        /// It as it came.
        frame: Frame,
        /// Usage, cumulative where it comes more than once.
        usage: Option<Box<SaidUsage>>,
        /// It carries a piece of the answer.
        piece: bool,
        /// It says why the answer ended.
        finished: bool,
    },
    /// The expert tells of a failure.
    Error,
    /// No chunk of the API.
    Strange,
}

/// Looks into the data of one event.
pub(crate) fn read_event(data: &str) -> Event {
    let Ok(outline) = serde_json::from_str::<FrameOutline<'_>>(data) else {
        return Event::Strange;
    };
    if outline.error.is_some_and(|e| e.get() != "null") {
        return Event::Error;
    }
    let usage = outline
        .usage
        .and_then(|u| SaidUsage::read(u.get()))
        .filter(SaidUsage::is_known);
    let deltas = outline.choices.iter().filter_map(|c| c.delta.as_ref());
    Event::Chunk {
        piece: deltas.into_iter().any(DeltaOutline::says_something),
        finished: outline
            .choices
            .iter()
            .any(|c| c.finish_reason.is_some_and(|r| r.get() != "null")),
        frame: Frame {
            data: Bytes::copy_from_slice(data.as_bytes()),
            places: Places::find(data, outline.id, outline.model, outline.usage),
            usage: usage.is_some(),
            choices: !outline.choices.is_empty(),
        },
        usage: usage.map(Box::new),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn expert() -> ExpertId {
        ExpertId::new("legal").unwrap()
    }

    #[test]
    fn an_answer_is_relabelled_and_left_alone_otherwise() {
        let body = r#"{"id":"x","model" : "gpt-\"4\"","choices":[{"model":"inner"}], "usage":{"prompt_tokens":1,"completion_tokens":2}}"#;
        let (answer, usage) = read_answer(&expert(), 200, &Bytes::from(body)).unwrap();
        assert_eq!(
            answer.body_for("legal", "mine"),
            body.replace(r#""gpt-\"4\"""#, "\"legal\"")
                .replace(r#""x""#, r#""mine""#)
                .as_bytes()
        );
        assert!(usage.unwrap().is_known());
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        for body in [
            "",
            "{}",
            "[]",
            r#"{"choices":null}"#,
            r#"{"choices":{}}"#,
            "<html>",
        ] {
            assert!(
                read_answer(&expert(), 200, &Bytes::from(body)).is_none(),
                "{body}"
            );
        }
    }

    #[test]
    fn events_are_told_apart() {
        let piece = |data: &str| match read_event(data) {
            Event::Chunk {
                piece,
                finished,
                usage,
                frame,
            } => Some((piece, finished, usage.is_some(), frame.is_usage_only())),
            Event::Error | Event::Strange => None,
        };
        assert_eq!(
            piece(r#"{"choices":[{"delta":{"content":"a"},"finish_reason":null}],"usage":null}"#),
            Some((true, false, false, false))
        );
        assert_eq!(
            piece(r#"{"choices":[{"delta":{"role":"assistant","content":""}}]}"#),
            Some((false, false, false, false))
        );
        assert_eq!(
            piece(r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#),
            Some((false, true, false, false))
        );
        assert_eq!(
            piece(r#"{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}"#),
            Some((false, false, true, true))
        );
        assert!(matches!(
            read_event(r#"{"error":{"message":"x"}}"#),
            Event::Error
        ));
        assert!(matches!(read_event("nonsense"), Event::Strange));
    }

    #[test]
    fn a_frame_is_one_event() {
        let Event::Chunk { frame, .. } = read_event(r#"{"model":"up","choices":[]}"#) else {
            panic!("a chunk");
        };
        assert_eq!(
            frame.event_for("me", "id"),
            "data: {\"model\":\"me\",\"choices\":[]}\n\n"
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_safe(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in ".{0,200}") {
            let _read = read_answer(&expert(), 200, &Bytes::from(bytes));
            let _seen = read_event(&text);
        }
    }
}
