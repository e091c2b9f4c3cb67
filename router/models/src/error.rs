//! Why an expert cannot be loaded, saved or asked.

use std::path::PathBuf;

use expert_card::CardError;
use tch::TchError;

/// Why an expert cannot be loaded, saved or asked. Variants about files name the file and what in it is wrong.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The card is wrong: correct `expert.toml`.
    #[error(transparent)]
    Card(#[from] CardError),
    /// A file cannot be read or written: check the path and its permissions.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A field of `config.json` or of the card does not fit: correct it, or take the files of one expert.
    #[error("{}: {field}: {message}", path.display())]
    Field {
        /// The file.
        path: PathBuf,
        /// The field with its tables.
        field: String,
        /// What was expected.
        message: String,
    },
    /// A file is no JSON, no tokenizer or no safetensors file: fetch it again.
    #[error("{}: {message}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        message: String,
    },
    /// A tensor is missing, of another shape or type, or holds NaN: take the files of one expert.
    #[error("{}: tensor {tensor}: {message}", path.display())]
    Tensor {
        /// The weights file.
        path: PathBuf,
        /// The tensor's name.
        tensor: String,
        /// What was expected.
        message: String,
    },
    /// The request names a task the expert does not have.
    #[error("unknown task {task:?}: this expert knows {known}")]
    UnknownTask {
        /// What was asked for.
        task: String,
        /// The tasks there are, comma-separated.
        known: String,
    },
    /// A text or a batch cannot be run, such as a token id outside the vocabulary.
    #[error("cannot run the input: {0}")]
    Input(String),
    /// libtorch failed, for example out of memory: retry with less or elsewhere.
    #[error("libtorch: {0}")]
    Torch(#[from] TchError),
}
