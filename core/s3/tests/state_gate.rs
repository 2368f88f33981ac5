//! The one gate: rows of the list of classic holes, each by name, and who may do what.

use std::net::{IpAddr, Ipv4Addr};

use dolmen_s3::operation::Resource;
use dolmen_s3::state::acl::{self, Canned};
use dolmen_s3::state::facts::{AuthType, Facts, context, source_address};
use dolmen_s3::state::gate::{self, Ask, Caller, Decision, Object, Place, User, authorize, authorize_entry};
use dolmen_s3::state::policy::{Context, Kind, Policy};
use dolmen_s3::state::record::{
    Acl, BucketId, BucketRecord, Encryption, Listed, ObjectRecord, Ownership, Permission, PublicAccessBlock,
    Version, VersionKind, Versioning,
};
use dolmen_s3::state::{Code, StateError, bucket};
use dolmen_s3::{ETag, Header, Headers, Operation, Query};

fn account(id: &str) -> User {
    User { id: id.into(), name: id.into(), account: id.into(), policies: Vec::new() }
}

fn user_of(account: &str, name: &str, policies: &[&str]) -> User {
    let policies = policies.iter().map(|text| Policy::parse(text.as_bytes(), Kind::User).unwrap()).collect();
    User { id: name.into(), name: name.into(), account: account.into(), policies }
}

fn bucket_of(owner: &str) -> BucketRecord {
    BucketRecord {
        id: BucketId(1),
        owner: owner.into(),
        created_ms: 0,
        region: String::new(),
        versioning: Versioning::Unversioned,
        lock_enabled: false,
        default_retention: None,
        ownership: Ownership::ObjectWriter,
        ownership_set: false,
        acl: Canned::Private.grants(owner, owner),
        public_access_block: None,
        policy: None,
        policy_binds_owner: false,
        encrypt: false,
    }
}

fn object_of(owner: &str, acl: Acl) -> ObjectRecord {
    ObjectRecord {
        listed: Listed {
            kind: VersionKind::Object,
            version: Version::Null,
            modified_ms: 0,
            size: 0,
            etag: ETag::Whole([0; 16]),
            owner: owner.into(),
            storage_class: "STANDARD".into(),
            checksum: None,
        },
        headers: Vec::new(),
        parts: Vec::new(),
        body: Vec::new(),
        encryption: Encryption::None,
        tags: Vec::new(),
        acl,
        retention: None,
        legal_hold: false,
        restored_until_ms: 0,
    }
}

/// `Effect Action Resource` as a statement for everybody.
fn policy(statements: &[(&str, &str, &str)]) -> String {
    let statements: Vec<String> = statements
        .iter()
        .map(|(effect, action, resource)| {
            format!(
                r#"{{"Effect":"{effect}","Principal":"*","Action":"{action}","Resource":"arn:aws:s3:::{resource}"}}"#
            )
        })
        .collect();
    format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","))
}

/// One request.
struct Request<'a> {
    caller: Caller<'a>,
    operation: Operation,
    headers: Vec<Header<'a>>,
    bucket: &'a BucketRecord,
    key: &'a str,
    object: Object<'a>,
    versioned: bool,
    source: Option<(&'a BucketRecord, &'a str, Object<'a>, bool)>,
    context: Context,
}

impl<'a> Request<'a> {
    fn new(caller: Caller<'a>, operation: Operation, bucket: &'a BucketRecord, key: &'a str) -> Request<'a> {
        Request {
            caller,
            operation,
            headers: Vec::new(),
            bucket,
            key,
            object: Object::Any,
            versioned: false,
            source: None,
            context: Context::default(),
        }
    }

    fn on(mut self, object: &'a ObjectRecord) -> Self {
        self.object = Object::Present(object);
        self
    }

    fn ask<T>(&self, with: impl FnOnce(&Ask<'_>, Place<'_>) -> T) -> T {
        let own = gate::policy_of("b", self.bucket).unwrap();
        let target = Place {
            name: "b",
            bucket: Some(self.bucket),
            policy: own.as_ref(),
            key: self.key,
            object: self.object,
        };
        let other = self.source.and_then(|(bucket, ..)| gate::policy_of("s", bucket).unwrap());
        let source = self.source.map(|(bucket, key, object, _)| Place {
            name: "s",
            bucket: Some(bucket),
            policy: other.as_ref(),
            key,
            object,
        });
        let ask = Ask {
            caller: self.caller,
            operation: self.operation,
            headers: Headers(&self.headers),
            versioned: self.versioned,
            source_versioned: self.source.is_some_and(|source| source.3),
            target: Some(target),
            source,
            context: gate::Facts(&&self.context),
        };
        with(&ask, target)
    }

    fn allowed(&self) -> bool {
        self.ask(|ask, _| authorize(ask)) == Decision::Allow
    }
}

#[test]
fn nobody_gets_in_without_a_reason() {
    let owner = account("own");
    let other = account("other");
    let bucket = bucket_of("own");
    let object = object_of("own", Canned::Private.grants("own", "own"));
    for operation in Operation::all() {
        // Every account may list its own buckets.
        if operation.needs(Headers(&[]), false, false).all(|(_, resource)| resource == Resource::All) {
            continue;
        }
        for (caller, allowed) in
            [(Caller::Anonymous, false), (Caller::User(&other), false), (Caller::User(&owner), true)]
        {
            let mut request = Request::new(caller, operation, &bucket, "k").on(&object);
            request.source = Some((&bucket, "k", Object::Present(&object), false));
            let needs: Vec<_> = operation.needs(Headers(&[]), false, false).collect();
            let entries = needs.iter().all(|(_, resource)| *resource == Resource::Entries);
            if entries {
                let one = |ask: &Ask<'_>, place: Place<'_>| authorize_entry(ask, &place, false);
                assert_eq!(request.ask(one) == Decision::Allow, allowed && !needs.is_empty(), "{operation}");
            } else {
                assert_eq!(request.allowed(), allowed, "{operation} {caller:?}");
            }
        }
    }
}

/// CVE-2026-39360 and GHSA-mx42-j6wv-px98: the source of a copy and of a copied part is authorised, by itself.
#[test]
fn the_source_of_a_copy_is_authorised() {
    let (own, other) = (account("own"), account("other"));
    let (target, source) = (bucket_of("own"), bucket_of("other"));
    let secret = object_of("other", Canned::Private.grants("other", "other"));
    let public = object_of("other", Canned::PublicRead.grants("other", "other"));
    for operation in [Operation::CopyObject, Operation::UploadPartCopy] {
        let mut request = Request::new(Caller::User(&own), operation, &target, "k");
        request.headers.push(("x-amz-copy-source", b"s/k"));
        assert!(!request.allowed(), "{operation} without a source that is known");
        request.source = Some((&source, "k", Object::Present(&secret), false));
        assert!(!request.allowed(), "{operation}");
        request.source = Some((&source, "k", Object::Present(&public), false));
        assert!(request.allowed(), "{operation}");
        request.source = Some((&source, "k", Object::Absent, false));
        assert!(!request.allowed(), "{operation}: whether it is absent is not told");
        // The target is asked for as well.
        request.caller = Caller::User(&other);
        request.source = Some((&source, "k", Object::Present(&secret), false));
        assert!(!request.allowed(), "{operation}");
    }
}

/// GHSA-3ppv-fx5m-m749: a version is read with `s3:GetObjectVersion`, not with `s3:GetObject`.
#[test]
fn versions_have_actions_of_their_own() {
    let other = account("other");
    let mut bucket = bucket_of("own");
    let object = object_of("own", Canned::Private.grants("own", "own"));
    bucket.policy = Some(policy(&[("Allow", "s3:GetObject", "b/*"), ("Allow", "s3:DeleteObject", "b/*")]));
    for operation in [Operation::GetObject, Operation::HeadObject, Operation::DeleteObject] {
        let mut request = Request::new(Caller::User(&other), operation, &bucket, "k").on(&object);
        assert!(request.allowed(), "{operation}");
        request.versioned = true;
        assert!(!request.allowed(), "{operation}");
    }
    let target = bucket_of("other");
    let mut source = bucket_of("own");
    source.policy = Some(policy(&[("Allow", "s3:GetObject", "s/*")]).replace("s3:::b", "s3:::s"));
    let mut request = Request::new(Caller::User(&other), Operation::CopyObject, &target, "k");
    request.source = Some((&source, "k", Object::Present(&object), false));
    assert!(request.allowed());
    request.source = Some((&source, "k", Object::Present(&object), true));
    assert!(!request.allowed());
    let entry = Request::new(Caller::User(&other), Operation::DeleteObjects, &bucket, "k");
    assert_eq!(entry.ask(|ask, place| authorize_entry(ask, &place, false)), Decision::Allow);
    assert_eq!(entry.ask(|ask, place| authorize_entry(ask, &place, true)), Decision::Deny);
}

/// GHSA-wfxj-ph3v-7mjf: conditions on the copy source see what the request names.
#[test]
fn a_condition_on_the_copy_source_is_kept() {
    let other = account("other");
    let mut bucket = bucket_of("own");
    bucket.policy = Some(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"s3:PutObject",
        "Resource":"arn:aws:s3:::b/*","Condition":{"StringLike":{"s3:x-amz-copy-source":"s/public/*"}}}}"#
            .into(),
    );
    let source = bucket_of("other");
    let object = object_of("other", Canned::Private.grants("other", "other"));
    let query = Query::parse(b"").unwrap();
    for (from, allowed) in [(&b"s/public/x"[..], true), (b"s/private/x", false)] {
        let mut request = Request::new(Caller::User(&other), Operation::CopyObject, &bucket, "k");
        request.headers.push(("x-amz-copy-source", from));
        request.source = Some((&source, "k", Object::Present(&object), false));
        let headers = request.headers.clone();
        request.context = context(&facts(Caller::User(&other), Headers(&headers), &query));
        assert_eq!(request.allowed(), allowed);
    }
}

fn facts<'a>(caller: Caller<'a>, headers: Headers<'a>, query: &'a Query<'a>) -> Facts<'a> {
    Facts {
        now_ms: 1_767_225_600_000,
        caller,
        source_ip: Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1))),
        secure: false,
        auth: AuthType::Header,
        signature_version: "AWS4-HMAC-SHA256",
        signature_age_ms: None,
        headers,
        query,
        tags: &[],
        location: None,
    }
}

/// GHSA-6r96-hmgc-726c and CVE-2026-21862: no header becomes a key that the server sets, and forwarded addresses are not believed here.
#[test]
fn headers_cannot_set_keys_of_the_server() {
    let other = account("other");
    let headers: Vec<Header<'_>> = vec![
        ("x-forwarded-for", b"10.0.0.1"),
        ("aws:sourceip", b"10.0.0.1"),
        ("sourceip", b"10.0.0.1"),
        ("x-amz-sourceip", b"10.0.0.1"),
        ("aws:username", b"root"),
        ("securetransport", b"true"),
        ("s3:prefix", b"public/"),
        ("x-amz-acl", b"private"),
    ];
    let query = Query::parse(b"aws:username=root&aws:SourceIp=10.0.0.1&prefix=home/").unwrap();
    let context = context(&facts(Caller::User(&other), Headers(&headers), &query));
    let one = |key: &str| context.get(key).map(|values| values.join(","));
    assert_eq!(one("aws:sourceip").as_deref(), Some("192.0.2.1"));
    assert_eq!(one("aws:username").as_deref(), Some("other"));
    assert_eq!(one("aws:securetransport").as_deref(), Some("false"));
    assert_eq!(one("aws:currenttime").as_deref(), Some("2026-01-01T00:00:00.000Z"));
    assert_eq!(one("s3:prefix").as_deref(), Some("home/"));
    assert_eq!(one("s3:x-amz-acl").as_deref(), Some("private"));
    assert_eq!(one("s3:authtype").as_deref(), Some("REST-HEADER"));
    assert_eq!(one("s3:x-amz-sourceip"), None);
}

/// CVE-2026-21862: what `X-Forwarded-For` says counts as far as our own proxies wrote it, whoever sends it, and no further.
#[test]
fn only_our_proxies_say_where_a_request_comes_from() {
    let from = |peer: &str, lines: &[&str], proxies: &[&str]| {
        let mut headers: Vec<Header<'_>> = vec![("forwarded", b"for=9.9.9.9"), ("x-real-ip", b"9.9.9.9")];
        headers.extend(lines.iter().map(|line| ("x-forwarded-for", line.as_bytes())));
        headers.push(("x-client-ip", b"9.9.9.9"));
        let proxies: Vec<IpAddr> = proxies.iter().map(|proxy| proxy.parse().unwrap()).collect();
        let source = source_address(peer.parse().unwrap(), Headers(&headers), &proxies);
        (source.address.to_string(), source.is_malformed)
    };
    let is = |address: &str| (address.to_owned(), false);
    // No proxy is ours: the peer is who it is, whatever it says, and nobody minds what is not read.
    assert_eq!(from("192.0.2.1", &["10.0.0.1"], &[]), is("192.0.2.1"));
    assert_eq!(from("192.0.2.1", &["not read"], &["10.0.0.1"]), is("192.0.2.1"));
    // Our proxy: its last entry, and not what the client sent before it in the same line or in a line of its own.
    let ours = ["10.0.0.1", "10.0.0.2", "fd00::1"];
    assert_eq!(from("10.0.0.1", &["198.51.100.7"], &ours), is("198.51.100.7"));
    assert_eq!(from("10.0.0.1", &["1.2.3.4, 198.51.100.7"], &ours), is("198.51.100.7"));
    assert_eq!(from("10.0.0.1", &["1.2.3.4", "198.51.100.7"], &ours), is("198.51.100.7"));
    assert_eq!(from("10.0.0.1", &["<script>,198.51.100.7"], &ours), is("198.51.100.7"));
    // A chain of ours is walked through, over lines too, up to the first that is not ours.
    assert_eq!(from("10.0.0.1", &["198.51.100.7, 10.0.0.2"], &ours), is("198.51.100.7"));
    assert_eq!(from("fd00::1", &["1.2.3.4, 198.51.100.7,10.0.0.2", "10.0.0.1"], &ours), is("198.51.100.7"));
    assert_eq!(from("10.0.0.1", &["10.0.0.1, 198.51.100.7, 10.0.0.2"], &ours), is("198.51.100.7"));
    // A request of a proxy's own.
    assert_eq!(from("10.0.0.1", &[], &ours), is("10.0.0.1"));
    assert_eq!(from("10.0.0.1", &["10.0.0.2"], &ours), is("10.0.0.2"));
    // One address, written in two ways.
    assert_eq!(from("::ffff:10.0.0.1", &["::ffff:198.51.100.7"], &ours), is("198.51.100.7"));
    assert_eq!(from("10.0.0.1", &["2001:db8::7, ::ffff:10.0.0.2"], &ours), is("2001:db8::7"));
    // What is no address where one is due: the peer's counts, and that is told.
    for line in
        ["unknown", "", "198.51.100.7,", "198.51.100.7:80, 10.0.0.2", "1.2.3.4, 10.0.0.300", "for=1.2.3.4"]
    {
        assert_eq!(from("10.0.0.1", &[line], &ours), ("10.0.0.1".to_owned(), true), "{line:?}");
    }
}

/// CVE-2023-25812: a deny beats every allow, the owner's included, and bypassing governance is an action of its own.
#[test]
fn an_explicit_deny_beats_everything() {
    let owner = account("own");
    let mut bucket = bucket_of("own");
    let object = object_of("own", Canned::PublicRead.grants("own", "own"));
    bucket.policy =
        Some(policy(&[("Allow", "s3:*", "b/*"), ("Deny", "s3:BypassGovernanceRetention", "b/*")]));
    let mut request = Request::new(Caller::User(&owner), Operation::DeleteObject, &bucket, "k").on(&object);
    assert!(request.allowed());
    request.headers.push(("x-amz-bypass-governance-retention", b"true"));
    assert!(!request.allowed());
    let mut request = Request::new(Caller::User(&owner), Operation::DeleteObjects, &bucket, "k").on(&object);
    assert_eq!(request.ask(|ask, place| authorize_entry(ask, &place, true)), Decision::Allow);
    request.headers.push(("x-amz-bypass-governance-retention", b"true"));
    assert_eq!(request.ask(|ask, place| authorize_entry(ask, &place, true)), Decision::Deny);
    bucket.policy = Some(policy(&[("Deny", "s3:GetObject", "b/*")]));
    for caller in [Caller::User(&owner), Caller::Anonymous] {
        assert!(!Request::new(caller, Operation::GetObject, &bucket, "k").on(&object).allowed());
    }
    let limited = user_of(
        "own",
        "bob",
        &[r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},
        {"Effect":"Deny","Action":"s3:PutObject","Resource":"arn:aws:s3:::b/locked/*"}]}"#],
    );
    let bucket = bucket_of("own");
    assert!(Request::new(Caller::User(&limited), Operation::PutObject, &bucket, "free/k").allowed());
    assert!(!Request::new(Caller::User(&limited), Operation::PutObject, &bucket, "locked/k").allowed());
}

/// An account cannot shut itself out of its policy by mistake, but it can on purpose.
#[test]
fn the_owner_can_always_mend_its_policy() {
    let (owner, bob) = (account("own"), user_of("own", "bob", &[ALL]));
    let mut bucket = bucket_of("own");
    bucket.policy = Some(policy(&[("Deny", "s3:*BucketPolicy", "b")]));
    for operation in [Operation::GetBucketPolicy, Operation::PutBucketPolicy, Operation::DeleteBucketPolicy] {
        bucket.policy_binds_owner = false;
        assert!(Request::new(Caller::User(&owner), operation, &bucket, "").allowed());
        assert!(!Request::new(Caller::User(&bob), operation, &bucket, "").allowed());
        bucket.policy_binds_owner = true;
        assert!(!Request::new(Caller::User(&owner), operation, &bucket, "").allowed());
    }
}

const ALL: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}"#;

/// GHSA-j548-9grx-fh4f: what is stored and cannot be read refuses.
#[test]
fn a_policy_that_cannot_be_read_refuses() {
    let mut bucket = bucket_of("own");
    bucket.policy = Some("{".into());
    assert_eq!(gate::policy_of("b", &bucket).unwrap_err(), StateError::Refused(Code::AccessDenied));
    assert!(bucket::is_public(&bucket, "b").is_err());
}

/// GHSA-x298-9x87-fvjq: the public access block holds on every path, listing included.
#[test]
fn the_public_access_block_holds_for_policies_and_acls() {
    let other = account("other");
    let mut bucket = bucket_of("own");
    bucket.acl = Canned::PublicReadWrite.grants("own", "own");
    let public = object_of("own", Canned::PublicRead.grants("own", "own"));
    let operations = [
        Operation::ListObjects,
        Operation::ListObjectsV2,
        Operation::HeadBucket,
        Operation::PutObject,
        Operation::DeleteObject,
        Operation::GetObject,
        Operation::HeadObject,
        Operation::ListMultipartUploads,
    ];
    let all = |bucket: &BucketRecord, expected: bool| {
        for operation in operations {
            for caller in [Caller::Anonymous, Caller::User(&other)] {
                let request = Request::new(caller, operation, bucket, "k").on(&public);
                assert_eq!(request.allowed(), expected, "{operation} {caller:?}");
            }
        }
    };
    all(&bucket, true);
    bucket.public_access_block =
        Some(PublicAccessBlock { ignore_public_acls: true, ..PublicAccessBlock::default() });
    all(&bucket, false);
    bucket.policy = Some(policy(&[("Allow", "s3:*", "b"), ("Allow", "s3:*", "b/*")]));
    all(&bucket, true);
    bucket.public_access_block = Some(PublicAccessBlock {
        ignore_public_acls: true,
        restrict_public_buckets: true,
        ..PublicAccessBlock::default()
    });
    all(&bucket, false);
    let owner = account("own");
    assert!(Request::new(Caller::User(&owner), Operation::ListObjects, &bucket, "").allowed());
    // New ones are refused when they are put.
    let block = PublicAccessBlock {
        block_public_acls: true,
        block_public_policy: true,
        ..PublicAccessBlock::default()
    };
    let mut bucket = bucket_of("own");
    bucket.public_access_block = Some(block);
    let grants = Canned::PublicRead.grants("own", "own");
    assert_eq!(
        acl::may_put(&bucket, &grants, Some(Canned::PublicRead)).unwrap_err().code(),
        Code::AccessDenied
    );
    let text = policy(&[("Allow", "s3:GetObject", "b/*")]);
    assert_eq!(bucket::set_policy(&mut bucket, "b", &text, false).unwrap_err().code(), Code::AccessDenied);
    let narrow = text.replace(r#""Principal":"*""#, r#""Principal":{"AWS":"arn:aws:iam::other:root"}"#);
    bucket::set_policy(&mut bucket, "b", &narrow, false).unwrap();
}

#[test]
fn acls_grant_what_they_name() {
    let (other, third) = (account("other"), account("third"));
    let mut bucket = bucket_of("own");
    let object = |canned: Canned| object_of("own", canned.grants("own", "own"));
    let get = |caller: Caller<'_>, object: &ObjectRecord, bucket: &BucketRecord| {
        Request::new(caller, Operation::GetObject, bucket, "k").on(object).allowed()
    };
    assert!(get(Caller::Anonymous, &object(Canned::PublicRead), &bucket));
    assert!(!get(Caller::Anonymous, &object(Canned::AuthenticatedRead), &bucket));
    assert!(get(Caller::User(&other), &object(Canned::AuthenticatedRead), &bucket));
    assert!(!get(Caller::User(&other), &object(Canned::Private), &bucket));
    let mut acl = Canned::Private.grants("own", "own");
    let grantee = dolmen_s3::state::Grantee::User("other".into());
    acl.grants.push(dolmen_s3::state::Grant { grantee: grantee.clone(), permission: Permission::ReadAcp });
    let record = object_of("own", acl.clone());
    assert!(!get(Caller::User(&other), &record, &bucket));
    assert!(Request::new(Caller::User(&other), Operation::GetObjectAcl, &bucket, "k").on(&record).allowed());
    assert!(!Request::new(Caller::User(&third), Operation::GetObjectAcl, &bucket, "k").on(&record).allowed());
    bucket.acl.grants.push(dolmen_s3::state::Grant { grantee, permission: Permission::Write });
    assert!(Request::new(Caller::User(&other), Operation::PutObject, &bucket, "k").allowed());
    assert!(!Request::new(Caller::User(&other), Operation::ListObjects, &bucket, "").allowed());
    // With ACLs off they grant nothing.
    bucket.ownership = Ownership::BucketOwnerEnforced;
    assert!(!Request::new(Caller::User(&other), Operation::PutObject, &bucket, "k").allowed());
    assert!(!get(Caller::Anonymous, &object(Canned::PublicRead), &bucket));
}

/// Who puts an object owns it: the bucket's owner can delete it, not read it, until it is given.
#[test]
fn an_object_is_its_writers() {
    let (owner, writer) = (account("own"), account("writer"));
    let mut bucket = bucket_of("own");
    let record = object_of("writer", Canned::Private.grants("writer", "own"));
    let may = |user: &User, operation: Operation, bucket: &BucketRecord| {
        Request::new(Caller::User(user), operation, bucket, "k").on(&record).allowed()
    };
    assert!(!may(&owner, Operation::GetObject, &bucket));
    assert!(!may(&owner, Operation::GetObjectAcl, &bucket));
    assert!(may(&owner, Operation::DeleteObject, &bucket));
    assert!(may(&writer, Operation::GetObject, &bucket));
    assert!(may(&writer, Operation::PutObjectAcl, &bucket));
    assert!(!may(&writer, Operation::DeleteObject, &bucket));
    bucket.ownership = Ownership::BucketOwnerEnforced;
    assert!(may(&owner, Operation::GetObject, &bucket));
    assert!(!may(&writer, Operation::GetObject, &bucket));
    let enforced = bucket.clone();
    assert_eq!(acl::owner_of_new(&enforced, "writer", None), "own");
    bucket.ownership = Ownership::BucketOwnerPreferred;
    assert_eq!(acl::owner_of_new(&bucket, "writer", None), "writer");
    assert_eq!(acl::owner_of_new(&bucket, "writer", Some(Canned::BucketOwnerFullControl)), "own");
    assert_eq!(acl::owner_of_new(&bucket, "", None), "own");
}

#[test]
fn users_of_an_account_may_what_their_policies_say() {
    let bucket = bucket_of("own");
    let reader = user_of(
        "own",
        "bob",
        &[
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:Get*","Resource":"arn:aws:s3:::b/*"}}"#,
        ],
    );
    let nothing = user_of("own", "eve", &[]);
    let object = object_of("own", Canned::Private.grants("own", "own"));
    let may = |user: &User, operation: Operation, bucket: &BucketRecord| {
        Request::new(Caller::User(user), operation, bucket, "k").on(&object).allowed()
    };
    assert!(may(&reader, Operation::GetObject, &bucket));
    assert!(!may(&reader, Operation::PutObject, &bucket));
    assert!(!may(&nothing, Operation::GetObject, &bucket));
    // A bucket policy is enough at home; abroad the user's own policies must agree.
    let mut open = bucket.clone();
    open.policy = Some(policy(&[("Allow", "s3:GetObject", "b/*")]));
    assert!(may(&nothing, Operation::GetObject, &open));
    let abroad = user_of("elsewhere", "dan", &[]);
    assert!(!may(&abroad, Operation::GetObject, &open));
    let abroad = user_of("elsewhere", "dan", &[ALL]);
    assert!(may(&abroad, Operation::GetObject, &open));
    assert!(!may(&abroad, Operation::GetObject, &bucket));
    // A policy never makes a user the owner of another account's objects.
    let public = object_of("own", Canned::PublicRead.grants("own", "own"));
    assert!(!Request::new(Caller::User(&nothing), Operation::GetObject, &bucket, "k").on(&public).allowed());
}

/// Whether an object is absent is told only to those who may list; the key is the prefix then.
#[test]
fn absence_is_told_to_those_who_may_list() {
    let (owner, other) = (account("own"), account("other"));
    let mut bucket = bucket_of("own");
    let ask = |user: &User, bucket: &BucketRecord, key: &str| {
        let mut request = Request::new(Caller::User(user), Operation::HeadObject, bucket, key);
        request.object = Object::Absent;
        request.allowed()
    };
    assert!(ask(&owner, &bucket, "k"));
    assert!(!ask(&other, &bucket, "k"));
    bucket.policy = Some(policy(&[("Allow", "s3:GetObject", "b/*")]));
    assert!(!ask(&other, &bucket, "k"));
    bucket.policy = Some(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"s3:ListBucket",
        "Resource":"arn:aws:s3:::b","Condition":{"StringLike":{"s3:prefix":"public/*"}}}}"#
            .into(),
    );
    assert!(ask(&other, &bucket, "public/k"));
    assert!(!ask(&other, &bucket, "private/k"));
}

#[test]
fn conditions_see_the_tags_of_the_object() {
    let other = account("other");
    let mut bucket = bucket_of("own");
    bucket.policy = Some(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject",
        "Resource":"arn:aws:s3:::b/*","Condition":{"StringEquals":{"s3:ExistingObjectTag/security":"public"}}}}"#
            .into(),
    );
    let mut record = object_of("own", Canned::Private.grants("own", "own"));
    for (tag, allowed) in [(None, false), (Some("public"), true), (Some("private"), false)] {
        record.tags = tag.map(|value| ("security".into(), String::from(value))).into_iter().collect();
        assert_eq!(
            Request::new(Caller::User(&other), Operation::GetObject, &bucket, "k").on(&record).allowed(),
            allowed
        );
    }
}

#[test]
fn only_the_allowed_canned_acls_are_put_where_acls_are_off() {
    let mut bucket = bucket_of("own");
    bucket.ownership = Ownership::BucketOwnerEnforced;
    let put = |canned: Canned| acl::may_put(&bucket, &canned.grants("own", "own"), Some(canned));
    assert!(put(Canned::BucketOwnerFullControl).is_ok());
    for canned in [Canned::PublicRead, Canned::Private] {
        assert_eq!(put(canned).unwrap_err().code(), Code::AccessControlListNotSupported);
    }
    assert!(acl::may_put(&bucket, &Canned::Private.grants("own", "own"), None).is_ok());
    let mut open = bucket_of("own");
    open.acl = Canned::PublicRead.grants("own", "own");
    let refused = acl::set_ownership(&mut open, Some(Ownership::BucketOwnerEnforced));
    assert_eq!(refused.unwrap_err().code(), Code::InvalidBucketAclWithObjectOwnership);
}
