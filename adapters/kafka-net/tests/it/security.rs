//! SASL and TLS.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use dolmen_kafka::messages::*;
use dolmen_kafka::wire::Message;
use dolmen_kafka_net::Settings;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::client::{Client, Running};

fn broker(dir: &std::path::Path) -> Running {
    let mut settings = Settings::new(&[("sasl.enabled.mechanisms", "PLAIN,SCRAM-SHA-256")]).unwrap();
    settings.users = vec![("tree".into(), "oak".into())];
    Running::start(dir, settings)
}

pub fn handshake(client: &mut Client, mechanism: &str) -> i16 {
    let request = SaslHandshakeRequest { mechanism };
    let body = client.ask(&request, 1).unwrap();
    SaslHandshakeResponse::decode(&body, 1).unwrap().error_code
}

/// The server's token, or the code.
pub fn authenticate(client: &mut Client, token: &[u8]) -> Result<Vec<u8>, i16> {
    let body = client.ask(&SaslAuthenticateRequest { auth_bytes: token, ..Default::default() }, 2).unwrap();
    let response = SaslAuthenticateResponse::decode(&body, 2).unwrap();
    if response.error_code == 0 { Ok(response.auth_bytes.to_vec()) } else { Err(response.error_code) }
}

#[test]
fn nothing_is_served_before_a_client_has_said_who_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let broker = broker(dir.path());
    assert_eq!(broker.client().ask(&MetadataRequest::default(), 9), None);
    let mut client = broker.client();
    assert_eq!(handshake(&mut client, "GSSAPI"), 33);
    assert_eq!(handshake(&mut client, "PLAIN"), 0);
    assert_eq!(authenticate(&mut client, b"\0tree\0elm"), Err(58));
    assert_eq!(client.ask(&MetadataRequest::default(), 9), None);
    let mut client = broker.client();
    assert_eq!(handshake(&mut client, "PLAIN"), 0);
    assert_eq!(authenticate(&mut client, b"\0tree\0oak"), Ok(Vec::new()));
    client.make_topic("t");
    broker.stop();
}

#[test]
fn without_users_there_is_no_handshake() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Running::start(dir.path(), Settings::default());
    let mut client = broker.client();
    assert_eq!(handshake(&mut client, "PLAIN"), 34);
    client.make_topic("t");
    broker.stop();
}

fn certificate() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/localhost.pem")
}

/// A client that trusts the certificate, if it is to.
fn over_tls(address: std::net::SocketAddr, trusts: bool) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    if trusts {
        roots.add(CertificateDer::from_pem_file(certificate()).unwrap()).unwrap();
    }
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    StreamOwned::new(ClientConnection::new(config, name).unwrap(), stream)
}

#[test]
fn over_tls_the_same_is_served_and_without_it_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = certificate();
    let settings = Settings::new(&[("ssl.keystore.location", path.to_str().unwrap())]).unwrap();
    let broker = Running::start(dir.path(), settings);
    let mut plain = broker.client();
    let frame = plain.frame(&MetadataRequest::default(), 9);
    let mut client = over_tls(broker.address(), true);
    for _ in 0..2 {
        client.write_all(&frame).unwrap();
        let mut len = [0; 4];
        client.read_exact(&mut len).unwrap();
        let mut body = vec![0; usize::try_from(u32::from_be_bytes(len)).unwrap()];
        client.read_exact(&mut body).unwrap();
        let response = MetadataResponse::decode(&body[5..], 9).unwrap();
        assert_eq!(response.brokers.first().unwrap().port, i32::from(broker.address().port()));
    }
    let refused = over_tls(broker.address(), false).write_all(&frame).unwrap_err();
    assert!(refused.to_string().contains("UnknownIssuer"), "{refused}");
    // No answer comes to a frame in the clear: at most the alert of a handshake that is none.
    plain.stream.write_all(&frame).unwrap();
    let mut answer = Vec::new();
    let _ = plain.stream.read_to_end(&mut answer);
    assert!(answer.len() < 10, "{answer:?}");
    broker.stop();
}
