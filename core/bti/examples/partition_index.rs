//! Builds the partition index of a thousand keys in memory, looks one up, and says what that took.
//!
//! `cargo run -p dolmen-bti --example partition_index`

use dolmen_base::block::{Block, BlockId, BlockSource, Decode, ReadMode, Stored};
use dolmen_base::trace::Step;
use dolmen_bti::component::Component;
use dolmen_bti::error::{ReadError, ValueError};
use dolmen_bti::partitioner::{KeyHash, Partitioner};
use dolmen_bti::partitions::{PartitionIndex, PartitionsBuilder, Place};
use dolmen_bti::trie::Pages;
use dolmen_bti::trie::node::Kind;
use dolmen_bti::types::CqlType;

/// The one thing that a caller brings: ranges of bytes. Here from memory; a file or an object store does as well.
struct File(Vec<u8>);

impl BlockSource<ReadError> for File {
    fn block(
        &self,
        id: BlockId,
        _: ReadMode,
        decode: Decode<'_, ReadError>,
    ) -> Result<Option<Block>, ReadError> {
        let start = id.offset as usize;
        decode(Stored::Borrowed(&self.0[start..start + id.len as usize])).map(Some)
    }
}

fn build(keys: &[String], text: &CqlType) -> Result<Vec<u8>, ValueError> {
    let mut builder = PartitionsBuilder::new();
    let mut file = Vec::new();
    for (i, key) in keys.iter().enumerate() {
        builder.add(Partitioner::Murmur3, text, key.as_bytes(), Place::Data(i as u64 * 220))?;
        builder.drain(&mut file);
    }
    builder.finish(&mut file)?;
    Ok(file)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let text = CqlType::parse("org.apache.cassandra.db.marshal.UTF8Type")?;
    let mut keys: Vec<String> = (0..1000).map(|i| format!("user-{i}")).collect();
    // Partitions stand in the order of their tokens.
    keys.sort_by_key(|key| KeyHash::of(key.as_bytes()).token(key.as_bytes()));
    let file = build(&keys, &text)?;
    println!("1000 keys in {} bytes", file.len());

    let len = file.len() as u64;
    let mut pages =
        Pages::new(File(file), Component::Partitions, len, ReadMode::MayBlock, Vec::<Step>::new());
    let index = PartitionIndex::open(&mut pages)?;
    let census = index.check_whole(&mut pages)?;
    for kind in Kind::ALL.into_iter().filter(|&kind| census.of(kind) > 0) {
        println!("{:5} nodes of type {}", census.of(kind), kind.name());
    }
    for key in ["user-7", "nobody"] {
        let before = pages.asked();
        let hash = KeyHash::of(key.as_bytes());
        let found = index.find(&mut pages, Partitioner::Murmur3, &text, key.as_bytes(), hash)?;
        let place = found.map(|found| found.place);
        println!(
            "{key}: token {}, {place:?}, {} pages asked",
            hash.token(key.as_bytes()),
            pages.asked() - before
        );
    }
    Ok(())
}
