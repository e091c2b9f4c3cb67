//! Documents of the tenant, for plugins: those of the collections that the manifest names, and no others.

use documents::{Collection, DocumentsError, Filter, TenantDocuments};
use plugin_host::types::Error;
use plugin_host::{Boxed, Hit, Retrieve};

/// One tenant's collections, for one plugin.
pub(super) struct Finding {
    pub(super) documents: TenantDocuments,
    pub(super) collections: Vec<Collection>,
}

fn told(why: &DocumentsError) -> Error {
    let code = match why {
        DocumentsError::Filter(_) | DocumentsError::TooLarge { .. } => "invalid",
        _ => {
            tracing::warn!(%why, "documents cannot be searched");
            "unavailable"
        }
    };
    let message = if code == "invalid" {
        why.to_string()
    } else {
        "the documents cannot be searched".to_owned()
    };
    Error {
        code: code.to_owned(),
        message,
        retry_after_ms: None,
    }
}

impl Retrieve for Finding {
    fn search(
        &self,
        query: String,
        top_k: u32,
        filter: String,
    ) -> Boxed<'_, Result<Vec<Hit>, Error>> {
        let (documents, collections) = (self.documents.clone(), self.collections.clone());
        Box::pin(async move {
            let search = move || {
                let filter = Filter::parse(&filter)?;
                let most = usize::try_from(top_k).unwrap_or(usize::MAX).min(50);
                documents.search(&collections, &query, most, &filter)
            };
            let found = tokio::task::spawn_blocking(search).await;
            let found = found
                .unwrap_or(Err(DocumentsError::Busy))
                .map_err(|why| told(&why))?;
            let hit = |hit: documents::Hit| Hit {
                document: hit.document,
                chunk: hit.chunk.to_string(),
                text: hit.text,
                score: hit.score,
                metadata: hit.metadata,
            };
            Ok(found.into_iter().map(hit).collect())
        })
    }
}
