//! What can be wrong with a folder of weights, or with a step.

use std::path::PathBuf;

/// Why a network cannot be loaded, or cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum DecoderError {
    /// A file cannot be read.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not of its form, or not whole.
    #[error("{path}: {message}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// A field of `config.json` asks for what is not supported.
    #[error("{path}: {field} is {value}, supported: {supported}")]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The field.
        field: String,
        /// What it holds.
        value: String,
        /// What it may hold.
        supported: String,
    },
    /// A tensor is missing, of another shape or type, or holds a value that is not finite.
    #[error("{path}: tensor {tensor}: {message}")]
    Tensor {
        /// The file, or the folder where no file has it.
        path: PathBuf,
        /// Its name.
        tensor: String,
        /// What is wrong.
        message: String,
    },
    /// A step was asked for what the network or its cache does not have.
    #[error("{0}")]
    Input(&'static str),
}
