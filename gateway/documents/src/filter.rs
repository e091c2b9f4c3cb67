//! Which documents count, by their metadata.

use crate::DocumentsError;

#[cfg(test)]
mod tests;

/// Pairs a document's metadata must all have. The empty filter admits every document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter(Vec<(String, String)>);

impl Filter {
    /// Parses `key=value[,key=value]`, at most 8 pairs. A value ends at the comma; there is no escape.
    pub fn parse(text: &str) -> Result<Self, DocumentsError> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let pairs: Vec<_> = text
            .split(',')
            .take(9)
            .map(pair)
            .collect::<Result<_, _>>()?;
        if pairs.len() > 8 {
            return Err(DocumentsError::Filter("more than 8 pairs"));
        }
        Ok(Self(pairs))
    }

    /// The terms of the index that a document must have.
    pub(crate) fn terms(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|(key, value)| term(key, value))
    }
}

/// How a pair stands in the index. A key has no NUL, so no pair is read as another.
pub(crate) fn term(key: &str, value: &str) -> String {
    format!("{key}\0{value}")
}

fn pair(text: &str) -> Result<(String, String), DocumentsError> {
    let (key, value) = text
        .split_once('=')
        .ok_or(DocumentsError::Filter("a pair has no '='"))?;
    let (key, value) = (key.trim(), value.trim());
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    if key.is_empty() || key.len() > 64 || !key.chars().all(plain) {
        return Err(DocumentsError::Filter(
            "a key is letters, digits, '-', '_', '.'",
        ));
    }
    if value.is_empty() || value.len() > 256 || value.chars().any(char::is_control) {
        return Err(DocumentsError::Filter("a value is 1 to 256 bytes"));
    }
    Ok((key.to_owned(), value.to_owned()))
}
