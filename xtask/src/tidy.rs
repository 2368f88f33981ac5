//! The rules of form, each a function from the tree's text to findings. A rule that makes the code worse in one place is
//! broken there with an entry in its list of exceptions, with the reason.

mod commands;
mod layers;
mod mask;
mod shape;
mod systems;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Result, bail};

use crate::shell;

/// Text files of the repository by path.
#[derive(Default)]
pub struct Tree {
    files: BTreeMap<String, String>,
    /// Of all files, binary ones included.
    paths: BTreeSet<String>,
}

impl Tree {
    /// What git tracks and what it would take; binary files are left out.
    ///
    /// # Errors
    ///
    /// If git cannot be asked.
    pub fn load() -> Result<Tree> {
        let listed = shell::output(shell::command(
            "git",
            &["ls-files", "--cached", "--others", "--exclude-standard"],
        ))?;
        let mut tree = Tree::default();
        for path in listed.lines() {
            if shell::root().join(path).is_file() {
                tree.paths.insert(path.to_owned());
            }
            if let Ok(text) = fs::read_to_string(shell::root().join(path)) {
                tree.files.insert(path.to_owned(), text);
            }
        }
        Ok(tree)
    }

    /// A small tree for tests.
    #[cfg(test)]
    pub fn of(files: &[(&str, &str)]) -> Tree {
        Tree {
            files: files.iter().map(|(p, t)| ((*p).to_owned(), (*t).to_owned())).collect(),
            paths: files.iter().map(|(p, _)| (*p).to_owned()).collect(),
        }
    }

    /// The text of one file.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// Files whose path ends so.
    fn ending<'a>(&'a self, end: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.files.iter().filter(move |(p, _)| p.ends_with(end)).map(|(p, t)| (p.as_str(), t.as_str()))
    }

    /// Rust sources that are ours to judge.
    pub fn rust(&self) -> impl Iterator<Item = (&str, &str)> {
        self.ending(".rs")
    }

    /// Whether there is a crate in a folder of a layer.
    pub fn has_crate(&self, layer: &str, folder: &str) -> bool {
        self.files.contains_key(&format!("{layer}/{folder}/Cargo.toml"))
    }

    /// Whether any file's path begins so, binary ones included.
    fn has_folder(&self, start: &str) -> bool {
        let mut from = self.paths.range(start.to_owned()..);
        from.next().is_some_and(|path| path.starts_with(start))
    }

    /// Folders with a manifest under `core` or `adapters`, as (layer, folder, manifest).
    pub fn crates(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.files.iter().filter_map(|(path, text)| {
            let (layer, rest) = path.split_once('/')?;
            let folder = rest.strip_suffix("/Cargo.toml")?;
            (matches!(layer, "core" | "adapters") && !folder.contains('/')).then_some((
                layer,
                folder,
                text.as_str(),
            ))
        })
    }
}

/// One thing that breaks a rule, as `path: what`.
type Findings = Vec<String>;

/// `cargo xtask tidy`
pub fn run(_args: &[String]) -> Result<()> {
    let tree = Tree::load()?;
    let findings = check(&tree);
    for finding in &findings {
        println!("{finding}");
    }
    if !findings.is_empty() {
        bail!("tidy: {} findings", findings.len());
    }
    println!("tidy: {} files, nothing found", tree.files.len());
    Ok(())
}

fn check(tree: &Tree) -> Findings {
    let rules: [fn(&Tree) -> Findings; 14] = [
        shape::file_lengths,
        shape::function_lengths,
        shape::unsafe_rooms,
        shape::no_std,
        shape::readme_sections,
        layers::names,
        layers::dependencies,
        layers::bench_is_off,
        layers::features,
        words::banned,
        commands::exist,
        systems::listed,
        systems::written,
        systems::unused_dependencies,
    ];
    rules.iter().flat_map(|rule| rule(tree)).collect()
}
