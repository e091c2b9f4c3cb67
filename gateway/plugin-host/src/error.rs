//! How a call of a plugin can end badly.

use std::time::Duration;

/// A bound that a guest ran into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Limit {
    /// CPU time.
    #[error("cpu time")]
    Cpu,
    /// Linear memory and tables, summed over the call.
    #[error("memory")]
    Memory,
    /// Its stack.
    #[error("stack")]
    Stack,
    /// Calls of the host, all or of one interface.
    #[error("host calls of {0}")]
    HostCalls(&'static str),
    /// Bytes handed over in one call of the host, or as the answer.
    #[error("bytes of one call")]
    Bytes,
    /// Handles held at once.
    #[error("handles")]
    Handles,
    /// Fuel.
    #[error("fuel")]
    Fuel,
}

/// Why a call has no answer. Never holds text of a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// A bound was passed.
    #[error("the plugin ran into its limit of {0}")]
    Limit(Limit),
    /// Time ran out, waiting for others included.
    #[error("the plugin did not answer within {0:?}")]
    Deadline(Duration),
    /// The guest broke off.
    #[error("the plugin trapped: {0}")]
    Trap(String),
    /// Too many calls are running already.
    #[error("too many calls of {0} are running")]
    Busy(&'static str),
    /// The caller went away.
    #[error("the call was given up")]
    Cancelled,
    /// The plugin says no, by its own words.
    #[error("{code}: {message}")]
    Refused {
        /// Its code.
        code: String,
        /// Its words, cut at 1,000 characters.
        message: String,
        /// When to come back.
        retry_after: Option<Duration>,
    },
    /// The host's own fault.
    #[error("the host failed: {0}")]
    Internal(&'static str),
}

impl CallError {
    /// A stable name for logs, metrics and error objects.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Limit(Limit::Cpu) => "plugin_cpu_limit",
            Self::Limit(Limit::Memory) => "plugin_memory_limit",
            Self::Limit(Limit::Stack) => "plugin_stack_limit",
            Self::Limit(Limit::HostCalls(_)) => "plugin_host_call_limit",
            Self::Limit(Limit::Bytes) => "plugin_size_limit",
            Self::Limit(Limit::Handles) => "plugin_handle_limit",
            Self::Limit(Limit::Fuel) => "plugin_fuel_limit",
            Self::Deadline(_) => "plugin_deadline",
            Self::Trap(_) => "plugin_trapped",
            Self::Busy(_) => "plugin_busy",
            Self::Cancelled => "plugin_cancelled",
            Self::Refused { .. } => "plugin_refused",
            Self::Internal(_) => "plugin_host_failed",
        }
    }
}

/// Why the host cannot be made, or a plugin not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The runtime does not start.
    #[error("the plugin runtime does not start: {0}")]
    Engine(String),
    /// The guests' threads do not start.
    #[error("the plugin threads do not start: {0}")]
    Threads(#[from] std::io::Error),
    /// The code asks for more than the pool gives, or for what nobody has.
    #[error("the plugin cannot be linked: {0}")]
    Link(String),
    /// The code does not have the world's exports.
    #[error("the plugin does not export what its kind must: {0}")]
    World(String),
    /// Code and cache.
    #[error(transparent)]
    Cache(#[from] crate::CacheError),
    /// The compiler.
    #[error(transparent)]
    Compile(#[from] crate::CompileError),
}
