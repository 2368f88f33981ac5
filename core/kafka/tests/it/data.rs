//! Log folders of a real Kafka, with what its own tools say of them.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// Versions of the broker that made the folders.
pub const VERSIONS: [&str; 2] = ["4.4.0", "3.9.2"];

/// The folder of one version, if the test data is there.
pub fn folder(version: &str) -> Option<PathBuf> {
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|dir| dir.join("shared/data"));
    let named = std::env::var_os("DOLMEN_TESTDATA").map(PathBuf::from);
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let all = named.into_iter().chain(above).map(|dir| dir.join("kafka")).chain([committed]);
    let found = all.map(|dir| dir.join(version)).find(|dir| dir.is_dir());
    if found.is_none() {
        println!("skipped: no data");
    }
    found
}

/// The lines of a file of JSON lines.
pub fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
