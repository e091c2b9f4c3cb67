//! Why a gate cannot be learned or measured.

use std::path::{Path, PathBuf};

use router::GateError;

/// Why a gate cannot be learned or measured. Each names the file, the row or the set.
#[derive(Debug, thiserror::Error)]
pub enum LearnError {
    /// The file or folder cannot be read or written: check path, permissions and space.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A row is not of its form: correct it.
    #[error("{}: {place}: {message}", path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// The row or key.
        place: String,
        /// What was expected.
        message: String,
    },
    /// A folder lacks a file that the set needs.
    #[error("{}: {message}", path.display())]
    Missing {
        /// The folder.
        path: PathBuf,
        /// What was looked for.
        message: String,
    },
    /// The outcomes do not allow what was asked: more or other rows are needed.
    #[error("{set}: {message}")]
    Unfit {
        /// The set.
        set: String,
        /// What is missing or wrong.
        message: String,
    },
    /// The package is not whole.
    #[error(transparent)]
    Gate(#[from] GateError),
}

impl LearnError {
    /// For `map_err` of reading or writing a path.
    pub fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| Self::File {
            path: path.to_path_buf(),
            source,
        }
    }

    /// A row that is wrong.
    pub fn row(path: &Path, place: impl Into<String>, message: impl std::fmt::Display) -> Self {
        Self::Row {
            path: path.to_path_buf(),
            place: place.into(),
            message: format!("{message}"),
        }
    }

    /// Outcomes that do not allow what was asked.
    pub fn unfit(set: &str, message: impl Into<String>) -> Self {
        Self::Unfit {
            set: set.to_owned(),
            message: message.into(),
        }
    }
}
