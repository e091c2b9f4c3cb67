//! What a request says about itself in its head: ids, trace and deadline.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use units::{Clock, IdSource, Nanos, RequestId, Timestamp};

/// Echoed where the client sends one, made where it does not.
pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// W3C trace context.
pub(super) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// What precedes the request's id in the id of an answer.
pub const ANSWER_PREFIX: &str = "chatcmpl-";

/// One request's own facts.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// The id in the ledger.
    pub id: RequestId,
    /// The value of `x-request-id` in the answer.
    pub echo: HeaderValue,
    /// The trace, continued or begun here.
    pub traceparent: HeaderValue,
    /// Wall clock at the head's arrival.
    pub started: Timestamp,
    /// Monotonic clock at the head's arrival.
    pub monotonic: Nanos,
    /// Time the client is willing to wait, at most the configured time.
    pub patience: Duration,
}

impl RequestContext {
    /// Reads a head.
    pub fn new(
        headers: &HeaderMap,
        clock: &dyn Clock,
        ids: &dyn IdSource,
        longest: Duration,
    ) -> Self {
        let id = ids.request();
        let echo = headers
            .get(&X_REQUEST_ID)
            .filter(|value| (1..=128).contains(&value.len()) && value.to_str().is_ok())
            .cloned();
        let made = || header(&id.to_string());
        Self {
            id,
            echo: echo.unwrap_or_else(made),
            traceparent: trace(headers, ids),
            started: clock.now(),
            monotonic: clock.monotonic(),
            patience: patience(headers).map_or(longest, |wish| wish.min(longest)),
        }
    }

    /// The id of the answer, which `/v1/feedback` takes.
    pub fn answer_id(&self) -> String {
        format!("{ANSWER_PREFIX}{}", self.id)
    }

    /// Time since the head's arrival.
    pub fn elapsed(&self, clock: &dyn Clock) -> Nanos {
        clock.monotonic().saturating_sub(self.monotonic)
    }

    /// Time left until the client stops waiting.
    pub fn left(&self, clock: &dyn Clock) -> Nanos {
        Nanos::from_duration(self.patience).saturating_sub(self.elapsed(clock))
    }
}

/// A header value of text that is known to be plain; an empty value where it is not.
pub fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}

/// `x-moegate-timeout-ms` in milliseconds, or the read timeout that OpenAI's SDKs tell in seconds.
fn patience(headers: &HeaderMap) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<f64>().ok();
    let seconds = number("x-moegate-timeout-ms")
        .map(|ms| ms / 1_000.0)
        .or_else(|| number("x-stainless-read-timeout"))
        .or_else(|| number("x-stainless-timeout"))?;
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|wish| !wish.is_zero())
}

/// Continues the client's trace with a span of our own, or begins one
/// (W3C Trace Context, `00-<trace id>-<parent id>-<flags>`).
fn trace(headers: &HeaderMap, ids: &dyn IdSource) -> HeaderValue {
    let own = ids.next().simple().to_string();
    let span = own.get(16..).unwrap_or_default();
    let given = headers
        .get(&TRACEPARENT)
        .and_then(|value| value.to_str().ok())
        .and_then(parse);
    match given {
        Some((trace, flags)) => header(&format!("00-{trace}-{span}-{flags}")),
        None => header(&format!("00-{}-{span}-01", ids.next().simple())),
    }
}

fn parse(text: &str) -> Option<(&str, &str)> {
    let mut parts = text.split('-');
    let (version, trace) = (parts.next()?, parts.next()?);
    let (parent, flags) = (parts.next()?, parts.next()?);
    let hex = |part: &str, length: usize| {
        part.len() == length && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let zero = |part: &str| part.bytes().all(|b| b == b'0');
    let valid = hex(version, 2) && version != "ff" && hex(trace, 32) && hex(parent, 16);
    (valid && hex(flags, 2) && !zero(trace) && !zero(parent)).then_some((trace, flags))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{SystemClock, UuidSource};

    fn context(pairs: &[(&'static str, &str)]) -> RequestContext {
        let headers = pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), header(value)))
            .collect();
        RequestContext::new(
            &headers,
            &SystemClock::new(),
            &UuidSource,
            Duration::from_secs(60),
        )
    }

    #[test]
    fn ids_are_echoed_or_made() {
        assert_eq!(context(&[("x-request-id", "abc")]).echo, "abc");
        let made = context(&[]);
        assert_eq!(made.echo.to_str().unwrap(), made.id.to_string());
        assert_ne!(
            context(&[("x-request-id", &"a".repeat(129))]).echo.len(),
            129
        );
    }

    #[test]
    fn a_trace_is_continued_only_where_it_is_valid() {
        let given = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
        let out = context(&[("traceparent", given)]).traceparent;
        let out = out.to_str().unwrap();
        assert!(out.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-") && out.ends_with("-00"));
        assert!(!out.contains("00f067aa0ba902b7"));
        let made = context(&[("traceparent", "00-xyz")]).traceparent;
        assert!(parse(made.to_str().unwrap()).is_some());
    }

    #[test]
    fn patience_is_bounded() {
        assert_eq!(context(&[]).patience, Duration::from_secs(60));
        assert_eq!(
            context(&[("x-stainless-read-timeout", "2.5")])
                .patience
                .as_millis(),
            2_500
        );
        assert_eq!(
            context(&[("x-moegate-timeout-ms", "100")])
                .patience
                .as_millis(),
            100
        );
        for odd in ["-1", "NaN", "1e300", "0", "x"] {
            let patience = context(&[("x-stainless-read-timeout", odd)]).patience;
            assert_eq!(patience, Duration::from_secs(60), "{odd}");
        }
    }
}
