//! The files of a server that does not run: users, a look, a scrub.

use std::path::Path;

use dolmen_host::Fault;
use dolmen_s3::state::{Env, Source, Tx};
use dolmen_store::ReadMode;

use crate::accounts::make_root;
use crate::blobs::Blobs;
use crate::engine::Engine;
use crate::meta::Meta;
use crate::service::{BLOBS, STORE, open_local};
use crate::sweep::{self, Scrubbed};

/// The directory of a server, held against others.
pub struct Offline {
    engine: Engine,
}

impl Offline {
    /// Opens a server's directory, `DATA/s3`, to change it; it is made if it is missing.
    ///
    /// # Errors
    ///
    /// If a server runs on it, or it cannot be read.
    pub fn open(dir: &Path) -> Result<Offline, Fault> {
        let (meta, blobs) = open_local(dir, None)?;
        let engine = Engine::new(meta, blobs.into(), std::sync::Arc::default())?;
        let offline = Offline { engine };
        offline.change(make_root)?;
        Ok(offline)
    }

    /// Opens a server's directory to look at it. A server may run on it.
    ///
    /// # Errors
    ///
    /// If there is none, or it cannot be read.
    pub fn look(dir: &Path) -> Result<Offline, Fault> {
        let store = dir.join(STORE);
        let meta = Meta::read_only(&store).map_err(|error| format!("{}: {error}", store.display()))?;
        let engine = Engine::new(meta, Blobs::local(dir.join(BLOBS)).into(), std::sync::Arc::default())?;
        Ok(Offline { engine })
    }

    /// Carries out an operation that changes something; once it returns, the change is on the disk.
    ///
    /// # Errors
    ///
    /// What the operation says, and what keeps the change from the disk.
    pub fn change<T, E: Into<Fault>>(
        &self,
        operation: impl FnOnce(&mut Tx<'_>, &Env<'_>) -> Result<T, E>,
    ) -> Result<T, Fault> {
        let view = self.engine.meta.view(ReadMode::MayBlock);
        let mut tx = Tx::new(&view);
        let env = Env { now_ms: self.engine.clock.now_ms(), caller: "", fresh: self.engine.fresh() };
        let answer = operation(&mut tx, &env).map_err(Into::into)?;
        let batch = tx.into_batch();
        self.engine.meta.commit_now(&batch)?;
        for blob in batch.dropped {
            self.engine.blobs.delete(blob)?;
        }
        Ok(answer)
    }

    /// Runs a read.
    pub fn read<T>(&self, operation: impl FnOnce(&dyn Source) -> T) -> T {
        operation(&self.engine.meta.view(ReadMode::MayBlock))
    }

    /// Reads every byte that is kept; `tell` hears how many were read.
    ///
    /// # Errors
    ///
    /// If the metadata cannot be read. Damage is in the answer.
    pub fn scrub(&self, tell: impl FnMut(u64)) -> Result<Scrubbed, Fault> {
        Ok(sweep::scrub(&self.engine.meta, &self.engine.blobs, tell)?)
    }
}
