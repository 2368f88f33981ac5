//! A disk that is one block of memory: four files of fixed room, each a length and its bytes.

use dolmen_base::block::{Block, BlockId, BlockSource, Decode, ReadMode, Stored};
use dolmen_base::io::{FileNumber, IoError};
use dolmen_lsm::error::ReadError;

/// Room of one file, its length included.
pub const ROOM: usize = 64 << 10;
/// What a reboot leaves: nothing else is kept anywhere.
pub type Memory = [u8; 4 * ROOM];

/// Files 1 to 4 in the memory.
pub struct Disk<'m>(pub &'m mut Memory);

impl Disk<'_> {
    /// The bytes of a file.
    pub fn read(&self, file: FileNumber) -> &[u8] {
        let room = &self.0[place(file)..][..ROOM];
        let (len, bytes) = room.split_first_chunk().expect("a file has room for its length");
        &bytes[..(u32::from_le_bytes(*len) as usize).min(bytes.len())]
    }

    /// Writes at an offset; the file ends behind what is written. A file that is full stays as it is.
    pub fn write(&mut self, file: FileNumber, offset: u64, bytes: &[u8]) -> Result<(), IoError> {
        let room = &mut self.0[place(file)..][..ROOM];
        let start = 4 + usize::try_from(offset).map_err(|_| IoError::NoSpace)?;
        let to = room.get_mut(start..start + bytes.len()).ok_or(IoError::NoSpace)?;
        to.copy_from_slice(bytes);
        room[..4].copy_from_slice(&((start - 4 + bytes.len()) as u32).to_le_bytes());
        Ok(())
    }
}

fn place(file: FileNumber) -> usize {
    (file.get() as usize - 1) % 4 * ROOM
}

impl BlockSource<ReadError> for Disk<'_> {
    fn block(
        &self,
        id: BlockId,
        _: ReadMode,
        decode: Decode<'_, ReadError>,
    ) -> Result<Option<Block>, ReadError> {
        let end = id.offset.saturating_add(u64::from(id.len)) as usize;
        let bytes = self.read(id.file);
        let wanted = IoError::UnexpectedEnd { wanted: end as u64, got: bytes.len() as u64 };
        let stored = bytes.get(id.offset as usize..end);
        let stored = stored.ok_or(ReadError::Io { file: id.file, at: id.offset, error: wanted })?;
        decode(Stored::Borrowed(stored)).map(Some)
    }
}
