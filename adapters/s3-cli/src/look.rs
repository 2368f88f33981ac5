//! A server's files: what is in them, and whether all of it is still what was written.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Result, anyhow};
use clap::ValueHint;
use dolmen_cli::{Out, Status, counted, show_size};
use dolmen_s3::state::bucket::{self, BucketQuery};
use dolmen_s3::state::record::{BucketId, ObjectRecord};
use dolmen_s3::state::{StateError, keys};
use dolmen_s3_http::Offline;
use serde::Serialize;

/// Arguments of `scrub` and of `inspect`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Data directory of the server
    #[arg(long, value_name = "DIR", default_value = "./dolmen-data", value_hint = ValueHint::DirPath)]
    data: PathBuf,
}

#[derive(Serialize)]
struct Scrubbed {
    file_count: u64,
    small_object_count: u64,
    bytes: u64,
    damaged: Vec<String>,
}

pub(crate) fn scrub(args: &Args, out: &mut Out) -> Result<Status> {
    let offline = Offline::look(&args.data.join("s3")).map_err(|error| anyhow!(error))?;
    let mut progress = out.progress("scrub", None).in_bytes();
    let found = offline.scrub(|bytes| progress.add(bytes)).map_err(|error| anyhow!(error))?;
    drop(progress);
    let is_sound = found.damaged.is_empty();
    if out.is_json() {
        out.object(&Scrubbed {
            file_count: found.file_count,
            small_object_count: found.inline_count,
            bytes: found.bytes,
            damaged: found.damaged,
        })?;
    } else {
        for line in &found.damaged {
            out.line(format_args!("damaged: {line}"))?;
        }
        let files = counted(found.file_count, "file");
        let small = counted(found.inline_count, "small object");
        out.line(format_args!(
            "{files} and {small}, {} read, {} damaged",
            show_size(found.bytes),
            found.damaged.len()
        ))?;
    }
    Ok(if is_sound { Status::Success } else { Status::Failure })
}

/// What a bucket holds.
#[derive(Default, Serialize)]
struct Shown {
    bucket: String,
    owner: String,
    versioning: String,
    version_count: u64,
    delete_marker_count: u64,
    bytes: u64,
    small_object_count: u64,
    file_count: u64,
    upload_count: u64,
}

pub(crate) fn inspect(args: &Args, out: &mut Out) -> Result<Status> {
    let offline = Offline::look(&args.data.join("s3")).map_err(|error| anyhow!(error))?;
    let shown = offline.read(|source| {
        let all = BucketQuery { max: usize::MAX, ..BucketQuery::default() };
        let mut shown: BTreeMap<BucketId, Shown> = BTreeMap::new();
        for (name, record) in bucket::list(source, &all)?.0 {
            let versioning = format!("{:?}", record.versioning).to_lowercase();
            let one = Shown { bucket: name, owner: record.owner, versioning, ..Shown::default() };
            shown.insert(record.id, one);
        }
        let mut cursor = source.cursor();
        cursor.seek(&[keys::OBJECTS])?;
        while let Some((key, value)) = cursor.entry() {
            match key.first() {
                Some(&keys::OBJECTS) => {
                    let record = ObjectRecord::decode(value)?;
                    if let Some(one) = keys::parse_object(key).and_then(|(id, ..)| shown.get_mut(&id)) {
                        count(one, &record);
                    }
                }
                Some(&keys::UPLOADS) => {
                    if let Some(one) = keys::parse_upload(key).and_then(|(id, ..)| shown.get_mut(&id)) {
                        one.upload_count += 1;
                    }
                }
                _ => {}
            }
            cursor.next()?;
        }
        Ok::<_, StateError>(shown)
    });
    for one in shown?.into_values() {
        if out.is_json() {
            out.object(&one)?;
            continue;
        }
        out.line(format_args!("s3://{}  owner {}, {}", one.bucket, one.owner, one.versioning))?;
        out.line(format_args!(
            "  {}, {} in {} of the store and {}; {}, {} in progress",
            counted(one.version_count, "version"),
            show_size(one.bytes),
            counted(one.small_object_count, "record"),
            counted(one.file_count, "file"),
            counted(one.delete_marker_count, "delete marker"),
            counted(one.upload_count, "upload"),
        ))?;
    }
    Ok(Status::Success)
}

fn count(one: &mut Shown, record: &ObjectRecord) {
    if record.is_marker() {
        one.delete_marker_count += 1;
        return;
    }
    one.version_count += 1;
    one.bytes += record.listed.size;
    for extent in &record.body {
        let count = if extent.blob.is_inline() { &mut one.small_object_count } else { &mut one.file_count };
        *count += 1;
    }
}
