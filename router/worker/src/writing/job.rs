//! One sequence that is asked for, and what is told of it.

use std::sync::Arc;

use decoder::Sampling;
use tokio::sync::mpsc;
use units::{AttemptStatus, Nanos};

use crate::job::{Delivery, Failure};

/// What to write.
#[derive(Debug, Clone)]
pub struct Prompt {
    /// What is read first; at least one token.
    pub tokens: Vec<u32>,
    /// How tokens are drawn.
    pub sampling: Sampling,
    /// Strings that end the answer.
    pub stops: Vec<String>,
    /// Tokens to write at most; at least 1.
    pub most: usize,
    /// Who asks. Nobody else's prompts are found by it, and it has its turn beside others.
    pub tenant: Arc<str>,
}

/// What is told of a sequence.
#[derive(Debug)]
pub enum Event {
    /// Tokens were written.
    Piece {
        /// Text that may leave now; may be empty.
        text: String,
        /// The token, where log probabilities were asked for.
        told: Option<Told>,
    },
    /// It is whole. Nothing comes after it.
    End(Written),
    /// It came to nothing. Nothing comes after it.
    Failed(Failure),
}

/// A token with its log probabilities.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// Its text.
    pub token: String,
    /// Its own.
    pub logprob: f32,
    /// Those of the likeliest.
    pub top: Vec<(String, f32)>,
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// An end token, or a stop string.
    Stop,
    /// As many tokens as were asked for, or the end of the context.
    Length,
}

/// A whole answer's meters. Dropping it without [`Delivery::delivered`] books the work as done for a client that went
/// away.
#[derive(Debug)]
pub struct Written {
    /// Why it ended.
    pub finish: Finish,
    /// Tokens of the prompt that were read.
    pub read: u64,
    /// Tokens of the prompt whose keys and values were there already.
    pub cached: u64,
    /// Tokens written, an end token included.
    pub tokens: u64,
    /// From acceptance to the first step.
    pub queue: Nanos,
    /// Share of the steps it was in.
    pub device: Nanos,
    /// Settles the books when the answer has left.
    pub delivery: Delivery,
}

/// A sequence that waits.
#[derive(Debug)]
pub(crate) struct WriteJob {
    pub(crate) prompt: Prompt,
    /// Tokens of the prompt.
    pub(crate) prompt_tokens: usize,
    pub(crate) arrived: Nanos,
    pub(crate) deadline: Option<Nanos>,
    pub(crate) events: mpsc::Sender<Event>,
}

impl WriteJob {
    /// Tokens it may come to.
    pub(crate) fn cost(&self) -> u64 {
        let tokens = self.prompt.tokens.len().saturating_add(self.prompt.most);
        u64::try_from(tokens).unwrap_or(u64::MAX)
    }

    /// How it ended already, where it did.
    pub(crate) fn ended(&self, now: Nanos) -> Option<AttemptStatus> {
        ended(&self.events, self.deadline, now)
    }
}

/// How a sequence ended by itself: its deadline passed or its client went away.
pub(super) fn ended(
    events: &mpsc::Sender<Event>,
    deadline: Option<Nanos>,
    now: Nanos,
) -> Option<AttemptStatus> {
    if deadline.is_some_and(|deadline| deadline <= now) {
        Some(AttemptStatus::TimedOut)
    } else if events.is_closed() {
        Some(AttemptStatus::Cancelled)
    } else {
        None
    }
}

/// A sequence that left its batch.
#[derive(Debug)]
pub(crate) struct Closing {
    pub(crate) status: AttemptStatus,
    /// Share of the steps it was in.
    pub(crate) spent: Nanos,
    pub(crate) deadline: Option<Nanos>,
    pub(crate) events: mpsc::Sender<Event>,
    /// What is told of it.
    pub(crate) last: Last,
}

/// What a client hears last.
#[derive(Debug)]
pub(crate) enum Last {
    /// It is whole.
    Whole {
        finish: Finish,
        read: u64,
        cached: u64,
        tokens: u64,
        queue: Nanos,
    },
    /// It came to nothing.
    Failed(Failure),
}
