//! One segment of a log: when it ends, and where in it an offset or a time stands.
//!
//! The offset index names the *last* offset of a batch and where the batch begins; the time index names the largest timestamp so far and
//! the last offset of the batch that has it. An entry is made for the first batch behind every `index.interval.bytes`.

use alloc::vec::Vec;

use crate::batch::Batch;
use crate::files::{OffsetEntry, TimeEntry};
use crate::log::LogSettings;

/// What is known of one segment while it is written or read again.
#[derive(Clone, Debug)]
pub struct Segment {
    base_offset: i64,
    next_offset: i64,
    len: u64,
    created_ms: i64,
    first_timestamp_ms: Option<i64>,
    max_timestamp_ms: i64,
    /// The last offset of the batch with the largest timestamp.
    max_timestamp_offset: i64,
    unindexed_len: u64,
    offsets: Vec<OffsetEntry>,
    times: Vec<TimeEntry>,
}

/// No timestamp.
const NO_TIMESTAMP: i64 = -1;

impl Segment {
    /// An empty segment whose first batch will have `base_offset` or a later one.
    pub const fn new(base_offset: i64, now_ms: i64) -> Self {
        Segment {
            base_offset,
            next_offset: base_offset,
            len: 0,
            created_ms: now_ms,
            first_timestamp_ms: None,
            max_timestamp_ms: NO_TIMESTAMP,
            max_timestamp_offset: base_offset,
            unindexed_len: 0,
            offsets: Vec::new(),
            times: Vec::new(),
        }
    }

    /// A sealed segment as its files say: its length, and the last entry of its time index.
    pub fn sealed(base_offset: i64, next_offset: i64, len: u64, last_time: Option<TimeEntry>) -> Self {
        let mut segment = Segment::new(base_offset, 0);
        segment.next_offset = next_offset;
        segment.len = len;
        if let Some(entry) = last_time {
            segment.max_timestamp_ms = entry.timestamp_ms();
            segment.max_timestamp_offset = base_offset + i64::from(entry.relative_offset());
        }
        segment
    }

    /// Takes over what is known of the segment that this one, cleaned, is put in the place of: what it covers, and how old it is.
    pub fn reaches(&mut self, old: &Segment) {
        self.next_offset = self.next_offset.max(old.next_offset);
        if old.max_timestamp_ms > self.max_timestamp_ms {
            self.max_timestamp_ms = old.max_timestamp_ms;
            self.max_timestamp_offset = old.max_timestamp_offset;
        }
    }

    /// The next segment begins at `next_offset`: offsets before it that no batch here has were cleaned away.
    pub fn covers_until(&mut self, next_offset: i64) {
        self.next_offset = self.next_offset.max(next_offset);
    }

    /// The offset in its name.
    pub const fn base_offset(&self) -> i64 {
        self.base_offset
    }

    /// The offset behind its last batch.
    pub const fn next_offset(&self) -> i64 {
        self.next_offset
    }

    /// Its length in bytes.
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether it holds no batch.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The largest timestamp in it, in milliseconds; −1 if it holds none.
    pub const fn max_timestamp_ms(&self) -> i64 {
        self.max_timestamp_ms
    }

    /// The last offset of the batch with the largest timestamp.
    pub const fn max_timestamp_offset(&self) -> i64 {
        self.max_timestamp_offset
    }

    /// The time that retention counts from: the largest timestamp, or when the segment was made if it has none.
    pub const fn age_from_ms(&self) -> i64 {
        if self.max_timestamp_ms >= 0 { self.max_timestamp_ms } else { self.created_ms }
    }

    /// Entries of `.index`.
    pub fn offsets(&self) -> &[OffsetEntry] {
        &self.offsets
    }

    /// Entries of `.timeindex`.
    pub fn times(&self) -> &[TimeEntry] {
        &self.times
    }

    /// Forgets the entries, once they stand in files, and gives their memory back.
    pub fn forget_entries(&mut self) {
        self.offsets = Vec::new();
        self.times = Vec::new();
    }

    /// Whether a batch of these properties must go to the next segment.
    pub fn must_roll(
        &self,
        settings: &LogSettings,
        batch_len: usize,
        last_offset: i64,
        timestamp_ms: i64,
        now_ms: i64,
    ) -> bool {
        if self.is_empty() {
            // Offsets that the index cannot hold.
            return last_offset - self.base_offset > i64::from(i32::MAX);
        }
        let waited = match self.first_timestamp_ms {
            Some(first) if timestamp_ms >= 0 => timestamp_ms - first,
            _ => now_ms - self.created_ms,
        };
        let entries_max = settings.index_len_max / size_of::<OffsetEntry>() as u64;
        let times_max = settings.index_len_max / size_of::<TimeEntry>() as u64;
        self.len + batch_len as u64 > settings.segment_len_max
            || waited > settings.segment_ms_max
            || self.offsets.len() as u64 >= entries_max
            || self.times.len() as u64 + 1 >= times_max
            || last_offset - self.base_offset > i64::from(i32::MAX)
    }

    /// Takes over a batch that stands at the segment's end now.
    pub fn appended(&mut self, batch: &Batch<'_>, settings: &LogSettings) {
        let (position, len) = (self.len, batch.bytes().len() as u64);
        if self.first_timestamp_ms.is_none() && batch.max_timestamp_ms() >= 0 {
            self.first_timestamp_ms = Some(batch.max_timestamp_ms());
        }
        if batch.max_timestamp_ms() > self.max_timestamp_ms {
            self.max_timestamp_ms = batch.max_timestamp_ms();
            self.max_timestamp_offset = batch.last_offset();
        }
        if self.unindexed_len > settings.index_interval_len {
            if let Ok(position) = u32::try_from(position) {
                self.offsets.push(OffsetEntry::new(self.relative(batch.last_offset()), position));
                self.push_time();
            }
            self.unindexed_len = 0;
        }
        self.unindexed_len += len;
        self.len += len;
        self.next_offset = batch.last_offset().saturating_add(1);
    }

    /// Ends the segment: its largest timestamp gets its entry.
    pub fn seal(&mut self) {
        if !self.is_empty() {
            self.push_time();
        }
    }

    fn push_time(&mut self) {
        let rises = self.times.last().is_none_or(|last| last.timestamp_ms() < self.max_timestamp_ms);
        if rises && self.max_timestamp_ms >= 0 {
            let offset = self.relative(self.max_timestamp_offset);
            self.times.push(TimeEntry::new(self.max_timestamp_ms, offset));
        }
    }

    fn relative(&self, offset: i64) -> u32 {
        u32::try_from(offset - self.base_offset).unwrap_or(u32::MAX)
    }
}

/// Where to begin looking for the first batch with a timestamp of `timestamp_ms` or more: the last entry before it, as an offset counted
/// from the segment's first.
pub fn offset_before_time(entries: &[TimeEntry], timestamp_ms: i64) -> u32 {
    let after = entries.partition_point(|entry| entry.timestamp_ms() < timestamp_ms);
    after.checked_sub(1).map_or(0, |at| entries[at].relative_offset())
}

/// The name of a file of the segment that begins at `base_offset`: 20 digits and `.suffix`.
pub fn file_name(base_offset: i64, suffix: &str) -> alloc::string::String {
    alloc::format!("{base_offset:020}.{suffix}")
}

/// The offset in a file's name, if it is a segment's with that suffix.
pub fn offset_of_name(name: &str, suffix: &str) -> Option<i64> {
    let digits = name.strip_suffix(suffix)?.strip_suffix('.')?;
    let is_number = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { digits.parse().ok() } else { None }
}

/// How much of `bytes`, whole batches that begin at `start_offset` or hold it, a reader may have: batches that begin below `until`, and no more than
/// `len_max` bytes but at least one batch if `at_least_one`. Gives the length and the offset behind the last batch of it.
pub fn readable(bytes: &[u8], until: i64, len_max: usize, at_least_one: bool) -> (usize, Option<i64>) {
    let (mut len, mut next) = (0, None);
    while let Some(head) = bytes.get(len..).and_then(Head::read) {
        let end = len.saturating_add(head.len);
        let is_within = end <= len_max || (len == 0 && at_least_one);
        if head.base_offset >= until || end > bytes.len() || !is_within {
            break;
        }
        len = end;
        next = Some(head.last_offset.saturating_add(1));
    }
    (len, next)
}

/// What is needed of a batch to walk over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its first offset.
    pub base_offset: i64,
    /// Its last offset.
    pub last_offset: i64,
    /// Its largest timestamp, in milliseconds.
    pub max_timestamp_ms: i64,
    /// All of its bytes.
    pub len: usize,
}

impl Head {
    /// The head of the batch at the start of `bytes`; `None` if that is too short for one, or holds none. The checksum is not looked at.
    pub fn read(bytes: &[u8]) -> Option<Head> {
        let len = crate::batch::total_len(bytes, 0).ok()??;
        let int = |at: usize| Some(i32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        let long = |at: usize| Some(i64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
        let base_offset = long(0)?;
        let last_offset = base_offset.saturating_add(i64::from(int(23)?.max(0)));
        Some(Head { base_offset, last_offset, max_timestamp_ms: long(35)?, len })
    }
}

/// Bytes that [`Head::read`] needs.
pub const HEAD_LEN: usize = 43;
