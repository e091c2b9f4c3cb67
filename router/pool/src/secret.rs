//! A remote's key: it can be sent, never shown.

use std::fmt;

use http::HeaderValue;

/// Why a text is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key is empty or holds a character that no header may hold")]
pub struct ApiKeyError;

/// The key of a remote expert. Its `Debug` form hides it.
#[derive(Clone)]
pub struct ApiKey(HeaderValue);

impl ApiKey {
    /// Takes a key as an environment variable or a file gives it; blanks around it are dropped.
    pub fn new(text: &str) -> Result<Self, ApiKeyError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(ApiKeyError);
        }
        let mut value =
            HeaderValue::from_str(&format!("Bearer {text}")).map_err(|_| ApiKeyError)?;
        value.set_sensitive(true);
        Ok(Self(value))
    }

    /// The value of the `authorization` header.
    pub(crate) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_never_shown() {
        let key = ApiKey::new(" sk-very-secret\n").unwrap();
        assert!(!format!("{key:?}").contains("secret"));
        assert!(!format!("{:?}", key.header()).contains("secret"));
        assert_eq!(key.header().as_bytes(), b"Bearer sk-very-secret");
        assert!(ApiKey::new("  ").is_err());
        assert!(ApiKey::new("a\nb").is_err());
    }
}
