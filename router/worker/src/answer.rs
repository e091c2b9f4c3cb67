//! From a classification to what a chat client reads: content, log probabilities and usage.

use std::borrow::Cow;

use expert_card::{Choice, LABEL_SEPARATOR, NO_LABEL, Task};
use models::Classification;
use openai_api::{ChatRequest, Logprobs, ResponseFormat, TokenLogprob, TopLogprob, Usage};
use serde::{Serialize, Serializer};
use units::{Receipt, TokenBuckets, Tokens};

use crate::roster::Hosted;

/// The label of an answer that rejects its request.
pub const OUT_OF_SCOPE: &str = "out_of_scope";
/// What a rejecting task without an answer text of its own says.
const OUT_OF_SCOPE_ANSWER: &str = "This is outside of what I can decide.";
/// What stands for the logarithm of a probability of 0, as OpenAI has it.
const LEAST_LOGPROB: f64 = -9999.0;

/// The form of an answer's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// `{"label","confidence","answer","task"}`.
    Json,
    /// The answer text alone.
    Text,
}

impl Form {
    /// What the request asks for; JSON where it says nothing.
    pub(crate) fn of(request: &ChatRequest) -> Self {
        match request.response_format {
            Some(ResponseFormat::Text) => Self::Text,
            None | Some(ResponseFormat::JsonObject | ResponseFormat::JsonSchema { .. }) => {
                Self::Json
            }
        }
    }
}

/// What an expert says to one request.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Verdict<'a> {
    /// The winning label, or [`OUT_OF_SCOPE`]. Where any number may win: their names in order, or [`NO_LABEL`].
    label: Cow<'a, str>,
    /// Every winning label; only where any number may win.
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<Vec<&'a str>>,
    /// Its probability. Of a rejection: that no label in scope is right, as far as the best one's
    /// probability tells.
    #[serde(serialize_with = "rounded")]
    confidence: f64,
    /// The card's text for the label; for several, their texts in order.
    answer: Cow<'a, str>,
    /// The task that was decided.
    task: &'a str,
}

impl<'a> Verdict<'a> {
    /// Reads a classification with the expert's card; none where the two do not fit.
    pub(crate) fn of(hosted: &'a Hosted, outcome: &Classification) -> Option<Self> {
        let task = hosted.task(outcome.task)?;
        if outcome.rejected {
            let outside = task.out_of_scope_label.as_deref();
            let outside = outside.and_then(|name| task.label_index(name));
            let best = outcome.ranked.iter().find(|(at, _)| Some(*at) != outside);
            let answer = task.out_of_scope_answer.as_deref();
            return Some(Self {
                label: OUT_OF_SCOPE.into(),
                labels: None,
                confidence: 1.0 - best.map_or(0.0, |(_, p)| f64::from(*p)),
                answer: answer.unwrap_or(OUT_OF_SCOPE_ANSWER).into(),
                task: &task.id,
            });
        }
        if task.choice == Choice::Any {
            return Self::of_any(task, outcome);
        }
        let (at, probability) = outcome.ranked.first()?;
        let label = task.labels.get(*at)?;
        Some(Self {
            label: label.name.as_str().into(),
            labels: None,
            confidence: f64::from(*probability),
            answer: label.answer.as_str().into(),
            task: &task.id,
        })
    }

    /// An answer of any number of labels, sorted by name.
    fn of_any(task: &'a Task, outcome: &Classification) -> Option<Self> {
        let chosen = outcome.chosen.iter().map(|at| task.labels.get(*at));
        let mut chosen = chosen.collect::<Option<Vec<_>>>()?;
        chosen.sort_by(|a, b| a.name.cmp(&b.name));
        let names: Vec<&str> = chosen.iter().map(|label| label.name.as_str()).collect();
        let answers: Vec<&str> = chosen.iter().map(|label| label.answer.as_str()).collect();
        let none = names.is_empty();
        Some(Self {
            label: if none {
                NO_LABEL.into()
            } else {
                names.join(LABEL_SEPARATOR).into()
            },
            labels: Some(names),
            confidence: f64::from(outcome.confidence),
            answer: if none {
                task.none_answer.as_deref().unwrap_or(NO_LABEL).into()
            } else {
                answers.join(" ").into()
            },
            task: &task.id,
        })
    }

    /// The content of the answer.
    pub(crate) fn content(&self, form: Form) -> Result<String, serde_json::Error> {
        match form {
            Form::Json => serde_json::to_string(self),
            Form::Text => Ok(self.answer.clone().into_owned()),
        }
    }

    /// Log probabilities: one position, the label, with the `top` best labels of the task.
    pub(crate) fn logprobs(
        &self,
        hosted: &Hosted,
        outcome: &Classification,
        top: usize,
    ) -> Logprobs {
        let labels = hosted.task(outcome.task).map_or(&[][..], |t| &t.labels);
        let alternative = |(at, probability): &(usize, f32)| {
            let label = labels.get(*at)?;
            Some(TopLogprob {
                token: label.name.clone(),
                logprob: logarithm(f64::from(*probability)),
                bytes: Some(label.name.clone().into_bytes()),
            })
        };
        let best = outcome.ranked.iter().take(top);
        Logprobs {
            content: Some(vec![TokenLogprob {
                token: self.label.clone().into_owned(),
                logprob: logarithm(self.confidence),
                bytes: Some(self.label.as_bytes().to_vec()),
                top_logprobs: best.filter_map(alternative).collect(),
            }]),
            refusal: None,
        }
    }
}

/// Usage of an answer: `prompt` is every encoded token, special ones included; `completion` is the
/// content's tokens in the expert's own tokenizer. Nothing is cached and nothing is hidden.
pub(crate) fn buckets(prompt: u64, completion: u64) -> TokenBuckets {
    TokenBuckets {
        input_uncached: Some(Tokens::new(prompt)),
        cache_read: Some(Tokens::ZERO),
        cache_write: Some(Tokens::ZERO),
        output_text: Some(Tokens::new(completion)),
        output_reasoning: Some(Tokens::ZERO),
    }
}

/// The usage object with the receipt inside.
pub(crate) fn usage(receipt: Receipt) -> Usage {
    Usage {
        moegate: Some(receipt),
        ..Usage::from_buckets(&receipt.tokens)
    }
}

fn logarithm(probability: f64) -> f64 {
    probability.ln().max(LEAST_LOGPROB)
}

/// Four decimals: more would be noise.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a field by reference"
)]
fn rounded<S: Serializer>(probability: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((probability.clamp(0.0, 1.0) * 1e4).round() / 1e4)
}

#[cfg(test)]
mod tests {
    use expert_card::{Choice, Label, Task};
    use models::Classification;

    use super::{Form, Verdict};

    fn task() -> Task {
        let label = |name: &str| Label {
            name: name.into(),
            answer: format!("It is {name}."),
            threshold: Some(0.5),
        };
        Task {
            id: "traits".into(),
            title: "Which traits".into(),
            temperature: 1.0,
            reject_threshold: None,
            out_of_scope_label: None,
            out_of_scope_answer: None,
            quality: None,
            choice: Choice::Any,
            none_answer: Some("Nothing of it.".into()),
            labels: vec![label("wet"), label("cold"), label("old")],
        }
    }

    fn said(chosen: &[usize]) -> serde_json::Value {
        let task = task();
        let outcome = Classification {
            task: 0,
            ranked: vec![(0, 0.9), (1, 0.8), (2, 0.1)],
            chosen: chosen.to_vec(),
            confidence: 0.648,
            rejected: false,
        };
        let verdict = Verdict::of_any(&task, &outcome).unwrap();
        serde_json::from_str(&verdict.content(Form::Json).unwrap()).unwrap()
    }

    #[test]
    fn several_labels_are_sorted_and_joined() {
        let both = said(&[0, 1]);
        assert_eq!(both["label"], "cold, wet");
        assert_eq!(both["labels"], serde_json::json!(["cold", "wet"]));
        assert_eq!(both["answer"], "It is cold. It is wet.");
        assert!((both["confidence"].as_f64().unwrap() - 0.648).abs() < 1e-4);
    }

    #[test]
    fn no_label_is_an_answer_of_its_own() {
        let none = said(&[]);
        assert_eq!(
            (&none["label"], &none["answer"]),
            (&"None".into(), &"Nothing of it.".into())
        );
        assert_eq!(none["labels"], serde_json::json!([]));
    }

    #[test]
    fn a_label_that_the_card_lacks_makes_no_answer() {
        let outcome = Classification {
            task: 0,
            ranked: Vec::new(),
            chosen: vec![7],
            confidence: 1.0,
            rejected: false,
        };
        assert!(Verdict::of_any(&task(), &outcome).is_none());
    }
}
