//! TLS: a certificate and its key from two files, which are read again when they change.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::stamp::Stamp;

/// Where the certificate and its key are, both in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate of the server, and those that lead to one that clients know.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// A certificate or key that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The file cannot be read, or is not what it must be.
    #[error("cannot use `{file}` for TLS")]
    File {
        /// The file.
        file: String,
        /// What is wrong.
        #[source]
        source: pem::Error,
    },
    /// There is no certificate in the file.
    #[error("there is no certificate in `{file}`")]
    NoCertificate {
        /// The file.
        file: String,
    },
    /// The key is not that of the certificate, or of a kind that is not known.
    #[error("cannot use the certificate with its key")]
    Pair(#[source] rustls::Error),
}

/// What connections are encrypted with.
#[derive(Debug)]
pub(crate) struct Tls {
    files: TlsFiles,
    present: RwLock<Present>,
}

#[derive(Debug)]
struct Present {
    config: Arc<ServerConfig>,
    /// Those of the files that it was read from.
    stamps: [Stamp; 2],
}

impl Tls {
    pub(crate) fn open(files: TlsFiles) -> Result<Self, TlsError> {
        let stamps = stamps(&files);
        let present = RwLock::new(Present { config: load(&files)?, stamps });
        Ok(Self { files, present })
    }

    /// Encrypts a connection with what is there now.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let present = self.present.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&present.config).into()
    }

    /// Reads the files again if they changed; true when that brought something new. On an error new connections
    /// go on with what was there before.
    pub(crate) fn refresh(&self) -> Result<bool, TlsError> {
        let stamps = stamps(&self.files);
        if self.present.read().unwrap_or_else(PoisonError::into_inner).stamps == stamps {
            return Ok(false);
        }
        // What is wrong, or half written, is tried again, whether or not it seems to have changed by then.
        let config = load(&self.files)?;
        *self.present.write().unwrap_or_else(PoisonError::into_inner) = Present { config, stamps };
        Ok(true)
    }
}

fn load(TlsFiles { certificate, key }: &TlsFiles) -> Result<Arc<ServerConfig>, TlsError> {
    let failed = |file: &Path| {
        let file = file.display().to_string();
        move |source| TlsError::File { file, source }
    };
    let chain = CertificateDer::pem_file_iter(certificate).map_err(failed(certificate))?;
    let chain: Vec<_> = chain.collect::<Result<_, _>>().map_err(failed(certificate))?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate { file: certificate.display().to_string() });
    }
    let key = PrivateKeyDer::from_pem_file(key).map_err(failed(key))?;
    let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(TlsError::Pair)?;
    let config = builder.with_no_client_auth().with_single_cert(chain, key);
    let mut config = config.map_err(TlsError::Pair)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// What a client encrypts with that trusts the authorities in a file.
pub(crate) fn connector(file: &Path) -> Result<TlsConnector, TlsError> {
    Ok(Arc::new(client(roots(file)?)?).into())
}

/// The authorities in a file.
pub(crate) fn roots(file: &Path) -> Result<RootCertStore, TlsError> {
    let shown = || file.display().to_string();
    let failed = |source| TlsError::File { file: shown(), source };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(failed)? {
        roots.add(certificate.map_err(failed)?).map_err(TlsError::Pair)?;
    }
    if roots.is_empty() {
        return Err(TlsError::NoCertificate { file: shown() });
    }
    Ok(roots)
}

/// How a client encrypts that trusts these authorities.
pub(crate) fn client(roots: RootCertStore) -> Result<ClientConfig, TlsError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(TlsError::Pair)?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn stamps(files: &TlsFiles) -> [Stamp; 2] {
    [&files.certificate, &files.key].map(|file| Stamp::of(file))
}
