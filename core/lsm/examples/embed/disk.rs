//! A disk that is one block of memory: the number of the MANIFEST in force, and slots of fixed room, each a number, a kind, a length and bytes.

use alloc::vec::Vec;

use dolmen_base::block::{Block, BlockId, BlockSource, Decode, ReadMode, Stored};
use dolmen_base::io::{FileNumber, IoError};
use dolmen_lsm::error::ReadError;
use dolmen_lsm::filename::FileName;

/// Room of one file, its head included.
pub const ROOM: usize = 16 << 10;
const SLOTS: usize = 48;
const HEAD: usize = 12;
/// What a reboot leaves: nothing else is kept anywhere.
pub type Memory = [u8; 4 + SLOTS * ROOM];

/// Files in the memory.
pub struct Disk<'m>(pub &'m mut Memory);

impl Disk<'_> {
    /// The MANIFEST in force; `None` before there is one.
    pub fn current(&self) -> Option<FileNumber> {
        file_at(&self.0[..])
    }

    /// Puts another MANIFEST in force: four bytes at once.
    pub fn set_current(&mut self, manifest: FileNumber) {
        self.0[..4].copy_from_slice(&(manifest.get() as u32).to_le_bytes());
    }

    /// All files.
    pub fn names(&self) -> Vec<FileName> {
        let name = |slot: usize| {
            let number = file_at(self.slot(slot))?;
            Some(match self.slot(slot)[4] {
                0 => FileName::Manifest(number),
                1 => FileName::Log(number),
                _ => FileName::Table(number),
            })
        };
        (0..SLOTS).filter_map(name).collect()
    }

    /// A new file in a free slot.
    pub fn create(&mut self, name: FileName) -> Result<(), IoError> {
        let slot = (0..SLOTS).find(|&slot| number_at(self.slot(slot)) == 0).ok_or(IoError::NoSpace)?;
        let kind = match name {
            FileName::Manifest(_) => 0,
            FileName::Log(_) => 1,
            _ => 2,
        };
        let number = name.number().unwrap_or_default().get() as u32;
        let head = &mut self.0[4 + slot * ROOM..][..HEAD];
        head.fill(0);
        head[4] = kind;
        head[..4].copy_from_slice(&number.to_le_bytes());
        Ok(())
    }

    /// Deletes a file, if it is there.
    pub fn delete(&mut self, file: FileNumber) {
        if let Some(slot) = self.find(file) {
            self.0[4 + slot * ROOM..][..4].fill(0);
        }
    }

    /// The bytes of a file; none of one that is not there.
    pub fn read(&self, file: FileNumber) -> &[u8] {
        let Some(slot) = self.find(file) else { return &[] };
        let room = self.slot(slot);
        let len = number_at(&room[8..]) as usize;
        &room[HEAD..][..len.min(ROOM - HEAD)]
    }

    /// Appends to a file, all or nothing.
    pub fn append(&mut self, file: FileNumber, bytes: &[u8]) -> Result<(), IoError> {
        let slot = self.find(file).ok_or(IoError::NotFound)?;
        let len = self.read(file).len();
        let room = &mut self.0[4 + slot * ROOM..][..ROOM];
        let to = room.get_mut(HEAD + len..HEAD + len + bytes.len()).ok_or(IoError::NoSpace)?;
        to.copy_from_slice(bytes);
        room[8..HEAD].copy_from_slice(&((len + bytes.len()) as u32).to_le_bytes());
        Ok(())
    }

    fn slot(&self, slot: usize) -> &[u8] {
        &self.0[4 + slot * ROOM..][..ROOM]
    }

    fn find(&self, file: FileNumber) -> Option<usize> {
        (0..SLOTS).find(|&slot| file_at(self.slot(slot)) == Some(file))
    }
}

fn number_at(bytes: &[u8]) -> u32 {
    bytes.first_chunk().map_or(0, |number| u32::from_le_bytes(*number))
}

/// A file's number; 0 is none.
fn file_at(bytes: &[u8]) -> Option<FileNumber> {
    let number = number_at(bytes);
    (number != 0).then(|| FileNumber::new(number.into()))
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
