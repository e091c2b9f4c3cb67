//! A chat answered by an expert that writes: from the conversation to its tokens, and from what is told of them to frames.

mod asked;
mod body;

use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use decoder::{Sampling, TemplateError, Text};
use openai_api::{
    ChatRequest, Content, FinishReason, Logprobs, ResponseFormat, TokenLogprob, TopLogprob,
};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use units::{AttemptStatus, Nanos, Receipt, TokenBuckets, Tokens};

use super::App;
use super::attempt::Attempt;
use super::head::{Head, Said, streamed};
use super::refused::{self, Refused};
use crate::engine::{Reader, Slot};
use crate::roster::Hosted;
use crate::writing::{Event, Finish, Prompt, Told, Written};
use body::StreamBody;

/// Texts above this are encoded off the server's threads, in bytes.
const LONG_TEXT: usize = 8 * 1024;

/// One request to one expert that writes.
pub(super) struct Writing<'a> {
    pub(super) app: &'a App,
    pub(super) slot: Slot,
    pub(super) hosted: &'a Hosted,
    pub(super) request: &'a ChatRequest,
    pub(super) attempt: &'a Attempt,
    pub(super) arrived: Nanos,
}

impl Writing<'_> {
    pub(super) async fn answer(&self) -> Result<Response, Refused> {
        let Some(Reader::Writer { text, pages }) = self.hosted.reader() else {
            self.app.scheduler.refuse();
            return Err(refused::unavailable(self.app.scheduler.want(self.slot)));
        };
        let prompt = self.prompt(text, *pages).await?;
        let remaining = self.attempt.remaining.map(Nanos::from_duration);
        let deadline = remaining.map(|left| self.arrived.saturating_add(left));
        let mut events = self
            .app
            .scheduler
            .submit_prompt(self.slot, prompt, deadline)?;
        // What is told first says whether there is an answer at all.
        let first = self.next(&mut events, deadline).await?;
        let meters = Meters {
            attempt: self.attempt.clone(),
            clock: self.app.clock.clone(),
            arrived: self.arrived,
            first: self.app.clock.monotonic().saturating_sub(self.arrived),
        };
        if self.request.streams() {
            let wants_usage = self.request.wants_usage_chunk();
            let body = StreamBody::new(self.head(), meters, wants_usage, first, events);
            return Ok(streamed(Body::new(body)));
        }
        self.whole(first, events, deadline, &meters).await
    }

    /// The conversation's tokens, and how to go on from them.
    async fn prompt(&self, text: &Text, pages: usize) -> Result<Prompt, Refused> {
        let wishes = asked::Wishes::of(self.request)?;
        if let Some(ResponseFormat::JsonObject | ResponseFormat::JsonSchema { .. }) =
            self.request.response_format
        {
            let message = "this expert writes text only";
            return Err(refused::wrong(
                "unsupported_value",
                "response_format",
                message,
            ));
        }
        let template = text.template().ok_or_else(|| {
            let message = "the expert's folder has no chat template";
            refused::wrong("no_chat_template", "model", message)
        })?;
        let rendered = template.render(&messages(self.request), self.request.extra.get("tools"));
        let rendered = rendered.map_err(|why| match why {
            TemplateError::Refused(_) => {
                refused::wrong("refused_by_template", "messages", why.to_string())
            }
            TemplateError::Template(_) => refused::broken("the expert's chat template failed"),
        })?;
        let failed = || refused::broken("the text could not be encoded");
        let tokens = if rendered.len() <= LONG_TEXT {
            text.encode(&rendered).map_err(|_| failed())?
        } else {
            let text = text.clone();
            let encoding = tokio::task::spawn_blocking(move || text.encode(&rendered)).await;
            encoding.map_err(|_| failed())?.map_err(|_| failed())?
        };
        let context = self.hosted.sequence_tokens(text, pages);
        if tokens.is_empty() || tokens.len() >= context {
            let count = tokens.len();
            let message = format!(
                "the conversation has {count} tokens, and the expert reads and writes {context} together"
            );
            return Err(refused::wrong(
                "context_length_exceeded",
                "messages",
                message,
            ));
        }
        let usual = self
            .hosted
            .card
            .writer
            .as_ref()
            .map_or(0, |writer| writer.output_tokens);
        let asked = self.request.output_bound();
        let most = asked.map_or(usual, |most| usize::try_from(most).unwrap_or(usize::MAX));
        let sampling = Sampling {
            seed: wishes
                .seed
                .unwrap_or_else(|| self.attempt.id.uuid().as_u64_pair().1),
            ..wishes.sampling(self.request, text.defaults())
        };
        Ok(Prompt {
            most: most.clamp(1, context - tokens.len()),
            tokens,
            sampling,
            stops: wishes.stops,
            tenant: self.attempt.tenant.clone(),
        })
    }

    /// What is told next; an answer that failed, or never ends in time, is a refusal.
    async fn next(
        &self,
        events: &mut mpsc::Receiver<Event>,
        deadline: Option<Nanos>,
    ) -> Result<Event, Refused> {
        let event = match deadline {
            None => events.recv().await,
            Some(deadline) => {
                let left = deadline.saturating_sub(self.app.clock.monotonic());
                let left: Duration = left.to_duration();
                match tokio::time::timeout(left, events.recv()).await {
                    Ok(event) => event,
                    Err(_) => return Err(refused::late()),
                }
            }
        };
        match event {
            Some(Event::Failed(failure)) => Err(failure.into()),
            Some(event) => Ok(event),
            None => Err(refused::broken("the device thread has ended")),
        }
    }

    async fn whole(
        &self,
        first: Event,
        mut events: mpsc::Receiver<Event>,
        deadline: Option<Nanos>,
        meters: &Meters,
    ) -> Result<Response, Refused> {
        let mut content = String::new();
        let mut tokens = Vec::new();
        let mut event = first;
        let written = loop {
            match event {
                Event::Piece { text, told } => {
                    content.push_str(&text);
                    tokens.extend(told.map(logprob));
                }
                Event::End(written) => break written,
                Event::Failed(failure) => return Err(failure.into()),
            }
            event = self.next(&mut events, deadline).await?;
        };
        let said = Said {
            content,
            logprobs: logprobs(tokens),
            end: reason(written.finish),
            receipt: meters.receipt(&written),
        };
        Ok(self.head().whole(said, written.delivery))
    }

    fn head(&self) -> Head {
        Head::of(self.app, self.hosted, self.attempt)
    }
}

/// What a receipt is made of, beside what was written.
struct Meters {
    attempt: Attempt,
    clock: std::sync::Arc<dyn units::Clock>,
    arrived: Nanos,
    first: Nanos,
}

impl Meters {
    fn receipt(&self, written: &Written) -> Receipt {
        Receipt {
            tokens: TokenBuckets {
                input_uncached: Some(Tokens::new(written.read)),
                cache_read: Some(Tokens::new(written.cached)),
                cache_write: Some(Tokens::ZERO),
                output_text: Some(Tokens::new(written.tokens)),
                output_reasoning: Some(Tokens::ZERO),
            },
            device_ns: Some(written.device),
            queue_ns: Some(written.queue),
            first_token_ns: Some(self.first),
            total_ns: Some(self.clock.monotonic().saturating_sub(self.arrived)),
            ..Receipt::unknown(self.attempt.id, self.attempt.purpose, AttemptStatus::Ok)
        }
    }
}

/// Messages as templates know them: contents as one text, everything else as it came.
fn messages(request: &ChatRequest) -> Value {
    let message = |message: &openai_api::Message| {
        let mut known = message.extra.clone();
        known.insert("role".to_owned(), json!(message.role));
        let content = message.content.as_ref().map(Content::text);
        known.insert("content".to_owned(), json!(content.unwrap_or_default()));
        Value::Object(known)
    };
    request.messages.iter().map(message).collect()
}

fn reason(finish: Finish) -> FinishReason {
    match finish {
        Finish::Stop => FinishReason::Stop,
        Finish::Length => FinishReason::Length,
    }
}

fn logprobs(content: Vec<TokenLogprob>) -> Option<Logprobs> {
    (!content.is_empty()).then_some(Logprobs {
        content: Some(content),
        refusal: None,
    })
}

fn logprob(told: Told) -> TokenLogprob {
    let bytes = |token: &str| Some(token.as_bytes().to_vec());
    TokenLogprob {
        bytes: bytes(&told.token),
        logprob: f64::from(told.logprob),
        top_logprobs: told
            .top
            .into_iter()
            .map(|(token, logprob)| TopLogprob {
                bytes: bytes(&token),
                logprob: f64::from(logprob),
                token,
            })
            .collect(),
        token: told.token,
    }
}
