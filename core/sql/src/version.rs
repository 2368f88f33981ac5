//! The versions of the grammar: what each added to the one before, in one table.
//!
//! 1. Words that a version does not know are plain names to it ([`crate::keyword`]): most additions are refused by that
//!    alone, at the place where the older server stops.
//! 2. What new grammar makes of old words stands in the table below; the grammar's functions ask for it by name
//!    (`Parser::has`).
//!
//! Each line has an example that the versions of its range take and the others refuse: `tests/versions.rs` runs all of
//! them, and beside them statements whose answers servers 14 to 18 gave.
//!
//! Source: `gram.y`, `scan.l` and `kwlist.h` of the branches, their release notes; 19 as its branch
//! is behind the third beta: what was taken back before (property graphs, `FOR PORTION OF`, splitting partitions) is not there.

/// A major version of PostgreSQL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// PostgreSQL 14.
    V14,
    /// PostgreSQL 15.
    V15,
    /// PostgreSQL 16.
    V16,
    /// PostgreSQL 17.
    V17,
    /// PostgreSQL 18.
    #[default]
    V18,
    /// PostgreSQL 19, before its release.
    V19,
}

impl Version {
    /// All, the oldest first.
    pub const ALL: [Version; 6] =
        [Version::V14, Version::V15, Version::V16, Version::V17, Version::V18, Version::V19];

    /// Its number.
    pub const fn number(self) -> u8 {
        self as u8 + 14
    }

    /// The version of a number, where its grammar is known.
    pub fn from_number(number: u8) -> Option<Version> {
        Self::ALL.into_iter().find(|version| version.number() == number)
    }
}

/// Whose texts are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dialect {
    /// The version of the grammar.
    pub version: Version,
    /// Scripts for psql: its variables are names and strings, its commands and the data of `COPY … FROM STDIN` stand between
    /// tokens like comments.
    pub psql: bool,
}

/// Something that not all versions take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The first version that takes it.
    pub since: u8,
    /// The last version that takes it; `u8::MAX` where it is still taken.
    pub until: u8,
    /// What it is.
    pub what: &'static str,
    /// A statement that needs it.
    pub example: &'static str,
}

impl Difference {
    /// Whether a version takes it.
    pub const fn is_in(&self, version: Version) -> bool {
        self.since <= version.number() && version.number() <= self.until
    }
}

macro_rules! differences {
    ($($id:ident $since:literal $($until:literal)? : $what:literal, $example:literal;)*) => {
        /// The differences, by name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Feature { $(#[doc = concat!("`", $what, "`")] $id,)* }

        /// The differences, in the order of [`Feature`].
        pub static DIFFERENCES: &[Difference] = &[$(Difference {
            since: $since,
            until: { const ENDS: &[u8] = &[$($until,)? u8::MAX]; ENDS[0] },
            what: $what,
            example: $example,
        },)*];
    };
}

impl Feature {
    /// Its line of the table.
    pub fn difference(self) -> &'static Difference {
        &DIFFERENCES[self as usize]
    }
}

differences! {
    LooseNumbers 14 14: "words directly behind numbers and parameters", "SELECT 1a, $1b";

    Merge 15: "MERGE", "MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN DELETE";
    RefreshCollation 15: "ALTER DATABASE … REFRESH COLLATION VERSION", "ALTER DATABASE d REFRESH COLLATION VERSION";
    PublicationObjects 15: "publications of schemas, columns and rows", "CREATE PUBLICATION p FOR TABLE t (a) WHERE (a > 1), TABLES IN SCHEMA s";
    SubscriptionSkip 15: "ALTER SUBSCRIPTION … SKIP", "ALTER SUBSCRIPTION s SKIP (lsn = '0/1')";
    NullsDistinct 15: "UNIQUE NULLS [NOT] DISTINCT", "CREATE TABLE t (a int UNIQUE NULLS NOT DISTINCT)";
    KeyActionColumns 15: "ON DELETE SET NULL and SET DEFAULT with columns", "CREATE TABLE t (a int REFERENCES u ON DELETE SET NULL (a))";
    TableAccessMethod 15: "ALTER TABLE … SET ACCESS METHOD", "ALTER TABLE t SET ACCESS METHOD heap";
    ParameterPrivileges 15: "privileges on parameters", "GRANT SET, ALTER SYSTEM ON PARAMETER work_mem TO u";
    AlterSystemPrivilege 15: "the privilege ALTER SYSTEM", "GRANT ALTER SYSTEM ON t TO u";

    ColumnStorage 16: "STORAGE of a new column", "CREATE TABLE t (a text STORAGE external)";
    StorageDefault 16: "STORAGE DEFAULT", "ALTER TABLE t ALTER a SET STORAGE DEFAULT";
    UnnamedStatistics 16: "CREATE STATISTICS without a name", "CREATE STATISTICS ON a, b FROM t";
    ReindexUnnamed 16: "REINDEX DATABASE and SYSTEM without a name", "REINDEX DATABASE";
    RoleGrantOptions 16: "options of memberships", "GRANT a TO b WITH INHERIT TRUE, SET FALSE";
    RoleRevokeOptions 16: "options of memberships, taken back", "REVOKE INHERIT OPTION FOR a FROM b";
    JsonConstructors 16: "JSON_OBJECT, JSON_ARRAY and their aggregates", "SELECT JSON_OBJECT('a': 1 ABSENT ON NULL), JSON_ARRAY(1, 2 NULL ON NULL)";
    IsJson 16: "IS JSON", "SELECT a IS JSON OBJECT WITH UNIQUE KEYS";
    XmlIndent 16: "XMLSERIALIZE … INDENT", "SELECT xmlserialize(CONTENT a AS text NO INDENT)";
    NumberForms 16: "integers to other bases, underscores in numbers", "SELECT 1_000 + 0x1F_FF + 0b11 + 0o17";
    DatabaseNumbers 15: "big numbers as options of a database", "CREATE DATABASE d OID 3000000000";
    TimeZoneLookahead 16: "WITHOUT before TIME as a token of its own", "SELECT JSON_OBJECT('a': 1 RETURNING time)";

    DomainTableConstraints 14 16: "any constraint of a table for a domain", "ALTER DOMAIN d ADD UNIQUE (a)";

    AnyPartitioning 14 15: "any word for a strategy of partitioning", "CREATE TABLE t (a int) PARTITION BY other (a)";
    UnnamedSubqueries 16: "subqueries in FROM without an alias", "SELECT * FROM (SELECT 1)";

    MergeReturning 17: "MERGE … RETURNING", "MERGE INTO t USING s ON true WHEN MATCHED THEN DELETE RETURNING t.a";
    MergeBySource 17: "WHEN NOT MATCHED BY SOURCE and BY TARGET", "MERGE INTO t USING s ON true WHEN NOT MATCHED BY SOURCE THEN DELETE";
    MergeAction 17: "MERGE_ACTION as a word of its own", "MERGE INTO t USING s ON true WHEN MATCHED THEN DELETE RETURNING merge_action()";
    DropEnumValue 17: "ALTER TYPE … DROP VALUE, to say that there is no such thing", "";
    StatisticsDefault 17: "SET STATISTICS DEFAULT", "ALTER TABLE t ALTER a SET STATISTICS DEFAULT";
    ClusterAll 17: "CLUSTER with options and no table", "CLUSTER (VERBOSE)";
    DomainNotNull 17: "ALTER DOMAIN … ADD NOT NULL", "ALTER DOMAIN d ADD NOT NULL";
    JsonName 14 16: "json as the name of a function", "CREATE FUNCTION json(int) RETURNS int RETURN 1";
    JsonFunctions 17: "JSON_VALUE, JSON_QUERY, JSON_EXISTS, JSON_SERIALIZE", "SELECT JSON_VALUE(a, '$.b' RETURNING int DEFAULT 0 ON EMPTY)";
    JsonTable 17: "JSON_TABLE", "SELECT * FROM JSON_TABLE(a, '$' COLUMNS (b int PATH '$.b'))";
    AtLocal 17: "AT LOCAL", "SELECT now() AT LOCAL";
    SetExpression 17: "ALTER COLUMN … SET EXPRESSION", "ALTER TABLE t ALTER a SET EXPRESSION AS (b + 1)";
    AccessMethodDefault 17: "SET ACCESS METHOD DEFAULT", "ALTER TABLE t SET ACCESS METHOD DEFAULT";
    CopyOptionDefault 17: "DEFAULT as the value of an option of COPY", "COPY t FROM 'f' (on_error DEFAULT)";
    CopyForceAll 17: "FORCE NULL * and FORCE NOT NULL *", "COPY t FROM 'f' CSV FORCE NULL *";
    OperatorFlags 17: "options without values in ALTER OPERATOR … SET", "ALTER OPERATOR = (a, b) SET (MERGES, HASHES)";

    VirtualColumns 18: "virtual generated columns", "CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a) VIRTUAL)";
    GeneratedUnmarked 18: "generated columns without STORED", "CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a))";
    Enforced 18: "constraints that are NOT ENFORCED", "CREATE TABLE t (a int CHECK (a > 0) NOT ENFORCED)";
    AlterConstraintInherit 18: "ALTER CONSTRAINT … INHERIT", "ALTER TABLE t ALTER CONSTRAINT c INHERIT";
    NotNullNoInherit 18: "NOT NULL NO INHERIT", "CREATE TABLE t (a int NOT NULL NO INHERIT)";
    TableNotNull 18: "NOT NULL as a constraint of a table", "ALTER TABLE t ADD CONSTRAINT c NOT NULL a NOT VALID";
    WithoutOverlaps 18: "keys WITHOUT OVERLAPS", "CREATE TABLE t (a int, b tsrange, PRIMARY KEY (a, b WITHOUT OVERLAPS))";
    Period 18: "foreign keys with PERIOD", "CREATE TABLE t (a int, b tsrange, FOREIGN KEY (a, PERIOD b) REFERENCES u (a, PERIOD b))";
    SequenceLogged 15: "LOGGED and UNLOGGED among a sequence's options", "CREATE SEQUENCE s LOGGED";
    LargeObjectDefaults 18: "default privileges of large objects", "ALTER DEFAULT PRIVILEGES GRANT SELECT ON LARGE OBJECTS TO u";
    VacuumOnly 18: "VACUUM ONLY and ANALYZE ONLY", "VACUUM ONLY t";
    ReturningOptions 18: "RETURNING WITH (OLD AS …, NEW AS …)", "UPDATE t SET a = 1 RETURNING WITH (OLD AS o, NEW AS n) o.a, n.a";

    SetNull 19: "SET … TO NULL", "SET a TO NULL";
    CheckpointOptions 19: "CHECKPOINT with options", "CHECKPOINT (MODE fast)";
    CopyJson 19: "COPY … JSON", "COPY t TO 'f' JSON";
    WrapperConnection 19: "CONNECTION of a foreign data wrapper", "CREATE FOREIGN DATA WRAPPER w CONNECTION f";
    PublicationAll 19: "publications of all sequences, and with exceptions", "CREATE PUBLICATION p FOR ALL TABLES EXCEPT (TABLE t, u), ALL SEQUENCES";
    SubscriptionServer 19: "subscriptions by the name of a server", "CREATE SUBSCRIPTION s SERVER v PUBLICATION p";
    RefreshSequences 19: "ALTER SUBSCRIPTION … REFRESH SEQUENCES", "ALTER SUBSCRIPTION s REFRESH SEQUENCES";
    Repack 19: "REPACK", "REPACK (VERBOSE) t (a, b) USING INDEX i";
    ConflictSelect 19: "ON CONFLICT DO SELECT", "INSERT INTO t VALUES (1) ON CONFLICT (a) DO SELECT FOR UPDATE WHERE a > 1 RETURNING *";
    NullTreatment 19: "IGNORE NULLS and RESPECT NULLS", "SELECT lag(a) IGNORE NULLS OVER (ORDER BY b) FROM t";
    Wait 19: "WAIT FOR LSN", "WAIT FOR LSN '0/1' WITH (timeout '1s')";
}
