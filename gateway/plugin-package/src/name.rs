//! `namespace/name`, as publishers name plugins.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The name of a plugin: `namespace/name`, each 1 to 31 of `a-z 0-9 -`, starting with a letter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PluginName {
    namespace: String,
    name: String,
}

/// Why a text is no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no plugin name: expected namespace/name, each 1 to 31 of a-z, 0-9 and '-', starting with a letter"
)]
pub struct NameError {
    /// What was given, cut at 80 characters.
    pub text: String,
}

impl PluginName {
    /// The publisher's part.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The plugin's part.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// As an expert is named: `namespace.name`.
    pub fn as_expert(&self) -> String {
        format!("{}.{}", self.namespace, self.name)
    }
}

fn is_part(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    text.len() <= 31
        && text
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_lowercase())
        && text.bytes().all(plain)
}

impl FromStr for PluginName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        match text.split_once('/') {
            Some((namespace, name)) if is_part(namespace) && is_part(name) => Ok(Self {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
            }),
            _ => Err(NameError {
                text: text.chars().take(80).collect(),
            }),
        }
    }
}

impl fmt::Display for PluginName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

impl<'de> Deserialize<'de> for PluginName {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl Serialize for PluginName {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        let name: PluginName = "acme/support-bot".parse().unwrap();
        assert_eq!(name.to_string(), "acme/support-bot");
        assert_eq!(name.as_expert(), "acme.support-bot");
        for wrong in [
            "", "a", "a/", "/b", "a/b/c", "A/b", "a/b.c", "../x", "a/..", "1a/b", "a b/c",
        ] {
            assert!(wrong.parse::<PluginName>().is_err(), "{wrong}");
        }
    }
}
