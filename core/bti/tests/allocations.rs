//! What a merge allocates: of two equal tables at most one allocation a row, set-up included.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};

use dolmen_base::block::ReadMode;
use dolmen_bti::data::Event;
use dolmen_bti::merge::{Merge, merged_header};

use common::table::{AllCodecs, all_tables, open};

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

#[test]
fn a_merge_allocates_at_most_once_a_row() {
    let mut checked = 0;
    for folder in all_tables() {
        let (table, files) = open(&folder);
        let walk = || table.walk(&files, &AllCodecs, ReadMode::MayBlock, 0);
        let header = merged_header([table.header(), table.header()]).unwrap();
        let walks = [walk(), walk()];
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        let mut merge = Merge::new(header, table.partitioner(), walks, false).unwrap();
        let mut rows = 0;
        while let Some(event) = merge.next_event().unwrap() {
            rows += u64::from(matches!(event, Event::Row(_)));
        }
        let made = ALLOCATIONS.load(Ordering::Relaxed) - before;
        let name = folder.file_name().unwrap().to_string_lossy();
        // The other small tables have fewer rows than a merge has buffers.
        if ["many_clusterings", "many_wide", "many_columns", "columns_64"].contains(&&*name) {
            assert!(made <= rows, "{}: {made} allocations for {rows} rows", folder.display());
            checked += 1;
        }
    }
    assert!(checked > 0);
}
