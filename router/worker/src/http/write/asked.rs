//! The fields of a request that say how tokens are drawn. Those that OpenAI has no name for have the names of vLLM.

use decoder::Sampling;
use openai_api::ChatRequest;
use serde_json::Value;

use crate::http::refused::{self, Refused};

/// Stop strings of a request.
const MOST_STOPS: usize = 4;
/// Tokens with a bias.
const MOST_BIASED: usize = 1_024;

/// What the request says beyond its typed fields.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    pub(super) seed: Option<u64>,
    pub(super) stops: Vec<String>,
    presence_penalty: f32,
    frequency_penalty: f32,
    repetition_penalty: Option<f32>,
    top_k: Option<usize>,
    min_p: Option<f32>,
    bias: Vec<(u32, f32)>,
}

impl Wishes {
    /// Reads and checks them.
    pub(super) fn of(request: &ChatRequest) -> Result<Self, Refused> {
        let number = |name: &str, from: f64, to: f64| match request.extra.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                let number = value.as_f64().filter(|number| (from..=to).contains(number));
                #[expect(clippy::cast_possible_truncation, reason = "drawn in f32")]
                let number = number.map(|number| number as f32);
                number.map(Some).ok_or_else(|| {
                    let message = format!("{name} must be between {from} and {to}");
                    refused::wrong("invalid_value", name, message)
                })
            }
        };
        let whole = |name: &str| match request.extra.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match value.as_i64() {
                Some(number) => Ok(Some(number)),
                None => Err(refused::wrong(
                    "invalid_value",
                    name,
                    format!("{name} must be a whole number"),
                )),
            },
        };
        Ok(Self {
            seed: whole("seed")?.map(|seed| u64::from_ne_bytes(seed.to_ne_bytes())),
            stops: stops(request.extra.get("stop"))?,
            presence_penalty: number("presence_penalty", -2.0, 2.0)?.unwrap_or(0.0),
            frequency_penalty: number("frequency_penalty", -2.0, 2.0)?.unwrap_or(0.0),
            repetition_penalty: number("repetition_penalty", 0.01, 10.0)?,
            // -1 is all, as 0 is.
            top_k: whole("top_k")?.map(|k| usize::try_from(k).unwrap_or(0)),
            min_p: number("min_p", 0.0, 1.0)?,
            bias: bias(request.extra.get("logit_bias"))?,
        })
    }

    /// How tokens are drawn, where the request says nothing as the folder has it.
    pub(super) fn sampling(&self, request: &ChatRequest, defaults: &Sampling) -> Sampling {
        #[expect(clippy::cast_possible_truncation, reason = "drawn in f32")]
        let narrow = |number: f64| number as f32;
        Sampling {
            temperature: request.temperature.map_or(defaults.temperature, narrow),
            top_p: request.top_p.map_or(defaults.top_p, narrow),
            top_k: self.top_k.unwrap_or(defaults.top_k),
            min_p: self.min_p.unwrap_or(defaults.min_p),
            presence_penalty: self.presence_penalty,
            frequency_penalty: self.frequency_penalty,
            repetition_penalty: self
                .repetition_penalty
                .unwrap_or(defaults.repetition_penalty),
            bias: self.bias.clone(),
            seed: defaults.seed,
            logprobs: (request.logprobs == Some(true)).then(|| {
                let top = request.top_logprobs.unwrap_or(0);
                usize::try_from(top).unwrap_or(0)
            }),
        }
    }
}

fn stops(value: Option<&Value>) -> Result<Vec<String>, Refused> {
    let wrong = || {
        let message = format!("stop must be a text, or a list of at most {MOST_STOPS}");
        refused::wrong("invalid_value", "stop", message)
    };
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::String(one)) => Ok(vec![one.clone()]),
        Some(Value::Array(list)) if list.len() <= MOST_STOPS => {
            let texts = list.iter().map(|one| one.as_str().map(str::to_owned));
            texts.collect::<Option<_>>().ok_or_else(wrong)
        }
        Some(_) => Err(wrong()),
    }
}

fn bias(value: Option<&Value>) -> Result<Vec<(u32, f32)>, Refused> {
    let wrong = || {
        let message = "logit_bias must map token ids to numbers between -100 and 100";
        refused::wrong("invalid_value", "logit_bias", message)
    };
    let map = match value {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Object(map)) if map.len() <= MOST_BIASED => map,
        Some(_) => return Err(wrong()),
    };
    let one = |(token, bias): (&String, &Value)| {
        let bias = bias
            .as_f64()
            .filter(|bias| (-100.0..=100.0).contains(bias))?;
        #[expect(clippy::cast_possible_truncation, reason = "drawn in f32")]
        let bias = bias as f32;
        Some((token.parse().ok()?, bias))
    };
    map.iter().map(one).collect::<Option<_>>().ok_or_else(wrong)
}
