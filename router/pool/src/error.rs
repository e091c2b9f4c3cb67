//! Why a pool does not start.

use std::path::PathBuf;

use units::ExpertId;

use crate::TargetError;

/// Why a pool does not start. Each is a fault of the configuration, but for `NoRuntime`.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// Not called inside a tokio runtime.
    #[error("a pool starts inside a tokio runtime")]
    NoRuntime,
    /// An address is wrong.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// A host that no certificate can name.
    #[error("{0:?} is no name of a server")]
    ServerName(String),
    /// The same expert at the same address twice.
    #[error("remote expert {0} is listed twice at the same address")]
    Twice(ExpertId),
    /// The file of trusted certificates cannot be used.
    #[error("certificates of {path}: {why}")]
    Roots {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Encryption cannot be set up.
    #[error("encryption: {0}")]
    Tls(String),
}
