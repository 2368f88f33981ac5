//! `systems.toml`, the one list of systems, and everything that is written from it.
//!
//! A file takes part with regions between two marks; what stands between them belongs to this chore:
//!
//! ```text
//! # written by `cargo xtask systems`: NAME
//! …
//! # end of NAME
//! ```

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::shell;
use crate::tidy::Tree;

/// The list's file.
pub const FILE: &str = "systems.toml";

/// The whole list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Systems {
    #[serde(rename = "system", default)]
    pub systems: Vec<System>,
    #[serde(rename = "crate", default)]
    pub crates: Vec<Crate>,
}

/// One system.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
pub struct System {
    pub name: String,
    pub title: String,
    pub speaks: String,
    pub page: String,
    pub compat: String,
    pub verbs: String,
    pub about: String,
    pub service: String,
    pub tour: Vec<String>,
    pub fuzz: Vec<String>,
    pub bench: Vec<String>,
}

/// One crate.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crate {
    pub name: String,
    pub height: Option<usize>,
    #[serde(default)]
    pub bare: bool,
    #[serde(default)]
    pub holds: String,
    #[serde(default)]
    pub never: String,
}

impl Crate {
    /// `core` or `adapters`.
    pub fn layer(&self) -> &str {
        self.name.split('/').next().unwrap_or_default()
    }

    /// The folder inside its layer.
    pub fn folder(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or_default()
    }

    fn package(&self) -> String {
        package(self.folder())
    }
}

fn package(folder: &str) -> String {
    if folder == "dolmen" { folder.to_owned() } else { format!("dolmen-{folder}") }
}

impl Systems {
    /// Reads the list.
    pub fn parse(text: &str) -> Result<Systems> {
        toml::from_str(text).context(FILE)
    }

    /// The height of a core crate.
    pub fn height(&self, folder: &str) -> Option<usize> {
        self.crates.iter().find(|c| c.layer() == "core" && c.folder() == folder)?.height
    }

    fn present<'a>(&'a self, tree: &'a Tree, layer: &'a str) -> impl Iterator<Item = &'a Crate> {
        self.crates.iter().filter(move |c| c.layer() == layer && tree.has_crate(layer, c.folder()))
    }

    /// The first word of `kv_cli::tour` is a crate that is there, and what follows stands in its source.
    fn is_present(&self, tree: &Tree, path: &str) -> bool {
        let Some((name, item)) = path.split_once("::") else { return false };
        let folder = name.replace('_', "-");
        let prefix = format!("adapters/{folder}/src/");
        let found =
            |text: &str| [format!("fn {item}("), format!("struct {item} ")].iter().any(|d| text.contains(d));
        tree.has_crate("adapters", &folder)
            && tree.rust().any(|(p, text)| p.starts_with(&prefix) && found(text))
    }
}

/// A part of a file that is written from the list.
pub struct Region {
    /// The file.
    pub path: &'static str,
    /// The region's name.
    pub name: &'static str,
    /// What stands in it, each line ended.
    pub text: String,
}

impl Region {
    fn marks(&self) -> [String; 2] {
        let (open, close) = match self.path.rsplit('.').next() {
            Some("md") => ("<!-- ", " -->"),
            Some("rs") => ("// ", ""),
            _ => ("# ", ""),
        };
        [
            format!("{open}written by `cargo xtask systems`: {}{close}\n", self.name),
            format!("{open}end of {}{close}\n", self.name),
        ]
    }

    /// The file's text with the region as it must be.
    pub fn put(&self, text: &str) -> Result<String> {
        let [begin, end] = self.marks();
        let from = text.find(&begin).map(|at| at + begin.len());
        let to = from.and_then(|from| Some(from + text[from..].find(&end)?));
        let (Some(from), Some(to)) = (from, to) else {
            bail!("{}: lacks the lines {:?} and {:?}", self.path, begin.trim_end(), end.trim_end());
        };
        // An indented end keeps its indent.
        let line = text[..to].rfind('\n').map_or(0, |at| at + 1).max(from);
        Ok([&text[..from], &self.text, &text[line..]].concat())
    }
}

/// Everything that is written.
pub fn regions(systems: &Systems, tree: &Tree) -> Vec<Region> {
    let region = |path, name, text| Region { path, name, text };
    vec![
        region("README.md", "systems", readme(systems, tree)),
        region("ARCHITECTURE.md", "crates", architecture(systems, tree)),
        region("Cargo.toml", "crates", workspace(systems)),
        region(
            "xtask/probe/Cargo.toml",
            "features",
            probe(systems, tree, false, |c| format!("  \"dep:{}\",\n", c.package())),
        ),
        region("xtask/probe/Cargo.toml", "crates", probe_dependencies(systems, tree)),
        region(
            "xtask/probe/src/lib.rs",
            "crates",
            probe(systems, tree, false, |c| {
                format!("#[cfg(feature = \"all\")]\nuse {} as _;\n", c.package().replace('-', "_"))
            }),
        ),
        region("fuzz/Cargo.toml", "targets", fuzz(tree)),
        region(
            "fuzz/Cargo.toml",
            "crates",
            probe(systems, tree, true, |c| {
                let line = format!("{} = {{ path = \"../{}\" }}\n", c.package(), c.name);
                let used = format!("{}::", c.package().replace('-', "_"));
                let is_used = tree.rust().any(|(p, text)| p.starts_with("fuzz/") && text.contains(&used));
                if is_used { line } else { String::new() }
            }),
        ),
        region("benches/Cargo.toml", "benches", benches(systems, tree)),
        region("adapters/testkit/Cargo.toml", "crates", replay_dependencies(tree)),
        region("adapters/testkit/tests/seeds.rs", "targets", replay(tree)),
        region("adapters/dolmen/Cargo.toml", "crates", binary_dependencies(systems, tree)),
        region("adapters/dolmen/src/systems.rs", "systems", binary_systems(systems, tree)),
        region("adapters/dolmen/src/systems.rs", "tour", binary_tour(systems, tree)),
        region("adapters/dolmen/src/systems.rs", "services", binary_services(systems, tree)),
    ]
}

fn readme(systems: &Systems, tree: &Tree) -> String {
    let mut out = String::from("| system | comes as | speaks | more |\n|---|---|---|---|\n");
    for system in systems.systems.iter().filter(|s| tree.text(&s.page).is_some()) {
        let folder = system.page.trim_end_matches("/README.md");
        let (title, speaks) = (&system.title, &system.speaks);
        let is_served = systems.is_present(tree, &system.service);
        let ways = comes_as(system, is_served);
        let _ = writeln!(out, "| {title} | {ways} | {speaks} | [{folder}]({}) |", system.page);
    }
    out
}

/// Server, tool, library: what a person can do with the system.
fn comes_as(system: &System, is_served: bool) -> String {
    let mut ways = Vec::new();
    if is_served {
        ways.push("server".to_string());
    }
    if !system.verbs.is_empty() {
        ways.push(format!("`dolmen {}`", system.verbs));
    }
    ways.push("library".to_string());
    ways.join(", ")
}

fn architecture(systems: &Systems, tree: &Tree) -> String {
    let mut out = String::from("| crate | holds | must never |\n|---|---|---|\n");
    for layer in ["core", "adapters"] {
        for one in systems.present(tree, layer).filter(|c| !c.holds.is_empty()) {
            let _ = writeln!(out, "| `{}` | {} | {} |", one.name, one.holds, one.never);
        }
    }
    out.push_str(
        "| `adapters/<x>-cli` | the verbs of system x and its step of the tour | know another system |\n",
    );
    out
}

fn workspace(systems: &Systems) -> String {
    let ours = systems.crates.iter().filter(|c| c.folder() != "dolmen");
    ours.map(|c| format!("{} = {{ path = \"{}\" }}\n", c.package(), c.name)).collect()
}

/// A line for each core crate; `with_bare`: those too that are always built.
fn probe(systems: &Systems, tree: &Tree, with_bare: bool, line: impl Fn(&Crate) -> String) -> String {
    let mut crates: Vec<&Crate> = systems.present(tree, "core").filter(|c| with_bare || !c.bare).collect();
    crates.sort_by(|a, b| a.name.cmp(&b.name));
    crates.into_iter().map(line).collect()
}

fn probe_dependencies(systems: &Systems, tree: &Tree) -> String {
    let line = |c: &Crate| {
        let how = if c.bare { "default-features = false" } else { "optional = true" };
        format!("{} = {{ path = \"../../{}\", {how} }}\n", c.package(), c.name)
    };
    probe(systems, tree, true, line)
}

/// Names of the fuzz targets, sorted.
pub fn fuzz_targets(tree: &Tree) -> Vec<&str> {
    let names =
        tree.rust().filter_map(|(path, _)| path.strip_prefix("fuzz/fuzz_targets/")?.strip_suffix(".rs"));
    names.collect()
}

fn fuzz(tree: &Tree) -> String {
    let mut out = String::new();
    for name in fuzz_targets(tree) {
        let _ = write!(
            out,
            "\n[[bin]]\nname = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"\ntest = false\ndoc = false\nbench = false\n"
        );
    }
    out
}

/// What a target runs: the path in `fuzz_target!(|data: &[u8]| dolmen_x::check::check_y(data))`.
pub fn body<'t>(tree: &'t Tree, target: &str) -> Option<&'t str> {
    let text = tree.text(&format!("fuzz/fuzz_targets/{target}.rs"))?;
    let call = text.split_once("|data: &[u8]|")?.1.trim_start();
    let path = call.split_once("(data)")?.0;
    (path.starts_with("dolmen_") && path.chars().all(|c| c.is_alphanumeric() || c == '_' || c == ':'))
        .then_some(path)
}

/// The folder of the core crate that a target's body lives in.
pub fn crate_of(tree: &Tree, target: &str) -> Option<String> {
    Some(body(tree, target)?.strip_prefix("dolmen_")?.split("::").next()?.replace('_', "-"))
}

fn replay(tree: &Tree) -> String {
    let bodies = fuzz_targets(tree).into_iter().filter_map(|target| Some((target, body(tree, target)?)));
    bodies.map(|(target, body)| format!("    (\"{target}\", {body}),\n")).collect()
}

fn replay_dependencies(tree: &Tree) -> String {
    let mut crates: Vec<String> =
        fuzz_targets(tree).into_iter().filter_map(|target| crate_of(tree, target)).collect();
    crates.sort();
    crates.dedup();
    crates.iter().map(|folder| format!("dolmen-{folder}.workspace = true\n")).collect()
}

fn benches(systems: &Systems, tree: &Tree) -> String {
    let mut names: Vec<&String> = systems.systems.iter().flat_map(|s| &s.bench).collect();
    names.sort();
    names.dedup();
    names.retain(|name| tree.text(&format!("benches/{name}.rs")).is_some());
    let one =
        |name: &String| format!("\n[[bench]]\nname = \"{name}\"\npath = \"{name}.rs\"\nharness = false\n");
    names.into_iter().map(one).collect()
}

fn binary_dependencies(systems: &Systems, tree: &Tree) -> String {
    let mut folders: Vec<String> = Vec::new();
    for system in &systems.systems {
        let paths =
            system.tour.iter().chain(Some(&system.service)).filter(|path| systems.is_present(tree, path));
        folders.extend(paths.filter_map(|path| Some(path.split_once("::")?.0.replace('_', "-"))));
        let verbs = format!("{}-cli", system.verbs);
        if tree.has_crate("adapters", &verbs) {
            folders.push(verbs);
        }
    }
    folders.sort();
    folders.dedup();
    folders.iter().map(|folder| format!("dolmen-{folder}.workspace = true\n")).collect()
}

fn binary_systems(systems: &Systems, tree: &Tree) -> String {
    let mut out = String::new();
    for system in systems.systems.iter().filter(|s| tree.has_crate("adapters", &format!("{}-cli", s.verbs))) {
        let System { verbs, about, .. } = system;
        let _ =
            writeln!(out, "    system!(\"{verbs}\", \"{about}\", dolmen_{}_cli),", verbs.replace('-', "_"));
    }
    out
}

fn binary_tour(systems: &Systems, tree: &Tree) -> String {
    let steps = systems.systems.iter().flat_map(|system| system.tour.iter().map(move |step| (system, step)));
    let present = steps.filter(|(_, step)| systems.is_present(tree, step));
    present.map(|(system, step)| format!("    (\"{}\", dolmen_{step}),\n", system.name)).collect()
}

fn binary_services(systems: &Systems, tree: &Tree) -> String {
    let present = systems.systems.iter().filter(|system| systems.is_present(tree, &system.service));
    present.map(|system| format!("    Registered::of::<dolmen_{}>(),\n", system.service)).collect()
}

/// `cargo xtask systems`: writes every region.
pub fn run(_args: &[String]) -> Result<()> {
    let changed = write()?;
    println!("{changed} files changed");
    Ok(())
}

/// Writes what is not as it must be; how many files that were.
pub fn write() -> Result<usize> {
    let tree = Tree::load()?;
    let systems = Systems::parse(tree.text(FILE).context(FILE)?)?;
    let mut changed = Vec::new();
    for region in regions(&systems, &tree) {
        let path = shell::root().join(region.path);
        let old = fs::read_to_string(&path).context(region.path)?;
        let new = region.put(&old)?;
        if new != old {
            fs::write(&path, new).context(region.path)?;
            changed.push(region.path);
        }
    }
    changed.dedup();
    for path in &changed {
        println!("{path}");
    }
    Ok(changed.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "[[system]]\nname = \"a\"\ntitle = \"the A\"\nspeaks = \"a\"\npage = \"core/a/README.md\"\nverbs = \"a\"\nabout = \"As\"\n\
                        service = \"a_net::A\"\ntour = [\"a_cli::tour\", \"b_cli::tour\"]\nbench = [\"a\", \"none\"]\n\
                        [[crate]]\nname = \"core/a\"\nheight = 1\nholds = \"h\"\nnever = \"n\"\n\
                        [[crate]]\nname = \"core/to-come\"\nheight = 2\n[[crate]]\nname = \"adapters/a-cli\"\n";

    fn written(name: &str) -> String {
        let tree = Tree::of(&[
            ("core/a/Cargo.toml", ""),
            ("core/a/README.md", ""),
            ("adapters/a-cli/Cargo.toml", ""),
            ("adapters/a-cli/src/lib.rs", "pub fn tour(_: &Path)"),
            ("fuzz/fuzz_targets/a_b.rs", "fuzz_target!(|data: &[u8]| dolmen_a::check::b(data));"),
            ("benches/a.rs", ""),
        ]);
        let all = regions(&Systems::parse(LIST).unwrap(), &tree);
        all.into_iter().filter(|r| r.path.ends_with(name) || r.name == name).map(|r| r.text).collect()
    }

    #[test]
    fn what_is_there_is_written_and_what_is_to_come_is_left_out() {
        assert!(
            written("README.md")
                .ends_with("| the A | `dolmen a`, library | a | [core/a](core/a/README.md) |\n")
        );
        assert!(written("ARCHITECTURE.md").contains("| `core/a` | h | n |\n"));
        assert_eq!(written("tour"), "    (\"a\", dolmen_a_cli::tour),\n");
        assert_eq!(written("services"), "");
        assert_eq!(written("features"), "  \"dep:dolmen-a\",\n");
        assert_eq!(written("adapters/dolmen/Cargo.toml"), "dolmen-a-cli.workspace = true\n");
        assert!(written("benches").contains("name = \"a\"") && !written("benches").contains("none"));
        assert!(written("fuzz/Cargo.toml").contains("name = \"a_b\""));
        assert!(written("fuzz/Cargo.toml").contains("dolmen-a = { path = \"../core/a\" }"));
        assert_eq!(written("targets").lines().last(), Some("    (\"a_b\", dolmen_a::check::b),"));
    }

    #[test]
    fn a_region_is_put_between_its_marks() {
        let region = Region { path: "x.toml", name: "crates", text: "new\n".into() };
        let file = "a\n# written by `cargo xtask systems`: crates\nold\n  # end of crates\nb\n";
        let put = region.put(file).unwrap();
        assert_eq!(put, "a\n# written by `cargo xtask systems`: crates\nnew\n  # end of crates\nb\n");
        assert_eq!(region.put(&put).unwrap(), put);
        assert!(region.put("nothing").is_err());
    }
}
