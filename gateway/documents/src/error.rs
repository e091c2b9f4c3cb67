//! Why a document was not taken, or not found.

use std::path::PathBuf;

/// Why a document was not taken, or not found.
#[derive(Debug, thiserror::Error)]
pub enum DocumentsError {
    /// The text is no name of a collection.
    #[error(
        "a collection's name is 1 to 64 of a-z, 0-9, '-', '_', starting with a letter or digit"
    )]
    Collection,
    /// The text is no identifier of a document.
    #[error("a document's id is 1 to 256 bytes without control characters")]
    DocumentId,
    /// The filter is malformed.
    #[error("a filter is key=value[,key=value]: {0}")]
    Filter(&'static str),
    /// There is nothing to index.
    #[error("the document has no text")]
    Empty,
    /// A text is longer than the limit.
    #[error("{what} is {size} bytes, the limit is {limit}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// There are as many as there may be.
    #[error("there are {limit} {what} already")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// Another process writes: try again.
    #[error("another process writes to the tenant's documents")]
    Busy,
    /// The folder cannot be used: check its permissions and the space that is left.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The index cannot be read or written.
    #[error("index: {0}")]
    Index(#[from] tantivy::TantivyError),
}
