//! SASL.

use dolmen_kafka::messages::*;
use dolmen_kafka::wire::Message;
use dolmen_kafka_net::Settings;

use crate::client::{Client, Running};

fn broker(dir: &std::path::Path) -> Running {
    let mut settings = Settings::new(&[("sasl.enabled.mechanisms", "PLAIN,SCRAM-SHA-256")]).unwrap();
    settings.users = vec![("tree".into(), "oak".into())];
    Running::start(dir, settings)
}

fn handshake(client: &mut Client, mechanism: &str) -> i16 {
    let request = SaslHandshakeRequest { mechanism };
    let body = client.ask(&request, 1).unwrap();
    SaslHandshakeResponse::decode(&body, 1).unwrap().error_code
}

fn authenticate(client: &mut Client, token: &[u8]) -> i16 {
    let body = client.ask(&SaslAuthenticateRequest { auth_bytes: token, ..Default::default() }, 2).unwrap();
    SaslAuthenticateResponse::decode(&body, 2).unwrap().error_code
}

#[test]
fn nothing_is_served_before_a_client_has_said_who_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let broker = broker(dir.path());
    assert_eq!(broker.client().ask(&MetadataRequest::default(), 9), None);
    let mut client = broker.client();
    assert_eq!(handshake(&mut client, "GSSAPI"), 33);
    assert_eq!(handshake(&mut client, "PLAIN"), 0);
    assert_eq!(authenticate(&mut client, b"\0tree\0elm"), 58);
    assert_eq!(client.ask(&MetadataRequest::default(), 9), None);
    let mut client = broker.client();
    assert_eq!(handshake(&mut client, "PLAIN"), 0);
    assert_eq!(authenticate(&mut client, b"\0tree\0oak"), 0);
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
