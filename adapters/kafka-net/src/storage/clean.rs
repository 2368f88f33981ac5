//! Compaction of one log: what stays of a segment is written beside it and put in its place. The active segment is never touched.

use std::collections::BTreeMap;

use dolmen_base::io::{IoError, OpenMode};
use dolmen_codec::compress::{Codecs, Compression};
use dolmen_kafka::BatchError;
use dolmen_kafka::batch::{Batch, Codec};
use dolmen_kafka::compression::expand;
use dolmen_kafka::limits::PRODUCED_EXPANDED_LEN_MAX;
use dolmen_kafka::log::cleaner::{Circumstances, Cleaner, Fates, Latest};
use dolmen_kafka::log::segment::{Segment, file_name};
use std::sync::Arc;

use super::checkpoint::Checkpoints;
use super::log::{PartitionLog, write_indexes};

/// A segment that is written beside is flushed to its file in pieces of this length.
const PIECE_LEN: usize = 1 << 20;

/// Why a log cannot be compacted.
#[derive(Debug)]
pub enum CleanError {
    /// A file.
    Io(IoError),
    /// A batch.
    Batch(BatchError),
}

impl std::fmt::Display for CleanError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            CleanError::Io(error) => error.fmt(f),
            CleanError::Batch(error) => error.fmt(f),
        }
    }
}

impl From<IoError> for CleanError {
    fn from(error: IoError) -> Self {
        CleanError::Io(error)
    }
}

impl From<BatchError> for CleanError {
    fn from(error: BatchError) -> Self {
        CleanError::Batch(error)
    }
}

impl PartitionLog {
    /// Compacts what is sealed and decided, if there is something that is not clean yet.
    ///
    /// # Errors
    /// [`CleanError`]; the log is as it was then, or partly compacted.
    pub fn clean(self: &Arc<Self>, checkpoints: &Checkpoints, now_ms: i64) -> Result<(), CleanError> {
        let cleaned = checkpoints.cleaned_until(&self.place);
        let (settings, segments, stable, aborted) = {
            let inner = self.lock();
            let stable = inner.rules.last_stable_offset();
            let ripe = |segment: &&Segment| {
                segment.next_offset() <= stable
                    && segment.max_timestamp_ms()
                        <= now_ms.saturating_sub(inner.settings.compaction_lag_ms_min)
            };
            let segments: Vec<Segment> = inner.sealed.iter().take_while(ripe).cloned().collect();
            (inner.settings, segments, stable, inner.rules.aborted().to_vec())
        };
        let end = segments.last().map_or(0, Segment::next_offset);
        if end <= cleaned {
            return Ok(());
        }
        let (latest, lasts) = self.note(&segments, cleaned, &aborted)?;
        let cleaner = Cleaner { latest: &latest, delete_retention_ms: settings.delete_retention_ms, now_ms };
        let mut fates = Fates::new(&aborted);
        let mut data = BTreeMap::new();
        for segment in segments {
            let mut out = Vec::new();
            self.walk_segment(&segment, |batch, expanded| {
                let is_aborted = fates.is_aborted(batch);
                let is_last = lasts.get(&batch.producer_id()) == Some(&batch.last_offset())
                    || batch.last_offset() + 1 == segment.next_offset();
                let has_data = batch.is_control() && data.remove(&batch.producer_id()).is_some();
                let about = Circumstances { is_aborted, is_last, has_data };
                let before = out.len();
                cleaner.clean(batch, expanded, about, &mut compress, &mut out)?;
                if batch.is_transactional() && !batch.is_control() && out.len() > before {
                    data.insert(batch.producer_id(), ());
                }
                Ok(())
            })?;
            self.replace_segment(&segment, &out)?;
        }
        checkpoints.set_cleaned_until(&self.place, latest.until().min(stable))?;
        Ok(())
    }

    /// The last offset of every key in what is not clean, and the last batch of every producer in all.
    fn note(
        &self,
        segments: &[Segment],
        cleaned: i64,
        aborted: &[dolmen_kafka::files::Aborted],
    ) -> Result<(Latest, BTreeMap<i64, i64>), CleanError> {
        let (mut latest, mut lasts) = (Latest::default(), BTreeMap::new());
        let mut fates = Fates::new(aborted);
        let mut is_full = false;
        for segment in segments {
            self.walk_segment(segment, |batch, expanded| {
                let is_aborted = fates.is_aborted(batch);
                if batch.producer_id() >= 0 && !batch.is_control() {
                    lasts.insert(batch.producer_id(), batch.last_offset());
                }
                if batch.last_offset() < cleaned || is_full {
                    return Ok(());
                }
                if is_aborted || batch.is_control() {
                    latest.passed(batch);
                } else {
                    is_full = !latest.note(batch, expanded)?;
                }
                Ok(())
            })?;
        }
        Ok((latest, lasts))
    }

    /// Shows every batch of a sealed segment with its records, expanded.
    fn walk_segment(
        &self,
        segment: &Segment,
        mut body: impl FnMut(&Batch<'_>, &[u8]) -> Result<(), BatchError>,
    ) -> Result<(), CleanError> {
        let name = file_name(segment.base_offset(), "log");
        let file = match self.dir.open(&name, OpenMode::Read) {
            // Its time was over meanwhile.
            Err(IoError::NotFound) => return Ok(()),
            file => file?,
        };
        let (mut bytes, mut expanded) = (Vec::new(), Vec::new());
        let mut position = 0;
        while let Some((head, at)) = super::log::find(&*file, segment.len(), position, |_| true)? {
            bytes.resize(head.len, 0);
            file.read_exact_at(at, &mut bytes)?;
            let (batch, _) = Batch::split(&bytes, at)?;
            expanded.clear();
            if batch.codec() != Codec::None {
                expand(&batch, &dolmen_blocks::Libraries, PRODUCED_EXPANDED_LEN_MAX, &mut expanded)?;
            }
            body(&batch, &expanded)?;
            position = at + head.len as u64;
        }
        Ok(())
    }

    /// Puts what stays in the place of a segment.
    fn replace_segment(self: &Arc<Self>, old: &Segment, bytes: &[u8]) -> Result<(), CleanError> {
        let base = old.base_offset();
        let name = file_name(base, "log");
        if bytes.len() as u64 == old.len() {
            return Ok(());
        }
        let beside = format!("{name}.cleaned");
        match self.dir.delete(&beside) {
            Ok(()) | Err(IoError::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
        let file = self.dir.open(&beside, OpenMode::CreateNew)?;
        for (at, piece) in bytes.chunks(PIECE_LEN).enumerate() {
            file.write_all_at((at * PIECE_LEN) as u64, piece)?;
        }
        file.sync()?;
        let mut inner = self.lock();
        let Some(at) = inner.sealed.iter().position(|segment| segment.base_offset() == base) else {
            return Ok(self.dir.delete(&beside)?);
        };
        let mut segment = Segment::new(base, 0);
        let (mut rest, settings) = (bytes, inner.settings);
        while !rest.is_empty() {
            let (batch, behind) = Batch::split(rest, 0)?;
            segment.appended(&batch, &settings);
            rest = behind;
        }
        segment.reaches(old);
        write_indexes(&*self.dir, &mut segment)?;
        self.dir.rename(&beside, &name)?;
        self.dir.sync()?;
        inner.sealed[at] = segment;
        inner.forget_trails(base);
        Ok(())
    }
}

/// Compresses as a producer would have.
fn compress(codec: Codec, records: &[u8], out: &mut Vec<u8>) -> bool {
    let kind = match codec {
        Codec::None | Codec::Lz4 => return false,
        Codec::Gzip => Compression::Gzip,
        Codec::Snappy => Compression::Snappy,
        Codec::Zstd => Compression::Zstd,
    };
    dolmen_blocks::Libraries.compress(kind, None, None, records, out).is_ok()
}
