//! The documents of one tenant: the only view there is.

use std::collections::BTreeSet;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;
use tantivy::collector::{Count, DocSetCollector, TopDocs};
use tantivy::query::{BooleanQuery, BoostQuery, ConstScoreQuery, Occur, Query, TermQuery};
use tantivy::schema::{IndexRecordOption, Value as _};
use tantivy::{Index, IndexWriter, ReloadPolicy, Searcher, TantivyDocument, Term};
use units::TenantId;

use crate::chunk::chunks;
use crate::filter::term;
use crate::schema::{Fields, analyzer, register};
use crate::{Collection, Document, DocumentId, DocumentsError, Filter, Hit, Limits, Listed};

#[cfg(test)]
mod tests;

/// Memory of a writer; the least the library takes.
const WRITER_BYTES: usize = 15_000_000;
/// Different words of a query that count.
const QUERY_WORDS: usize = 64;
/// How much more a word counts in a title.
const TITLE: f32 = 1.5;
const STEP: Duration = Duration::from_millis(10);

/// A folder with the documents of all tenants. Calls block: run them where that is allowed.
#[derive(Debug, Clone)]
pub struct Documents {
    root: PathBuf,
    limits: Limits,
    fields: Fields,
}

/// The documents of one tenant. There is no way from here to another's.
#[derive(Debug, Clone)]
pub struct TenantDocuments {
    folder: PathBuf,
    limits: Limits,
    fields: Fields,
}

impl Documents {
    /// Uses `root`, which is made (mode 0700) with the first document.
    pub fn new(root: impl Into<PathBuf>, limits: Limits) -> Self {
        Self {
            root: root.into(),
            limits,
            fields: Fields::new(),
        }
    }

    /// The documents of `tenant`.
    pub fn tenant(&self, tenant: &TenantId) -> TenantDocuments {
        TenantDocuments {
            folder: self.root.join(tenant.as_str()),
            limits: self.limits,
            fields: self.fields.clone(),
        }
    }
}

impl TenantDocuments {
    /// Adds a document in place of one of the same id; gives the number of its chunks.
    pub fn add(
        &self,
        collection: &Collection,
        document: &Document,
    ) -> Result<usize, DocumentsError> {
        let limits = &self.limits;
        let metadata = Value::Object(document.metadata.clone()).to_string();
        within("the text", document.text.len(), limits.document_bytes)?;
        within("the title", document.title.len(), 1024)?;
        within("the metadata", metadata.len(), limits.metadata_bytes)?;
        let pieces = chunks(&document.text);
        if pieces.is_empty() {
            return Err(DocumentsError::Empty);
        }
        let _lock = self.lock()?;
        let index = self.create(collection)?;
        let searcher = searcher(&index)?;
        let own = self.term(self.fields.document, document.id.as_str());
        let is_new = searcher.search(&own, &Count)? == 0;
        let count = searcher.search(&self.term(self.fields.head, "1"), &Count)?;
        if is_new && count >= limits.documents {
            return Err(DocumentsError::TooMany {
                what: "documents",
                limit: limits.documents,
            });
        }
        let mut writer: IndexWriter = index.writer_with_num_threads(1, WRITER_BYTES)?;
        writer.delete_term(Term::from_field_text(
            self.fields.document,
            document.id.as_str(),
        ));
        for (number, text) in (0..).zip(&pieces) {
            writer.add_document(self.chunk(document, number, text, &metadata, pieces.len()))?;
        }
        writer.commit()?;
        writer.wait_merging_threads()?;
        Ok(pieces.len())
    }

    /// Removes a document. `false` if there was none.
    pub fn remove(&self, collection: &Collection, id: &DocumentId) -> Result<bool, DocumentsError> {
        if self.open(collection)?.is_none() {
            return Ok(false);
        }
        let _lock = self.lock()?;
        let Some(index) = self.open(collection)? else {
            return Ok(false);
        };
        let own = self.term(self.fields.document, id.as_str());
        if searcher(&index)?.search(&own, &Count)? == 0 {
            return Ok(false);
        }
        let mut writer: IndexWriter = index.writer_with_num_threads(1, WRITER_BYTES)?;
        writer.delete_term(Term::from_field_text(self.fields.document, id.as_str()));
        writer.commit()?;
        writer.wait_merging_threads()?;
        Ok(true)
    }

    /// All documents of a collection by id; none where there is no such collection.
    pub fn list(&self, collection: &Collection) -> Result<Vec<Listed>, DocumentsError> {
        let Some(index) = self.open(collection)? else {
            return Ok(Vec::new());
        };
        let searcher = searcher(&index)?;
        let found = searcher.search(&self.term(self.fields.head, "1"), &DocSetCollector)?;
        let mut listed = Vec::with_capacity(found.len());
        for address in found {
            let stored: TantivyDocument = searcher.doc(address)?;
            listed.push(Listed {
                id: text_of(&stored, self.fields.document),
                title: text_of(&stored, self.fields.title),
                chunks: number_of(&stored, self.fields.chunks),
                bytes: number_of(&stored, self.fields.bytes),
                added: number_of(&stored, self.fields.added),
            });
        }
        listed.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(listed)
    }

    /// The best chunks of some collections for the words of `query`, best first. The query has no syntax: it is cut into
    /// words, and a chunk matches if it has one of them.
    pub fn search(
        &self,
        collections: &[Collection],
        query: &str,
        top_k: usize,
        filter: &Filter,
    ) -> Result<Vec<Hit>, DocumentsError> {
        within("the query", query.len(), self.limits.query_bytes)?;
        let most = self.limits.hits.min(50);
        if top_k > most {
            return Err(DocumentsError::TooMany {
                what: "hits",
                limit: most,
            });
        }
        let Some(query) = self.query(query, filter).filter(|_| top_k > 0) else {
            return Ok(Vec::new());
        };
        let mut hits = Vec::new();
        for collection in collections.iter().collect::<BTreeSet<_>>() {
            let Some(index) = self.open(collection)? else {
                continue;
            };
            let searcher = searcher(&index)?;
            let best = TopDocs::with_limit(top_k).order_by_score();
            for (score, address) in searcher.search(&query, &best)? {
                let stored: TantivyDocument = searcher.doc(address)?;
                hits.push(Hit {
                    collection: collection.clone(),
                    document: text_of(&stored, self.fields.document),
                    chunk: number_of(&stored, self.fields.chunk),
                    text: text_of(&stored, self.fields.text),
                    score,
                    metadata: text_of(&stored, self.fields.metadata),
                });
            }
        }
        hits.sort_by(|a, b| b.score.total_cmp(&a.score));
        hits.truncate(top_k);
        Ok(hits)
    }

    fn query(&self, text: &str, filter: &Filter) -> Option<BooleanQuery> {
        let mut analyzer = analyzer();
        let mut stream = analyzer.token_stream(text);
        let mut words = BTreeSet::new();
        while words.len() < QUERY_WORDS && stream.advance() {
            words.insert(stream.token().text.clone());
        }
        if words.is_empty() {
            return None;
        }
        let mut any: Vec<(Occur, Box<dyn Query>)> = Vec::new();
        for word in &words {
            let title = Box::new(self.term(self.fields.title, word));
            any.push((Occur::Should, Box::new(self.term(self.fields.text, word))));
            any.push((Occur::Should, Box::new(BoostQuery::new(title, TITLE))));
        }
        let mut all: Vec<(Occur, Box<dyn Query>)> =
            vec![(Occur::Must, Box::new(BooleanQuery::new(any)))];
        for pair in filter.terms() {
            let only = Box::new(self.term(self.fields.pair, &pair));
            all.push((Occur::Must, Box::new(ConstScoreQuery::new(only, 0.0))));
        }
        Some(BooleanQuery::new(all))
    }

    fn term(&self, field: tantivy::schema::Field, text: &str) -> TermQuery {
        TermQuery::new(
            Term::from_field_text(field, text),
            IndexRecordOption::WithFreqs,
        )
    }

    fn chunk(
        &self,
        document: &Document,
        number: u64,
        text: &str,
        metadata: &str,
        count: usize,
    ) -> TantivyDocument {
        let fields = &self.fields;
        let size = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let mut chunk = TantivyDocument::new();
        chunk.add_text(fields.document, document.id.as_str());
        chunk.add_u64(fields.chunk, number);
        chunk.add_text(fields.title, &document.title);
        chunk.add_text(fields.text, text);
        chunk.add_text(fields.metadata, metadata);
        for (key, value) in &document.metadata {
            let value = match value {
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                Value::Bool(truth) => truth.to_string(),
                Value::Null | Value::Array(_) | Value::Object(_) => continue,
            };
            chunk.add_text(fields.pair, term(key, &value));
        }
        if number == 0 {
            chunk.add_text(fields.head, "1");
            chunk.add_u64(fields.chunks, size(count));
            chunk.add_u64(fields.bytes, size(document.text.len()));
            chunk.add_u64(fields.added, document.added);
        }
        chunk
    }

    /// One writer per tenant among all processes; the lock goes with the file handle.
    fn lock(&self) -> Result<File, DocumentsError> {
        make(&self.folder)?;
        let path = self.folder.join(".lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(|source| DocumentsError::Io {
                path: path.clone(),
                source,
            })?;
        let end = Instant::now() + self.limits.wait;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(source)) => {
                    return Err(DocumentsError::Io { path, source });
                }
                Err(TryLockError::WouldBlock) if Instant::now() >= end => {
                    return Err(DocumentsError::Busy);
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(STEP),
            }
        }
    }

    /// Opens or makes an index; the caller holds the lock.
    fn create(&self, collection: &Collection) -> Result<Index, DocumentsError> {
        if let Some(index) = self.open(collection)? {
            return Ok(index);
        }
        let wrong = |source| DocumentsError::Io {
            path: self.folder.clone(),
            source,
        };
        let entries = std::fs::read_dir(&self.folder).map_err(wrong)?;
        let count = entries
            .flatten()
            .filter(|entry| entry.path().join("meta.json").is_file())
            .count();
        if count >= self.limits.collections {
            let limit = self.limits.collections;
            return Err(DocumentsError::TooMany {
                what: "collections",
                limit,
            });
        }
        let folder = self.folder.join(collection.as_str());
        make(&folder)?;
        let index = Index::create_in_dir(&folder, self.fields.schema.clone())?;
        register(&index);
        Ok(index)
    }

    fn open(&self, collection: &Collection) -> Result<Option<Index>, DocumentsError> {
        let folder = self.folder.join(collection.as_str());
        if !folder.join("meta.json").is_file() {
            return Ok(None);
        }
        let index = Index::open_in_dir(&folder)?;
        register(&index);
        Ok(Some(index))
    }
}

fn searcher(index: &Index) -> Result<Searcher, DocumentsError> {
    let reader = index
        .reader_builder()
        .reload_policy(ReloadPolicy::Manual)
        .try_into()?;
    Ok(reader.searcher())
}

fn make(folder: &Path) -> Result<(), DocumentsError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|source: io::Error| DocumentsError::Io {
        path: folder.to_owned(),
        source,
    })
}

fn within(what: &'static str, size: usize, limit: usize) -> Result<(), DocumentsError> {
    if size > limit {
        return Err(DocumentsError::TooLarge { what, size, limit });
    }
    Ok(())
}

fn text_of(stored: &TantivyDocument, field: tantivy::schema::Field) -> String {
    let value = stored.get_first(field);
    value
        .and_then(|v| v.as_str().map(str::to_owned))
        .unwrap_or_default()
}

fn number_of(stored: &TantivyDocument, field: tantivy::schema::Field) -> u64 {
    stored
        .get_first(field)
        .and_then(|v| v.as_u64())
        .unwrap_or_default()
}
