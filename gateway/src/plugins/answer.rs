//! A plugin's answer as the pool reads it: JSON, or events while the plugin emits.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use expert_pool::{AttemptError, LocalAnswer, LocalSpent};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};
use openai_api::{ApiError, ErrorKind, sse};
use plugin_host::types::Reply;
use plugin_host::{CallError, Meters, Running};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use units::{ExpertId, Nanos};

use super::failure::{pool_status, told};
use super::{Installed, Scope};

const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");

/// The guest's call.
pub(super) enum Run {
    Expert(Running<Reply>),
    Workflow(Running<String>),
}

/// A call that has begun.
pub(super) struct Call {
    pub(super) run: Run,
    pub(super) pieces: mpsc::Receiver<String>,
    pub(super) streams: bool,
    pub(super) model: ExpertId,
    pub(super) installed: Arc<Installed>,
    pub(super) scope: Arc<Scope>,
    /// Who compares the answer with another version's.
    pub(super) compare: Option<oneshot::Sender<String>>,
}

/// What a guest ended with.
struct Ended {
    text: String,
    finish: String,
    tokens: (u32, u32),
}

impl Call {
    pub(super) fn meters(&self) -> Arc<Meters> {
        match &self.run {
            Run::Expert(running) => running.meters(),
            Run::Workflow(running) => running.meters(),
        }
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Result<Ended, CallError>> {
        match &mut self.run {
            Run::Expert(running) => {
                let ended = ready!(Pin::new(running).poll(cx));
                Poll::Ready(ended.map(|reply| Ended {
                    text: reply.message.content,
                    finish: reply.finish,
                    tokens: (reply.usage.input_tokens, reply.usage.output_tokens),
                }))
            }
            Run::Workflow(running) => {
                let ended = ready!(Pin::new(running).poll(cx));
                Poll::Ready(ended.and_then(|text| self.checked(text)))
            }
        }
    }

    /// A workflow's output fits its schema, or counts as no answer.
    fn checked(&self, text: String) -> Result<Ended, CallError> {
        if let Some(schema) = &self.installed.manifest.output {
            let value: Value = serde_json::from_str(&text).unwrap_or_default();
            schema.check(&value).map_err(|why| CallError::Refused {
                code: "plugin_bad_output".to_owned(),
                message: why.to_string(),
                retry_after: None,
            })?;
        }
        Ok(Ended {
            text,
            finish: "stop".to_owned(),
            tokens: (0, 0),
        })
    }

    /// What it used, beside what it might have used. The guest's own words are its tenant's and stay out of the log.
    fn trace(&self) {
        let report = match &self.run {
            Run::Expert(running) => running.report(),
            Run::Workflow(running) => running.report(),
        };
        let (manifest, limits) = (&self.installed.manifest, &report.limits);
        tracing::debug!(
            plugin = %manifest.name,
            version = %manifest.version,
            cpu_us = report.cpu_ns / 1_000,
            cpu_limit_us = limits.cpu.as_micros(),
            wall_limit_ms = limits.wall.as_millis(),
            memory_bytes = report.memory_peak,
            memory_limit_bytes = limits.memory_bytes,
            host_calls = report.host_calls,
            host_calls_limit = limits.host_calls,
            infer_calls_limit = limits.infer_calls,
            log_lines = report.log.len(),
            "plugin called"
        );
    }

    /// A workflow tells of its progress beside its answer, an expert emits the answer itself.
    fn delta(&self) -> &'static str {
        match self.run {
            Run::Expert(_) => "content",
            Run::Workflow(_) => "reasoning_content",
        }
    }

    /// Waits for the whole answer that nobody reads, and gives its text.
    pub(super) async fn heard(&mut self) -> Result<String, CallError> {
        let mut whole = String::new();
        let is_answer = self.delta() == "content";
        let ended = poll_fn(|cx| {
            while let Poll::Ready(Some(piece)) = self.pieces.poll_recv(cx) {
                if is_answer {
                    whole.push_str(&piece);
                }
            }
            self.poll_end(cx)
        })
        .await;
        while let Ok(piece) = self.pieces.try_recv() {
            if is_answer {
                whole.push_str(&piece);
            }
        }
        self.trace();
        let ended = ended?;
        Ok(if whole.is_empty() { ended.text } else { whole })
    }

    /// Counts a failure against the version where it is the version's.
    pub(super) fn broke(&self, why: &CallError) {
        let broke = matches!(
            why,
            CallError::Trap(_) | CallError::Limit(_) | CallError::Internal(_)
        );
        if broke && self.installed.circuit.trapped(self.scope.app.clock.now()) {
            let manifest = &self.installed.manifest;
            tracing::error!(plugin = %manifest.name, version = %manifest.version, "left alone for a minute: it fails again and again");
        }
    }

    /// Notes how it ended: for the client, and against the version where it broke.
    fn failed(&self, why: &CallError) -> ApiError {
        let error = told(why, &self.installed.manifest);
        self.broke(why);
        let code = why.code();
        tracing::info!(plugin = %self.installed.manifest.name, code, "a plugin has no answer");
        self.scope
            .app
            .metrics
            .plugin_failures
            .with_label_values(&[self.model.as_str(), code])
            .inc();
        *self.scope.trouble.lock() = Some(error.clone());
        error
    }
}

/// The answer while it is made.
pub(super) struct Answering {
    call: Option<Call>,
    meters: Arc<Meters>,
    /// Emitted pieces of an answer that is not streamed.
    whole: String,
    out: VecDeque<Bytes>,
    head: Option<(u16, HeaderMap)>,
    began: bool,
}

impl Answering {
    pub(super) fn new(call: Call) -> Self {
        Self {
            meters: call.meters(),
            call: Some(call),
            whole: String::new(),
            out: VecDeque::new(),
            head: None,
            began: false,
        }
    }

    /// Goes on until there is something to hand over, or nothing more will come.
    fn poll_on(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(call) = &mut self.call {
            if let Poll::Ready(Some(piece)) = call.pieces.poll_recv(cx) {
                let (delta, streams) = (call.delta(), call.streams);
                if delta == "content" && (!streams || call.compare.is_some()) {
                    self.whole.push_str(&piece);
                }
                if streams {
                    let chunk = chunk(&call.model, &json!({ delta: piece }), None);
                    self.begin();
                    self.out.push_back(chunk);
                    return Poll::Ready(());
                }
                continue;
            }
            let ended = ready!(call.poll_end(cx));
            // What was emitted before the end comes before it.
            if !call.pieces.is_empty() {
                let late = std::iter::from_fn(|| call.pieces.try_recv().ok()).collect::<Vec<_>>();
                let (delta, streams, model) = (call.delta(), call.streams, call.model.clone());
                let is_kept = delta == "content" && (!streams || call.compare.is_some());
                for piece in late {
                    if is_kept {
                        self.whole.push_str(&piece);
                    }
                    if streams {
                        self.begin();
                        self.out
                            .push_back(chunk(&model, &json!({ delta: piece }), None));
                    }
                }
            }
            if let Some(call) = self.call.take() {
                call.trace();
                self.end(call, ended);
            }
            return Poll::Ready(());
        }
        Poll::Ready(())
    }

    /// The head of a stream, once.
    fn begin(&mut self) {
        if !std::mem::replace(&mut self.began, true) {
            self.head = Some((200, kind("text/event-stream")));
        }
    }

    fn end(&mut self, mut call: Call, ended: Result<Ended, CallError>) {
        let ended = match ended {
            Ok(ended) => ended,
            Err(why) => {
                let error = call.failed(&why);
                if self.began {
                    self.out.push_back(sse::error_frame(&error));
                } else {
                    let (head, body) = refusal(&error);
                    self.head = Some(head);
                    self.out.push_back(body);
                }
                return;
            }
        };
        if let Some(compare) = call.compare.take() {
            let text = if self.whole.is_empty() {
                &ended.text
            } else {
                &self.whole
            };
            // A shadow that has ended without an answer listens no more.
            let _heard = compare.send(text.clone());
        }
        let emitted = self.began || !self.whole.is_empty();
        let (input, output) = ended.tokens;
        let usage = json!({"prompt_tokens": input, "completion_tokens": output, "total_tokens": u64::from(input) + u64::from(output)});
        if call.streams {
            let own = matches!(call.run, Run::Workflow(_)) || !emitted;
            self.begin();
            if own {
                self.out
                    .push_back(chunk(&call.model, &json!({"content": ended.text}), None));
            }
            self.out
                .push_back(chunk(&call.model, &json!({}), Some(&ended.finish)));
            let last = json!({
                "id": "", "object": "chat.completion.chunk", "created": 0, "model": call.model.as_str(), "choices": [], "usage": usage,
            });
            self.out.push_back(sse::raw_frame(&last.to_string()));
            self.out.push_back(sse::DONE);
            return;
        }
        let text = if emitted {
            std::mem::take(&mut self.whole)
        } else {
            ended.text
        };
        let body = json!({
            "id": "", "object": "chat.completion", "created": 0, "model": call.model.as_str(),
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": ended.finish, "logprobs": null}],
            "usage": usage,
        });
        self.head = Some((200, kind("application/json")));
        self.out.push_back(Bytes::from(body.to_string()));
    }
}

fn chunk(model: &ExpertId, delta: &Value, finish: Option<&str>) -> Bytes {
    let chunk = json!({
        "id": "", "object": "chat.completion.chunk", "created": 0, "model": model.as_str(),
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    });
    sse::raw_frame(&chunk.to_string())
}

fn kind(name: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(name))])
}

fn refusal(error: &ApiError) -> ((u16, HeaderMap), Bytes) {
    let mut headers = kind("application/json");
    if error.status == 429 {
        headers.insert(RETRY_AFTER_MS, HeaderValue::from_static("250"));
    }
    ((pool_status(error), headers), Bytes::from(error.to_json()))
}

impl LocalAnswer for Answering {
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<(u16, HeaderMap), AttemptError>> {
        loop {
            if let Some(head) = self.head.take() {
                return Poll::Ready(Ok(head));
            }
            if self.call.is_none() {
                return Poll::Ready(Err(AttemptError::Reset));
            }
            ready!(self.poll_on(cx));
        }
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, AttemptError>>> {
        loop {
            if let Some(piece) = self.out.pop_front() {
                return Poll::Ready(Some(Ok(piece)));
            }
            if self.call.is_none() {
                return Poll::Ready(None);
            }
            ready!(self.poll_on(cx));
        }
    }

    fn spent(&self) -> LocalSpent {
        LocalSpent {
            cpu_ns: Some(Nanos::new(self.meters.cpu_ns())),
            fuel: self.meters.fuel(),
        }
    }
}

/// A request that no guest has seen.
pub(super) struct Refusal {
    head: Option<(u16, HeaderMap)>,
    body: Option<Bytes>,
}

impl Refusal {
    pub(super) fn new(error: &ApiError) -> Self {
        let ((status, headers), body) = refusal(error);
        let status = if error.kind == ErrorKind::InvalidRequestError {
            error.status
        } else {
            status
        };
        Self {
            head: Some((status, headers)),
            body: Some(body),
        }
    }
}

impl LocalAnswer for Refusal {
    fn poll_head(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(u16, HeaderMap), AttemptError>> {
        Poll::Ready(self.head.take().ok_or(AttemptError::Reset))
    }

    fn poll_piece(&mut self, _cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, AttemptError>>> {
        Poll::Ready(self.body.take().map(Ok))
    }

    fn spent(&self) -> LocalSpent {
        LocalSpent {
            cpu_ns: Some(Nanos::ZERO),
            fuel: None,
        }
    }
}
