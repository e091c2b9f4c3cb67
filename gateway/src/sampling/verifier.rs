//! What a program that checks is asked, and what its words mean. It must not know who is asked, or how.

use std::sync::Arc;

use ledger::Ppm;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::request::ppm;

/// Longest label that is kept.
const LABEL: usize = 64;

/// What a verifier answers, as JSON in its text.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Word {
    /// 0 to 1.
    score: f64,
    /// A short class name.
    #[serde(default)]
    label: Option<String>,
}

/// The question: `{"messages": […], "answer": "…"}` as the text of a user.
pub(super) fn question(asked: &Value, answer: &str) -> Vec<u8> {
    let messages = asked.get("messages").cloned().unwrap_or_default();
    let content = json!({"messages": messages, "answer": answer}).to_string();
    let body = json!({"model": "auto", "messages": [{"role": "user", "content": content}]});
    body.to_string().into_bytes()
}

/// The score and the label of an answer; `None` where it is not what was agreed.
pub(super) fn word(text: &str) -> Option<(Ppm, Option<Arc<str>>)> {
    let word: Word = serde_json::from_str(text.trim()).ok()?;
    if !(0.0..=1.0).contains(&word.score) {
        return None;
    }
    let label = word.label.filter(|label| label.chars().count() <= LABEL);
    Some((ppm(word.score), label.map(Arc::from)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_a_score_from_0_to_1() {
        let found = word("{\"score\": 0.25, \"label\": \"cites nothing\"}").unwrap();
        assert_eq!(found.0, Ppm::new(250_000));
        assert_eq!(found.1.as_deref(), Some("cites nothing"));
        for odd in [
            "",
            "1",
            "{\"score\": 1.1}",
            "{\"score\": \"1\"}",
            "{\"points\": 1}",
            "{\"score\": 1, \"x\": 2}",
        ] {
            assert!(word(odd).is_none(), "{odd}");
        }
    }

    #[test]
    fn a_question_holds_what_was_asked_and_answered() {
        let asked = json!({"model": "auto", "messages": [{"role": "user", "content": "2+2"}]});
        let body: Value = serde_json::from_slice(&question(&asked, "4")).unwrap();
        let inner: Value =
            serde_json::from_str(body["messages"][0]["content"].as_str().unwrap()).unwrap();
        assert_eq!(inner["answer"], "4");
        assert_eq!(inner["messages"][0]["content"], "2+2");
    }
}
