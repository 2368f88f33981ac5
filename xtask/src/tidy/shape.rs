//! Sizes, the rooms of `unsafe`, `no_std`, and the seven parts of a system's page.

use super::{Findings, Tree, mask};

/// Most lines of code in one file; comments, blank lines and tests in the file count too.
const FILE_LINES_MAX: usize = 1200;
/// 99 of 100 functions are no longer than this.
const FUNCTION_LINES_P99: usize = 80;
/// Where `unsafe` may stand: kernels, tensors, the skip list, files, and foreign functions.
const UNSAFE_ROOMS: [&str; 6] =
    ["core/simd/", "core/tensor/", "core/skiplist/", "adapters/fs/", "benches/peers/", "xtask/probe/"];
/// The parts of `core/<x>/README.md`, in order.
const README_PARTS: [&str; 7] =
    ["problem", "picture", "bytes", "algorithm", "invariants", "failures", "try it"];

/// No file longer than one can know.
pub fn file_lengths(tree: &Tree) -> Findings {
    let lines = |text: &str| mask::code(text).lines().filter(|l| !l.trim().is_empty()).count();
    let long = tree.rust().map(|(path, text)| (path, lines(text))).filter(|(_, n)| *n > FILE_LINES_MAX);
    long.map(|(path, n)| format!("{path}: {n} lines of code, the most is {FILE_LINES_MAX}")).collect()
}

/// The 99th percentile of function lengths.
pub fn function_lengths(tree: &Tree) -> Findings {
    let mut all = Vec::new();
    for (path, text) in tree.rust() {
        all.extend(functions(&mask::code(text)).into_iter().map(|(line, len)| (len, path, line)));
    }
    all.sort_unstable();
    let over: Vec<_> = all.iter().filter(|(len, ..)| *len > FUNCTION_LINES_P99).collect();
    if over.len() * 100 <= all.len() {
        return Vec::new();
    }
    let tell = |&&(len, path, line): &&(usize, &str, usize)| {
        format!("{path}:{line}: a function of {len} lines; more than 1 in 100 is over {FUNCTION_LINES_P99}")
    };
    over.iter().map(tell).collect()
}

/// First line (from 1) and number of lines of every function with a body, from text without comments and literals.
fn functions(code: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    // Each open function: its first line, the depth of braces around it, and whether its body has begun.
    let mut open: Vec<(usize, usize, bool)> = Vec::new();
    let (mut depth, mut brackets, mut line, mut word) = (0usize, 0usize, 1, String::new());
    for ch in code.chars() {
        if ch.is_alphanumeric() || ch == '_' {
            word.push(ch);
            continue;
        }
        if word == "fn" && ch.is_whitespace() {
            open.push((line, depth, false));
        }
        word.clear();
        match ch {
            '\n' => line += 1,
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets = brackets.saturating_sub(1),
            ';' if brackets == 0 => {
                // A declaration without a body.
                open.pop_if(|(_, at, begun)| *at == depth && !*begun);
            }
            '{' => {
                if let Some((.., begun)) = open.last_mut() {
                    *begun = true;
                }
                depth += 1;
            }
            '}' => {
                depth = depth.saturating_sub(1);
                if let Some((first, ..)) = open.pop_if(|(_, at, begun)| *at == depth && *begun) {
                    found.push((first, line - first + 1));
                }
            }
            _ => {}
        }
    }
    found
}

/// `unsafe` only in its rooms, and every other crate root forbids it.
pub fn unsafe_rooms(tree: &Tree) -> Findings {
    let mut findings = Vec::new();
    for (path, text) in tree.rust() {
        if UNSAFE_ROOMS.iter().any(|room| path.starts_with(room)) {
            continue;
        }
        let code = mask::code(text);
        for (i, line) in code.lines().enumerate() {
            if line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "unsafe") {
                findings.push(format!("{path}:{}: unsafe outside its rooms", i + 1));
            }
        }
        let root = path.ends_with("src/lib.rs") || path.ends_with("src/main.rs");
        if root && !code.contains("#![forbid(unsafe_code)]") {
            findings.push(format!("{path}: lacks #![forbid(unsafe_code)]"));
        }
    }
    findings
}

/// Every core library is `no_std`, without exception and without a feature.
pub fn no_std(tree: &Tree) -> Findings {
    let lacks = |(layer, folder, _): (&str, &str, &str)| {
        let lib = format!("core/{folder}/src/lib.rs");
        let text = tree.text(&lib).map(mask::code).unwrap_or_default();
        (layer == "core" && !text.contains("#![no_std]")).then(|| format!("{lib}: is not #![no_std]"))
    };
    tree.crates().filter_map(lacks).collect()
}

/// A page per core crate with the seven parts in order, included as the crate's documentation.
pub fn readme_sections(tree: &Tree) -> Findings {
    let mut findings = Vec::new();
    for (_, folder, _) in tree.crates().filter(|(layer, ..)| *layer == "core") {
        let path = format!("core/{folder}/README.md");
        let lib = tree.text(&format!("core/{folder}/src/lib.rs")).unwrap_or_default();
        let Some(page) = tree.text(&path) else {
            findings.push(format!("{path}: is missing"));
            continue;
        };
        if !lib.contains("include_str!(\"../README.md\")") {
            findings.push(format!("core/{folder}/src/lib.rs: does not include its README.md"));
        }
        let heads: Vec<_> =
            page.lines().filter_map(|l| l.strip_prefix("## ")).map(str::to_lowercase).collect();
        let mut from = 0;
        for part in README_PARTS {
            match heads[from..].iter().position(|h| h.starts_with(part)) {
                Some(i) => from += i + 1,
                None => findings.push(format!("{path}: lacks the part \"{part}\", or has it out of order")),
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_measured_with_their_bodies() {
        let code =
            "trait T {\n fn a();\n fn b(x: [u8; 2]) {\n  1\n }\n}\nfn c() { fn d() {}\n}\nlet f: fn(u8);";
        assert_eq!(functions(code), [(3, 3), (7, 1), (7, 2)]);
    }

    #[test]
    fn long_files_and_functions_are_found() {
        let body = "    x();\n".repeat(1201);
        let tree = Tree::of(&[("core/a/src/x.rs", &format!("fn f() {{\n{body}}}\n"))]);
        assert_eq!(file_lengths(&tree).len(), 1);
        assert_eq!(function_lengths(&tree).len(), 1);
        let comments = "// no code\n".repeat(2000);
        assert!(file_lengths(&Tree::of(&[("a.rs", &comments)])).is_empty());
    }

    #[test]
    fn unsafe_is_found_where_it_may_not_be() {
        let body = "fn f() { unsafe { g() } }";
        assert_eq!(unsafe_rooms(&Tree::of(&[("core/lsm/src/x.rs", body)])).len(), 1);
        assert!(unsafe_rooms(&Tree::of(&[("core/simd/src/x.rs", body)])).is_empty());
        assert!(
            unsafe_rooms(&Tree::of(&[("core/lsm/src/x.rs", "// unsafe\nlet unsafe_rooms = \"unsafe\";")]))
                .is_empty()
        );
        assert_eq!(unsafe_rooms(&Tree::of(&[("core/lsm/src/lib.rs", "//! no attribute")])).len(), 1);
    }

    #[test]
    fn a_core_crate_with_std_and_without_a_page_is_found() {
        let bad = Tree::of(&[("core/a/Cargo.toml", ""), ("core/a/src/lib.rs", "// #![no_std]")]);
        assert_eq!((no_std(&bad).len(), readme_sections(&bad).len()), (1, 1));
        let page = "## Problem\n## Picture\n## Bytes\n## Algorithm\n## Invariants\n## Failures\n## Try it\n";
        let lib = "#![doc = include_str!(\"../README.md\")]\n#![no_std]";
        let with = |page: &str| {
            Tree::of(&[("core/a/Cargo.toml", ""), ("core/a/src/lib.rs", lib), ("core/a/README.md", page)])
        };
        assert!(readme_sections(&with(page)).is_empty() && no_std(&with(page)).is_empty());
        assert_eq!(readme_sections(&with(&page.replace("## Failures\n", ""))).len(), 1);
    }
}
