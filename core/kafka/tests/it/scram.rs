//! SCRAM credentials: what is refused, what is written, what is told. The refusals are those of Kafka's `ScramControlManagerTest`.

use dolmen_kafka::ErrorCode;
use dolmen_kafka::scram::{Credential, Mechanism, Upsertion};
use dolmen_kafka::topics::Topics;

fn upsertion(user: &str, mechanism: i8, iterations: i32) -> Upsertion<'_> {
    let credential =
        Credential { salt: b"salt".to_vec(), stored_key: vec![1; 32], server_key: vec![2; 32], iterations };
    Upsertion { user, mechanism, credential }
}

/// Decides, takes over, and tells the codes by user.
fn alter<'a>(
    topics: &mut Topics,
    deletions: &[(&'a str, i8)],
    upsertions: &[Upsertion<'a>],
) -> Vec<(&'a str, ErrorCode)> {
    let (results, records) = topics.credentials().decide_alter(deletions, upsertions).unwrap();
    records.iter().for_each(|record| topics.load(record).unwrap());
    let code =
        |result: Result<(), (ErrorCode, &str)>| result.map_or_else(|(code, _)| code, |()| ErrorCode::NONE);
    results.into_iter().map(|(user, result)| (user, code(result))).collect()
}

#[test]
fn what_is_no_credential_is_refused_and_the_rest_is_kept() {
    let mut topics = Topics::new();
    let (long, longest) = ("u".repeat(256), "u".repeat(255));
    let mut salted = upsertion("salted", 1, 4096);
    salted.credential.salt = vec![0; 1025];
    let upsertions = [
        upsertion("", 1, 4096),
        upsertion("few", 1, 4095),
        upsertion("many", 2, 16_385),
        upsertion("none", 0, 4096),
        upsertion("other", 3, 4096),
        upsertion(&long, 1, 4096),
        upsertion(&longest, 1, 4096),
        salted,
        upsertion("both", 1, 4096),
        upsertion("both", 2, 4096),
        upsertion("tree", 2, 16_384),
        upsertion("gone and made", 1, 4096),
    ];
    let deletions = [("bush", 1), ("gone and made", 1), ("odd", 7), ("twice", 1), ("twice", 2)];
    let told = alter(&mut topics, &deletions, &upsertions);
    let wanted = [
        ("bush", ErrorCode::RESOURCE_NOT_FOUND),
        ("odd", ErrorCode::UNSUPPORTED_SASL_MECHANISM),
        ("", ErrorCode::UNACCEPTABLE_CREDENTIAL),
        ("few", ErrorCode::UNACCEPTABLE_CREDENTIAL),
        ("many", ErrorCode::UNACCEPTABLE_CREDENTIAL),
        ("none", ErrorCode::UNSUPPORTED_SASL_MECHANISM),
        ("other", ErrorCode::UNSUPPORTED_SASL_MECHANISM),
        (&long, ErrorCode::UNACCEPTABLE_CREDENTIAL),
        (&longest, ErrorCode::NONE),
        ("salted", ErrorCode::UNACCEPTABLE_CREDENTIAL),
        ("tree", ErrorCode::NONE),
        ("both", ErrorCode::DUPLICATE_RESOURCE),
        ("gone and made", ErrorCode::DUPLICATE_RESOURCE),
        ("twice", ErrorCode::DUPLICATE_RESOURCE),
    ];
    assert_eq!(told, wanted);
    let all = topics.credentials().describe(&[]);
    assert_eq!(
        all,
        [
            ("tree", Ok(vec![(Mechanism::Sha512, 16_384)])),
            (&longest[..], Ok(vec![(Mechanism::Sha256, 4096)]))
        ]
    );
    assert!(topics.credentials().get("tree", Mechanism::Sha256).is_none());
}

#[test]
fn credentials_are_told_replaced_and_taken_away() {
    let mut topics = Topics::new();
    alter(&mut topics, &[], &[upsertion("tree", 1, 4096), upsertion("bush", 2, 5000)]);
    alter(&mut topics, &[], &[upsertion("tree", 2, 6000)]);
    alter(&mut topics, &[], &[upsertion("tree", 1, 7000)]);
    let both = vec![(Mechanism::Sha256, 7000), (Mechanism::Sha512, 6000)];
    let told = topics.credentials().describe(&["elm", "tree", "bush", "bush"]);
    let codes: Vec<_> =
        told.iter().map(|(user, told)| (*user, told.clone().map_err(|(code, _)| code))).collect();
    assert_eq!(
        codes,
        [
            ("bush", Err(ErrorCode::DUPLICATE_RESOURCE)),
            ("elm", Err(ErrorCode::RESOURCE_NOT_FOUND)),
            ("tree", Ok(both.clone())),
        ]
    );
    // All of it is in a snapshot, and nothing else.
    let mut again = Topics::new();
    topics.snapshot(1).unwrap().iter().for_each(|record| again.load(record).unwrap());
    assert_eq!(again.credentials().describe(&["tree"]), [("tree", Ok(both))]);
    assert_eq!(again.snapshot(1).unwrap(), topics.snapshot(1).unwrap());
    assert_eq!(alter(&mut topics, &[("tree", 1)], &[]), [("tree", ErrorCode::NONE)]);
    assert_eq!(topics.credentials().describe(&["tree"]), [("tree", Ok(vec![(Mechanism::Sha512, 6000)]))]);
    assert_eq!(alter(&mut topics, &[("tree", 1)], &[]), [("tree", ErrorCode::RESOURCE_NOT_FOUND)]);
    assert_eq!(alter(&mut topics, &[("tree", 2)], &[]), [("tree", ErrorCode::NONE)]);
    assert_eq!(topics.credentials().describe(&[]).len(), 1);
}

#[test]
fn what_is_kept_is_not_shown() {
    let shown = format!("{:?}", upsertion("tree", 1, 4096).credential);
    assert_eq!(shown, "Credential { iterations: 4096, .. }");
}
