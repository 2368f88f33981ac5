//! Work cut into parts, each with what it writes: as many parts as the caller has threads.

use dolmen_base::Jobs;
use spin::mutex::SpinMutex;

use crate::limits::PARTS_MAX;

/// Calls `each` with every item, side by side. A lock gives a part to whoever runs its job; nobody ever waits at one, and nothing is allocated.
///
/// Items beyond [`PARTS_MAX`] would be lost: callers cut into no more.
pub(crate) fn spread<A: Send>(jobs: &dyn Jobs, items: impl Iterator<Item = A>, each: &(dyn Fn(A) + Sync)) {
    let mut items = items.peekable();
    let Some(first) = items.next() else { return };
    if items.peek().is_none() {
        return each(first);
    }
    let mut parts: heapless::Vec<SpinMutex<Option<A>>, PARTS_MAX> = heapless::Vec::new();
    for item in core::iter::once(first).chain(items) {
        let fits = parts.push(SpinMutex::new(Some(item))).is_ok();
        debug_assert!(fits, "more than {PARTS_MAX} parts");
    }
    jobs.run(parts.len(), &|nth| {
        let item = parts[nth].lock().take();
        if let Some(item) = item {
            each(item);
        }
    });
}

/// How many of `len` things each of `parts` parts takes: whole groups of `group`.
pub(crate) fn share(len: usize, parts: usize, group: usize) -> usize {
    len.div_ceil(parts.max(1)).next_multiple_of(group).max(1)
}
