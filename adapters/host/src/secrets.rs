//! Secrets of a data directory: made when first asked for, kept in `DIR/credentials` for its owner only.
//!
//! ```toml
//! password = "0f3c…"
//! ```

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::Fault;

/// The file's name.
pub const FILE: &str = "credentials";
/// Random bytes in a secret; twice as many digits.
const SECRET_LEN: usize = 16;

/// The file of one data directory.
pub struct Secrets {
    dir: PathBuf,
    lock: Mutex<()>,
}

impl Secrets {
    /// Those of a data directory; nothing is read yet.
    pub fn new(dir: &Path) -> Secrets {
        Secrets { dir: dir.to_owned(), lock: Mutex::new(()) }
    }

    /// The secret of that name if there is one.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or others may read it.
    pub fn find(&self, name: &str) -> Result<Option<String>, Fault> {
        let path = self.dir.join(FILE);
        let shown = path.display();
        let mode = match fs::metadata(&path) {
            Ok(found) => found.permissions().mode() & 0o777,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("cannot read {shown}: {error}").into()),
        };
        if mode & 0o077 != 0 {
            return Err(format!("{shown} can be read by others (mode {mode:o}); chmod 600 it").into());
        }
        let text = fs::read_to_string(&path).map_err(|error| format!("cannot read {shown}: {error}"))?;
        let table: toml::Table = text
            .parse()
            .map_err(|error: toml::de::Error| format!("cannot read {shown}: {}", error.message()))?;
        match table.get(name) {
            None => Ok(None),
            Some(value) => match value.as_str() {
                Some(secret) if !secret.is_empty() => Ok(Some(secret.to_owned())),
                _ => Err(format!("{shown}: {name} must be a text in quotes that is not empty").into()),
            },
        }
    }

    /// The secret of that name, made if there is none yet.
    ///
    /// # Errors
    ///
    /// As [`Secrets::find`], and if the file cannot be written.
    pub fn get(&self, name: &str) -> Result<String, Fault> {
        let _alone = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(secret) = self.find(name)? {
            return Ok(secret);
        }
        let path = self.dir.join(FILE);
        let secret = generate()?;
        self.append(&path, name, &secret)
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        Ok(secret)
    }

    /// Written whole beside the old file, then put in its place: a crash leaves one of the two.
    fn append(&self, path: &Path, name: &str, secret: &str) -> std::io::Result<()> {
        let mut text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&format!("{name} = \"{secret}\"\n"));
        let beside = self.dir.join(format!("{FILE}.new"));
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all())?;
        fs::rename(&beside, path)?;
        fs::File::open(&self.dir)?.sync_all()
    }
}

fn generate() -> Result<String, Fault> {
    let mut bytes = [0; SECRET_LEN];
    let source = fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    source.map_err(|error| format!("cannot read /dev/urandom: {error}"))?;
    Ok(bytes.iter().map(|b| format!("{b:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_made_once_and_kept_from_others() {
        let dir = tempfile::tempdir().unwrap();
        let secrets = Secrets::new(dir.path());
        assert_eq!(secrets.find("password").unwrap(), None);
        let password = secrets.get("password").unwrap();
        let other = secrets.get("s3-secret").unwrap();
        assert_eq!((password.len(), password == other), (32, false));
        assert_eq!(Secrets::new(dir.path()).get("password").unwrap(), password);
        let path = dir.path().join(FILE);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(secrets.get("password").unwrap_err().to_string().contains("chmod 600"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "password = \"\"\n").unwrap();
        assert!(secrets.get("password").is_err());
    }
}
