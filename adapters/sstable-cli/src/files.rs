//! Folders and files of SSTables, as sources of blocks.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail, ensure};
use dolmen_base::io::{Directory, FileNumber, IoError, OpenMode};
use dolmen_blocks::{BlockCache, Files};
use dolmen_bti::component::{Component, Descriptor, Version, table_of_folder};
use dolmen_bti::schema::{self, TableSchema};
use dolmen_bti::table::{Components, Table};
use dolmen_fs::Dir;

pub(super) use dolmen_blocks::Libraries;

/// Decoded bytes that a verb keeps, of all SSTables together.
const CACHE_BYTES_MAX: u64 = 64 << 20;
/// Longest file that is read whole.
const SMALL_BYTES_MAX: u64 = 1 << 30;

/// An SSTable in a folder.
pub(super) struct SsTable {
    pub folder: PathBuf,
    pub name: String,
    pub version: Version,
    pub components: Components,
    pub source: Files,
    order: (u64, String),
}

/// Name, version, id and files of an SSTable.
type Group = (String, Version, String, Vec<(Component, PathBuf)>);

/// Most folders that a walk looks into.
const FOLDERS_MAX: usize = 100_000;

/// As [`find`]; of a folder without SSTables the tables in the folders below it, as in a keyspace or a data directory. With each the name
/// to print.
pub(super) fn find_below(path: &Path) -> Result<Vec<(String, SsTable)>> {
    let direct = find(path);
    let is_folder = path.is_dir();
    let error = match direct {
        Ok(found) => return Ok(found.into_iter().map(|sstable| (sstable.name.clone(), sstable)).collect()),
        Err(error) if !is_folder || holds_components(path) => return Err(error),
        Err(error) => error,
    };
    let (mut open, mut found, mut seen) = (vec![path.to_owned()], Vec::new(), 0);
    while let Some(folder) = open.pop() {
        seen += 1;
        ensure!(seen <= FOLDERS_MAX, "{} has more than {FOLDERS_MAX} folders", path.display());
        let entries = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
        for entry in entries.flatten() {
            let below = entry.path();
            // A snapshot or an index's own folder is not the table's data.
            if !below.is_dir()
                || below.is_symlink()
                || entry.file_name() == "snapshots"
                || entry.file_name() == "backups"
            {
                continue;
            }
            if holds_components(&below) {
                let name = below.strip_prefix(path).unwrap_or(&below).display().to_string();
                found.extend(
                    find(&below)?.into_iter().map(|sstable| (format!("{name}/{}", sstable.name), sstable)),
                );
            } else {
                open.push(below);
            }
        }
    }
    if found.is_empty() {
        return Err(error);
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found)
}

/// Whether a folder has files that are named as components are.
fn holds_components(folder: &Path) -> bool {
    let names = fs::read_dir(folder).into_iter().flatten().flatten();
    names.filter_map(|entry| entry.file_name().into_string().ok()).any(|name| {
        // A version that is not known is a component too: it gets its own error.
        Descriptor::parse(&name)
            .map_or(true, |parsed| parsed.is_some_and(|(_, component)| component.is_some()))
    })
}

/// The SSTables of a folder, older first, or the one that a file is a component of.
pub(super) fn find(path: &Path) -> Result<Vec<SsTable>> {
    let is_folder = path.is_dir();
    let folder = if is_folder { path } else { path.parent().unwrap_or(Path::new("")) };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let mut wanted = None;
    if !is_folder {
        ensure!(path.exists(), "{} does not exist", path.display());
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let parsed = Descriptor::parse(&name).with_context(|| path.display().to_string())?;
        let Some((descriptor, _)) = parsed else {
            bail!("{} is no component of an SSTable, as da-1-bti-Data.db is", path.display());
        };
        wanted = Some(descriptor.to_string());
    }
    let mut groups: Vec<Group> = Vec::new();
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let parsed = match Descriptor::parse(name) {
            Ok(parsed) => parsed,
            Err(_) if wanted.is_some() => continue,
            Err(error) => return Err(anyhow!(error).context(path.display().to_string())),
        };
        let Some((descriptor, Some(component))) = parsed else { continue };
        let name = descriptor.to_string();
        if wanted.as_ref().is_some_and(|wanted| *wanted != name) {
            continue;
        }
        match groups.iter_mut().find(|group| group.0 == name) {
            Some(group) => group.3.push((component, path)),
            None => {
                groups.push((name, descriptor.version, descriptor.id.into(), vec![(component, path)]));
            }
        }
    }
    ensure!(!groups.is_empty(), "{} holds no SSTable", path.display());
    let cache = BlockCache::new(CACHE_BYTES_MAX);
    let dir = Dir::open(folder).map_err(|e| anyhow!("cannot open {}: {e}", folder.display()))?;
    let dir: Arc<dyn Directory> = Arc::new(dir);
    let mut tables = groups
        .into_iter()
        .map(|(name, version, id, files)| load(folder, (&cache, &dir), name, version, &id, files))
        .collect::<Result<Vec<SsTable>>>()?;
    tables.sort_by(|a, b| a.order.cmp(&b.order));
    Ok(tables)
}

fn load(
    folder: &Path,
    (cache, dir): (&Arc<BlockCache>, &Arc<dyn Directory>),
    name: String,
    version: Version,
    id: &str,
    files: Vec<(Component, PathBuf)>,
) -> Result<SsTable> {
    let mut components = Components::default();
    let mut names = BTreeMap::new();
    for (component, path) in files {
        let meta = fs::metadata(&path).with_context(|| format!("cannot read {}", path.display()))?;
        components.lens.push((component, meta.len()));
        if Components::SMALL.contains(&component) {
            components.small.push((component, read_small(&path)?));
        }
        names.insert(component.file().get(), format!("{name}-{component}"));
    }
    let order = match id.parse() {
        Ok(number) => (number, String::new()),
        Err(_) => (u64::MAX, id.into()),
    };
    let dir = dir.clone();
    let source = Files::new(cache, move |number: FileNumber| {
        let name = names.get(&number.get()).ok_or(IoError::NotFound)?;
        dir.open(name, OpenMode::Read)
    });
    Ok(SsTable { folder: folder.into(), name, version, components, source, order })
}

/// A whole file that is not the data.
pub(super) fn read_small(path: &Path) -> Result<Vec<u8>> {
    let len = fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?.len();
    ensure!(len <= SMALL_BYTES_MAX, "{} has {len} bytes, too many to read whole", path.display());
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

impl SsTable {
    /// The path of a component.
    pub fn path(&self, component: Component) -> PathBuf {
        self.folder.join(format!("{}-{component}", self.name))
    }

    /// A component whole, if it is there.
    pub fn read(&self, component: Component) -> Result<Option<Vec<u8>>> {
        if self.components.lens.iter().all(|(present, _)| *present != component) {
            return Ok(None);
        }
        read_small(&self.path(component)).map(Some)
    }

    /// Opens it. A schema that was named must fit; one that lies in the folder counts if it does.
    pub fn open(&self, schema: Option<&Path>) -> Result<Table> {
        let context = || self.folder.join(&self.name).display().to_string();
        let mut table = Table::open(self.version, &self.components, &self.source).with_context(context)?;
        let beside = self.folder.join("schema.cql");
        let path = schema.or_else(|| (beside.exists() && !table.is_index()).then_some(&*beside));
        let Some(path) = path else { return Ok(table) };
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let applied =
            choose(&text, &self.folder).and_then(|chosen| table.apply(&chosen).map_err(anyhow::Error::from));
        match applied {
            Err(error) if schema.is_some() => Err(error.context(path.display().to_string())),
            _ => Ok(table),
        }
    }
}

/// The table of a schema: the only one, or the one that the folder is named after.
fn choose(text: &str, folder: &Path) -> Result<TableSchema> {
    let mut tables = schema::parse(text)?;
    if tables.len() != 1 {
        let folder = folder.canonicalize()?;
        let folder = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let name = table_of_folder(&folder);
        tables.retain(|table| table.name == name);
    }
    tables.pop().context("the schema does not create this table")
}
