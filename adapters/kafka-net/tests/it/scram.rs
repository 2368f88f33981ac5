//! Users that are made over the wire: they come in by SCRAM, after a crash too, and not once they are taken away.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dolmen_kafka::messages::alter_user_scram_credentials_request::{
    ScramCredentialDeletion, ScramCredentialUpsertion,
};
use dolmen_kafka::messages::describe_user_scram_credentials_request::UserName;
use dolmen_kafka::messages::*;
use dolmen_kafka::wire::{List, Message};
use dolmen_kafka_net::Settings;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha512};

use crate::client::{Client, Running};
use crate::security::{authenticate, handshake};

const ITERATIONS: i32 = 5000;

fn mac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha512>::new_from_slice(key).unwrap();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

/// What a client makes of a password: all that goes over the wire.
fn salted(password: &[u8], salt: &[u8], iterations: i32) -> Vec<u8> {
    let mut round = mac(password, &[salt, &1u32.to_be_bytes()]);
    let mut out = round.clone();
    for _ in 1..iterations {
        round = mac(password, &[&round]);
        out.iter_mut().zip(&round).for_each(|(out, byte)| *out ^= byte);
    }
    out
}

/// Changes credentials; the codes.
fn alter(client: &mut Client, upsertions: &[ScramCredentialUpsertion<'_>], deleted: &[&str]) -> Vec<i16> {
    let deletions: Vec<_> = deleted
        .iter()
        .map(|name| ScramCredentialDeletion { name, mechanism: 2, ..Default::default() })
        .collect();
    let request = AlterUserScramCredentialsRequest {
        deletions: (&deletions[..]).into(),
        upsertions: upsertions.into(),
        ..Default::default()
    };
    let body = client.ask(&request, 0).unwrap();
    let response = AlterUserScramCredentialsResponse::decode(&body, 0).unwrap();
    response.results.iter().map(|one| one.error_code).collect()
}

/// The code and the credentials of one user.
fn described(client: &mut Client, name: &str) -> (i16, Vec<(i8, i32)>) {
    let users = [UserName { name, ..Default::default() }];
    let request =
        DescribeUserScramCredentialsRequest { users: Some((&users[..]).into()), ..Default::default() };
    let body = client.ask(&request, 0).unwrap();
    let response = DescribeUserScramCredentialsResponse::decode(&body, 0).unwrap();
    let one = response.results.first().unwrap();
    let infos = one.credential_infos.iter().map(|info| (info.mechanism, info.iterations)).collect();
    (one.error_code, infos)
}

/// Comes in by SCRAM-SHA-512, checks the server's proof, and asks something.
fn comes_in(client: &mut Client, user: &str, password: &[u8]) -> bool {
    assert_eq!(handshake(client, "SCRAM-SHA-512"), 0);
    let first = format!("n={user},r=abc");
    let Ok(answer) = authenticate(client, format!("n,,{first}").as_bytes()) else { return false };
    let answer = String::from_utf8(answer).unwrap();
    let fields: Vec<&str> = answer.split(',').collect();
    let salt = STANDARD.decode(fields[1].strip_prefix("s=").unwrap()).unwrap();
    let iterations = fields[2].strip_prefix("i=").unwrap().parse().unwrap();
    let salted = salted(password, &salt, iterations);
    let bare = format!("c=biws,{}", fields[0]);
    let about = format!("{first},{answer},{bare}");
    let key = mac(&salted, &[b"Client Key"]);
    let signature = mac(&Sha512::digest(&key), &[about.as_bytes()]);
    let proof: Vec<u8> = key.iter().zip(&signature).map(|(a, b)| a ^ b).collect();
    let Ok(last) = authenticate(client, format!("{bare},p={}", STANDARD.encode(proof)).as_bytes()) else {
        return false;
    };
    let server = mac(&mac(&salted, &[b"Server Key"]), &[about.as_bytes()]);
    assert_eq!(String::from_utf8(last).unwrap(), format!("v={}", STANDARD.encode(server)));
    client.ask(&MetadataRequest::default(), 9).is_some()
}

#[test]
fn a_user_that_was_made_comes_in_until_it_is_taken_away() {
    let dir = tempfile::tempdir().unwrap();
    let asks = Settings::new(&[("sasl.enabled.mechanisms", "SCRAM-SHA-512")]).unwrap();
    let password = salted(b"o\0ak", b"s\0lt", ITERATIONS);
    let one = |name, iterations| ScramCredentialUpsertion {
        name,
        mechanism: 2,
        iterations,
        salt: b"s\0lt",
        salted_password: &password,
        ..Default::default()
    };
    {
        let broker = Running::start(dir.path(), Settings::default());
        let mut client = broker.client();
        assert_eq!(described(&mut client, "tree"), (91, vec![]));
        assert_eq!(alter(&mut client, &[one("tree", ITERATIONS), one("few", 1)], &["elm"]), [91, 0, 93]);
        assert_eq!(described(&mut client, "tree"), (0, vec![(2, ITERATIONS)]));
        // It is dropped, not stopped.
    }
    {
        let broker = Running::start(dir.path(), asks.clone());
        assert!(comes_in(&mut broker.client(), "tree", b"o\0ak"));
        assert!(!comes_in(&mut broker.client(), "tree", b"oak"));
        assert!(!comes_in(&mut broker.client(), "few", b"o\0ak"));
    }
    {
        let broker = Running::start(dir.path(), Settings::default());
        assert_eq!(alter(&mut broker.client(), &[], &["tree"]), [0]);
    }
    let broker = Running::start(dir.path(), asks);
    assert!(!comes_in(&mut broker.client(), "tree", b"o\0ak"));
    broker.stop();
}

/// The quorum is one broker, whose log ends behind what was put on record.
#[test]
fn the_quorum_is_this_broker() {
    use describe_quorum_request::{PartitionData, TopicData};
    let dir = tempfile::tempdir().unwrap();
    let broker = Running::start(dir.path(), Settings::default());
    let mut client = broker.client();
    let mut ends = Vec::new();
    for version in 0..=2 {
        client.make_topic(&format!("t{version}"));
        let partitions =
            [PartitionData::default(), PartitionData { partition_index: 1, ..Default::default() }];
        let topic = TopicData {
            topic_name: "__cluster_metadata",
            partitions: (&partitions[..]).into(),
            ..Default::default()
        };
        let topics: List<'_, _> = [topic].into_iter().collect();
        let body = client.ask(&DescribeQuorumRequest { topics, ..Default::default() }, version).unwrap();
        let response = DescribeQuorumResponse::decode(&body, version).unwrap();
        let topic = response.topics.first().unwrap();
        let partitions: Vec<_> = topic.partitions.iter().collect();
        assert_eq!((response.error_code, partitions[0].error_code, partitions[1].error_code), (0, 0, 3));
        let voter = partitions[0].current_voters.first().unwrap();
        assert_eq!((partitions[0].leader_id, voter.replica_id), (1, 1));
        assert_eq!(voter.log_end_offset, partitions[0].high_watermark);
        assert_eq!(response.nodes.len(), usize::from(version >= 2));
        ends.push(partitions[0].high_watermark);
    }
    assert_eq!([ends[1] - ends[0], ends[2] - ends[1]], [2, 2], "a topic and its partition each");
    broker.stop();
}

#[test]
fn there_are_no_quotas() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Running::start(dir.path(), Settings::default());
    for version in 0..=1 {
        let body = broker.client().ask(&DescribeClientQuotasRequest::default(), version).unwrap();
        let response = DescribeClientQuotasResponse::decode(&body, version).unwrap();
        assert_eq!((response.error_code, response.entries.unwrap().len()), (0, 0));
    }
    broker.stop();
}
