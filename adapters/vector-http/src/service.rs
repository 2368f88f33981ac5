//! The service as the host sees it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use dolmen_host::connection::{self, Limits};
use dolmen_host::context::{Context, Listeners, Stop};
use dolmen_host::{Fault, Kind, Metrics, Running, Service, Setting, Values, reachable};
use dolmen_store::{Db, Options, ReadOptions, Shared, SyncPolicy};
use parking_lot::RwLock;

use crate::collection::{Collection, Shape, key};
use crate::fail::Failure;

/// Most collections.
const COLLECTIONS_MAX: usize = 1000;
/// Longest name of one.
const NAME_LEN_MAX: usize = 255;

/// The service `vector`: collections over HTTP.
pub struct Vectors {
    db: Db,
    dir: PathBuf,
    body_max: usize,
    key: Option<String>,
    hint: String,
    collections: RwLock<BTreeMap<String, Arc<Collection>>>,
    /// One creation or deletion at a time.
    changing: parking_lot::Mutex<()>,
}

/// Its settings, decided.
pub struct Config {
    body_max: usize,
    key: Option<String>,
}

impl Vectors {
    /// What clients must give, if anything.
    pub(crate) fn api_key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// All names.
    pub(crate) fn names(&self) -> Vec<String> {
        self.collections.read().keys().cloned().collect()
    }

    /// A collection by its name.
    pub(crate) fn collection(&self, name: &str) -> Result<Arc<Collection>, Failure> {
        let found = self.collections.read().get(name).cloned();
        found.ok_or_else(|| Failure::missing(format!("Not found: Collection `{name}` doesn't exist!")))
    }

    /// Makes a collection.
    pub(crate) fn create(&self, shape: Shape) -> Result<(), Failure> {
        let _alone = self.changing.lock();
        let name = shape.name.clone();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if name.is_empty() || name.len() > NAME_LEN_MAX || !name.chars().all(plain) {
            return Err(Failure::bad(format!(
                "the name {name:?} cannot be used: expected 1 to {NAME_LEN_MAX} letters, digits, dots, hyphens or underscores"
            )));
        }
        let (exists, count) = {
            let collections = self.collections.read();
            (collections.contains_key(&name), collections.len())
        };
        if exists {
            return Err(Failure::exists(format!("Wrong input: Collection `{name}` already exists!")));
        }
        if count >= COLLECTIONS_MAX {
            return Err(Failure::bad(format!("there are {count} collections, the most that are served")));
        }
        let used = self.collections.read().values().map(|one| one.number).max().unwrap_or(0);
        let collection = Collection::create(&self.db, &self.dir, used + 1, shape)?;
        self.collections.write().insert(name, Arc::new(collection));
        Ok(())
    }

    /// Deletes a collection; whether it was there.
    pub(crate) fn remove(&self, name: &str) -> Result<bool, Failure> {
        let _alone = self.changing.lock();
        let Ok(collection) = self.collection(name) else { return Ok(false) };
        collection.remove()?;
        Ok(self.collections.write().remove(name).is_some())
    }

    /// Writes a collection's index file on a thread of its own, if it is time.
    pub(crate) fn save_later(&self, collection: &Arc<Collection>) {
        if collection.wants_saving() {
            let collection = collection.clone();
            tokio::task::spawn_blocking(move || {
                if let Err(error) = collection.save() {
                    tracing::error!(target: "vector", "collection {}: its index file cannot be written: {}", collection.shape.name, error.text);
                }
            });
        }
    }
}

impl Service for Vectors {
    const NAME: &'static str = "vector";
    const TITLE: &'static str = "vector search, Qdrant's HTTP interface";
    const PAGE: &'static str = "core/hnsw/README.md";
    const SETTINGS: &'static [Setting] = &[
        Setting::new("vector.listen", Kind::Listen, "127.0.0.1:6333", "Address of vector search, HTTP")
            .short("vector"),
        Setting::new("vector.max-body", Kind::Size, "64mb", "Longest body of a request"),
        Setting::new("vector.api-key", Kind::Text, "", "Key that clients of vector search must give")
            .secret()
            .unset("none on loopback, else the data directory's password"),
    ];
    type Config = Config;

    fn configure(values: &Values) -> Result<Config, Fault> {
        let body_max = usize::try_from(values.number("vector.max-body")).unwrap_or(usize::MAX);
        Ok(Config { body_max, key: values.text("vector.api-key").map(str::to_owned) })
    }

    fn open(context: &Context, config: Config) -> Result<Vectors, Fault> {
        let listen = context.address("vector.listen").ok_or("vector.listen is not bound")?;
        let password = context.password(listen, config.key.as_deref())?;
        let dir = context.dir();
        let shared = Some(context.shared(Shared::default));
        let options = Options { sync: SyncPolicy::Always, shared, ..Options::default() };
        let db = Db::open(&dir.join("store"), options)?;
        let mut collections = BTreeMap::new();
        let mut iter = db.iter(&db.default_family(), ReadOptions::default())?;
        iter.seek(b"c")?;
        while iter.valid() && iter.key().first() == Some(&b'c') {
            let number: [u8; 4] =
                iter.key()[1..].try_into().map_err(|_| "vector: a key of a collection is damaged")?;
            let number = u32::from_be_bytes(number);
            debug_assert_eq!(iter.key(), key(b'c', number));
            let shape: Shape = serde_json::from_slice(iter.value())
                .map_err(|e| format!("vector: collection {number}: {e}"))?;
            let name = shape.name.clone();
            let collection = Collection::open(&db, &dir, number, shape);
            let collection =
                collection.map_err(|failure| format!("vector: collection {name}: {}", failure.text))?;
            tracing::info!(target: "vector", "collection {name}: {} points", collection.len());
            collections.insert(name, Arc::new(collection));
            iter.next()?;
        }
        drop(iter);
        let body = r#"{"vectors":{"size":4,"distance":"Cosine"}}"#;
        let key = context.shell_word(&password, "DOLMEN_VECTOR_API_KEY");
        let hint = format!(
            "curl -X PUT http://{}/collections/stones -H 'content-type: application/json'{} -d '{body}'",
            reachable(listen),
            key.map_or(String::new(), |word| format!(" -H \"api-key: {word}\"")),
        );
        Ok(Vectors {
            db,
            dir,
            body_max: config.body_max,
            key: password.get().map(str::to_owned),
            hint,
            collections: RwLock::new(collections),
            changing: parking_lot::Mutex::new(()),
        })
    }

    fn run(self: Arc<Self>, mut listeners: Listeners, mut stop: Stop) -> Running {
        Box::pin(async move {
            let listener = listeners.take("vector.listen").ok_or("vector.listen is not bound")?;
            let app = crate::api::router(self.clone(), self.body_max);
            connection::serve(app, listener, Limits::new("vector"), stop.wait()).await;
            Ok(())
        })
    }

    fn ready(&self) -> Result<(), String> {
        let collections = self.collections.read();
        match collections.values().find(|collection| collection.is_broken()) {
            Some(collection) => {
                Err(format!("collection {}: a write could not be made durable", collection.shape.name))
            }
            None => self.db.stats().trouble().map_or(Ok(()), Err),
        }
    }

    fn metrics(&self, out: &mut Metrics) {
        let counts: Vec<(String, usize)> = self
            .collections
            .read()
            .iter()
            .map(|(name, collection)| (name.clone(), collection.len()))
            .collect();
        out.gauge("dolmen_vector_points", "Points of a collection.");
        for (name, count) in counts {
            out.sample(&[("collection", &name)], count as u64);
        }
    }

    fn drain(&self) -> Result<(), Fault> {
        let collections: Vec<Arc<Collection>> = self.collections.read().values().cloned().collect();
        for collection in collections {
            let saved = collection.save();
            saved.map_err(|failure| {
                format!("vector: collection {}: {}", collection.shape.name, failure.text)
            })?;
        }
        Ok(self.db.close()?)
    }

    fn hints(&self) -> Vec<String> {
        vec![self.hint.clone()]
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let collections = self.collections.read();
        let points: usize = collections.values().map(|collection| collection.len()).sum();
        vec![
            ("collections", collections.len().to_string()),
            ("points", points.to_string()),
            ("durability", "every write is on disk before it is acknowledged".to_owned()),
        ]
    }
}
