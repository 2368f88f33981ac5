//! Partitions.db: where each partition is (`PartitionIndex.java`, `PartitionIndexBuilder.java`).
//!
//! ```text
//! trie pages | first key: short-bytes | last key: short-bytes | u64 position of the first key | u64 key count | u64 root
//! ```
//! A key's entry is the shortest prefix of its byte-comparable form that its neighbours do not begin with. Its payload is a byte of the key's
//! hash and a sized int: an offset in Rows.db, or the complement of one in Data.db. At both the key itself comes first, so that a
//! candidate can be verified.
//!
//! ```text
//! payload flags 8..=15: hash byte | sized int of flags - 7 bytes        1..=7: sized int of so many bytes (never written, read)
//! ```

use alloc::vec::Vec;

use dolmen_base::block::BlockSource;
use dolmen_base::trace::Trace;
use dolmen_codec::Cursor as Bytes;

use zerocopy::byteorder::big_endian;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::comparable::{self, NEXT, TERMINATOR};
use crate::component::Component;
use crate::error::{Damage, ReadError, ValueError};
use crate::partitioner::{KeyHash, Partitioner, Token};
use crate::trie::{Census, Cursor, Edge, Pages, Payload, TrieWriter};
use crate::types::CqlType;
use crate::vint;

/// Bytes of the three numbers at the end of the file.
pub const FOOTER_LEN: u64 = 24;

/// Flags from which on a hash byte stands before the position.
const HASHED: u8 = 8;

/// Where a partition is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// It has a row index: at this offset of Rows.db.
    Rows(u64),
    /// It has none: its data is at this offset of Data.db, uncompressed.
    Data(u64),
}

impl Place {
    /// As the signed number that is stored.
    pub const fn to_i64(self) -> i64 {
        match self {
            Place::Rows(offset) => offset as i64,
            Place::Data(offset) => !(offset as i64),
        }
    }

    /// Of the signed number that is stored.
    pub const fn from_i64(stored: i64) -> Place {
        if stored < 0 { Place::Data(!stored as u64) } else { Place::Rows(stored as u64) }
    }
}

/// An entry of the index: the one partition whose key can be the one that was asked for. Compare the key at `place`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The low byte of the second half of the key's hash, if stored.
    pub hash: Option<u8>,
    /// Where the partition is.
    pub place: Place,
    /// The node that holds it.
    pub node: u64,
}

impl Candidate {
    /// Decodes a payload.
    ///
    /// # Errors
    /// A payload that ends early.
    pub fn decode(payload: Payload<'_>) -> Result<Candidate, Damage> {
        let crossed = Damage::PageCrossed;
        let (hash, bytes, len) = if payload.flags >= HASHED {
            let (&hash, rest) = payload.bytes.split_first().ok_or(crossed)?;
            (Some(hash), rest, payload.flags - HASHED + 1)
        } else {
            (None, payload.bytes, payload.flags)
        };
        let stored = bytes.get(..usize::from(len)).and_then(vint::sized_int).ok_or(crossed)?;
        Ok(Candidate { hash, place: Place::from_i64(stored), node: payload.node })
    }
}

/// The end of the file, read once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionIndex {
    pub(crate) file_len: u64,
    pub(crate) root: u64,
    /// Where the trie ends and the first key stands.
    pub(crate) first_position: u64,
    pub(crate) key_count: u64,
    pub(crate) first_key: Vec<u8>,
    pub(crate) last_key: Vec<u8>,
}

/// The three numbers at the end of the file.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Footer {
    first_position: big_endian::U64,
    key_count: big_endian::U64,
    root: big_endian::U64,
}

impl PartitionIndex {
    /// Bytes of the file.
    pub const fn file_len(&self) -> u64 {
        self.file_len
    }

    /// Where the root of the trie begins.
    pub const fn root(&self) -> u64 {
        self.root
    }

    /// Where the trie ends and the first key stands.
    pub const fn first_position(&self) -> u64 {
        self.first_position
    }

    /// Partitions in the table.
    pub const fn key_count(&self) -> u64 {
        self.key_count
    }

    /// The least key.
    pub fn first_key(&self) -> &[u8] {
        &self.first_key
    }

    /// The greatest key.
    pub fn last_key(&self) -> &[u8] {
        &self.last_key
    }

    /// Reads the end of the file and checks that the root ends where the first key begins.
    ///
    /// # Errors
    /// Damage of the footer, the keys or the root; what the source could not read.
    pub fn open<S: BlockSource<ReadError>, T: Trace>(
        pages: &mut Pages<S, T>,
    ) -> Result<PartitionIndex, ReadError> {
        let file_len = pages.file_len();
        let short = Damage::Range { found: FOOTER_LEN, max: file_len };
        let footer = file_len.checked_sub(FOOTER_LEN).ok_or(pages.corrupt(0, short))?;
        let mut bytes = Vec::new();
        pages.read(footer, FOOTER_LEN as usize, &mut bytes)?;
        let numbers = Footer::ref_from_bytes(&bytes).map_err(|_| pages.corrupt(footer, short))?;
        let (first_position, key_count, root) =
            (numbers.first_position.get(), numbers.key_count.get(), numbers.root.get());
        if first_position > footer || footer - first_position > 2 * (2 + u64::from(u16::MAX)) {
            return Err(pages.corrupt(footer, Damage::Range { found: first_position, max: footer }));
        }
        if root >= first_position {
            return Err(pages.corrupt(footer + 16, Damage::Range { found: root, max: first_position }));
        }
        bytes.clear();
        pages.read(first_position, (footer - first_position) as usize, &mut bytes)?;
        let mut keys = Bytes::new(&bytes);
        let decode = |e| ReadError::decode(Component::Partitions, first_position, e);
        let first_key = vint::get_short_bytes(&mut keys).map_err(decode)?.to_vec();
        let last_key = vint::get_short_bytes(&mut keys).map_err(decode)?.to_vec();
        keys.finish().map_err(decode)?;
        let index = PartitionIndex { file_len, root, first_position, key_count, first_key, last_key };
        index.check_root(pages)?;
        pages.pin(root)?;
        Ok(index)
    }

    /// Counts all nodes and checks that they fill the file up to the first key, and that as many entries as keys are there, in the order of
    /// their data. What is in bytes of keys and positions only the data can judge: compare, or rebuild the file.
    ///
    /// # Errors
    /// Damage of a node, an order or a count.
    pub fn check_whole<S: BlockSource<ReadError>, T: Trace>(
        &self,
        pages: &mut Pages<S, T>,
    ) -> Result<Census, ReadError> {
        let census = Census::take(pages, 0, self.root, self.first_position, |payload| {
            Candidate::decode(payload)?;
            Ok(payload_len(payload.flags) as usize)
        })?;
        if census.entries != self.key_count {
            let what = Damage::Mismatch { expected: self.key_count, found: census.entries };
            return Err(pages.corrupt(self.file_len - FOOTER_LEN + 8, what));
        }
        let mut entries = self.iter(pages, Edge::First)?;
        let (mut data, mut rows) = (None, None);
        while let Some(found) = entries.next(pages)? {
            let (last, position) = match found.place {
                Place::Data(position) => (&mut data, position),
                Place::Rows(position) => (&mut rows, position),
            };
            if last.replace(position).is_some_and(|last| last >= position) {
                return Err(pages.corrupt(found.node, Damage::Order));
            }
        }
        Ok(census)
    }

    /// The root is the last node of the trie.
    fn check_root<S: BlockSource<ReadError>, T: Trace>(
        &self,
        pages: &mut Pages<S, T>,
    ) -> Result<(), ReadError> {
        let node = pages.node(self.root)?;
        let payload = node.payload().map_or(0, |payload| payload_len(payload.flags));
        let end = self.root + node.size() as u64 + payload;
        if end != self.first_position {
            let what = Damage::Mismatch { expected: self.first_position, found: end };
            return Err(pages.corrupt(self.root, what));
        }
        Ok(())
    }

    /// The one partition that can have `key`; `None`: none has. `hash` is the key's.
    ///
    /// # Errors
    /// Damage of a node; what the source could not read.
    pub fn find<S: BlockSource<ReadError>, T: Trace>(
        &self,
        pages: &mut Pages<S, T>,
        partitioner: Partitioner,
        key_type: &CqlType,
        key: &[u8],
        hash: KeyHash,
    ) -> Result<Option<Candidate>, ReadError> {
        let found = match partitioner {
            // The usual case makes only the bytes that the walk takes.
            Partitioner::Murmur3 => pages.get_prefix(self.root, comparable::murmur3_key_bytes(key, hash))?,
            _ => {
                let mut form = Vec::new();
                // A key that its type cannot order is in no table.
                if comparable::put_partition_key(partitioner, key_type, key, TERMINATOR, &mut form).is_err() {
                    return Ok(None);
                }
                pages.get_prefix(self.root, form)?
            }
        };
        let Some(payload) = found else { return Ok(None) };
        let candidate = candidate(payload)?;
        Ok(Some(candidate).filter(|found| found.hash.is_none_or(|stored| stored == hash.filter_byte())))
    }

    /// Iterates in order from the least partition (`Edge::First`), or backwards from the greatest.
    ///
    /// # Errors
    /// Damage of the root; what the source could not read.
    pub fn iter<S: BlockSource<ReadError>, T: Trace>(
        &self,
        pages: &mut Pages<S, T>,
        from: Edge,
    ) -> Result<Partitions, ReadError> {
        let cursor = Cursor::at_edge(pages, self.root, from)?;
        Ok(Partitions { cursor, sought: Vec::new() })
    }

    /// Iterates from the byte-comparable form of a key or bound on. What is given first may be on the wrong side of it: see
    /// [`Partitions::is_certain`].
    ///
    /// # Errors
    /// Damage of a node; what the source could not read.
    pub fn seek<S: BlockSource<ReadError>, T: Trace>(
        &self,
        pages: &mut Pages<S, T>,
        form: &[u8],
        from: Edge,
    ) -> Result<Partitions, ReadError> {
        let cursor = Cursor::seek(pages, self.root, form, from, true)?;
        Ok(Partitions { cursor, sought: form.to_vec() })
    }
}

/// Bytes of a payload.
fn payload_len(flags: u8) -> u64 {
    match flags {
        HASHED.. => u64::from(flags - HASHED) + 2,
        _ => u64::from(flags),
    }
}

fn candidate(payload: Payload<'_>) -> Result<Candidate, ReadError> {
    let node = payload.node;
    Candidate::decode(payload).map_err(|what| ReadError::corrupt(Component::Partitions, node, what))
}

/// Entries of the index in order.
#[derive(Clone, Debug)]
pub struct Partitions {
    cursor: Cursor,
    sought: Vec<u8>,
}

impl Partitions {
    /// The next entry in the direction.
    ///
    /// # Errors
    /// Damage of a node; what the source could not read.
    pub fn next<S: BlockSource<ReadError>, T: Trace>(
        &mut self,
        pages: &mut Pages<S, T>,
    ) -> Result<Option<Candidate>, ReadError> {
        self.cursor.next(pages)?.map(candidate).transpose()
    }

    /// The prefix under which the last entry stands.
    pub fn prefix(&self) -> &[u8] {
        self.cursor.key()
    }

    /// Whether the last entry is on the right side of what was sought. If not, its prefix is one of the sought form, and only its whole key says.
    pub fn is_certain(&self) -> bool {
        !self.sought.starts_with(self.cursor.key()) || self.sought.is_empty()
    }
}

/// Writes Partitions.db in bounded memory: [`PartitionsBuilder::drain`] takes what is done.
pub struct PartitionsBuilder {
    writer: TrieWriter,
    first_key: Option<Vec<u8>>,
    last_key: Vec<u8>,
    /// Form and payload of the last key, whose cut waits for the next one.
    waiting: Vec<u8>,
    next: Vec<u8>,
    waiting_place: Place,
    waiting_hash: u8,
    /// Bytes that the last key shares with the one before it, and one.
    before: usize,
    key_count: u64,
}

impl Default for PartitionsBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl PartitionsBuilder {
    /// An empty index.
    pub fn new() -> Self {
        PartitionsBuilder {
            writer: TrieWriter::new(0),
            first_key: None,
            last_key: Vec::new(),
            waiting: Vec::new(),
            next: Vec::new(),
            waiting_place: Place::Data(0),
            waiting_hash: 0,
            before: 0,
            key_count: 0,
        }
    }

    /// Adds a partition; keys come in the order of the partitioner.
    ///
    /// # Errors
    /// [`ValueError::Order`]: a key that does not come after the one before; a key that its type cannot order.
    pub fn add(
        &mut self,
        partitioner: Partitioner,
        key_type: &CqlType,
        key: &[u8],
        place: Place,
    ) -> Result<(), ValueError> {
        let hash = KeyHash::of(key);
        self.next.clear();
        if partitioner == Partitioner::Murmur3 {
            // The hash serves the token as well.
            self.next.push(NEXT);
            comparable::put_token(Token::Murmur3(hash.token(key)), key_type, &mut self.next)?;
            self.next.push(NEXT);
            comparable::put_escaped(key, &mut self.next);
            self.next.push(TERMINATOR);
        } else {
            comparable::put_partition_key(partitioner, key_type, key, TERMINATOR, &mut self.next)?;
        }
        if key.len() > crate::limits::KEY_LEN_MAX {
            let max = crate::limits::KEY_LEN_MAX as u64;
            return Err(ValueError::Length { found: key.len() as u64, expected: max });
        }
        if self.key_count == 0 {
            self.first_key = Some(key.to_vec());
        } else {
            let common = self.waiting.iter().zip(&self.next).take_while(|(a, b)| a == b).count();
            if self.next.get(common) <= self.waiting.get(common) {
                return Err(ValueError::Order);
            }
            self.put_waiting(self.before.max(common + 1))?;
            self.before = common + 1;
        }
        core::mem::swap(&mut self.waiting, &mut self.next);
        self.waiting_place = place;
        self.waiting_hash = hash.filter_byte();
        self.key_count += 1;
        self.last_key.clear();
        self.last_key.extend_from_slice(key);
        Ok(())
    }

    fn put_waiting(&mut self, len: usize) -> Result<(), ValueError> {
        let stored = self.waiting_place.to_i64();
        let len_of_int = vint::sized_int_len(stored);
        let mut payload = [0; 9];
        payload[0] = self.waiting_hash;
        payload[1..=len_of_int].copy_from_slice(&stored.to_be_bytes()[8 - len_of_int..]);
        let flags = HASHED - 1 + len_of_int as u8;
        self.writer.add(&self.waiting[..len.min(self.waiting.len())], flags, &payload[..=len_of_int])
    }

    /// Moves what is written so far to the end of `out`.
    pub fn drain(&mut self, out: &mut Vec<u8>) {
        self.writer.drain(out);
    }

    /// Ends the file: appends what is left of it to `out`.
    ///
    /// # Errors
    /// Keys longer than 65,535 bytes.
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<(), ValueError> {
        if self.key_count > 0 {
            self.put_waiting(self.before)?;
        }
        let root = self.writer.finish();
        let first_position = self.writer.position();
        let mut end = Vec::new();
        for key in [self.first_key.as_deref().unwrap_or_default(), &self.last_key] {
            vint::put_short_bytes(&mut end, key)
                .ok_or(ValueError::Length { found: key.len() as u64, expected: u64::from(u16::MAX) })?;
        }
        let footer = Footer {
            first_position: first_position.into(),
            key_count: self.key_count.into(),
            root: root.into(),
        };
        end.extend_from_slice(footer.as_bytes());
        self.writer.put_raw(&end);
        self.writer.drain(out);
        Ok(())
    }
}
