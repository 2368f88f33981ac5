//! What goes wrong behind the callers' backs, kept by cause until the cause is gone; and who is told.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use dolmen_base::io::{FileNumber, IoError};
use dolmen_lsm::engine::{Failure, Job};
use dolmen_lsm::error::ReadError;
use dolmen_lsm::key::FamilyId;
use dolmen_lsm::merge::MergeOperator;

use crate::api::{Event, Options, StoreError};

/// Errors of flushes, compactions and the MANIFEST that stand.
#[derive(Default)]
pub(crate) struct Background {
    manifest: Option<StoreError>,
    flush: Option<StoreError>,
    compactions: BTreeMap<FamilyId, StoreError>,
    /// By table.
    damaged: BTreeMap<FileNumber, StoreError>,
}

impl Background {
    /// The gravest that stands.
    pub(crate) fn gravest(&self) -> Option<&StoreError> {
        let mut all = self.manifest.iter().chain(self.damaged.values());
        all.next().or(self.flush.as_ref()).or_else(|| self.compactions.values().next())
    }

    /// What is known of a damaged table.
    pub(crate) fn damaged(&self, table: FileNumber) -> Option<&StoreError> {
        self.damaged.get(&table)
    }

    /// What stands behind a failure.
    pub(crate) fn behind(&self, failure: Failure) -> Option<StoreError> {
        let of_flush = self.flush.iter().chain(&self.manifest).chain(self.compactions.values());
        match failure {
            Failure::Damaged { table: Some(table) } => self.damaged(table).cloned(),
            Failure::Damaged { table: None } => self.gravest().cloned(),
            Failure::Io(error) => of_flush.into_iter().find(|e| io(e) == Some(error)).cloned(),
            Failure::Stopped => None,
        }
    }

    /// Notes how a job went.
    pub(crate) fn note(&mut self, job: &JobKind, result: Result<(), &StoreError>, failure: Option<Failure>) {
        match (job, result, failure) {
            (_, _, Some(Failure::Stopped)) => {}
            (JobKind::Flush, result, _) => self.flush = result.err().cloned(),
            (JobKind::Compact(_), Err(error), Some(Failure::Damaged { table })) => {
                self.damaged.insert(table.unwrap_or_default(), error.clone());
            }
            (JobKind::Compact(family), Err(error), _) => {
                drop(self.compactions.insert(*family, error.clone()))
            }
            (JobKind::Compact(family), Ok(()), _) => {
                self.compactions.remove(family);
                self.damaged.remove(&FileNumber::new(0));
            }
        }
    }

    pub(crate) fn manifest_failed(&mut self, error: StoreError) {
        self.manifest = Some(error);
    }

    /// A table is no more.
    pub(crate) fn forget(&mut self, table: FileNumber) {
        self.damaged.remove(&table);
    }

    /// Everything is to be tried again; a MANIFEST that failed stays so.
    pub(crate) fn resume(&mut self) {
        self.flush = None;
        self.compactions.clear();
        self.damaged.clear();
    }
}

fn io(error: &StoreError) -> Option<IoError> {
    match error {
        StoreError::Io { error, .. } | StoreError::Read { error: ReadError::Io { error, .. }, .. } => {
            Some(*error)
        }
        _ => None,
    }
}

/// What kind of job it was.
pub(crate) enum JobKind {
    Flush,
    Compact(FamilyId),
}

impl JobKind {
    pub(crate) fn of(job: &Job) -> Self {
        match job {
            Job::Flush { .. } => JobKind::Flush,
            Job::Compact { compaction, .. } => JobKind::Compact(compaction.family),
        }
    }
}

/// A merge operator whose panics are refusals.
struct Guarded(Arc<dyn MergeOperator>);

impl MergeOperator for Guarded {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn full_merge(&self, key: &[u8], existing: Option<&[u8]>, operands: &[&[u8]]) -> Option<Vec<u8>> {
        catch_unwind(AssertUnwindSafe(|| self.0.full_merge(key, existing, operands))).ok().flatten()
    }

    fn partial_merge(&self, key: &[u8], left: &[u8], right: &[u8]) -> Option<Vec<u8>> {
        catch_unwind(AssertUnwindSafe(|| self.0.partial_merge(key, left, right))).ok().flatten()
    }
}

/// An operator that cannot end a thread.
pub(crate) fn guarded(operator: Option<Arc<dyn MergeOperator>>) -> Option<Arc<dyn MergeOperator>> {
    operator.map(|operator| Arc::new(Guarded(operator)) as Arc<dyn MergeOperator>)
}

/// Tells the listener. One that panics has said why.
pub(crate) fn tell(options: &Options, event: &Event<'_>) {
    if let Some(listener) = &options.listener {
        drop(catch_unwind(AssertUnwindSafe(|| listener.event(event))));
    }
}
