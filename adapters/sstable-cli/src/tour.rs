//! The SSTables' step of the tour.

use std::path::Path;

use anyhow::{Result, ensure};
use dolmen_base::block::ReadMode;
use dolmen_bti::component::{Component, Version};
use dolmen_bti::data::Event;
use dolmen_bti::memory::MemoryFiles;
use dolmen_bti::table::{Components, Table};
use dolmen_bti::verify::verify;
use dolmen_cli::Report;
use dolmen_codec::compress::Lz4Only;

/// A table that Cassandra wrote: verified, dumped, and each partition found by its key.
///
/// # Errors
///
/// If the table is not what Cassandra wrote.
pub fn tour(_scratch: &Path) -> Result<Report> {
    macro_rules! component {
        ($component:expr, $name:literal) => {
            (
                $component,
                include_bytes!(concat!(
                    env!("CARGO_MANIFEST_DIR"),
                    "/../../core/bti/tests/data/da/collections/da-1-bti-",
                    $name
                ))
                .to_vec(),
            )
        };
    }
    let files = MemoryFiles(vec![
        component!(Component::Data, "Data.db"),
        component!(Component::Partitions, "Partitions.db"),
        component!(Component::Rows, "Rows.db"),
        component!(Component::Statistics, "Statistics.db"),
        component!(Component::CompressionInfo, "CompressionInfo.db"),
        component!(Component::Filter, "Filter.db"),
    ]);
    let components = Components {
        lens: files.0.iter().map(|(component, bytes)| (*component, bytes.len() as u64)).collect(),
        small: files.0.iter().filter(|file| Components::SMALL.contains(&file.0)).cloned().collect(),
    };
    let report = verify(Version::Da, &components, None, None, &files, &Lz4Only);
    ensure!(report.findings.is_empty(), "a sound table has {} findings", report.findings.len());
    let table = Table::open(Version::Da, &components, &files)?;
    let mut walk = table.walk(&files, Lz4Only, ReadMode::MayBlock, 0);
    while let Some(event) = walk.next_event()? {
        if let Event::Partition(head) = event {
            let found = table.find(&files, &Lz4Only, ReadMode::MayBlock, head.key)?;
            ensure!(
                found.is_some_and(|found| found.data_position() == head.position),
                "the index lost a partition"
            );
        }
    }
    let did = format!(
        "{} rows in {} partitions that Cassandra wrote, checked, and each partition found by its key",
        report.rows, report.partitions
    );
    Ok(Report { system: "sstable", did, page: "core/bti/README.md" })
}
