//! The one credential of a request, out of its headers.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName};

use super::error::{AuthError, Cause};

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
/// Longer credentials are refused unread.
const MAX_BYTES: usize = 8 * 1024;
const BEARER: &str = "bearer";

/// The text of the credential: `Authorization: Bearer <text>` or `x-api-key: <text>`, exactly one of them, once.
pub(super) fn of(headers: &HeaderMap) -> Result<&str, AuthError> {
    let mut bearer = headers.get_all(AUTHORIZATION).iter();
    let mut plain = headers.get_all(API_KEY).iter();
    let (value, is_bearer) = match (bearer.next(), plain.next()) {
        (Some(value), None) => (value, true),
        (None, Some(value)) => (value, false),
        (None, None) => return Err(AuthError::Missing),
        (Some(_), Some(_)) => return Err(AuthError::Invalid(Cause::Ambiguous)),
    };
    if bearer.next().is_some() || plain.next().is_some() {
        return Err(AuthError::Invalid(Cause::Ambiguous));
    }
    if value.len() > BEARER.len().saturating_add(1).saturating_add(MAX_BYTES) {
        return Err(AuthError::Invalid(Cause::TooLong));
    }
    let value = value
        .to_str()
        .map_err(|_| AuthError::Invalid(Cause::Characters))?;
    let text = if is_bearer {
        after_scheme(value)?
    } else {
        value.trim()
    };
    checked(text)
}

fn after_scheme(value: &str) -> Result<&str, AuthError> {
    let value = value.trim();
    let (scheme, text) = value.split_once(' ').unwrap_or((value, ""));
    if scheme.eq_ignore_ascii_case(BEARER) {
        Ok(text.trim_start())
    } else if scheme.is_empty() {
        Err(AuthError::Missing)
    } else {
        Err(AuthError::Invalid(Cause::Scheme))
    }
}

/// RFC 6750 §2.1: the characters of `b64token`. All our keys and all JWTs are made of them.
fn checked(text: &str) -> Result<&str, AuthError> {
    if text.is_empty() {
        return Err(AuthError::Missing);
    }
    if text.len() > MAX_BYTES {
        return Err(AuthError::Invalid(Cause::TooLong));
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    if text.bytes().all(plain) {
        Ok(text)
    } else {
        Err(AuthError::Invalid(Cause::Characters))
    }
}
