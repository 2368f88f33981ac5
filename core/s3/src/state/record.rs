//! Records of the metadata: what a bucket, a version, an upload and a part are.
//!
//! A record is a version byte and then its fields in the order of the `encode` functions. Fields that a listing shows stand first
//! ([`ObjectRecord::decode_listed`]). Reading checks every field; what was read is written again byte for byte.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::codec::{Dec, Enc};
use super::error::Corrupt;
use super::keys::Order;
use super::tx::decode;
use crate::checksum::{Algorithm, Checksum, ChecksumType, ObjectChecksum};
use crate::etag::ETag;

/// A bucket, once and for all: a bucket that is deleted and made again is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BucketId(pub u64);

/// A blob: sixteen bytes, the first of which says where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobId([u8; 16]);

impl BlobId {
    /// Of a blob in a file of its own.
    pub const fn file(mut fresh: [u8; 16]) -> BlobId {
        fresh[0] |= 0x80;
        BlobId(fresh)
    }

    /// Of a small blob whose bytes stand in the store, under [`super::keys::inline`].
    pub const fn inline(mut fresh: [u8; 16]) -> BlobId {
        fresh[0] &= 0x7f;
        BlobId(fresh)
    }

    /// From [`BlobId::bytes`].
    pub const fn from_bytes(bytes: [u8; 16]) -> BlobId {
        BlobId(bytes)
    }

    /// Whether its bytes stand in the store.
    pub const fn is_inline(self) -> bool {
        self.0[0] & 0x80 == 0
    }

    /// For keys and file names.
    pub const fn bytes(self) -> [u8; 16] {
        self.0
    }
}

impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// An upload in parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UploadId(pub [u8; 16]);

impl UploadId {
    /// From what a client sends; anything else is no upload.
    pub fn parse(text: &str) -> Option<UploadId> {
        hex(text).map(UploadId)
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// `N` bytes from twice as many lower-case hexadecimal digits.
pub(super) fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
    crate::encoding::parse_hex(text.as_bytes()).filter(|_| lower)
}

/// A version of an object as clients name it: `null`, or the order and a salt in hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// The version that buckets without versioning keep.
    Null,
    /// Any other.
    Id {
        /// Its place among the versions of its key.
        order: Order,
        /// Makes ids unguessable, and distinct between keys.
        salt: u64,
    },
}

impl Version {
    /// From what a client sends; anything else is no version.
    pub fn parse(text: &str) -> Option<Version> {
        if text == "null" {
            return Some(Version::Null);
        }
        let bytes: [u8; 16] = hex(text)?;
        let (order, salt) = bytes.split_first_chunk::<8>()?;
        let salt = u64::from_be_bytes(*salt.first_chunk::<8>()?);
        Some(Version::Id { order: Order(u64::from_be_bytes(*order)), salt })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Version::Null => f.write_str("null"),
            Version::Id { order, salt } => write!(f, "{:016x}{salt:016x}", order.0),
        }
    }
}

/// Whether a bucket keeps versions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Versioning {
    /// It never did.
    #[default]
    Unversioned,
    /// It does.
    Enabled,
    /// It did, and keeps what it has.
    Suspended,
}

/// Who may set ACLs, and who owns what is put.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ownership {
    /// ACLs are off and the bucket's owner owns everything.
    BucketOwnerEnforced,
    /// What is put with `bucket-owner-full-control` belongs to the bucket's owner.
    BucketOwnerPreferred,
    /// Who puts an object owns it.
    #[default]
    ObjectWriter,
}

/// What a grant allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are Amazon's")]
pub enum Permission {
    FullControl,
    Read,
    ReadAcp,
    Write,
    WriteAcp,
}

/// Whom a grant is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grantee {
    /// A user by id.
    User(String),
    /// Everybody.
    AllUsers,
    /// Everybody with valid credentials.
    AuthenticatedUsers,
    /// The group that delivers logs.
    LogDelivery,
}

/// One line of an ACL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// For whom.
    pub grantee: Grantee,
    /// What.
    pub permission: Permission,
}

/// An access control list; the owner stands in the record that the list belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acl {
    /// Its lines.
    pub grants: Vec<Grant>,
}

/// What [`super::config`] keeps a document of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are Amazon's")]
pub enum ConfigKind {
    Accelerate,
    Analytics,
    Cors,
    Encryption,
    IntelligentTiering,
    Inventory,
    Lifecycle,
    Logging,
    Metrics,
    Notification,
    Policy,
    Replication,
    RequestPayment,
    Tagging,
    Website,
    Metadata,
    Abac,
    Versioning,
}

macro_rules! coded {
    ($type:ty { $($name:ident = $byte:literal,)* }) => {
        impl $type {
            /// As it stands in records.
            pub const fn byte(self) -> u8 {
                match self { $(Self::$name => $byte,)* }
            }

            /// From [`Self::byte`].
            pub const fn from_byte(byte: u8) -> Option<Self> {
                match byte { $($byte => Some(Self::$name),)* _ => None }
            }
        }
    };
}

coded!(Versioning { Unversioned = 0, Enabled = 1, Suspended = 2, });
coded!(Ownership { BucketOwnerEnforced = 0, BucketOwnerPreferred = 1, ObjectWriter = 2, });
coded!(Permission { FullControl = 0, Read = 1, ReadAcp = 2, Write = 3, WriteAcp = 4, });
coded!(LockMode { Governance = 0, Compliance = 1, });
coded!(ConfigKind {
    Accelerate = 0, Analytics = 1, Cors = 2, Encryption = 3, IntelligentTiering = 4, Inventory = 5, Lifecycle = 6,
    Logging = 7, Metrics = 8, Notification = 9, Policy = 10, Replication = 11, RequestPayment = 12, Tagging = 13,
    Website = 14, Metadata = 15, Abac = 16, Versioning = 17,
});

/// How an object is kept from being deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockMode {
    /// Who may bypass governance may.
    Governance,
    /// Nobody may.
    Compliance,
}

/// Until when an object is kept from being deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// By whom it can be lifted.
    pub mode: LockMode,
    /// Milliseconds since 1970.
    pub until_ms: u64,
}

/// How long a bucket keeps what is put without a retention of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DefaultRetention {
    /// By whom it can be lifted.
    pub mode: LockMode,
    /// How many.
    pub count: u32,
    /// Whether years are counted, and not days.
    pub years: bool,
}

/// What a bucket does not allow whatever its policy and ACLs say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PublicAccessBlock {
    /// Refuse new public ACLs.
    pub block_public_acls: bool,
    /// Take public grants for absent.
    pub ignore_public_acls: bool,
    /// Refuse a public policy.
    pub block_public_policy: bool,
    /// With a public policy, only the owner's users come in.
    pub restrict_public_buckets: bool,
}

/// A bucket. What every request needs stands here; other configuration is kept in documents ([`super::keys::config`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketRecord {
    /// The id in keys.
    pub id: BucketId,
    /// Id of the user that owns it.
    pub owner: String,
    /// When it was made.
    pub created_ms: u64,
    /// Where it was asked to be, as the client wrote it.
    pub region: String,
    /// Whether it keeps versions.
    pub versioning: Versioning,
    /// Whether objects can be locked.
    pub lock_enabled: bool,
    /// What locks objects that are put without a lock.
    pub default_retention: Option<DefaultRetention>,
    /// Whose objects are.
    pub ownership: Ownership,
    /// Whether `ownership` was set and not merely assumed.
    pub ownership_set: bool,
    /// Who may list and write.
    pub acl: Acl,
    /// What is not public in any case.
    pub public_access_block: Option<PublicAccessBlock>,
    /// The bucket policy, as it was put.
    pub policy: Option<String>,
    /// Whether the policy was put with leave to shut its owner out of it.
    pub policy_binds_owner: bool,
    /// Whether objects are encrypted when the request does not say: SSE-S3.
    pub encrypt: bool,
}

impl BucketRecord {
    /// As it is stored.
    pub fn encode(&self) -> Vec<u8> {
        let mut e = Enc::new();
        e.u64(self.id.0).str(&self.owner).u64(self.created_ms).str(&self.region);
        e.u8(self.versioning.byte()).flag(self.lock_enabled);
        e.option(self.default_retention.as_ref(), |e, r| {
            e.u8(r.mode.byte()).u64(r.count.into()).flag(r.years);
        });
        e.u8(self.ownership.byte()).flag(self.ownership_set);
        put_acl(&mut e, &self.acl);
        e.option(self.public_access_block.as_ref(), |e, b| {
            e.flag(b.block_public_acls).flag(b.ignore_public_acls);
            e.flag(b.block_public_policy).flag(b.restrict_public_buckets);
        });
        e.option(self.policy.as_ref(), |e, p| {
            e.str(p);
        });
        e.flag(self.policy_binds_owner).flag(self.encrypt).finish()
    }

    /// From [`BucketRecord::encode`].
    ///
    /// # Errors
    /// [`Corrupt`]: the bytes are no bucket.
    pub fn decode(bytes: &[u8]) -> Result<BucketRecord, Corrupt> {
        decode(bytes, |d| {
            Ok(BucketRecord {
                id: BucketId(d.u64()?),
                owner: d.string()?,
                created_ms: d.u64()?,
                region: d.string()?,
                versioning: d.coded(Versioning::from_byte)?,
                lock_enabled: d.flag()?,
                default_retention: d.option(|d| {
                    Ok(DefaultRetention {
                        mode: d.coded(LockMode::from_byte)?,
                        count: d.u32()?,
                        years: d.flag()?,
                    })
                })?,
                ownership: d.coded(Ownership::from_byte)?,
                ownership_set: d.flag()?,
                acl: get_acl(d)?,
                public_access_block: d.option(|d| {
                    Ok(PublicAccessBlock {
                        block_public_acls: d.flag()?,
                        ignore_public_acls: d.flag()?,
                        block_public_policy: d.flag()?,
                        restrict_public_buckets: d.flag()?,
                    })
                })?,
                policy: d.option(Dec::string)?,
                policy_binds_owner: d.flag()?,
                encrypt: d.flag()?,
            })
        })
    }
}

fn put_acl(e: &mut Enc, acl: &Acl) {
    e.list(&acl.grants, |e, grant| {
        match &grant.grantee {
            Grantee::AllUsers => e.u8(0),
            Grantee::AuthenticatedUsers => e.u8(1),
            Grantee::LogDelivery => e.u8(2),
            Grantee::User(id) => e.u8(3).str(id),
        };
        e.u8(grant.permission.byte());
    });
}

fn get_acl(d: &mut Dec<'_>) -> Result<Acl, Corrupt> {
    let grants = d.list(|d| {
        let kind = d.coded(|byte| (byte <= 3).then_some(byte))?;
        let grantee = match kind {
            0 => Grantee::AllUsers,
            1 => Grantee::AuthenticatedUsers,
            2 => Grantee::LogDelivery,
            _ => Grantee::User(d.string()?),
        };
        Ok(Grant { grantee, permission: d.coded(Permission::from_byte)? })
    })?;
    Ok(Acl { grants })
}

/// A run of bytes of a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Of which.
    pub blob: BlobId,
    /// Where it starts there.
    pub offset: u64,
    /// How long it is.
    pub len: u64,
}

/// One part of an object that was uploaded in parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartInfo {
    /// As the client numbered it.
    pub number: u16,
    /// Its bytes.
    pub size: u64,
    /// Its checksum, of the object's algorithm.
    pub checksum: Option<Checksum>,
}

/// How the bytes of an object are encrypted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Encryption {
    /// Not at all.
    #[default]
    None,
    /// With a key that the server keeps; here it is, wrapped by the server's own.
    S3 {
        /// See [`super::sse`].
        wrapped: Vec<u8>,
    },
    /// As [`Encryption::S3`], wrapped by a key of the server's that the client chose by name.
    Kms {
        /// Its name.
        key_id: String,
        /// See [`super::sse`].
        wrapped: Vec<u8>,
    },
    /// With a key that the client sends each time.
    Customer {
        /// A salted digest that tells whether it is the right one.
        check: [u8; 32],
        /// The salt.
        salt: [u8; 16],
        /// MD5 of the key as clients name it.
        key_md5: [u8; 16],
    },
}

/// What a version is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionKind {
    /// An object.
    Object,
    /// The mark that the key was deleted.
    DeleteMarker,
}

impl Encryption {
    /// Whether the other is of the same kind, whatever the keys.
    pub fn is_like(&self, other: &Encryption) -> bool {
        core::mem::discriminant(self) == core::mem::discriminant(other)
    }
}

/// What a listing shows of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Object or delete marker.
    pub kind: VersionKind,
    /// Its name.
    pub version: Version,
    /// When it was put.
    pub modified_ms: u64,
    /// Bytes.
    pub size: u64,
    /// Entity tag.
    pub etag: ETag,
    /// Id of the user that owns it.
    pub owner: String,
    /// As clients name it.
    pub storage_class: String,
    /// Its checksum.
    pub checksum: Option<ObjectChecksum>,
}

/// A version of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectRecord {
    /// What listings show.
    pub listed: Listed,
    /// `Content-Type` and its like and `x-amz-meta-*`, names in lower case, in the order of the request.
    pub headers: Vec<(String, String)>,
    /// Parts, of an object that was uploaded in parts.
    pub parts: Vec<PartInfo>,
    /// Where its bytes are, in order.
    pub body: Vec<Extent>,
    /// How they are encrypted.
    pub encryption: Encryption,
    /// Tags in the order of the request.
    pub tags: Vec<(String, String)>,
    /// Who may read it.
    pub acl: Acl,
    /// Until when it cannot be deleted.
    pub retention: Option<Retention>,
    /// Whether it cannot be deleted at all.
    pub legal_hold: bool,
    /// Until when an archived object can be read; 0 while it was not restored.
    pub restored_until_ms: u64,
}

impl Listed {
    fn encode(&self, e: &mut Enc) {
        e.flag(self.kind == VersionKind::DeleteMarker);
        match self.version {
            Version::Null => e.flag(false),
            Version::Id { order, salt } => e.flag(true).u64(order.0).u64(salt),
        };
        e.u64(self.modified_ms).u64(self.size);
        put_etag(e, &self.etag);
        e.str(&self.owner).str(&self.storage_class);
        e.option(self.checksum.as_ref(), put_object_checksum);
    }

    fn decode(d: &mut Dec<'_>) -> Result<Listed, Corrupt> {
        Ok(Listed {
            kind: if d.flag()? { VersionKind::DeleteMarker } else { VersionKind::Object },
            version: match d.flag()? {
                false => Version::Null,
                true => Version::Id { order: Order(d.u64()?), salt: d.u64()? },
            },
            modified_ms: d.u64()?,
            size: d.u64()?,
            etag: get_etag(d)?,
            owner: d.string()?,
            storage_class: d.string()?,
            checksum: d.option(get_object_checksum)?,
        })
    }
}

impl ObjectRecord {
    /// As it is stored.
    pub fn encode(&self) -> Vec<u8> {
        let mut e = Enc::new();
        self.listed.encode(&mut e);
        e.pairs(&self.headers);
        e.list(&self.parts, |e, part| {
            e.u64(part.number.into()).u64(part.size);
            e.option(part.checksum.as_ref(), put_checksum);
        });
        put_body(&mut e, &self.body);
        put_encryption(&mut e, &self.encryption);
        e.pairs(&self.tags);
        put_acl(&mut e, &self.acl);
        put_retention(&mut e, self.retention);
        e.flag(self.legal_hold).u64(self.restored_until_ms).finish()
    }

    /// From [`ObjectRecord::encode`].
    ///
    /// # Errors
    /// [`Corrupt`]: the bytes are no version.
    pub fn decode(bytes: &[u8]) -> Result<ObjectRecord, Corrupt> {
        decode(bytes, |d| {
            Ok(ObjectRecord {
                listed: Listed::decode(d)?,
                headers: d.pairs()?,
                parts: d.list(|d| {
                    Ok(PartInfo { number: d.u16()?, size: d.u64()?, checksum: d.option(get_checksum)? })
                })?,
                body: get_body(d)?,
                encryption: get_encryption(d)?,
                tags: d.pairs()?,
                acl: get_acl(d)?,
                retention: get_retention(d)?,
                legal_hold: d.flag()?,
                restored_until_ms: d.u64()?,
            })
        })
    }

    /// Only what listings show.
    ///
    /// # Errors
    /// [`Corrupt`]: the bytes do not start as a version does.
    pub fn decode_listed(bytes: &[u8]) -> Result<Listed, Corrupt> {
        Listed::decode(&mut Dec::new(bytes)?)
    }

    /// Whether it marks a deletion.
    pub fn is_marker(&self) -> bool {
        self.listed.kind == VersionKind::DeleteMarker
    }
}

pub(super) fn put_etag(e: &mut Enc, etag: &ETag) {
    match etag {
        ETag::Whole(md5) => e.u8(0).raw(md5),
        ETag::Parts(md5, parts) => e.u8(1).raw(md5).u64((*parts).into()),
        ETag::Other(text) => e.u8(2).str(text),
    };
}

pub(super) fn get_etag(d: &mut Dec<'_>) -> Result<ETag, Corrupt> {
    Ok(match d.coded(|byte| (byte <= 2).then_some(byte))? {
        0 => ETag::Whole(d.array()?),
        1 => ETag::Parts(d.array()?, d.u32()?),
        _ => ETag::Other(d.str()?.into()),
    })
}

pub(super) fn put_checksum(e: &mut Enc, checksum: &Checksum) {
    e.u8(checksum.algorithm() as u8).raw(checksum.digest());
}

pub(super) fn get_checksum(d: &mut Dec<'_>) -> Result<Checksum, Corrupt> {
    let algorithm = d.coded(algorithm)?;
    let digest = d.raw(algorithm.digest_len())?;
    Checksum::from_digest(algorithm, digest).ok_or(Corrupt::Key)
}

/// The algorithm at this place of the table of the checksum module.
fn algorithm(byte: u8) -> Option<Algorithm> {
    Algorithm::ALL.get(usize::from(byte)).copied()
}

fn put_object_checksum(e: &mut Enc, checksum: &ObjectChecksum) {
    put_checksum(e, &checksum.checksum);
    e.flag(checksum.kind == ChecksumType::Composite).u64(checksum.parts.into());
}

fn get_object_checksum(d: &mut Dec<'_>) -> Result<ObjectChecksum, Corrupt> {
    Ok(ObjectChecksum { checksum: get_checksum(d)?, kind: get_type(d)?, parts: d.u32()? })
}

fn get_type(d: &mut Dec<'_>) -> Result<ChecksumType, Corrupt> {
    Ok(if d.flag()? { ChecksumType::Composite } else { ChecksumType::FullObject })
}

fn put_body(e: &mut Enc, body: &[Extent]) {
    e.list(body, |e, extent| {
        e.raw(&extent.blob.bytes()).u64(extent.offset).u64(extent.len);
    });
}

fn get_body(d: &mut Dec<'_>) -> Result<Vec<Extent>, Corrupt> {
    d.list(|d| Ok(Extent { blob: BlobId(d.array()?), offset: d.u64()?, len: d.u64()? }))
}

pub(super) fn put_encryption(e: &mut Enc, encryption: &Encryption) {
    match encryption {
        Encryption::None => e.u8(0),
        Encryption::S3 { wrapped } => e.u8(1).bytes(wrapped),
        Encryption::Customer { check, salt, key_md5 } => e.u8(2).raw(check).raw(salt).raw(key_md5),
        Encryption::Kms { key_id, wrapped } => e.u8(3).str(key_id).bytes(wrapped),
    };
}

pub(super) fn get_encryption(d: &mut Dec<'_>) -> Result<Encryption, Corrupt> {
    Ok(match d.coded(|byte| (byte <= 3).then_some(byte))? {
        0 => Encryption::None,
        1 => Encryption::S3 { wrapped: d.bytes()?.to_vec() },
        3 => Encryption::Kms { key_id: d.string()?, wrapped: d.bytes()?.to_vec() },
        _ => Encryption::Customer { check: d.array()?, salt: d.array()?, key_md5: d.array()? },
    })
}

fn put_retention(e: &mut Enc, retention: Option<Retention>) {
    e.option(retention.as_ref(), |e, r| {
        e.u8(r.mode.byte()).u64(r.until_ms);
    });
}

fn get_retention(d: &mut Dec<'_>) -> Result<Option<Retention>, Corrupt> {
    d.option(|d| Ok(Retention { mode: d.coded(LockMode::from_byte)?, until_ms: d.u64()? }))
}

/// What a request says about the object that it makes: of a put, of a copy, of an upload that will be completed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// As in [`ObjectRecord::headers`].
    pub headers: Vec<(String, String)>,
    /// `STANDARD` when it says nothing.
    pub storage_class: String,
    /// Tags.
    pub tags: Vec<(String, String)>,
    /// Who may read it.
    pub acl: Acl,
    /// Until when it cannot be deleted.
    pub retention: Option<Retention>,
    /// Whether it cannot be deleted at all.
    pub legal_hold: bool,
    /// How its bytes are encrypted.
    pub encryption: Encryption,
}

/// An upload in progress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadRecord {
    /// When it was begun.
    pub initiated_ms: u64,
    /// Id of the user that began it.
    pub initiator: String,
    /// Id of the user that will own the object.
    pub owner: String,
    /// Checksum algorithm and type, when the client chose one.
    pub checksum: Option<(Algorithm, ChecksumType)>,
    /// What the object will have.
    pub attributes: Attributes,
}

impl UploadRecord {
    /// As it is stored.
    pub fn encode(&self) -> Vec<u8> {
        let mut e = Enc::new();
        e.u64(self.initiated_ms).str(&self.initiator).str(&self.owner);
        e.option(self.checksum.as_ref(), |e, &(algorithm, kind)| {
            e.u8(algorithm as u8).flag(kind == ChecksumType::Composite);
        });
        let a = &self.attributes;
        e.pairs(&a.headers).str(&a.storage_class).pairs(&a.tags);
        put_acl(&mut e, &a.acl);
        put_retention(&mut e, a.retention);
        e.flag(a.legal_hold);
        put_encryption(&mut e, &a.encryption);
        e.finish()
    }

    /// From [`UploadRecord::encode`].
    ///
    /// # Errors
    /// [`Corrupt`]: the bytes are no upload.
    pub fn decode(bytes: &[u8]) -> Result<UploadRecord, Corrupt> {
        decode(bytes, |d| {
            Ok(UploadRecord {
                initiated_ms: d.u64()?,
                initiator: d.string()?,
                owner: d.string()?,
                checksum: d.option(|d| Ok((d.coded(algorithm)?, get_type(d)?)))?,
                attributes: Attributes {
                    headers: d.pairs()?,
                    storage_class: d.string()?,
                    tags: d.pairs()?,
                    acl: get_acl(d)?,
                    retention: get_retention(d)?,
                    legal_hold: d.flag()?,
                    encryption: get_encryption(d)?,
                },
            })
        })
    }
}

/// A part of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartRecord {
    /// When it was put.
    pub modified_ms: u64,
    /// Bytes.
    pub size: u64,
    /// MD5 of them.
    pub md5: [u8; 16],
    /// Its checksum.
    pub checksum: Option<Checksum>,
    /// Where its bytes are.
    pub body: Vec<Extent>,
}

impl PartRecord {
    /// As it is stored.
    pub fn encode(&self) -> Vec<u8> {
        let mut e = Enc::new();
        e.u64(self.modified_ms).u64(self.size).raw(&self.md5);
        e.option(self.checksum.as_ref(), put_checksum);
        put_body(&mut e, &self.body);
        e.finish()
    }

    /// From [`PartRecord::encode`].
    ///
    /// # Errors
    /// [`Corrupt`]: the bytes are no part.
    pub fn decode(bytes: &[u8]) -> Result<PartRecord, Corrupt> {
        decode(bytes, |d| {
            Ok(PartRecord {
                modified_ms: d.u64()?,
                size: d.u64()?,
                md5: d.array()?,
                checksum: d.option(get_checksum)?,
                body: get_body(d)?,
            })
        })
    }
}

/// What completing an upload answered, kept so that the repeat answers the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoneRecord {
    /// When.
    pub done_ms: u64,
    /// The key that it made.
    pub key: Vec<u8>,
    /// The bucket.
    pub bucket: BucketId,
    /// The entity tag.
    pub etag: ETag,
    /// The version.
    pub version: Version,
    /// When the object became the latest version.
    pub modified_ms: u64,
    /// Its bytes.
    pub size: u64,
    /// Its checksum.
    pub checksum: Option<ObjectChecksum>,
}

impl DoneRecord {
    /// As it is stored.
    pub fn encode(&self) -> Vec<u8> {
        let mut e = Enc::new();
        e.u64(self.done_ms).bytes(&self.key).u64(self.bucket.0);
        put_etag(&mut e, &self.etag);
        match self.version {
            Version::Null => e.flag(false),
            Version::Id { order, salt } => e.flag(true).u64(order.0).u64(salt),
        };
        e.u64(self.modified_ms).u64(self.size);
        e.option(self.checksum.as_ref(), put_object_checksum);
        e.finish()
    }

    /// From [`DoneRecord::encode`].
    ///
    /// # Errors
    /// [`Corrupt`]: the bytes are no such answer.
    pub fn decode(bytes: &[u8]) -> Result<DoneRecord, Corrupt> {
        decode(bytes, |d| {
            Ok(DoneRecord {
                done_ms: d.u64()?,
                key: d.bytes()?.to_vec(),
                bucket: BucketId(d.u64()?),
                etag: get_etag(d)?,
                version: match d.flag()? {
                    false => Version::Null,
                    true => Version::Id { order: Order(d.u64()?), salt: d.u64()? },
                },
                modified_ms: d.u64()?,
                size: d.u64()?,
                checksum: d.option(get_object_checksum)?,
            })
        })
    }
}

/// When an answer that is kept for a repeat was given: the first field of such records.
pub(super) fn answered_ms(bytes: &[u8]) -> Result<u64, Corrupt> {
    Dec::new(bytes)?.u64()
}
