//! What `systems.toml` says is so: every crate, fuzz target and page is on the list, what is written from it is up to date, and no
//! dependency of the workspace is there for nobody.

use toml::{Table, Value};

use super::{Findings, Tree};
use crate::systems::{self, FILE, Systems};

/// The list of the tree; a small tree of a test has the real one.
pub fn list(tree: &Tree) -> Result<Systems, String> {
    let text = tree.text(FILE).unwrap_or(include_str!("../../../systems.toml"));
    Systems::parse(text).map_err(|error| format!("{error:#}"))
}

/// Every region that is written from the list says what the list says.
pub fn written(tree: &Tree) -> Findings {
    let systems = match list(tree) {
        Ok(systems) => systems,
        Err(error) => return vec![error],
    };
    let mut findings = Vec::new();
    for region in systems::regions(&systems, tree) {
        let Some(text) = tree.text(region.path) else { continue };
        match region.put(text) {
            Ok(put) if put == text => {}
            Ok(_) => findings.push(format!(
                "{}: {} differs from {FILE}; run `cargo xtask systems`",
                region.path, region.name
            )),
            Err(error) => findings.push(error.to_string()),
        }
    }
    findings
}

/// Crates, fuzz targets, benches, pages and sections of COMPAT.md are on the list, and the list names none twice.
pub fn listed(tree: &Tree) -> Findings {
    let Ok(systems) = list(tree) else { return Vec::new() };
    let mut findings = Vec::new();
    for (layer, folder, _) in tree.crates() {
        let name = format!("{layer}/{folder}");
        match systems.crates.iter().filter(|c| c.name == name).count() {
            1 => {}
            0 => findings.push(format!("{name}: is no [[crate]] of {FILE}")),
            _ => findings.push(format!("{name}: is a [[crate]] of {FILE} more than once")),
        }
        if layer == "core" && systems.height(folder).is_none() {
            findings.push(format!("{name}: has no height in {FILE}"));
        }
    }
    for target in systems::fuzz_targets(tree) {
        let claims = |pattern: &String| match pattern.strip_suffix('*') {
            Some(start) => target.starts_with(start),
            None => target == pattern,
        };
        let owners = systems.systems.iter().filter(|s| s.fuzz.iter().any(claims)).count();
        if owners != 1 {
            findings.push(format!(
                "fuzz/fuzz_targets/{target}.rs: belongs to {owners} systems of {FILE}, must be 1"
            ));
        }
        if systems::body(tree, target).is_none() {
            findings.push(format!(
                "fuzz/fuzz_targets/{target}.rs: must be `|data: &[u8]| dolmen_x::check::check_y(data)`, so that its seeds replay in tests"
            ));
        }
        let seeds = format!("fuzz/corpus/{target}/");
        if !tree.has_folder(&seeds) {
            findings.push(format!("{seeds}: has no seeds"));
        }
    }
    for (path, _) in tree.rust() {
        let Some(name) = path.strip_prefix("benches/").and_then(|p| p.strip_suffix(".rs")) else { continue };
        let is_listed = systems.systems.iter().any(|s| s.bench.iter().any(|b| b == name));
        if !name.contains('/') && name != "lib" && !is_listed {
            findings.push(format!("{path}: is no bench of a system of {FILE}"));
        }
    }
    findings.extend(pages(tree, &systems));
    findings
}

/// A system whose page is there has a section in COMPAT.md; a page that lies in a crate's folder is listed.
fn pages(tree: &Tree, systems: &Systems) -> Findings {
    let Some(compat) = tree.text("COMPAT.md") else { return Vec::new() };
    let sections: Vec<&str> = compat.lines().filter_map(|l| l.strip_prefix("## ")).collect();
    let lacking = systems.systems.iter().filter(|system| {
        tree.text(&system.page).is_some() && !sections.iter().any(|s| s.starts_with(&system.compat))
    });
    lacking
        .map(|s| format!("COMPAT.md: no section begins with \"## {}\", as {FILE} says", s.compat))
        .collect()
}

/// A dependency of the workspace that no crate takes.
pub fn unused_dependencies(tree: &Tree) -> Findings {
    let (Ok(systems), Some(root)) = (list(tree), tree.text("Cargo.toml")) else { return Vec::new() };
    let root: Table = root.parse().unwrap_or_default();
    let declared = root.get("workspace").and_then(|w| w.get("dependencies")).and_then(Value::as_table);
    let manifests: Vec<Table> = tree.ending("Cargo.toml").filter_map(|(_, text)| text.parse().ok()).collect();
    let mut findings = Vec::new();
    for name in declared.into_iter().flat_map(|table| table.keys()) {
        let ours = name.strip_prefix("dolmen-");
        let is_to_come = match ours {
            // Ours are written from the list; what is there is built by itself.
            Some(folder) => systems.crates.iter().any(|c| c.folder() == folder),
            None => false,
        };
        if !is_to_come && !manifests.iter().any(|manifest| takes(manifest, name)) {
            findings.push(format!("Cargo.toml: nobody uses the workspace's dependency {name}"));
        }
    }
    findings
}

/// Whether a manifest has the dependency in any of its tables.
fn takes(manifest: &Table, name: &str) -> bool {
    let has = |table: &Table| {
        ["dependencies", "dev-dependencies", "build-dependencies"]
            .iter()
            .any(|kind| table.get(*kind).and_then(Value::as_table).is_some_and(|t| t.contains_key(name)))
    };
    let targets = manifest.get("target").and_then(Value::as_table);
    has(manifest) || targets.into_iter().flat_map(|t| t.values()).filter_map(Value::as_table).any(has)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_real_list_reads() {
        let systems = list(&Tree::default()).unwrap();
        assert!(systems.height("codec") > systems.height("base") && systems.height("kv-resp").is_none());
    }

    #[test]
    fn what_is_not_on_the_list_is_found() {
        let tree = Tree::of(&[
            ("core/ghost/Cargo.toml", ""),
            ("fuzz/fuzz_targets/ghost.rs", ""),
            ("fuzz/fuzz_targets/log.rs", "|data: &[u8]| dolmen_wal::check::check_log(data)"),
            ("fuzz/corpus/log/a", ""),
            ("benches/ghost.rs", ""),
            ("core/wal/README.md", ""),
            ("core/wal/Cargo.toml", ""),
            ("COMPAT.md", "## Write-ahead log, beside RocksDB\n"),
        ]);
        let found = listed(&tree);
        assert_eq!(found.len(), 6, "{found:?}");
        let bad = Tree::of(&[("core/wal/README.md", ""), ("COMPAT.md", "## Write-behind\n")]);
        assert_eq!(listed(&bad).len(), 1);
    }

    #[test]
    fn a_dependency_for_nobody_is_found() {
        let root = "[workspace.dependencies]\nserde = \"1\"\nclap = \"4\"\nloom = \"0\"\ndolmen-wal = { path = \"core/wal\" }\n";
        let tree = Tree::of(&[
            ("Cargo.toml", root),
            ("core/a/Cargo.toml", "[dev-dependencies]\nserde.workspace = true\n"),
            ("core/b/Cargo.toml", "[target.'cfg(loom)'.dependencies]\nloom.workspace = true\n"),
        ]);
        assert_eq!(unused_dependencies(&tree), ["Cargo.toml: nobody uses the workspace's dependency clap"]);
    }

    #[test]
    fn a_region_that_is_out_of_date_is_found() {
        let old = "<!-- written by `cargo xtask systems`: systems -->\nx\n<!-- end of systems -->\n";
        let found = written(&Tree::of(&[("README.md", old)]));
        assert_eq!(found, ["README.md: systems differs from systems.toml; run `cargo xtask systems`"]);
    }
}
