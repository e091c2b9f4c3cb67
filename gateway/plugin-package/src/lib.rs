//! What a plugin is before it runs: manifest, component, signature, archive, and where packages are kept. It must
//! not know how a plugin is run, nor of the gateway.
//!
//! From the inside out: a [`Manifest`] says what the plugin is and asks for; [`Facts`] are read from its component
//! and must agree with it ([`Facts::check`]); a [`Statement`] binds both, and a publisher's [`Signature`] stands for
//! it; a [`TrustStore`] of a tenant says whose signatures count; a [`Package`] is all of it in a folder or one file; a
//! [`DirRegistry`] keeps packages by name and version; a [`LockFile`] says which of them a tenant runs.

mod archive;
mod facts;
mod lock;
mod manifest;
mod name;
mod package;
mod registry;
mod schema;
mod signature;
mod trust;

pub use archive::{ArchiveError, pack, unpack};
pub use facts::{Facts, FactsError};
pub use lock::{Canary, LockError, LockFile, Locked, Previous, replace};
pub use manifest::{
    AskedLimits, Capabilities, ExpertFacts, HttpAsked, InferAsked, Kind, KvAsked, Manifest,
    ManifestError, RetrieveAsked, SecretAsked,
};
pub use name::{NameError, PluginName};
pub use package::{Calibration, Package, PackageError};
pub use registry::{DirRegistry, RegistryError};
pub use schema::{Schema, SchemaError};
pub use signature::{KeyPair, Signature, SignatureError, Statement, digest};
pub use trust::{TrustError, TrustStore, TrustedKey};
