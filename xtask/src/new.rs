//! `cargo xtask new NAME`: a core crate in the pattern of all others, small but whole: a format with its view, typed errors, limits,
//! a plain twin, a shared check body, a fuzz target with seeds, and the page in seven parts. Whoever goes on replaces the record
//! by the system's own.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::shell::{command, output, root};
use crate::systems;

/// Files of the crate and of its fuzz target, with their templates.
const FILES: &[(&str, &str)] = &[
    ("core/NAME/Cargo.toml", include_str!("../template/Cargo.toml.txt")),
    ("core/NAME/README.md", include_str!("../template/README.md.txt")),
    ("core/NAME/src/lib.rs", include_str!("../template/lib.rs.txt")),
    ("core/NAME/src/error.rs", include_str!("../template/error.rs.txt")),
    ("core/NAME/src/limits.rs", include_str!("../template/limits.rs.txt")),
    ("core/NAME/src/record.rs", include_str!("../template/record.rs.txt")),
    ("core/NAME/src/naive.rs", include_str!("../template/naive.rs.txt")),
    ("core/NAME/src/check.rs", include_str!("../template/check.rs.txt")),
    ("core/NAME/tests/records.rs", include_str!("../template/tests.rs.txt")),
    ("fuzz/fuzz_targets/IDENT_record.rs", include_str!("../template/fuzz.rs.txt")),
    ("fuzz/corpus/IDENT_record/two", "\u{3}oak\u{0}"),
    ("fuzz/corpus/IDENT_record/cut-off", "\u{5}oak"),
];

/// `cargo xtask new NAME`
pub fn run(args: &[String]) -> Result<()> {
    let [name] = args else { anyhow::bail!("cargo xtask new NAME: one name, such as `graph`") };
    let is_plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    let starts = name.starts_with(|c: char| c.is_ascii_lowercase()) && !name.ends_with('-');
    ensure!(is_plain && starts, "{name} is no name of a crate: small letters, digits and hyphens");
    ensure!(!root().join("core").join(name).exists(), "core/{name} is there already");
    let ident = name.replace('-', "_");
    let fill = |text: &str| text.replace("NAME", name).replace("IDENT", &ident);
    for (path, text) in FILES {
        put(&root().join(fill(path)), &fill(text))?;
    }
    append(systems::FILE, &listed(name, &ident, &fs::read_to_string(root().join(systems::FILE))?))?;
    append(
        "COMPAT.md",
        &fill(
            "\n## NAME\n\n| feature | today | note |\n|---|---|---|\n| records with their length in front | yes | `core/NAME/tests/records.rs` |\n",
        ),
    )?;
    systems::write()?;
    // The locks of the workspaces outside take the new crate in.
    for manifest in ["Cargo.toml", "xtask/probe/Cargo.toml", "fuzz/Cargo.toml"] {
        output(command("cargo", &["metadata", "--format-version", "1", "--manifest-path", manifest]))?;
    }
    println!(
        "core/{name} is laid out; go on with `cargo test -p dolmen-{name}`, `cargo xtask tidy`, `cargo xtask probe`"
    );
    Ok(())
}

/// Its entries of the list. A crate that was to come has its own already.
fn listed(name: &str, ident: &str, list: &str) -> String {
    let mut entries = String::new();
    if !list.contains(&format!("fuzz = [\"{ident}_*\"]")) {
        entries.push_str(&format!(
            "\n[[system]]\nname = \"{name}\"\ntitle = \"{name}\"\nspeaks = \"records with their length in front\"\n\
             page = \"core/{name}/README.md\"\ncompat = \"{name}\"\nfuzz = [\"{ident}_*\"]\n"
        ));
    }
    if !list.contains(&format!("name = \"core/{name}\"")) {
        entries.push_str(&format!(
            "\n[[crate]]\nname = \"core/{name}\"\nheight = 2\nholds = \"records with their length in front\"\nnever = \"touch a file\"\n"
        ));
    }
    entries
}

fn put(path: &Path, text: &str) -> Result<()> {
    fs::create_dir_all(path.parent().context("it has a folder")?)?;
    fs::write(path, text).with_context(|| path.display().to_string())
}

fn append(path: &str, text: &str) -> Result<()> {
    let whole = root().join(path);
    let old = fs::read_to_string(&whole).context(path.to_owned())?;
    fs::write(&whole, old + text).context(path.to_owned())
}
