//! Builds a block, and takes back its memory for the next one.

use alloc::vec::Vec;

use dolmen_codec::varint;

/// Collects sorted entries; every `restart_interval`-th key stands whole.
#[derive(Clone, Debug)]
pub struct BlockBuilder {
    bytes: Vec<u8>,
    restarts: Vec<u32>,
    restart_interval: u32,
    since_restart: u32,
    last_key: Vec<u8>,
}

impl BlockBuilder {
    /// An empty block; an interval of 0 is taken as 1.
    pub fn new(restart_interval: u32) -> Self {
        BlockBuilder {
            bytes: Vec::new(),
            restarts: alloc::vec![0],
            restart_interval: restart_interval.max(1),
            since_restart: 0,
            last_key: Vec::new(),
        }
    }

    /// Adds an entry behind the last one. Keys come in the block's order.
    pub fn add(&mut self, key: &[u8], value: &[u8]) {
        let shared = self.begin_entry(key);
        varint::put_u32(&mut self.bytes, value.len() as u32);
        self.bytes.extend_from_slice(&key[shared..]);
        self.bytes.extend_from_slice(value);
    }

    /// Adds an index entry of format_version 4 and later: no value length, since a handle knows its own end.
    pub fn add_without_value_len(&mut self, key: &[u8], value: &[u8]) {
        let shared = self.begin_entry(key);
        self.bytes.extend_from_slice(&key[shared..]);
        self.bytes.extend_from_slice(value);
    }

    /// Writes both key lengths and returns how many bytes are shared.
    fn begin_entry(&mut self, key: &[u8]) -> usize {
        let shared = if self.since_restart < self.restart_interval {
            common_prefix_len(&self.last_key, key)
        } else {
            self.restarts.push(self.bytes.len() as u32);
            self.since_restart = 0;
            0
        };
        self.since_restart += 1;
        self.last_key.truncate(shared);
        self.last_key.extend_from_slice(&key[shared..]);
        varint::put_u32(&mut self.bytes, shared as u32);
        varint::put_u32(&mut self.bytes, (key.len() - shared) as u32);
        shared
    }

    /// The last key that was added; empty in an empty block.
    pub fn last_key(&self) -> &[u8] {
        &self.last_key
    }

    /// Whether it holds no entry.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Length of the finished block.
    pub fn len(&self) -> usize {
        self.bytes.len() + 4 * self.restarts.len() + 4
    }

    /// An upper bound of the finished block's length with one more entry.
    pub fn len_with(&self, key: &[u8], value: &[u8]) -> usize {
        self.len() + key.len() + value.len() + 3 * varint::MAX_LEN_32 + 4
    }

    /// Appends the tail; the block is complete until [`BlockBuilder::clear`].
    pub fn finish(&mut self) -> &[u8] {
        for restart in &self.restarts {
            self.bytes.extend_from_slice(&restart.to_le_bytes());
        }
        self.bytes.extend_from_slice(&(self.restarts.len() as u32).to_le_bytes());
        &self.bytes
    }

    /// Begins the next block in the same memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.restarts.truncate(1);
        self.since_restart = 0;
        self.last_key.clear();
    }
}

/// How many bytes two keys have in common at their start.
pub fn common_prefix_len(a: &[u8], b: &[u8]) -> usize {
    let len = a.len().min(b.len());
    let (a, b) = (&a[..len], &b[..len]);
    let (words_a, _) = a.as_chunks::<8>();
    let (words_b, _) = b.as_chunks::<8>();
    for (i, (x, y)) in words_a.iter().zip(words_b).enumerate() {
        let difference = u64::from_le_bytes(*x) ^ u64::from_le_bytes(*y);
        if difference != 0 {
            return i * 8 + difference.trailing_zeros() as usize / 8;
        }
    }
    let start = len & !7;
    start + a[start..].iter().zip(&b[start..]).take_while(|(x, y)| x == y).count()
}
