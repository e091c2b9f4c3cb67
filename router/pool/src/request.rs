//! The HTTP request of one attempt.

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use http_body_util::Full;
use units::{AttemptId, Nanos, Purpose, RequestId};

use crate::replica::{Member, Replica};
use crate::{CallPlan, CallScope, ReplicaKind, RequestBody};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const ATTEMPT: HeaderName = HeaderName::from_static("x-moegate-attempt");
const PURPOSE: HeaderName = HeaderName::from_static("x-moegate-purpose");
const DEADLINE: HeaderName = HeaderName::from_static("x-moegate-deadline-ms");
const TASK: HeaderName = HeaderName::from_static("x-moegate-task");
const TENANT: HeaderName = HeaderName::from_static("x-moegate-tenant");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Whole, or in pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Whole,
    Stream,
}

/// What every attempt of a request sends.
pub(crate) struct Ask<'a> {
    pub(crate) request: RequestId,
    pub(crate) body: &'a RequestBody,
    pub(crate) traceparent: Option<&'a HeaderValue>,
    pub(crate) task: Option<&'a HeaderValue>,
    pub(crate) tenant: Option<&'a HeaderValue>,
    pub(crate) form: Form,
    pub(crate) scope: Option<&'a CallScope>,
}

impl<'a> Ask<'a> {
    pub(crate) fn of(plan: &'a CallPlan, form: Form) -> Self {
        Self {
            request: plan.request,
            body: &plan.body,
            traceparent: plan.traceparent.as_ref(),
            task: plan.task.as_ref(),
            tenant: plan.tenant.as_ref(),
            form,
            scope: plan.scope.as_ref(),
        }
    }

    /// The request for a replica.
    pub(crate) fn build(
        &self,
        replica: &Replica,
        attempt: AttemptId,
        purpose: Purpose,
        left: Nanos,
    ) -> Request<Full<Bytes>> {
        let member = &replica.member;
        let mut headers = HeaderMap::with_capacity(13);
        headers.insert(HOST, member.host.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let accept = match self.form {
            Form::Whole => "application/json",
            Form::Stream => "text/event-stream",
        };
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        if let Some(authorization) = &member.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        let mut buffer = [0_u8; 36];
        let request = &*self.request.uuid().hyphenated().encode_lower(&mut buffer);
        insert(&mut headers, REQUEST_ID, request);
        let attempt = &*attempt.uuid().hyphenated().encode_lower(&mut buffer);
        insert(&mut headers, ATTEMPT, attempt);
        headers.insert(PURPOSE, HeaderValue::from_static(purpose.as_str()));
        headers.insert(DEADLINE, HeaderValue::from(left.get() / 1_000_000));
        if let Some(traceparent) = self.traceparent {
            headers.insert(TRACEPARENT, traceparent.clone());
        }
        if let Some(task) = self.task {
            headers.insert(TASK, task.clone());
        }
        if let (Some(tenant), ReplicaKind::Worker) = (self.tenant, member.kind) {
            headers.insert(TENANT, tenant.clone());
        }
        let body = Full::new(self.body.for_model(&replica.model));
        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = member.chat.clone();
        *request.headers_mut() = headers;
        if let (Some(scope), true) = (self.scope, member.local.is_some()) {
            request.extensions_mut().insert(scope.clone());
        }
        request
    }
}

/// The request for a worker's status.
pub(crate) fn status(member: &Member) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::default());
    *request.uri_mut() = member.status.clone();
    request.headers_mut().insert(HOST, member.host.clone());
    request
}

fn insert(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}
