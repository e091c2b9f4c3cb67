//! What the index holds of a chunk.

use tantivy::schema::{
    Field, IndexRecordOption, STORED, STRING, Schema, TextFieldIndexing, TextOptions,
};
use tantivy::tokenizer::{
    AsciiFoldingFilter, LowerCaser, RemoveLongFilter, SimpleTokenizer, TextAnalyzer,
};

/// The name of the analyzer inside the index.
const WORDS: &str = "words";

/// The fields of a chunk.
#[derive(Debug, Clone)]
pub(crate) struct Fields {
    pub(crate) schema: Schema,
    /// The document's id, whole.
    pub(crate) document: Field,
    /// The chunk's number.
    pub(crate) chunk: Field,
    pub(crate) title: Field,
    pub(crate) text: Field,
    /// Metadata as JSON.
    pub(crate) metadata: Field,
    /// Metadata as terms of filters.
    pub(crate) pair: Field,
    /// On the first chunk only.
    pub(crate) head: Field,
    /// On the first chunk: how many there are.
    pub(crate) chunks: Field,
    /// On the first chunk: bytes of the text.
    pub(crate) bytes: Field,
    /// On the first chunk: when it was added, as the caller has it.
    pub(crate) added: Field,
}

impl Fields {
    pub(crate) fn new() -> Self {
        let indexing = TextFieldIndexing::default()
            .set_tokenizer(WORDS)
            .set_index_option(IndexRecordOption::WithFreqs);
        let words = TextOptions::default()
            .set_indexing_options(indexing)
            .set_stored();
        let mut schema = Schema::builder();
        let document = schema.add_text_field("document", STRING | STORED);
        let chunk = schema.add_u64_field("chunk", STORED);
        let title = schema.add_text_field("title", words.clone());
        let text = schema.add_text_field("text", words);
        let metadata = schema.add_text_field("metadata", STORED);
        let pair = schema.add_text_field("pair", STRING);
        let head = schema.add_text_field("head", STRING);
        let chunks = schema.add_u64_field("chunks", STORED);
        let bytes = schema.add_u64_field("bytes", STORED);
        let added = schema.add_u64_field("added", STORED);
        let schema = schema.build();
        Self {
            schema,
            document,
            chunk,
            title,
            text,
            metadata,
            pair,
            head,
            chunks,
            bytes,
            added,
        }
    }
}

/// Words in small letters without accents; no stemming, since a collection may mix languages.
pub(crate) fn analyzer() -> TextAnalyzer {
    TextAnalyzer::builder(SimpleTokenizer::default())
        .filter(RemoveLongFilter::limit(128))
        .filter(LowerCaser)
        .filter(AsciiFoldingFilter)
        .build()
}

pub(crate) fn register(index: &tantivy::Index) {
    index.tokenizers().register(WORDS, analyzer());
}
