//! Why a tool gave no result.

use egress::EgressError;

/// Why a tool gave no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ToolError {
    /// The tool does not exist or is not granted: which of both is not told.
    #[error("the tool is not granted")]
    Denied,
    /// The description of a tool cannot be used.
    #[error("tool {tool}: {why}")]
    Form {
        /// Its name.
        tool: String,
        /// What is wrong.
        why: String,
    },
    /// The arguments do not fit the tool's schema.
    #[error("the arguments are not valid: {0}")]
    Arguments(String),
    /// The tool's server answered with a status that is no success.
    #[error("the tool's server answered {0}")]
    Status(u16),
    /// The tool ran and says that it failed.
    #[error("the tool failed: {0}")]
    Failed(String),
    /// An MCP server could not be spoken with.
    #[error("the tool's server: {0}")]
    Server(String),
    /// An MCP server took too long.
    #[error("the tool's server took longer than {0:?}")]
    Time(std::time::Duration),
    /// The result is longer than the tool may give.
    #[error("the result exceeds {0} bytes")]
    TooLarge(usize),
    /// The request was not sent, or nothing came back.
    #[error(transparent)]
    Egress(#[from] EgressError),
}

impl ToolError {
    /// The code that a plugin sees: `denied`, `invalid`, `budget`, `timeout`, `failed` or `unavailable`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::Form { .. } | Self::Arguments(_) => "invalid",
            Self::TooLarge(_) => "budget",
            Self::Failed(_) => "failed",
            Self::Time(_) => "timeout",
            Self::Status(_) | Self::Server(_) => "unavailable",
            Self::Egress(error) => error.code(),
        }
    }
}
