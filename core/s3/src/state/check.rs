//! Bodies that tests, the replay of seeds and fuzzing share.

use alloc::vec::Vec;

use super::admin::{KeyRecord, UserRecord};
use super::annotation::Annotation;
use super::error::Corrupt;
use super::keys;
use super::lifecycle::{self, Action, Clock};
use super::list;
use super::policy::{Context, Kind, Policy, Verdict, Who};
use super::record::{
    BucketRecord, DoneRecord, Listed, ObjectRecord, PartRecord, UploadRecord, Version, VersionKind,
};
use crate::body::LifecycleConfiguration;
use crate::xml::Document;

/// A policy is read or refused; what it says is what its statements say together, and a public one lets somebody in only by a statement
/// for anybody.
///
/// # Panics
///
/// If it is not.
pub fn check_policy(data: &[u8]) {
    check_kind(data, Kind::User, &[None]);
    let user = Who::User { id: "u1", name: "ann", account: "a1" };
    check_kind(data, Kind::Bucket("b"), &[Some(Who::Anonymous), Some(user)]);
}

fn check_kind(data: &[u8], kind: Kind<'_>, callers: &[Option<Who<'_>>]) {
    let Ok(policy) = Policy::parse(data, kind) else { return };
    let mut context = Context::default();
    context.set("aws:SourceIp", "10.1.2.3");
    context.set("aws:username", "ann");
    context.set("s3:prefix", "home/ann");
    context.set_all("s3:RequestObjectTagKeys", alloc::vec!["k".into(), "l".into()]);
    for caller in callers {
        for (action, resource) in
            [("s3:GetObject", "arn:aws:s3:::b/home/ann/x"), ("s3:ListBucket", "arn:aws:s3:::b")]
        {
            let whole = policy.evaluate(*caller, action, resource, &context);
            let each = |statement| {
                let one = Policy { statements: alloc::vec![statement] };
                one.evaluate(*caller, action, resource, &context)
            };
            let together = policy.statements.iter().cloned().map(each).fold(Verdict::Silent, Verdict::and);
            assert_eq!(whole, together);
        }
    }
    let open = |statement: &super::policy::Statement| {
        statement.principals.as_ref().is_some_and(|principals| principals.matches(Who::Anonymous))
    };
    assert!(!policy.is_public() || policy.statements.iter().any(open));
}

/// A record is read or refused, and what was read is written and read again as the same; so are keys, ids and tokens.
///
/// # Panics
///
/// If it is not.
pub fn check_meta(data: &[u8]) {
    fn again<T: PartialEq>(
        data: &[u8],
        decode: impl Fn(&[u8]) -> Result<T, Corrupt>,
        encode: impl Fn(&T) -> Vec<u8>,
    ) {
        if let Ok(record) = decode(data) {
            let Ok(second) = decode(&encode(&record)) else { panic!("what was written is not read") };
            assert!(second == record, "what was written is read as another");
        }
    }
    again(data, BucketRecord::decode, BucketRecord::encode);
    again(data, ObjectRecord::decode, ObjectRecord::encode);
    again(data, UploadRecord::decode, UploadRecord::encode);
    again(data, PartRecord::decode, PartRecord::encode);
    again(data, DoneRecord::decode, DoneRecord::encode);
    again(data, UserRecord::decode, UserRecord::encode);
    again(data, KeyRecord::decode, KeyRecord::encode);
    again(data, Annotation::decode, Annotation::encode);
    if let Ok(record) = ObjectRecord::decode(data) {
        assert_eq!(ObjectRecord::decode_listed(data), Ok(record.listed));
    }
    if let Some((bucket, key, order)) = keys::parse_object(data) {
        assert_eq!(keys::object(bucket, &key, order), data);
    }
    if let Some((bucket, key, upload)) = keys::parse_upload(data) {
        assert_eq!(keys::upload(bucket, &key, upload), data);
    }
    if let Ok(text) = core::str::from_utf8(data) {
        if let Some(version) = Version::parse(text) {
            assert_eq!(alloc::format!("{version}"), text);
        }
        if let Ok(start) = list::start_of_token(text) {
            assert_eq!(list::start_of_token(&list::token(&start)), Ok(start));
        }
    }
}

/// A configuration (up to the first byte 0) is read or refused; what it says of versions (the bytes behind) touches each of them once,
/// and time only adds to what is due.
///
/// # Panics
///
/// If it does not.
pub fn check_lifecycle(data: &[u8]) {
    let end = data.iter().position(|&byte| byte == 0).unwrap_or(data.len());
    let Ok(mut rules) = LifecycleConfiguration::parse(&data[..end]) else { return };
    if lifecycle::check(&mut rules, [0; 16]).is_err() {
        return;
    }
    let text = rules.to_xml(false);
    assert_eq!(LifecycleConfiguration::parse(text.as_bytes()).as_ref(), Ok(&rules));
    let mut versions: Vec<ObjectRecord> = data[end..].chunks_exact(3).take(8).map(version_of).collect();
    versions.sort_by_key(|version| core::cmp::Reverse(version.listed.modified_ms));
    let mut before = 0;
    for days in [0, 1, 2, 5, 40, 400, 30_000] {
        let clock = Clock { now_ms: days * lifecycle::DAY_MS, day_ms: lifecycle::DAY_MS };
        let due = lifecycle::due(&rules.rules, b"a/k", &versions, clock);
        let mut touched: Vec<usize> = due
            .iter()
            .map(|action| match action {
                Action::Expire => 0,
                Action::Remove(at) | Action::Transition(at, _) => *at,
            })
            .collect();
        touched.dedup();
        assert_eq!(touched.len(), due.len(), "a version is touched twice");
        assert!(touched.iter().all(|&at| at < versions.len()));
        assert!(due.len() >= before, "what was due is due no more");
        before = due.len();
    }
}

fn version_of(bytes: &[u8]) -> ObjectRecord {
    let kind = if bytes[0] & 1 == 0 { VersionKind::Object } else { VersionKind::DeleteMarker };
    let classes = ["STANDARD", "STANDARD_IA", "GLACIER", "DEEP_ARCHIVE"];
    let listed = Listed {
        kind,
        version: Version::Null,
        modified_ms: u64::from(bytes[1]) * lifecycle::DAY_MS / 4,
        size: u64::from(bytes[2]) * 100,
        etag: crate::ETag::Whole([0; 16]),
        owner: alloc::string::String::new(),
        storage_class: classes[usize::from(bytes[0] >> 6)].into(),
        checksum: None,
    };
    let tags = if bytes[0] & 2 == 0 { Vec::new() } else { alloc::vec![("k".into(), "v".into())] };
    ObjectRecord {
        listed,
        headers: Vec::new(),
        parts: Vec::new(),
        body: Vec::new(),
        encryption: super::record::Encryption::None,
        tags,
        acl: super::record::Acl::default(),
        retention: None,
        legal_hold: false,
        restored_until_ms: 0,
    }
}
