//! A store on a simulated disk: one log of whole batches, a map in memory, views of any moment.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::rc::Rc;
use std::sync::Arc;

use dolmen_base::Rng;
use dolmen_base::io::{Directory, File, IoError, OpenMode};
use dolmen_kv::{Batch, Place, Store};
use dolmen_resp::fault::Fault;
use dolmen_sim::Disk;

pub type Map = BTreeMap<(Place, Vec<u8>), Vec<u8>>;

/// Puts and, with `None`, deletions.
type Ops = Vec<(Place, Vec<u8>, Option<Vec<u8>>)>;

const LOG: &str = "log";

/// What a batch does, in order; `None` deletes.
#[derive(Default)]
pub struct Record {
    ops: Ops,
    base: Arc<Map>,
}

impl Record {
    fn delete_all(&mut self, place: Place, inside: impl Fn(&[u8]) -> bool) {
        let earlier =
            self.ops.iter().filter(|(of, key, _)| *of == place && inside(key)).map(|(_, key, _)| key.clone());
        let stored =
            self.base.keys().filter(|(of, key)| *of == place && inside(key)).map(|(_, key)| key.clone());
        let keys: Vec<_> = stored.chain(earlier).collect();
        self.ops.extend(keys.into_iter().map(|key| (place, key, None)));
    }
}

impl Batch for Record {
    fn put(&mut self, place: Place, key: &[u8], value: &[u8]) {
        self.ops.push((place, key.to_vec(), Some(value.to_vec())));
    }

    fn delete(&mut self, place: Place, key: &[u8]) {
        self.ops.push((place, key.to_vec(), None));
    }

    fn delete_range(&mut self, place: Place, begin: &[u8], end: &[u8]) {
        self.delete_all(place, |key| key >= begin && key < end);
    }

    fn clear(&mut self, place: Place) {
        self.delete_all(place, |_| true);
    }

    fn count(&self) -> u64 {
        self.ops.len() as u64
    }
}

pub struct SimStore {
    pub disk: Disk,
    file: Arc<dyn File>,
    len: u64,
    pub map: Arc<Map>,
    pub sequence: u64,
    poisoned: bool,
}

impl SimStore {
    /// Takes up whatever whole batches the disk holds.
    pub fn open(disk: Disk) -> SimStore {
        let file = match disk.open(LOG, OpenMode::Write) {
            Err(IoError::NotFound) => {
                let file = disk.open(LOG, OpenMode::CreateNew).unwrap();
                disk.sync().unwrap();
                file
            }
            found => found.unwrap(),
        };
        let mut bytes = vec![0; file.len().unwrap() as usize];
        file.read_exact_at(0, &mut bytes).unwrap();
        let (mut map, mut at, mut sequence) = (Map::new(), 0, 0);
        while let Some((ops, len)) = decode(&bytes[at..]) {
            sequence += ops.len() as u64;
            apply(&mut map, ops);
            at += len;
        }
        file.truncate(at as u64).unwrap();
        file.sync().unwrap();
        SimStore { disk, file, len: at as u64, map: Arc::new(map), sequence, poisoned: false }
    }

    pub fn record(&self) -> Record {
        Record { ops: Vec::new(), base: self.map.clone() }
    }

    /// Writes and syncs; on an error nothing is visible. A failed sync or a cut that fails poisons.
    pub fn write(&mut self, record: Record) -> Result<(), String> {
        if self.poisoned {
            return Err("poisoned".into());
        }
        let bytes = encode(&record.ops);
        if let Err(error) = self.file.append(&bytes) {
            self.poisoned = self.file.truncate(self.len).is_err() || self.file.sync().is_err();
            return Err(error.to_string());
        }
        if let Err(error) = self.file.sync() {
            self.poisoned = true;
            return Err(error.to_string());
        }
        self.len += bytes.len() as u64;
        self.sequence += record.ops.len() as u64;
        apply(Arc::make_mut(&mut self.map), record.ops);
        Ok(())
    }

    pub fn is_poisoned(&self) -> bool {
        self.poisoned
    }
}

fn apply(map: &mut Map, ops: Ops) {
    for (place, key, value) in ops {
        match value {
            Some(value) => map.insert((place, key), value),
            None => map.remove(&(place, key)),
        };
    }
}

/// `length 4 | checksum 4 | (place 1 | key | 0 or 1 and value)*`, slices behind 4 bytes of length.
fn encode(ops: &Ops) -> Vec<u8> {
    let mut body = Vec::new();
    let slice = |body: &mut Vec<u8>, bytes: &[u8]| {
        body.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        body.extend_from_slice(bytes);
    };
    for (place, key, value) in ops {
        body.push(if let Place::Slot(slot) = place { *slot } else { 255 });
        slice(&mut body, key);
        body.push(u8::from(value.is_some()));
        slice(&mut body, value.as_deref().unwrap_or(&[]));
    }
    let mut out = (body.len() as u32).to_le_bytes().to_vec();
    out.extend_from_slice(&dolmen_codec::checksum::crc32c(&body).to_le_bytes());
    out.extend(body);
    out
}

/// The batch at the start of `bytes` and its length; `None`: there is no whole one.
fn decode(bytes: &[u8]) -> Option<(Ops, usize)> {
    let word = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?) as usize);
    let body = bytes.get(8..8 + word(0)?)?;
    if body.is_empty() || dolmen_codec::checksum::crc32c(body) as usize != word(4)? {
        return None;
    }
    let (mut ops, mut rest) = (Vec::new(), body);
    while let Some((place, tail)) = rest.split_first() {
        let place = if *place == 255 { Place::Expires } else { Place::Slot(*place) };
        let slice = |bytes: &mut &[u8]| {
            let (len, tail) = bytes.split_at(4);
            let (slice, tail) = tail.split_at(u32::from_le_bytes(len.try_into().unwrap()) as usize);
            *bytes = tail;
            slice.to_vec()
        };
        rest = tail;
        let key = slice(&mut rest);
        let there = rest[0] == 1;
        rest = &rest[1..];
        let value = slice(&mut rest);
        ops.push((place, key, there.then_some(value)));
    }
    Some((ops, 8 + body.len()))
}

/// The store at one moment.
#[derive(Clone)]
pub struct View {
    pub map: Arc<Map>,
    /// Faults of reads: one in so many would wait; one in so many cannot be read. 0: none.
    pub absent: u64,
    pub unreadable: u64,
    pub rng: Rc<RefCell<Rng>>,
}

impl View {
    fn chance(&self) -> Result<(), Fault> {
        let mut rng = self.rng.borrow_mut();
        if rng.one_in(self.absent) {
            return Err(Fault::Absent);
        }
        if rng.one_in(self.unreadable) { Err(Fault::Unreadable) } else { Ok(()) }
    }

    fn range<'a>(
        &'a self,
        place: Place,
        from: &[u8],
        after: bool,
        to: Option<&[u8]>,
    ) -> impl DoubleEndedIterator<Item = &'a [u8]> {
        let start = (place, from.to_vec());
        let start = if after { Bound::Excluded(start) } else { Bound::Included(start) };
        let next = match place {
            Place::Slot(15) => Place::Expires,
            Place::Slot(slot) => Place::Slot(slot + 1),
            Place::Expires => Place::Expires,
        };
        let end = match to {
            Some(to) => Bound::Excluded((place, to.to_vec())),
            None if place == Place::Expires => Bound::Unbounded,
            None => Bound::Excluded((next, Vec::new())),
        };
        let empty = to.is_some_and(|to| to <= from);
        let range = (!empty).then(|| self.map.range((start, end)));
        range.into_iter().flatten().map(|((_, key), _)| key.as_slice())
    }
}

impl Store for View {
    type Value = Vec<u8>;

    fn get(&self, place: Place, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        self.chance()?;
        Ok(self.map.get(&(place, key.to_vec())).cloned())
    }

    fn contains(&self, place: Place, key: &[u8]) -> Result<bool, Fault> {
        self.chance()?;
        Ok(self.map.contains_key(&(place, key.to_vec())))
    }

    fn walk(
        &self,
        place: Place,
        from: &[u8],
        after: bool,
        to: Option<&[u8]>,
        visit: &mut dyn FnMut(&[u8]) -> Result<bool, Fault>,
    ) -> Result<(), Fault> {
        self.chance()?;
        for key in self.range(place, from, after, to) {
            if !visit(key)? {
                break;
            }
        }
        Ok(())
    }

    fn walk_back(
        &self,
        place: Place,
        from: &[u8],
        to: Option<&[u8]>,
        visit: &mut dyn FnMut(&[u8]) -> Result<bool, Fault>,
    ) -> Result<(), Fault> {
        self.chance()?;
        for key in self.range(place, from, false, to).rev() {
            if !visit(key)? {
                break;
            }
        }
        Ok(())
    }
}
