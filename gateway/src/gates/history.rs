//! What was done with versions, one JSON line each, only ever added.

use serde::{Deserialize, Serialize};

/// One line of the history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// When, ns since 1970.
    pub at: i64,
    /// What.
    pub action: Action,
    /// The version; `None`: the gate of the configuration.
    pub version: Option<String>,
    /// What was in its place before.
    #[serde(default)]
    pub before: Option<String>,
    /// Why a promotion was forced.
    #[serde(default)]
    pub forced: Option<String>,
    /// What was known of it: a verdict, or reasons.
    #[serde(default)]
    pub evidence: Option<serde_json::Value>,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A version was made.
    Retrain,
    /// It was put into the shadow.
    Shadow,
    /// The shadow was emptied.
    Unshadow,
    /// It was made the live one.
    Promote,
    /// It was refused.
    Refuse,
    /// The one before took its place again.
    Rollback,
}

impl Action {
    /// The name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Retrain => "retrain",
            Self::Shadow => "shadow",
            Self::Unshadow => "unshadow",
            Self::Promote => "promote",
            Self::Refuse => "refuse",
            Self::Rollback => "rollback",
        }
    }
}
