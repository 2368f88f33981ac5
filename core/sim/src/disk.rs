//! The directory: names, the changes to them that no sync covered, and the calls of `Directory` and `File`.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::fmt;

use dolmen_base::Rng;
use dolmen_base::io::{Directory, Entry, File, IoError, OpenMode};
use spin::Mutex;

use crate::fault::{EIO, Fault, Faults, Op};
use crate::node::Node;

const DEFAULT_CAPACITY: u64 = 1 << 30;

type Shared = Arc<Mutex<Node>>;

/// A change to the entries, not yet durable.
enum Change {
    Create { name: String, node: Shared },
    Rename { from: String, to: String, node: Shared },
    Delete { name: String, node: Shared },
}

impl Change {
    /// The names and the file that it concerns.
    fn touches(&self) -> ([&str; 2], &Shared) {
        match self {
            Change::Create { name, node } | Change::Delete { name, node } => ([name, name], node),
            Change::Rename { from, to, node } => ([from, to], node),
        }
    }

    fn apply(&self, entries: &mut BTreeMap<String, Shared>) {
        match self {
            Change::Create { name, node } => {
                entries.insert(name.clone(), node.clone());
            }
            Change::Rename { from, to, node } => {
                entries.remove(from);
                entries.insert(to.clone(), node.clone());
            }
            Change::Delete { name, .. } => {
                entries.remove(name);
            }
        }
    }
}

struct State {
    live: BTreeMap<String, Shared>,
    durable: BTreeMap<String, Shared>,
    pending: Vec<Change>,
    locks: BTreeSet<String>,
    capacity: u64,
    faults: Faults,
}

impl State {
    fn new(entries: BTreeMap<String, Shared>, capacity: u64) -> Self {
        State {
            durable: entries.clone(),
            live: entries,
            pending: Vec::new(),
            locks: BTreeSet::new(),
            capacity,
            faults: Faults::default(),
        }
    }

    fn find(&self, name: &str) -> Result<Shared, IoError> {
        self.live.get(name).cloned().ok_or(IoError::NotFound)
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.live);
        self.pending.push(change);
    }

    fn create(&mut self, name: &str, node: Node) -> Shared {
        let node = Arc::new(Mutex::new(node));
        self.change(Change::Create { name: name.to_owned(), node: node.clone() });
        node
    }

    fn used(&self) -> u64 {
        self.live.values().map(|node| node.lock().used()).sum()
    }

    /// How far a file that takes `used` bytes now may reach; a deleted file that is still open counts for nothing.
    fn room(&self, used: u64) -> u64 {
        self.capacity.saturating_sub(self.used()).saturating_add(used)
    }

    /// The entries after a crash. A change is lost with every later change to its names or its file, so that no kept
    /// change builds on a lost one.
    fn crash(&self, rng: &mut Rng) -> BTreeMap<String, Shared> {
        let kept_in_four = rng.below(5);
        let mut entries = self.durable.clone();
        let mut lost: Vec<&Change> = Vec::new();
        for change in &self.pending {
            let (names, node) = change.touches();
            let stands_on_lost = lost.iter().any(|earlier| {
                let (theirs, file) = earlier.touches();
                Arc::ptr_eq(file, node) || names.iter().any(|name| theirs.contains(name))
            });
            if !stands_on_lost && rng.below(4) < kept_in_four {
                change.apply(&mut entries);
            } else {
                lost.push(change);
            }
        }
        entries
    }
}

/// A simulated disk with one directory. Clones share it; [`Disk::crash`] makes another. Holds at most 1 GiB until
/// [`Disk::set_capacity`] says otherwise.
#[derive(Clone)]
pub struct Disk {
    state: Arc<Mutex<State>>,
}

impl Default for Disk {
    fn default() -> Self {
        Disk::new()
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disk").finish_non_exhaustive()
    }
}

impl Disk {
    /// An empty disk without faults.
    pub fn new() -> Self {
        Disk::with(BTreeMap::new(), DEFAULT_CAPACITY)
    }

    fn with(entries: BTreeMap<String, Shared>, capacity: u64) -> Self {
        Disk { state: Arc::new(Mutex::new(State::new(entries, capacity))) }
    }

    /// What a power failure now would leave, as the seed chooses. The new disk is all durable, has the same capacity, and
    /// no locks, faults or counts; this one goes on undisturbed.
    pub fn crash(&self, seed: u64) -> Disk {
        let mut rng = Rng::new(seed);
        let state = self.state.lock();
        let entries = state.crash(&mut rng);
        let entries = entries
            .into_iter()
            .map(|(name, node)| (name, Arc::new(Mutex::new(node.lock().crash(&mut rng)))))
            .collect();
        Disk::with(entries, state.capacity)
    }

    /// Sets how many bytes fit, smaller or larger than before; what is there stays.
    pub fn set_capacity(&self, bytes: u64) {
        self.state.lock().capacity = bytes;
    }

    /// Bytes taken: of each file its length or its reservation, whichever is larger.
    pub fn used(&self) -> u64 {
        self.state.lock().used()
    }

    /// Lets the `nth` operation of the kind from now fail, once; 1 is the next one.
    pub fn fail_nth(&self, op: Op, nth: u64, fault: Fault) {
        self.state.lock().faults.arm(op, nth, fault);
    }

    /// Lets no fault that waits strike any more.
    pub fn forget_faults(&self) {
        self.state.lock().faults.forget();
    }

    /// How many operations of the kind were begun, failed ones included.
    pub fn count(&self, op: Op) -> u64 {
        self.state.lock().faults.count(op)
    }

    /// Bit rot: flips bit `bit % 8` of the byte at `offset`, in what is read and in what was synced.
    ///
    /// # Errors
    /// [`IoError::NotFound`] without the file, [`IoError::UnexpectedEnd`] without the byte.
    pub fn flip_bit(&self, name: &str, offset: u64, bit: u32) -> Result<(), IoError> {
        let node = self.state.lock().find(name)?;
        let mut node = node.lock();
        let flipped = usize::try_from(offset).is_ok_and(|offset| node.flip(offset, bit));
        if flipped { Ok(()) } else { Err(IoError::UnexpectedEnd { wanted: 1, got: 0 }) }
    }
}

impl Directory for Disk {
    fn open(&self, name: &str, mode: OpenMode) -> Result<Arc<dyn File>, IoError> {
        let mut state = self.state.lock();
        let node = if mode == OpenMode::CreateNew {
            state.faults.check(Op::Create)?;
            if state.live.contains_key(name) {
                return Err(IoError::AlreadyExists);
            }
            state.create(name, Node::default())
        } else {
            state.faults.check(Op::Open)?;
            state.find(name)?
        };
        Ok(Arc::new(Handle { state: self.state.clone(), node, writable: mode != OpenMode::Read }))
    }

    fn list(&self) -> Result<Vec<Entry>, IoError> {
        let mut state = self.state.lock();
        state.faults.check(Op::List)?;
        let entry = |(name, node): (&String, &Shared)| Entry {
            name: name.clone(),
            len: node.lock().live.len() as u64,
        };
        Ok(state.live.iter().map(entry).collect())
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), IoError> {
        let mut state = self.state.lock();
        state.faults.check(Op::Rename)?;
        let node = state.find(from)?;
        if from != to {
            state.change(Change::Rename { from: from.to_owned(), to: to.to_owned(), node });
        }
        Ok(())
    }

    fn delete(&self, name: &str) -> Result<(), IoError> {
        let mut state = self.state.lock();
        state.faults.check(Op::Delete)?;
        let node = state.find(name)?;
        state.change(Change::Delete { name: name.to_owned(), node });
        Ok(())
    }

    fn sync(&self) -> Result<(), IoError> {
        let mut state = self.state.lock();
        state.faults.check(Op::SyncDir)?;
        state.durable = state.live.clone();
        state.pending.clear();
        Ok(())
    }

    fn link_into(&self, name: &str, target: &dyn Directory, target_name: &str) -> Result<(), IoError> {
        let target = target.as_any().downcast_ref::<Disk>().ok_or(IoError::Denied)?;
        let copy = {
            let mut state = self.state.lock();
            state.faults.check(Op::Link)?;
            let node = state.find(name)?;
            node.lock().clone()
        };
        let mut state = target.state.lock();
        if state.live.contains_key(target_name) {
            return Err(IoError::AlreadyExists);
        }
        if copy.used() > state.room(0) {
            return Err(IoError::NoSpace);
        }
        state.create(target_name, copy);
        Ok(())
    }

    fn display(&self) -> String {
        String::new()
    }

    fn lock(&self, name: &str) -> Result<Box<dyn Send + Sync>, IoError> {
        let mut state = self.state.lock();
        if !state.locks.insert(name.to_owned()) {
            return Err(IoError::Locked);
        }
        if !state.live.contains_key(name) {
            state.create(name, Node::default());
        }
        Ok(Box::new(Guard { state: self.state.clone(), name: name.to_owned() }))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Holds a lock until dropped.
struct Guard {
    state: Arc<Mutex<State>>,
    name: String,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.state.lock().locks.remove(&self.name);
    }
}

/// An open file. Locks are taken in the order state, node.
struct Handle {
    state: Arc<Mutex<State>>,
    node: Shared,
    writable: bool,
}

impl Handle {
    fn may_write(&self) -> Result<(), IoError> {
        if self.writable { Ok(()) } else { Err(IoError::Denied) }
    }

    /// Length and bytes taken, under one guard that ends here: a spin lock taken twice by one thread never opens.
    fn sizes(&self) -> (u64, u64) {
        let node = self.node.lock();
        (node.live.len() as u64, node.used())
    }

    /// Writes at `offset`, or at the end. Without space for all, what fits is written before the error.
    fn write(&self, offset: Option<u64>, bytes: &[u8]) -> Result<(), IoError> {
        self.may_write()?;
        let mut state = self.state.lock();
        let (wanted, error) = match state.faults.strike(Op::Write) {
            None => (bytes.len(), None),
            Some(Fault::Error(error)) => return Err(error),
            Some(Fault::Short) => (bytes.len() / 2, Some(EIO)),
        };
        let (len, used) = self.sizes();
        let offset = offset.unwrap_or(len);
        let room = state.room(used).max(used).saturating_sub(offset);
        let fits = wanted.min(usize::try_from(room).unwrap_or(usize::MAX));
        let start = usize::try_from(offset).map_err(|_| IoError::NoSpace)?;
        if fits > 0 {
            self.node.lock().write(start, &bytes[..fits]);
        }
        match error {
            _ if fits < wanted => Err(IoError::NoSpace),
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Whether the file may grow to `len` bytes, and that as a size.
    fn fits(&self, state: &State, len: u64) -> Result<usize, IoError> {
        let used = self.node.lock().used();
        if len > used && len > state.room(used) {
            return Err(IoError::NoSpace);
        }
        usize::try_from(len).map_err(|_| IoError::NoSpace)
    }
}

impl File for Handle {
    fn read_exact_at(&self, offset: u64, out: &mut [u8]) -> Result<(), IoError> {
        let fault = self.state.lock().faults.strike(Op::Read);
        let wanted = match fault {
            None => out.len(),
            Some(Fault::Error(error)) => return Err(error),
            Some(Fault::Short) => out.len() / 2,
        };
        let node = self.node.lock();
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(node.live.len());
        let got = wanted.min(node.live.len() - start);
        out[..got].copy_from_slice(&node.live[start..start + got]);
        if got < out.len() || fault.is_some() {
            return Err(IoError::UnexpectedEnd { wanted: out.len() as u64, got: got as u64 });
        }
        Ok(())
    }

    fn append(&self, bytes: &[u8]) -> Result<(), IoError> {
        self.write(None, bytes)
    }

    fn write_all_at(&self, offset: u64, bytes: &[u8]) -> Result<(), IoError> {
        self.write(Some(offset), bytes)
    }

    fn sync(&self) -> Result<(), IoError> {
        let checked = self.state.lock().faults.check(Op::Sync);
        let mut node = self.node.lock();
        match checked {
            Ok(()) => node.sync(),
            Err(_) => node.sync_failed(),
        }
        checked
    }

    fn len(&self) -> Result<u64, IoError> {
        Ok(self.node.lock().live.len() as u64)
    }

    fn truncate(&self, len: u64) -> Result<(), IoError> {
        self.may_write()?;
        let mut state = self.state.lock();
        state.faults.check(Op::Truncate)?;
        let len = self.fits(&state, len)?;
        self.node.lock().truncate(len);
        Ok(())
    }

    fn preallocate(&self, len: u64) -> Result<(), IoError> {
        self.may_write()?;
        let mut state = self.state.lock();
        state.faults.check(Op::Preallocate)?;
        let len = self.fits(&state, len)?;
        let mut node = self.node.lock();
        node.reserved = node.reserved.max(len);
        Ok(())
    }
}
