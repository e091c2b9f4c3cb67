//! Identifiers: names given by people (`TenantId`, …) and UUIDv7 made by the gateway (`RequestId`, …).

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// Why a text is no identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text breaks the grammar of names.
    #[error(
        "{kind} {text:?} is not a name: 1 to 64 of a-z, 0-9, '-', '.', starting with a letter or digit"
    )]
    Name {
        /// Which identifier was meant.
        kind: &'static str,
        /// What was given, cut at 80 characters.
        text: String,
    },
    /// The text is no UUID.
    #[error("{kind} {text:?} is not a uuid")]
    Uuid {
        /// Which identifier was meant.
        kind: &'static str,
        /// What was given, cut at 80 characters.
        text: String,
    },
}

fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    let Some(first) = bytes.next() else {
        return false;
    };
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    text.len() <= 64 && plain(first) && bytes.all(|b| plain(b) || b == b'-' || b == b'.')
}

fn cut(text: &str) -> String {
    text.chars().take(80).collect()
}

macro_rules! name_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Parses a name: 1 to 64 of `a-z 0-9 - .`, the first a letter or digit.
            pub fn new(text: &str) -> Result<Self, IdError> {
                if is_name(text) {
                    Ok(Self(Arc::from(text)))
                } else {
                    Err(IdError::Name { kind: $kind, text: cut(text) })
                }
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
                Self::new(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID made by an [`crate::IdSource`].
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID inside.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Uuid::parse_str(text)
                    .map(Self)
                    .map_err(|_| IdError::Uuid { kind: $kind, text: cut(text) })
            }
        }
    };
}

name_id!(
    /// An organisation or department with its own keys, limits, budget, data and bills.
    TenantId,
    "tenant"
);
name_id!(
    /// One kind of task of a tenant. `unassigned` is the scenario of requests that fit none.
    ScenarioId,
    "scenario"
);
name_id!(
    /// Something that can answer: a model, a plugin or a remote API.
    ExpertId,
    "expert"
);
name_id!(
    /// The workers that share a cost rate.
    PoolId,
    "pool"
);
name_id!(
    /// A remote API that charges by its own price list.
    ProviderId,
    "provider"
);
name_id!(
    /// The public part of an API key: it names the key in lists and in the ledger, and opens nothing.
    KeyId,
    "key"
);
uuid_id!(
    /// One request of a client.
    RequestId,
    "request"
);
uuid_id!(
    /// One try at one expert.
    AttemptId,
    "attempt"
);
uuid_id!(
    /// One choice of the gate.
    DecisionId,
    "decision"
);

impl ScenarioId {
    /// The scenario of requests that declare none and that the gate does not recognise.
    pub fn unassigned() -> Self {
        Self(Arc::from("unassigned"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        assert!(TenantId::new("aurora-bank").is_ok());
        for bad in ["", "-a", "A", "a b", "a/b", "ä", &"a".repeat(65)] {
            assert!(TenantId::new(bad).is_err(), "{bad:?}");
        }
        assert!(RequestId::from_str("nonsense").is_err());
    }
}
