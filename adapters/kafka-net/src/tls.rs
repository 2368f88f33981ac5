//! TLS where a certificate is configured.

use std::path::Path;
use std::sync::Arc;

use dolmen_host::Fault;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

pub use tokio_rustls::TlsAcceptor as Acceptor;

/// Reads a PEM file with a certificate chain and its key.
///
/// # Errors
/// A sentence with the path.
pub fn acceptor(path: &Path) -> Result<Acceptor, Fault> {
    let failed = |error: &dyn std::fmt::Display| -> Fault { format!("{}: {error}", path.display()).into() };
    let chain = CertificateDer::pem_file_iter(path)
        .and_then(|certificates| certificates.collect::<Result<Vec<_>, _>>())
        .map_err(|error| failed(&error))?;
    let key = PrivateKeyDer::from_pem_file(path).map_err(|error| failed(&error))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| failed(&error))?;
    Ok(Acceptor::from(Arc::new(config)))
}
