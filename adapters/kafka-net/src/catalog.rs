//! Topics and their logs: what is on record ([`dolmen_kafka::topics`]) and the folders that hold it.
//!
//! 1. A change is decided, its records are appended to the metadata log and synced, then it is taken over and answered.
//! 2. Folders follow the records: one that is missing is made, at the latest at the next start. One that no record speaks of is set aside as
//!    `-stray`, unless the directory has no metadata log yet: then it is another broker's, and its topics are taken over.

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dolmen_base::io::{Directory, File, IoError, OpenMode, read_file};
use dolmen_fs::Dir;
use dolmen_host::Fault;
use dolmen_kafka::ErrorCode;
use dolmen_kafka::batch::{Batch, Builder, Meta};
use dolmen_kafka::log::recovery::{Found, look};
use dolmen_kafka::record::Record;
use dolmen_kafka::topics::{self, NewTopic, RecordValue, Resource, Topic, Topics};
use dolmen_kafka::wire::Uuid;
use parking_lot::{Mutex, RwLock};

use crate::settings::{Settings, now_ms};
use crate::storage::log::Shared;
use crate::storage::open::{Opening, Report, open};
use crate::storage::{Checkpoints, Flusher, PartitionLog};

/// The longest metadata log that is read.
const METADATA_LEN_MAX: u64 = 1 << 30;
/// Made at a clean stop, removed at the start: as Kafka has it.
const CLEAN_SHUTDOWN: &str = ".kafka_cleanshutdown";
/// As Kafka has it.
const LOCK: &str = ".lock";
const PARTITION_METADATA: &str = "partition.metadata";

/// What a lock guards.
#[derive(Default)]
pub struct Known {
    /// What is on record.
    pub topics: Topics,
    logs: HashMap<String, Vec<Arc<PartitionLog>>>,
}

impl Known {
    /// The log of a partition.
    ///
    /// # Errors
    /// [`ErrorCode::UNKNOWN_TOPIC_OR_PARTITION`].
    pub fn log(&self, topic: &str, partition: i32) -> Result<&Arc<PartitionLog>, ErrorCode> {
        let logs = self.logs.get(topic).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
        let at = usize::try_from(partition).map_err(|_| ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
        logs.get(at).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
    }

    /// The logs of a topic.
    pub fn logs_of(&self, topic: &str) -> &[Arc<PartitionLog>] {
        self.logs.get(topic).map_or(&[], Vec::as_slice)
    }

    /// Every log.
    pub fn logs(&self) -> impl Iterator<Item = &Arc<PartitionLog>> {
        self.logs.values().flatten()
    }
}

/// The metadata log.
struct Records {
    file: Arc<dyn File>,
    len: u64,
    next_offset: i64,
    failure: Option<IoError>,
}

/// Topics, their logs and the metadata log.
pub struct Catalog {
    root: PathBuf,
    dir: Arc<dyn Directory>,
    settings: Arc<Settings>,
    /// What logs share.
    pub shared: Arc<Shared>,
    known: RwLock<Known>,
    /// Locked for the whole of a change, so that changes come one after the other.
    records: Mutex<Records>,
    /// No other broker opens the directory meanwhile.
    _lock: Box<dyn Send + Sync>,
}

impl Catalog {
    /// Opens every log of a log directory.
    ///
    /// # Errors
    /// A sentence with what a file refused.
    pub fn open(root: &Path, settings: Arc<Settings>) -> Result<Catalog, Fault> {
        let dir: Arc<dyn Directory> = Arc::new(Dir::create(root)?);
        let lock = dir.lock(LOCK).map_err(|error| format!("{}: {error}", root.display()))?;
        let is_clean = fs::exists(root.join(CLEAN_SHUTDOWN))?;
        let shared =
            Arc::new(Shared { flusher: Flusher::start()?, checkpoints: Checkpoints::read(dir.clone()) });
        let mut topics = Topics::new();
        let is_new = !fs::exists(root.join(topics::FILE))?;
        let records = open_records(&*dir, &mut topics)?;
        let catalog = Catalog {
            root: root.to_owned(),
            dir,
            settings,
            shared,
            known: RwLock::new(Known { topics, logs: HashMap::new() }),
            records: Mutex::new(records),
            _lock: lock,
        };
        catalog.sweep(is_new)?;
        if is_new {
            catalog.adopt()?;
        }
        catalog.open_logs(is_clean)?;
        let authorizer = catalog.settings.authorizer.clone();
        catalog.known.write().topics.set_authorizer(authorizer);
        if is_clean {
            fs::remove_file(root.join(CLEAN_SHUTDOWN))?;
            catalog.dir.sync()?;
        }
        Ok(catalog)
    }

    /// The log directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Looks at what is known. No change happens meanwhile; it is not to be held across a wait.
    pub fn known(&self) -> parking_lot::RwLockReadGuard<'_, Known> {
        self.known.read()
    }

    /// The log of a partition.
    ///
    /// # Errors
    /// [`ErrorCode::UNKNOWN_TOPIC_OR_PARTITION`].
    pub fn log(&self, topic: &str, partition: i32) -> Result<Arc<PartitionLog>, ErrorCode> {
        self.known.read().log(topic, partition).cloned()
    }

    /// Every log.
    pub fn logs(&self) -> Vec<Arc<PartitionLog>> {
        self.known.read().logs().cloned().collect()
    }

    /// Deals with folders that are no topic's: half-deleted ones go, strangers are set aside.
    fn sweep(&self, is_new: bool) -> Result<(), Fault> {
        for entry in fs::read_dir(&self.root)? {
            let (path, name) = {
                let entry = entry?;
                (entry.path(), entry.file_name())
            };
            let Some(name) = name.to_str() else { continue };
            if !path.is_dir() {
                continue;
            }
            if name.ends_with("-delete") {
                fs::remove_dir_all(&path)?;
                continue;
            }
            let Some((topic, partition)) = topics::parse_folder(name) else { continue };
            if topic == topics::CLUSTER_METADATA {
                continue;
            }
            let id = fs::read_to_string(path.join(PARTITION_METADATA)).ok();
            let id = id.and_then(|text| topics::parse_partition_metadata(&text));
            let mut known = self.known.write();
            let record = known.topics.topic(topic);
            let is_ours = record.is_some_and(|record| id.is_none_or(|id| id == record.id));
            if is_ours {
                continue;
            }
            if is_new && record.is_none() {
                known.topics.found(topic, id, partition);
                continue;
            }
            tracing::warn!(target: "kafka", "{name} belongs to no topic and is set aside");
            let aside =
                (0..).map(|n| self.root.join(format!("{name}.{n}-stray"))).find(|path| !path.exists());
            fs::rename(&path, aside.unwrap_or_else(|| path.clone()))?;
        }
        Ok(())
    }

    /// Puts on record what was found in a directory without a metadata log of ours.
    fn adopt(&self) -> Result<(), Fault> {
        let mut known = self.known.write();
        let records = known
            .topics
            .snapshot(self.settings.node_id)
            .map_err(|code| format!("the topics cannot be put on record: {code}"))?;
        if records.is_empty() {
            return Ok(());
        }
        tracing::info!(target: "kafka", "{} topics of another broker are taken over", known.topics.len());
        self.append(&mut self.records.lock(), &records)
            .map_err(|code| format!("{}: {code}", topics::FILE))?;
        known.topics = Topics::new();
        for record in &records {
            known.topics.load(record)?;
        }
        Ok(())
    }

    fn open_logs(&self, is_clean: bool) -> Result<(), Fault> {
        let all: Vec<Topic> = self.known.read().topics.iter().cloned().collect();
        let (mut cut, mut batches) = (0, 0);
        for topic in all {
            let opened = self.open_topic(&topic, 0, is_clean)?;
            for (log, report) in &opened {
                batches += report.batches;
                cut += report.cut_bytes;
                if report.cut_bytes > 0 {
                    tracing::warn!(
                        target: "kafka",
                        "{}-{}: {} bytes that no client was told of are cut off", log.place.0, log.place.1, report.cut_bytes
                    );
                }
            }
            let logs = opened.into_iter().map(|(log, _)| log).collect();
            self.known.write().logs.insert(topic.name, logs);
        }
        if !is_clean && batches > 0 {
            tracing::info!(target: "kafka", "recovered: {batches} batches read again, {cut} bytes cut off");
        }
        Ok(())
    }

    /// Opens or makes the logs of a topic from one partition on.
    fn open_topic(
        &self,
        topic: &Topic,
        first: i32,
        is_clean: bool,
    ) -> Result<Vec<(Arc<PartitionLog>, Report)>, Fault> {
        let settings = self.settings.log_settings(&self.known.read().topics, topic);
        let one = |partition| {
            let name = topics::folder(&topic.name, partition);
            let path = self.root.join(&name);
            let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
            match fs::create_dir(&path) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(&error).into()),
            }
            let dir: Arc<dyn Directory> = Arc::new(Dir::open(&path).map_err(|error| failed(&error))?);
            put_partition_metadata(&*dir, topic.id).map_err(|error| failed(&error))?;
            let place = (topic.name.clone(), partition);
            let opening = Opening { place, settings, is_clean, now_ms: now_ms() };
            open(dir, self.dir.clone(), self.shared.clone(), opening).map_err(|error| failed(&error).into())
        };
        (first..topic.partition_count).map(one).collect()
    }

    /// Makes a topic. Blocks.
    ///
    /// # Errors
    /// As [`Topics::decide_create`], and [`ErrorCode::KAFKA_STORAGE_ERROR`].
    pub fn create(&self, new: &NewTopic<'_>, is_trial: bool) -> Result<Topic, ErrorCode> {
        let mut log = self.records.lock();
        let (records, mut trial) = {
            let known = self.known.read();
            let records = known.topics.decide_create(new, random_id(), self.settings.topic_defaults())?;
            (records, if is_trial { Some(known.topics.clone()) } else { None })
        };
        if let Some(trial) = &mut trial {
            take_over(trial, &records)?;
            return trial.topic(new.name).cloned().ok_or(ErrorCode::UNKNOWN_SERVER_ERROR);
        }
        self.append(&mut log, &records)?;
        let topic = {
            let mut known = self.known.write();
            take_over(&mut known.topics, &records)?;
            known.topics.topic(new.name).cloned().ok_or(ErrorCode::UNKNOWN_SERVER_ERROR)?
        };
        self.add_logs(&topic, 0)?;
        tracing::info!(target: "kafka", "topic {} made, {} partitions", topic.name, topic.partition_count);
        Ok(topic)
    }

    /// Gives a topic more partitions. Blocks.
    ///
    /// # Errors
    /// As [`Topics::decide_grow`], and [`ErrorCode::KAFKA_STORAGE_ERROR`].
    pub fn grow(
        &self,
        name: &str,
        count: i32,
        assignments: Option<&[&[i32]]>,
        is_trial: bool,
    ) -> Result<(), ErrorCode> {
        let mut log = self.records.lock();
        let (records, before) = {
            let known = self.known.read();
            let records =
                known.topics.decide_grow(name, count, assignments, self.settings.topic_defaults())?;
            (records, known.topics.topic(name).map_or(0, |topic| topic.partition_count))
        };
        if is_trial {
            return Ok(());
        }
        self.append(&mut log, &records)?;
        let topic = {
            let mut known = self.known.write();
            take_over(&mut known.topics, &records)?;
            known.topics.topic(name).cloned().ok_or(ErrorCode::UNKNOWN_SERVER_ERROR)?
        };
        self.add_logs(&topic, before)
    }

    fn add_logs(&self, topic: &Topic, first: i32) -> Result<(), ErrorCode> {
        let opened = self.open_topic(topic, first, false).map_err(|error| {
            tracing::error!(target: "kafka", "{error}");
            ErrorCode::KAFKA_STORAGE_ERROR
        })?;
        let mut known = self.known.write();
        known.logs.entry(topic.name.clone()).or_default().extend(opened.into_iter().map(|(log, _)| log));
        Ok(())
    }

    /// Deletes a topic. Blocks. Once this returns the deletion is on record.
    ///
    /// # Errors
    /// As [`Topics::decide_delete`], and [`ErrorCode::KAFKA_STORAGE_ERROR`].
    pub fn delete(&self, name: &str) -> Result<(), ErrorCode> {
        let mut log = self.records.lock();
        let records = self.known.read().topics.decide_delete(name)?;
        self.append(&mut log, &records)?;
        let logs = {
            let mut known = self.known.write();
            take_over(&mut known.topics, &records)?;
            known.logs.remove(name).unwrap_or_default()
        };
        for log in logs {
            log.delete();
            let folder = topics::folder(name, log.place.1);
            let gone = self.root.join(format!("{folder}.{}-delete", topics::id_text(random_id())));
            let result = fs::rename(self.root.join(folder), &gone).and_then(|()| fs::remove_dir_all(&gone));
            if let Err(error) = result {
                tracing::warn!(target: "kafka", "{} cannot be removed: {error}", gone.display());
            }
            if let Err(error) = self.shared.checkpoints.forget(&log.place) {
                tracing::warn!(target: "kafka", "a checkpoint cannot be written: {error}");
            }
        }
        tracing::info!(target: "kafka", "topic {name} deleted");
        Ok(())
    }

    /// Changes settings: each name gets its value, or loses it. Blocks.
    ///
    /// # Errors
    /// As [`Topics::decide_set`], and [`ErrorCode::KAFKA_STORAGE_ERROR`].
    pub fn set(
        &self,
        resource: Resource<'_>,
        changes: &[(String, Option<String>)],
        is_trial: bool,
    ) -> Result<(), ErrorCode> {
        let mut log = self.records.lock();
        let records = {
            let known = self.known.read();
            if matches!(resource, Resource::Topic(name) if known.topics.topic(name).is_none()) {
                return Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
            }
            let one = |(name, value): &(String, Option<String>)| {
                known.topics.decide_set(resource, name, value.as_deref())
            };
            changes.iter().map(one).collect::<Result<Vec<_>, _>>()?
        };
        if is_trial || records.is_empty() {
            return Ok(());
        }
        self.append(&mut log, &records)?;
        let mut known = self.known.write();
        take_over(&mut known.topics, &records)?;
        for topic in known.topics.iter() {
            let settings = self.settings.log_settings(&known.topics, topic);
            for log in known.logs_of(&topic.name) {
                log.lock().settings = settings;
            }
        }
        Ok(())
    }

    /// Reserves producer ids: the first of them. Blocks.
    ///
    /// # Errors
    /// [`ErrorCode::KAFKA_STORAGE_ERROR`].
    pub fn reserve_producer_ids(&self, count: u32) -> Result<i64, ErrorCode> {
        self.change(|topics| {
            let (first, record) = topics.decide_producer_ids(count, self.settings.node_id)?;
            Ok((first, [record].into()))
        })
    }

    /// Puts on record what is decided of what is known, and takes it over. Nothing else changes meanwhile. Blocks.
    ///
    /// # Errors
    /// As `decide`, and [`ErrorCode::KAFKA_STORAGE_ERROR`].
    pub fn change<T>(
        &self,
        decide: impl FnOnce(&Topics) -> Result<(T, Vec<RecordValue>), ErrorCode>,
    ) -> Result<T, ErrorCode> {
        let mut log = self.records.lock();
        let (told, records) = decide(&self.known.read().topics)?;
        if !records.is_empty() {
            self.append(&mut log, &records)?;
            take_over(&mut self.known.write().topics, &records)?;
        }
        Ok(told)
    }

    /// Appends records to the metadata log and syncs it.
    fn append(&self, log: &mut Records, records: &[RecordValue]) -> Result<(), ErrorCode> {
        if log.failure.is_some() {
            return Err(ErrorCode::KAFKA_STORAGE_ERROR);
        }
        let mut bytes = Vec::new();
        let meta = Meta { base_offset: log.next_offset, leader_epoch: 0, ..Meta::default() };
        let mut builder = Builder::new(&mut bytes, meta);
        for record in records {
            if !builder.push(now_ms(), Record { value: Some(record), ..Record::default() }) {
                return Err(ErrorCode::POLICY_VIOLATION);
            }
        }
        builder.finish(None);
        if let Err(error) = log.file.write_all_at(log.len, &bytes).and_then(|()| log.file.sync()) {
            tracing::error!(target: "kafka", "{} cannot be written any more: {error}", topics::FILE);
            log.failure = Some(error);
            return Err(ErrorCode::KAFKA_STORAGE_ERROR);
        }
        log.len += bytes.len() as u64;
        log.next_offset += records.len() as i64;
        Ok(())
    }

    /// Why something cannot be written, if so.
    pub fn failure(&self) -> Option<String> {
        if let Some(error) = self.records.lock().failure {
            return Some(format!("{}: {error}", topics::FILE));
        }
        let known = self.known.read();
        known.logs().find_map(|log| Some(format!("{}-{}: {}", log.place.0, log.place.1, log.failure()?)))
    }

    /// Closes every log and says so for the next start.
    ///
    /// # Errors
    /// What could not be kept.
    pub fn close(&self) -> Result<(), Fault> {
        let mut points = Vec::new();
        for log in self.logs() {
            let end = log.close().map_err(|error| format!("{}-{}: {error}", log.place.0, log.place.1))?;
            points.push((log.place.clone(), end));
        }
        self.shared.flusher.stop();
        self.shared.checkpoints.set_recovery_points(points.into_iter())?;
        fs::write(self.root.join(CLEAN_SHUTDOWN), "{\"version\":0,\"brokerEpoch\":-1}")?;
        self.dir.sync()?;
        Ok(())
    }
}

fn take_over(topics: &mut Topics, records: &[RecordValue]) -> Result<(), ErrorCode> {
    records.iter().try_for_each(|record| topics.load(record)).map_err(|_| ErrorCode::UNKNOWN_SERVER_ERROR)
}

fn put_partition_metadata(dir: &dyn Directory, id: Uuid) -> Result<(), IoError> {
    match dir.open(PARTITION_METADATA, OpenMode::CreateNew) {
        Ok(file) => file.write_all_at(0, topics::partition_metadata(id).as_bytes()),
        Err(IoError::AlreadyExists) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Reads the metadata log, cuts a torn tail, and reads Kafka's own where there is none of ours.
fn open_records(dir: &dyn Directory, topics: &mut Topics) -> Result<Records, Fault> {
    let file = match dir.open(topics::FILE, OpenMode::Write) {
        Err(IoError::NotFound) => {
            read_foreign(dir, topics)?;
            let file = dir.open(topics::FILE, OpenMode::CreateNew)?;
            dir.sync()?;
            file
        }
        file => file?,
    };
    let bytes = read_file(dir, topics::FILE, METADATA_LEN_MAX)?;
    let (len, next_offset) = read_batches(&bytes, topics)?;
    if len < bytes.len() as u64 {
        tracing::warn!(target: "kafka", "{}: {} bytes of a torn tail are cut off", topics::FILE, bytes.len() as u64 - len);
        file.truncate(len)?;
        file.sync()?;
    }
    Ok(Records { file, len, next_offset, failure: None })
}

/// Takes over every record of a metadata log; gives how far it can be trusted, and the next offset.
fn read_batches(bytes: &[u8], topics: &mut Topics) -> Result<(u64, i64), Fault> {
    let (mut at, mut next) = (0u64, 0);
    loop {
        let window = &bytes[usize::try_from(at)?..];
        match look(window, at, window.len() as u64, next) {
            Found::Batch(batch) => {
                next = batch.last_offset().saturating_add(1);
                at += batch.bytes().len() as u64;
                load_batch(&batch, topics)?;
            }
            _ => return Ok((at, next)),
        }
    }
}

fn load_batch(batch: &Batch<'_>, topics: &mut Topics) -> Result<(), Fault> {
    if batch.is_control() {
        return Ok(());
    }
    for record in batch.records(&[])? {
        topics.load(record.value.unwrap_or_default())?;
    }
    Ok(())
}

/// Kafka's own metadata log, if there is one: its newest snapshot, then its segments.
fn read_foreign(dir: &dyn Directory, topics: &mut Topics) -> Result<(), Fault> {
    let folder = format!("{}/{}", dir.display(), topics::folder(topics::CLUSTER_METADATA, 0));
    let Ok(folder) = Dir::open(Path::new(&folder)) else { return Ok(()) };
    let names: Vec<String> = folder.list()?.into_iter().map(|entry| entry.name).collect();
    let snapshots = names.iter().filter(|name| name.ends_with(".checkpoint"));
    let segments = names.iter().filter(|name| name.ends_with(".log"));
    for name in snapshots.max().into_iter().chain(segments) {
        read_batches(&read_file(&folder, name, METADATA_LEN_MAX)?, topics)?;
    }
    Ok(())
}

/// An id that nobody has.
pub fn random_id() -> Uuid {
    let mut id = [0; 16];
    let source =
        fs::File::open("/dev/urandom").and_then(|mut file| std::io::Read::read_exact(&mut file, &mut id));
    if source.is_err() {
        let nanos = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(1, |now| now.as_nanos());
        id = (nanos << 32 | u128::from(std::process::id())).to_be_bytes();
    }
    Uuid(id)
}
