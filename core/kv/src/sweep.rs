//! Deleting keys whose time is over.

use alloc::vec::Vec;

use dolmen_resp::fault::Fault;
use dolmen_resp::limits::DATABASES;

use crate::connection::Gate;
use crate::limits::SWEEP_KEYS;
use crate::unit::{Lookups, Unit, next_expiry, overdue};

/// Finds keys of a slot whose time is over, oldest first, without the lock; at most [`SWEEP_KEYS`].
///
/// # Errors
/// The store's.
pub fn find<G: Gate>(gate: &mut G, slot: u8, now: i64) -> Result<Vec<Vec<u8>>, Fault> {
    let (state, store, _) = gate.read();
    if state.expires(slot) { overdue(store, slot, now, SWEEP_KEYS) } else { Ok(Vec::new()) }
}

/// When the next key of those that are written will be over, for [`crate::Input::Swept`]; keys that were deleted and are not written yet
/// count still.
///
/// # Errors
/// The store's.
pub fn next<G: Gate>(gate: &mut G) -> Result<Option<i64>, Fault> {
    let (state, store, _) = gate.read();
    let mut next: Option<i64> = None;
    for slot in (0..DATABASES).filter(|slot| state.expires(*slot)) {
        let found = next_expiry(store, slot)?;
        next = next.into_iter().chain(found).min();
    }
    Ok(next)
}

/// Deletes those of them whose time is still over, under the lock; how many. If any: [`crate::Input::Finish`] follows.
pub fn delete<G: Gate>(gate: &mut G, slot: u8, now: i64, keys: &[Vec<u8>]) -> usize {
    let (engine, store, env) = gate.write();
    if engine.is_full() {
        return 0;
    }
    let mut lookups = Lookups::default();
    let mut unit = Unit::writing(engine, store, env, now, &mut lookups);
    // One that cannot be read now is found again by a later sweep.
    let count = keys.iter().filter(|key| unit.sweep(slot, key).unwrap_or(false)).count();
    unit.end();
    count
}
