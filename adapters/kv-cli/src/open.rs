//! Opening databases, and the sentences for those that do not open.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use dolmen_base::io::IoError;
use dolmen_cli::Out;
use dolmen_lsm::filename::FileName;
use dolmen_lsm::merge::by_name;
use dolmen_store::{Db, Family, FamilyOptions, Options, StoreError};
use dolmen_wal::RecoveryMode;

use crate::{Args, Recovery};

/// How the arguments, and the OPTIONS file beside the database, want it opened.
pub fn options(path: &Path, args: &Args) -> Result<Options> {
    let mut options = Options {
        recovery: args.recovery.map(|mode| match mode {
            Recovery::TornTail => RecoveryMode::TornTail,
            Recovery::TolerateTail => RecoveryMode::TolerateCorruptedTail,
            Recovery::Absolute => RecoveryMode::Absolute,
            Recovery::PointInTime => RecoveryMode::PointInTime,
            Recovery::SkipDamaged => RecoveryMode::SkipAnyCorrupted,
        }),
        ..Options::default()
    };
    if let Some(name) = &args.operator {
        let found = by_name(name).with_context(|| {
            format!("there is no merge operator {name}; there are uint64add, stringappend and max")
        })?;
        options.default_family.merge_operator = Some(found.into());
    } else {
        for (family, name) in operators_beside(path) {
            if let Some(operator) = by_name(&name) {
                let named =
                    FamilyOptions { merge_operator: Some(operator.into()), ..options.default_family.clone() };
                options.families.push((family, named));
            }
        }
    }
    Ok(options)
}

/// Family and merge operator, as the newest OPTIONS file of RocksDB names them.
fn operators_beside(path: &Path) -> Vec<(String, String)> {
    let names =
        fs::read_dir(path).into_iter().flatten().flatten().filter_map(|e| e.file_name().into_string().ok());
    let Some(newest) = names.filter(|name| name.starts_with("OPTIONS-")).max() else { return Vec::new() };
    operators(&fs::read_to_string(path.join(newest)).unwrap_or_default())
}

fn operators(options: &str) -> Vec<(String, String)> {
    let (mut family, mut found) = (None, Vec::new());
    for line in options.lines().map(str::trim) {
        if line.starts_with('[') {
            family = line.strip_prefix("[CFOptions \"").and_then(|rest| rest.strip_suffix("\"]"));
        }
        let Some((family, value)) = family.zip(line.strip_prefix("merge_operator=")) else { continue };
        // `UInt64AddOperator`, or `{id=StringAppendOperator;delimiter=,;}`
        let name = value.trim_start_matches('{').trim_start_matches("id=");
        let name = name.split([';', '}']).next().unwrap_or_default();
        if !name.is_empty() && name != "nullptr" {
            found.push((family.to_owned(), name.to_owned()));
        }
    }
    found
}

/// Opens for reading.
pub fn for_reading(path: &Path, options: Options) -> Result<Db> {
    Db::open_read_only(path, options).map_err(|error| explain(path, error))
}

/// Opens for writing; makes a database only if that is what the verb is for, and only in a directory without other files.
pub fn for_writing(path: &Path, options: Options, create_if_missing: bool) -> Result<Db> {
    let is_there = path.join("CURRENT").exists();
    if create_if_missing && !is_there {
        let mut others: Vec<String> = fs::read_dir(path)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        others.retain(|name| name != "LOCK" && FileName::parse(name).is_none());
        if let Some(name) = others.first() {
            bail!(
                "{} holds other files, {name} for instance, and no database; name a new or empty directory with --path",
                path.display()
            );
        }
    }
    let options = Options { create_if_missing, ..options };
    Db::open(path, options).map_err(|error| explain(path, error))
}

/// An error with the directory, and the way out if there is one.
pub fn explain(path: &Path, error: StoreError) -> anyhow::Error {
    let shown = path.display();
    match &error {
        StoreError::NoDatabase { orphans: 0, .. } if path.join("kv/CURRENT").exists() => {
            anyhow!("{shown} holds no database, but {shown}/kv does; use --path {shown}/kv")
        }
        StoreError::NoDatabase { orphans: 0, .. } => {
            anyhow!("{shown} holds no database; `dolmen kv --path {shown} set KEY VALUE` makes one")
        }
        StoreError::Log { .. } => anyhow!("{shown}/{error}"),
        StoreError::Locked { .. } | StoreError::NoDatabase { .. } => anyhow!(error),
        StoreError::Io { error: IoError::NotFound, .. } if !path.exists() => {
            anyhow!("{shown} is not there; `dolmen kv --path {shown} set KEY VALUE` makes a database")
        }
        StoreError::Read { .. } | StoreError::Io { .. } => {
            let text = error.to_string();
            let text = text.trim_start_matches(": ");
            if text.starts_with(&shown.to_string()) { anyhow!("{text}") } else { anyhow!("{shown}/{text}") }
        }
        _ => anyhow!("{shown}: {error}"),
    }
}

/// Says what opening left out of the logs.
pub fn warn_losses(db: &Db, out: &Out) {
    for loss in &db.recovery().losses {
        out.warn(loss);
    }
}

/// The family of --cf.
pub fn family(db: &Db, args: &Args) -> Result<Family> {
    let name = args.cf.as_deref().unwrap_or("default");
    db.family(name).with_context(|| {
        let names: Vec<String> = db.families().iter().map(|family| family.name.to_string()).collect();
        format!(
            "there is no column family {name}; there {} {} (`create-family NAME` makes one)",
            if names.len() == 1 { "is" } else { "are" },
            names.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::operators;

    #[test]
    fn operators_are_read_from_rocksdb_s_options() {
        // Lines as RocksDB 7.8 and 8.0 write them.
        let text = "[Version]\n  rocksdb_version=7.8.3\n[CFOptions \"default\"]\n  merge_operator=UInt64AddOperator\n  comparator=x\n\
                    [TableOptions/BlockBasedTable \"default\"]\n  block_size=4096\n[CFOptions \"users\"]\n\
                    merge_operator={id=StringAppendOperator;delimiter=,;}\n[CFOptions \"none\"]\n  merge_operator=nullptr\n";
        let found = operators(text);
        let pair = |family: &str, name: &str| (family.to_owned(), name.to_owned());
        assert_eq!(found, [pair("default", "UInt64AddOperator"), pair("users", "StringAppendOperator")]);
    }
}
