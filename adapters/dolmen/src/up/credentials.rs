//! The password of a data directory: made at the first start, kept in `DIR/credentials` for its owner only.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

/// The file's name.
pub(super) const FILE: &str = "credentials";
/// Random bytes in a password; twice as many digits.
const PASSWORD_LEN: usize = 16;

/// The password of `data`, made if there is none yet.
pub(super) fn password(data: &Path) -> Result<String> {
    let path = data.join(FILE);
    let shown = path.display();
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
        Ok(mut file) => {
            let password = generate()?;
            writeln!(file, "password = \"{password}\"").and_then(|()| file.sync_all())?;
            Ok(password)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let mode = fs::metadata(&path)?.permissions().mode() & 0o777;
            ensure!(mode & 0o077 == 0, "{shown} can be read by others (mode {mode:o}); chmod 600 it");
            let text = fs::read_to_string(&path)?;
            let table: toml::Table = text.parse().with_context(|| format!("cannot read {shown}"))?;
            match table.get("password").and_then(toml::Value::as_str) {
                Some(password) if !password.is_empty() => Ok(password.to_string()),
                _ => bail!("{shown} has no line password = \"…\""),
            }
        }
        Err(error) => Err(error).with_context(|| format!("cannot create {shown}")),
    }
}

fn generate() -> Result<String> {
    let mut bytes = [0; PASSWORD_LEN];
    let source = fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    source.context("cannot read /dev/urandom")?;
    Ok(bytes.iter().map(|b| format!("{b:02x}")).collect())
}
