//! Names from outside that have been checked.

use std::fmt;

use crate::DocumentsError;

/// The name of a collection; safe as the name of a folder.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Collection(String);

impl Collection {
    /// Takes 1 to 64 of `a-z 0-9 - _`, the first a letter or digit.
    pub fn new(text: &str) -> Result<Self, DocumentsError> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let first = text.bytes().next().is_some_and(plain);
        let rest = text.bytes().all(|b| plain(b) || b == b'-' || b == b'_');
        if first && rest && text.len() <= 64 {
            return Ok(Self(text.to_owned()));
        }
        Err(DocumentsError::Collection)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Collection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a document is called by its owner. It never becomes a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DocumentId(String);

impl DocumentId {
    /// Takes 1 to 256 bytes without control characters.
    pub fn new(text: &str) -> Result<Self, DocumentsError> {
        if text.is_empty() || text.len() > 256 || text.chars().any(char::is_control) {
            return Err(DocumentsError::DocumentId);
        }
        Ok(Self(text.to_owned()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
