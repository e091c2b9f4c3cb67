//! Reads a request's body within its bounds of size and time.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http_body_util::BodyExt;
use openai_api::ApiError;

use super::failure;

/// What is read and thrown away of a body that is too large, so that the client gets to read the
/// answer instead of a reset connection.
const LINGER_BYTES: usize = 64 << 20;

/// Bounds of a body.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Largest body in bytes.
    pub bytes: usize,
    /// Longest time for the whole body.
    pub time: Duration,
}

/// Refuses a body that is said to be something else than plain JSON, before any of it is read.
///
/// # Errors
/// 415 for another type or for a compressed body.
pub fn expect_json(headers: &HeaderMap) -> Result<(), ApiError> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or(""));
    if let Some(kind) = text(CONTENT_TYPE) {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        let kind = kind.to_ascii_lowercase();
        let json = kind == "application/json"
            || kind.starts_with("application/") && kind.ends_with("+json");
        if !json {
            return Err(failure::unsupported_type());
        }
    }
    match text(CONTENT_ENCODING) {
        None | Some("identity") => Ok(()),
        Some(_) => Err(failure::unsupported_encoding()),
    }
}

/// Reads the whole body.
///
/// # Errors
/// 413 where it is larger than the bound, 408 where it comes too slowly, 400 where it breaks off.
pub async fn read(headers: &HeaderMap, body: Body, bounds: Bounds) -> Result<Bytes, ApiError> {
    let declared = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse::<usize>().ok());
    if declared.is_some_and(|length| length > LINGER_BYTES.max(bounds.bytes)) {
        return Err(failure::too_large(bounds.bytes));
    }
    match tokio::time::timeout(bounds.time, collect(body, bounds.bytes)).await {
        Ok(read) => read,
        Err(_) => Err(failure::slow_body()),
    }
}

async fn collect(mut body: Body, bound: usize) -> Result<Bytes, ApiError> {
    let mut first: Option<Bytes> = None;
    let mut more = BytesMut::new();
    let mut length = 0_usize;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| failure::broken_body())?.into_data() else {
            continue;
        };
        length = length.saturating_add(data.len());
        if length > bound {
            if length > LINGER_BYTES {
                break;
            }
            continue;
        }
        match first.take() {
            None if more.is_empty() => first = Some(data),
            one => {
                more.extend_from_slice(&one.unwrap_or_default());
                more.extend_from_slice(&data);
            }
        }
    }
    if length > bound {
        return Err(failure::too_large(bound));
    }
    Ok(first.unwrap_or_else(|| more.freeze()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds {
        bytes: 8,
        time: Duration::from_secs(5),
    };

    fn pieces(list: &'static [&'static str]) -> Body {
        let pieces = list
            .iter()
            .map(|text| Ok::<_, std::io::Error>(Bytes::from_static(text.as_bytes())));
        Body::from_stream(futures_util::stream::iter(pieces))
    }

    #[tokio::test]
    async fn pieces_are_joined() {
        let read = read(&HeaderMap::new(), pieces(&["ab", "cd", "ef"]), BOUNDS).await;
        assert_eq!(read.unwrap(), "abcdef");
    }

    #[tokio::test]
    async fn a_large_body_is_refused_whether_declared_or_not() {
        let refused = read(&HeaderMap::new(), pieces(&["abcd", "efgh", "i"]), BOUNDS).await;
        assert_eq!(refused.unwrap_err().status, 413);
        let headers = [(CONTENT_LENGTH, super::super::context::header("99999999999"))];
        let refused = read(&headers.into_iter().collect(), Body::empty(), BOUNDS).await;
        assert_eq!(refused.unwrap_err().status, 413);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_body_is_refused() {
        let never =
            Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>());
        assert_eq!(
            read(&HeaderMap::new(), never, BOUNDS)
                .await
                .unwrap_err()
                .status,
            408
        );
    }

    #[tokio::test]
    async fn a_broken_body_is_refused() {
        let broken = futures_util::stream::iter([
            Ok(Bytes::from_static(b"ab")),
            Err(std::io::Error::other("gone")),
        ]);
        let refused = read(&HeaderMap::new(), Body::from_stream(broken), BOUNDS).await;
        assert_eq!(refused.unwrap_err().status, 400);
    }
}
