//! Whole files in memory without reading them: the pages come as they are touched.

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::path::Path;

/// A file that is mapped for reading. Its bytes begin at a page.
#[derive(Debug)]
pub struct Map(memmap2::Mmap);

impl Map {
    /// Maps a file as it is now. Whoever shortens or overwrites it meanwhile breaks the map, so files that are mapped are replaced by a rename,
    /// never written in place.
    ///
    /// # Errors
    ///
    /// As opening the file.
    pub fn open(path: &Path) -> io::Result<Map> {
        // Walks touch pages in no order; reading ahead would only fill memory.
        Map::advised(path, memmap2::Advice::Random)
    }

    /// The same for a file of which everything is read soon, from its beginning to its end: the kernel reads ahead.
    ///
    /// # Errors
    ///
    /// As opening the file.
    pub fn open_whole(path: &Path) -> io::Result<Map> {
        Map::advised(path, memmap2::Advice::WillNeed)
    }

    fn advised(path: &Path, advice: memmap2::Advice) -> io::Result<Map> {
        let file = File::open(path)?;
        if file.metadata()?.len() == 0 {
            return memmap2::MmapMut::map_anon(1).and_then(memmap2::MmapMut::make_read_only).map(Map);
        }
        // SAFETY: the map is read-only, and this project replaces files by renames, so that the mapped one keeps its bytes for as long as the map
        // lives. A foreign process that writes into the file can change what is read, which every reader of a mapped file checks for; one
        // that shortens it ends this process with a signal, as with every map.
        let map = unsafe { memmap2::Mmap::map(&file) }?;
        let _ = map.advise(advice);
        Ok(Map(map))
    }
}

impl Map {
    /// Reads a file into memory of its own, in large pages where the kernel has them: random reads then wait less for page tables. The
    /// file may change afterwards.
    ///
    /// # Errors
    ///
    /// As reading the file.
    pub fn load(path: &Path) -> io::Result<Map> {
        let mut file = File::open(path)?;
        let len = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
        let mut map = memmap2::MmapMut::map_anon(len.max(1))?;
        #[cfg(target_os = "linux")]
        let _ = map.advise(memmap2::Advice::HugePage);
        io::Read::read_exact(&mut file, &mut map[..len])?;
        map.make_read_only().map(Map)
    }
}

impl Deref for Map {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}
