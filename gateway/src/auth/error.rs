//! Why nobody is let in, and what the client is told of it: never the credential, never which check failed.

use openai_api::{ApiError, ErrorKind};

/// Why a request has no principal. The client sees the code; the operator's log may name the `Cause`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum AuthError {
    /// There is no credential at all.
    #[error("no API key was given: send it as `Authorization: Bearer <key>`")]
    Missing,
    /// The credential is wrong.
    #[error("the credentials are not valid")]
    Invalid(Cause),
    /// The credential was good once.
    #[error("the credentials have expired")]
    Expired,
    /// The credential is not good yet.
    #[error("the credentials are not valid yet")]
    NotYetValid,
    /// The key was withdrawn.
    #[error("the API key has been revoked")]
    Revoked,
}

/// What is wrong with a credential, for logs and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// `Authorization` is not of the Bearer scheme.
    Scheme,
    /// More than one credential was sent.
    Ambiguous,
    /// The credential holds bytes that no credential has.
    Characters,
    /// The credential is longer than 8 KiB.
    TooLong,
    /// Neither an API key nor a JWT, or a broken one.
    Shape,
    /// No such key.
    UnknownKey,
    /// The tenant does not exist, or the issuer may not speak for it.
    Tenant,
    /// No such issuer is configured.
    Issuer,
    /// The token is for somebody else.
    Audience,
    /// The token's algorithm is not the one pinned for its issuer.
    Algorithm,
    /// The token demands an extension that nobody here understands.
    Critical,
    /// The issuer has no signing key of that id.
    SigningKey,
    /// The signature is wrong.
    Signature,
    /// A claim is missing or of the wrong type.
    Claim,
}

impl Cause {
    /// A stable word for logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scheme => "scheme",
            Self::Ambiguous => "ambiguous",
            Self::Characters => "characters",
            Self::TooLong => "too_long",
            Self::Shape => "shape",
            Self::UnknownKey => "unknown_key",
            Self::Tenant => "tenant",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Algorithm => "algorithm",
            Self::Critical => "critical",
            Self::SigningKey => "signing_key",
            Self::Signature => "signature",
            Self::Claim => "claim",
        }
    }
}

impl AuthError {
    /// The word clients see in `error.code`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Missing => "missing_credentials",
            Self::Invalid(_) => "invalid_credentials",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::Revoked => "revoked",
        }
    }

    /// The word for logs and metrics: the cause where there is one, else the code.
    pub const fn cause(self) -> &'static str {
        match self {
            Self::Invalid(cause) => cause.as_str(),
            other => other.code(),
        }
    }
}

impl From<AuthError> for ApiError {
    fn from(error: AuthError) -> Self {
        Self::new(
            401,
            ErrorKind::AuthenticationError,
            error.code(),
            error.to_string(),
        )
        .without_retry()
    }
}
