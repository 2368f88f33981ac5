//! Components as annotated bytes.

use std::io::Write;
use std::path::Path;

use anyhow::{Result, bail};
use dolmen_bti::component::{Component, Descriptor};
use dolmen_bti::inspect;

use super::files;

/// Prints a component.
pub(super) fn inspect(file: &Path, svg: bool, out: &mut dyn Write) -> Result<()> {
    let sstables = files::find(file)?;
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let Some((_, Some(component))) = Descriptor::parse(&name)? else {
        bail!("{name} is no component that is known here");
    };
    let sstable = &sstables[0];
    let table = sstable.open(None)?;
    if svg {
        if component != Component::Partitions {
            bail!("only the trie of Partitions.db has a picture");
        }
        out.write_all(inspect::partitions_svg(&table, &sstable.source)?.as_bytes())?;
        return Ok(());
    }
    let bytes = sstable.read(component)?.unwrap_or_default();
    let text = inspect::component(&table, component, &bytes, &sstable.source, &files::Libraries)?;
    out.write_all(text.as_bytes())?;
    Ok(())
}
