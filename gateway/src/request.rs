//! The life of one chat request: route, admit, ask the pool, settle, record, answer.

mod attempts;
mod booking;
mod route;
mod stream;
mod whole;

pub use attempts::attempt_record;
pub use booking::{Admitted, Booked, Booking, Ending, Slot, ppm, recorded};
pub use route::{Choosing, Route};
pub use whole::answer_text;

use std::sync::Arc;

use axum::body::Body;
use expert_pool::{AttemptLimits, CallPlan, CallScope, PoolFailure, RequestBody};
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use openai_api::{ApiError, ChatRequest, ErrorKind, RequestError};
use parking_lot::Mutex;
use serde_json::Value;
use sha2::{Digest, Sha256};
use units::{Nanos, TenantId};

use crate::admission::AdmitAsk;
use crate::api::{RequestContext, body, failure, header};
use crate::app::App;
use crate::auth::{Principal, Role};
use crate::plugins::{Nested, NestedFacts, Scope};
use crate::sampling::Sample;

/// The decision's id, on every answer that has one.
const X_DECISION: HeaderName = HeaderName::from_static("x-moegate-decision");
/// The expert that answers.
const X_EXPERT: HeaderName = HeaderName::from_static("x-moegate-expert");
/// Marginal cost of a whole answer in currency units; absent where it is unknown.
const X_COST: HeaderName = HeaderName::from_static("x-moegate-cost");

/// Why there is no answer: an error, or a refusal with headers of its own.
#[derive(Debug)]
pub enum NoAnswer {
    /// An error of the API.
    Error(ApiError),
    /// A whole response.
    Response(Box<Response<Body>>),
}

impl From<ApiError> for NoAnswer {
    fn from(error: ApiError) -> Self {
        Self::Error(error)
    }
}

impl From<RequestError> for NoAnswer {
    fn from(error: RequestError) -> Self {
        Self::Error(error.into())
    }
}

impl From<Box<Response<Body>>> for NoAnswer {
    fn from(response: Box<Response<Body>>) -> Self {
        Self::Response(response)
    }
}

/// Serves one chat request, from its head and body to the answer.
///
/// # Errors
/// What the client is told instead of an answer.
pub async fn serve(
    app: &Arc<App>,
    context: &RequestContext,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response<Body>, NoAnswer> {
    let principal = app.authenticate(headers, context)?;
    principal.must_be(Role::User)?;
    body::expect_json(headers)?;
    let bounds = body::Bounds {
        bytes: app.config.server.max_body_bytes,
        time: app.config.server.body_timeout(),
    };
    let raw = body::read(headers, body, bounds).await?;
    let chat = ChatRequest::parse(&raw)?;
    let mut route = Route::choose(app, &principal, &chat)?;
    let sample = Sample::draw(app, &principal, context, &route, &raw);
    let body = RequestBody::new(raw).map_err(|why| {
        tracing::error!(%why, "a checked body is refused by the pool");
        failure::internal()
    })?;
    let form = Form {
        streams: chat.streams(),
        wants_usage: chat.wants_usage_chunk(),
    };
    drop(chat);
    let ask = AdmitAsk {
        tokens: route.tokens,
        cost: route.cost,
    };
    let permit = app
        .admission
        .admit(&principal, &ask, app.clock.now())
        .map_err(|refusal| Box::new(app.refusal(context, &refusal)))?;
    let rate = *permit.rate();
    if let Some(features) = route.features.take() {
        app.note(&principal, context, &route, features);
    }
    let decision = header(&route.decision.id.to_string());
    let slot = Slot::default();
    let scope = plugin_scope(app, context, &principal, &route, headers);
    let mut plan = plan(app, context, &route, &slot, body);
    plan.tenant = tenant_header(&principal.tenant);
    plan.scope = scope
        .as_ref()
        .map(|scope| CallScope::new(Arc::clone(scope)));
    let admitted = Admitted {
        permit,
        streamed: form.streams,
        nested: scope.as_ref().map(|scope| Arc::clone(&scope.nested)),
    };
    slot.put(Booking::open(app, context, &principal, route, admitted));
    let asked = Asked {
        slot,
        plan,
        scope,
        sample,
    };
    let mut response = if form.streams {
        stream::answer(app, context, asked, form.wants_usage).await
    } else {
        whole::answer(app, context, asked).await
    };
    rate.write(response.headers_mut());
    response.headers_mut().insert(X_DECISION, decision);
    Ok(response)
}

/// The form of the answer the client asked for.
#[derive(Debug, Clone, Copy)]
struct Form {
    streams: bool,
    wants_usage: bool,
}

/// A booked request on its way to the pool.
struct Asked {
    slot: Slot,
    plan: CallPlan,
    scope: Option<Arc<Scope>>,
    /// The answer is to be checked.
    sample: Option<Sample>,
}

/// What plugins are told of the request, where one may be asked.
fn plugin_scope(
    app: &Arc<App>,
    context: &RequestContext,
    principal: &Principal,
    route: &Route,
    headers: &HeaderMap,
) -> Option<Arc<Scope>> {
    let live = app.plugins.live();
    let mut own = route.order.iter();
    own.find(|expert| live.get(&principal.tenant, expert).is_some())?;
    let facts = NestedFacts {
        request: context.id,
        tenant: principal.tenant.clone(),
        scenario: route.scenario.clone(),
        decision: Some(route.decision.id),
        tags: route.tags.clone(),
    };
    // The caller's own name for the run; nobody else's run can be named with it.
    let run = headers
        .get("idempotency-key")
        .filter(|key| key.len() <= 256)
        .map(|key| {
            let digest = Sha256::new()
                .chain_update(principal.subject.as_str())
                .chain_update([0])
                .chain_update(key);
            hex::encode(digest.finalize())
        });
    Some(Arc::new(Scope {
        app: Arc::clone(app),
        principal: principal.clone(),
        context: context.clone(),
        scenario: route.scenario.clone(),
        source: route.source,
        chain: Vec::new(),
        run: run.unwrap_or_else(|| context.id.to_string()),
        nested: Nested::new(app, facts),
        trouble: Mutex::default(),
        shadow: false,
        booked_as: None,
    }))
}

/// The tenant as workers know it.
pub fn tenant_header(tenant: &TenantId) -> Option<HeaderValue> {
    HeaderValue::from_str(tenant.as_str()).ok()
}

/// What the pool is asked to do. If the client goes away, the booking is closed with whatever the
/// pool has to tell by then.
fn plan(
    app: &App,
    context: &RequestContext,
    route: &Route,
    slot: &Slot,
    body: RequestBody,
) -> CallPlan {
    let slot = slot.clone();
    CallPlan {
        request: context.id,
        body,
        candidates: route.order.clone(),
        timeout: context.left(app.clock.as_ref()),
        traceparent: Some(context.traceparent.clone()),
        task: route.task.clone(),
        tenant: None,
        scope: None,
        limits: AttemptLimits::default(),
        on_abandon: Some(Box::new(move |reports| slot.abandon(reports))),
    }
}

/// What the client is told where the pool has no answer: what a plugin said of itself, where that was why.
fn failed(failure: &PoolFailure, scope: Option<&Arc<Scope>>) -> ApiError {
    let own = scope.and_then(|scope| scope.trouble.lock().take());
    if let (Some(error), false) = (own, matches!(failure, PoolFailure::Refused { .. })) {
        return error;
    }
    let ms = |time: &Option<Nanos>| time.map_or(250, |t| t.get().div_ceil(1_000_000)).max(1);
    match failure {
        PoolFailure::NoReplica => failure::no_expert(1_000),
        PoolFailure::Overloaded { retry_after } => failure::no_expert(ms(retry_after)),
        PoolFailure::TimedOut => failure::deadline(),
        PoolFailure::Refused { status, body, .. } => refused_upstream(*status, body),
        PoolFailure::Failed { .. } => failure::expert_failed(),
    }
}

/// An expert says the request is wrong. Its word is passed on where it is about the request; where it
/// is about our own credentials or a model that is not there, the fault is ours.
fn refused_upstream(status: u16, body: &[u8]) -> ApiError {
    if !matches!(status, 400 | 413 | 422) {
        return failure::expert_failed();
    }
    let said: Value = serde_json::from_slice(body).unwrap_or_default();
    // Some servers put the error's fields at the top, and many have types and codes of their own.
    let error = said.get("error").unwrap_or(&said);
    let text = |name: &str| error.get(name)?.as_str().map(str::to_owned);
    let Some(message) = text("message") else {
        return failure::refused_by_expert();
    };
    let code = text("code").unwrap_or_else(|| "refused_by_expert".to_owned());
    ApiError {
        param: text("param"),
        ..ApiError::new(400, ErrorKind::InvalidRequestError, &code, message)
    }
}
