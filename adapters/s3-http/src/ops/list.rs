//! Pages of listings.

use dolmen_s3::body::{
    CommonPrefix, DeleteMarkerEntry, EncodingType, ListMultipartUploadsOutput, ListObjectVersionsOutput,
    ListObjectsOutput, ListObjectsV2Output, MultipartUpload, Object, ObjectVersion, Owner, StorageClass,
};
use dolmen_s3::state::list::{self, Item, Page, Query, Start, What};
use dolmen_s3::state::record::{Listed, VersionKind};
use dolmen_s3::state::{Source, StateError, Tx, bucket, shapes};
use dolmen_s3::xml::EncodedText;

use crate::answer::{Answer, Head, Refusal, stamp};
use crate::call::Call;

/// Items of a page.
const PAGE_MAX: u64 = 1000;

/// What all listings have.
struct Asked<'a> {
    prefix: &'a str,
    delimiter: &'a str,
    max: u64,
    url: bool,
}

impl<'a> Asked<'a> {
    fn read(call: &Call<'a>, max: &'static str) -> Result<Asked<'a>, Refusal> {
        Ok(Asked {
            prefix: call.query("prefix").unwrap_or(""),
            delimiter: call.query("delimiter").unwrap_or(""),
            max: call.number(max, i32::MAX as u64)?.unwrap_or(PAGE_MAX),
            url: call.is_url()?,
        })
    }

    fn query(&self, what: What, start: Start) -> Query {
        Query {
            what,
            prefix: self.prefix.as_bytes().to_vec(),
            delimiter: self.delimiter.as_bytes().to_vec(),
            start,
            max: usize::try_from(self.max.min(PAGE_MAX)).unwrap_or(1000),
        }
    }

    fn max_shown(&self) -> u32 {
        u32::try_from(self.max.min(PAGE_MAX)).unwrap_or(1000)
    }

    fn encoding(&self) -> Option<EncodingType> {
        self.url.then_some(EncodingType::Url)
    }
}

/// Names of owners, each looked up once.
struct Owners<'a> {
    source: &'a dyn Source,
    known: Vec<Owner>,
}

impl Owners<'_> {
    fn of(&mut self, id: &str) -> Result<Owner, StateError> {
        if let Some(known) = self.known.iter().find(|owner| owner.id.as_deref() == Some(id)) {
            return Ok(known.clone());
        }
        let owner = shapes::owner(&Tx::new(self.source), id)?;
        self.known.push(owner.clone());
        Ok(owner)
    }
}

fn text(bytes: &[u8]) -> EncodedText {
    EncodedText(String::from_utf8_lossy(bytes).into_owned())
}

fn shown(text: &str) -> Option<EncodedText> {
    Some(EncodedText(text.to_owned()))
}

fn object(key: &[u8], listed: &Listed, owner: Option<Owner>) -> Object {
    Object {
        key: text(key),
        last_modified: Some(stamp(listed.modified_ms)),
        etag: Some(listed.etag.clone()),
        checksum_algorithm: listed.checksum.iter().map(|checksum| checksum.checksum.algorithm()).collect(),
        checksum_type: listed.checksum.map(|checksum| checksum.kind),
        size: listed.size,
        storage_class: StorageClass::parse(&listed.storage_class),
        owner,
        restore_status: None,
    }
}

/// A page, with what is shown of its objects.
async fn objects(
    call: &Call<'_>,
    query: &Query,
    with_owners: bool,
) -> Result<(Vec<Object>, Vec<CommonPrefix>, Page), Refusal> {
    let name = call.bucket();
    let behind = behind(call, query).await?;
    let found = call.engine().meta.read_slowly(|source| {
        let page = match &behind {
            Some(page) => page.clone(),
            None => list::list(source, bucket::find(&Tx::new(source), name)?.id, query)?,
        };
        let mut owners = Owners { source, known: Vec::new() };
        let (mut contents, mut prefixes) = (Vec::new(), Vec::new());
        for item in &page.items {
            match item {
                Item::Prefix(prefix) => prefixes.push(CommonPrefix { prefix: text(prefix) }),
                Item::Object { key, listed, .. } => {
                    let owner = if with_owners { Some(owners.of(&listed.owner)?) } else { None };
                    contents.push(object(key, listed, owner));
                }
                Item::Upload { .. } => {}
            }
        }
        Ok::<_, StateError>((contents, prefixes, page))
    });
    Ok(found?)
}

/// The page of the store behind a gateway, if there is one.
#[cfg(feature = "gateway")]
async fn behind(call: &Call<'_>, query: &Query) -> Result<Option<Page>, Refusal> {
    let Some(gateway) = &call.server.gateway else { return Ok(None) };
    let owner = call.record()?.owner;
    Ok(Some(gateway.page(call.bucket(), &owner, query).await?))
}

#[cfg(not(feature = "gateway"))]
async fn behind(_: &Call<'_>, _: &Query) -> Result<Option<Page>, Refusal> {
    Ok(None)
}

pub(crate) async fn objects_v1(call: &Call<'_>) -> Answer {
    let asked = Asked::read(call, "max-keys")?;
    let marker = call.query("marker").unwrap_or("");
    let start = list::start_at_marker(marker.as_bytes(), asked.prefix.as_bytes(), asked.delimiter.as_bytes());
    let (contents, common_prefixes, page) = objects(call, &asked.query(What::Objects, start), true).await?;
    let last = page.items.last().filter(|_| page.next.is_some());
    // Without a delimiter the last key is the marker, and nobody is told.
    let next_marker = last.filter(|_| !asked.delimiter.is_empty()).map(|item| text(item.name()));
    let document = ListObjectsOutput {
        is_truncated: page.next.is_some(),
        marker: shown(marker),
        next_marker,
        contents,
        name: call.bucket().to_owned(),
        prefix: Some(asked.prefix.to_owned()),
        delimiter: shown(asked.delimiter).filter(|_| !asked.delimiter.is_empty()),
        max_keys: asked.max_shown(),
        common_prefixes,
        encoding_type: asked.encoding(),
    };
    Ok(Head::new(200).xml_url(&document, asked.url))
}

pub(crate) async fn objects_v2(call: &Call<'_>) -> Answer {
    let asked = Asked::read(call, "max-keys")?;
    let after = call.query("start-after").unwrap_or("");
    let token = call.query("continuation-token");
    let start = match token {
        Some(token) if !token.is_empty() => list::start_of_token(token)?,
        _ => list::start_at_marker(after.as_bytes(), asked.prefix.as_bytes(), asked.delimiter.as_bytes()),
    };
    let with_owners = call.query("fetch-owner").is_some_and(|value| value == "true");
    let query = asked.query(What::Objects, start);
    let (contents, common_prefixes, page) = objects(call, &query, with_owners).await?;
    let document = ListObjectsV2Output {
        is_truncated: page.next.is_some(),
        key_count: u32::try_from(page.items.len()).unwrap_or(u32::MAX),
        contents,
        name: call.bucket().to_owned(),
        prefix: shown(asked.prefix),
        delimiter: shown(asked.delimiter).filter(|_| !asked.delimiter.is_empty()),
        max_keys: asked.max_shown(),
        common_prefixes,
        encoding_type: asked.encoding(),
        continuation_token: token.map(str::to_owned),
        next_continuation_token: page.next.as_ref().map(list::token),
        start_after: shown(after).filter(|_| !after.is_empty()),
    };
    Ok(Head::new(200).xml_url(&document, asked.url))
}

pub(crate) fn versions(call: &Call<'_>) -> Answer {
    let asked = Asked::read(call, "max-keys")?;
    let marker = call.query("key-marker").unwrap_or("");
    let version_marker = call.query("version-id-marker").unwrap_or("");
    let name = call.bucket();
    let found = call.engine().meta.read_slowly(|source| {
        let tx = Tx::new(source);
        let record = bucket::find(&tx, name)?;
        let within = (asked.prefix.as_bytes(), asked.delimiter.as_bytes());
        let start = list::start_at_version(&tx, &record, marker.as_bytes(), version_marker, within)?;
        let page = list::list(source, record.id, &asked.query(What::Versions, start))?;
        let mut owners = Owners { source, known: Vec::new() };
        let mut out = ListObjectVersionsOutput::default();
        for item in &page.items {
            match item {
                Item::Prefix(prefix) => out.common_prefixes.push(CommonPrefix { prefix: text(prefix) }),
                Item::Object { key, listed, latest, .. } => {
                    let owner = Some(owners.of(&listed.owner)?);
                    push_version(&mut out, key, listed, *latest, owner);
                }
                Item::Upload { .. } => {}
            }
        }
        Ok::<_, StateError>((out, page))
    });
    let (mut document, page) = found?;
    let last = page.items.last().filter(|_| page.next.is_some());
    document.is_truncated = page.next.is_some();
    document.key_marker = shown(marker);
    document.version_id_marker = Some(version_marker.to_owned());
    document.next_key_marker = last.map(|item| text(item.name()));
    document.next_version_id_marker = match last {
        Some(Item::Object { listed, .. }) => Some(listed.version.to_string()),
        _ => None,
    };
    document.name = name.to_owned();
    document.prefix = shown(asked.prefix);
    document.delimiter = shown(asked.delimiter).filter(|_| !asked.delimiter.is_empty());
    document.max_keys = asked.max_shown();
    document.encoding_type = asked.encoding();
    Ok(Head::new(200).xml_url(&document, asked.url))
}

fn push_version(
    out: &mut ListObjectVersionsOutput,
    key: &[u8],
    listed: &Listed,
    latest: bool,
    owner: Option<Owner>,
) {
    let version_id = Some(listed.version.to_string());
    let last_modified = Some(stamp(listed.modified_ms));
    match listed.kind {
        VersionKind::DeleteMarker => out.delete_markers.push(DeleteMarkerEntry {
            owner,
            key: text(key),
            version_id,
            is_latest: latest,
            last_modified,
        }),
        VersionKind::Object => out.versions.push(ObjectVersion {
            etag: Some(listed.etag.clone()),
            checksum_algorithm: listed
                .checksum
                .iter()
                .map(|checksum| checksum.checksum.algorithm())
                .collect(),
            checksum_type: listed.checksum.map(|checksum| checksum.kind),
            size: listed.size,
            storage_class: StorageClass::parse(&listed.storage_class),
            key: text(key),
            version_id,
            is_latest: latest,
            last_modified,
            owner,
            restore_status: None,
        }),
    }
}

pub(crate) fn uploads(call: &Call<'_>) -> Answer {
    let asked = Asked::read(call, "max-uploads")?;
    let marker = call.query("key-marker").unwrap_or("");
    let id_marker = call.query("upload-id-marker").unwrap_or("");
    let within = (asked.prefix.as_bytes(), asked.delimiter.as_bytes());
    let start = list::start_at_upload(marker.as_bytes(), id_marker, within)?;
    let query = asked.query(What::Uploads, start);
    let name = call.bucket();
    let found = call.engine().meta.read_slowly(|source| {
        let record = bucket::find(&Tx::new(source), name)?;
        let page = list::list(source, record.id, &query)?;
        let mut owners = Owners { source, known: Vec::new() };
        let mut out = ListMultipartUploadsOutput::default();
        for item in &page.items {
            match item {
                Item::Prefix(prefix) => out.common_prefixes.push(CommonPrefix { prefix: text(prefix) }),
                Item::Upload { key, id, record } => out.uploads.push(MultipartUpload {
                    upload_id: id.to_string(),
                    key: text(key),
                    initiated: Some(stamp(record.initiated_ms)),
                    storage_class: StorageClass::parse(match record.attributes.storage_class.as_str() {
                        "" => "STANDARD",
                        class => class,
                    }),
                    owner: Some(owners.of(&record.owner)?),
                    initiator: Some(owners.of(&record.initiator)?),
                    checksum_algorithm: record.checksum.map(|(algorithm, _)| algorithm),
                    checksum_type: record.checksum.map(|(_, kind)| kind),
                    version_id: None,
                }),
                Item::Object { .. } => {}
            }
        }
        Ok::<_, StateError>((out, page))
    });
    let (mut document, page) = found?;
    let last = page.items.last().filter(|_| page.next.is_some());
    document.bucket = name.to_owned();
    document.key_marker = shown(marker);
    document.upload_id_marker = Some(id_marker.to_owned());
    document.next_key_marker = last.map(|item| text(item.name()));
    document.next_upload_id_marker = match last {
        Some(Item::Upload { id, .. }) => Some(id.to_string()),
        _ => None,
    };
    document.prefix = shown(asked.prefix);
    document.delimiter = shown(asked.delimiter).filter(|_| !asked.delimiter.is_empty());
    document.max_uploads = asked.max_shown();
    document.is_truncated = page.next.is_some();
    document.encoding_type = asked.encoding();
    Ok(Head::new(200).xml_url(&document, asked.url))
}
