//! Migrations that block or break: the rules on which linters for PostgreSQL agree.
//!
//! 1. Statements are taken in order. What earlier ones did is kept: which tables this text has made (nobody waits for
//!    those), whether a transaction is open, which constraints were added `NOT VALID`, which were validated.
//! 2. Each rule looks at one statement and at that state (`rules`).
//! 3. A comment `-- lint-ignore: rule, rule` (without names: all rules) switches rules off for its own line and the next;
//!    `-- lint-ignore-file: rule` for the whole text. The words of squawk's comments (`squawk-ignore`) do the same.
//!
//! Source: PostgreSQL's documentation on locks (13.3.1) and ALTER TABLE's notes; the rules of squawk, strong_migrations
//! and eugene, whose names are kept where they agree.

use alloc::borrow::Cow;
use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use crate::lexer::{Mode, lex};
use crate::token::{Kind, Tokens};
use crate::tree::{Node, Tree, Value};
use crate::version::Version;

mod columns;
mod rules;

macro_rules! rules {
    ($($id:ident $default:literal $name:literal $about:literal;)*) => {
        /// A rule.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule { $(#[doc = $about] $id,)* }

        impl Rule {
            /// All rules, in the order of their names.
            pub const ALL: &[Rule] = &[$(Rule::$id,)*];

            /// Its name.
            pub fn name(self) -> &'static str {
                match self { $(Rule::$id => $name,)* }
            }

            /// What it finds.
            pub fn about(self) -> &'static str {
                match self { $(Rule::$id => $about,)* }
            }

            /// Whether it is in force unless switched off: the others are matters of taste.
            pub fn is_default(self) -> bool {
                match self { $(Rule::$id => $default,)* }
            }
        }
    };
}

rules! {
    AddingCheck true "constraint-missing-not-valid" "a constraint whose check scans the table under its lock";
    AddingExclusion true "adding-exclusion-constraint" "an exclusion constraint, which builds an index under a lock";
    AddingFieldWithDefault true "adding-field-with-default" "a new column that makes the whole table be written anew";
    AddingForeignKey true "adding-foreign-key-constraint" "a foreign key whose check scans both tables under their locks";
    AddingNotNull true "adding-not-nullable-field" "SET NOT NULL, which scans the table under its strongest lock";
    AddingPrimaryKey true "adding-primary-key-constraint" "a primary key that builds its index under a lock";
    AddingRequiredField true "adding-required-field" "a new NOT NULL column without a default, which fails on any row";
    AddingUnique true "disallowed-unique-constraint" "a unique constraint that builds its index under a lock";
    BanCharField true "ban-char-field" "char(n), which pads with blanks";
    BanConcurrentInTransaction true "ban-concurrent-index-creation-in-transaction" "CONCURRENTLY inside a transaction, which fails";
    BanDropColumn true "ban-drop-column" "a dropped column, which running programs still name";
    BanDropDatabase true "ban-drop-database" "a dropped database";
    BanDropNotNull true "ban-drop-not-null" "a dropped NOT NULL, for which readers may not be ready";
    BanDropTable true "ban-drop-table" "a dropped table, which running programs still name";
    BanTruncateCascade true "ban-truncate-cascade" "TRUNCATE CASCADE, which empties other tables too";
    BanUncommitted true "ban-uncommitted-transaction" "a transaction that nobody ends";
    ChangingColumnType true "changing-column-type" "another type for a column, which writes the table anew";
    ConcurrentDeletion true "require-concurrent-index-deletion" "DROP INDEX without CONCURRENTLY";
    ConcurrentDetach true "require-concurrent-partition-detach" "DETACH PARTITION without CONCURRENTLY";
    ConcurrentIndex true "require-concurrent-index-creation" "CREATE INDEX without CONCURRENTLY";
    ConcurrentRefresh true "require-concurrent-refresh" "REFRESH MATERIALIZED VIEW without CONCURRENTLY, which stops its readers";
    ConcurrentReindex true "require-concurrent-reindex" "REINDEX without CONCURRENTLY";
    IdentifierTooLong true "identifier-too-long" "a name of which PostgreSQL keeps 63 bytes";
    JsonColumn true "prefer-jsonb" "a column of type json, which has no equality";
    PreferBigInt false "prefer-bigint-over-int" "an integer of 16 or 32 bits as a key, which runs out";
    PreferIdentity true "prefer-identity" "serial, whose sequence has an owner and privileges of its own";
    PreferRobust true "prefer-robust-stmts" "a statement that fails when the migration is run again";
    PreferText false "prefer-text-field" "varchar(n), whose length only a lock can change";
    PreferTimestamptz true "prefer-timestamp-tz" "timestamp without a time zone";
    RenamingColumn true "renaming-column" "a renamed column, which running programs still name";
    RenamingTable true "renaming-table" "a renamed table, which running programs still name";
    RequireTimeouts false "require-timeout-settings" "a lock without lock_timeout, which may queue for hours";
    TransactionNesting true "transaction-nesting" "BEGIN inside a transaction, or its end without a beginning";
    VacuumFull true "ban-vacuum-full" "VACUUM FULL, CLUSTER: the table is closed while it is written anew";
    ValidateTogether true "validate-in-same-transaction" "NOT VALID and VALIDATE in one transaction, which keeps the lock";
}

impl Rule {
    /// The rule of a name.
    pub fn from_name(name: &str) -> Option<Rule> {
        Self::ALL.iter().copied().find(|rule| rule.name() == name)
    }
}

/// Something that a rule found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub rule: Rule,
    /// Its bytes in the text.
    pub range: Range<usize>,
    /// What would happen.
    pub message: Cow<'static, str>,
    /// What to do instead.
    pub help: Cow<'static, str>,
}

/// How to judge.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The server that will run the migration.
    pub version: Version,
    /// A tool puts a transaction around the whole text.
    pub in_transaction: bool,
    /// The rules in force.
    pub rules: BTreeSet<Rule>,
}

impl Default for Settings {
    fn default() -> Self {
        let rules = Rule::ALL.iter().copied().filter(|rule| rule.is_default()).collect();
        Self { version: Version::default(), in_transaction: false, rules }
    }
}

/// A table: its schema, empty where none is written, and its name.
pub(crate) type TableName = (String, String);

/// What earlier statements did.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// Tables that this text has made.
    pub(crate) created: BTreeSet<TableName>,
    /// A transaction is open.
    pub(crate) in_transaction: bool,
    /// The transaction was opened by a statement: where.
    pub(crate) begun: Option<Range<usize>>,
    /// Constraints added `NOT VALID`: table, constraint, and the column whose nulls it refuses, if it does that.
    pub(crate) not_valid: Vec<(TableName, String, Option<String>)>,
    /// Those of them that were added in the open transaction.
    pub(crate) not_valid_here: Vec<String>,
    /// Columns that a validated constraint keeps from being null; `None` stands for any column of the table.
    pub(crate) not_null: Vec<(TableName, Option<String>)>,
    /// A lock timeout is in force.
    pub(crate) has_timeout: bool,
}

/// One run.
pub(crate) struct Linter<'t, 's> {
    pub(crate) settings: &'s Settings,
    pub(crate) state: State,
    pub(crate) found: Vec<Finding>,
    pub(crate) tree: Tree<'t>,
}

/// What the rules find in a text, in its order.
pub fn lint(tree: Tree<'_>, settings: &Settings) -> Vec<Finding> {
    let state = State { in_transaction: settings.in_transaction, ..State::default() };
    let mut linter = Linter { settings, state, found: Vec::new(), tree };
    for statement in tree.statements().iter().flatten() {
        if let Value::Node(node) = statement.get("stmt") {
            linter.statement(node);
        }
    }
    if let Some(range) = linter.state.begun.take() {
        linter.report(Rule::BanUncommitted, range, "this transaction is never ended", "end it with COMMIT");
    }
    let Linter { mut found, .. } = linter;
    let ignored = Ignored::of(tree);
    found.retain(|finding| settings.rules.contains(&finding.rule) && !ignored.has(finding, tree.source()));
    found.sort_by_key(|finding| (finding.range.start, finding.rule));
    found.dedup();
    found
}

impl<'t> Linter<'t, '_> {
    pub(crate) fn report(
        &mut self,
        rule: Rule,
        range: Range<usize>,
        message: impl Into<Cow<'static, str>>,
        help: impl Into<Cow<'static, str>>,
    ) {
        self.found.push(Finding { rule, range, message: message.into(), help: help.into() });
    }

    pub(crate) fn report_node(
        &mut self,
        rule: Rule,
        node: Node<'t>,
        message: impl Into<Cow<'static, str>>,
        help: impl Into<Cow<'static, str>>,
    ) {
        self.report(rule, node.range(), message, help);
    }
}

/// Rules that comments switch off.
struct Ignored {
    /// The line behind the comment's, and the rules; none means all.
    lines: Vec<(usize, Vec<Rule>)>,
    file: Vec<Vec<Rule>>,
}

impl Ignored {
    fn of(tree: Tree<'_>) -> Self {
        let source = tree.source();
        let (mut tokens, mut ignored) = (Tokens::default(), Self { lines: Vec::new(), file: Vec::new() });
        if !source.contains("-ignore") {
            return ignored;
        }
        lex(source.as_bytes(), Mode::Scan, tree.arena.dialect, &mut tokens, &mut Vec::new());
        for index in 0..tokens.len() {
            if !matches!(tokens.kinds[index], Kind::SQL_COMMENT | Kind::C_COMMENT) {
                continue;
            }
            let range = tokens.range(index);
            let text = source[range.clone()].trim_start_matches(['-', '/', '*', ' ']);
            let text = text.trim_end_matches("*/");
            let rest = ["lint-ignore", "squawk-ignore"].iter().find_map(|word| text.strip_prefix(word));
            let Some(rest) = rest else { continue };
            let (whole_file, rest) = match rest.strip_prefix("-file") {
                Some(rest) => (true, rest),
                None => (false, rest),
            };
            let names = rest.trim_start_matches(':').split([',', ' ']).map(str::trim);
            let rules = names.filter_map(Rule::from_name).collect();
            if whole_file {
                ignored.file.push(rules);
            } else {
                ignored.lines.push((line_of(source, range.end) + 1, rules));
            }
        }
        ignored
    }

    fn has(&self, finding: &Finding, source: &str) -> bool {
        if self.lines.is_empty() && self.file.is_empty() {
            return false;
        }
        let covers = |rules: &Vec<Rule>| rules.is_empty() || rules.contains(&finding.rule);
        let line = line_of(source, finding.range.start);
        self.file.iter().any(covers)
            || self.lines.iter().any(|(next, rules)| (line == *next || line + 1 == *next) && covers(rules))
    }
}

fn line_of(source: &str, at: usize) -> usize {
    source.as_bytes()[..at.min(source.len())].iter().filter(|&&byte| byte == b'\n').count()
}
