//! Finding a partition's log again.
//!
//! 1. The folder's segments are listed. Those that end before the recovery point are on the disk; after a clean stop all are.
//! 2. The producers come from the newest snapshot that is whole. What stands behind it is read again, batch by batch, and so is whatever may be
//!    damaged ([`dolmen_kafka::log::recovery`]): indexes are made again on the way.
//! 3. At the first batch that does not count the log is cut. What is cut off is kept beside, in a file `.cut`, and reported.

use std::sync::Arc;

use dolmen_base::io::{Directory, File, IoError, OpenMode, read_file};
use dolmen_kafka::files::{self, Aborted, TimeEntry, parse_epochs, put_epochs};
use dolmen_kafka::log::LogSettings;
use dolmen_kafka::log::recovery::{Found, look};
use dolmen_kafka::log::segment::{Segment, file_name, offset_of_name};
use dolmen_kafka::partition::Partition;

use super::checkpoint::{Place, replace};
use super::log::{Inner, PartitionLog, Shared, write_indexes};

/// How a log was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Batches that were read again.
    pub batches: u64,
    /// Bytes that were cut off.
    pub cut_bytes: u64,
    /// Segments whose producers or indexes were made again.
    pub segments: u32,
}

/// What is asked for.
pub struct Opening {
    /// Topic and partition.
    pub place: Place,
    /// Its settings.
    pub settings: LogSettings,
    /// Whether the broker was stopped and not killed.
    pub is_clean: bool,
    /// The wall clock, in milliseconds.
    pub now_ms: i64,
}

/// Bytes that are read at once.
const CHUNK_LEN: usize = 256 << 10;
/// The longest file beside the segments that is read.
const SIDE_LEN_MAX: u64 = 1 << 30;
const EPOCHS: &str = "leader-epoch-checkpoint";

/// Opens a partition's log in `dir`, a folder of `root`, or makes an empty one. What is made is made durable with the first sync.
///
/// # Errors
/// What a file refused.
pub fn open(
    dir: Arc<dyn Directory>,
    root: Arc<dyn Directory>,
    shared: Arc<Shared>,
    opening: Opening,
) -> Result<(Arc<PartitionLog>, Report), IoError> {
    let mut finder = Finder {
        dir: &*dir,
        settings: opening.settings,
        now_ms: opening.now_ms,
        recovery_point: shared.checkpoints.recovery_point(&opening.place),
        is_clean: opening.is_clean,
        report: Report::default(),
        place: &opening.place,
    };
    let log_start = shared.checkpoints.log_start(&opening.place);
    let inner = finder.find(log_start)?;
    let report = finder.report;
    Ok((PartitionLog::new(opening.place, dir, root, shared, inner), report))
}

/// How an attempt ended.
enum Attempt {
    /// Well.
    Found(Box<Inner>),
    /// The log ends here, before what the snapshot says.
    Shorter(i64),
}

struct Finder<'a> {
    dir: &'a dyn Directory,
    settings: LogSettings,
    now_ms: i64,
    recovery_point: i64,
    is_clean: bool,
    report: Report,
    place: &'a Place,
}

impl Finder<'_> {
    fn find(&mut self, log_start: i64) -> Result<Inner, IoError> {
        for entry in self.dir.list()?.into_iter().filter(|entry| is_leftover(&entry.name)) {
            self.dir.delete(&entry.name)?;
        }
        let mut newest = i64::MAX;
        loop {
            match self.attempt(log_start, newest)? {
                Attempt::Found(inner) => return Ok(*inner),
                // The snapshot speaks of batches that the disk has lost: an older one, or none, is the truth.
                Attempt::Shorter(end) => newest = end,
            }
        }
    }

    /// One attempt with snapshots up to an offset. What is damaged is cut, so that the next attempt finds it whole.
    fn attempt(&mut self, log_start: i64, newest: i64) -> Result<Attempt, IoError> {
        let names = self.dir.list()?;
        let bases: Vec<(i64, u64)> =
            names.iter().filter_map(|entry| Some((offset_of_name(&entry.name, "log")?, entry.len))).collect();
        let Some(&(first, _)) = bases.first() else {
            return self.make(log_start).map(Box::new).map(Attempt::Found);
        };
        let snapshots: Vec<i64> =
            names.iter().filter_map(|entry| offset_of_name(&entry.name, "snapshot")).collect();
        let mut rules = self.restore(first, &snapshots, newest)?;
        let from = rules.log_end();
        rules.restore_aborted(self.aborted(&bases)?);
        let mut sealed: Vec<Segment> = Vec::new();
        for (at, &(base, len)) in bases.iter().enumerate() {
            let next = bases.get(at + 1).map(|(next, _)| *next);
            let is_trusted = self.is_clean || next.is_some_and(|next| next <= self.recovery_point);
            if let Some(next) = next.filter(|next| is_trusted && *next <= from)
                && let Some(time) = self.last_time(base)?
            {
                sealed.push(Segment::sealed(base, next, len, Some(time)));
                continue;
            }
            let (mut segment, is_cut) = self.scan(base, from, &mut rules)?;
            let is_short = !is_trusted && next.is_some_and(|next| segment.next_offset() < next);
            if is_cut || is_short {
                self.set_aside(&bases[at + 1..])?;
            }
            if (is_cut || is_short) && segment.next_offset() < from {
                return Ok(Attempt::Shorter(segment.next_offset()));
            }
            if let (Some(next), false) = (next, is_cut || is_short) {
                segment.covers_until(next);
                write_indexes(self.dir, &mut segment)?;
            }
            sealed.push(segment);
            if is_cut || is_short {
                break;
            }
        }
        let active = sealed.pop().unwrap_or_else(|| Segment::new(first, self.now_ms));
        if active.next_offset() < from {
            return Ok(Attempt::Shorter(active.next_offset()));
        }
        self.finish(rules, sealed, active, log_start.max(first)).map(Box::new).map(Attempt::Found)
    }

    fn finish(
        &self,
        mut rules: Partition,
        sealed: Vec<Segment>,
        active: Segment,
        log_start: i64,
    ) -> Result<Inner, IoError> {
        let file = self.dir.open(&file_name(active.base_offset(), "log"), OpenMode::Write)?;
        if !self.is_clean {
            // What the operating system still had when the broker died may not be on the disk.
            for segment in &sealed {
                if segment.next_offset() > self.recovery_point {
                    self.dir.open(&file_name(segment.base_offset(), "log"), OpenMode::Write)?.sync()?;
                }
            }
            file.sync()?;
        }
        rules.reached(active.next_offset());
        rules.durable_until(rules.log_end());
        rules.begins_at(log_start);
        let epochs = self.epochs(log_start)?;
        Ok(Inner::new(rules, self.settings, sealed, (active, file), epochs))
    }

    /// A partition that has no segment yet.
    fn make(&mut self, offset: i64) -> Result<Inner, IoError> {
        let file = self.dir.open(&file_name(offset, "log"), OpenMode::CreateNew)?;
        let epochs = self.epochs(offset)?;
        let active = Segment::new(offset, self.now_ms);
        let mut inner = Inner::new(Partition::new(offset), self.settings, Vec::new(), (active, file), epochs);
        inner.is_new = true;
        Ok(inner)
    }

    /// The leader's epochs; the first is made up for a log that has none.
    fn epochs(&self, first: i64) -> Result<Vec<(i32, i64)>, IoError> {
        let text =
            read_file(self.dir, EPOCHS, SIDE_LEN_MAX).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        if let Some(epochs) = text.and_then(|text| parse_epochs(&text)).filter(|epochs| !epochs.is_empty()) {
            return Ok(epochs);
        }
        let epochs = vec![(0, first)];
        match self.dir.delete(EPOCHS) {
            Ok(()) | Err(IoError::NotFound) => {}
            Err(error) => return Err(error),
        }
        self.dir.open(EPOCHS, OpenMode::CreateNew)?.write_all_at(0, put_epochs(&epochs).as_bytes())?;
        Ok(epochs)
    }

    /// The producers as of the newest snapshot that is whole, up to an offset. Newer ones are deleted.
    fn restore(&self, first: i64, snapshots: &[i64], newest: i64) -> Result<Partition, IoError> {
        for &offset in snapshots.iter().rev() {
            let name = file_name(offset, "snapshot");
            if offset > newest {
                self.dir.delete(&name)?;
                continue;
            }
            let Ok(bytes) = read_file(self.dir, &name, SIDE_LEN_MAX) else { continue };
            if let Ok(snapshot) = files::read_snapshot(&bytes) {
                return Ok(Partition::restored(offset.max(first), &snapshot));
            }
        }
        Ok(Partition::new(first))
    }

    /// Aborted transactions of segments that are not read again; what is read again is noted again.
    fn aborted(&self, bases: &[(i64, u64)]) -> Result<Vec<Aborted>, IoError> {
        let mut all = Vec::new();
        for (base, _) in bases {
            match read_file(self.dir, &file_name(*base, "txnindex"), SIDE_LEN_MAX) {
                Ok(bytes) => all.extend(files::aborted_entries(&bytes)),
                Err(IoError::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(all)
    }

    fn last_time(&self, base: i64) -> Result<Option<TimeEntry>, IoError> {
        match read_file(self.dir, &file_name(base, "timeindex"), SIDE_LEN_MAX) {
            Ok(bytes) => Ok(files::time_entries(&bytes).last().copied()),
            Err(IoError::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads a segment; batches from `from` on are shown to the producers. True if it was cut.
    fn scan(&mut self, base: i64, from: i64, rules: &mut Partition) -> Result<(Segment, bool), IoError> {
        let name = file_name(base, "log");
        let file = self.dir.open(&name, OpenMode::Write)?;
        let len = file.len()?;
        let mut segment = Segment::new(base, self.now_ms);
        let mut window = Window::new(&*file, len);
        self.report.segments += 1;
        let cut = loop {
            let at = segment.len();
            match look(window.from(at), at, len - at, segment.next_offset().max(base)) {
                Found::Batch(batch) => {
                    self.report.batches += 1;
                    if batch.base_offset() >= from {
                        rules.appended(&batch);
                    }
                    segment.appended(&batch, &self.settings);
                }
                Found::More(wanted) => window.read(at, wanted)?,
                Found::End => break None,
                Found::Cut(cut) => break Some(cut),
            }
        };
        if let Some(cut) = cut {
            let at = segment.len();
            tracing::warn!(target: "kafka", "{}-{}: {name} is cut at {at}: {cut}", self.place.0, self.place.1);
            self.keep_tail(&*file, base, at, len)?;
            file.truncate(at)?;
            file.sync()?;
        }
        self.rewrite_aborted(&segment, rules)?;
        self.forget_indexes(base)?;
        Ok((segment, cut.is_some()))
    }

    /// The aborted index of a segment that was read again: what a dying broker wrote there may speak of what is cut off.
    fn rewrite_aborted(&self, segment: &Segment, rules: &Partition) -> Result<(), IoError> {
        let name = file_name(segment.base_offset(), "txnindex");
        let within = segment.base_offset()..segment.next_offset();
        let entries: Vec<files::AbortedEntry> = rules
            .aborted()
            .iter()
            .filter(|one| within.contains(&one.last_offset))
            .map(|one| (*one).into())
            .collect();
        let wanted = zerocopy::IntoBytes::as_bytes(&entries[..]);
        match read_file(self.dir, &name, SIDE_LEN_MAX) {
            Ok(bytes) if bytes == wanted => Ok(()),
            Err(IoError::NotFound) if wanted.is_empty() => Ok(()),
            _ => replace(self.dir, &name, wanted),
        }
    }

    /// Its entries are in memory again; a file from before might say something else.
    fn forget_indexes(&self, base: i64) -> Result<(), IoError> {
        for suffix in ["index", "timeindex"] {
            match self.dir.delete(&file_name(base, suffix)) {
                Ok(()) | Err(IoError::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Keeps what is cut off beside the segment.
    fn keep_tail(&mut self, file: &dyn File, base: i64, at: u64, len: u64) -> Result<(), IoError> {
        self.report.cut_bytes += len - at;
        let name = format!("{base:020}.{at}.cut");
        let beside = match self.dir.open(&name, OpenMode::CreateNew) {
            Err(IoError::AlreadyExists) => return Ok(()),
            beside => beside?,
        };
        let mut chunk = Vec::new();
        let mut position = at;
        while position < len {
            chunk.resize(CHUNK_LEN.min(usize::try_from(len - position).unwrap_or(CHUNK_LEN)), 0);
            file.read_exact_at(position, &mut chunk)?;
            beside.append(&chunk)?;
            position += chunk.len() as u64;
        }
        beside.sync()
    }

    /// Segments behind one that was cut are no part of the log.
    fn set_aside(&mut self, gone: &[(i64, u64)]) -> Result<(), IoError> {
        for (base, len) in gone {
            tracing::warn!(
                target: "kafka",
                "{}-{}: the segment {base} stands behind the cut and is set aside", self.place.0, self.place.1
            );
            self.report.cut_bytes += len;
            self.dir.rename(&file_name(*base, "log"), &format!("{base:020}.0.cut"))?;
            for suffix in ["index", "timeindex", "txnindex", "snapshot"] {
                match self.dir.delete(&file_name(*base, suffix)) {
                    Ok(()) | Err(IoError::NotFound) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        self.dir.sync()
    }
}

/// Whether a file was being made when the broker died.
fn is_leftover(name: &str) -> bool {
    [".tmp", ".cleaned", ".deleted", ".swap"].iter().any(|suffix| name.ends_with(suffix))
}

/// A part of a file that moves forward.
struct Window<'f> {
    file: &'f dyn File,
    file_len: u64,
    start: u64,
    bytes: Vec<u8>,
}

impl<'f> Window<'f> {
    fn new(file: &'f dyn File, file_len: u64) -> Self {
        Window { file, file_len, start: 0, bytes: Vec::new() }
    }

    /// What has been read from a position on.
    fn from(&self, at: u64) -> &[u8] {
        let skip = usize::try_from(at - self.start).unwrap_or(usize::MAX);
        self.bytes.get(skip..).unwrap_or_default()
    }

    /// Reads at least `wanted` bytes from a position on, or what is left of the file.
    fn read(&mut self, at: u64, wanted: usize) -> Result<(), IoError> {
        let left = usize::try_from(self.file_len - at).unwrap_or(usize::MAX);
        self.bytes.resize(wanted.max(CHUNK_LEN).min(left), 0);
        self.start = at;
        self.file.read_exact_at(at, &mut self.bytes)
    }
}
