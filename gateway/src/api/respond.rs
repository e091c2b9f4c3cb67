//! The one place where an error becomes a status, headers and a JSON body.

use axum::body::Body;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use openai_api::ApiError;

use super::context::{RequestContext, TRACEPARENT, X_REQUEST_ID};

const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");
const X_SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The answer for an error.
pub fn error(context: &RequestContext, error: &ApiError) -> Response<Body> {
    let mut response = json(context, status(error.status), error.to_json());
    let headers = response.headers_mut();
    if let Some(ms) = error.retry_after_ms {
        headers.insert(RETRY_AFTER, HeaderValue::from(ms.div_ceil(1_000).max(1)));
        headers.insert(RETRY_AFTER_MS, HeaderValue::from(ms));
    }
    if let Some(retry) = error.should_retry {
        headers.insert(
            X_SHOULD_RETRY,
            HeaderValue::from_static(if retry { "true" } else { "false" }),
        );
    }
    if error.status == 401 {
        // RFC 6750 §3.1: who sent no credential is told the scheme and nothing else.
        let challenge = match error.code.as_deref() {
            Some("missing_credentials") => "Bearer",
            _ => "Bearer error=\"invalid_token\"",
        };
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    response
}

/// A JSON answer with the request's own headers.
pub fn json(context: &RequestContext, status: StatusCode, body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.reserve(16);
    headers.insert(CONTENT_TYPE, JSON);
    own_headers(context, &mut response);
    response
}

/// A JSON answer of status 200 from bytes that are JSON already.
pub fn json_bytes(context: &RequestContext, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    response.headers_mut().reserve(16);
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    own_headers(context, &mut response);
    response
}

/// Sets the headers that every answer carries.
pub fn own_headers(context: &RequestContext, response: &mut Response<Body>) {
    let headers = response.headers_mut();
    headers.insert(X_REQUEST_ID, context.echo.clone());
    headers.insert(TRACEPARENT, context.traceparent.clone());
}

/// A serialisable value as a JSON answer of status 200.
pub fn ok<T: serde::Serialize>(context: &RequestContext, value: &T) -> Response<Body> {
    match serde_json::to_vec(value) {
        Ok(body) => json(context, StatusCode::OK, body),
        Err(why) => {
            tracing::error!(%why, "an answer cannot be serialised");
            error(context, &super::failure::internal())
        }
    }
}

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
