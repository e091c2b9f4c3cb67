//! The `x-ratelimit-*` headers.

use http::{HeaderMap, HeaderName, HeaderValue};
use units::Nanos;

use super::bucket::Window;

/// What the client is told of its rate limits: the tighter of the tenant's and the key's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RateHeaders {
    /// Requests per minute; `None` where nothing limits them.
    pub requests: Option<Window>,
    /// Tokens per minute; `None` where nothing limits them.
    pub tokens: Option<Window>,
}

const REQUESTS: [HeaderName; 3] = [
    HeaderName::from_static("x-ratelimit-limit-requests"),
    HeaderName::from_static("x-ratelimit-remaining-requests"),
    HeaderName::from_static("x-ratelimit-reset-requests"),
];
const TOKENS: [HeaderName; 3] = [
    HeaderName::from_static("x-ratelimit-limit-tokens"),
    HeaderName::from_static("x-ratelimit-remaining-tokens"),
    HeaderName::from_static("x-ratelimit-reset-tokens"),
];

impl RateHeaders {
    /// Writes the headers of the limits that there are.
    pub fn write(&self, headers: &mut HeaderMap) {
        for (window, names) in [(self.requests, REQUESTS), (self.tokens, TOKENS)] {
            let Some(window) = window else { continue };
            let [limit, remaining, reset] = names;
            headers.insert(limit, HeaderValue::from(window.limit));
            headers.insert(remaining, HeaderValue::from(window.remaining));
            if let Ok(value) = HeaderValue::try_from(span(window.reset)) {
                headers.insert(reset, value);
            }
        }
    }

    /// Of each pair the one with less left.
    pub(super) fn tighter(self, other: Self) -> Self {
        Self {
            requests: tighter(self.requests, other.requests),
            tokens: tighter(self.tokens, other.tokens),
        }
    }
}

fn tighter(a: Option<Window>, b: Option<Window>) -> Option<Window> {
    match (a, b) {
        (Some(a), Some(b)) if b.remaining < a.remaining => Some(b),
        (a, b) => a.or(b),
    }
}

/// A time as OpenAI writes it: `17ms`, `1s`, `6m0s`, rounded up.
pub(super) fn span(time: Nanos) -> String {
    let ms = time.get().div_ceil(1_000_000);
    if ms < 1_000 {
        return format!("{ms}ms");
    }
    let seconds = ms.div_ceil(1_000);
    match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("{seconds}s"),
        (minutes, seconds) => format!("{minutes}m{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans() {
        let shown = |ns| span(Nanos::new(ns));
        assert_eq!(shown(0), "0ms");
        assert_eq!(shown(1), "1ms");
        assert_eq!(shown(999_000_001), "1s");
        assert_eq!(shown(1_000_000_001), "2s");
        assert_eq!(shown(360_000_000_000), "6m0s");
    }

    #[test]
    fn writes_what_there_is() {
        let mut headers = HeaderMap::new();
        RateHeaders::default().write(&mut headers);
        assert!(headers.is_empty());
        let window = Window {
            limit: 60,
            remaining: 59,
            reset: Nanos::new(1_000_000_000),
        };
        RateHeaders {
            requests: Some(window),
            tokens: None,
        }
        .write(&mut headers);
        assert_eq!(headers.len(), 3);
        assert_eq!(headers["x-ratelimit-limit-requests"], "60");
        assert_eq!(headers["x-ratelimit-remaining-requests"], "59");
        assert_eq!(headers["x-ratelimit-reset-requests"], "1s");
    }

    #[test]
    fn the_tighter_one_is_shown() {
        let window = |remaining| {
            Some(Window {
                limit: 10,
                remaining,
                reset: Nanos::ZERO,
            })
        };
        let a = RateHeaders {
            requests: window(3),
            tokens: None,
        };
        let b = RateHeaders {
            requests: window(2),
            tokens: window(9),
        };
        assert_eq!(a.tighter(b), b);
        assert_eq!(b.tighter(a), b);
    }
}
