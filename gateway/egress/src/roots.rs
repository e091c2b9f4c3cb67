//! Who is trusted to name a server.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;

use crate::EgressError;

/// Who is trusted to name a server.
#[derive(Debug, Clone)]
pub enum Roots {
    /// The certificates of the platform.
    Platform,
    /// These, in DER, and no others.
    These(Vec<Vec<u8>>),
}

impl Roots {
    pub(crate) fn config(self) -> Result<Arc<ClientConfig>, EgressError> {
        let mut store = RootCertStore::empty();
        match self {
            Self::Platform => {
                let found = rustls_native_certs::load_native_certs().certs;
                let (_added, _ignored) = store.add_parsable_certificates(found);
            }
            Self::These(list) => {
                for der in list {
                    store
                        .add(CertificateDer::from(der))
                        .map_err(|_| EgressError::Setup("a root certificate is not valid"))?;
                }
            }
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|_| EgressError::Setup("no version of TLS"))?
            .with_root_certificates(store)
            .with_no_client_auth();
        // No session is resumed: two tenants could be told to be one machine.
        config.resumption = rustls::client::Resumption::disabled();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}
