//! Buffers of idle connections, kept for the next one that becomes busy: a connection holds none while it waits.

use std::cell::RefCell;

/// Bytes of a buffer.
pub(crate) const BUFFER_LEN: usize = 16 << 10;
/// Buffers kept by each thread; a busy burst needs no more than that at once.
const KEPT_MAX: usize = 64;

thread_local! {
    static KEPT: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// An empty buffer.
pub(crate) fn take() -> Vec<u8> {
    KEPT.with_borrow_mut(Vec::pop).unwrap_or_else(|| Vec::with_capacity(BUFFER_LEN))
}

/// Takes a buffer back; one that grew is let go.
pub(crate) fn give(mut buffer: Vec<u8>) {
    let fits = (BUFFER_LEN..=4 * BUFFER_LEN).contains(&buffer.capacity());
    KEPT.with_borrow_mut(|kept| {
        if fits && kept.len() < KEPT_MAX {
            buffer.clear();
            kept.push(buffer);
        }
    });
}
