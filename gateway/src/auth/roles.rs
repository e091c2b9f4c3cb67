//! The roles a principal may hold, as a set in one byte. It must not know what a role opens.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What somebody is allowed to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Asks questions: the inference endpoints.
    User,
    /// Judges answers for the books: gold labels, scores of a judge model or of a verifier.
    Reviewer,
    /// Publishes experts and workflows.
    Partner,
    /// Reads costs and verdicts.
    Finance,
    /// Runs the gateway and sees everything of its tenant.
    Admin,
}

impl Role {
    /// Every role, in order.
    pub const ALL: [Self; 5] = [
        Self::User,
        Self::Reviewer,
        Self::Partner,
        Self::Finance,
        Self::Admin,
    ];

    /// The name in configuration, claims and stores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Reviewer => "reviewer",
            Self::Partner => "partner",
            Self::Finance => "finance",
            Self::Admin => "admin",
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Self::User => 1,
            Self::Partner => 2,
            Self::Finance => 4,
            Self::Admin => 8,
            Self::Reviewer => 16,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that is no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a role: user, reviewer, partner, finance or admin")]
pub struct UnknownRole(String);

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| UnknownRole(text.chars().take(40).collect()))
    }
}

/// A set of roles. Serialised as a list of names; its text form is the names with commas between.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Roles(u8);

impl Roles {
    /// Nobody.
    pub const NONE: Self = Self(0);
    /// A plain user of the inference endpoints.
    pub const USER: Self = Self(Role::User.bit());

    /// Does the set hold the role?
    pub const fn contains(self, role: Role) -> bool {
        self.0 & role.bit() != 0
    }

    /// The set with one more role.
    #[must_use]
    pub const fn with(self, role: Role) -> Self {
        Self(self.0 | role.bit())
    }

    /// The roles in order.
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL
            .into_iter()
            .filter(move |role| self.contains(*role))
    }
}

impl FromIterator<Role> for Roles {
    fn from_iter<I: IntoIterator<Item = Role>>(roles: I) -> Self {
        roles.into_iter().fold(Self::NONE, Self::with)
    }
}

impl fmt::Debug for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{self}]")
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, role) in self.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{role}")?;
        }
        Ok(())
    }
}

impl FromStr for Roles {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        text.split(',')
            .filter(|name| !name.is_empty())
            .map(str::parse)
            .collect()
    }
}

impl Serialize for Roles {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Roles {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Ok(Vec::<Role>::deserialize(d)?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_set_survives_text_and_json() {
        for bits in 0..32_u8 {
            let set = Roles(bits);
            assert_eq!(set.to_string().parse::<Roles>(), Ok(set));
            let json = serde_json::to_string(&set).unwrap();
            assert_eq!(serde_json::from_str::<Roles>(&json).unwrap(), set);
        }
    }

    #[test]
    fn an_unknown_role_is_an_error() {
        assert!("user,root".parse::<Roles>().is_err());
        assert!(serde_json::from_str::<Roles>(r#"["root"]"#).is_err());
    }
}
