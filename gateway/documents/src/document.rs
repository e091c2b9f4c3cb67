//! What is added, listed and found.

use serde_json::{Map, Value};

use crate::{Collection, DocumentId};

/// A document to be added.
#[derive(Debug, Clone)]
pub struct Document {
    /// What it is called; a document of the same id is replaced.
    pub id: DocumentId,
    /// A title, also searched.
    pub title: String,
    /// The text, paragraphs parted by empty lines.
    pub text: String,
    /// Shown with every hit; texts, numbers and truth values can be filtered by.
    pub metadata: Map<String, Value>,
    /// When it was added, in whatever unit the caller lists it.
    pub added: u64,
}

/// A document as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// In how many chunks it was cut.
    pub chunks: u64,
    /// Bytes of its text.
    pub bytes: u64,
    /// When it was added.
    pub added: u64,
}

/// A chunk that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// In which collection.
    pub collection: Collection,
    /// Of which document.
    pub document: String,
    /// Which chunk of it, from 0.
    pub chunk: u64,
    /// The text of the chunk.
    pub text: String,
    /// BM25; of one scale within a collection, similar between them.
    pub score: f32,
    /// The document's metadata, a JSON object.
    pub metadata: String,
}
