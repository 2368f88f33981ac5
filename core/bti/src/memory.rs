//! The files of an SSTable in memory, as a source of blocks: for small tables, tests and programs without files.

use alloc::vec::Vec;

use dolmen_base::block::{Block, BlockId, BlockSource, Decode, ReadMode, Stored};

use crate::component::Component;
use crate::error::{Damage, ReadError};

/// Components and their bytes. Every read decodes afresh: nothing is kept.
#[derive(Clone, Debug, Default)]
pub struct MemoryFiles(pub Vec<(Component, Vec<u8>)>);

impl MemoryFiles {
    /// The bytes of a component.
    pub fn get(&self, component: Component) -> Option<&[u8]> {
        self.0.iter().find(|file| file.0 == component).map(|file| &file.1[..])
    }
}

impl BlockSource<ReadError> for MemoryFiles {
    fn block(
        &self,
        id: BlockId,
        _: ReadMode,
        decode: Decode<'_, ReadError>,
    ) -> Result<Option<Block>, ReadError> {
        let file = self.0.iter().find(|file| file.0.file() == id.file);
        let component = file.map_or(Component::Data, |file| file.0);
        let bytes = file.map_or(&[][..], |file| &file.1);
        let end = id.offset.saturating_add(u64::from(id.len));
        let what = Damage::Range { found: end, max: bytes.len() as u64 };
        let start = usize::try_from(id.offset).unwrap_or(usize::MAX);
        let stored = bytes.get(start..).and_then(|rest| rest.get(..id.len as usize));
        let stored = stored.ok_or(ReadError::corrupt(component, id.offset, what))?;
        decode(Stored::Borrowed(stored)).map(Some)
    }
}
