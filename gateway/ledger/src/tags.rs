//! Tags of a request: by what else than its scenario its cost is to be told apart, such as the team.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Most tags of one request.
const MOST: usize = 8;
/// Most characters of a key.
const KEY: usize = 32;
/// Most characters of a value.
const VALUE: usize = 64;
/// The value that stands for all those past the bound of distinct ones.
const OTHER: &str = "other";

/// One or more tags, each key once, in the order of the keys. The text is `key=value;key=value`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tags(Arc<str>);

/// Why pairs are no tags.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TagError {
    /// The key is malformed.
    #[error("a tag's key is 1 to {KEY} of a-z, 0-9, _ and -")]
    Key,
    /// The value is malformed.
    #[error(
        "the value of tag {0} is not 1 to {VALUE} letters, digits, blanks and any of _ . : / @ + -"
    )]
    Value(String),
    /// There are too many.
    #[error("a request has at most {MOST} tags")]
    TooMany,
}

impl Tags {
    /// The longest text of tags, in bytes: a character has four at most.
    pub const LONGEST: usize = MOST * (KEY + 4 * VALUE + 2);

    /// Checks pairs and orders them; a later pair takes the place of an earlier one of its key. Without pairs there are no
    /// tags.
    ///
    /// # Errors
    /// A key, a value or their number is out of bounds.
    pub fn new<'a>(
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Option<Self>, TagError> {
        let mut sorted = BTreeMap::new();
        for (key, value) in pairs {
            if !is_key(key) {
                return Err(TagError::Key);
            }
            if !is_value(value) {
                return Err(TagError::Value(key.to_owned()));
            }
            sorted.insert(key, value);
        }
        if sorted.len() > MOST {
            return Err(TagError::TooMany);
        }
        Ok((!sorted.is_empty()).then(|| Self::join(&sorted)))
    }

    /// Tags as they were stored.
    ///
    /// # Errors
    /// The text is none of [`Tags::as_str`].
    pub fn parse(text: &str) -> Result<Self, TagError> {
        let pairs: Option<Vec<_>> = text.split(';').map(|pair| pair.split_once('=')).collect();
        let tags = Self::new(pairs.ok_or(TagError::Key)?)?;
        tags.filter(|tags| tags.as_str() == text)
            .ok_or(TagError::Key)
    }

    /// The text they are stored as.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Keys with their values, in order.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.split(';').filter_map(|pair| pair.split_once('='))
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.pairs()
            .find(|(own, _)| *own == key)
            .map(|(_, value)| value)
    }

    /// The same keys, with `other` for the value of each that is not among `kept`.
    #[must_use]
    pub fn folded(&self, kept: Option<&Self>) -> Self {
        let value = |key| kept.and_then(|kept| kept.get(key)).unwrap_or(OTHER);
        Self::join(&self.pairs().map(|(key, _)| (key, value(key))).collect())
    }

    fn join(pairs: &BTreeMap<&str, &str>) -> Self {
        let pairs: Vec<String> = pairs.iter().map(|(k, v)| format!("{k}={v}")).collect();
        Self(pairs.join(";").into())
    }
}

impl fmt::Debug for Tags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tags({})", self.0)
    }
}

/// Is it a tag's key?
pub fn is_key(key: &str) -> bool {
    let plain = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-')
    };
    (1..=KEY).contains(&key.len()) && key.bytes().all(plain)
}

fn is_value(value: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || " _.:/@+-".contains(c);
    let trimmed = value.trim() == value;
    trimmed && (1..=VALUE).contains(&value.chars().count()) && value.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordered_and_each_key_once() {
        let tags = Tags::new([("team", "a"), ("project", "x/1"), ("team", "Zürich 2")]);
        let tags = tags.unwrap().unwrap();
        assert_eq!(tags.as_str(), "project=x/1;team=Zürich 2");
        assert_eq!(tags.get("team"), Some("Zürich 2"));
        assert_eq!(tags.get("tea"), None);
        assert_eq!(Tags::parse(tags.as_str()), Ok(tags));
        assert_eq!(Tags::new([]), Ok(None));
    }

    #[test]
    fn malformed() {
        let value = |text| Tags::new([("team", text)]);
        let long = "é".repeat(65);
        for bad in [
            "", " a", "a ", "a;b", "a=b", "a\nb", "=1+1|", "\"", "a%", &long,
        ] {
            assert_eq!(value(bad), Err(TagError::Value("team".into())), "{bad:?}");
        }
        assert!(value(&"é".repeat(64)).is_ok());
        for key in ["", "Team", "te am", &"k".repeat(33)] {
            assert_eq!(Tags::new([(key, "a")]), Err(TagError::Key), "{key:?}");
        }
        let keys: Vec<String> = (0..9).map(|n| format!("k{n}")).collect();
        let many = Tags::new(keys.iter().map(|key| (key.as_str(), "v")));
        assert_eq!(many, Err(TagError::TooMany));
        for text in ["", "a", "b=1;a=2", "a=1;a=1", "a=1;"] {
            assert!(Tags::parse(text).is_err(), "{text:?}");
        }
        let pairs = keys.iter().take(8).map(|key| (key.as_str(), "v"));
        let full = Tags::new(pairs).unwrap().unwrap();
        assert!(full.as_str().len() <= Tags::LONGEST);
    }

    #[test]
    fn folding_keeps_what_is_fixed() {
        let tags = Tags::new([("team", "research"), ("project", "x")]);
        let (tags, fixed) = (tags.unwrap().unwrap(), Tags::new([("team", "research")]));
        let folded = tags.folded(fixed.unwrap().as_ref());
        assert_eq!(folded.as_str(), "project=other;team=research");
        assert_eq!(tags.folded(None).as_str(), "project=other;team=other");
    }
}
