//! Why there is no file.

use std::path::PathBuf;

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub enum FocusError {
    /// The file cannot be written: check the folder, its permissions and the space that is left.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The Parquet library refuses.
    #[error("{}: {source}", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: parquet::errors::ParquetError,
    },
    /// An amount or a product is beyond 38 digits.
    #[error("an amount of {0} is out of range")]
    Range(String),
    /// Charges do not come by time.
    #[error("charges must come by time: {0} came after a later one")]
    Order(String),
}
