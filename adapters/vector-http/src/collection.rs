//! A collection: an index in memory, its payloads, and what the store keeps of both.
//!
//! ```text
//! store   c NUMBER            name and parameters, JSON
//!         p NUMBER id         u64 label | payload, JSON
//!         v NUMBER id         f32 values, as they came in
//!         l NUMBER sequence   the index's changes of one write, as core logs them
//!         s NUMBER            the sequence that the index file holds
//! files   NUMBER-SEQUENCE.dvx
//! ```
//!
//! Numbers are 32 bits, sequences 64, biggest byte first. A write changes memory, then waits for one synced batch that holds its points and its
//! changes; batches reach the log in the order of their sequences. Opening reads the index file and applies the changes behind it: nothing is
//! built. If the file is damaged, the index is built again from the vectors, and the log says so.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use dolmen_hnsw::Level;
use dolmen_hnsw::change::Change;
use dolmen_hnsw::file::{self, Mapped};
use dolmen_hnsw::index::Index;
use dolmen_hnsw::insert::Serial;
use dolmen_hnsw::metric::{Form, Metric, Options, Vector};
use dolmen_hnsw::pool::Scratch;
use dolmen_hnsw::search::{Filter as Passing, Found, Request};
use dolmen_store::{Db, Family, ReadOptions, WriteBatch, WriteOptions};
use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::fail::Failure;
use crate::filter::Filter;
use crate::id::PointId;

/// Points that are linked under one lock; searches come in between.
const CHUNK: usize = 64;
/// Points that are read at once where an index is built again.
const REBUILT: usize = 1024;
/// Bytes of logged changes behind which the index file is written anew, if they are also more than half of it.
const LOG_BYTES: u64 = 32 << 20;
/// Candidates where a request does not say.
const EF: usize = 128;

/// What a collection is made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shape {
    /// Its name.
    pub name: String,
    /// Values of a vector.
    pub size: usize,
    /// Cosine, Dot or Euclid.
    pub distance: String,
    /// The form of the index.
    pub form: String,
    /// Links.
    pub m: usize,
    /// Candidates of an insertion.
    pub ef_construct: usize,
}

impl Shape {
    /// The parameters of its index.
    pub fn options(&self) -> Result<Options, Failure> {
        let metric = match self.distance.as_str() {
            "Cosine" => Metric::Cosine,
            "Dot" => Metric::Ip,
            "Euclid" => Metric::L2,
            other => {
                return Err(Failure::bad(format!("distance is {other}: expected Cosine, Dot or Euclid")));
            }
        };
        let form = Form::by_name(&self.form).filter(|form| form.takes_f32());
        let form = form.ok_or_else(|| {
            Failure::bad(format!(
                "form is {}: expected f32, f16, bf16, sq8, sq7, sq4, qg, qg8 or qg4",
                self.form
            ))
        })?;
        let options =
            Options { ef_construction: self.ef_construct, seed: 1, ..Options::new(self.size, metric, form) };
        let options = options.links(self.m);
        options.check()?;
        Ok(options)
    }
}

/// A point as a client gives it.
pub struct Point {
    /// Its id.
    pub id: PointId,
    /// Its vector.
    pub vector: Vec<f32>,
    /// Its payload, an object or null.
    pub payload: Value,
}

/// A point that a search found.
pub struct Hit {
    /// Its id.
    pub id: PointId,
    /// How near: cosine or dot product, or the distance for Euclid.
    pub score: f32,
    /// Its payload.
    pub payload: Arc<Value>,
    /// Its vector, as the index holds it.
    pub vector: Option<Vec<f32>>,
}

/// What a search asks for.
pub struct Query {
    /// The vector.
    pub vector: Vec<f32>,
    /// Most hits.
    pub limit: usize,
    /// Hits to leave out.
    pub offset: usize,
    /// The point whose vector it is, which is not looked for.
    pub without: Option<PointId>,
    /// Which points may be found.
    pub filter: Option<Filter>,
    /// Candidates.
    pub ef: Option<usize>,
    /// Compare every point.
    pub exact: bool,
    /// The worst score that counts.
    pub threshold: Option<f32>,
    /// Whether vectors are wanted.
    pub with_vector: bool,
}

impl Query {
    fn passes(&self, stored: Option<&Option<Stored>>) -> bool {
        let Some(Some(stored)) = stored else { return false };
        self.without != Some(stored.id)
            && self.filter.as_ref().is_none_or(|filter| filter.passes(stored.id, &stored.payload))
    }
}

struct Stored {
    id: PointId,
    payload: Arc<Value>,
}

struct Inner {
    index: Index,
    /// By slot.
    points: Vec<Option<Stored>>,
    labels: BTreeMap<PointId, u64>,
    next_label: u64,
    sequence: u64,
}

/// A collection that is open.
pub struct Collection {
    /// Its number in the store.
    pub number: u32,
    /// What it is made of.
    pub shape: Shape,
    dir: PathBuf,
    db: Db,
    family: Family,
    inner: RwLock<Inner>,
    log_bytes: AtomicU64,
    file_bytes: AtomicU64,
    saved: AtomicU64,
    saving: Mutex<()>,
    broken: AtomicBool,
    dropped: AtomicBool,
}

/// A key of one of a collection's kinds.
pub fn key(kind: u8, number: u32) -> Vec<u8> {
    let mut key = vec![kind];
    key.extend_from_slice(&number.to_be_bytes());
    key
}

fn log_key(number: u32, sequence: u64) -> Vec<u8> {
    let mut key = key(b'l', number);
    key.extend_from_slice(&sequence.to_be_bytes());
    key
}

fn point_key(kind: u8, number: u32, id: PointId) -> Vec<u8> {
    let mut key = key(kind, number);
    id.encode(&mut key);
    key
}

/// Calls `with` for every key of a kind, without its beginning.
fn each(
    db: &Db,
    family: &Family,
    begin: &[u8],
    mut with: impl FnMut(&[u8], &[u8]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut iter = db.iter(family, ReadOptions::default())?;
    iter.seek(begin)?;
    while iter.valid() && iter.key().starts_with(begin) {
        with(&iter.key()[begin.len()..], iter.value())?;
        iter.next()?;
    }
    Ok(())
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

impl Collection {
    /// A new, empty one; its description is durable when this returns.
    pub fn create(db: &Db, dir: &Path, number: u32, shape: Shape) -> Result<Self, Failure> {
        let index = Index::new(Level::best(), shape.options()?)?;
        let text = serde_json::to_vec(&shape).map_err(Failure::broken)?;
        let mut batch = WriteBatch::new();
        let family = db.default_family();
        batch.put(family.id, &key(b'c', number), &text);
        db.write(batch, WriteOptions { sync: Some(true) })?;
        Ok(Collection::with(db, dir, number, shape, index, 0))
    }

    fn with(db: &Db, dir: &Path, number: u32, shape: Shape, mut index: Index, sequence: u64) -> Self {
        index.keep_journal();
        let inner = Inner { index, points: Vec::new(), labels: BTreeMap::new(), next_label: 0, sequence };
        Collection {
            number,
            shape,
            dir: dir.to_owned(),
            family: db.default_family(),
            db: db.clone(),
            inner: RwLock::new(inner),
            log_bytes: AtomicU64::new(0),
            file_bytes: AtomicU64::new(0),
            saved: AtomicU64::new(sequence),
            saving: Mutex::new(()),
            broken: AtomicBool::new(false),
            dropped: AtomicBool::new(false),
        }
    }

    /// Opens one that is there: index file, changes behind it, payloads.
    pub fn open(db: &Db, dir: &Path, number: u32, shape: Shape) -> Result<Self, Failure> {
        let family = db.default_family();
        let saved = db.get(&family, &key(b's', number), &ReadOptions::default())?;
        let saved = saved.and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes);
        let options = shape.options()?;
        let mut labels = BTreeMap::new();
        let mut payloads = BTreeMap::new();
        each(db, &family, &key(b'p', number), |rest, value| {
            let damaged = || Failure::broken(format!("collection {}: a stored point is damaged", shape.name));
            let id = PointId::decode(rest).ok_or_else(damaged)?;
            let (label, payload) = value.split_at_checked(8).ok_or_else(damaged)?;
            let label = u64::from_le_bytes(label.try_into().map_err(|_| damaged())?);
            labels.insert(id, label);
            payloads.insert(label, (id, serde_json::from_slice::<Value>(payload).map_err(|_| damaged())?));
            Ok(())
        })?;
        let path = dir.join(file_name(number, saved));
        let recovered =
            recover(db, &family, number, &path, saved, options).and_then(|(index, sequence, bytes)| {
                let same = index.len() == labels.len()
                    && labels.values().all(|label| index.slot_of(*label).is_some());
                if same {
                    Ok((index, sequence, bytes))
                } else {
                    Err(Failure::broken("its points are not those of the store"))
                }
            });
        let rebuilt = recovered.is_err();
        let (index, sequence, log_bytes) = match recovered {
            Ok(recovered) => recovered,
            Err(error) => {
                tracing::warn!(target: "vector", "collection {}: the index is built again from its vectors: {}", shape.name, error.text);
                (
                    rebuild(db, &family, number, options, &labels)?,
                    last_sequence(db, &family, number, saved)?,
                    u64::MAX,
                )
            }
        };
        let collection = Collection::with(db, dir, number, shape, index, sequence);
        collection.saved.store(saved, Ordering::Relaxed);
        collection.log_bytes.store(log_bytes, Ordering::Relaxed);
        collection.file_bytes.store(fs::metadata(&path).map_or(0, |meta| meta.len()), Ordering::Relaxed);
        {
            let mut inner = collection.inner.write();
            inner.next_label = payloads.keys().next_back().map_or(0, |label| label + 1).max(inner.next_label);
            inner.labels = labels;
            for (label, (id, payload)) in payloads {
                inner.place(label, Stored { id, payload: Arc::new(payload) });
            }
        }
        if rebuilt {
            collection.save()?;
        }
        Ok(collection)
    }

    /// Points.
    pub fn len(&self) -> usize {
        self.inner.read().labels.len()
    }

    /// Whether a write failed so that memory and disk may differ.
    pub fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    fn check_writable(&self) -> Result<(), Failure> {
        if self.is_broken() {
            return Err(Failure::broken(
                "an earlier write could not be made durable: writes are refused until a restart",
            ));
        }
        if self.dropped.load(Ordering::Relaxed) {
            return Err(Failure::missing(format!("collection {} was deleted", self.shape.name)));
        }
        Ok(())
    }

    /// Inserts points or replaces those with the same ids; durable when this returns. All are checked first.
    pub fn upsert(&self, points: Vec<Point>) -> Result<(), Failure> {
        self.check_writable()?;
        {
            let inner = self.inner.read();
            for point in &points {
                let checked = inner.index.check_vector(Vector::F32(&point.vector));
                checked.map_err(|error| Failure::bad(format!("point {}: {error}", point.id.json())))?;
                if !(point.payload.is_null() || point.payload.is_object()) {
                    return Err(Failure::bad(format!("point {}: a payload is an object", point.id.json())));
                }
            }
        }
        // Of points with one id the last counts.
        let unique: BTreeMap<PointId, Point> = points.into_iter().map(|point| (point.id, point)).collect();
        let points: Vec<Point> = unique.into_values().collect();
        let mut waits = Vec::new();
        for chunk in points.chunks(CHUNK) {
            let mut inner = self.inner.write();
            self.check_writable()?;
            let mut batch = WriteBatch::new();
            let mut items = Vec::with_capacity(chunk.len());
            for point in chunk {
                if let Some(old) = inner.labels.get(&point.id).copied() {
                    inner.remove(old)?;
                }
                let label = inner.next_label;
                inner.next_label += 1;
                items.push((label, Vector::F32(&point.vector)));
                let mut value = label.to_le_bytes().to_vec();
                serde_json::to_writer(&mut value, &point.payload).map_err(Failure::broken)?;
                batch.put(self.family.id, &point_key(b'p', self.number, point.id), &value);
                let vector: Vec<u8> = point.vector.iter().flat_map(|value| value.to_le_bytes()).collect();
                batch.put(self.family.id, &point_key(b'v', self.number, point.id), &vector);
            }
            inner.index.insert_batch(&Serial, &items)?;
            inner.index.maintain(&Serial, items.len())?;
            for (point, (label, _)) in chunk.iter().zip(&items) {
                inner.labels.insert(point.id, *label);
                inner.place(*label, Stored { id: point.id, payload: Arc::new(point.payload.clone()) });
            }
            waits.push(self.submit(&mut inner, batch));
        }
        waits.into_iter().try_for_each(|wait| self.wait(wait))
    }

    /// Deletes points; those that are not there are not missed. Durable when this returns.
    pub fn delete(&self, ids: &[PointId]) -> Result<(), Failure> {
        self.check_writable()?;
        let mut waits = Vec::new();
        for chunk in ids.chunks(CHUNK) {
            let mut inner = self.inner.write();
            self.check_writable()?;
            let mut batch = WriteBatch::new();
            for id in chunk {
                let Some(label) = inner.labels.remove(id) else { continue };
                inner.remove(label)?;
                batch.delete(self.family.id, &point_key(b'p', self.number, *id));
                batch.delete(self.family.id, &point_key(b'v', self.number, *id));
            }
            if !batch.is_empty() {
                waits.push(self.submit(&mut inner, batch));
            }
        }
        waits.into_iter().try_for_each(|wait| self.wait(wait))
    }

    /// Ids of the points that pass.
    pub fn matching(&self, filter: &Filter) -> Vec<PointId> {
        let inner = self.inner.read();
        let stored = inner.points.iter().flatten();
        stored.filter(|one| filter.passes(one.id, &one.payload)).map(|one| one.id).collect()
    }

    /// Hands a batch with the index's changes to the store's log, in the order of sequences: the lock is held.
    fn submit(&self, inner: &mut Inner, mut batch: WriteBatch) -> Wait {
        inner.sequence += 1;
        let changes = inner.index.take_journal();
        self.log_bytes.fetch_add(changes.len() as u64, Ordering::Relaxed);
        batch.put(self.family.id, &log_key(self.number, inner.sequence), &changes);
        let (sender, receiver) = std::sync::mpsc::channel();
        let done = Box::new(move |result| drop(sender.send(result)));
        self.db.submit(batch, WriteOptions { sync: Some(true) }, done);
        Wait(receiver)
    }

    fn wait(&self, wait: Wait) -> Result<(), Failure> {
        let result = wait.0.recv().map_err(|_| Failure::broken("the store is closed"));
        match result {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => {
                self.broken.store(true, Ordering::Relaxed);
                Err(error.into())
            }
            Err(failure) => {
                self.broken.store(true, Ordering::Relaxed);
                Err(failure)
            }
        }
    }

    /// The points that are asked for and are there.
    pub fn get(&self, ids: &[PointId], with_vector: bool) -> Result<Vec<Hit>, Failure> {
        let inner = self.inner.read();
        let mut hits = Vec::new();
        for label in ids.iter().filter_map(|id| inner.labels.get(id)) {
            hits.extend(inner.hit(&Found { label: *label, distance: 0.0 }, 0.0, with_vector)?);
        }
        Ok(hits)
    }

    /// The vector of a point.
    pub fn vector(&self, id: PointId) -> Result<Vec<f32>, Failure> {
        let inner = self.inner.read();
        let label = inner
            .labels
            .get(&id)
            .ok_or_else(|| Failure::missing(format!("there is no point {}", id.json())))?;
        Ok(inner.index.vector(*label)?)
    }

    /// The nearest points that pass, best first.
    pub fn search(&self, query: &Query) -> Result<Vec<Hit>, Failure> {
        let inner = self.inner.read();
        let view = inner.index.view();
        let k = query.limit + query.offset;
        let vector = Vector::F32(&query.vector);
        inner.index.check_vector(vector)?;
        if query.limit == 0 {
            return Ok(Vec::new());
        }
        let passes = |slot: u32| query.passes(inner.points.get(slot as usize));
        let filtered = query.filter.is_some() || query.without.is_some();
        let filter = if filtered { Passing::Each(&passes) } else { Passing::All };
        let mut found = Vec::new();
        let mut scratch = Scratch::new();
        if query.exact {
            view.exact(vector, k, &filter, &mut scratch, &mut found)?;
        } else {
            let request = Request { filter, ..Request::new(k, query.ef.unwrap_or(EF).max(k)) };
            view.search(vector, &request, &mut scratch, &mut found)?;
        }
        self.hits(&inner, &found, query)
    }

    /// All points within a distance, best first.
    pub fn range(&self, query: &Query, radius: f32) -> Result<Vec<Hit>, Failure> {
        let inner = self.inner.read();
        let view = inner.index.view();
        let passes = |slot: u32| query.passes(inner.points.get(slot as usize));
        let mut browse =
            view.browse(Vector::F32(&query.vector), query.ef.unwrap_or(EF), Passing::Each(&passes))?;
        let radius = if self.shape.distance == "Euclid" { radius * radius } else { 1.0 - radius };
        let mut found = Vec::new();
        while found.len() < query.limit
            && let Some(one) = browse.next_found()?
            && one.distance <= radius
        {
            found.push(one);
        }
        self.hits(&inner, &found, query)
    }

    fn hits(&self, inner: &Inner, found: &[Found], query: &Query) -> Result<Vec<Hit>, Failure> {
        let euclid = self.shape.distance == "Euclid";
        let mut hits = Vec::new();
        for one in found.iter().skip(query.offset) {
            let score = if euclid { one.distance.max(0.0).sqrt() } else { 1.0 - one.distance };
            let good =
                query.threshold.is_none_or(|least| if euclid { score <= least } else { score >= least });
            if good {
                hits.extend(inner.hit(one, score, query.with_vector)?);
            }
        }
        Ok(hits)
    }

    /// Whether enough was logged behind the index file to write it anew.
    pub fn wants_saving(&self) -> bool {
        let log = self.log_bytes.load(Ordering::Relaxed);
        log > LOG_BYTES && log > self.file_bytes.load(Ordering::Relaxed) / 2
    }

    /// Writes the index file and cuts the log behind it. Does nothing where the file is current.
    pub fn save(&self) -> Result<(), Failure> {
        let _alone = self.saving.lock();
        let inner = self.inner.read();
        let sequence = inner.sequence;
        let old = self.saved.load(Ordering::Relaxed);
        if sequence == old || self.is_broken() || self.dropped.load(Ordering::Relaxed) {
            return Ok(());
        }
        let path = self.dir.join(file_name(self.number, sequence));
        let bytes = write_file(&path, &inner.index)?;
        let logged = self.log_bytes.load(Ordering::Relaxed);
        drop(inner);
        let mut batch = WriteBatch::new();
        batch.put(self.family.id, &key(b's', self.number), &sequence.to_be_bytes());
        batch.delete_range(self.family.id, &log_key(self.number, 0), &log_key(self.number, sequence + 1));
        self.db.write(batch, WriteOptions { sync: Some(true) })?;
        self.saved.store(sequence, Ordering::Relaxed);
        self.file_bytes.store(bytes, Ordering::Relaxed);
        self.log_bytes.fetch_sub(logged.min(self.log_bytes.load(Ordering::Relaxed)), Ordering::Relaxed);
        let _ = fs::remove_file(self.dir.join(file_name(self.number, old)));
        Ok(())
    }

    /// Takes everything of it out of the store.
    pub fn remove(&self) -> Result<(), Failure> {
        let _alone = self.saving.lock();
        let _still = self.inner.write();
        self.dropped.store(true, Ordering::Relaxed);
        let mut batch = WriteBatch::new();
        for kind in [b'c', b's'] {
            batch.delete(self.family.id, &key(kind, self.number));
        }
        for kind in [b'l', b'p', b'v'] {
            let (begin, mut end) = (key(kind, self.number), key(kind, self.number));
            end.extend_from_slice(&[0xff; 18]);
            batch.delete_range(self.family.id, &begin, &end);
        }
        self.db.write(batch, WriteOptions { sync: Some(true) })?;
        let _ = fs::remove_file(self.dir.join(file_name(self.number, self.saved.load(Ordering::Relaxed))));
        Ok(())
    }
}

struct Wait(std::sync::mpsc::Receiver<Result<dolmen_store::SequenceNumber, dolmen_store::WriteError>>);

impl Inner {
    fn place(&mut self, label: u64, stored: Stored) {
        let Some(slot) = self.index.slot_of(label) else { return };
        let slot = slot as usize;
        if self.points.len() <= slot {
            self.points.resize_with(slot + 1, || None);
        }
        self.points[slot] = Some(stored);
    }

    fn remove(&mut self, label: u64) -> Result<(), Failure> {
        if let Some(point) = self.index.slot_of(label).and_then(|slot| self.points.get_mut(slot as usize)) {
            *point = None;
        }
        Ok(self.index.delete(label)?)
    }

    fn hit(&self, found: &Found, score: f32, with_vector: bool) -> Result<Option<Hit>, Failure> {
        let slot = self.index.slot_of(found.label);
        let Some(Some(stored)) = slot.and_then(|slot| self.points.get(slot as usize)) else {
            return Ok(None);
        };
        let vector = if with_vector { Some(self.index.vector(found.label)?) } else { None };
        Ok(Some(Hit { id: stored.id, score, payload: stored.payload.clone(), vector }))
    }
}

fn file_name(number: u32, sequence: u64) -> String {
    format!("{number}-{sequence}.dvx")
}

/// The index file with the changes behind it; also the last sequence, and how long the changes are.
fn recover(
    db: &Db,
    family: &Family,
    number: u32,
    path: &Path,
    saved: u64,
    options: Options,
) -> Result<(Index, u64, u64), Failure> {
    let mut index = if saved == 0 {
        Index::new(Level::best(), options)?
    } else {
        let map = dolmen_fs::Map::open(path)
            .map_err(|error| Failure::broken(format!("{}: {error}", path.display())))?;
        let mapped = Mapped::open(Level::best(), &map)?;
        if mapped.meta().options != options {
            return Err(Failure::broken(format!("{}: it has other parameters", path.display())));
        }
        mapped.to_index()?
    };
    let (mut sequence, mut bytes) = (saved, 0);
    each(db, family, &key(b'l', number), |rest, value| {
        let at =
            u64::from_be_bytes(rest.try_into().map_err(|_| Failure::broken("a key of the log is damaged"))?);
        if at <= saved {
            return Ok(());
        }
        if at != sequence + 1 {
            return Err(Failure::broken(format!("the log has no changes {}", sequence + 1)));
        }
        for change in Change::decode_all(value)? {
            index.apply(&change)?;
        }
        sequence = at;
        bytes += value.len() as u64;
        Ok(())
    })?;
    Ok((index, sequence, bytes))
}

fn last_sequence(db: &Db, family: &Family, number: u32, saved: u64) -> Result<u64, Failure> {
    let mut last = saved;
    each(db, family, &key(b'l', number), |rest, _| {
        last = rest.try_into().map_or(last, |bytes| u64::from_be_bytes(bytes).max(last));
        Ok(())
    })?;
    // What is built anew does not continue the log: the next save begins another.
    Ok(last + 1)
}

fn rebuild(
    db: &Db,
    family: &Family,
    number: u32,
    options: Options,
    labels: &BTreeMap<PointId, u64>,
) -> Result<Index, Failure> {
    let mut index = Index::new(Level::best(), options)?;
    let mut ids = labels.iter().peekable();
    while ids.peek().is_some() {
        let mut points = Vec::with_capacity(REBUILT);
        for (id, label) in ids.by_ref().take(REBUILT) {
            let vector = db.get(family, &point_key(b'v', number, *id), &ReadOptions::default())?;
            let vector =
                vector.ok_or_else(|| Failure::broken(format!("point {} has no vector", id.json())))?;
            points.push((*label, floats(&vector)));
        }
        let items: Vec<(u64, Vector<'_>)> =
            points.iter().map(|(label, vector)| (*label, Vector::F32(vector))).collect();
        index.insert_batch(&Serial, &items)?;
    }
    index.finish(&Serial)?;
    Ok(index)
}

/// Writes an index file that is there whole or not at all.
fn write_file(path: &Path, index: &Index) -> Result<u64, Failure> {
    let new = path.with_extension("new");
    let mut file = std::io::BufWriter::with_capacity(1 << 20, fs::File::create(&new)?);
    let mut bytes = 0;
    file::write::<Failure>(&index.view(), &mut |part| {
        bytes += part.len() as u64;
        Ok(file.write_all(part)?)
    })?;
    file.into_inner().map_err(|error| Failure::broken(error.error()))?.sync_all()?;
    fs::rename(&new, path)?;
    if let Some(folder) = path.parent() {
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(bytes)
}
