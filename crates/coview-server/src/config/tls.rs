use core::fmt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use futures_rustls::rustls;
use futures_rustls::rustls::crypto::ring;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use serde::Deserialize;
use thiserror::Error;

use super::fault::Faults;
use super::files;

/// A certificate with its key, ready to serve: TLS 1.2 and 1.3, HTTP/1.1 by ALPN, tickets to take a
/// session up again whose keys change every few hours and are on no disk.
#[derive(Clone)]
pub struct Tls(pub(crate) Arc<rustls::ServerConfig>);

/// Why a certificate cannot be served.
#[derive(Debug, Error)]
pub enum TlsError {
    /// The certificate file is not PEM or holds no certificate.
    #[error("no certificate can be read: {0}")]
    Certificate(String),
    /// The key file is not PEM or holds no private key.
    #[error("no private key can be read: {0}")]
    Key(String),
    /// The key does not belong to the certificate, or is of a kind that is not supported.
    #[error("certificate and key cannot be used together: {0}")]
    Pair(#[from] rustls::Error),
}

impl Tls {
    /// A certificate chain and its private key, both as PEM text.
    ///
    /// # Errors
    ///
    /// [`TlsError`] names which of the two cannot be used, and why.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let chain = CertificateDer::pem_slice_iter(certificates)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| TlsError::Certificate(error.to_string()))?;
        if chain.is_empty() {
            return Err(TlsError::Certificate("the file has none".to_owned()));
        }
        let key =
            PrivateKeyDer::from_pem_slice(key).map_err(|error| TlsError::Key(error.to_string()))?;
        let mut config =
            rustls::ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
                .with_safe_default_protocol_versions()?
                .with_no_client_auth()
                .with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.ticketer = ring::Ticketer::new()?;
        Ok(Self(Arc::new(config)))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TlsFile {
    certificate: PathBuf,
    key: PathBuf,
}

impl TlsFile {
    pub(super) fn load(self, folder: &Path, faults: &mut Faults) -> Option<Tls> {
        let certificate = folder.join(self.certificate);
        let key = folder.join(self.key);
        let certificates = files::read(&certificate).map_err(|error| format!("tls: {error}"));
        let private = files::read_secret(&key).map_err(|error| format!("tls: {error}"));
        let (certificates, private) = (faults.sift(certificates), faults.sift(private));
        let tls = Tls::from_pem(&certificates?, &private?).map_err(|error| {
            let file = match &error {
                TlsError::Key(_) => &key,
                TlsError::Certificate(_) | TlsError::Pair(_) => &certificate,
            };
            format!("tls: {}: {error}", file.display())
        });
        faults.sift(tls)
    }
}
