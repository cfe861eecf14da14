//! TLS: who vouches for a target, and what a failure says.

use shunt_decision::Outcome;
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{CertificateError, ClientConfig, Error, RootCertStore};

/// Sessions kept for being resumed, which spares most of the bytes of a handshake: more than the targets of most files.
const SESSIONS: usize = 64;

/// The public authorities, and what a client offers.
#[derive(Clone)]
pub(super) struct Trust(Option<Arc<ClientConfig>>);

impl Trust {
    /// Trusts these certificates (in DER) beside the public authorities.
    pub(super) fn new(certificates: &[Vec<u8>]) -> Self {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        roots.add_parsable_certificates(certificates.iter().map(|der| CertificateDer::from(der.clone())));
        let provider = Arc::new(ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        // The provider has ciphers for both versions, so that there is always a config.
        Self(config.ok().map(|config| {
            let mut config = config.with_root_certificates(roots).with_no_client_auth();
            config.alpn_protocols = vec![b"http/1.1".to_vec()];
            config.resumption = Resumption::in_memory_sessions(SESSIONS);
            Arc::new(config)
        }))
    }

    /// Shakes hands; an error is what the failure says of the target.
    pub(super) async fn secure<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        name: ServerName<'static>,
        stream: S,
    ) -> Result<TlsStream<S>, Option<Outcome>> {
        let config = self.0.clone().ok_or(Some(Outcome::Unsendable))?;
        TlsConnector::from(config).connect(name, stream).await.map_err(|error| judge(&error))
    }
}

impl Default for Trust {
    fn default() -> Self {
        Self::new(&[])
    }
}

impl std::fmt::Debug for Trust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Trust")
    }
}

fn judge(error: &io::Error) -> Option<Outcome> {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    match tls {
        // Out of date is no sign of somebody else: the server was forgotten, or this machine's clock is wrong.
        Some(Error::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        )) => Some(Outcome::Refused),
        Some(Error::InvalidCertificate(_)) => Some(Outcome::Intercepted),
        Some(_) => Some(Outcome::Refused),
        None => super::fetch::broken(error),
    }
}
