//! How much a tenant may keep and ask for.

use std::time::Duration;

/// How much a tenant may keep and ask for.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of one document's text.
    pub document_bytes: usize,
    /// Bytes of one document's metadata as JSON.
    pub metadata_bytes: usize,
    /// Documents in one collection.
    pub documents: usize,
    /// Collections of one tenant.
    pub collections: usize,
    /// Hits of one search; 50 at most.
    pub hits: usize,
    /// Bytes of a query.
    pub query_bytes: usize,
    /// How long a writer waits for another one.
    pub wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            document_bytes: 2 << 20,
            metadata_bytes: 8 << 10,
            documents: 10_000,
            collections: 64,
            hits: 50,
            query_bytes: 4 << 10,
            wait: Duration::from_secs(5),
        }
    }
}
