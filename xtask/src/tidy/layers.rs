//! Names of packages and who may depend on whom.

use toml::{Table, Value};

use super::systems::list;
use super::{Findings, Tree};
use crate::systems::Systems;

/// Libraries from outside that a core crate may use: they need no std and no C.
const CORE_EXTERNAL: [&str; 17] = [
    "aes-gcm",
    "arrayref",
    "bytemuck",
    "crc",
    "hashbrown",
    "heapless",
    "hmac",
    "libm",
    "lz4_flex",
    "md-5",
    "regex",
    "sha1",
    "sha2",
    "spin",
    "unicode-normalization",
    "xxhash-rust",
    "zerocopy",
];
/// Libraries that only the command line and the chores may use.
const COMMAND_LINE_ONLY: [&str; 3] = ["anyhow", "clap", "indicatif"];
/// Siblings that an adapter may use.
const ADAPTER_SIBLINGS: [&str; 5] =
    ["dolmen-blocks", "dolmen-fs", "dolmen-host", "dolmen-store", "dolmen-units"];
/// What a crate of verbs may use besides these and the adapters of its own system.
const COMMAND_LINE: &str = "dolmen-cli";
/// Most features of a core crate.
const FEATURES_MAX: usize = 3;

/// Package name = `dolmen-` + folder; the binary alone is `dolmen`.
pub fn names(tree: &Tree) -> Findings {
    let mut findings = Vec::new();
    for (layer, folder, manifest) in tree.crates() {
        let wanted = if folder == "dolmen" { folder.to_owned() } else { format!("dolmen-{folder}") };
        let table = parse(manifest);
        let name =
            table.get("package").and_then(|p| p.get("name")).and_then(Value::as_str).unwrap_or("nothing");
        if name != wanted {
            findings.push(format!("{layer}/{folder}: is called {name}, must be {wanted}"));
        }
    }
    findings
}

/// Allowed dependencies of each layer (not of tests).
pub fn dependencies(tree: &Tree) -> Findings {
    let systems = match list(tree) {
        Ok(systems) => systems,
        Err(error) => return vec![error],
    };
    let mut findings = Vec::new();
    for (layer, folder, manifest) in tree.crates() {
        for name in dependency_names(&parse(manifest)) {
            let refusal = if layer == "core" {
                core_refuses(&systems, folder, &name)
            } else {
                adapter_refuses(&systems, folder, &name)
            };
            findings.extend(refusal.map(|why| format!("{layer}/{folder}: depends on {name}: {why}")));
        }
    }
    findings
}

fn core_refuses(systems: &Systems, folder: &str, name: &str) -> Option<&'static str> {
    let Some(other) = name.strip_prefix("dolmen-") else {
        return (!CORE_EXTERNAL.contains(&name)).then_some("core may not");
    };
    match (systems.height(folder), systems.height(other)) {
        (None, _) => Some("the crate has no height in systems.toml"),
        (_, None) => Some("not a core crate"),
        (Some(mine), Some(its)) if its >= mine => Some("it does not lie below"),
        _ => None,
    }
}

fn adapter_refuses(systems: &Systems, folder: &str, name: &str) -> Option<&'static str> {
    // The binary composes; `cli` is the vocabulary of verbs.
    if folder == "dolmen" {
        return None;
    }
    let verbs_of = folder.strip_suffix("-cli");
    if COMMAND_LINE_ONLY.contains(&name) {
        return (verbs_of.is_none() && folder != "cli").then_some("only the command line may");
    }
    let other = name.strip_prefix("dolmen-")?;
    let core = systems.height(other).is_some();
    if core || ADAPTER_SIBLINGS.contains(&name) {
        return None;
    }
    match verbs_of {
        Some(_) if name == COMMAND_LINE => None,
        Some(system) if other.strip_prefix(system).is_some_and(|rest| rest.starts_with('-')) => None,
        Some(_) => {
            Some("verbs use cli, blocks, fs, host, store, units and their own system's adapters alone")
        }
        None => Some("adapters use blocks, fs, host, store and units alone; only dolmen composes"),
    }
}

/// `bench = false` on every library and binary, else `cargo bench -- ARGS` ends in the test harness.
pub fn bench_is_off(tree: &Tree) -> Findings {
    let mut findings = Vec::new();
    for (path, manifest) in tree.ending("Cargo.toml") {
        let table = parse(manifest);
        if !table.contains_key("package") || table.contains_key("workspace") {
            continue;
        }
        let folder = path.trim_end_matches("Cargo.toml");
        let off =
            |target: Option<&Value>| target.and_then(|t| t.get("bench")) == Some(&Value::Boolean(false));
        if tree.text(&format!("{folder}src/lib.rs")).is_some() && !off(table.get("lib")) {
            findings.push(format!("{path}: [lib] lacks bench = false"));
        }
        let bins = table.get("bin").and_then(Value::as_array);
        let all_off = bins.is_some_and(|bins| bins.iter().all(|bin| off(Some(bin))));
        if tree.text(&format!("{folder}src/main.rs")).is_some() && !all_off {
            findings.push(format!("{path}: [[bin]] lacks bench = false"));
        }
    }
    findings
}

/// At most three features in a core crate, none named `std`.
pub fn features(tree: &Tree) -> Findings {
    let mut findings = Vec::new();
    for (layer, folder, manifest) in tree.crates().filter(|(layer, ..)| *layer == "core") {
        let table = parse(manifest);
        let Some(features) = table.get("features").and_then(Value::as_table) else { continue };
        if features.contains_key("std") {
            findings.push(format!("{layer}/{folder}: has a feature std"));
        }
        if features.keys().filter(|k| *k != "default").count() > FEATURES_MAX {
            findings.push(format!("{layer}/{folder}: has more than {FEATURES_MAX} features"));
        }
    }
    findings
}

fn parse(manifest: &str) -> Table {
    manifest.parse().unwrap_or_default()
}

/// Names under `[dependencies]` and `[target.*.dependencies]`; loom stands in for the standard library in a build of its own.
fn dependency_names(table: &Table) -> Vec<String> {
    let keys = |v: Option<&Value>| -> Vec<String> {
        v.and_then(Value::as_table).map(|t| t.keys().cloned().collect()).unwrap_or_default()
    };
    let mut names = keys(table.get("dependencies"));
    for (cfg, target) in table.get("target").and_then(Value::as_table).into_iter().flatten() {
        let more = keys(target.get("dependencies"));
        names.extend(more.into_iter().filter(|name| !(name == "loom" && cfg.contains("loom"))));
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(name: &str, dependencies: &str) -> String {
        format!("[package]\nname = \"{name}\"\n[dependencies]\n{dependencies}")
    }

    #[test]
    fn wrong_names_are_found() {
        assert_eq!(names(&Tree::of(&[("core/wal/Cargo.toml", &manifest("wal", ""))])).len(), 1);
        assert!(names(&Tree::of(&[("adapters/dolmen/Cargo.toml", &manifest("dolmen", ""))])).is_empty());
    }

    #[test]
    fn edges_that_point_up_or_out_are_found() {
        let count = |path: &str, deps: &str| dependencies(&Tree::of(&[(path, &manifest("x", deps))])).len();
        assert_eq!(count("core/codec/Cargo.toml", "dolmen-base.workspace = true\ncrc = \"3\""), 0);
        assert_eq!(count("core/codec/Cargo.toml", "dolmen-wal.workspace = true"), 1);
        assert_eq!(count("core/wal/Cargo.toml", "tokio = \"1\"\nserde = \"1\""), 2);
        assert_eq!(count("core/wal/Cargo.toml", "dolmen-fs.workspace = true"), 1);
        assert_eq!(count("adapters/store/Cargo.toml", "anyhow = \"1\"\ndolmen-kv-resp = \"1\""), 2);
        assert_eq!(
            count("adapters/store/Cargo.toml", "dolmen-fs = \"1\"\ndolmen-lsm = \"1\"\ntokio = \"1\""),
            0
        );
        assert_eq!(
            count("adapters/kv-cli/Cargo.toml", "anyhow = \"1\"\ndolmen-cli = \"1\"\ndolmen-kv-resp = \"1\""),
            0
        );
        assert_eq!(count("adapters/kv-cli/Cargo.toml", "dolmen-s3-http = \"1\"\ndolmen-wal-cli = \"1\""), 2);
        let loom = "\n[target.'cfg(loom)'.dependencies]\nloom = \"0.7\"\nrand = \"1\"";
        assert_eq!(count("core/skiplist/Cargo.toml", loom), 1);
    }

    #[test]
    fn benches_and_features_are_judged() {
        let bad = "[package]\nname = \"dolmen-a\"\n[features]\nstd = []\n";
        let tree =
            Tree::of(&[("core/a/Cargo.toml", bad), ("core/a/src/lib.rs", ""), ("core/a/src/main.rs", "")]);
        assert_eq!((bench_is_off(&tree).len(), features(&tree).len()), (2, 1));
        let good = "[package]\nname = \"dolmen-a\"\n[lib]\nbench = false\n";
        assert!(
            bench_is_off(&Tree::of(&[("core/a/Cargo.toml", good), ("core/a/src/lib.rs", "")])).is_empty()
        );
    }
}
