//! What a guest sends and gets back, and what of it may leave.

use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Uri};
use http_body_util::Full;

use crate::origin::parse;
use crate::scope::OPEN;
use crate::secret::sensitive;
use crate::{EgressError, Limits, Origin, Scope};

/// What a guest asks for. Nothing in it has been checked.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// `GET`, `HEAD`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: String,
    /// An absolute `https` URL.
    pub url: String,
    /// Names and values; values may hold placeholders of secrets.
    pub headers: Vec<(String, String)>,
    /// The body, as it is.
    pub body: Bytes,
    /// A shorter time than the limit.
    pub timeout: Option<Duration>,
}

/// What came back, with the values of secrets taken out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status, also one of 3xx: no redirect is followed.
    pub status: u16,
    /// The headers, without those of the connection.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Bytes,
}

/// Names that only the host sets, or that change how the connection is read.
const HOST_ONLY: &[&str] = &[
    "host",
    "content-length",
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "trailers",
    "transfer-encoding",
    "upgrade",
    "expect",
    "accept-encoding",
    "http2-settings",
    "via",
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
];

/// Headers that speak of the connection, taken from responses.
const HOP_BY_HOP: &[&str] = &[
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "proxy-authenticate",
    "proxy-connection",
    "proxy-authentication-info",
];

const METHODS: [Method; 6] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
];

/// A request that has passed every check but that of the address.
pub(crate) struct Checked {
    pub(crate) origin: Origin,
    pub(crate) message: http::Request<Full<Bytes>>,
}

impl Request {
    pub(crate) fn check(self, scope: &Scope, limits: &Limits) -> Result<Checked, EgressError> {
        within("the url", self.url.len(), limits.url)?;
        within("the request's body", self.body.len(), limits.request_body)?;
        misplaced("the url", self.url.as_bytes())?;
        misplaced("the url", &decoded(self.url.as_bytes()))?;
        misplaced("the body", &self.body)?;
        let method = METHODS.into_iter().find(|m| m.as_str() == self.method);
        let method = method.ok_or(EgressError::Method)?;
        let url = parse(&self.url)?;
        let origin = Origin::of(&url)?;
        if !scope.allows(&origin) {
            return Err(EgressError::Origin);
        }
        let headers = self.check_headers(scope, limits, &origin)?;
        let target = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let target: Uri = target
            .parse()
            .map_err(|_| EgressError::Url("the path cannot be sent"))?;
        let mut message = http::Request::new(Full::new(self.body));
        *message.method_mut() = method;
        *message.uri_mut() = target;
        *message.headers_mut() = headers;
        Ok(Checked { origin, message })
    }

    fn check_headers(
        &self,
        scope: &Scope,
        limits: &Limits,
        origin: &Origin,
    ) -> Result<HeaderMap, EgressError> {
        within("the number of headers", self.headers.len(), limits.headers)?;
        let bytes = self
            .headers
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum();
        within("the headers", bytes, limits.header_bytes)?;
        let mut map = HeaderMap::new();
        for (name, value) in &self.headers {
            misplaced("a header's name", name.as_bytes())?;
            let name = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| EgressError::Header("malformed name"))?;
            if HOST_ONLY.contains(&name.as_str()) || name.as_str().starts_with("proxy-") {
                return Err(EgressError::Header("set by the host"));
            }
            // A part of a response could show a part of a secret, which no one would recognise.
            if scope.has_secrets() && matches!(name.as_str(), "range" | "if-range") {
                return Err(EgressError::Header("no ranges where there are secrets"));
            }
            let value = match scope.fill(value, origin)? {
                Some(filled) => sensitive(&filled)?,
                None => HeaderValue::from_str(value)
                    .map_err(|_| EgressError::Header("malformed value"))?,
            };
            map.append(name, value);
        }
        let host = HeaderValue::from_str(&origin.authority())
            .map_err(|_| EgressError::Url("the host cannot be sent"))?;
        map.insert(header::HOST, host);
        map.insert(
            header::ACCEPT_ENCODING,
            HeaderValue::from_static("identity"),
        );
        map.insert(header::CONNECTION, HeaderValue::from_static("close"));
        Ok(map)
    }
}

impl Response {
    /// What a guest sees of a response.
    pub(crate) fn shown(
        status: u16,
        headers: &HeaderMap,
        body: Vec<u8>,
        scope: &Scope,
    ) -> Result<Self, EgressError> {
        let mut encodings = headers.get_all(header::CONTENT_ENCODING).iter();
        if scope.has_secrets() && encodings.any(|value| value.as_bytes() != b"identity") {
            return Err(EgressError::Encoded);
        }
        let shown = headers
            .iter()
            .filter(|(name, _)| !HOP_BY_HOP.contains(&name.as_str()))
            .filter(|(name, _)| !scope.shows_in(name.as_str()))
            .map(|(name, value)| {
                let text = |bytes: &[u8]| {
                    String::from_utf8_lossy(&scope.redact(bytes.to_vec())).into_owned()
                };
                (name.as_str().to_owned(), text(value.as_bytes()))
            })
            .collect();
        Ok(Self {
            status,
            headers: shown,
            body: Bytes::from(scope.redact(body)),
        })
    }
}

pub(crate) fn within(what: &'static str, size: usize, limit: usize) -> Result<(), EgressError> {
    if size > limit {
        return Err(EgressError::TooLarge { what, limit });
    }
    Ok(())
}

fn misplaced(place: &'static str, bytes: &[u8]) -> Result<(), EgressError> {
    if bytes
        .windows(OPEN.len())
        .any(|part| part.eq_ignore_ascii_case(OPEN.as_bytes()))
    {
        return Err(EgressError::Misplaced(place));
    }
    Ok(())
}

fn decoded(bytes: &[u8]) -> Vec<u8> {
    let digit = |byte: Option<&u8>| byte.and_then(|b| char::from(*b).to_digit(16));
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, tail)) = rest.split_first() {
        let pair = (digit(tail.first()), digit(tail.get(1)));
        if let (b'%', (Some(high), Some(low))) = (byte, pair) {
            out.push(u8::try_from(high * 16 + low).unwrap_or_default());
            rest = tail.get(2..).unwrap_or_default();
        } else {
            out.push(byte);
            rest = tail;
        }
    }
    out
}
