//! The rules for migrations: what each finds and what it lets pass.

use std::collections::BTreeSet;

use dolmen_sql::lint::{Finding, Rule, Settings, lint};
use dolmen_sql::{Version, Workspace};

fn run(sql: &str, settings: &Settings) -> Vec<Finding> {
    let mut workspace = Workspace::new();
    let found = lint(workspace.parse(sql).unwrap_or_else(|error| panic!("{sql}: {error}")), settings);
    for finding in &found {
        assert!(!finding.range.is_empty() && finding.range.end <= sql.len(), "{sql}: {finding:?}");
        assert!(!finding.message.is_empty() && !finding.help.is_empty());
    }
    found
}

/// All rules but the two that nearly every statement breaks.
fn strict() -> Settings {
    let noisy = [Rule::PreferRobust, Rule::RequireTimeouts];
    let rules: BTreeSet<Rule> = Rule::ALL.iter().copied().filter(|rule| !noisy.contains(rule)).collect();
    Settings { rules, ..Settings::default() }
}

fn check(sql: &str, wanted: &[&str]) {
    let found = run(sql, &strict());
    let names: Vec<&str> = found.iter().map(|finding| finding.rule.name()).collect();
    assert_eq!(names, wanted, "{sql}: {found:#?}");
}

#[test]
fn indexes() {
    check("CREATE INDEX i ON t (a)", &["require-concurrent-index-creation"]);
    check("CREATE INDEX CONCURRENTLY i ON t (a)", &[]);
    check("DROP INDEX i", &["require-concurrent-index-deletion"]);
    check("DROP INDEX CONCURRENTLY i", &[]);
    check("REINDEX TABLE t", &["require-concurrent-reindex"]);
    check("REINDEX TABLE CONCURRENTLY t; REINDEX (CONCURRENTLY) INDEX i", &[]);
    check("REFRESH MATERIALIZED VIEW v", &["require-concurrent-refresh"]);
    check("REFRESH MATERIALIZED VIEW CONCURRENTLY v", &[]);
    check("VACUUM FULL t; VACUUM t; CLUSTER t", &["ban-vacuum-full", "ban-vacuum-full"]);
}

#[test]
fn transactions() {
    check(
        "BEGIN; CREATE INDEX CONCURRENTLY i ON t (a); COMMIT",
        &["ban-concurrent-index-creation-in-transaction"],
    );
    check("BEGIN; DROP INDEX CONCURRENTLY i; COMMIT", &["ban-concurrent-index-creation-in-transaction"]);
    check(
        "BEGIN; ALTER TABLE t DETACH PARTITION p CONCURRENTLY; COMMIT",
        &["ban-concurrent-index-creation-in-transaction"],
    );
    check("BEGIN; SELECT 1", &["ban-uncommitted-transaction"]);
    check("BEGIN; BEGIN; COMMIT", &["transaction-nesting"]);
    check("COMMIT", &["transaction-nesting"]);
    check("BEGIN; COMMIT AND CHAIN; SELECT 1; ROLLBACK", &[]);
    check(
        "BEGIN; ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID; ALTER TABLE t VALIDATE CONSTRAINT c; COMMIT",
        &["validate-in-same-transaction"],
    );
    let inside = Settings { in_transaction: true, ..strict() };
    let names = |sql: &str| run(sql, &inside).iter().map(|f| f.rule.name()).collect::<Vec<_>>();
    assert_eq!(
        names("CREATE INDEX CONCURRENTLY i ON t (a)"),
        ["ban-concurrent-index-creation-in-transaction"]
    );
    assert_eq!(names("BEGIN"), ["transaction-nesting"]);
}

#[test]
fn tables_of_the_same_text_have_no_readers() {
    check("CREATE TABLE c (e text); CREATE INDEX i ON c (e)", &[]);
    check("BEGIN; CREATE TABLE c (e text); CREATE INDEX i ON c (e); COMMIT", &[]);
    check(
        "CREATE TABLE s.c (e text); CREATE INDEX i ON s.c (e); CREATE INDEX j ON s.d (e)",
        &["require-concurrent-index-creation"],
    );
    check(
        "CREATE TABLE c (e int); ALTER TABLE c ALTER e TYPE text, ADD f int NOT NULL, DROP e, ADD UNIQUE (f)",
        &[],
    );
    check("CREATE TABLE c AS SELECT 1; DROP TABLE c", &[]);
    check("CREATE SCHEMA s CREATE TABLE c (a int); CREATE INDEX ON c (a)", &[]);
    // No rule asks for CONCURRENTLY where there is no such thing.
    check("DROP TABLE IF EXISTS c", &["ban-drop-table"]);
}

#[test]
fn constraints() {
    check("ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)", &["constraint-missing-not-valid"]);
    check("ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID; ALTER TABLE t VALIDATE CONSTRAINT c", &[]);
    check("ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES u", &["adding-foreign-key-constraint"]);
    check("ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES u NOT VALID", &[]);
    check("ALTER TABLE t ADD COLUMN a bigint REFERENCES u", &["adding-foreign-key-constraint"]);
    check("ALTER TABLE t ADD PRIMARY KEY (a)", &["adding-primary-key-constraint"]);
    check("ALTER TABLE t ADD PRIMARY KEY USING INDEX i", &[]);
    check("ALTER TABLE t ADD UNIQUE (a)", &["disallowed-unique-constraint"]);
    check("ALTER TABLE t ADD UNIQUE USING INDEX i", &[]);
    check("ALTER TABLE t ADD EXCLUDE USING gist (a WITH &&)", &["adding-exclusion-constraint"]);
    check("ALTER TABLE t ALTER a SET NOT NULL", &["adding-not-nullable-field"]);
    check("ALTER TABLE t ADD CONSTRAINT c NOT NULL a", &["adding-not-nullable-field"]);
    check(
        "ALTER TABLE t ADD CONSTRAINT c CHECK (a IS NOT NULL) NOT VALID; ALTER TABLE t VALIDATE CONSTRAINT c; \
         ALTER TABLE t ALTER a SET NOT NULL",
        &[],
    );
    check(
        "ALTER TABLE t ADD CONSTRAINT c CHECK (b IS NOT NULL) NOT VALID; ALTER TABLE t VALIDATE CONSTRAINT c; \
         ALTER TABLE t ALTER a SET NOT NULL",
        &["adding-not-nullable-field"],
    );
    check("ALTER TABLE t VALIDATE CONSTRAINT from_another_file; ALTER TABLE t ALTER a SET NOT NULL", &[]);
    check("ALTER DOMAIN d ADD CHECK (VALUE > 0)", &["constraint-missing-not-valid"]);
}

#[test]
fn columns() {
    check("ALTER TABLE t ADD a int", &[]);
    check("ALTER TABLE t ADD a int DEFAULT 1 NOT NULL", &[]);
    check("ALTER TABLE t ADD a timestamptz DEFAULT now() + interval '1 day'", &[]);
    check("ALTER TABLE t ADD a uuid DEFAULT gen_random_uuid()", &["adding-field-with-default"]);
    check("ALTER TABLE t ADD a int DEFAULT our_function(1)", &["adding-field-with-default"]);
    check("ALTER TABLE t ADD a int GENERATED ALWAYS AS (b) STORED", &["adding-field-with-default"]);
    check("ALTER TABLE t ADD a int GENERATED ALWAYS AS (b) VIRTUAL", &[]);
    check("ALTER TABLE t ADD a bigint GENERATED ALWAYS AS IDENTITY", &["adding-field-with-default"]);
    check("ALTER TABLE t ADD a int NOT NULL", &["adding-required-field"]);
    check("ALTER TABLE t ALTER a TYPE bigint", &["changing-column-type"]);
    check("ALTER TABLE t DROP a, DROP CONSTRAINT c", &["ban-drop-column"]);
    check("ALTER TABLE t ALTER a DROP NOT NULL", &["ban-drop-not-null"]);
    check("ALTER TABLE t RENAME a TO b; ALTER TABLE t RENAME TO u", &["renaming-column", "renaming-table"]);
    check("ALTER TABLE t DETACH PARTITION p", &["require-concurrent-partition-detach"]);
}

#[test]
fn types() {
    check(
        "CREATE TABLE t (a serial, b char(3), c timestamp, d json, e varchar(9), f text, g timestamptz)",
        &["prefer-identity", "ban-char-field", "prefer-timestamp-tz", "prefer-jsonb", "prefer-text-field"],
    );
    check("CREATE TABLE t (a int PRIMARY KEY, b bigint PRIMARY KEY, c int)", &["prefer-bigint-over-int"]);
    check("CREATE TABLE t (a other.json, b other.serial)", &["prefer-identity"]);
}

#[test]
fn objects_and_names() {
    check("DROP TABLE t", &["ban-drop-table"]);
    check("DROP DATABASE d", &["ban-drop-database"]);
    check("TRUNCATE t CASCADE; TRUNCATE t", &["ban-truncate-cascade"]);
    let long = "x".repeat(64);
    check(&format!("CREATE TABLE {long} (a text)"), &["identifier-too-long"]);
    check(&format!("CREATE TABLE {} (a text)", &long[1..]), &[]);
}

#[test]
fn statements_that_can_run_twice() {
    let only = |rule: Rule| Settings { rules: BTreeSet::from([rule]), ..Settings::default() };
    let count = |sql: &str| run(sql, &only(Rule::PreferRobust)).len();
    assert_eq!(count("CREATE TABLE t (a text)"), 1);
    assert_eq!(count("CREATE TABLE IF NOT EXISTS t (a text); CREATE TEMP TABLE u (a text)"), 0);
    assert_eq!(count("BEGIN; CREATE TABLE t (a text); COMMIT"), 0);
    assert_eq!(count("CREATE INDEX CONCURRENTLY i ON t (a); DROP INDEX j; ALTER TABLE t ADD a int"), 3);
    let count = |sql: &str| run(sql, &only(Rule::RequireTimeouts)).len();
    assert_eq!(count("ALTER TABLE t ADD a int"), 1);
    assert_eq!(count("SET lock_timeout = '1s'; ALTER TABLE t ADD a int"), 0);
}

#[test]
fn comments_switch_rules_off() {
    check("-- lint-ignore: require-concurrent-index-creation\nCREATE INDEX i ON t (a)", &[]);
    check("-- squawk-ignore require-concurrent-index-creation, ban-drop-table\nCREATE INDEX i ON t (a)", &[]);
    check("CREATE INDEX i ON t (a); -- lint-ignore", &[]);
    check("-- lint-ignore: ban-drop-table\nCREATE INDEX i ON t (a)", &["require-concurrent-index-creation"]);
    check("-- lint-ignore\n\nDROP TABLE t", &["ban-drop-table"]);
    check(
        "/* lint-ignore-file: ban-drop-table */\n\nDROP TABLE t;\nDROP TABLE u;\nDROP INDEX i",
        &["require-concurrent-index-deletion"],
    );
}

#[test]
fn advice_follows_the_version() {
    let help = |version| {
        let found = run("ALTER TABLE t ALTER a SET NOT NULL", &Settings { version, ..Settings::default() });
        found[0].help.to_string()
    };
    assert!(help(Version::V18).contains("NOT NULL a NOT VALID"));
    assert!(help(Version::V14).contains("CHECK (a IS NOT NULL) NOT VALID"));
}

#[test]
fn names_are_unique_and_found() {
    let names: BTreeSet<&str> = Rule::ALL.iter().map(|rule| rule.name()).collect();
    assert_eq!(names.len(), Rule::ALL.len());
    assert!(
        Rule::ALL.iter().all(|rule| Rule::from_name(rule.name()) == Some(*rule) && !rule.about().is_empty())
    );
    assert_eq!(Rule::from_name("none"), None);
}
