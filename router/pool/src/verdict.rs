//! What the head of an answer, or a failure, means for the request: done, again, elsewhere, or over.

use http::HeaderMap;
use http::header::RETRY_AFTER;
use units::Nanos;

use crate::AttemptError;

/// What to do after a failed try, as long as nothing reached the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing was done for the request: the same expert may be asked again.
    Again,
    /// The expert itself seems wrong: ask the next-best one.
    Elsewhere,
    /// No other try can help.
    Over,
}

/// Judges a failed try.
pub(crate) fn next(error: &AttemptError) -> Next {
    match error {
        AttemptError::Connect(_)
        | AttemptError::ConnectTimeout
        | AttemptError::Reset
        | AttemptError::Truncated
        | AttemptError::Overloaded { .. }
        | AttemptError::Http(502..=504) => Next::Again,
        AttemptError::Http(401 | 403 | 404 | 407 | 408 | 500..=599)
        | AttemptError::BadAnswer(_)
        | AttemptError::InStream => Next::Elsewhere,
        AttemptError::Http(400..=499) | AttemptError::Deadline | AttemptError::Abandoned => {
            Next::Over
        }
        // Neither success nor failure, such as a redirect, which is never followed.
        AttemptError::Http(_) => Next::Elsewhere,
    }
}

/// The error a status stands for; `None` for a success.
pub(crate) fn of_status(status: u16, headers: &HeaderMap) -> Option<AttemptError> {
    if (200..300).contains(&status) {
        return None;
    }
    let retry_after = retry_after(headers);
    Some(match status {
        429 => AttemptError::Overloaded {
            status,
            retry_after,
        },
        503 if retry_after.is_some() => AttemptError::Overloaded {
            status,
            retry_after,
        },
        _ => AttemptError::Http(status),
    })
}

/// `retry-after-ms`, else `retry-after` in seconds. A date is passed over.
fn retry_after(headers: &HeaderMap) -> Option<Nanos> {
    let number = |name: &str| {
        let text = headers.get(name)?.to_str().ok()?;
        text.trim()
            .parse::<f64>()
            .ok()
            .filter(|n| (0.0..=86_400_000.0).contains(n))
    };
    let seconds = match number("retry-after-ms") {
        Some(ms) => ms / 1_000.0,
        None => number(RETRY_AFTER.as_str())?,
    };
    std::time::Duration::try_from_secs_f64(seconds)
        .ok()
        .map(Nanos::from_duration)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    fn of(status: u16, header: Option<(&'static str, &'static str)>) -> Option<AttemptError> {
        let mut headers = HeaderMap::new();
        if let Some((name, value)) = header {
            headers.insert(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        of_status(status, &headers)
    }

    #[test]
    fn statuses_are_judged() {
        assert_eq!(of(200, None), None);
        let told = |ns| {
            Some(AttemptError::Overloaded {
                status: 503,
                retry_after: Some(Nanos::new(ns)),
            })
        };
        assert_eq!(of(503, Some(("retry-after", "2"))), told(2_000_000_000));
        assert_eq!(of(503, Some(("retry-after-ms", "1.5"))), told(1_500_000));
        assert_eq!(
            of(503, Some(("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT"))),
            Some(AttemptError::Http(503))
        );
        assert_eq!(
            of(503, Some(("retry-after", "-1"))),
            Some(AttemptError::Http(503))
        );
        for (status, expected) in [
            (429, Next::Again),
            (502, Next::Again),
            (503, Next::Again),
            (504, Next::Again),
            (500, Next::Elsewhere),
            (501, Next::Elsewhere),
            (401, Next::Elsewhere),
            (404, Next::Elsewhere),
            (302, Next::Elsewhere),
            (400, Next::Over),
            (413, Next::Over),
            (422, Next::Over),
        ] {
            assert_eq!(
                of(status, None).map(|e| next(&e)),
                Some(expected),
                "{status}"
            );
        }
    }
}
