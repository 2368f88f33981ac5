//! Whose write side the present thread leads: a callback that runs on it must not wait for that lead.

use std::cell::Cell;

use crate::db::Inner;

crate::sync::thread_local! {
    /// A completion of one database may write to another, whose own completion must not come back to the first.
    static LED: Led = const { Led { depth: Cell::new(0), ids: [const { Cell::new(0) }; DEPTH] } };
}

/// Databases that lead within each other's completions on one thread. Deeper ones are not told apart, and may wait for each other.
const DEPTH: usize = 4;

struct Led {
    depth: Cell<usize>,
    /// Of the first ones, the outermost first.
    ids: [Cell<usize>; DEPTH],
}

fn id(inner: &Inner) -> usize {
    core::ptr::from_ref(inner).addr()
}

/// Whether this thread leads the database.
pub(crate) fn is_here(inner: &Inner) -> bool {
    LED.with(|led| led.ids.iter().take(led.depth.get()).any(|other| other.get() == id(inner)))
}

/// This thread leads the database until the guard goes.
pub(crate) fn enter(inner: &Inner) -> Guard {
    LED.with(|led| {
        let depth = led.depth.get();
        if let Some(place) = led.ids.get(depth) {
            place.set(id(inner));
        }
        led.depth.set(depth + 1);
        Guard(depth)
    })
}

/// How deep it was before.
pub(crate) struct Guard(usize);

impl Drop for Guard {
    fn drop(&mut self) {
        LED.with(|led| led.depth.set(self.0));
    }
}
