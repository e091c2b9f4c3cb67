//! Documents of tenants, found again by words: one BM25 index per tenant and collection, on disk, shared by processes.
//! It must not know of the gateway, of plugins, of a runtime or of a clock.
//!
//! From the outside in: [`Documents`] is a folder; [`Documents::tenant`] gives the one view that exists, that of a single
//! tenant; [`Collection`], [`DocumentId`] and [`Filter`] are texts from outside that have been checked.

mod chunk;
mod collection;
mod document;
mod error;
mod filter;
mod limits;
mod schema;
mod tenant;

pub use collection::{Collection, DocumentId};
pub use document::{Document, Hit, Listed};
pub use error::DocumentsError;
pub use filter::Filter;
pub use limits::Limits;
pub use tenant::{Documents, TenantDocuments};
