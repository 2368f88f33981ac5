//! Encryption at rest, as requests ask for it and answers tell it.

use dolmen_s3::body::{ServerSideEncryption, ServerSideEncryptionConfiguration};
use dolmen_s3::encoding::{put_base64, unbase64};
use dolmen_s3::error::ErrorCode;
use dolmen_s3::state::annotation::Annotation;
use dolmen_s3::state::record::{BucketRecord, Encryption, ObjectRecord, UploadRecord};
use dolmen_s3::state::sse::{SecretKey, Unsealed};
use dolmen_s3::state::{Tx, config};
use md5::{Digest as _, Md5};

use crate::answer::{Head, Refusal};
use crate::call::Call;

const ALGORITHM: &str = "x-amz-server-side-encryption";
const KMS_KEY: &str = "x-amz-server-side-encryption-aws-kms-key-id";
/// The key of those who name none.
const KMS_DEFAULT: &str = "alias/aws/s3";
/// Longest name of a key.
const KMS_KEY_LEN_MAX: usize = 2048;
/// Headers that a client's key stands in: algorithm, key, its MD5.
type Names = [&'static str; 3];
const CUSTOMER: Names = [
    "x-amz-server-side-encryption-customer-algorithm",
    "x-amz-server-side-encryption-customer-key",
    "x-amz-server-side-encryption-customer-key-md5",
];
const SOURCE: Names = [
    "x-amz-copy-source-server-side-encryption-customer-algorithm",
    "x-amz-copy-source-server-side-encryption-customer-key",
    "x-amz-copy-source-server-side-encryption-customer-key-md5",
];

/// How the bytes of an object are to be encrypted, and with which key.
pub(crate) struct Chosen {
    pub encryption: Encryption,
    pub key: Option<SecretKey>,
}

/// A key that the client sends, with its MD5.
struct CustomerKey {
    key: SecretKey,
    md5: [u8; 16],
}

/// The client's key in these headers.
fn customer(call: &Call<'_>, names: Names) -> Result<Option<CustomerKey>, Refusal> {
    let [algorithm, key, md5] = names.map(|name| call.headers.get(name));
    if algorithm.is_none() && key.is_none() && md5.is_none() {
        return Ok(None);
    }
    let says = |text: &str| Refusal::says(ErrorCode::InvalidArgument, text);
    match algorithm {
        Some("AES256") => {}
        Some(_) => return Err(Refusal::new(ErrorCode::InvalidEncryptionAlgorithmError)),
        None => {
            return Err(says(
                "Requests specifying Server Side Encryption with Customer provided keys must provide a valid encryption algorithm.",
            ));
        }
    }
    let missing = "Requests specifying Server Side Encryption with Customer provided keys must provide an appropriate secret key.";
    let bytes: [u8; 32] = key.and_then(decoded).ok_or_else(|| says(missing))?;
    let told: [u8; 16] = md5.and_then(decoded).ok_or_else(|| {
        says("Requests specifying Server Side Encryption with Customer provided keys must provide the client calculated MD5 of the secret key.")
    })?;
    if <[u8; 16]>::from(Md5::digest(bytes)) != told {
        return Err(says("The calculated MD5 hash of the key did not match the hash that was provided."));
    }
    Ok(Some(CustomerKey { key: SecretKey::new(bytes), md5: told }))
}

fn decoded<const N: usize>(text: &str) -> Option<[u8; N]> {
    unbase64(text.as_bytes())?.try_into().ok()
}

/// What is to be done with the bytes of an object that a request makes.
pub(crate) fn of_put(call: &Call<'_>, bucket: &BucketRecord) -> Result<Chosen, Refusal> {
    let customer = customer(call, CUSTOMER)?;
    let named = named(call)?;
    match (customer, named) {
        (Some(_), Some(_)) => {
            let text = "Server Side Encryption with Customer provided key is incompatible with the encryption method specified";
            Err(Refusal::says(ErrorCode::InvalidArgument, text))
        }
        (Some(customer), None) => {
            let encryption = customer.key.customer(call.engine().fresh(), customer.md5);
            Ok(Chosen { encryption, key: Some(customer.key) })
        }
        (None, Some(named)) => Ok(kept_by_server(call, named)),
        (None, None) if bucket.encrypt => Ok(kept_by_server(call, default(call, bucket)?)),
        (None, None) => Ok(Chosen { encryption: Encryption::None, key: None }),
    }
}

/// Whose key wraps the object's own.
enum Wrapping {
    S3,
    Kms(String),
}

/// What the header asks for. A key of the bucket saves calls to Amazon's key service: there is none here, and nothing to save.
fn named(call: &Call<'_>) -> Result<Option<Wrapping>, Refusal> {
    if let Some(text) = call.headers.get("x-amz-server-side-encryption-bucket-key-enabled")
        && !["true", "false"].iter().any(|known| text.eq_ignore_ascii_case(known))
    {
        return Err(Refusal::new(ErrorCode::InvalidArgument));
    }
    let key_id = call.headers.get(KMS_KEY);
    match (call.headers.get(ALGORITHM), key_id) {
        (None, None) => Ok(None),
        (Some("AES256"), None) => Ok(Some(Wrapping::S3)),
        (Some("aws:kms"), key_id) => match key_id.unwrap_or(KMS_DEFAULT) {
            "" => Err(Refusal::new(ErrorCode::InvalidArgument)),
            key_id if key_id.len() > KMS_KEY_LEN_MAX => Err(Refusal::new(ErrorCode::InvalidArgument)),
            key_id => Ok(Some(Wrapping::Kms(key_id.to_owned()))),
        },
        (Some("aws:kms:dsse" | "aws:fsx" | "aws:backup"), _) => Err(Refusal::new(ErrorCode::NotImplemented)),
        (Some("AES256") | None, Some(_)) => {
            let text = "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms";
            Err(Refusal::says(ErrorCode::InvalidArgument, text))
        }
        (Some(_), _) => {
            Err(Refusal::says(ErrorCode::InvalidArgument, "The encryption method specified is not supported"))
        }
    }
}

/// What the bucket's configuration says of objects of which nothing is said.
fn default(call: &Call<'_>, bucket: &BucketRecord) -> Result<Wrapping, Refusal> {
    let id = bucket.id;
    let found =
        call.read(|source| config::find::<ServerSideEncryptionConfiguration>(&Tx::new(source), id, ""))?;
    let rule = found.and_then(|found| found.rules.into_iter().next());
    Ok(match rule.and_then(|rule| rule.apply_server_side_encryption_by_default) {
        Some(by) if by.sse_algorithm == ServerSideEncryption::AwsKms => {
            Wrapping::Kms(by.kms_master_key_id.unwrap_or_else(|| KMS_DEFAULT.to_owned()))
        }
        _ => Wrapping::S3,
    })
}

/// A new key, which the server keeps.
fn kept_by_server(call: &Call<'_>, wrapping: Wrapping) -> Chosen {
    let key = SecretKey::new(call.engine().fresh_key());
    let nonce = *call.engine().fresh().first_chunk().expect("sixteen bytes have twelve");
    let server = &call.server.sse_key;
    let encryption = match wrapping {
        Wrapping::S3 => Encryption::S3 { wrapped: server.wrap(&key, nonce) },
        Wrapping::Kms(key_id) => Encryption::Kms { wrapped: server.named(&key_id).wrap(&key, nonce), key_id },
    };
    Chosen { encryption, key: Some(key) }
}

/// As the server encrypts of its own accord.
pub(crate) fn of_server(call: &Call<'_>) -> Chosen {
    kept_by_server(call, Wrapping::S3)
}

/// Readers are not to say how the server encrypts.
pub(crate) fn of_get(call: &Call<'_>) -> Result<(), Refusal> {
    if call.headers.has(ALGORITHM) || call.headers.has(KMS_KEY) {
        let text = "x-amz-server-side-encryption header is not supported for this operation.";
        return Err(Refusal::says(ErrorCode::InvalidArgument, text));
    }
    Ok(())
}

/// The key of the parts of an upload.
pub(crate) fn of_part(call: &Call<'_>, record: &UploadRecord) -> Result<Option<SecretKey>, Refusal> {
    opening(call, &record.attributes.encryption, CUSTOMER)
}

/// The key of an object's bytes, if they are encrypted.
pub(crate) fn key_of(call: &Call<'_>, record: &ObjectRecord) -> Result<Option<SecretKey>, Refusal> {
    opening(call, &record.encryption, CUSTOMER)
}

/// The key of an annotation's bytes.
pub(crate) fn key_of_annotation(call: &Call<'_>, found: &Annotation) -> Result<Option<SecretKey>, Refusal> {
    opening(call, &found.encryption, CUSTOMER)
}

/// The key of the bytes that a copy reads.
pub(crate) fn key_of_source(call: &Call<'_>, record: &ObjectRecord) -> Result<Option<SecretKey>, Refusal> {
    opening(call, &record.encryption, SOURCE)
}

fn opening(call: &Call<'_>, encryption: &Encryption, names: Names) -> Result<Option<SecretKey>, Refusal> {
    let given = customer(call, names)?;
    match (encryption, given) {
        (Encryption::Customer { .. }, Some(given)) if given.key.is_customer(encryption) => {
            Ok(Some(given.key))
        }
        (Encryption::Customer { .. }, Some(_)) => {
            let text = "The provided encryption parameters did not match the ones used originally.";
            Err(Refusal::says(ErrorCode::InvalidRequest, text))
        }
        (Encryption::Customer { .. }, None) => {
            let text = "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object.";
            Err(Refusal::says(ErrorCode::InvalidRequest, text))
        }
        (_, Some(_)) => {
            let text = "The encryption parameters are not applicable to this object.";
            Err(Refusal::says(ErrorCode::InvalidRequest, text))
        }
        (Encryption::None, None) => Ok(None),
        (Encryption::S3 { wrapped }, None) => unwrapped(call, call.server.sse_key.unwrap(wrapped)),
        (Encryption::Kms { key_id, wrapped }, None) => {
            unwrapped(call, call.server.sse_key.named(key_id).unwrap(wrapped))
        }
    }
}

fn unwrapped(call: &Call<'_>, key: Result<SecretKey, Unsealed>) -> Result<Option<SecretKey>, Refusal> {
    key.map(Some).map_err(|error| {
        tracing::error!(target: "s3", "s3://{}/{}: its key: {error}", call.bucket(), call.key_text());
        Refusal::new(ErrorCode::InternalError)
    })
}

/// Tells how an object is encrypted.
pub(crate) fn shown(head: Head, encryption: &Encryption) -> Head {
    match encryption {
        Encryption::None => head,
        Encryption::S3 { .. } => head.with(ALGORITHM, "AES256"),
        Encryption::Kms { key_id, .. } => head.with(ALGORITHM, "aws:kms").with(KMS_KEY, key_id),
        Encryption::Customer { key_md5, .. } => {
            let mut text = String::new();
            put_base64(&mut text, key_md5);
            head.with("x-amz-server-side-encryption-customer-algorithm", "AES256")
                .with("x-amz-server-side-encryption-customer-key-md5", text)
        }
    }
}
