//! What a tenant, a key or a JWT subject may use, as configuration and stores write it.

use std::num::{NonZeroU32, NonZeroU64};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use units::Pico;

/// Limits of one tenant, one key or one subject. What is unset is not limited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Requests per minute; a full minute's worth may come at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<NonZeroU32>,
    /// Tokens per minute, input and output together; a full minute's worth may come at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_minute: Option<NonZeroU64>,
    /// Requests at the same time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<NonZeroU32>,
    /// Money per calendar month (UTC), a decimal text such as `"250.00"`; nothing may be spent of `"0"`.
    #[serde(default, with = "budget", skip_serializing_if = "Option::is_none")]
    pub monthly_budget: Option<Pico>,
}

/// Limits of a tenant.
pub type TenantLimits = Limits;
/// Limits of a key.
pub type KeyLimits = Limits;

impl Limits {
    /// No limit at all.
    pub const NONE: Self = Self {
        requests_per_minute: None,
        tokens_per_minute: None,
        concurrency: None,
        monthly_budget: None,
    };

    /// Is nothing limited?
    pub fn is_none(&self) -> bool {
        *self == Self::NONE
    }
}

mod budget {
    use super::{Deserialize, Deserializer, Pico, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(budget: &Option<Pico>, s: S) -> Result<S::Ok, S::Error> {
        budget.map(|pico| pico.to_string()).serialize(s)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Pico>, D::Error> {
        let Some(text) = Option::<String>::deserialize(d)? else {
            return Ok(None);
        };
        let pico: Pico = text.parse().map_err(serde::de::Error::custom)?;
        if pico.is_negative() {
            return Err(serde::de::Error::custom("a budget cannot be negative"));
        }
        Ok(Some(pico))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        let text = r#"
            requests_per_minute = 60
            tokens_per_minute = 90000
            concurrency = 4
            monthly_budget = "250.5"
        "#;
        let limits: Limits = toml::from_str(text).unwrap();
        assert_eq!(limits.requests_per_minute, NonZeroU32::new(60));
        assert_eq!(limits.tokens_per_minute, NonZeroU64::new(90_000));
        assert_eq!(limits.concurrency, NonZeroU32::new(4));
        assert_eq!(limits.monthly_budget, Some(Pico::new(250_500_000_000_000)));
        let json = serde_json::to_string(&limits).unwrap();
        assert_eq!(serde_json::from_str::<Limits>(&json).unwrap(), limits);
        assert!(toml::from_str::<Limits>("").unwrap().is_none());
    }

    #[test]
    fn refuses_what_makes_no_sense() {
        for wrong in [
            "requests_per_minute = 0",
            "requests_per_minute = -1",
            "concurrency = 0",
            "monthly_budget = 250.5",
            "monthly_budget = \"-1\"",
            "monthly_budget = \"1e3\"",
            "requests_per_second = 1",
        ] {
            assert!(toml::from_str::<Limits>(wrong).is_err(), "{wrong}");
        }
    }
}
