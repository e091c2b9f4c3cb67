//! `POST /v1/chat/completions`: one request, from its bytes to its answer's frames.

use std::collections::VecDeque;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::Response;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use models::Encoded;
use openai_api::{ChatRequest, Delta, FinishReason, Logprobs, sse};
use units::{AttemptStatus, Nanos, Receipt};

use super::App;
use super::answer_body::AnswerBody;
use super::attempt::Attempt;
use super::head::{Head, Said, streamed};
use super::refused::{self, Refused};
use super::write::Writing;
use crate::answer::{self, Form, Verdict};
use crate::engine::{EngineError, Reader, Slot};
use crate::job::Done;
use crate::roster::Hosted;

/// How long the body of a request may take to come.
const BODY_TIME: Duration = Duration::from_secs(30);
/// Texts above this are encoded off the server's threads, in bytes.
const LONG_TEXT: usize = 8 * 1024;
/// Pieces a streamed content comes in.
const PIECES: usize = 4;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

pub(crate) async fn complete(
    State(app): State<App>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let arrived = app.clock.monotonic();
    let attempt = Attempt::read(&headers, app.ids.as_ref())?;
    let body = read_body(body, &headers, app.body_bytes).await?;
    let request = ChatRequest::parse(&body)?;
    let (slot, hosted) = app
        .roster
        .find(&request.model)
        .ok_or_else(|| refused::no_such_model(&request.model))?;
    if hosted.card.writer.is_some() {
        let writing = Writing {
            app: &app,
            slot,
            hosted,
            request: &request,
            attempt: &attempt,
            arrived,
        };
        return Ok(named(writing.answer().await?, &attempt));
    }
    let input = encode(&app, slot, hosted, &request, attempt.task.as_deref()).await?;
    let prompt = u64::try_from(input.ids.len()).unwrap_or(u64::MAX);
    let done = compute(&app, slot, input, attempt.remaining, arrived).await?;
    let paper = Paper {
        app: &app,
        hosted,
        request: &request,
        attempt: &attempt,
        arrived,
        prompt,
    };
    Ok(named(paper.answer(done)?, &attempt))
}

/// The answer with the request's id.
fn named(mut response: Response, attempt: &Attempt) -> Response {
    if let Some(id) = attempt.request.clone() {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

async fn read_body(body: Body, headers: &HeaderMap, most: usize) -> Result<Bytes, Refused> {
    let too_large = || {
        let message = format!("the body is larger than {most} bytes");
        refused::body(413, "body_too_large", message)
    };
    let declared = headers.get(header::CONTENT_LENGTH);
    let declared = declared.and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| usize::try_from(length).map_or(true, |l| l > most)) {
        return Err(too_large());
    }
    match tokio::time::timeout(BODY_TIME, Limited::new(body, most).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(refused::body(400, "body_broken", "the body broke off")),
        Err(_) => Err(refused::body(408, "body_slow", "the body came too slowly")),
    }
}

/// The tokens of what an encoder expert reads: the last message of the user. The task is the one the
/// request names, else the hinted one where the expert has it, else the expert's own choice.
async fn encode(
    app: &App,
    slot: Slot,
    hosted: &Hosted,
    request: &ChatRequest,
    hint: Option<&str>,
) -> Result<Encoded, Refused> {
    let text = request.last_user_text();
    if text.trim().is_empty() {
        let message = "the last message of the user must have text";
        return Err(refused::wrong("invalid_value", "messages", message));
    }
    let task = request.metadata("task");
    if let Some(id) = task.filter(|id| hosted.card.task(id).is_none()) {
        let tasks: Vec<&str> = hosted.card.tasks.iter().map(|t| t.id.as_str()).collect();
        let (expert, tasks) = (&hosted.card.id, tasks.join(", "));
        let message = format!("{expert} has no task {id:?}; it has: {tasks}");
        return Err(refused::wrong("task_not_found", "metadata.task", message));
    }
    let task = task.or(hint.filter(|id| hosted.card.task(id).is_some()));
    let Some(Reader::Classifier(tokenizer)) = hosted.reader() else {
        app.scheduler.refuse();
        return Err(refused::unavailable(app.scheduler.want(slot)));
    };
    let failed = |_: EngineError| refused::broken("the text could not be encoded");
    if text.len() <= LONG_TEXT {
        return tokenizer.encode(&text, task).map_err(failed);
    }
    let (text, task) = (text.into_owned(), task.map(str::to_owned));
    let tokenizer = tokenizer.clone();
    let encoding =
        tokio::task::spawn_blocking(move || tokenizer.encode(&text, task.as_deref())).await;
    encoding
        .map_err(|_| refused::broken("the text could not be encoded"))?
        .map_err(failed)
}

/// Waits for the device's answer, at most until the deadline. Dropped with the connection, which
/// cancels the request.
async fn compute(
    app: &App,
    slot: Slot,
    input: Encoded,
    remaining: Option<Duration>,
    arrived: Nanos,
) -> Result<Done, Refused> {
    let deadline = remaining.map(|left| arrived.saturating_add(Nanos::from_duration(left)));
    let ticket = app.scheduler.submit(slot, input, deadline)?;
    let reply = match deadline {
        None => ticket.await,
        Some(deadline) => {
            let left = deadline.saturating_sub(app.clock.monotonic());
            match tokio::time::timeout(left.to_duration(), ticket).await {
                Ok(reply) => reply,
                Err(_) => return Err(refused::late()),
            }
        }
    };
    Ok(reply.map_err(|_| refused::broken("the device thread has ended"))??)
}

/// Everything an answer is written from.
struct Paper<'a> {
    app: &'a App,
    hosted: &'a Hosted,
    request: &'a ChatRequest,
    attempt: &'a Attempt,
    arrived: Nanos,
    prompt: u64,
}

impl Paper<'_> {
    fn answer(&self, done: Done) -> Result<Response, Refused> {
        let misfit = || refused::broken("the expert's answer does not fit its card");
        let verdict = Verdict::of(self.hosted, &done.outcome).ok_or_else(misfit)?;
        let content = verdict
            .content(Form::of(self.request))
            .map_err(|_| misfit())?;
        let top = self.request.top_logprobs.unwrap_or(0);
        let top = usize::try_from(top).unwrap_or(0);
        let asked = self.request.logprobs == Some(true);
        let logprobs = asked.then(|| verdict.logprobs(self.hosted, &done.outcome, top));
        let Some(Reader::Classifier(tokenizer)) = self.hosted.reader() else {
            return Err(misfit());
        };
        let completion = tokenizer.count(&content).map_err(|_| misfit())?;
        let receipt = self.receipt(&done, completion);
        if self.request.streams() {
            return Ok(self.stream(&content, logprobs, receipt, done));
        }
        Ok(self.whole(content, logprobs, receipt, done))
    }

    fn receipt(&self, done: &Done, completion: u64) -> Receipt {
        Receipt {
            tokens: answer::buckets(self.prompt, completion),
            device_ns: Some(done.device),
            queue_ns: Some(done.queue),
            first_token_ns: Some(self.elapsed()),
            ..Receipt::unknown(self.attempt.id, self.attempt.purpose, AttemptStatus::Ok)
        }
    }

    fn elapsed(&self) -> Nanos {
        self.app.clock.monotonic().saturating_sub(self.arrived)
    }

    fn head(&self) -> Head {
        Head::of(self.app, self.hosted, self.attempt)
    }

    fn whole(
        &self,
        content: String,
        logprobs: Option<Logprobs>,
        mut receipt: Receipt,
        done: Done,
    ) -> Response {
        receipt.total_ns = Some(self.elapsed());
        let said = Said {
            content,
            logprobs,
            end: FinishReason::Stop,
            receipt,
        };
        self.head().whole(said, done.delivery)
    }

    fn stream(
        &self,
        content: &str,
        logprobs: Option<Logprobs>,
        mut receipt: Receipt,
        done: Done,
    ) -> Response {
        let head = self.head();
        let mut frames = VecDeque::with_capacity(PIECES.saturating_add(2));
        let role = Delta {
            role: Some("assistant".to_owned()),
            content: Some(String::new()),
            ..Delta::default()
        };
        frames.push_back(head.piece(role, None, None));
        let mut logprobs = logprobs;
        for piece in cut(content, PIECES) {
            let delta = Delta {
                content: Some(piece.to_owned()),
                ..Delta::default()
            };
            frames.push_back(head.piece(delta, logprobs.take(), None));
        }
        frames.push_back(head.piece(Delta::default(), None, Some(FinishReason::Stop)));
        let wanted = self.request.wants_usage_chunk();
        let (clock, arrived) = (self.app.clock.clone(), self.arrived);
        let last = move || {
            receipt.total_ns = Some(clock.monotonic().saturating_sub(arrived));
            let mut frame = Vec::new();
            if wanted {
                frame.extend_from_slice(&head.chunk(Vec::new(), Some(answer::usage(receipt))));
            }
            frame.extend_from_slice(&sse::DONE);
            Bytes::from(frame)
        };
        let body = AnswerBody::stream(frames, last, done.delivery);
        streamed(Body::new(body))
    }
}

/// Cuts a text into at most `pieces` parts of about the same length, between characters.
fn cut(text: &str, pieces: usize) -> Vec<&str> {
    let each = text.len().div_ceil(pieces.max(1)).max(1);
    let mut parts = Vec::with_capacity(pieces);
    let mut rest = text;
    while !rest.is_empty() {
        let (part, after) = rest.split_at(rest.ceil_char_boundary(each));
        parts.push(part);
        rest = after;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(cut("abcdefgh", 4), ["ab", "cd", "ef", "gh"]);
        assert_eq!(cut("abc", 4), ["a", "b", "c"]);
        assert_eq!(cut("", 4), Vec::<&str>::new());
        assert_eq!(cut("äöüß中文", 4), ["äö", "üß", "中文"]);
        assert_eq!(cut("中文字典", 4), ["中", "文", "字", "典"]);
    }
}
