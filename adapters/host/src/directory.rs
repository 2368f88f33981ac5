//! The data directory: one process has it, and nothing else lies in it.

use std::path::Path;

use dolmen_base::io::{Directory, IoError, OpenMode};
use dolmen_fs::Dir;

use crate::{Fault, secrets};

/// Held by the process that serves.
const LOCK: &str = "LOCK";
/// Says that the directory was made for tests, which may empty it.
const FOR_TESTS: &str = "made-with-test-api";

/// Takes the data directory for this process, or says who has it. `services` are the names of folders that are ours. For tests only a new
/// directory or one that was made for them is taken.
pub(crate) fn own(data: &Path, services: &[&str], for_tests: bool) -> Result<impl Send + use<>, Fault> {
    let shown = data.display();
    let dir = Dir::create(data).map_err(|error| format!("cannot create {shown}: {error}"))?;
    let mut names = Vec::new();
    for entry in std::fs::read_dir(data).map_err(|error| format!("cannot list {shown}: {error}"))? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    let is_ours = |name: &String| {
        [LOCK, secrets::FILE, FOR_TESTS].contains(&&**name) || services.contains(&&**name)
    };
    if !names.is_empty() && !names.iter().any(is_ours) {
        return Err(format!(
            "{shown} holds other files, {} for instance; choose an empty directory with --data DIR",
            names[0]
        )
        .into());
    }
    let is_for_tests = names.iter().any(|name| name == FOR_TESTS);
    if for_tests && !is_for_tests && names.iter().any(|name| services.contains(&&**name)) {
        return Err(format!(
            "{shown} was made without --test-api, which may empty it; choose an empty directory with --data DIR"
        )
        .into());
    }
    let lock = dir.lock(LOCK).map_err(|error| match (error, dir.lock_holder(LOCK)) {
        (IoError::Locked, Some(pid)) => {
            format!("{shown} is in use by process {pid}; choose another directory with --data DIR")
        }
        (IoError::Locked, None) => format!("{shown} is in use; choose another directory with --data DIR"),
        (error, _) => format!("cannot lock {shown}: {error}"),
    })?;
    if for_tests && !is_for_tests {
        dir.open(FOR_TESTS, OpenMode::CreateNew)
            .and_then(|_| dir.sync())
            .map_err(|error| format!("cannot write to {shown}: {error}"))?;
    }
    Ok(lock)
}
