//! Bodies shared by tests, seed replay and fuzz targets: whatever the bytes, no panic, no endless loop, and what can be said
//! about the result holds.

use alloc::string::String;
use alloc::vec::Vec;

use crate::compare::same;
use crate::format::{self, FormatError, Style};
use crate::lexer::{Mode, lex};
use crate::token::Tokens;
use crate::version::{Dialect, Version};
use crate::workspace::{Depth, Options, Workspace};
use crate::{fingerprint, json, lint, normalize, scan, tolerant, usage, view};

/// Tokens and the gaps between them are the text, in every mode.
pub fn check_lex(data: &[u8]) {
    let mut tokens = Tokens::default();
    for mode in [Mode::Grammar, Mode::Scan, Mode::Tolerant] {
        lex(data, mode, Dialect::default(), &mut tokens, &mut Vec::new());
        let mut at = 0;
        for index in 0..tokens.len() {
            let range = tokens.range(index);
            assert!(at <= range.start && range.start <= range.end, "{mode:?}");
            at = range.end;
        }
        assert_eq!(at, data.len(), "{mode:?}");
    }
}

/// A text is refused with a place inside it, or all that is made of its tree agrees with it.
pub fn check_parse(data: &[u8]) {
    let Ok(sql) = core::str::from_utf8(data) else { return };
    let mut workspace = Workspace::new();
    let version = Version::ALL[sql.len() % Version::ALL.len()];
    let _ = workspace.parse_with(sql, Options { version, psql: sql.len() % 7 > 3, ..Options::default() });
    let tree = match workspace.parse(sql) {
        Ok(tree) => tree,
        Err(error) => {
            assert!(error.offset.is_none_or(|at| at <= sql.len()), "{error}");
            return;
        }
    };
    let mut out = String::new();
    json::write(tree, &mut out);
    view::outline(tree, &mut out);
    view::s_expression(tree, &mut out);
    view::dot(tree, &mut out);
    if tree.tokens().len() < 2_000 {
        view::svg(tree, &mut out);
    }
    usage::usage(tree);
    lint::lint(tree, &lint::Settings::default());
    normalize::normalize(tree, false);
    normalize::normalize(tree, true);
    assert!(scan::split(tree).iter().all(|range| range.end <= sql.len()));
    fingerprint::fingerprint(tree);
}

/// Four parts with NULs between: what begins, what is repeated, what stands inside, what is repeated behind it. Twice as deep costs at
/// most three times the work, and the server's limits refuse what is taken without them or nothing.
pub fn check_depth(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    let mut parts = text.splitn(4, '\0');
    let mut part = || parts.next().unwrap_or("");
    let (start, open, inside, close) = (part(), part(), part(), part());
    let mut workspace = Workspace::new();
    let mut costs = [0; 2];
    for (cost, levels) in costs.iter_mut().zip([1_200, 2_400]) {
        let mut sql = String::from(start);
        sql.extend(core::iter::repeat_n(open, levels));
        sql.push_str(inside);
        sql.extend(core::iter::repeat_n(close, levels));
        let taken = workspace.parse(&sql).is_ok();
        *cost = workspace.tokens().len() as u64 + workspace.steps() + workspace.tree_words() as u64;
        let limited = workspace.parse_with(&sql, Options { depth: Depth::Server, ..Options::default() });
        match limited.map(|_| ()) {
            Ok(()) => assert!(taken, "{sql}"),
            Err(error) => {
                let depth = error.sqlstate == "54001" || error.message.starts_with("memory exhausted");
                assert!(depth || !taken, "{error}: {sql}");
                assert!(error.offset.is_none_or(|at| at <= sql.len()), "{error}: {sql}");
            }
        }
    }
    assert!(costs[1] <= 3 * costs[0] + 1_000, "{costs:?}: {text:?}");
}

/// What a tree is printed as has the same tree and the same fingerprint.
pub fn check_deparse(data: &[u8]) {
    let Ok(sql) = core::str::from_utf8(data) else { return };
    let (mut workspace, mut second) = (Workspace::new(), Workspace::new());
    let Ok(tree) = workspace.parse(sql) else { return };
    let print = fingerprint::fingerprint(tree);
    let text = format::deparse(tree);
    match second.parse(&text) {
        Ok(again) => {
            assert!(same(tree, again), "{text}");
            assert_eq!(fingerprint::fingerprint(again), print, "{text}");
        }
        Err(error) => panic!("{text}: {error}"),
    }
}

/// A text that parses has no findings but those of `==`; every finding lies in the text.
pub fn check_tolerant(data: &[u8]) {
    let Ok(sql) = core::str::from_utf8(data) else { return };
    let mut workspace = Workspace::new();
    let found = tolerant::parse(&mut workspace, sql, Options::default());
    let strange = found.findings.iter().any(|finding| !finding.message.contains("=="));
    for finding in &found.findings {
        assert!(finding.range.start <= finding.range.end && finding.range.end <= sql.len(), "{finding:?}");
        assert!(sql.is_char_boundary(finding.range.start) && sql.is_char_boundary(finding.range.end));
    }
    assert!(!strange || workspace.parse(sql).is_err(), "{sql}");
}

/// A text is formatted or refused; formatted again it stays as it is.
pub fn check_format(data: &[u8]) {
    let Ok(sql) = core::str::from_utf8(data) else { return };
    let style = Style {
        leading_commas: sql.len() % 5 == 1,
        blank_lines: sql.len() % 3 == 1,
        width: 40 + sql.len() % 2 * 40,
        ..Style::default()
    };
    match format::format(sql, &style) {
        Ok(once) => {
            if let Ok(twice) = format::format(&once, &style) {
                assert_eq!(once, twice);
            }
        }
        Err(FormatError::Syntax(_) | FormatError::Changed(_) | FormatError::Commands) => {}
    }
}
