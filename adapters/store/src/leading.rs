//! Whose write side the present thread leads: a callback that runs on it must not wait for that lead.

use std::cell::RefCell;

use crate::db::Inner;

thread_local! {
    static LED: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

fn id(inner: &Inner) -> usize {
    core::ptr::from_ref(inner).addr()
}

/// Whether this thread leads the database.
pub(crate) fn is_here(inner: &Inner) -> bool {
    LED.with_borrow(|led| led.contains(&id(inner)))
}

/// This thread leads the database until the guard goes.
pub(crate) fn enter(inner: &Inner) -> Guard {
    LED.with_borrow_mut(|led| led.push(id(inner)));
    Guard
}

pub(crate) struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        LED.with_borrow_mut(|led| {
            led.pop();
        });
    }
}
