//! What answers of both kinds of experts say alike: who, when, and the frame around it.

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use openai_api::{
    ChatChunk, ChatResponse, Choice, ChunkChoice, Delta, FinishReason, Logprobs, ResponseMessage,
    Usage, sse,
};
use units::Receipt;

use super::App;
use super::answer_body::AnswerBody;
use super::attempt::Attempt;
use super::refused;
use crate::answer;
use crate::job::Delivery;
use crate::roster::Hosted;

/// What all chunks of an answer, or the whole answer, say alike.
#[derive(Clone)]
pub(super) struct Head {
    id: String,
    created: i64,
    model: String,
    fingerprint: String,
}

/// What a whole answer says.
pub(super) struct Said {
    pub(super) content: String,
    pub(super) logprobs: Option<Logprobs>,
    pub(super) end: FinishReason,
    pub(super) receipt: Receipt,
}

impl Head {
    pub(super) fn of(app: &App, hosted: &Hosted, attempt: &Attempt) -> Self {
        let card = &hosted.card;
        Self {
            id: format!("chatcmpl-{}", attempt.id),
            created: app.clock.now().unix_seconds(),
            model: card.id.to_string(),
            fingerprint: format!("{}@{}", card.id, card.version),
        }
    }

    /// A whole answer, settled when it has left.
    pub(super) fn whole(self, said: Said, delivery: Delivery) -> Response {
        let response = ChatResponse {
            id: self.id,
            object: ChatResponse::OBJECT.to_owned(),
            created: self.created,
            model: self.model,
            choices: vec![Choice {
                index: 0,
                message: ResponseMessage {
                    role: "assistant".to_owned(),
                    content: Some(said.content),
                    refusal: None,
                    extra: serde_json::Map::new(),
                },
                logprobs: said.logprobs,
                finish_reason: Some(said.end),
            }],
            usage: Some(answer::usage(said.receipt)),
            system_fingerprint: Some(self.fingerprint),
        };
        match serde_json::to_vec(&response) {
            Ok(json) => {
                let body = AnswerBody::whole(Bytes::from(json), delivery);
                respond("application/json", Body::new(body))
            }
            Err(_) => refused::broken("the answer could not be written").into_response(),
        }
    }

    pub(super) fn piece(
        &self,
        delta: Delta,
        logprobs: Option<Logprobs>,
        end: Option<FinishReason>,
    ) -> Bytes {
        let choice = ChunkChoice {
            index: 0,
            delta,
            logprobs,
            finish_reason: end,
        };
        self.chunk(vec![choice], None)
    }

    pub(super) fn chunk(&self, choices: Vec<ChunkChoice>, usage: Option<Usage>) -> Bytes {
        let chunk = ChatChunk {
            id: self.id.clone(),
            object: ChatChunk::OBJECT.to_owned(),
            created: self.created,
            model: self.model.clone(),
            choices,
            usage,
            system_fingerprint: Some(self.fingerprint.clone()),
        };
        let failed =
            |_| sse::error_frame(&refused::broken("the chunk could not be written").into());
        sse::frame(&chunk).unwrap_or_else(failed)
    }
}

/// An answer in pieces.
pub(super) fn streamed(body: Body) -> Response {
    let mut response = respond("text/event-stream", body);
    let fresh = HeaderValue::from_static("no-cache");
    response.headers_mut().insert(header::CACHE_CONTROL, fresh);
    response
}

fn respond(content_type: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    let content_type = HeaderValue::from_static(content_type);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    response
}
