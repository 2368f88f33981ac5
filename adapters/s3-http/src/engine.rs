//! What all requests share: the store, the files, the locks, the clock; and the one way in which anything is changed.
//!
//! 1. The keys that an operation is about are locked.
//! 2. The operation runs over the metadata as it is and leaves a batch. It runs on the spot if what it reads is in memory; otherwise once
//!    more where it may wait.
//! 3. Counts of references that it read are locked and looked at again: two keys may share a file.
//! 4. The batch is written and synced, together with those of others. From here on it cannot be called back, whoever hangs up.
//! 5. Files that nothing names any more are deleted.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use dolmen_host::test_api::Clock;
use dolmen_s3::state::{Batch, BlobId, Env, Source, StateError, Tx, keys};
use dolmen_store::{ReadMode, WriteError};
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};

use crate::blobs::{BlobFault, Blobs, Writer};
use crate::hashes::Hashes;
use crate::locks::{Held, Locks};
use crate::meta::{Meta, watched};
use crate::notify::Outbox;

/// Attempts at an operation whose counts of references change under it.
const ATTEMPTS_MAX: usize = 100;

/// Bytes that are stored when a batch names them.
#[derive(Default)]
pub(crate) struct Written {
    /// A file, synced.
    pub file: Option<Writer>,
    /// Small bytes, which the batch holds.
    pub small: Option<(BlobId, Vec<u8>)>,
}

/// A change on its way. Who hangs up does not stop what is half done: it goes on without him.
struct Unstopped(Option<Pin<Box<Change>>>);

type Change = dyn Future<Output = Result<(), Fault>> + Send;

impl Future for Unstopped {
    type Output = Result<(), Fault>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        let Some(change) = &mut self.0 else { return Poll::Ready(Err(Fault::Ended)) };
        let outcome = ready!(change.as_mut().poll(context));
        self.0 = None;
        Poll::Ready(outcome)
    }
}

impl Drop for Unstopped {
    fn drop(&mut self) {
        if let Some(change) = self.0.take()
            && !std::thread::panicking()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(change);
        }
    }
}

/// What an operation changes.
#[derive(Clone, Debug)]
pub(crate) enum Scope {
    /// Keys of a bucket.
    Keys(String, Vec<Vec<u8>>),
    /// A bucket.
    Bucket(String),
    /// Users, keys and policies.
    Accounts,
}

/// Why a request could not be carried out.
#[derive(Debug)]
pub(crate) enum Fault {
    /// What the operation says.
    State(StateError),
    /// The store refused.
    Write(WriteError),
    /// The file system refused, or a file is damaged.
    Blob(BlobFault),
    /// The process is ending.
    Ended,
    /// Others changed the same files all the time.
    Busy,
}

impl From<StateError> for Fault {
    fn from(error: StateError) -> Fault {
        Fault::State(error)
    }
}

impl From<BlobFault> for Fault {
    fn from(fault: BlobFault) -> Fault {
        Fault::Blob(fault)
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Fault::State(error) => error.fmt(f),
            Fault::Write(error) => error.fmt(f),
            Fault::Blob(fault) => fault.fmt(f),
            Fault::Ended => f.write_str("the server is stopping"),
            Fault::Busy => f.write_str("too many changes of the same bytes at once"),
        }
    }
}

/// The state of a server.
pub(crate) struct Engine {
    pub meta: Meta,
    pub blobs: Arc<Blobs>,
    pub clock: Arc<Clock>,
    pub hashes: Hashes,
    /// Messages that changes leave.
    pub outbox: Arc<Outbox>,
    locks: Locks,
    fresh: Fresh,
    /// Whether a test forbids changes.
    #[cfg(test)]
    no_changes: std::sync::atomic::AtomicBool,
}

/// A reference count as it was read.
type Count = (Vec<u8>, Option<Vec<u8>>);

/// An operation without its answer's type, so that what carries it out exists once.
type Operation = Box<dyn FnMut(&mut Tx<'_>, &Env<'_>) -> Result<(), StateError> + Send>;

impl Engine {
    pub fn new(meta: Meta, blobs: Arc<Blobs>, clock: Arc<Clock>) -> std::io::Result<Engine> {
        Ok(Engine {
            meta,
            blobs,
            clock,
            hashes: Hashes::new(),
            outbox: Arc::new(Outbox::none()),
            locks: Locks::new(),
            fresh: Fresh::new()?,
            #[cfg(test)]
            no_changes: Default::default(),
        })
    }

    /// From here on a look at the metadata, or a change and a touch of a file, ends the test.
    #[cfg(test)]
    pub fn forbid(&self, reads: bool, changes: bool) {
        self.meta.forbid(reads);
        self.blobs.forbid(changes);
        self.no_changes.store(changes, Ordering::SeqCst);
    }

    /// Sixteen bytes that nobody else gets.
    pub fn fresh(&self) -> [u8; 16] {
        *self.fresh.next().first_chunk().expect("a digest has more bytes")
    }

    /// A key that nobody else gets.
    pub fn fresh_key(&self) -> [u8; 32] {
        self.fresh.next()
    }

    /// Carries out an operation that changes something. `written` are bytes that the batch will name: they stay once it may have been
    /// written, and go if the operation is refused.
    pub async fn change<T: Send + 'static>(
        self: &Arc<Self>,
        caller: &str,
        scope: Scope,
        written: Written,
        mut operation: impl FnMut(&mut Tx<'_>, &Env<'_>) -> Result<T, StateError> + Send + 'static,
    ) -> Result<T, Fault> {
        #[cfg(test)]
        assert!(!self.no_changes.load(Ordering::SeqCst), "a change behind a closed gate");
        let answer = Arc::new(Mutex::new(None));
        let answered = answer.clone();
        let operation: Operation = Box::new(move |tx, env| {
            *answered.lock() = Some(operation(tx, env)?);
            Ok(())
        });
        let carried = self.clone().carry_out(caller.to_owned(), scope, written, operation);
        Unstopped(Some(Box::pin(carried))).await?;
        answer.lock().take().ok_or(Fault::Ended)
    }

    async fn carry_out(
        self: Arc<Self>,
        caller: String,
        scope: Scope,
        written: Written,
        mut operation: Operation,
    ) -> Result<(), Fault> {
        let held = self.hold(&scope).await;
        let env = Env { now_ms: self.clock.now_ms(), caller: &caller, fresh: self.fresh() };
        let (mut batch, counts) = self.attempt(&env, &mut operation).await?;
        if !batch.writes.is_empty() {
            // Whether a batch whose sync failed is there only the next start can tell: then what nobody names is swept.
            if let Some(file) = written.file {
                file.keep();
            }
            batch.writes.extend(written.small.map(|(blob, bytes)| (keys::inline(blob), Some(bytes))));
        }
        let outcome = self.meta.commit(&batch).await;
        drop((held, counts));
        outcome.map_err(Fault::Write)?;
        self.outbox.written(&batch);
        self.delete_later(batch.dropped);
        Ok(())
    }

    /// Removes every bucket and object, durably; users stay. Requests that run meanwhile may fail.
    pub fn clear(&self) -> Result<(), String> {
        // Kinds of a bucket's keys are capital letters, those of users small ones.
        self.meta.delete_range(b"A", b"[").map_err(|error| error.to_string())?;
        self.outbox.cleared();
        self.blobs.clear().map_err(|error| error.to_string())
    }

    async fn hold(&self, scope: &Scope) -> Held {
        match scope {
            Scope::Keys(bucket, keys) => {
                let keys: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
                self.locks.keys(bucket, &keys).await
            }
            Scope::Bucket(bucket) => self.locks.bucket(bucket).await,
            Scope::Accounts => self.locks.bucket("").await,
        }
    }

    /// Runs the operation until the counts it read are those that are there while they are locked.
    async fn attempt(&self, env: &Env<'_>, operation: &mut Operation) -> Result<(Batch, Held), Fault> {
        for _ in 0..ATTEMPTS_MAX {
            let (batch, read) = self.run(env, operation)?;
            if read.is_empty() {
                return Ok((batch, Held::default()));
            }
            let keys: Vec<&[u8]> = read.iter().map(|(key, _)| key.as_slice()).collect();
            let held = self.locks.counts(&keys).await;
            if self.are_unchanged(&read) {
                return Ok((batch, held));
            }
        }
        Err(Fault::Busy)
    }

    fn run(&self, env: &Env<'_>, operation: &mut Operation) -> Result<(Batch, Vec<Count>), StateError> {
        let mut run_in = |mode| {
            let view = self.meta.view(mode);
            let mut tx = Tx::new(&view);
            let outcome = operation(&mut tx, env);
            let batch = tx.into_batch();
            (outcome, batch, view)
        };
        let (mut outcome, mut batch, mut view) = run_in(ReadMode::CacheOnly);
        if view.would_block() {
            (outcome, batch, view) = tokio::task::block_in_place(|| run_in(ReadMode::MayBlock));
        }
        outcome.map(|()| (batch, view.into_counts()))
    }

    fn are_unchanged(&self, counts: &[Count]) -> bool {
        let is_still_absent = |(key, seen): &Count| {
            seen.is_none() && key.first().is_some_and(|&kind| !self.meta.may_hold(kind))
        };
        if counts.iter().all(is_still_absent) {
            return true;
        }
        let is_same = |source: &dyn Source, (key, seen): &Count| {
            source.get(key).is_ok_and(|value| watched(key, value.as_ref()).as_ref() == Some(seen))
        };
        self.meta.read(|source| counts.iter().all(|count| is_same(source, count)))
    }

    /// Deletes files on a thread that may wait.
    fn delete_later(&self, dropped: Vec<BlobId>) {
        if dropped.is_empty() {
            return;
        }
        let blobs = self.blobs.clone();
        tokio::task::spawn_blocking(move || {
            for blob in dropped {
                if let Err(fault) = blobs.delete(blob) {
                    tracing::warn!(target: "s3", "a file that nothing needs stays until the next start: {fault}");
                }
            }
        });
    }
}

/// Bytes that are given once and that nobody can foretell: a digest of a secret of this process and a count.
struct Fresh {
    secret: [u8; 32],
    count: AtomicU64,
}

impl Fresh {
    fn new() -> std::io::Result<Fresh> {
        use std::io::Read;
        let mut secret = [0; 32];
        std::fs::File::open("/dev/urandom")?.read_exact(&mut secret)?;
        Ok(Fresh { secret, count: AtomicU64::new(0) })
    }

    fn next(&self) -> [u8; 32] {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let digest = Sha256::new().chain_update(self.secret).chain_update(count.to_le_bytes());
        digest.finalize().into()
    }
}
