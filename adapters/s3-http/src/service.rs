//! The service as the host sees it.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use dolmen_base::io::Directory as _;
use dolmen_host::context::{Context, Listeners, Stop};
use dolmen_host::{Fault, Metrics, Running, Service, Setting, Values, reachable};
use dolmen_s3::state::sse::SecretKey;
use dolmen_s3::state::{Env, Tx};
use dolmen_store::Shared;
use parking_lot::RwLock;
use sha2::{Digest as _, Sha256};

use crate::accounts::{Accounts, make_root};
use crate::blobs::Blobs;
use crate::config::{Backend, Config, SETTINGS};
use crate::connection::{self, Tls};
use crate::engine::Engine;
use crate::meta::Meta;
use crate::notify::Outbox;
use crate::numbers::Numbers;
use crate::server::Server;
use crate::{notify, sweep, tls, worker};

/// Directory of the metadata and of small objects.
pub(crate) const STORE: &str = "store";
/// Directory of the files of larger objects.
pub(crate) const BLOBS: &str = "blobs";

/// The service `s3`: buckets and objects.
pub struct S3 {
    server: Arc<Server>,
    tls: Tls,
    connections_max: usize,
    backend: Backend,
    hint: String,
}

impl Service for S3 {
    const NAME: &'static str = "s3";
    const TITLE: &'static str = "buckets and objects, Amazon S3's REST interface";
    const PAGE: &'static str = "core/s3/README.md";
    const SETTINGS: &'static [Setting] = SETTINGS;
    type Config = Config;

    fn configure(values: &Values) -> Result<Config, Fault> {
        Config::of(values)
    }

    fn open(context: &Context, config: Config) -> Result<S3, Fault> {
        let listen = context.address("s3.listen").ok_or("s3.listen is not bound")?;
        let tls = match &config.tls {
            Some((cert, key)) => Some(tls::acceptor(cert, key)?),
            None => None,
        };
        let (access_key, secret_key) = match (config.access_key, config.secret_key) {
            (Some(access_key), Some(secret_key)) => (access_key, secret_key),
            _ => (made_key(context)?, context.secret("s3-secret-key")?),
        };
        let (meta, blobs) = match config.backend {
            Backend::Local | Backend::Gateway(..) => {
                open_local(&context.dir(), Some(context.shared(Shared::default)))?
            }
            Backend::Memory => (Meta::memory()?, Blobs::memory()),
        };
        let mut engine = Engine::new(meta, Arc::new(blobs), context.clock())?;
        engine.outbox = Arc::new(Outbox::open(&engine.meta, &config.region, &config.notify)?);
        let engine = Arc::new(engine);
        let accounts = Arc::new(Accounts::new(&access_key, &secret_key));
        prepare(&engine, &accounts)?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let data = std::path::absolute(context.data()).unwrap_or_else(|_| context.data().to_owned());
        let hint = format!(
            "dolmen s3 mb s3://stones --endpoint {scheme}://{} --data {}",
            reachable(listen),
            data.display()
        );
        let server = Arc::new(Server {
            engine,
            accounts,
            numbers: Numbers::new(),
            region: config.region,
            domains: config.domains,
            website_domains: config.website_domains,
            proxies: config.proxies,
            signature_v2: config.signature_v2,
            is_tls: tls.is_some(),
            test_api: context.test_api(),
            #[cfg(feature = "gateway")]
            gateway: gateway(&config.backend)?,
            day_ms: u64::try_from(config.day.as_millis()).unwrap_or(u64::MAX).max(1),
            keys: RwLock::new(HashMap::new()),
            sse_key: sse_key(&context.secret("s3-encryption-key")?),
        });
        Ok(S3 { server, tls, connections_max: config.connections_max, backend: config.backend, hint })
    }

    fn run(self: Arc<Self>, mut listeners: Listeners, stop: Stop) -> Running {
        Box::pin(async move {
            let listener = listeners.take("s3.listen").ok_or("s3.listen is not bound")?;
            let engine = self.server.engine.clone();
            tokio::task::spawn_blocking(move || match sweep::sweep(&engine) {
                Ok(0) => {}
                Ok(count) => {
                    tracing::info!(target: "s3", "{count} files of uploads that were cut off are deleted")
                }
                Err(error) => tracing::warn!(target: "s3", "the files cannot be looked through: {error}"),
            });
            let worker = tokio::spawn(worker::run(self.server.clone(), stop.clone()));
            let told = tokio::spawn(notify::run(self.server.engine.clone(), stop.clone()));
            connection::serve(self.server.clone(), listener, self.tls.clone(), self.connections_max, stop)
                .await;
            worker.await?;
            told.await?;
            Ok(())
        })
    }

    fn ready(&self) -> Result<(), String> {
        self.server.engine.meta.db().stats().trouble().map_or(Ok(()), Err)
    }

    fn metrics(&self, out: &mut Metrics) {
        self.server.numbers.write(out);
        self.server.engine.outbox.write(out);
    }

    fn drain(&self) -> Result<(), Fault> {
        Ok(self.server.engine.meta.db().close()?)
    }

    fn hints(&self) -> Vec<String> {
        vec![self.hint.clone()]
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let durability = match &self.backend {
            Backend::Gateway(url, _) => format!("objects are in {url}, as durable as it keeps them"),
            Backend::Local => "every write is on disk before it is acknowledged".to_owned(),
            Backend::Memory => "in memory: gone with the process".to_owned(),
        };
        let counts = sweep::counts(&self.server.engine.meta);
        let (buckets, uploads) = counts.unwrap_or_default();
        let (waiting, dropped) = self.server.engine.outbox.totals();
        vec![
            ("buckets", buckets.to_string()),
            ("uploads in progress", uploads.to_string()),
            ("requests", self.server.numbers.total().to_string()),
            ("failed requests", self.server.numbers.failed().to_string()),
            ("notifications that wait", waiting.to_string()),
            ("notifications dropped", dropped.to_string()),
            ("durability", durability),
        ]
    }

    fn reset(&self) -> Result<(), String> {
        self.server.engine.clear()
    }
}

/// The store behind the gateway.
#[cfg(feature = "gateway")]
fn gateway(backend: &Backend) -> Result<Option<Arc<crate::gateway::Gateway>>, Fault> {
    let Backend::Gateway(url, timeout) = backend else { return Ok(None) };
    let opened = crate::gateway::Gateway::open(url, *timeout);
    let gateway = opened.map_err(|error| format!("s3.upstream {url}: {error}"))?;
    tracing::info!(target: "s3", "objects are in {}", gateway.url());
    Ok(Some(Arc::new(gateway)))
}

/// The key that wraps the keys of objects.
fn sse_key(secret: &str) -> SecretKey {
    let digest = Sha256::new().chain_update(b"dolmen s3 server key").chain_update(secret);
    SecretKey::new(digest.finalize().into())
}

/// Access keys look like Amazon's: twenty capital letters and digits.
fn made_key(context: &Context) -> Result<String, Fault> {
    let secret = context.secret("s3-access-key")?;
    Ok(secret.chars().take(20).collect::<String>().to_uppercase())
}

pub(crate) fn open_local(dir: &Path, shared: Option<Arc<Shared>>) -> Result<(Meta, Blobs), Fault> {
    let shown = dir.display();
    let made = dolmen_fs::Dir::create(dir).map_err(|error| format!("cannot create {shown}: {error}"))?;
    made.sync().map_err(|error| format!("cannot sync {shown}: {error}"))?;
    let meta = Meta::local(&dir.join(STORE), shared).map_err(|error| format!("{shown}: {error}"))?;
    for loss in &meta.db().recovery().losses {
        tracing::warn!(target: "s3", "recovery left something out: {loss}");
    }
    Ok((meta, Blobs::local(dir.join(BLOBS))))
}

/// Gives root its record and reads the users.
pub(crate) fn prepare(engine: &Engine, accounts: &Accounts) -> Result<(), Fault> {
    let view = engine.meta.view(dolmen_store::ReadMode::MayBlock);
    let mut tx = Tx::new(&view);
    let env = Env { now_ms: engine.clock.now_ms(), caller: "", fresh: engine.fresh() };
    make_root(&mut tx, &env).map_err(|error| format!("the users cannot be read: {error}"))?;
    let batch = tx.into_batch();
    engine.meta.commit_now(&batch)?;
    drop(view);
    let view = engine.meta.view(dolmen_store::ReadMode::MayBlock);
    accounts.load(&Tx::new(&view)).map_err(|error| format!("the users cannot be read: {error}"))?;
    Ok(())
}
