//! A candidate: one expert as it stands right now, with its price, its limits and its load.

use expert_card::ExpertCard;
use units::{ExpertId, Nanos, Pico, Tokens};

/// One expert that might answer, as it stands at this moment.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// Which expert.
    pub expert: &'a ExpertId,
    /// The domain its card names.
    pub domain: &'a str,
    /// It takes what nobody else is sure of.
    pub generalist: bool,
    /// What its work costs.
    pub price: Price,
    /// Longest input plus output in tokens that it takes; `None`: it cuts longer ones or has no limit.
    pub context_tokens: Option<Tokens>,
    /// What it can do besides answering in text.
    pub capabilities: Capabilities,
    /// Whether it can take a request now.
    pub capacity: Capacity,
    /// Price of its load for one request: the dual value that rises while its queue is over target.
    pub load_price: Pico,
    /// Expected wait in its queue.
    pub queue: Nanos,
    /// Time to answer as observed lately, without the queue; used where the gate has learned none.
    pub typical_latency: Option<Nanos>,
    /// Output tokens as observed lately; used where the gate has learned none.
    pub typical_output: Option<Tokens>,
    /// Quality its card or the configuration claims, in `[0, 1]`; used where the gate does not know the expert.
    pub prior_quality: Option<f32>,
}

impl<'a> Candidate<'a> {
    /// A free expert that takes everything: the start for struct update.
    pub fn new(expert: &'a ExpertId, domain: &'a str) -> Self {
        Self {
            expert,
            domain,
            generalist: domain == "general",
            price: Price::default(),
            context_tokens: None,
            capabilities: Capabilities::default(),
            capacity: Capacity::Open,
            load_price: Pico::ZERO,
            queue: Nanos::ZERO,
            typical_latency: None,
            typical_output: None,
            prior_quality: None,
        }
    }

    /// The card's id, domain and mean measured accuracy over its tasks. Price, limits and load stay those of
    /// [`Candidate::new`]: an encoder cuts a longer text and needs no hard limit.
    pub fn from_card(card: &'a ExpertCard) -> Self {
        let measured = card.tasks.iter().filter_map(|task| task.quality.as_ref());
        let (sum, count) = measured.fold((0.0, 0.0), |(s, c), q| (s + q.accuracy, c + 1.0));
        #[expect(
            clippy::cast_possible_truncation,
            reason = "an accuracy needs no 64 bits"
        )]
        let prior_quality = (count > 0.0).then(|| (sum / count) as f32);
        Self {
            prior_quality,
            ..Self::new(&card.id, &card.domain)
        }
    }
}

/// What an expert's work costs. A hosted expert has a price of device time, a remote one prices of tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Price {
    /// For each request.
    pub per_request: Pico,
    /// For each input token.
    pub per_input_token: Pico,
    /// For each output token.
    pub per_output_token: Pico,
    /// For each second of device time.
    pub per_device_second: Pico,
}

/// What an expert can do besides answering in text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// It calls tools.
    pub tools: bool,
    /// It answers in JSON on request.
    pub json: bool,
}

impl Default for Capabilities {
    /// JSON yes, tools no: what every expert of ours can do.
    fn default() -> Self {
        Self {
            tools: false,
            json: true,
        }
    }
}

/// Whether an expert can take a request now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capacity {
    /// It takes requests.
    Open,
    /// Its queue or its concurrency cap is full: requests overflow to the next-best.
    Full,
    /// No replica is alive.
    Down,
}
