//! Encrypted connections, and a certificate that changes.

use std::path::{Path, PathBuf};

use arrw_server::{BindError, Client, ClientError, Options, Server, TlsFiles};
use rcgen::{CertifiedKey, generate_simple_self_signed};

use crate::asking::Running;

/// A folder with a certificate for `localhost` and its key.
struct Certified {
    folder: PathBuf,
    files: TlsFiles,
}

impl Certified {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("arrw-tls-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let files = TlsFiles { certificate: folder.join("cert.pem"), key: folder.join("key.pem") };
        let certified = Self { folder, files };
        certified.renew();
        certified
    }

    /// Puts another certificate in the place of the present one.
    fn renew(&self) {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(&self.files.key, signing_key.serialize_pem()).unwrap();
        std::fs::write(&self.files.certificate, cert.pem()).unwrap();
    }
}

impl Drop for Certified {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.folder).unwrap();
    }
}

/// Publishes over a connection of its own that trusts what is in the file.
fn publish(server: &Running, trusted: &Path) -> Result<u64, ClientError> {
    let url = format!("https://localhost:{}", server.address.port());
    server.runtime.block_on(async {
        let mut client = Client::trusting(&url, trusted)?;
        Ok(client.publish(r#"{"topic":"a","data":1}"#).await?.count)
    })
}

#[test]
fn a_connection_is_encrypted_and_a_new_certificate_taken() {
    let certified = Certified::new("life");
    let server = Running::with_options(|options| options.tls = Some(certified.files.clone()));
    assert_eq!(publish(&server, &certified.files.certificate).unwrap(), 1);
    // Without TLS nothing is answered, and nobody is trusted who is not vouched for.
    let plain = format!("http://{}", server.address);
    let mut plain = Client::new(&plain).unwrap();
    assert!(server.runtime.block_on(plain.publish("{}")).is_err());
    let other = Certified::new("other");
    let refused = publish(&server, &other.files.certificate);
    assert!(matches!(refused, Err(ClientError::Connect { .. })), "{refused:?}");

    let before = certified.folder.join("before.pem");
    std::fs::copy(&certified.files.certificate, &before).unwrap();
    certified.renew();
    // The server looks once a second.
    while publish(&server, &certified.files.certificate).is_err() {}
    assert!(publish(&server, &before).is_err());
    // What cannot be used changes nothing.
    std::fs::copy(&certified.files.certificate, &before).unwrap();
    std::fs::write(&certified.files.key, "no key").unwrap();
    assert_eq!(publish(&server, &before).unwrap(), 1);
}

#[test]
fn a_server_does_not_start_with_what_is_no_certificate() {
    let certified = Certified::new("wrong");
    let start = |files: TlsFiles| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut options = Options::on("127.0.0.1:0".parse().unwrap());
        options.tls = Some(files);
        let db = arrw::Db::in_memory().unwrap();
        match runtime.block_on(Server::bind(db, options)) {
            Err(BindError::Tls(error)) => error.to_string(),
            other => panic!("{other:?}"),
        }
    };
    let files = || certified.files.clone();
    let missing = TlsFiles { key: certified.folder.join("missing"), ..files() };
    assert!(start(missing).contains("missing"));
    let swapped = TlsFiles { certificate: files().key, key: files().certificate };
    assert!(start(swapped).contains("key.pem"));
    let other = Certified::new("pair");
    let mixed = TlsFiles { key: other.files.key.clone(), ..files() };
    assert!(start(mixed).contains("with its key"));
}
