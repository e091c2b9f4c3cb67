//! A plugin asks experts: routed by the gate, bounded by the tenant's limits and budget, booked to the same request and
//! scenario. What a plugin may ask is what its manifest names, what the caller may use, and nothing that already waits
//! for it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use expert_pool::{
    Answer, AttemptLimits, CallOutcome, CallPlan, CallScope, ExpertStream, PoolFailure,
    RequestBody, StreamEvent,
};
use openai_api::ChatRequest;
use parking_lot::Mutex;
use plugin_host::types::{Chat, Error, Message, Reply, Role, Usage};
use plugin_host::{Boxed, Feed, Infer, Remaining};
use plugin_package::InferAsked;
use serde_json::{Value, json};
use units::{ExpertId, Tokens};

use super::Scope;
use crate::admission::{AdmitAsk, Permit};
use crate::request::{Choosing, Route, tenant_header};

/// The experts a plugin may ask, for one request.
pub(super) struct Asking {
    scope: Arc<Scope>,
    /// The plugin that asks.
    own: ExpertId,
    patterns: Vec<String>,
    max_depth: u32,
    /// Calls it may make, and has made.
    most: u32,
    made: AtomicU32,
}

/// An admitted question on its way.
struct Asked {
    plan: CallPlan,
    permit: Permit,
}

fn error(code: &str, message: impl Into<String>) -> Error {
    Error {
        code: code.to_owned(),
        message: message.into(),
        retry_after_ms: None,
    }
}

fn matches(pattern: &str, expert: &str) -> bool {
    pattern
        .strip_suffix('*')
        .map_or(pattern == expert, |head| expert.starts_with(head))
}

impl Asking {
    pub(super) fn new(scope: &Arc<Scope>, own: &ExpertId, asked: &InferAsked, most: u32) -> Self {
        Self {
            scope: Arc::clone(scope),
            own: own.clone(),
            patterns: asked.experts.clone(),
            max_depth: asked.max_depth,
            most,
            made: AtomicU32::new(0),
        }
    }

    /// Experts that may be asked from here.
    fn allowed(&self) -> BTreeSet<ExpertId> {
        let scope = &self.scope;
        let catalog = scope.app.catalog.load();
        let free = |id: &ExpertId| *id != self.own && !scope.chain.contains(id);
        let named = |id: &ExpertId| {
            self.patterns
                .iter()
                .any(|pattern| matches(pattern, id.as_str()))
        };
        let experts = catalog.experts().iter();
        let usable =
            experts.filter(|e| e.is_usable_by(&scope.principal) && named(&e.id) && free(&e.id));
        usable.map(|expert| expert.id.clone()).collect()
    }

    fn prepare(&self, expert: Option<&str>, ask: &Chat, streams: bool) -> Result<Asked, Error> {
        self.made.fetch_add(1, Ordering::Relaxed);
        let (scope, app) = (&self.scope, &self.scope.app);
        let depth = u32::try_from(scope.chain.len()).unwrap_or(u32::MAX);
        if depth >= self.max_depth {
            return Err(error(
                "denied",
                format!("plugins ask no deeper than {}", self.max_depth),
            ));
        }
        let allowed = self.allowed();
        if let Some(name) = expert {
            let waits = scope
                .chain
                .iter()
                .chain([&self.own])
                .any(|id| id.as_str() == name);
            if waits {
                return Err(error(
                    "denied",
                    format!("{name} already waits for this answer"),
                ));
            }
            if !allowed.iter().any(|id| id.as_str() == name) {
                return Err(error("denied", format!("this plugin may not ask {name}")));
            }
        }
        let raw = body(expert, ask, streams);
        let chat = ChatRequest::parse(&raw).map_err(|why| error("invalid", why.to_string()))?;
        let choosing = Choosing {
            only: Some(&allowed),
            scenario: Some((scope.scenario.clone(), scope.source)),
        };
        let route =
            Route::choose_among(app, &scope.principal, &chat, &choosing).map_err(|why| {
                error(
                    why.code.as_deref().unwrap_or("unavailable"),
                    why.message.clone(),
                )
            })?;
        let ask = AdmitAsk {
            tokens: route.tokens,
            cost: route.cost,
        };
        let permit = app
            .admission
            .admit(&scope.principal, &ask, app.clock.now())
            .map_err(|refusal| {
                let why = openai_api::ApiError::from(refusal);
                error("budget", why.message)
            })?;
        let body = RequestBody::new(raw.into())
            .map_err(|_| error("invalid", "the question cannot be sent"))?;
        let mut chain = scope.chain.clone();
        chain.push(self.own.clone());
        let deeper = Arc::new(Scope {
            app: Arc::clone(app),
            principal: scope.principal.clone(),
            context: scope.context.clone(),
            scenario: scope.scenario.clone(),
            source: scope.source,
            chain,
            run: scope.run.clone(),
            nested: Arc::clone(&scope.nested),
            trouble: Mutex::default(),
            shadow: scope.shadow,
            booked_as: scope.booked_as,
        });
        let booked = Arc::clone(&deeper);
        let plan = CallPlan {
            request: scope.context.id,
            body,
            candidates: route.order.clone(),
            timeout: scope.context.left(app.clock.as_ref()),
            traceparent: Some(scope.context.traceparent.clone()),
            task: route.task,
            tenant: tenant_header(&scope.principal.tenant),
            scope: Some(CallScope::new(deeper)),
            limits: AttemptLimits::default(),
            on_abandon: Some(Box::new(move |reports| booked.book(reports))),
        };
        Ok(Asked { plan, permit })
    }

    /// Books what a call cost, and settles its share of the budget.
    fn settle(&self, attempts: Vec<expert_pool::AttemptReport>, permit: Permit) {
        self.scope.nested.settle(&attempts, permit);
        self.scope.book(attempts);
    }
}

/// The question as the API's request.
fn body(expert: Option<&str>, ask: &Chat, streams: bool) -> Vec<u8> {
    let role = |role: Role| match role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    };
    let message = |m: &Message| json!({"role": role(m.role), "content": m.content});
    let mut body = json!({
        "model": expert.unwrap_or("auto"),
        "messages": ask.messages.iter().map(message).collect::<Vec<_>>(),
    });
    if let Some(most) = ask.max_tokens {
        body["max_tokens"] = json!(most);
    }
    if let Some(temperature) = ask.temperature {
        body["temperature"] = json!(temperature);
    }
    if streams {
        body["stream"] = json!(true);
        body["stream_options"] = json!({"include_usage": true});
    }
    // `extra` may name the task of an expert's card.
    let extra: Value = serde_json::from_str(&ask.extra).unwrap_or_default();
    if let Some(task) = extra.get("task").and_then(Value::as_str) {
        body["metadata"] = json!({"task": task});
    }
    body.to_string().into_bytes()
}

fn failed(why: &PoolFailure) -> Error {
    match why {
        PoolFailure::TimedOut => error("timeout", "the expert did not answer in time"),
        PoolFailure::Refused { body, .. } => {
            let said: Value = serde_json::from_slice(body).unwrap_or_default();
            let message = said.pointer("/error/message").and_then(Value::as_str);
            error(
                "invalid",
                message.unwrap_or("the expert refuses the question"),
            )
        }
        other => error("unavailable", other.to_string()),
    }
}

fn reply(answer: &Answer) -> Result<Reply, Error> {
    let body: Value = serde_json::from_slice(&answer.body)
        .map_err(|why| error("unavailable", why.to_string()))?;
    let text = |path: &str| {
        body.pointer(path)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let count = |path: &str| {
        body.pointer(path)
            .and_then(Value::as_u64)
            .and_then(|n| u32::try_from(n).ok())
            .unwrap_or(0)
    };
    Ok(Reply {
        message: assistant(text("/choices/0/message/content")),
        finish: text("/choices/0/finish_reason"),
        usage: Usage {
            input_tokens: count("/usage/prompt_tokens"),
            output_tokens: count("/usage/completion_tokens"),
        },
        extra: json!({"expert": answer.expert.as_str(), "logprobs": body.pointer("/choices/0/logprobs")}).to_string(),
    })
}

fn assistant(content: String) -> Message {
    Message {
        role: Role::Assistant,
        content,
        name: None,
        tool_calls: Vec::new(),
        tool_call_id: None,
        extra: String::new(),
    }
}

impl Infer for Asking {
    fn call(&self, expert: Option<String>, ask: Chat) -> Boxed<'_, Result<Reply, Error>> {
        Box::pin(async move {
            let asked = self.prepare(expert.as_deref(), &ask, false)?;
            let CallOutcome { attempts, result } = self.scope.app.pool.call(asked.plan).await;
            self.settle(attempts, asked.permit);
            reply(&result.map_err(|why| failed(&why))?)
        })
    }

    fn start(&self, expert: Option<String>, ask: Chat) -> Boxed<'_, Result<Box<dyn Feed>, Error>> {
        Box::pin(async move {
            let asked = self.prepare(expert.as_deref(), &ask, true)?;
            let outcome = self.scope.app.pool.stream(asked.plan).await;
            let stream = match outcome.result {
                Ok(stream) => stream,
                Err(why) => {
                    self.settle(outcome.attempts, asked.permit);
                    return Err(failed(&why));
                }
            };
            self.scope.book(outcome.attempts);
            let feed = Reading {
                scope: Arc::clone(&self.scope),
                permit: Some(asked.permit),
                stream: Some(stream),
                whole: String::new(),
                finish: "stop".to_owned(),
            };
            Ok(Box::new(feed) as Box<dyn Feed>)
        })
    }

    fn remaining(&self) -> Remaining {
        let app = &self.scope.app;
        let left = self.scope.context.left(app.clock.as_ref());
        Remaining {
            calls: self.most.saturating_sub(self.made.load(Ordering::Relaxed)),
            tokens: u64::MAX,
            micro_usd: u64::MAX,
            deadline_ms: left.get().div_euclid(1_000_000),
        }
    }
}

/// An expert's stream in a plugin's hands. Dropped, the pool books what was seen.
struct Reading {
    scope: Arc<Scope>,
    permit: Option<Permit>,
    stream: Option<ExpertStream>,
    whole: String,
    finish: String,
}

impl Reading {
    async fn piece(&mut self) -> Result<Option<String>, Error> {
        while let Some(stream) = &mut self.stream {
            match stream.next().await {
                Some(StreamEvent::Frame(frame)) => {
                    let chunk: Value = serde_json::from_slice(frame.data()).unwrap_or_default();
                    if let Some(finish) = chunk
                        .pointer("/choices/0/finish_reason")
                        .and_then(Value::as_str)
                    {
                        finish.clone_into(&mut self.finish);
                    }
                    let text = chunk
                        .pointer("/choices/0/delta/content")
                        .and_then(Value::as_str);
                    if let Some(text) = text.filter(|text| !text.is_empty()) {
                        self.whole.push_str(text);
                        return Ok(Some(text.to_owned()));
                    }
                }
                Some(StreamEvent::End(report)) => {
                    let ok = report.status == units::AttemptStatus::Ok;
                    self.stream = None;
                    if let Some(permit) = self.permit.take() {
                        let cost = self.scope.nested.price(&report);
                        permit.settle(report.receipt.tokens.total().map(Tokens::get), cost);
                    }
                    self.scope.book(vec![*report]);
                    if !ok {
                        return Err(error("unavailable", "the expert's answer broke off"));
                    }
                }
                None => self.stream = None,
            }
        }
        Ok(None)
    }
}

impl Feed for Reading {
    fn next(&mut self) -> Boxed<'_, Result<Option<String>, Error>> {
        Box::pin(self.piece())
    }

    fn finish(mut self: Box<Self>) -> Boxed<'static, Result<Reply, Error>> {
        Box::pin(async move {
            while self.piece().await?.is_some() {}
            Ok(Reply {
                message: assistant(std::mem::take(&mut self.whole)),
                finish: std::mem::take(&mut self.finish),
                usage: Usage {
                    input_tokens: 0,
                    output_tokens: 0,
                },
                extra: String::new(),
            })
        })
    }
}
