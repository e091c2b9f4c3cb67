//! Why a gate cannot be loaded or written, and why no expert can be chosen.

use std::path::PathBuf;

use units::ExpertId;

/// Why a gate package cannot be loaded or written. Each names the file.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// The file cannot be read or written: check path, permissions and space.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is cut short or not of its form: fetch or train the package again.
    #[error("{}: {message}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// Where and what was expected.
        message: String,
    },
    /// A value breaks a rule: correct the field or train again.
    #[error("{}: {field}: {message}", path.display())]
    Field {
        /// The file.
        path: PathBuf,
        /// The key or the tensor.
        field: String,
        /// What was expected.
        message: String,
    },
}

/// Why no expert can be chosen. The gateway maps these to its error object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecideError {
    /// The client named an expert that is not there: 404.
    #[error("expert {expert} does not exist")]
    Unknown {
        /// The named expert.
        expert: ExpertId,
    },
    /// The client named an expert it may not use, or none of those offered: 403.
    #[error("no expert that this policy allows can answer")]
    Forbidden,
    /// No allowed expert can do what the request asks: 400.
    #[error("no allowed expert can {what}")]
    Incapable {
        /// What is asked: `call tools` or `answer in JSON`.
        what: &'static str,
    },
    /// The request is longer than any allowed expert takes: 400.
    #[error(
        "the request needs {needed} tokens, the longest context of an allowed expert is {limit}"
    )]
    ContextTooLong {
        /// Tokens of input and of the output asked for.
        needed: u64,
        /// The longest limit among those that are too short.
        limit: u64,
    },
    /// Every allowed expert is predicted to cost more than the policy permits: 400.
    #[error("every allowed expert costs more than the policy permits for one request")]
    TooDear,
    /// No replica of an allowed expert is alive: 503.
    #[error("no allowed expert is reachable")]
    Unavailable,
    /// Every allowed expert is full: 503 with retry-after.
    #[error("every allowed expert is full")]
    NoCapacity,
}
