//! The next token from logits: bias, penalties, temperature, top-k, top-p, min-p, one draw.

use std::collections::HashMap;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// How tokens are drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    /// What logits are divided by; 0 always takes the likeliest.
    pub temperature: f32,
    /// Only so many of the likeliest; 0 is all.
    pub top_k: usize,
    /// Only the likeliest that together have this probability.
    pub top_p: f32,
    /// Only those with this share of the likeliest one's probability.
    pub min_p: f32,
    /// Taken from the logit of every token that was written.
    pub presence_penalty: f32,
    /// The same, for each time.
    pub frequency_penalty: f32,
    /// What positive logits of tokens that were read or written are divided by, and negative ones multiplied by.
    pub repetition_penalty: f32,
    /// Added to the logits of some tokens.
    pub bias: Vec<(u32, f32)>,
    /// The same seed draws the same tokens.
    pub seed: u64,
    /// Of how many likeliest tokens the log probabilities are told, beside the drawn one's.
    pub logprobs: Option<usize>,
}

impl Sampling {
    /// Always the likeliest.
    pub const GREEDY: Self = Self {
        temperature: 0.0,
        top_k: 0,
        top_p: 1.0,
        min_p: 0.0,
        presence_penalty: 0.0,
        frequency_penalty: 0.0,
        repetition_penalty: 1.0,
        bias: Vec::new(),
        seed: 0,
        logprobs: None,
    };
}

/// A token that was drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawn {
    /// The token.
    pub token: u32,
    /// Its log probability as the network has it, where it was asked for.
    pub logprob: Option<f32>,
    /// The likeliest tokens with theirs.
    pub top: Vec<(u32, f32)>,
}

/// Logits hold no number to choose by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the network gave logits that are no numbers")]
pub struct NotFinite;

/// Draws the tokens of one sequence.
#[derive(Debug)]
pub struct Sampler {
    sampling: Sampling,
    draws: StdRng,
    /// By token: is it in the prompt, and how often was it written?
    seen: HashMap<u32, (bool, u32)>,
    logits: Vec<f32>,
    ranked: Vec<(f32, u32)>,
}

impl Sampler {
    /// For a sequence that begins with a prompt.
    pub fn new(sampling: Sampling, prompt: &[u32]) -> Self {
        let repeats = (sampling.repetition_penalty - 1.0).abs() > f32::EPSILON;
        let seen = prompt.iter().filter(|_| repeats);
        Self {
            draws: StdRng::seed_from_u64(sampling.seed),
            seen: seen.map(|token| (*token, (true, 0))).collect(),
            sampling,
            logits: Vec::new(),
            ranked: Vec::new(),
        }
    }

    /// Draws from the logits of a whole vocabulary; `allows` says which tokens may be drawn at all.
    ///
    /// # Errors
    /// No logit of a token that may be drawn is a finite number.
    pub fn draw(
        &mut self,
        logits: &[f32],
        allows: Option<&dyn Fn(u32) -> bool>,
    ) -> Result<Drawn, NotFinite> {
        let plain = self.sampling.bias.is_empty() && self.seen.is_empty() && allows.is_none();
        let token = if plain {
            self.choose(logits)?
        } else {
            let mut own = std::mem::take(&mut self.logits);
            own.clear();
            own.extend_from_slice(logits);
            self.shift(&mut own, allows);
            let chosen = self.choose(&own);
            self.logits = own;
            chosen?
        };
        self.note(token);
        let (logprob, top) = match self.sampling.logprobs {
            None => (None, Vec::new()),
            Some(count) => {
                let (own, top) = self.logprobs(logits, token, count);
                (Some(own), top)
            }
        };
        Ok(Drawn {
            token,
            logprob,
            top,
        })
    }

    fn note(&mut self, token: u32) {
        let sampling = &self.sampling;
        let counts = sampling.presence_penalty != 0.0
            || sampling.frequency_penalty != 0.0
            || (sampling.repetition_penalty - 1.0).abs() > f32::EPSILON;
        if counts {
            let seen = self.seen.entry(token).or_default();
            seen.1 = seen.1.saturating_add(1);
        }
    }

    fn shift(&self, logits: &mut [f32], allows: Option<&dyn Fn(u32) -> bool>) {
        let sampling = &self.sampling;
        for (token, bias) in &sampling.bias {
            if let Some(logit) = at(logits, *token) {
                *logit += bias;
            }
        }
        for (token, (_, written)) in &self.seen {
            let Some(logit) = at(logits, *token) else {
                continue;
            };
            if *logit > 0.0 {
                *logit /= sampling.repetition_penalty;
            } else {
                *logit *= sampling.repetition_penalty;
            }
            if *written > 0 {
                #[expect(clippy::cast_precision_loss, reason = "far below 2^24 tokens")]
                let written = *written as f32;
                *logit -= sampling.presence_penalty + sampling.frequency_penalty * written;
            }
        }
        if let Some(allows) = allows {
            for (token, logit) in (0..).zip(logits) {
                if !allows(token) {
                    *logit = f32::NEG_INFINITY;
                }
            }
        }
    }

    fn choose(&mut self, logits: &[f32]) -> Result<u32, NotFinite> {
        let mut best = (f32::NEG_INFINITY, 0);
        for (token, logit) in (0..).zip(logits) {
            if logit.is_nan() {
                return Err(NotFinite);
            }
            if *logit > best.0 {
                best = (*logit, token);
            }
        }
        if !best.0.is_finite() {
            return Err(NotFinite);
        }
        if self.sampling.temperature <= 0.0 {
            return Ok(best.1);
        }
        self.rank(logits, best.0);
        let total: f32 = self.ranked.iter().map(|(weight, _)| weight).sum();
        let mut left = self.draws.random::<f32>() * total;
        for (weight, token) in &self.ranked {
            left -= weight;
            if left < 0.0 {
                return Ok(*token);
            }
        }
        Ok(self.ranked.first().map_or(best.1, |(_, token)| *token))
    }

    /// The tokens that may be drawn, by their weights, the likeliest first where the number is bounded.
    fn rank(&mut self, logits: &[f32], most: f32) {
        let sampling = &self.sampling;
        let ranked = &mut self.ranked;
        ranked.clear();
        let weight = |logit: &f32| ((logit - most) / sampling.temperature).exp();
        let least = sampling.min_p;
        ranked.extend(
            (0..)
                .zip(logits)
                .map(|(token, logit)| (weight(logit), token))
                .filter(|(weight, _)| *weight > 0.0 && *weight >= least),
        );
        let order = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        if sampling.top_k > 0 && sampling.top_k < ranked.len() {
            ranked.select_nth_unstable_by(sampling.top_k, order);
            ranked.truncate(sampling.top_k);
        }
        if sampling.top_p >= 1.0 {
            ranked.sort_unstable_by(order);
            return;
        }
        // The likeliest few have nearly all of it: the rest need not be sorted.
        let wanted = sampling.top_p * ranked.iter().map(|(weight, _)| weight).sum::<f32>();
        let mut sorted = 64.min(ranked.len());
        loop {
            if sorted < ranked.len() {
                ranked.select_nth_unstable_by(sorted, order);
            }
            if let Some(head) = ranked.get_mut(..sorted) {
                head.sort_unstable_by(order);
                let mut sum = 0.0;
                let reached = head.iter().position(|(weight, _)| {
                    sum += weight;
                    sum >= wanted
                });
                if let Some(last) = reached {
                    ranked.truncate(last + 1);
                    return;
                }
            }
            if sorted == ranked.len() {
                return;
            }
            sorted = (sorted * 8).min(ranked.len());
        }
    }

    /// Log probabilities of the network itself, before anything was shifted.
    fn logprobs(&mut self, logits: &[f32], token: u32, count: usize) -> (f32, Vec<(u32, f32)>) {
        let most = logits.iter().fold(f32::NEG_INFINITY, |a, b| a.max(*b));
        let sum: f64 = logits.iter().map(|l| f64::from(l - most).exp()).sum();
        #[expect(clippy::cast_possible_truncation, reason = "told in f32")]
        let log = |logit: f32| (f64::from(logit - most) - sum.ln()) as f32;
        let own = usize::try_from(token).ok().and_then(|at| logits.get(at));
        let ranked = &mut self.ranked;
        ranked.clear();
        ranked.extend(logits.iter().copied().zip(0..));
        let order = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        if count < ranked.len() {
            ranked.select_nth_unstable_by(count, order);
            ranked.truncate(count);
        }
        ranked.sort_unstable_by(order);
        let top = ranked.iter().map(|(logit, token)| (*token, log(*logit)));
        (
            own.map_or(f32::NEG_INFINITY, |own| log(*own)),
            top.collect(),
        )
    }
}

fn at(logits: &mut [f32], token: u32) -> Option<&mut f32> {
    let token = usize::try_from(token).ok()?;
    logits.get_mut(token)
}

#[cfg(test)]
mod tests;
