//! Explains one decision: the features that moved the gate, what it saw and what each candidate was worth.

mod text;

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use crate::candidate::Candidate;
use crate::decide::{Draw, decide};
use crate::decision::Decision;
use crate::error::DecideError;
use crate::features::{DENSE_NAMES, DIM, Kind, Sink, Token, extract, table_row, wide_row};
use crate::gate::{Bags, Column, Gate, Input, Scratch, WideSums, gradient, input_of};
use crate::package::Weights;
use crate::policy::Policy;
use crate::view::RequestView;

/// Features shown.
const SHOWN: usize = 12;

/// Why a request goes where it goes. Holds pieces of the request's text: for a person at a terminal, never for the ledger.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// The decision itself.
    pub decision: Decision,
    /// Every domain with its probability, likeliest first.
    pub domains: Vec<(String, f32)>,
    /// What the contributions add up to: the quality logit of the chosen expert, or the logit of the likeliest domain.
    pub target: String,
    /// Features by size of contribution, largest first.
    pub features: Vec<Contribution>,
    /// Tokens found, all kinds.
    pub tokens: usize,
}

/// What one feature adds to the target's logit, where the hidden layer stands as it does.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Contribution {
    /// `word`, `pair`, `chars`, `context` or `number`.
    pub kind: &'static str,
    /// The piece of text, or the name of the number.
    pub text: String,
    /// What it adds to the logit.
    pub weight: f32,
}

/// Decides and explains. Slower than [`decide`]: the text is kept by token.
pub fn explain(
    gate: &Gate,
    view: &RequestView<'_>,
    candidates: &[Candidate<'_>],
    policy: &Policy,
    draw: &Draw,
) -> Result<Explanation, DecideError> {
    let mut scratch = Scratch::new();
    let reading = gate.read(view, &mut scratch);
    let decision = decide(&reading, candidates, policy, draw)?;
    let weights = gate.weights();
    let expert = gate
        .manifest()
        .experts
        .iter()
        .position(|e| e.id == decision.chosen);
    let (name, slope) = match expert {
        Some(at) => (
            format!("quality of {}", decision.chosen),
            Target {
                input: gradient(weights, &weights.quality, at, reading.hidden()),
                column: Column::Quality.place(gate.manifest(), at),
                share: reading.learned_share(at),
            },
        ),
        None => (
            format!("domain {}", decision.domain.name),
            Target {
                input: gradient(
                    weights,
                    &weights.domain,
                    reading.domain_index(),
                    reading.hidden(),
                ),
                column: reading.domain_index(),
                share: 1.0,
            },
        ),
    };
    let mut collected = Collected::default();
    let outline = extract(view, &mut collected);
    let mut wide = WideSums::new();
    let mut bags = Bags::new(weights, &gate.manifest().features, &mut wide);
    for token in &collected.tokens {
        bags.token(*token);
    }
    let input = input_of(weights, &mut bags, outline);
    let mut features = collected.contributions(gate, &slope);
    let numbers = input.iter().zip(&slope.input).skip(3 * DIM);
    features.extend(
        numbers
            .zip(DENSE_NAMES)
            .enumerate()
            .map(|(at, ((value, rate), name))| Contribution {
                kind: "number",
                text: name.to_owned(),
                weight: value * slope.share * (rate + slope.wide_number(weights, at)),
            }),
    );
    features.retain(|feature| feature.weight != 0.0);
    features.sort_by(|a, b| {
        let by_size = b.weight.abs().total_cmp(&a.weight.abs());
        by_size.then_with(|| a.text.cmp(&b.text))
    });
    features.truncate(SHOWN);
    let mut domains: Vec<_> = reading.domains().map(|(n, p)| (n.to_owned(), p)).collect();
    domains.sort_by(|a, b| b.1.total_cmp(&a.1));
    Ok(Explanation {
        decision,
        domains,
        target: name,
        features,
        tokens: collected.tokens.len(),
    })
}

/// The number that is explained: its slope by the input, its column of the wide part, and its share in the whole.
struct Target {
    input: Input,
    column: usize,
    share: f32,
}

impl Target {
    /// What a row of the wide part adds to it.
    fn wide_row(&self, weights: &Weights, row: usize) -> f32 {
        let part = weights.wide.as_ref().and_then(|wide| {
            let unit = wide.row(row).get(self.column)?;
            Some(f32::from(*unit) * wide.scale.get(self.column)?)
        });
        part.unwrap_or(0.0)
    }

    /// Its slope by a number of the request, in the wide part.
    fn wide_number(&self, weights: &Weights, at: usize) -> f32 {
        let dense = weights
            .wide
            .as_ref()
            .and_then(|wide| wide.dense.get(self.column)?.get(at));
        dense.copied().unwrap_or(0.0)
    }
}

#[derive(Default)]
struct Collected<'a> {
    tokens: Vec<Token<'a>>,
}

impl<'a> Sink<'a> for Collected<'a> {
    fn token(&mut self, token: Token<'a>) {
        self.tokens.push(token);
    }
}

impl Collected<'_> {
    /// Distinct rows of the wide part by bag.
    fn distinct(&self, bits: u32) -> [u32; 3] {
        let mut rows = HashSet::new();
        let mut counts = [0_u32; 3];
        for token in &self.tokens {
            if let Some(row) = wide_row(token.kind, token.hash, bits)
                && rows.insert(row)
            {
                counts[bag(token.kind)] += 1;
            }
        }
        counts
    }

    /// One contribution for each distinct token, its repetitions added up.
    fn contributions(&self, gate: &Gate, target: &Target) -> Vec<Contribution> {
        let (weights, spec) = (gate.weights(), &gate.manifest().features);
        let mut sums: HashMap<(Kind, u64), (&Token<'_>, f32)> = HashMap::new();
        let mut counts = [0_u32; 3];
        for token in &self.tokens {
            counts[bag(token.kind)] += 1;
        }
        let distinct = self.distinct(spec.wide_bits);
        let factors = counts.map(crate::gate::bag_factor);
        for token in &self.tokens {
            let slot = bag(token.kind);
            let part = target.input.get(slot * DIM..(slot + 1) * DIM);
            let row = table_row(token.kind, token.hash, spec.bucket_bits);
            let mut weight = dot(weights, row, part.unwrap_or(&[]));
            weight *= factors[slot];
            if let Some(row) = wide_row(token.kind, token.hash, spec.wide_bits) {
                // Each row counts once, however often its token stands there.
                let seen = sums.contains_key(&(token.kind, token.hash));
                let factor = crate::gate::bag_factor(distinct[slot]);
                weight += if seen {
                    0.0
                } else {
                    target.wide_row(weights, row) * factor
                };
            }
            weight *= target.share;
            sums.entry((token.kind, token.hash))
                .or_insert((token, 0.0))
                .1 += weight;
        }
        let sums = sums.into_values();
        sums.map(|(token, weight)| Contribution {
            kind: kind_name(token.kind),
            text: token
                .piece
                .get(token.start..token.end)
                .unwrap_or("…")
                .to_owned(),
            weight,
        })
        .collect()
    }
}

fn dot(weights: &Weights, row: usize, slope: &[f32]) -> f32 {
    let Some(row) = weights.embedding.get(row) else {
        return 0.0;
    };
    let scaled = row
        .iter()
        .zip(&weights.scale)
        .map(|(unit, scale)| f32::from(*unit) * scale);
    scaled.zip(slope).map(|(value, slope)| value * slope).sum()
}

fn bag(kind: Kind) -> usize {
    match kind {
        Kind::Word | Kind::Pair => 0,
        Kind::Chars => 1,
        Kind::Context => 2,
    }
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Word => "word",
        Kind::Pair => "pair",
        Kind::Chars => "chars",
        Kind::Context => "context",
    }
}
