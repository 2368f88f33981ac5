//! Objects and files, one way and the other.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, bail};
use bytes::Bytes;
use dolmen_cli::{Out, Progress, Status};
use dolmen_s3::body::{CompletedMultipartUpload, CompletedPart, CreateMultipartUploadOutput, ObjectIdentifier};
use dolmen_s3::checksum::{Algorithm, Hasher};
use dolmen_s3::encoding::{Keep, percent};
use dolmen_s3::etag::ETag;
use dolmen_s3::request::Method;
use dolmen_s3::xml::Document as _;
use tokio::task::JoinSet;

use crate::client::{Ask, Client, Remote as Endpoint, header, next};
use crate::objects::{all, delete};
use crate::place::Place;

/// Files up to this length are put whole; longer ones go in parts of it.
const PART_LEN: u64 = 16 << 20;
/// Parts on their way at a time.
const PARTS_AT_ONCE: usize = 4;

/// Arguments of `cp`.
#[derive(clap::Args)]
pub(crate) struct CopyArgs {
    /// What to copy: a file or s3://BUCKET/KEY
    #[arg(value_parser = Place::parse)]
    from: Place,
    /// Where to: a file, a directory, or s3://BUCKET/KEY; a key that ends with a slash keeps the file's name
    #[arg(value_parser = Place::parse)]
    to: Place,
    /// Everything under it
    #[arg(long, short)]
    recursive: bool,
    #[command(flatten)]
    endpoint: Endpoint,
}

/// Arguments of `sync`.
#[derive(clap::Args)]
pub(crate) struct SyncArgs {
    /// What to make the other like: a directory or s3://BUCKET/PREFIX
    #[arg(value_parser = Place::parse)]
    from: Place,
    /// What is made like it: a directory or s3://BUCKET/PREFIX
    #[arg(value_parser = Place::parse)]
    to: Place,
    /// Delete what the first does not have
    #[arg(long)]
    delete: bool,
    #[command(flatten)]
    endpoint: Endpoint,
}

pub(crate) async fn copy(args: &CopyArgs, out: &mut Out) -> Result<Status> {
    let client = Client::new(&args.endpoint)?;
    if args.recursive {
        let moves = moves(&client, &args.from, &args.to).await?;
        carry_out(&client, moves, out).await?;
        return Ok(Status::Success);
    }
    match (&args.from, &args.to) {
        (Place::Local(path), Place::Remote { bucket, key }) => {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let key = if key.is_empty() || key.ends_with('/') { format!("{key}{name}") } else { key.clone() };
            let len = std::fs::metadata(path).with_context(|| path.display().to_string())?.len();
            let mut progress = out.progress(&name, len).in_bytes();
            upload(&client, path, bucket, &key, &mut progress).await?;
        }
        (Place::Remote { bucket, key }, Place::Local(path)) => {
            let name = key.rsplit('/').next().unwrap_or(key);
            let path = if path.is_dir() { path.join(name) } else { path.clone() };
            let mut progress = out.progress(name, None).in_bytes();
            download(&client, bucket, key, &path, &mut progress).await?;
        }
        (Place::Remote { bucket, key }, Place::Remote { bucket: to, key: to_key }) => {
            copy_remote(&client, (bucket, key), (to, to_key)).await?;
        }
        (Place::Local(_), Place::Local(_)) => bail!("both are files; one must be s3://BUCKET/KEY"),
    }
    Ok(Status::Success)
}

pub(crate) async fn sync(args: &SyncArgs, out: &mut Out) -> Result<Status> {
    let client = Client::new(&args.endpoint)?;
    let there = known(&client, &args.to).await?;
    let wanted = known(&client, &args.from).await?;
    let mut moves = moves(&client, &args.from, &args.to).await?;
    moves.retain(|one| {
        let (from, to) = (wanted.get(&one.name), there.get(&one.name));
        match (from, to) {
            (Some(from), Some(to)) => from.len != to.len || !same_bytes(from, to),
            _ => true,
        }
    });
    let count = moves.len();
    carry_out(&client, moves, out).await?;
    let mut gone = 0;
    if args.delete {
        let extra: Vec<&String> = there.keys().filter(|name| !wanted.contains_key(*name)).collect();
        gone = extra.len();
        remove(&client, &args.to, &extra).await?;
    }
    out.note(format_args!("{count} copied, {gone} deleted, {} were there", wanted.len() - count));
    Ok(Status::Success)
}

/// One thing that is known of a side.
struct Known {
    len: u64,
    /// Of an object that came in one piece.
    md5: Option<[u8; 16]>,
    path: Option<PathBuf>,
}

/// Whether two of the same length have the same bytes; what cannot be told is copied again.
fn same_bytes(a: &Known, b: &Known) -> bool {
    let md5 = |side: &Known| match (&side.path, side.md5) {
        (_, Some(md5)) => Some(md5),
        (Some(path), None) => md5_of(path).ok(),
        (None, None) => None,
    };
    matches!((md5(a), md5(b)), (Some(a), Some(b)) if a == b)
}

fn md5_of(path: &Path) -> Result<[u8; 16]> {
    let file = File::open(path)?;
    let mut hasher = Hasher::new(Algorithm::Md5);
    let (mut at, mut buffer) = (0, vec![0; 256 << 10]);
    loop {
        let len = file.read_at(&mut buffer, at)?;
        if len == 0 {
            let digest = hasher.finish();
            return digest.digest().try_into().map_err(|_| anyhow!("MD5 has 16 bytes"));
        }
        hasher.update(&buffer[..len]);
        at += len as u64;
    }
}

/// Names under a place, with what is known of each.
async fn known(client: &Client, place: &Place) -> Result<BTreeMap<String, Known>> {
    match place {
        Place::Local(root) => {
            let files = if root.exists() { files(root)? } else { Vec::new() };
            let entry = |(name, path, len)| (name, Known { len, md5: None, path: Some(path) });
            Ok(files.into_iter().map(entry).collect())
        }
        Place::Remote { bucket, key } => {
            let prefix = folder(key);
            let objects = all(client, bucket, &prefix).await?;
            let entry = |object: dolmen_s3::body::Object| {
                let md5 = match object.etag {
                    Some(ETag::Whole(md5)) => Some(md5),
                    _ => None,
                };
                let name = object.key.0[prefix.len()..].to_owned();
                (name, Known { len: object.size, md5, path: None })
            };
            Ok(objects.into_iter().map(entry).collect())
        }
    }
}

/// A prefix that ends where a name begins.
fn folder(key: &str) -> String {
    if key.is_empty() || key.ends_with('/') { key.to_owned() } else { format!("{key}/") }
}

/// Every file under a directory: name with slashes, path, length. Links are not followed.
fn files(root: &Path) -> Result<Vec<(String, PathBuf, u64)>> {
    let (mut found, mut left) = (Vec::new(), vec![root.to_owned()]);
    while let Some(dir) = left.pop() {
        for entry in std::fs::read_dir(&dir).with_context(|| dir.display().to_string())? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                left.push(entry.path());
            } else if kind.is_file() {
                let path = entry.path();
                let name = path.strip_prefix(root)?;
                let name = name.to_str().with_context(|| format!("{}: no UTF-8", path.display()))?.to_owned();
                found.push((name, path, entry.metadata()?.len()));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// One copy to make.
struct Move {
    name: String,
    from: Place,
    to: Place,
    len: u64,
}

/// What is to be copied from one place to the other.
async fn moves(client: &Client, from: &Place, to: &Place) -> Result<Vec<Move>> {
    let target = |name: &str| match to {
        Place::Local(root) => local(root, name).map(Place::Local),
        Place::Remote { bucket, key } => {
            Ok(Place::Remote { bucket: bucket.clone(), key: format!("{}{name}", folder(key)) })
        }
    };
    let mut found = Vec::new();
    match from {
        Place::Local(root) => {
            for (name, path, len) in files(root)? {
                let to = target(&name)?;
                found.push(Move { name, from: Place::Local(path), to, len });
            }
        }
        Place::Remote { bucket, key } => {
            let prefix = folder(key);
            for object in all(client, bucket, &prefix).await? {
                let name = object.key.0[prefix.len()..].to_owned();
                // A key that ends with a slash is how others mark a folder.
                if name.is_empty() || name.ends_with('/') {
                    continue;
                }
                let from = Place::Remote { bucket: bucket.clone(), key: object.key.0.clone() };
                let to = target(&name)?;
                found.push(Move { name, from, to, len: object.size });
            }
        }
    }
    Ok(found)
}

/// Where a key goes in the file system: never outside the directory.
fn local(root: &Path, name: &str) -> Result<PathBuf> {
    let sound = name.split('/').all(|part| !matches!(part, "" | "." | "..") && !part.contains('\0'));
    if sound { Ok(root.join(name)) } else { bail!("the key {name:?} cannot be a file under {}", root.display()) }
}

async fn carry_out(client: &Arc<Client>, moves: Vec<Move>, out: &mut Out) -> Result<()> {
    let total = moves.iter().map(|one| one.len).sum::<u64>();
    let mut progress = out.progress("copy", total).in_bytes();
    for one in moves {
        progress.say(&one.name);
        match (&one.from, &one.to) {
            (Place::Local(path), Place::Remote { bucket, key }) => {
                upload(client, path, bucket, key, &mut progress).await?;
            }
            (Place::Remote { bucket, key }, Place::Local(path)) => {
                if let Some(parent) = path.parent() {
                    std::fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
                }
                download(client, bucket, key, path, &mut progress).await?;
            }
            (Place::Remote { bucket, key }, Place::Remote { bucket: to, key: to_key }) => {
                copy_remote(client, (bucket, key), (to, to_key)).await?;
                progress.add(one.len);
            }
            (Place::Local(_), Place::Local(_)) => bail!("both are directories; one must be s3://BUCKET/PREFIX"),
        }
    }
    Ok(())
}

async fn remove(client: &Client, place: &Place, names: &[&String]) -> Result<()> {
    match place {
        Place::Local(root) => {
            for name in names {
                let path = local(root, name)?;
                std::fs::remove_file(&path).with_context(|| path.display().to_string())?;
            }
        }
        Place::Remote { bucket, key } => {
            let named = |name: &&String| ObjectIdentifier {
                key: format!("{}{name}", folder(key)),
                ..ObjectIdentifier::default()
            };
            delete(client, bucket, names.iter().map(named).collect()).await?;
        }
    }
    Ok(())
}

async fn upload(
    client: &Arc<Client>,
    path: &Path,
    bucket: &str,
    key: &str,
    progress: &mut Progress,
) -> Result<()> {
    let shown = || path.display().to_string();
    let file = Arc::new(File::open(path).with_context(shown)?);
    let len = file.metadata().with_context(shown)?.len();
    if len <= PART_LEN {
        let body = read(&file, 0, len).with_context(shown)?;
        let headers = checksum(&body);
        client.ask(Method::Put, &Ask { bucket, key, headers, body, ..Ask::default() }).await?.whole().await?;
        progress.add(len);
        return Ok(());
    }
    let ask = Ask {
        bucket,
        key,
        query: vec![("uploads", String::new())],
        headers: vec![("x-amz-checksum-algorithm", "CRC64NVME".to_owned())],
        ..Ask::default()
    };
    let begun: CreateMultipartUploadOutput = client.document(Method::Post, &ask, false).await?;
    let sent = parts(client, &file, len, bucket, key, &begun.upload_id, progress).await;
    let query = vec![("uploadId", begun.upload_id.clone())];
    match sent {
        Ok(parts) => {
            let body = CompletedMultipartUpload { parts }.to_xml(false).into();
            let ask = Ask { bucket, key, query, body, ..Ask::default() };
            client.ask(Method::Post, &ask).await?.whole().await?;
            Ok(())
        }
        Err(error) => {
            // What was sent would be kept for nothing.
            let ask = Ask { bucket, key, query, ..Ask::default() };
            let _ = client.ask(Method::Delete, &ask).await;
            Err(error.context(shown()))
        }
    }
}

fn checksum(body: &Bytes) -> Vec<(&'static str, String)> {
    let checksum = Hasher::hash(Algorithm::Crc64Nvme, body);
    vec![(Algorithm::Crc64Nvme.header(), checksum.base64())]
}

fn read(file: &File, offset: u64, len: u64) -> std::io::Result<Bytes> {
    let mut body = vec![0; len as usize];
    file.read_exact_at(&mut body, offset)?;
    Ok(body.into())
}

async fn parts(
    client: &Arc<Client>,
    file: &Arc<File>,
    len: u64,
    bucket: &str,
    key: &str,
    upload: &str,
    progress: &mut Progress,
) -> Result<Vec<CompletedPart>> {
    let count = len.div_ceil(PART_LEN);
    // As many parts as an upload may have: longer files get longer parts.
    let part_len = if count > 10_000 { len.div_ceil(10_000) } else { PART_LEN };
    let (mut running, mut done) = (JoinSet::new(), Vec::new());
    for (number, offset) in (1..).zip((0..len).step_by(part_len as usize)) {
        while running.len() >= PARTS_AT_ONCE {
            let part: (CompletedPart, u64) = running.join_next().await.expect("some are running")??;
            progress.add(part.1);
            done.push(part.0);
        }
        let (client, file) = (client.clone(), file.clone());
        let (bucket, key, upload) = (bucket.to_owned(), key.to_owned(), upload.to_owned());
        running.spawn(async move {
            let part_len = part_len.min(len - offset);
            let body = tokio::task::spawn_blocking(move || read(&file, offset, part_len)).await??;
            let ask = Ask {
                bucket: &bucket,
                key: &key,
                query: vec![("partNumber", number.to_string()), ("uploadId", upload)],
                headers: checksum(&body),
                body,
            };
            let answer = client.ask(Method::Put, &ask).await?;
            let etag = ETag::parse(header(&answer.headers, "etag"));
            answer.whole().await?;
            let part = CompletedPart { etag, part_number: number, ..CompletedPart::default() };
            Ok::<_, anyhow::Error>((part, part_len))
        });
    }
    while let Some(part) = running.join_next().await {
        let (part, part_len) = part??;
        progress.add(part_len);
        done.push(part);
    }
    done.sort_by_key(|part| part.part_number);
    Ok(done)
}

async fn download(client: &Client, bucket: &str, key: &str, path: &Path, progress: &mut Progress) -> Result<()> {
    let shown = || path.display().to_string();
    let mut answer = client.ask(Method::Get, &Ask { bucket, key, ..Ask::default() }).await?;
    let len: Option<u64> = header(&answer.headers, "content-length").parse().ok();
    // Beside it first: a download that is cut off leaves what was there.
    let mut beside = path.as_os_str().to_owned();
    beside.push(".part");
    let beside = PathBuf::from(beside);
    let mut file = File::create(&beside).with_context(|| beside.display().to_string())?;
    let mut got = 0;
    while let Some(bytes) = next(&mut answer.body).await? {
        file.write_all(&bytes).with_context(shown)?;
        got += bytes.len() as u64;
        progress.add(bytes.len() as u64);
    }
    if len.is_some_and(|len| len != got) {
        bail!("s3://{bucket}/{key}: {got} bytes came instead of {}", len.unwrap_or(0));
    }
    file.sync_all().with_context(shown)?;
    std::fs::rename(&beside, path).with_context(shown)
}

async fn copy_remote(client: &Client, from: (&str, &str), to: (&str, &str)) -> Result<()> {
    let (bucket, key) = to;
    let key = if key.is_empty() || key.ends_with('/') {
        format!("{key}{}", from.1.rsplit('/').next().unwrap_or(from.1))
    } else {
        key.to_owned()
    };
    let source = format!("{}/{}", from.0, percent(from.1.as_bytes(), Keep::Slash));
    let headers = vec![("x-amz-copy-source", source)];
    client.ask(Method::Put, &Ask { bucket, key: &key, headers, ..Ask::default() }).await?.whole().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stay_in_the_directory() {
        let root = Path::new("/tmp/x");
        assert_eq!(local(root, "a/b").unwrap(), Path::new("/tmp/x/a/b"));
        for wrong in ["../a", "a/../b", "/etc/passwd", "a//b", "", "a/", "./a", "a\0"] {
            assert!(local(root, wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn prefixes_end_where_names_begin() {
        assert_eq!((folder(""), folder("a"), folder("a/")), ("".into(), "a/".into(), "a/".into()));
    }
}
