//! Encryption at rest: chunks, windows, keys; users and their keys.

use std::collections::BTreeMap;

use dolmen_base::rng::Rng;
use dolmen_s3::body::AccessControlPolicy;
use dolmen_s3::state::admin::{self, AdminError, Secret, UserRecord};
use dolmen_s3::state::gate::Caller;
use dolmen_s3::state::record::{Acl, Encryption, Grant, Grantee, Permission};
use dolmen_s3::state::shapes;
use dolmen_s3::state::sse::{self, CHUNK_LEN, SecretKey, TAG_LEN, Unsealed};
use dolmen_s3::state::{BlobId, Code, Env, Tx, bucket};
use dolmen_s3::xml::Document;

fn seal(key: &SecretKey, blob: BlobId, plain: &[u8]) -> Vec<u8> {
    let key = key.of_blob(blob);
    let count = sse::chunk_count(plain.len() as u64);
    let mut out = Vec::new();
    for index in 0..count {
        let start = (index * CHUNK_LEN) as usize;
        let end = plain.len().min(start + CHUNK_LEN as usize);
        let mut chunk = plain[start..end].to_vec();
        key.seal(index, index + 1 == count, &mut chunk);
        out.extend(chunk);
    }
    out
}

fn open(
    key: &SecretKey,
    blob: BlobId,
    sealed: &[u8],
    total: u64,
    offset: u64,
    len: u64,
) -> Result<Vec<u8>, Unsealed> {
    let key = key.of_blob(blob);
    let window = sse::window(total, offset, len).ok_or(Unsealed)?;
    let count = sse::chunk_count(total);
    let bytes = &sealed[window.offset as usize..(window.offset + window.len) as usize];
    let mut plain = Vec::new();
    for (at, chunk) in bytes.chunks((CHUNK_LEN + TAG_LEN) as usize).enumerate() {
        let index = window.first + at as u64;
        let mut chunk = chunk.to_vec();
        key.open(index, index + 1 == count, &mut chunk)?;
        plain.extend(chunk);
    }
    let skip = window.skip as usize;
    Ok(plain[skip..skip + len as usize].to_vec())
}

#[test]
fn ranges_of_sealed_blobs_are_what_was_written() {
    let mut rng = Rng::new(5);
    let key = SecretKey::new([4; 32]);
    let blob = BlobId::file([9; 16]);
    for total in [0, 1, 15, CHUNK_LEN - 1, CHUNK_LEN, CHUNK_LEN + 1, 3 * CHUNK_LEN, 3 * CHUNK_LEN + 77] {
        let mut plain = vec![0; total as usize];
        rng.fill(&mut plain);
        let sealed = seal(&key, blob, &plain);
        assert_eq!(sealed.len() as u64, sse::sealed_len(total));
        assert_eq!(sse::plain_len(sse::sealed_len(total)), Some(total));
        for _ in 0..20 {
            let offset = rng.below(total + 1);
            let len = rng.below(total - offset + 1);
            let expected = &plain[offset as usize..(offset + len) as usize];
            assert_eq!(open(&key, blob, &sealed, total, offset, len).unwrap(), expected);
        }
        assert_eq!(sse::window(total, total, 1), None);
        assert_eq!(sse::window(total, u64::MAX, 2), None);
    }
    for len in [0, 1, 15, CHUNK_LEN + TAG_LEN + 3] {
        assert_eq!(sse::plain_len(len), None, "{len}");
    }
}

#[test]
fn what_was_changed_does_not_open() {
    let key = SecretKey::new([4; 32]);
    let blob = BlobId::file([9; 16]);
    let plain = vec![7; CHUNK_LEN as usize + 100];
    let total = plain.len() as u64;
    let sealed = seal(&key, blob, &plain);
    assert!(!sealed.windows(16).any(|window| window == [7; 16]), "nothing of it stands there as it was");
    for at in [0, 100, CHUNK_LEN as usize, CHUNK_LEN as usize + 20, sealed.len() - 1] {
        let mut damaged = sealed.clone();
        damaged[at] ^= 1;
        assert_eq!(open(&key, blob, &damaged, total, 0, total), Err(Unsealed));
    }
    assert_eq!(open(&SecretKey::new([5; 32]), blob, &sealed, total, 0, total), Err(Unsealed));
    assert_eq!(
        open(&key, BlobId::file([8; 16]), &sealed, total, 0, total),
        Err(Unsealed),
        "a blob has its own key"
    );
    // Cut after the first chunk: it opens only as what it is, not as the last.
    let cut = &sealed[..(CHUNK_LEN + TAG_LEN) as usize];
    assert_eq!(open(&key, blob, cut, CHUNK_LEN, 0, CHUNK_LEN), Err(Unsealed));
    let mut swapped = sealed[(CHUNK_LEN + TAG_LEN) as usize..].to_vec();
    assert_eq!(key.of_blob(blob).open(0, true, &mut swapped), Err(Unsealed));
    assert!(swapped.is_empty(), "nothing is left of what did not open");
}

#[test]
fn keys_are_wrapped_and_those_of_clients_are_checked() {
    let server = SecretKey::new([1; 32]);
    let object = SecretKey::new([2; 32]);
    let wrapped = server.wrap(&object, [3; 12]);
    let blob = BlobId::file([9; 16]);
    let again = server.unwrap(&wrapped).unwrap_or_else(|_| panic!("it was wrapped"));
    assert_eq!(seal(&again, blob, b"x"), seal(&object, blob, b"x"));
    for at in 0..wrapped.len() {
        let mut damaged = wrapped.clone();
        damaged[at] ^= 1;
        assert!(server.unwrap(&damaged).is_err());
    }
    assert!(server.unwrap(&wrapped[1..]).is_err());
    assert!(SecretKey::new([7; 32]).unwrap(&wrapped).is_err());
    let named = server.named("one").wrap(&object, [9; 12]);
    assert!(server.named("one").unwrap(&named).is_ok());
    assert!(server.named("two").unwrap(&named).is_err() && server.unwrap(&named).is_err());
    let kept = object.customer([5; 16], [6; 16]);
    assert!(object.is_customer(&kept));
    assert!(!server.is_customer(&kept));
    assert!(!object.is_customer(&Encryption::None));
}

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

fn commit(map: &mut Map, tx: dolmen_s3::state::Batch) {
    for (key, value) in tx.writes {
        match value {
            Some(value) => map.insert(key, value),
            None => map.remove(&key),
        };
    }
}

fn change<T>(
    map: &mut Map,
    operation: impl FnOnce(&mut Tx<'_>, &Env<'_>) -> Result<T, AdminError>,
) -> Result<T, AdminError> {
    let env = Env { now_ms: 5, caller: "root", fresh: [map.len() as u8; 16] };
    let before = map.clone();
    let mut tx = Tx::new(&before);
    let answer = operation(&mut tx, &env)?;
    commit(map, tx.into_batch());
    Ok(answer)
}

const READ: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}}"#;

#[test]
fn users_keys_and_policies() {
    let mut map = Map::new();
    let named = |name: &str| UserRecord { name: name.into(), ..UserRecord::default() };
    let root = change(&mut map, |tx, env| admin::add_user(tx, env, named("root"))).unwrap();
    assert_eq!(root.account, root.id);
    let again = change(&mut map, |tx, env| admin::add_user(tx, env, named("root")));
    assert_eq!(again.unwrap_err(), AdminError::Exists);
    for wrong in ["", "a b", &"x".repeat(129), "é"] {
        let answer = change(&mut map, |tx, env| admin::add_user(tx, env, named(wrong)));
        assert_eq!(answer.unwrap_err(), AdminError::Name, "{wrong}");
    }
    let sub = UserRecord { account: root.id.clone(), email: "bob@x".into(), ..named("bob") };
    let bob = change(&mut map, |tx, env| admin::add_user(tx, env, sub)).unwrap();
    let lost = UserRecord { account: "nobody".into(), ..named("eve") };
    assert_eq!(change(&mut map, |tx, env| admin::add_user(tx, env, lost)).unwrap_err(), AdminError::Absent);
    change(&mut map, |tx, env| admin::add_key(tx, env, "bob", "AK", Secret::new("secret-of-bob"))).unwrap();
    let short = change(&mut map, |tx, env| admin::add_key(tx, env, "bob", "AK2", Secret::new("short")));
    assert_eq!(short.unwrap_err(), AdminError::Name);
    let twice =
        change(&mut map, |tx, env| admin::add_key(tx, env, "root", "AK", Secret::new("secret-of-root")));
    assert_eq!(twice.unwrap_err(), AdminError::Exists);
    change(&mut map, |tx, _| admin::put_policy(tx, "read", READ)).unwrap();
    let broken = change(&mut map, |tx, _| admin::put_policy(tx, "broken", "{}"));
    assert!(matches!(broken.unwrap_err(), AdminError::Policy(_)));
    change(&mut map, |tx, _| admin::attach(tx, "bob", "read", true)).unwrap();
    change(&mut map, |tx, _| admin::put_inline(tx, "bob", "own", Some(READ))).unwrap();
    let tx = Tx::new(&map);
    let (user, secret) = admin::signer(&tx, "AK").unwrap().unwrap();
    assert_eq!(
        (user.id.clone(), user.policies.len(), secret),
        (bob.id.clone(), 2, Secret::new("secret-of-bob"))
    );
    assert!(!user.is_account());
    assert_eq!(Caller::User(&user).account(), root.id);
    assert_eq!(admin::user_with_email(&tx, "BOB@x").unwrap().map(|user| user.id), Some(bob.id));
    assert!(admin::signer(&tx, "AK2").unwrap().is_none());
    assert_eq!(change(&mut map, |tx, _| admin::remove_policy(tx, "read")).unwrap_err(), AdminError::InUse);
    assert_eq!(change(&mut map, |tx, _| admin::remove_user(tx, "root")).unwrap_err(), AdminError::InUse);
    change(&mut map, |tx, _| admin::enable_key(tx, "AK", false)).unwrap();
    assert!(admin::signer(&Tx::new(&map), "AK").unwrap().is_none());
    change(&mut map, |tx, _| admin::remove_user(tx, "bob")).unwrap();
    assert!(admin::keys_of(&Tx::new(&map), "").unwrap().is_empty());
    change(&mut map, |tx, _| admin::remove_policy(tx, "read")).unwrap();
    let env = Env { now_ms: 5, caller: &root.id, fresh: [77; 16] };
    let before = map.clone();
    let mut tx = Tx::new(&before);
    bucket::create(&mut tx, &env, "b", bucket::NewBucket::default()).unwrap();
    commit(&mut map, tx.into_batch());
    assert_eq!(change(&mut map, |tx, _| admin::remove_user(tx, "root")).unwrap_err(), AdminError::InUse);
}

#[test]
fn grants_go_to_accounts_that_are_known() {
    let mut map = Map::new();
    let (ann, bob) =
        (|name: &str| UserRecord { name: name.into(), id: name.into(), ..UserRecord::default() }, "bob");
    change(&mut map, |tx, env| {
        admin::add_user(tx, env, UserRecord { email: "ann@x".into(), ..ann("ann") })?;
        admin::add_user(tx, env, UserRecord { account: "ann".into(), email: "bob@x".into(), ..ann(bob) })
    })
    .unwrap();
    let tx = Tx::new(&map);
    let acl = |value: &str| {
        shapes::acl_of_headers(&tx, &[(Permission::Read, value)])
            .map(|acl| acl.grants)
            .map_err(|error| error.code())
    };
    let to_ann = Grant { grantee: Grantee::User("ann".into()), permission: Permission::Read };
    assert_eq!(acl(r#"id="ann", emailAddress=ANN@x"#).unwrap(), [to_ann.clone(), to_ann.clone()]);
    let all = acl("uri=\"http://acs.amazonaws.com/groups/global/AllUsers\"").unwrap();
    assert_eq!(all, [Grant { grantee: Grantee::AllUsers, permission: Permission::Read }]);
    for (value, code) in [
        ("id=bob", Code::InvalidArgument),
        ("id=nobody", Code::InvalidArgument),
        ("emailAddress=no@x", Code::UnresolvableGrantByEmailAddress),
        ("emailAddress=bob@x", Code::UnresolvableGrantByEmailAddress),
        ("uri=http://x", Code::InvalidArgument),
        ("ann", Code::InvalidArgument),
        ("name=ann", Code::InvalidArgument),
    ] {
        assert_eq!(acl(value), Err(code), "{value}");
    }
    // What is put is read back.
    let acl = Acl { grants: vec![to_ann] };
    let body = shapes::acl_body(&tx, "ann", &acl).unwrap();
    let text = body.to_xml(false);
    let again = AccessControlPolicy::parse(text.as_bytes()).unwrap();
    assert_eq!(shapes::acl_of_body(&tx, "ann", again.clone()).unwrap(), acl);
    assert_eq!(shapes::acl_of_body(&tx, "other", again).unwrap_err().code(), Code::AccessDenied);
}

/// GHSA-r54g-49rx-98cr: a secret is never printed.
#[test]
fn secrets_are_never_printed() {
    let record =
        admin::KeyRecord { user: "u".into(), secret: Secret::new("hush-hush"), enabled: true, created_ms: 0 };
    assert!(!format!("{record:?}").contains("hush"));
}

/// A managed policy that is gone or damaged opens nothing.
#[test]
fn a_user_whose_policies_cannot_be_read_may_nothing() {
    let mut map = Map::new();
    change(&mut map, |tx, env| {
        let user = UserRecord { name: "bob".into(), ..UserRecord::default() };
        let mut user = admin::add_user(tx, env, user)?;
        user.attached.push("gone".into());
        admin::save_user(tx, &user);
        admin::add_key(tx, env, "bob", "AK", Secret::new("secret-of-bob"))
    })
    .unwrap();
    assert!(admin::signer(&Tx::new(&map), "AK").is_err());
}
