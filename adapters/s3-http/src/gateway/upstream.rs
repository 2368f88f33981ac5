//! The other store: how it is opened, and the time that it has for every answer.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use dolmen_s3::ETag;
use dolmen_s3::error::ErrorCode;
use dolmen_s3::state::list::{Page, Query};
use dolmen_s3::state::record::{Listed, Version, VersionKind};
use futures_util::StreamExt as _;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::list::{PaginatedListOptions, PaginatedListStore};
use object_store::local::LocalFileSystem;
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::{
    BackoffConfig, ClientConfigKey, GetOptions, GetRange, GetResult, ObjectMeta, ObjectStore, RetryConfig,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::page::{Gather, offset};
use super::{fault, name};
use crate::answer::Refusal;

/// Memory that all uploads together may have, in MiB.
const MEMORY_MIB: usize = 256;
/// Times of connections, besides what the variables say. Bodies may take as long as they go on: every step of ours has its time.
const CLIENT: [(ClientConfigKey, &str); 2] =
    [(ClientConfigKey::ConnectTimeout, "5s"), (ClientConfigKey::Timeout, "7days")];
/// Joining parts takes longer than other answers by this factor.
const JOIN_FACTOR: u32 = 10;

/// A store behind us.
pub(crate) struct Gateway {
    pub(super) store: Arc<dyn ObjectStore>,
    /// How parts are put together there; without it they are kept as objects and joined by us.
    pub(super) multipart: Option<Arc<dyn MultipartStore>>,
    /// How pages are listed there; without it all keys are looked at.
    pages: Option<Arc<dyn PaginatedListStore>>,
    /// Whether objects keep headers there.
    pub(super) keeps_headers: bool,
    /// Everything is below; with a slash at the end unless it is empty.
    pub(super) base: String,
    timeout: Duration,
    memory: Arc<Semaphore>,
    shown: String,
}

impl Gateway {
    /// Opens `s3://bucket/prefix`, `gs://`, `az://` or `file:///dir`; credentials and all else are in the usual variables.
    pub fn open(url: &str, timeout: Duration) -> Result<Gateway, String> {
        let wrong = "expected s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX or file:///DIR";
        let (scheme, rest) = url.split_once("://").ok_or(wrong)?;
        if scheme == "file" {
            return Gateway::folder(url, rest, timeout);
        }
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        if host.is_empty() {
            return Err(wrong.into());
        }
        let base = name::base(path)?;
        // Who builds TLS of connections asks for the process's provider.
        rustls::crypto::ring::default_provider().install_default().ok();
        let place = format!("{scheme}://{host}");
        if scheme == "s3" || scheme == "s3a" {
            return Gateway::aws(AmazonS3Builder::from_env().with_url(place), path, timeout, url);
        }
        let text = |error: object_store::Error| error.to_string();
        match scheme {
            "gs" => {
                let store = GoogleCloudStorageBuilder::from_env().with_url(place).with_retry(retry(timeout));
                let store = CLIENT.iter().fold(store, |store, (key, value)| {
                    store.with_config(GoogleConfigKey::Client(*key), *value)
                });
                let store = store.build().map_err(text)?;
                Ok(Gateway::cloud(Arc::new(store), base, timeout, url))
            }
            "az" | "azure" | "abfs" | "abfss" => {
                let store = MicrosoftAzureBuilder::from_env().with_url(place).with_retry(retry(timeout));
                let store = CLIENT.iter().fold(store, |store, (key, value)| {
                    store.with_config(AzureConfigKey::Client(*key), *value)
                });
                let store = Arc::new(store.build().map_err(text)?);
                // Azure's store of pages is not offered: keys are looked at in its order.
                Ok(Gateway { multipart: Some(store.clone()), ..Gateway::over(store, base, timeout, url) })
            }
            _ => Err(wrong.into()),
        }
    }

    /// A store that speaks S3.
    pub fn aws(store: AmazonS3Builder, path: &str, timeout: Duration, url: &str) -> Result<Gateway, String> {
        let base = name::base(path)?;
        let store = CLIENT.iter().fold(store.with_retry(retry(timeout)), |store, (key, value)| {
            store.with_config(AmazonS3ConfigKey::Client(*key), *value)
        });
        let store = store.build().map_err(|error| error.to_string())?;
        Ok(Gateway::cloud(Arc::new(store), base, timeout, url))
    }

    fn folder(url: &str, path: &str, timeout: Duration) -> Result<Gateway, String> {
        if !path.starts_with('/') {
            return Err("expected file:///DIR with the whole path of a directory".into());
        }
        std::fs::create_dir_all(path).map_err(|error| format!("cannot create {path}: {error}"))?;
        let store = LocalFileSystem::new_with_prefix(path).map_err(|error| error.to_string())?;
        let store = store.with_automatic_cleanup(true).with_fsync(true);
        let gateway = Gateway::over(Arc::new(store), String::new(), timeout, url);
        Ok(Gateway { keeps_headers: false, ..gateway })
    }

    /// A store that pages and joins parts itself.
    pub fn cloud<S: ObjectStore + MultipartStore + PaginatedListStore>(
        store: Arc<S>,
        base: String,
        timeout: Duration,
        url: &str,
    ) -> Gateway {
        let gateway = Gateway::over(store.clone(), base, timeout, url);
        Gateway { multipart: Some(store.clone()), pages: Some(store), ..gateway }
    }

    /// Any store.
    pub fn over(store: Arc<dyn ObjectStore>, base: String, timeout: Duration, url: &str) -> Gateway {
        Gateway {
            store,
            multipart: None,
            pages: None,
            keeps_headers: true,
            base,
            timeout,
            memory: Arc::new(Semaphore::new(MEMORY_MIB)),
            shown: url.to_owned(),
        }
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.shown
    }

    /// Time of one answer.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The path of an object.
    pub(super) fn path(&self, bucket: &str, key: &str) -> Option<Path> {
        name::path(&self.base, bucket, key)
    }

    /// An answer of the store, in time.
    pub(super) async fn timed<T>(
        &self,
        act: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T, Refusal> {
        self.raw(self.timeout, act).await?.map_err(|error| fault::refusal(&error))
    }

    /// The same for what takes long there.
    pub(super) async fn joined<T>(
        &self,
        act: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T, Refusal> {
        self.raw(self.timeout * JOIN_FACTOR, act).await?.map_err(|error| fault::refusal(&error))
    }

    async fn raw<T>(&self, time: Duration, act: impl Future<Output = T>) -> Result<T, Refusal> {
        tokio::time::timeout(time, act).await.map_err(|_| {
            tracing::warn!(target: "s3", "{}: no answer within {time:?}", self.shown);
            Refusal::new(ErrorCode::SlowDown)
        })
    }

    /// Waits for memory: so many bytes are about to be held.
    pub(super) async fn memory(&self, bytes: u64) -> Result<OwnedSemaphorePermit, Refusal> {
        let mib = bytes.div_ceil(1 << 20).clamp(1, MEMORY_MIB as u64);
        let asked = self.memory.clone().acquire_many_owned(u32::try_from(mib).unwrap_or(1));
        self.raw(self.timeout, asked).await?.map_err(|_| Refusal::new(ErrorCode::ServiceUnavailable))
    }

    /// An object, or a part of it; the bytes come as they are asked for.
    pub(super) async fn get(
        &self,
        path: &Path,
        range: Option<Range<u64>>,
        if_match: Option<String>,
    ) -> Result<GetResult, Refusal> {
        let options = GetOptions { range: range.map(GetRange::Bounded), if_match, ..GetOptions::default() };
        self.timed(self.store.get_opts(path, options)).await
    }

    /// What is known of an object.
    pub(super) async fn head(&self, path: &Path) -> Result<GetResult, Refusal> {
        self.timed(self.store.get_opts(path, GetOptions { head: true, ..GetOptions::default() })).await
    }

    /// Deletes an object. One that is not there is deleted.
    pub(super) async fn delete(&self, path: &Path) -> Result<(), Refusal> {
        let one = futures_util::stream::once(std::future::ready(Ok(path.clone()))).boxed();
        let mut deleted = self.store.delete_stream(one);
        match self.raw(self.timeout, deleted.next()).await? {
            Some(Err(error)) if !fault::is_absent(&error) => Err(fault::refusal(&error)),
            _ => Ok(()),
        }
    }

    /// Whether nothing is in a bucket's folder.
    pub(super) async fn is_empty(&self, bucket: &str) -> Result<bool, Refusal> {
        let folder =
            Path::parse(name::folder(&self.base, bucket)).map_err(|_| ErrorCode::InvalidBucketName)?;
        let mut all = self.store.list(Some(&folder));
        match self.raw(self.timeout, all.next()).await? {
            None => Ok(true),
            Some(Ok(_)) => Ok(false),
            Some(Err(error)) if fault::is_absent(&error) => Ok(true),
            Some(Err(error)) => Err(fault::refusal(&error)),
        }
    }

    /// A page of a listing.
    pub(crate) async fn page(&self, bucket: &str, owner: &str, query: &Query) -> Result<Page, Refusal> {
        let mut gather = Gather::new(query);
        if query.max == 0 {
            return Ok(Page { items: Vec::new(), next: None });
        }
        let folder = name::folder(&self.base, bucket);
        // A prefix that no key begins with lists nothing.
        let Ok(prefix) = std::str::from_utf8(&query.prefix) else { return Ok(gather.page()) };
        match &self.pages {
            Some(pages) => self.asked(pages.as_ref(), (&folder, prefix), owner, query, &mut gather).await?,
            None => self.looked_at((&folder, prefix), owner, query, &mut gather).await?,
        }
        Ok(gather.page())
    }

    /// Asks for pages until one is full.
    async fn asked(
        &self,
        pages: &dyn PaginatedListStore,
        (folder, prefix): (&str, &str),
        owner: &str,
        query: &Query,
        gather: &mut Gather<'_>,
    ) -> Result<(), Refusal> {
        let delimiter = String::from_utf8_lossy(&query.delimiter).into_owned();
        let mut token = None;
        loop {
            let options = PaginatedListOptions {
                offset: offset(&query.start)
                    .filter(|_| token.is_none())
                    .map(|name| format!("{folder}{name}")),
                delimiter: (!delimiter.is_empty()).then(|| delimiter.clone().into()),
                max_keys: Some((query.max + 1).min(1000)),
                page_token: token,
                ..PaginatedListOptions::default()
            };
            let whole = format!("{folder}{prefix}");
            let found = self.timed(pages.list_paginated(Some(&whole), options)).await?;
            for path in &found.result.common_prefixes {
                let Some(name) = path.as_ref().strip_prefix(folder) else { continue };
                // A path has lost the slash at its end.
                let slash = if delimiter.ends_with('/') { "/" } else { "" };
                gather.prefix(format!("{name}{slash}").as_bytes());
            }
            found.result.objects.iter().for_each(|meta| push(gather, folder, owner, meta));
            token = found.page_token;
            if token.is_none() || gather.is_full() {
                return Ok(());
            }
        }
    }

    /// Looks at all keys of the folder that the prefix lies in; with a slash as delimiter at that folder alone.
    async fn looked_at(
        &self,
        (folder, prefix): (&str, &str),
        owner: &str,
        query: &Query,
        gather: &mut Gather<'_>,
    ) -> Result<(), Refusal> {
        let inner = prefix.rfind('/').map_or("", |at| &prefix[..=at]);
        let whole = format!("{folder}{inner}");
        let Some(path) = Path::parse(&whole).ok().filter(|path| format!("{path}/") == whole) else {
            return Ok(());
        };
        if query.delimiter == b"/" {
            let found = self.timed(self.store.list_with_delimiter(Some(&path))).await?;
            for path in &found.common_prefixes {
                let Some(name) = path.as_ref().strip_prefix(folder) else { continue };
                gather.prefix(format!("{name}/").as_bytes());
            }
            found.objects.iter().for_each(|meta| push(gather, folder, owner, meta));
            return Ok(());
        }
        let mut all = self.store.list(Some(&path));
        while let Some(meta) = self.raw(self.timeout, all.next()).await? {
            match meta {
                Ok(meta) => push(gather, folder, owner, &meta),
                Err(error) if fault::is_absent(&error) => {}
                Err(error) => return Err(fault::refusal(&error)),
            }
        }
        Ok(())
    }
}

fn push(gather: &mut Gather<'_>, folder: &str, owner: &str, meta: &ObjectMeta) {
    if let Some(key) = meta.location.as_ref().strip_prefix(folder) {
        gather.object(key.as_bytes(), || listed(meta, owner));
    }
}

/// What the other store knows of an object, as ours would.
pub(super) fn listed(meta: &ObjectMeta, owner: &str) -> Listed {
    Listed {
        kind: VersionKind::Object,
        version: Version::Null,
        modified_ms: u64::try_from(meta.last_modified.timestamp_millis()).unwrap_or(0),
        size: meta.size,
        etag: etag(meta.e_tag.as_deref()),
        owner: owner.to_owned(),
        storage_class: "STANDARD".into(),
        checksum: None,
    }
}

/// A tag of the other store, whatever its form.
pub(super) fn etag(text: Option<&str>) -> ETag {
    ETag::parse(text.map_or("", |text| text.strip_prefix("W/").unwrap_or(text)))
}

fn retry(timeout: Duration) -> RetryConfig {
    let backoff = BackoffConfig { max_backoff: Duration::from_secs(1), ..BackoffConfig::default() };
    RetryConfig { backoff, max_retries: 3, retry_timeout: timeout }
}
