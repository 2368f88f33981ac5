//! Listings, and objects that go.

use anyhow::{Result, anyhow};
use bytes::Bytes;
use dolmen_cli::{Out, Status, show_size};
use dolmen_s3::body::{
    Delete, DeleteObjectsOutput, ListBucketsOutput, ListObjectVersionsOutput, ListObjectsV2Output, Object, ObjectIdentifier,
};
use dolmen_s3::request::Method;
use dolmen_s3::xml::Document as _;
use serde::Serialize;

use crate::client::{Ask, Client, Remote as Endpoint, header, next};
use crate::place::Remote;

/// Keys of one request that deletes.
const DELETE_LEN: usize = 1000;

/// Arguments of `mb` and of `rb`.
#[derive(clap::Args)]
pub(crate) struct BucketArgs {
    /// The bucket: s3://BUCKET
    #[arg(value_parser = Remote::parse)]
    bucket: Remote,
    /// Delete what is in it first, all versions
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    endpoint: Endpoint,
}

pub(crate) async fn make_bucket(args: &BucketArgs, out: &mut Out) -> Result<Status> {
    let client = Client::new(&args.endpoint)?;
    let bucket = args.bucket.bucket.as_str();
    client.ask(Method::Put, &Ask { bucket, ..Ask::default() }).await?.whole().await?;
    out.note(format_args!("s3://{bucket} is made"));
    Ok(Status::Success)
}

pub(crate) async fn remove_bucket(args: &BucketArgs, out: &mut Out) -> Result<Status> {
    let client = Client::new(&args.endpoint)?;
    let bucket = args.bucket.bucket.as_str();
    if args.force {
        let mut marker: Option<(String, String)> = None;
        loop {
            let mut query = vec![("versions", String::new())];
            if let Some((key, version)) = &marker {
                query.extend([("key-marker", key.clone()), ("version-id-marker", version.clone())]);
            }
            let ask = Ask { bucket, query, ..Ask::default() };
            let page: ListObjectVersionsOutput = client.document(Method::Get, &ask, false).await?;
            let named = |key: &dolmen_s3::xml::EncodedText, version: &Option<String>| ObjectIdentifier {
                key: key.0.clone(),
                version_id: version.clone(),
                ..ObjectIdentifier::default()
            };
            let versions = page.versions.iter().map(|version| named(&version.key, &version.version_id));
            let markers = page.delete_markers.iter().map(|marker| named(&marker.key, &marker.version_id));
            delete(&client, bucket, versions.chain(markers).collect()).await?;
            match (page.is_truncated, page.next_key_marker) {
                (true, Some(key)) => marker = Some((key.0, page.next_version_id_marker.unwrap_or_default())),
                _ => break,
            }
        }
    }
    client.ask(Method::Delete, &Ask { bucket, ..Ask::default() }).await?.whole().await?;
    out.note(format_args!("s3://{bucket} is removed"));
    Ok(Status::Success)
}

/// Deletes objects by name; the first that cannot be is an error.
pub(crate) async fn delete(client: &Client, bucket: &str, mut objects: Vec<ObjectIdentifier>) -> Result<usize> {
    let count = objects.len();
    while !objects.is_empty() {
        let rest = objects.split_off(objects.len().min(DELETE_LEN));
        let body: Bytes = Delete { objects, quiet: Some(true) }.to_xml(false).into();
        let query = vec![("delete", String::new())];
        let ask = Ask { bucket, query, body, ..Ask::default() };
        let outcome: DeleteObjectsOutput = client.document(Method::Post, &ask, false).await?;
        if let Some(error) = outcome.errors.first() {
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            return Err(anyhow!("{}: {} {}", text(&error.key), text(&error.code), text(&error.message)));
        }
        objects = rest;
    }
    Ok(count)
}

/// A page of objects, and where the next one begins.
pub(crate) async fn page(
    client: &Client,
    bucket: &str,
    prefix: &str,
    delimiter: &str,
    token: Option<String>,
) -> Result<ListObjectsV2Output> {
    let mut query =
        vec![("list-type", "2".to_owned()), ("prefix", prefix.to_owned()), ("encoding-type", "url".to_owned())];
    if !delimiter.is_empty() {
        query.push(("delimiter", delimiter.to_owned()));
    }
    if let Some(token) = token {
        query.push(("continuation-token", token));
    }
    client.document(Method::Get, &Ask { bucket, query, ..Ask::default() }, true).await
}

/// Every object whose key begins so.
pub(crate) async fn all(client: &Client, bucket: &str, prefix: &str) -> Result<Vec<Object>> {
    let (mut found, mut token) = (Vec::new(), None);
    loop {
        let page = page(client, bucket, prefix, "", token).await?;
        found.extend(page.contents);
        token = page.next_continuation_token.filter(|_| page.is_truncated);
        if token.is_none() {
            return Ok(found);
        }
    }
}

/// Arguments of `ls`.
#[derive(clap::Args)]
pub(crate) struct ListArgs {
    /// A bucket or a prefix: s3://BUCKET/PREFIX [default: the buckets]
    #[arg(value_parser = Remote::parse)]
    place: Option<Remote>,
    /// Everything under it
    #[arg(long, short)]
    recursive: bool,
    #[command(flatten)]
    endpoint: Endpoint,
}

#[derive(Serialize)]
struct ShownBucket {
    bucket: String,
    created: String,
}

#[derive(Serialize)]
struct ShownObject {
    key: String,
    bytes: u64,
    modified: String,
    etag: String,
}

#[derive(Serialize)]
struct ShownPrefix {
    prefix: String,
}

pub(crate) async fn list(args: &ListArgs, out: &mut Out) -> Result<Status> {
    let client = Client::new(&args.endpoint)?;
    let Some(place) = &args.place else {
        let found: ListBucketsOutput = client.document(Method::Get, &Ask::default(), false).await?;
        for bucket in found.buckets.map(|list| list.buckets).unwrap_or_default() {
            let created = bucket.creation_date.map(|time| time.iso8601().to_string()).unwrap_or_default();
            if out.is_json() {
                out.object(&ShownBucket { bucket: bucket.name, created })?;
            } else {
                out.line(format_args!("{created}  s3://{}", bucket.name))?;
            }
        }
        return Ok(Status::Success);
    };
    let delimiter = if args.recursive { "" } else { "/" };
    let mut token = None;
    loop {
        let page = page(&client, &place.bucket, &place.key, delimiter, token).await?;
        for prefix in page.common_prefixes {
            if out.is_json() {
                out.object(&ShownPrefix { prefix: prefix.prefix.0 })?;
            } else {
                out.line(format_args!("{:>24}  {:>10}  {}", "", "", prefix.prefix.0))?;
            }
        }
        for object in page.contents {
            let modified = object.last_modified.map(|time| time.iso8601().to_string()).unwrap_or_default();
            if out.is_json() {
                let etag = object.etag.map(|etag| etag.to_string()).unwrap_or_default();
                out.object(&ShownObject { key: object.key.0, bytes: object.size, modified, etag })?;
            } else {
                out.line(format_args!("{modified}  {:>10}  {}", show_size(object.size), object.key.0))?;
            }
        }
        token = page.next_continuation_token.filter(|_| page.is_truncated);
        if token.is_none() {
            return Ok(Status::Success);
        }
    }
}

/// Arguments of `rm`.
#[derive(clap::Args)]
pub(crate) struct RemoveArgs {
    /// An object, or with --recursive a prefix: s3://BUCKET/KEY
    #[arg(value_parser = Remote::parse)]
    place: Remote,
    /// Everything whose key begins so
    #[arg(long, short)]
    recursive: bool,
    #[command(flatten)]
    endpoint: Endpoint,
}

pub(crate) async fn remove(args: &RemoveArgs, out: &mut Out) -> Result<Status> {
    let client = Client::new(&args.endpoint)?;
    let Remote { bucket, key } = &args.place;
    if args.recursive {
        let named = |object: Object| ObjectIdentifier { key: object.key.0, ..ObjectIdentifier::default() };
        let objects = all(&client, bucket, key).await?.into_iter().map(named).collect();
        let count = delete(&client, bucket, objects).await?;
        out.note(format_args!("{count} objects are deleted"));
        return Ok(Status::Success);
    }
    if key.is_empty() {
        return Err(anyhow!("s3://{bucket} names no object; to delete all: --recursive"));
    }
    client.ask(Method::Delete, &Ask { bucket, key, ..Ask::default() }).await?.whole().await?;
    Ok(Status::Success)
}

/// Arguments of verbs about one object.
#[derive(clap::Args)]
pub(crate) struct ObjectArgs {
    /// The object: s3://BUCKET/KEY
    #[arg(value_parser = Remote::parse)]
    place: Remote,
    #[command(flatten)]
    endpoint: Endpoint,
}

pub(crate) async fn cat(args: &ObjectArgs, out: &mut Out) -> Result<Status> {
    let client = Client::new(&args.endpoint)?;
    let Remote { bucket, key } = &args.place;
    let mut answer = client.ask(Method::Get, &Ask { bucket, key, ..Ask::default() }).await?;
    while let Some(bytes) = next(&mut answer.body).await? {
        out.bytes(&bytes)?;
    }
    Ok(Status::Success)
}

pub(crate) async fn stat(args: &ObjectArgs, out: &mut Out) -> Result<Status> {
    let client = Client::new(&args.endpoint)?;
    let Remote { bucket, key } = &args.place;
    let headers = vec![("x-amz-checksum-mode", "ENABLED".to_owned())];
    let answer = client.ask(Method::Head, &Ask { bucket, key, headers, ..Ask::default() }).await?;
    let told = |name: &str| !matches!(name, "date" | "server" | "connection" | "x-amz-request-id" | "x-amz-id-2");
    if out.is_json() {
        let names = answer.headers.keys().map(|name| name.as_str()).filter(|name| told(name));
        let pairs = names.map(|name| (name.to_owned(), header(&answer.headers, name).into()));
        out.object(&serde_json::Value::Object(pairs.collect()))?;
        return Ok(Status::Success);
    }
    for name in answer.headers.keys().map(|name| name.as_str()).filter(|name| told(name)) {
        out.line(format_args!("{name:<32} {}", header(&answer.headers, name)))?;
    }
    Ok(Status::Success)
}

/// Arguments of `presign`.
#[derive(clap::Args)]
pub(crate) struct PresignArgs {
    /// The object: s3://BUCKET/KEY
    #[arg(value_parser = Remote::parse)]
    place: Remote,
    /// Time that the URL is good for
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = dolmen_cli::value::duration)]
    expires: std::time::Duration,
    /// A URL to upload with
    #[arg(long)]
    put: bool,
    #[command(flatten)]
    endpoint: Endpoint,
}

pub(crate) fn presign(args: &PresignArgs, out: &mut Out) -> Result<Status> {
    let client = Client::new(&args.endpoint)?;
    let seconds = u32::try_from(args.expires.as_secs()).unwrap_or(u32::MAX);
    if !(1..=604_800).contains(&seconds) {
        return Err(anyhow!("a URL is good for 1 second to 7 days"));
    }
    let method = if args.put { Method::Put } else { Method::Get };
    out.line(client.presign(method, &args.place.bucket, &args.place.key, seconds))?;
    Ok(Status::Success)
}
