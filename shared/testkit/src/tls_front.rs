//! TLS before Postgres, as RDS and RDS Proxy have it: the Postgres of the tests is built without.

use std::sync::{Arc, Mutex, PoisonError};

use penstock_store::Login;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ServerConfig, SupportedProtocolVersion, version};

/// An authority that signs certificates of servers.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    /// Makes an authority with a key of its own.
    ///
    /// # Panics
    ///
    /// Never: its parameters are sound.
    #[must_use]
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let name = uuid::Uuid::now_v7().to_string();
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("a certificate"))
    }

    /// Returns the authority's own certificate, as a bundle of roots has it.
    #[must_use]
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// Makes a certificate of a server that is reached as `host`.
    fn acceptor(&self, host: &str) -> TlsAcceptor {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new([host.to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let versions: [&SupportedProtocolVersion; 1] = [&version::TLS13];
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&versions)
            .expect("a version")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("a certificate with its key");
        TlsAcceptor::from(Arc::new(config))
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

/// Takes connections of Postgres' protocol over TLS, and passes them on to a server in the clear.
pub struct TlsFront {
    login: Login,
    acceptor: Arc<Mutex<TlsAcceptor>>,
    serving: JoinHandle<()>,
}

impl TlsFront {
    /// Starts to listen on a free port of loopback. The certificate is signed by `authority`, and
    /// names `host`.
    ///
    /// # Panics
    ///
    /// If there is no free port.
    pub async fn start(upstream: Login, authority: &Authority, host: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let login = Login { host: "localhost".to_owned(), port, ..upstream.clone() };
        let acceptor = Arc::new(Mutex::new(authority.acceptor(host)));
        let current = Arc::clone(&acceptor);
        let serving = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let acceptor = current.lock().unwrap_or_else(PoisonError::into_inner).clone();
                // An error is a client that does not believe the certificate, or has gone.
                tokio::spawn(pass(client, acceptor, (upstream.host.clone(), upstream.port)));
            }
        });
        Self { login, acceptor, serving }
    }

    /// Returns the login of the server behind, at the address of this front: `localhost`.
    #[must_use]
    pub fn login(&self) -> Login {
        self.login.clone()
    }

    /// Returns that login as a URL.
    #[must_use]
    pub fn url(&self) -> String {
        let Login { host, port, database, user, .. } = &self.login;
        format!("postgres://{user}@{host}:{port}/{database}")
    }

    /// Shows new clients a certificate of another authority.
    pub fn certify(&self, authority: &Authority, host: &str) {
        *self.acceptor.lock().unwrap_or_else(PoisonError::into_inner) = authority.acceptor(host);
    }
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// The first message of a client that wants TLS: its length, and the code in place of a version.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

async fn pass(
    mut client: TcpStream,
    acceptor: TlsAcceptor,
    upstream: (String, u16),
) -> std::io::Result<()> {
    let mut first = [0; 8];
    client.read_exact(&mut first).await?;
    if first != SSL_REQUEST {
        // As with `rds.force_ssl`: nothing is served in the clear.
        return Ok(());
    }
    client.write_all(b"S").await?;
    let mut client = acceptor.accept(client).await?;
    let mut server = TcpStream::connect(upstream).await?;
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}
