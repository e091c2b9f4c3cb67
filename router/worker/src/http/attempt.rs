//! The headers a gateway sends with an attempt, checked.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue};
use units::{AttemptId, IdSource, Purpose};

use super::refused::{Refused, wrong};

/// Nobody waits longer; more is cut here.
const LONGEST: Duration = Duration::from_secs(3_600);

/// What is known of an attempt besides its body.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    /// `x-moegate-attempt`, or a new id.
    pub(crate) id: AttemptId,
    /// `x-moegate-purpose`, or serving.
    pub(crate) purpose: Purpose,
    /// `x-moegate-deadline-ms`: how long the client still waits.
    pub(crate) remaining: Option<Duration>,
    /// `x-moegate-task`: a hint, passed over by experts that have no such task.
    pub(crate) task: Option<String>,
    /// `x-moegate-tenant`: who asks, in a word that says nothing here.
    pub(crate) tenant: Arc<str>,
    /// `x-request-id`, for the answer.
    pub(crate) request: Option<HeaderValue>,
}

impl Attempt {
    /// Reads the headers; a header that is there must be right.
    pub(crate) fn read(headers: &HeaderMap, ids: &dyn IdSource) -> Result<Self, Refused> {
        let remaining = parsed::<u64>(headers, "x-moegate-deadline-ms", "whole milliseconds")?;
        let id = parsed(headers, "x-moegate-attempt", "a uuid")?;
        let purpose = parsed(headers, "x-moegate-purpose", "a purpose such as `serve`")?;
        Ok(Self {
            id: id.unwrap_or_else(|| ids.attempt()),
            purpose: purpose.unwrap_or(Purpose::Serve),
            remaining: remaining.map(|ms| Duration::from_millis(ms).min(LONGEST)),
            task: parsed(headers, "x-moegate-task", "a task's id")?,
            tenant: tenant(headers)?,
            request: headers.get("x-request-id").cloned(),
        })
    }
}

/// At most 128 bytes; who sends none is one tenant of its own.
fn tenant(headers: &HeaderMap) -> Result<Arc<str>, Refused> {
    let name = "x-moegate-tenant";
    let tenant = parsed::<String>(headers, name, "a tenant")?.unwrap_or_default();
    if tenant.len() > 128 {
        let message = format!("{name}: expected at most 128 bytes");
        return Err(wrong("invalid_header", name, message));
    }
    Ok(tenant.into())
}

fn parsed<T: FromStr>(
    headers: &HeaderMap,
    name: &str,
    expected: &str,
) -> Result<Option<T>, Refused> {
    let Some(value) = headers.get(name) else {
        return Ok(None);
    };
    let value = value.to_str().ok().and_then(|text| text.parse().ok());
    let refused = || {
        wrong(
            "invalid_header",
            name,
            format!("{name}: expected {expected}"),
        )
    };
    value.map(Some).ok_or_else(refused)
}
