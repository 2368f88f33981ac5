//! Whose write side the present thread leads: a callback that runs on it must not wait for that lead.

use std::cell::Cell;

use crate::db::Inner;

crate::sync::thread_local! {
    /// The innermost: a completion of one database may write to another, whose own completion must not come back to the first.
    static LED: Cell<[usize; DEPTH]> = const { Cell::new([0; DEPTH]) };
}

/// Databases that lead within each other's completions on one thread. Deeper ones are not told apart, and may wait for each other.
const DEPTH: usize = 4;

fn id(inner: &Inner) -> usize {
    core::ptr::from_ref(inner).addr()
}

/// Whether this thread leads the database.
pub(crate) fn is_here(inner: &Inner) -> bool {
    LED.with(Cell::get).contains(&id(inner))
}

/// This thread leads the database until the guard goes.
pub(crate) fn enter(inner: &Inner) -> Guard {
    let before = LED.with(Cell::get);
    let mut now = before;
    now.rotate_right(1);
    now[0] = id(inner);
    LED.with(|led| led.set(now));
    Guard(before)
}

pub(crate) struct Guard([usize; DEPTH]);

impl Drop for Guard {
    fn drop(&mut self) {
        LED.with(|led| led.set(self.0));
    }
}
