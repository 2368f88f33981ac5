//! What a merge allocates: of two equal tables at most one allocation a row, set-up included.

mod common;

use dolmen_base::block::ReadMode;
use dolmen_bti::data::Event;
use dolmen_bti::merge::{Merge, merged_header};

use common::table::{AllCodecs, all_tables, open};

#[test]
fn a_merge_allocates_at_most_once_a_row() {
    let mut checked = 0;
    for folder in all_tables() {
        let (table, files) = open(&folder);
        let walk = || table.walk(&files, &AllCodecs, ReadMode::MayBlock, 0);
        let header = merged_header([table.header(), table.header()]).unwrap();
        let walks = [walk(), walk()];
        let mut rows = 0;
        let made = allocation_counter::measure(|| {
            let mut merge = Merge::new(header, table.partitioner(), walks, false).unwrap();
            while let Some(event) = merge.next_event().unwrap() {
                rows += u64::from(matches!(event, Event::Row(_)));
            }
        });
        let made = made.count_total;
        let name = folder.file_name().unwrap().to_string_lossy();
        // The other small tables have fewer rows than a merge has buffers.
        if ["many_clusterings", "many_wide", "many_columns", "columns_64"].contains(&&*name) {
            assert!(made <= rows, "{}: {made} allocations for {rows} rows", folder.display());
            checked += 1;
        }
    }
    assert!(checked > 0);
}
