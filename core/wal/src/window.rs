//! The bytes of a log in bounded pieces. Fragments never cross the border of a block, so a reader that sees the block at hand and the one
//! behind it decides as if it saw the whole file.

use alloc::vec::Vec;
use core::convert::Infallible;

use dolmen_base::io::{File, IoError};

use crate::record::BLOCK_LEN;

/// Bytes that are read with one call.
const READ_LEN: usize = 256 << 10;

/// A log that is read from any place.
pub(crate) trait Bytes {
    /// Why bytes could not be read.
    type Error;

    /// Length of the log.
    fn len(&self) -> usize;

    /// The border of a block at or before `at`, and the bytes from there to the end of the block behind that of `at` at least, or to
    /// the end of the log.
    fn window(&mut self, at: usize) -> Result<(usize, &[u8]), Self::Error>;

    /// Where the zeros that stand at `at` end.
    fn zeros_end(&mut self, at: usize) -> Result<usize, Self::Error> {
        let mut end = at;
        while end < self.len() {
            let (base, bytes) = self.window(end)?;
            let rest = &bytes[end - base..];
            let zeros = rest.iter().take_while(|&&b| b == 0).count();
            end += zeros;
            if zeros < rest.len() {
                break;
            }
        }
        Ok(end)
    }
}

impl Bytes for &[u8] {
    type Error = Infallible;

    fn len(&self) -> usize {
        <[u8]>::len(self)
    }

    fn window(&mut self, _: usize) -> Result<(usize, &[u8]), Infallible> {
        Ok((0, self))
    }
}

/// A log in a file, as long as it was when this was made.
pub(crate) struct FileBytes<'a> {
    file: &'a dyn File,
    len: usize,
    base: usize,
    bytes: Vec<u8>,
}

impl<'a> FileBytes<'a> {
    pub(crate) fn new(file: &'a dyn File) -> Result<Self, IoError> {
        let len = usize::try_from(file.len()?).map_err(|_| IoError::NoSpace)?;
        Ok(FileBytes { file, len, base: 0, bytes: Vec::new() })
    }
}

impl Bytes for FileBytes<'_> {
    type Error = IoError;

    fn len(&self) -> usize {
        self.len
    }

    fn window(&mut self, at: usize) -> Result<(usize, &[u8]), IoError> {
        let block = at - at % BLOCK_LEN;
        let needed = (block + 2 * BLOCK_LEN).min(self.len);
        if block < self.base || needed > self.base + self.bytes.len() {
            self.bytes.resize((self.len.saturating_sub(block)).min(READ_LEN), 0);
            self.base = block;
            if let Err(error) = self.file.read_exact_at(block as u64, &mut self.bytes) {
                self.bytes.clear();
                return Err(error);
            }
        }
        Ok((self.base, &self.bytes))
    }
}
