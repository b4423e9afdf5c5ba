//! The protection of the connection: which authorities may have signed the certificate of Postgres.

use std::error::Error;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::pki_types::{CertificateDer, pem::PemObject};
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;

type BoxError = Box<dyn Error + Send + Sync>;

/// The protection of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// Encrypted. The certificate of the server must name its host, and be signed by one of the
    /// roots that are given, or else of the system's.
    Require,
    /// In the clear, for a database on the same machine only.
    Disable,
}

/// Gives the roots that are believed in place of the system's.
pub trait RootsSource: Send + Sync {
    /// Returns the roots as PEM; with `fresh`, after reading them again from where they are kept.
    fn roots(
        &self,
        fresh: bool,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<u8>, BoxError>> + Send + '_>>;
}

/// Makes the connector of the roots as they are now. It reads no root before its first use: a cold
/// start that asks Postgres nothing pays for none.
pub(crate) struct Trust {
    roots: Option<Arc<dyn RootsSource>>,
    /// The last connector, and the roots that it was made of.
    made: Mutex<Option<(Vec<u8>, MakeRustlsConnect)>>,
}

impl Trust {
    /// Makes the trust in `roots`, or in the system's.
    pub fn new(roots: Option<Arc<dyn RootsSource>>) -> Self {
        Self { roots, made: Mutex::default() }
    }

    /// Returns the connector of the roots. With `fresh`, they are read again.
    ///
    /// # Errors
    /// The roots cannot be read, or hold no certificate.
    pub async fn connector(&self, fresh: bool) -> Result<MakeRustlsConnect, BoxError> {
        let pem = match &self.roots {
            Some(source) => source.roots(fresh).await?,
            None => Vec::new(),
        };
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, connector)) = &*made
            && *of == pem
        {
            return Ok(connector.clone());
        }
        let roots = if self.roots.is_some() { given(&pem)? } else { public() };
        let connector = connector(roots)?;
        *made = Some((pem, connector.clone()));
        Ok(connector)
    }

    /// Returns the connector that was made last.
    pub fn at_hand(&self) -> Option<MakeRustlsConnect> {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.as_ref().map(|(_, connector)| connector.clone())
    }
}

/// The system's roots, which know the certificate of RDS Proxy.
fn public() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

/// The roots of a PEM text. Other things in it, such as keys and comments, are passed over.
fn given(pem: &[u8]) -> Result<RootCertStore, BoxError> {
    let mut roots = RootCertStore::empty();
    for (number, certificate) in (1..).zip(CertificateDer::pem_slice_iter(pem)) {
        let unusable =
            |why: &dyn Error| format!("certificate {number} of the roots for Postgres: {why}");
        let certificate = certificate.map_err(|e| unusable(&e))?;
        roots.add(certificate).map_err(|e| unusable(&e))?;
    }
    if roots.is_empty() {
        return Err("the roots for Postgres hold no certificate in PEM".into());
    }
    Ok(roots)
}

fn connector(roots: RootCertStore) -> Result<MakeRustlsConnect, BoxError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

/// Whether the server's certificate was not believed. Its authority may have changed since the
/// roots were read.
pub(crate) fn refused_certificate(error: &tokio_postgres::Error) -> bool {
    let refused = |cause: &(dyn Error + 'static)| {
        // An error of the handshake is inside one of the socket, which does not name it as source.
        let inner = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let rustls = match inner {
            Some(inner) => inner.downcast_ref::<rustls::Error>(),
            None => cause.downcast_ref::<rustls::Error>(),
        };
        matches!(rustls, Some(rustls::Error::InvalidCertificate(_)))
    };
    std::iter::successors(error.source(), |&cause| cause.source()).any(refused)
}
