//! Certificate and key of the listener.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::config::TlsConfig;

/// Why certificate and key are unusable.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {why}", file = file.display())]
pub struct TlsError {
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it.
    pub why: String,
}

fn wrong(file: &Path, why: impl std::fmt::Display) -> TlsError {
    TlsError {
        file: file.to_owned(),
        why: why.to_string(),
    }
}

/// Reads certificate and key and offers HTTP/2 and HTTP/1.1 by ALPN.
///
/// # Errors
/// A file is missing, holds no certificate or key, or the two do not belong together.
pub fn acceptor(files: &TlsConfig) -> Result<TlsAcceptor, TlsError> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&files.certificate)
        .map_err(|why| wrong(&files.certificate, why))?
        .collect::<Result<_, _>>()
        .map_err(|why| wrong(&files.certificate, why))?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|why| wrong(&files.key, why))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|why| wrong(&files.certificate, why))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|why| wrong(&files.certificate, why))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
