//! Encryption towards remote APIs: who is trusted, and by which name.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio_rustls::TlsConnector;

use crate::PoolError;

/// How one host is connected to.
#[derive(Clone)]
pub(crate) struct Tls {
    pub(crate) connector: TlsConnector,
    pub(crate) name: ServerName<'static>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tls({:?})", self.name)
    }
}

impl Tls {
    pub(crate) fn new(config: Arc<ClientConfig>, host: &str) -> Result<Self, PoolError> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(bare.to_owned())
            .map_err(|_| PoolError::ServerName(host.to_owned()))?;
        Ok(Self {
            connector: TlsConnector::from(config),
            name,
        })
    }
}

/// Trusts the platform's certificates and those of an extra file.
pub(crate) fn client_config(extra: Option<&Path>) -> Result<Arc<ClientConfig>, PoolError> {
    let mut roots = RootCertStore::empty();
    let platform = rustls_native_certs::load_native_certs().certs;
    let (_added, _ignored) = roots.add_parsable_certificates(platform);
    if let Some(path) = extra {
        let wrong = |why: String| PoolError::Roots {
            path: path.to_owned(),
            why,
        };
        let file = CertificateDer::pem_file_iter(path).map_err(|e| wrong(e.to_string()))?;
        for certificate in file {
            let certificate = certificate.map_err(|e| wrong(e.to_string()))?;
            roots.add(certificate).map_err(|e| wrong(e.to_string()))?;
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| PoolError::Tls(e.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
