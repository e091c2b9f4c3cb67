//! Why a card cannot be read or written.

use std::path::PathBuf;

/// Why a card cannot be read or written. Each names the file; [`CardError::Field`] also names the key.
#[derive(Debug, thiserror::Error)]
pub enum CardError {
    /// The file cannot be read: check the path and its permissions.
    #[error("{}: cannot read: {source}", path.display())]
    Read {
        /// The card's path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file cannot be written: check the folder.
    #[error("{}: cannot write: {source}", path.display())]
    Write {
        /// The card's path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The text is not TOML of the card's form: the message shows line and key.
    #[error("{}: {message}", path.display())]
    Form {
        /// The card's path.
        path: PathBuf,
        /// Line, key and what was expected.
        message: String,
    },
    /// A value breaks a rule: correct the key.
    #[error("{}: {key}: {message}", path.display())]
    Field {
        /// The card's path.
        path: PathBuf,
        /// The key with its tables, such as `task.banking77.temperature`.
        key: String,
        /// What was expected.
        message: String,
    },
}
