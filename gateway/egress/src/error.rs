//! Why there is no response.

use std::net::IpAddr;

/// Why there is no response. No variant carries what a server said or a secret's value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EgressError {
    /// The text is no URL, or no origin where one is asked for.
    #[error("the url is not valid: {0}")]
    Url(&'static str),
    /// The origin is not on the list of the scope.
    #[error("the origin of the url is not allowed")]
    Origin,
    /// A name leads to an address that must not be reached.
    #[error("address {0} is not reachable from here")]
    Address(IpAddr),
    /// The method is not on the list.
    #[error("the method is not allowed")]
    Method,
    /// A header that the host sets itself, or one that is malformed.
    #[error("a header is not allowed: {0}")]
    Header(&'static str),
    /// More was sent or came back than the limit allows.
    #[error("{what} exceeds {limit}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// The limit, in bytes or pieces.
        limit: usize,
    },
    /// The tenant has as many connections as it may have: try again.
    #[error("the tenant has {0} connections open already")]
    Busy(usize),
    /// It took longer than the limit.
    #[error("no complete response in time")]
    Timeout,
    /// The name cannot be resolved.
    #[error("the name cannot be resolved")]
    Resolve,
    /// No connection, no encryption, or it broke off.
    #[error("the connection failed: {0}")]
    Connection(&'static str),
    /// A placeholder stands where no secret is put: in the URL, a header's name or the body.
    #[error("a secret's placeholder may stand in header values only, not in {0}")]
    Misplaced(&'static str),
    /// The placeholder is malformed, of another call, or names no secret of this scope.
    #[error("a placeholder is not one of this call")]
    Placeholder,
    /// The scope has no secret of this name.
    #[error("no such secret is granted")]
    UnknownSecret,
    /// The secret is bound to other origins than the one addressed.
    #[error("the secret is not bound to this origin")]
    SecretOrigin,
    /// The secret cannot be used: its value must be 8 to 4096 visible ASCII characters, its name `a-z 0-9 - _ .`.
    #[error("a secret is not valid: {0}")]
    Secret(&'static str),
    /// The response is encoded, so that a secret in it could not be seen.
    #[error("the response is encoded although none was asked for")]
    Encoded,
    /// The certificates or the source of randomness of this machine cannot be used.
    #[error("set-up failed: {0}")]
    Setup(&'static str),
}

impl EgressError {
    /// The code that a plugin sees: `denied`, `invalid`, `budget`, `timeout` or `unavailable`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Origin
            | Self::Address(_)
            | Self::Method
            | Self::Misplaced(_)
            | Self::Placeholder
            | Self::UnknownSecret
            | Self::SecretOrigin => "denied",
            Self::Url(_) | Self::Header(_) | Self::Secret(_) => "invalid",
            Self::TooLarge { .. } | Self::Busy(_) => "budget",
            Self::Timeout => "timeout",
            Self::Resolve | Self::Connection(_) | Self::Encoded | Self::Setup(_) => "unavailable",
        }
    }
}
