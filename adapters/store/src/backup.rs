//! Backups: copies of a database in RocksDB's form, incremental, checked on the way back. The form stands in `dolmen_lsm::backup`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use dolmen_base::io::{Directory, File, IoError, OpenMode, read_file};
use dolmen_codec::checksum::crc32c_extend;
use dolmen_fs::Dir;
use dolmen_lsm::backup::{
    BackupError, Kept, META, Meta, PRIVATE, SHARED, backup_number, meta_path, private_path, shared_path,
};
use dolmen_lsm::filename::{FileName, current_text};

use crate::api::StoreError;
use crate::db::{Inner, Still};

/// Bytes that are copied at a time.
const PIECE_LEN: u64 = 1 << 20;
/// Longest list of a backup that is read.
const META_LEN_MAX: u64 = 256 << 20;

/// A backup directory.
struct Backups {
    path: PathBuf,
    meta: Dir,
}

fn at(path: &Path) -> impl Fn(IoError) -> StoreError + use<> {
    let file = path.display().to_string();
    move |error| StoreError::Io { file: file.clone(), error }
}

impl Backups {
    fn open(path: &Path) -> Result<Backups, StoreError> {
        let meta = path.join(META);
        Ok(Backups { path: path.to_owned(), meta: Dir::open(&meta).map_err(at(&meta))? })
    }

    fn create(path: &Path) -> Result<Backups, StoreError> {
        for folder in [META, PRIVATE, SHARED].map(|folder| path.join(folder)) {
            Dir::create(&folder).map_err(at(&folder))?;
        }
        Backups::open(path)
    }

    fn newest(&self) -> Result<Option<u32>, StoreError> {
        let lists = self.meta.list().map_err(at(&self.path.join(META)))?;
        Ok(lists.iter().filter_map(|entry| backup_number(&entry.name)).max())
    }

    /// A file below the directory: its folder and its name.
    fn place(&self, path: &str) -> Result<(Dir, String), StoreError> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let folder = self.path.join(folder);
        Ok((Dir::open(&folder).map_err(at(&folder))?, name.to_owned()))
    }

    /// Writes a file, whole or not at all.
    fn write(
        &self,
        path: &str,
        copy: &mut dyn FnMut(&dyn File) -> Result<(), IoError>,
    ) -> Result<(), StoreError> {
        let (dir, name) = self.place(path)?;
        let (temp, failed) = (format!("{name}.tmp"), at(&self.path.join(path)));
        // One of an earlier try that did not end.
        let _ = dir.delete(&temp);
        let written = dir.open(&temp, OpenMode::CreateNew).and_then(|file| {
            copy(&*file)?;
            file.sync()
        });
        let done = written.and_then(|()| dir.rename(&temp, &name)).and_then(|()| dir.sync());
        if done.is_err() {
            let _ = dir.delete(&temp);
        }
        done.map_err(failed)
    }
}

/// Calls `piece` with all of a file in order; its length comes back.
fn read_pieces(file: &dyn File, piece: &mut dyn FnMut(&[u8]) -> Result<(), IoError>) -> Result<u64, IoError> {
    let len = file.len()?;
    let mut buffer = vec![0; PIECE_LEN.min(len) as usize];
    let mut at = 0;
    while at < len {
        let wanted = (len - at).min(PIECE_LEN) as usize;
        file.read_exact_at(at, &mut buffer[..wanted])?;
        piece(&buffer[..wanted])?;
        at += wanted as u64;
    }
    Ok(len)
}

/// Adds a backup of the database to the directory `target`; its number comes back.
pub(crate) fn backup(inner: &Inner, still: &Still, target: &Path) -> Result<u32, StoreError> {
    let backups = Backups::create(target)?;
    let number = backups.newest()?.unwrap_or(0).saturating_add(1);
    let own = target.join(PRIVATE).join(number.to_string());
    Dir::create(&own).map_err(at(&own))?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut meta = Meta {
        timestamp: i64::try_from(now.as_secs()).unwrap_or(i64::MAX),
        sequence: still.sequence,
        files: Vec::new(),
    };
    for name in still.tables(&*inner.dir)? {
        meta.files.push(keep_table(inner, &backups, name)?);
    }
    let manifest = FileName::Manifest(still.manifest);
    let current = current_text(still.manifest);
    for (name, bytes) in
        [(manifest, still.manifest_bytes.as_slice()), (FileName::Current, current.as_bytes())]
    {
        let path = private_path(number, name);
        backups.write(&path, &mut |file| file.append(bytes))?;
        meta.files.push(Kept { path, name, crc32c: Some(crc32c_extend(0, bytes)) });
    }
    backups.write(&meta_path(number), &mut |file| file.append(meta.encode().as_bytes()))?;
    Ok(number)
}

/// Copies a table, unless an earlier backup has the same.
fn keep_table(inner: &Inner, backups: &Backups, name: FileName) -> Result<Kept, StoreError> {
    let failed = |error| StoreError::Io { file: name.to_string(), error };
    let file: Arc<dyn File> = inner.dir.open(&name.to_string(), OpenMode::Read).map_err(failed)?;
    let mut crc = 0;
    let len = read_pieces(&*file, &mut |bytes| {
        crc = crc32c_extend(crc, bytes);
        Ok(())
    })
    .map_err(failed)?;
    let path = shared_path(name.number().unwrap_or_default(), crc, len);
    let (dir, kept) = backups.place(&path)?;
    let is_there =
        dir.open(&kept, OpenMode::Read).and_then(|file| file.len()).is_ok_and(|found| found == len);
    if !is_there {
        backups.write(&path, &mut |to| read_pieces(&*file, &mut |bytes| to.append(bytes)).map(drop))?;
    }
    Ok(Kept { path, name, crc32c: Some(crc) })
}

/// Makes a database in `target`, which must be missing or empty, from the newest backup in the directory `from`; its number comes back.
pub(crate) fn restore(from: &Path, target: &Path) -> Result<u32, StoreError> {
    let backups = Backups::open(from)?;
    let Some(number) = backups.newest()? else {
        return Err(StoreError::Invalid(format!("{} holds no backup", from.display())));
    };
    let list = from.join(meta_path(number));
    let text = read_file(&backups.meta, &number.to_string(), META_LEN_MAX).map_err(at(&list))?;
    let meta = Meta::parse(&text)
        .map_err(|error: BackupError| StoreError::Backup { file: list.display().to_string(), error })?;
    crate::db::fill_new(target, &mut |to| {
        // CURRENT last: what is not whole is no database.
        let (current, others): (Vec<&Kept>, Vec<&Kept>) =
            meta.files.iter().partition(|file| file.name == FileName::Current);
        others.into_iter().chain(current).try_for_each(|file| bring_back(&backups, file, to))
    })?;
    Ok(number)
}

fn bring_back(backups: &Backups, kept: &Kept, to: &Dir) -> Result<(), StoreError> {
    let (dir, name) = backups.place(&kept.path)?;
    let shown = backups.path.join(&kept.path);
    let source = dir.open(&name, OpenMode::Read).map_err(at(&shown))?;
    let (mut crc, new) = (0, kept.name.to_string());
    let file = to.open(&new, OpenMode::CreateNew).map_err(at(&shown))?;
    read_pieces(&*source, &mut |bytes| {
        crc = crc32c_extend(crc, bytes);
        file.append(bytes)
    })
    .and_then(|_| file.sync())
    .map_err(at(&shown))?;
    match kept.crc32c {
        Some(expected) if expected != crc => {
            Err(StoreError::BackupChecksum { file: shown.display().to_string(), expected, found: crc })
        }
        _ => Ok(()),
    }
}
