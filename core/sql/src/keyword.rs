//! The words of the language: one line per keyword, from PostgreSQL's `kwlist.h` (versions 14 to 19).
//!
//! A keyword's [`Kind`] is its place in the alphabetical list, so that a token needs no table to know its word.
//! Lookup is a hash over length and letters, built while compiling, then one comparison.
//!
//! Source: `src/include/parser/kwlist.h` of each release; PostgreSQL documentation, appendix C.

use crate::token::Kind;
use crate::version::Version;

/// How the grammar lets a keyword stand where a name may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Any name.
    Unreserved,
    /// A name of a column or table, but of no function or type.
    ColName,
    /// A name of a function or type, but of no column or table.
    TypeFuncName,
    /// A label after `AS` only.
    Reserved,
}

impl Class {
    /// The name that libpg_query's scanner gives it.
    pub fn scan_name(self) -> &'static str {
        match self {
            Self::Unreserved => "UNRESERVED_KEYWORD",
            Self::ColName => "COL_NAME_KEYWORD",
            Self::TypeFuncName => "TYPE_FUNC_NAME_KEYWORD",
            Self::Reserved => "RESERVED_KEYWORD",
        }
    }
}

/// One keyword.
#[derive(Clone, Copy, Debug)]
pub struct Keyword {
    /// In small letters.
    pub word: &'static str,
    /// The token's name in gram.y.
    pub token: &'static str,
    /// Where it may stand as a name.
    pub class: Class,
    /// It may follow an expression as a label without `AS`.
    pub bare_label: bool,
    /// The first major version, counted from 14, that has it.
    pub since: u8,
    /// The last major version that has it; `u8::MAX` where it is still there.
    pub until: u8,
}

macro_rules! keywords {
    ($($id:ident $word:literal $token:ident $class:ident $bare:literal $since:literal $($until:literal)?;)*) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        #[repr(u16)]
        enum Index { $($id,)* Count }

        /// How many keywords there are.
        pub const KEYWORD_COUNT: usize = Index::Count as usize;

        /// All keywords, in alphabetical order; a keyword's [`Kind`] is its index.
        pub static KEYWORDS: [Keyword; KEYWORD_COUNT] = [
            $(Keyword {
                word: $word, token: stringify!($token), class: Class::$class, bare_label: $bare,
                since: $since, until: { const ENDS: &[u8] = &[$($until,)? u8::MAX]; ENDS[0] },
            },)*
        ];

        impl Kind {
            $(#[doc = concat!("The keyword `", $word, "`.")] pub const $id: Kind = Kind(Index::$id as u16);)*
        }
    };
}

keywords! {
    ABORT "abort" ABORT_P Unreserved true 14;
    ABSENT "absent" ABSENT Unreserved true 16;
    ABSOLUTE "absolute" ABSOLUTE_P Unreserved true 14;
    ACCESS "access" ACCESS Unreserved true 14;
    ACTION "action" ACTION Unreserved true 14;
    ADD "add" ADD_P Unreserved true 14;
    ADMIN "admin" ADMIN Unreserved true 14;
    AFTER "after" AFTER Unreserved true 14;
    AGGREGATE "aggregate" AGGREGATE Unreserved true 14;
    ALL "all" ALL Reserved true 14;
    ALSO "also" ALSO Unreserved true 14;
    ALTER "alter" ALTER Unreserved true 14;
    ALWAYS "always" ALWAYS Unreserved true 14;
    ANALYSE "analyse" ANALYSE Reserved true 14;
    ANALYZE "analyze" ANALYZE Reserved true 14;
    AND "and" AND Reserved true 14;
    ANY "any" ANY Reserved true 14;
    ARRAY "array" ARRAY Reserved false 14;
    AS "as" AS Reserved false 14;
    ASC "asc" ASC Reserved true 14;
    ASENSITIVE "asensitive" ASENSITIVE Unreserved true 14;
    ASSERTION "assertion" ASSERTION Unreserved true 14;
    ASSIGNMENT "assignment" ASSIGNMENT Unreserved true 14;
    ASYMMETRIC "asymmetric" ASYMMETRIC Reserved true 14;
    AT "at" AT Unreserved true 14;
    ATOMIC "atomic" ATOMIC Unreserved true 14;
    ATTACH "attach" ATTACH Unreserved true 14;
    ATTRIBUTE "attribute" ATTRIBUTE Unreserved true 14;
    AUTHORIZATION "authorization" AUTHORIZATION TypeFuncName true 14;
    BACKWARD "backward" BACKWARD Unreserved true 14;
    BEFORE "before" BEFORE Unreserved true 14;
    BEGIN "begin" BEGIN_P Unreserved true 14;
    BETWEEN "between" BETWEEN ColName true 14;
    BIGINT "bigint" BIGINT ColName true 14;
    BINARY "binary" BINARY TypeFuncName true 14;
    BIT "bit" BIT ColName true 14;
    BOOLEAN "boolean" BOOLEAN_P ColName true 14;
    BOTH "both" BOTH Reserved true 14;
    BREADTH "breadth" BREADTH Unreserved true 14;
    BY "by" BY Unreserved true 14;
    CACHE "cache" CACHE Unreserved true 14;
    CALL "call" CALL Unreserved true 14;
    CALLED "called" CALLED Unreserved true 14;
    CASCADE "cascade" CASCADE Unreserved true 14;
    CASCADED "cascaded" CASCADED Unreserved true 14;
    CASE "case" CASE Reserved true 14;
    CAST "cast" CAST Reserved true 14;
    CATALOG "catalog" CATALOG_P Unreserved true 14;
    CHAIN "chain" CHAIN Unreserved true 14;
    CHAR "char" CHAR_P ColName false 14;
    CHARACTER "character" CHARACTER ColName false 14;
    CHARACTERISTICS "characteristics" CHARACTERISTICS Unreserved true 14;
    CHECK "check" CHECK Reserved true 14;
    CHECKPOINT "checkpoint" CHECKPOINT Unreserved true 14;
    CLASS "class" CLASS Unreserved true 14;
    CLOSE "close" CLOSE Unreserved true 14;
    CLUSTER "cluster" CLUSTER Unreserved true 14;
    COALESCE "coalesce" COALESCE ColName true 14;
    COLLATE "collate" COLLATE Reserved true 14;
    COLLATION "collation" COLLATION TypeFuncName true 14;
    COLUMN "column" COLUMN Reserved true 14;
    COLUMNS "columns" COLUMNS Unreserved true 14;
    COMMENT "comment" COMMENT Unreserved true 14;
    COMMENTS "comments" COMMENTS Unreserved true 14;
    COMMIT "commit" COMMIT Unreserved true 14;
    COMMITTED "committed" COMMITTED Unreserved true 14;
    COMPRESSION "compression" COMPRESSION Unreserved true 14;
    CONCURRENTLY "concurrently" CONCURRENTLY TypeFuncName true 14;
    CONDITIONAL "conditional" CONDITIONAL Unreserved true 17;
    CONFIGURATION "configuration" CONFIGURATION Unreserved true 14;
    CONFLICT "conflict" CONFLICT Unreserved true 14;
    CONNECTION "connection" CONNECTION Unreserved true 14;
    CONSTRAINT "constraint" CONSTRAINT Reserved true 14;
    CONSTRAINTS "constraints" CONSTRAINTS Unreserved true 14;
    CONTENT "content" CONTENT_P Unreserved true 14;
    CONTINUE "continue" CONTINUE_P Unreserved true 14;
    CONVERSION "conversion" CONVERSION_P Unreserved true 14;
    COPY "copy" COPY Unreserved true 14;
    COST "cost" COST Unreserved true 14;
    CREATE "create" CREATE Reserved false 14;
    CROSS "cross" CROSS TypeFuncName true 14;
    CSV "csv" CSV Unreserved true 14;
    CUBE "cube" CUBE Unreserved true 14;
    CURRENT "current" CURRENT_P Unreserved true 14;
    CURRENT_CATALOG "current_catalog" CURRENT_CATALOG Reserved true 14;
    CURRENT_DATE "current_date" CURRENT_DATE Reserved true 14;
    CURRENT_ROLE "current_role" CURRENT_ROLE Reserved true 14;
    CURRENT_SCHEMA "current_schema" CURRENT_SCHEMA TypeFuncName true 14;
    CURRENT_TIME "current_time" CURRENT_TIME Reserved true 14;
    CURRENT_TIMESTAMP "current_timestamp" CURRENT_TIMESTAMP Reserved true 14;
    CURRENT_USER "current_user" CURRENT_USER Reserved true 14;
    CURSOR "cursor" CURSOR Unreserved true 14;
    CYCLE "cycle" CYCLE Unreserved true 14;
    DATA "data" DATA_P Unreserved true 14;
    DATABASE "database" DATABASE Unreserved true 14;
    DAY "day" DAY_P Unreserved false 14;
    DEALLOCATE "deallocate" DEALLOCATE Unreserved true 14;
    DEC "dec" DEC ColName true 14;
    DECIMAL "decimal" DECIMAL_P ColName true 14;
    DECLARE "declare" DECLARE Unreserved true 14;
    DEFAULT "default" DEFAULT Reserved true 14;
    DEFAULTS "defaults" DEFAULTS Unreserved true 14;
    DEFERRABLE "deferrable" DEFERRABLE Reserved true 14;
    DEFERRED "deferred" DEFERRED Unreserved true 14;
    DEFINER "definer" DEFINER Unreserved true 14;
    DELETE "delete" DELETE_P Unreserved true 14;
    DELIMITER "delimiter" DELIMITER Unreserved true 14;
    DELIMITERS "delimiters" DELIMITERS Unreserved true 14;
    DEPENDS "depends" DEPENDS Unreserved true 14;
    DEPTH "depth" DEPTH Unreserved true 14;
    DESC "desc" DESC Reserved true 14;
    DETACH "detach" DETACH Unreserved true 14;
    DICTIONARY "dictionary" DICTIONARY Unreserved true 14;
    DISABLE "disable" DISABLE_P Unreserved true 14;
    DISCARD "discard" DISCARD Unreserved true 14;
    DISTINCT "distinct" DISTINCT Reserved true 14;
    DO "do" DO Reserved true 14;
    DOCUMENT "document" DOCUMENT_P Unreserved true 14;
    DOMAIN "domain" DOMAIN_P Unreserved true 14;
    DOUBLE "double" DOUBLE_P Unreserved true 14;
    DROP "drop" DROP Unreserved true 14;
    EACH "each" EACH Unreserved true 14;
    ELSE "else" ELSE Reserved true 14;
    EMPTY "empty" EMPTY_P Unreserved true 17;
    ENABLE "enable" ENABLE_P Unreserved true 14;
    ENCODING "encoding" ENCODING Unreserved true 14;
    ENCRYPTED "encrypted" ENCRYPTED Unreserved true 14;
    END "end" END_P Reserved true 14;
    ENFORCED "enforced" ENFORCED Unreserved true 18;
    ENUM "enum" ENUM_P Unreserved true 14;
    ERROR "error" ERROR_P Unreserved true 17;
    ESCAPE "escape" ESCAPE Unreserved true 14;
    EVENT "event" EVENT Unreserved true 14;
    EXCEPT "except" EXCEPT Reserved false 14;
    EXCLUDE "exclude" EXCLUDE Unreserved true 14;
    EXCLUDING "excluding" EXCLUDING Unreserved true 14;
    EXCLUSIVE "exclusive" EXCLUSIVE Unreserved true 14;
    EXECUTE "execute" EXECUTE Unreserved true 14;
    EXISTS "exists" EXISTS ColName true 14;
    EXPLAIN "explain" EXPLAIN Unreserved true 14;
    EXPRESSION "expression" EXPRESSION Unreserved true 14;
    EXTENSION "extension" EXTENSION Unreserved true 14;
    EXTERNAL "external" EXTERNAL Unreserved true 14;
    EXTRACT "extract" EXTRACT ColName true 14;
    FALSE "false" FALSE_P Reserved true 14;
    FAMILY "family" FAMILY Unreserved true 14;
    FETCH "fetch" FETCH Reserved false 14;
    FILTER "filter" FILTER Unreserved false 14;
    FINALIZE "finalize" FINALIZE Unreserved true 14;
    FIRST "first" FIRST_P Unreserved true 14;
    FLOAT "float" FLOAT_P ColName true 14;
    FOLLOWING "following" FOLLOWING Unreserved true 14;
    FOR "for" FOR Reserved false 14;
    FORCE "force" FORCE Unreserved true 14;
    FOREIGN "foreign" FOREIGN Reserved true 14;
    FORMAT "format" FORMAT Unreserved true 16;
    FORWARD "forward" FORWARD Unreserved true 14;
    FREEZE "freeze" FREEZE TypeFuncName true 14;
    FROM "from" FROM Reserved false 14;
    FULL "full" FULL TypeFuncName true 14;
    FUNCTION "function" FUNCTION Unreserved true 14;
    FUNCTIONS "functions" FUNCTIONS Unreserved true 14;
    GENERATED "generated" GENERATED Unreserved true 14;
    GLOBAL "global" GLOBAL Unreserved true 14;
    GRANT "grant" GRANT Reserved false 14;
    GRANTED "granted" GRANTED Unreserved true 14;
    GREATEST "greatest" GREATEST ColName true 14;
    GROUP "group" GROUP_P Reserved false 14;
    GROUPING "grouping" GROUPING ColName true 14;
    GROUPS "groups" GROUPS Unreserved true 14;
    HANDLER "handler" HANDLER Unreserved true 14;
    HAVING "having" HAVING Reserved false 14;
    HEADER "header" HEADER_P Unreserved true 14;
    HOLD "hold" HOLD Unreserved true 14;
    HOUR "hour" HOUR_P Unreserved false 14;
    IDENTITY "identity" IDENTITY_P Unreserved true 14;
    IF "if" IF_P Unreserved true 14;
    IGNORE "ignore" IGNORE_P Unreserved false 19;
    ILIKE "ilike" ILIKE TypeFuncName true 14;
    IMMEDIATE "immediate" IMMEDIATE Unreserved true 14;
    IMMUTABLE "immutable" IMMUTABLE Unreserved true 14;
    IMPLICIT "implicit" IMPLICIT_P Unreserved true 14;
    IMPORT "import" IMPORT_P Unreserved true 14;
    IN "in" IN_P Reserved true 14;
    INCLUDE "include" INCLUDE Unreserved true 14;
    INCLUDING "including" INCLUDING Unreserved true 14;
    INCREMENT "increment" INCREMENT Unreserved true 14;
    INDENT "indent" INDENT Unreserved true 16;
    INDEX "index" INDEX Unreserved true 14;
    INDEXES "indexes" INDEXES Unreserved true 14;
    INHERIT "inherit" INHERIT Unreserved true 14;
    INHERITS "inherits" INHERITS Unreserved true 14;
    INITIALLY "initially" INITIALLY Reserved true 14;
    INLINE "inline" INLINE_P Unreserved true 14;
    INNER "inner" INNER_P TypeFuncName true 14;
    INOUT "inout" INOUT ColName true 14;
    INPUT "input" INPUT_P Unreserved true 14;
    INSENSITIVE "insensitive" INSENSITIVE Unreserved true 14;
    INSERT "insert" INSERT Unreserved true 14;
    INSTEAD "instead" INSTEAD Unreserved true 14;
    INT "int" INT_P ColName true 14;
    INTEGER "integer" INTEGER ColName true 14;
    INTERSECT "intersect" INTERSECT Reserved false 14;
    INTERVAL "interval" INTERVAL ColName true 14;
    INTO "into" INTO Reserved false 14;
    INVOKER "invoker" INVOKER Unreserved true 14;
    IS "is" IS TypeFuncName true 14;
    ISNULL "isnull" ISNULL TypeFuncName false 14;
    ISOLATION "isolation" ISOLATION Unreserved true 14;
    JOIN "join" JOIN TypeFuncName true 14;
    JSON "json" JSON ColName true 16;
    JSON_ARRAY "json_array" JSON_ARRAY ColName true 16;
    JSON_ARRAYAGG "json_arrayagg" JSON_ARRAYAGG ColName true 16;
    JSON_EXISTS "json_exists" JSON_EXISTS ColName true 17;
    JSON_OBJECT "json_object" JSON_OBJECT ColName true 16;
    JSON_OBJECTAGG "json_objectagg" JSON_OBJECTAGG ColName true 16;
    JSON_QUERY "json_query" JSON_QUERY ColName true 17;
    JSON_SCALAR "json_scalar" JSON_SCALAR ColName true 17;
    JSON_SERIALIZE "json_serialize" JSON_SERIALIZE ColName true 17;
    JSON_TABLE "json_table" JSON_TABLE ColName true 17;
    JSON_VALUE "json_value" JSON_VALUE ColName true 17;
    KEEP "keep" KEEP Unreserved true 17;
    KEY "key" KEY Unreserved true 14;
    KEYS "keys" KEYS Unreserved true 16;
    LABEL "label" LABEL Unreserved true 14;
    LANGUAGE "language" LANGUAGE Unreserved true 14;
    LARGE "large" LARGE_P Unreserved true 14;
    LAST "last" LAST_P Unreserved true 14;
    LATERAL "lateral" LATERAL_P Reserved true 14;
    LEADING "leading" LEADING Reserved true 14;
    LEAKPROOF "leakproof" LEAKPROOF Unreserved true 14;
    LEAST "least" LEAST ColName true 14;
    LEFT "left" LEFT TypeFuncName true 14;
    LEVEL "level" LEVEL Unreserved true 14;
    LIKE "like" LIKE TypeFuncName true 14;
    LIMIT "limit" LIMIT Reserved false 14;
    LISTEN "listen" LISTEN Unreserved true 14;
    LOAD "load" LOAD Unreserved true 14;
    LOCAL "local" LOCAL Unreserved true 14;
    LOCALTIME "localtime" LOCALTIME Reserved true 14;
    LOCALTIMESTAMP "localtimestamp" LOCALTIMESTAMP Reserved true 14;
    LOCATION "location" LOCATION Unreserved true 14;
    LOCK "lock" LOCK_P Unreserved true 14;
    LOCKED "locked" LOCKED Unreserved true 14;
    LOGGED "logged" LOGGED Unreserved true 14;
    LSN "lsn" LSN_P Unreserved true 19;
    MAPPING "mapping" MAPPING Unreserved true 14;
    MATCH "match" MATCH Unreserved true 14;
    MATCHED "matched" MATCHED Unreserved true 15;
    MATERIALIZED "materialized" MATERIALIZED Unreserved true 14;
    MAXVALUE "maxvalue" MAXVALUE Unreserved true 14;
    MERGE "merge" MERGE Unreserved true 15;
    MERGE_ACTION "merge_action" MERGE_ACTION ColName true 17;
    METHOD "method" METHOD Unreserved true 14;
    MINUTE "minute" MINUTE_P Unreserved false 14;
    MINVALUE "minvalue" MINVALUE Unreserved true 14;
    MODE "mode" MODE Unreserved true 14;
    MONTH "month" MONTH_P Unreserved false 14;
    MOVE "move" MOVE Unreserved true 14;
    NAME "name" NAME_P Unreserved true 14;
    NAMES "names" NAMES Unreserved true 14;
    NATIONAL "national" NATIONAL ColName true 14;
    NATURAL "natural" NATURAL TypeFuncName true 14;
    NCHAR "nchar" NCHAR ColName true 14;
    NESTED "nested" NESTED Unreserved true 17;
    NEW "new" NEW Unreserved true 14;
    NEXT "next" NEXT Unreserved true 14;
    NFC "nfc" NFC Unreserved true 14;
    NFD "nfd" NFD Unreserved true 14;
    NFKC "nfkc" NFKC Unreserved true 14;
    NFKD "nfkd" NFKD Unreserved true 14;
    NO "no" NO Unreserved true 14;
    NONE "none" NONE ColName true 14;
    NORMALIZE "normalize" NORMALIZE ColName true 14;
    NORMALIZED "normalized" NORMALIZED Unreserved true 14;
    NOT "not" NOT Reserved true 14;
    NOTHING "nothing" NOTHING Unreserved true 14;
    NOTIFY "notify" NOTIFY Unreserved true 14;
    NOTNULL "notnull" NOTNULL TypeFuncName false 14;
    NOWAIT "nowait" NOWAIT Unreserved true 14;
    NULL "null" NULL_P Reserved true 14;
    NULLIF "nullif" NULLIF ColName true 14;
    NULLS "nulls" NULLS_P Unreserved true 14;
    NUMERIC "numeric" NUMERIC ColName true 14;
    OBJECT "object" OBJECT_P Unreserved true 14;
    OBJECTS "objects" OBJECTS_P Unreserved true 18;
    OF "of" OF Unreserved true 14;
    OFF "off" OFF Unreserved true 14;
    OFFSET "offset" OFFSET Reserved false 14;
    OIDS "oids" OIDS Unreserved true 14;
    OLD "old" OLD Unreserved true 14;
    OMIT "omit" OMIT Unreserved true 17;
    ON "on" ON Reserved false 14;
    ONLY "only" ONLY Reserved true 14;
    OPERATOR "operator" OPERATOR Unreserved true 14;
    OPTION "option" OPTION Unreserved true 14;
    OPTIONS "options" OPTIONS Unreserved true 14;
    OR "or" OR Reserved true 14;
    ORDER "order" ORDER Reserved false 14;
    ORDINALITY "ordinality" ORDINALITY Unreserved true 14;
    OTHERS "others" OTHERS Unreserved true 14;
    OUT "out" OUT_P ColName true 14;
    OUTER "outer" OUTER_P TypeFuncName true 14;
    OVER "over" OVER Unreserved false 14;
    OVERLAPS "overlaps" OVERLAPS TypeFuncName false 14;
    OVERLAY "overlay" OVERLAY ColName true 14;
    OVERRIDING "overriding" OVERRIDING Unreserved true 14;
    OWNED "owned" OWNED Unreserved true 14;
    OWNER "owner" OWNER Unreserved true 14;
    PARALLEL "parallel" PARALLEL Unreserved true 14;
    PARAMETER "parameter" PARAMETER Unreserved true 15;
    PARSER "parser" PARSER Unreserved true 14;
    PARTIAL "partial" PARTIAL Unreserved true 14;
    PARTITION "partition" PARTITION Unreserved true 14;
    PASSING "passing" PASSING Unreserved true 14;
    PASSWORD "password" PASSWORD Unreserved true 14;
    PATH "path" PATH Unreserved true 17;
    PERIOD "period" PERIOD Unreserved true 18;
    PLACING "placing" PLACING Reserved true 14;
    PLAN "plan" PLAN Unreserved true 17;
    PLANS "plans" PLANS Unreserved true 14;
    POLICY "policy" POLICY Unreserved true 14;
    POSITION "position" POSITION ColName true 14;
    PRECEDING "preceding" PRECEDING Unreserved true 14;
    PRECISION "precision" PRECISION ColName false 14;
    PREPARE "prepare" PREPARE Unreserved true 14;
    PREPARED "prepared" PREPARED Unreserved true 14;
    PRESERVE "preserve" PRESERVE Unreserved true 14;
    PRIMARY "primary" PRIMARY Reserved true 14;
    PRIOR "prior" PRIOR Unreserved true 14;
    PRIVILEGES "privileges" PRIVILEGES Unreserved true 14;
    PROCEDURAL "procedural" PROCEDURAL Unreserved true 14;
    PROCEDURE "procedure" PROCEDURE Unreserved true 14;
    PROCEDURES "procedures" PROCEDURES Unreserved true 14;
    PROGRAM "program" PROGRAM Unreserved true 14;
    PUBLICATION "publication" PUBLICATION Unreserved true 14;
    QUOTE "quote" QUOTE Unreserved true 14;
    QUOTES "quotes" QUOTES Unreserved true 17;
    RANGE "range" RANGE Unreserved true 14;
    READ "read" READ Unreserved true 14;
    REAL "real" REAL ColName true 14;
    REASSIGN "reassign" REASSIGN Unreserved true 14;
    RECHECK "recheck" RECHECK Unreserved true 14 17;
    RECURSIVE "recursive" RECURSIVE Unreserved true 14;
    REF "ref" REF_P Unreserved true 14;
    REFERENCES "references" REFERENCES Reserved true 14;
    REFERENCING "referencing" REFERENCING Unreserved true 14;
    REFRESH "refresh" REFRESH Unreserved true 14;
    REINDEX "reindex" REINDEX Unreserved true 14;
    RELATIVE "relative" RELATIVE_P Unreserved true 14;
    RELEASE "release" RELEASE Unreserved true 14;
    RENAME "rename" RENAME Unreserved true 14;
    REPACK "repack" REPACK Unreserved true 19;
    REPEATABLE "repeatable" REPEATABLE Unreserved true 14;
    REPLACE "replace" REPLACE Unreserved true 14;
    REPLICA "replica" REPLICA Unreserved true 14;
    RESET "reset" RESET Unreserved true 14;
    RESPECT "respect" RESPECT_P Unreserved false 19;
    RESTART "restart" RESTART Unreserved true 14;
    RESTRICT "restrict" RESTRICT Unreserved true 14;
    RETURN "return" RETURN Unreserved true 14;
    RETURNING "returning" RETURNING Reserved false 14;
    RETURNS "returns" RETURNS Unreserved true 14;
    REVOKE "revoke" REVOKE Unreserved true 14;
    RIGHT "right" RIGHT TypeFuncName true 14;
    ROLE "role" ROLE Unreserved true 14;
    ROLLBACK "rollback" ROLLBACK Unreserved true 14;
    ROLLUP "rollup" ROLLUP Unreserved true 14;
    ROUTINE "routine" ROUTINE Unreserved true 14;
    ROUTINES "routines" ROUTINES Unreserved true 14;
    ROW "row" ROW ColName true 14;
    ROWS "rows" ROWS Unreserved true 14;
    RULE "rule" RULE Unreserved true 14;
    SAVEPOINT "savepoint" SAVEPOINT Unreserved true 14;
    SCALAR "scalar" SCALAR Unreserved true 16;
    SCHEMA "schema" SCHEMA Unreserved true 14;
    SCHEMAS "schemas" SCHEMAS Unreserved true 14;
    SCROLL "scroll" SCROLL Unreserved true 14;
    SEARCH "search" SEARCH Unreserved true 14;
    SECOND "second" SECOND_P Unreserved false 14;
    SECURITY "security" SECURITY Unreserved true 14;
    SELECT "select" SELECT Reserved true 14;
    SEQUENCE "sequence" SEQUENCE Unreserved true 14;
    SEQUENCES "sequences" SEQUENCES Unreserved true 14;
    SERIALIZABLE "serializable" SERIALIZABLE Unreserved true 14;
    SERVER "server" SERVER Unreserved true 14;
    SESSION "session" SESSION Unreserved true 14;
    SESSION_USER "session_user" SESSION_USER Reserved true 14;
    SET "set" SET Unreserved true 14;
    SETOF "setof" SETOF ColName true 14;
    SETS "sets" SETS Unreserved true 14;
    SHARE "share" SHARE Unreserved true 14;
    SHOW "show" SHOW Unreserved true 14;
    SIMILAR "similar" SIMILAR TypeFuncName true 14;
    SIMPLE "simple" SIMPLE Unreserved true 14;
    SKIP "skip" SKIP Unreserved true 14;
    SMALLINT "smallint" SMALLINT ColName true 14;
    SNAPSHOT "snapshot" SNAPSHOT Unreserved true 14;
    SOME "some" SOME Reserved true 14;
    SOURCE "source" SOURCE Unreserved true 17;
    SQL "sql" SQL_P Unreserved true 14;
    STABLE "stable" STABLE Unreserved true 14;
    STANDALONE "standalone" STANDALONE_P Unreserved true 14;
    START "start" START Unreserved true 14;
    STATEMENT "statement" STATEMENT Unreserved true 14;
    STATISTICS "statistics" STATISTICS Unreserved true 14;
    STDIN "stdin" STDIN Unreserved true 14;
    STDOUT "stdout" STDOUT Unreserved true 14;
    STORAGE "storage" STORAGE Unreserved true 14;
    STORED "stored" STORED Unreserved true 14;
    STRICT "strict" STRICT_P Unreserved true 14;
    STRING "string" STRING_P Unreserved true 17;
    STRIP "strip" STRIP_P Unreserved true 14;
    SUBSCRIPTION "subscription" SUBSCRIPTION Unreserved true 14;
    SUBSTRING "substring" SUBSTRING ColName true 14;
    SUPPORT "support" SUPPORT Unreserved true 14;
    SYMMETRIC "symmetric" SYMMETRIC Reserved true 14;
    SYSID "sysid" SYSID Unreserved true 14;
    SYSTEM "system" SYSTEM_P Unreserved true 14;
    SYSTEM_USER "system_user" SYSTEM_USER Reserved true 16;
    TABLE "table" TABLE Reserved true 14;
    TABLES "tables" TABLES Unreserved true 14;
    TABLESAMPLE "tablesample" TABLESAMPLE TypeFuncName true 14;
    TABLESPACE "tablespace" TABLESPACE Unreserved true 14;
    TARGET "target" TARGET Unreserved true 17;
    TEMP "temp" TEMP Unreserved true 14;
    TEMPLATE "template" TEMPLATE Unreserved true 14;
    TEMPORARY "temporary" TEMPORARY Unreserved true 14;
    TEXT "text" TEXT_P Unreserved true 14;
    THEN "then" THEN Reserved true 14;
    TIES "ties" TIES Unreserved true 14;
    TIME "time" TIME ColName true 14;
    TIMESTAMP "timestamp" TIMESTAMP ColName true 14;
    TO "to" TO Reserved false 14;
    TRAILING "trailing" TRAILING Reserved true 14;
    TRANSACTION "transaction" TRANSACTION Unreserved true 14;
    TRANSFORM "transform" TRANSFORM Unreserved true 14;
    TREAT "treat" TREAT ColName true 14;
    TRIGGER "trigger" TRIGGER Unreserved true 14;
    TRIM "trim" TRIM ColName true 14;
    TRUE "true" TRUE_P Reserved true 14;
    TRUNCATE "truncate" TRUNCATE Unreserved true 14;
    TRUSTED "trusted" TRUSTED Unreserved true 14;
    TYPE "type" TYPE_P Unreserved true 14;
    TYPES "types" TYPES_P Unreserved true 14;
    UESCAPE "uescape" UESCAPE Unreserved true 14;
    UNBOUNDED "unbounded" UNBOUNDED Unreserved true 14;
    UNCOMMITTED "uncommitted" UNCOMMITTED Unreserved true 14;
    UNCONDITIONAL "unconditional" UNCONDITIONAL Unreserved true 17;
    UNENCRYPTED "unencrypted" UNENCRYPTED Unreserved true 14;
    UNION "union" UNION Reserved false 14;
    UNIQUE "unique" UNIQUE Reserved true 14;
    UNKNOWN "unknown" UNKNOWN Unreserved true 14;
    UNLISTEN "unlisten" UNLISTEN Unreserved true 14;
    UNLOGGED "unlogged" UNLOGGED Unreserved true 14;
    UNTIL "until" UNTIL Unreserved true 14;
    UPDATE "update" UPDATE Unreserved true 14;
    USER "user" USER Reserved true 14;
    USING "using" USING Reserved true 14;
    VACUUM "vacuum" VACUUM Unreserved true 14;
    VALID "valid" VALID Unreserved true 14;
    VALIDATE "validate" VALIDATE Unreserved true 14;
    VALIDATOR "validator" VALIDATOR Unreserved true 14;
    VALUE "value" VALUE_P Unreserved true 14;
    VALUES "values" VALUES ColName true 14;
    VARCHAR "varchar" VARCHAR ColName true 14;
    VARIADIC "variadic" VARIADIC Reserved true 14;
    VARYING "varying" VARYING Unreserved false 14;
    VERBOSE "verbose" VERBOSE TypeFuncName true 14;
    VERSION "version" VERSION_P Unreserved true 14;
    VIEW "view" VIEW Unreserved true 14;
    VIEWS "views" VIEWS Unreserved true 14;
    VIRTUAL "virtual" VIRTUAL Unreserved true 18;
    VOLATILE "volatile" VOLATILE Unreserved true 14;
    WAIT "wait" WAIT Unreserved true 19;
    WHEN "when" WHEN Reserved true 14;
    WHERE "where" WHERE Reserved false 14;
    WHITESPACE "whitespace" WHITESPACE_P Unreserved true 14;
    WINDOW "window" WINDOW Reserved false 14;
    WITH "with" WITH Reserved false 14;
    WITHIN "within" WITHIN Unreserved false 14;
    WITHOUT "without" WITHOUT Unreserved false 14;
    WORK "work" WORK Unreserved true 14;
    WRAPPER "wrapper" WRAPPER Unreserved true 14;
    WRITE "write" WRITE Unreserved true 14;
    XML "xml" XML_P Unreserved true 14;
    XMLATTRIBUTES "xmlattributes" XMLATTRIBUTES ColName true 14;
    XMLCONCAT "xmlconcat" XMLCONCAT ColName true 14;
    XMLELEMENT "xmlelement" XMLELEMENT ColName true 14;
    XMLEXISTS "xmlexists" XMLEXISTS ColName true 14;
    XMLFOREST "xmlforest" XMLFOREST ColName true 14;
    XMLNAMESPACES "xmlnamespaces" XMLNAMESPACES ColName true 14;
    XMLPARSE "xmlparse" XMLPARSE ColName true 14;
    XMLPI "xmlpi" XMLPI ColName true 14;
    XMLROOT "xmlroot" XMLROOT ColName true 14;
    XMLSERIALIZE "xmlserialize" XMLSERIALIZE ColName true 14;
    XMLTABLE "xmltable" XMLTABLE ColName true 14;
    YEAR "year" YEAR_P Unreserved false 14;
    YES "yes" YES_P Unreserved true 14;
    ZONE "zone" ZONE Unreserved true 14;
}

/// Letters of the longest keyword.
pub const KEYWORD_LEN_MAX: usize = 17;

const SLOTS: usize = 2048;
const EMPTY: u16 = u16::MAX;

/// Makes ASCII letters small and keeps all other bytes of words apart.
const SMALL: u64 = 0x2020_2020_2020_2020;

/// A word's length, first eight bytes and last eight bytes, in small letters; a short word is padded with zeros.
#[derive(Clone, Copy)]
struct Key {
    len: usize,
    head: u64,
    tail: u64,
}

/// The keys of all keywords.
static KEYS: [Key; KEYWORD_COUNT] = keys();
/// Open addressing over [`slot`], filled while compiling: the words of one version.
pub(crate) type Table = [u16; SLOTS];
static TABLES: [Table; Version::ALL.len()] = tables();

const fn keys() -> [Key; KEYWORD_COUNT] {
    let mut keys = [Key { len: 0, head: 0, tail: 0 }; KEYWORD_COUNT];
    let mut index = 0;
    while index < KEYWORD_COUNT {
        let word = KEYWORDS[index].word.as_bytes();
        let (mut head, mut tail) = (0, 0);
        let mut at = 0;
        while at < 8 && at < word.len() {
            head |= ((word[at] | 0x20) as u64) << (8 * at);
            at += 1;
        }
        at = 0;
        while word.len() > 8 && at < 8 {
            tail |= ((word[word.len() - 8 + at] | 0x20) as u64) << (8 * at);
            at += 1;
        }
        keys[index] = Key { len: word.len(), head, tail };
        index += 1;
    }
    keys
}

const fn tables() -> [Table; Version::ALL.len()] {
    let mut tables = [[EMPTY; SLOTS]; Version::ALL.len()];
    let mut index = 0;
    while index < tables.len() {
        tables[index] = build(Version::ALL[index].number());
        index += 1;
    }
    tables
}

const fn build(version: u8) -> Table {
    let mut table = [EMPTY; SLOTS];
    let keys = keys();
    let mut index = 0;
    while index < KEYWORD_COUNT {
        if KEYWORDS[index].since > version || KEYWORDS[index].until < version {
            index += 1;
            continue;
        }
        let mut place = slot(keys[index]);
        while table[place] != EMPTY {
            place = (place + 1) % SLOTS;
        }
        table[place] = index as u16;
        index += 1;
    }
    table
}

const fn slot(key: Key) -> usize {
    let mixed = (key.head ^ key.tail.rotate_left(29) ^ key.len as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 53) as usize
}

#[inline]
fn eight(bytes: &[u8]) -> u64 {
    match bytes.first_chunk::<8>() {
        Some(chunk) => u64::from_le_bytes(*chunk),
        None => {
            let mut padded = [0; 8];
            padded[..bytes.len()].copy_from_slice(bytes);
            u64::from_le_bytes(padded)
        }
    }
}

/// The words of a version.
pub(crate) fn table(version: Version) -> &'static Table {
    &TABLES[version as usize]
}

/// The keyword of `table` that a word of fewer than eight bytes spells: its bytes, the first lowest, zeros above.
///
/// No byte of a word becomes zero, so equal bytes mean equal lengths too.
#[inline]
pub(crate) fn lookup_short(table: &Table, bytes: u64, len: usize) -> Option<Kind> {
    let head = (bytes | SMALL) & ((1 << (8 * len)) - 1);
    let mut place = slot(Key { len, head, tail: 0 });
    loop {
        let index = table[place];
        if index == EMPTY {
            return None;
        }
        if KEYS[usize::from(index)].head == head {
            return Some(Kind(index));
        }
        place = (place + 1) % SLOTS;
    }
}

/// The keyword of `table` that the word `source[start..end]` spells in any case, if it is one.
#[inline]
pub(crate) fn lookup_at(table: &Table, source: &[u8], start: usize, end: usize) -> Option<Kind> {
    let len = end - start;
    if !(2..=KEYWORD_LEN_MAX).contains(&len) {
        return None;
    }
    let head = if len >= 8 {
        eight(&source[start..]) | SMALL
    } else {
        let kept = (1u64 << (8 * len)) - 1;
        (eight(&source[start..]) | SMALL) & kept
    };
    let tail = if len > 8 { eight(&source[end - 8..end]) | SMALL } else { 0 };
    let mut place = slot(Key { len, head, tail });
    loop {
        let index = table[place];
        if index == EMPTY {
            return None;
        }
        let key = &KEYS[usize::from(index)];
        if key.head == head && key.tail == tail && key.len == len {
            // Only the longest word has a byte between its head and its tail.
            let middle = len <= 16 || source[start + 8] | 0x20 == b't';
            return middle.then_some(Kind(index));
        }
        place = (place + 1) % SLOTS;
    }
}

/// The keyword of a version that `word` spells in any case, if it is one.
pub fn lookup(word: &[u8], version: Version) -> Option<Kind> {
    lookup_at(table(version), word, 0, word.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_has_as_many_words_as_its_server() {
        let counts = Version::ALL.map(|version| {
            let number = version.number();
            KEYWORDS.iter().filter(|k| k.since <= number && number <= k.until).count()
        });
        // `pg_get_keywords()` of servers 14 to 18; 19 as its branch is behind the third beta.
        assert_eq!(counts, [457, 460, 471, 491, 494, 499]);
    }

    #[test]
    fn every_word_is_found_in_any_case() {
        for (index, keyword) in KEYWORDS.iter().enumerate() {
            for version in Version::ALL {
                let has = (keyword.since..=keyword.until).contains(&version.number());
                let found = has.then_some(Kind(index as u16));
                assert_eq!(lookup(keyword.word.as_bytes(), version), found, "{}", keyword.word);
                assert_eq!(lookup(keyword.word.to_uppercase().as_bytes(), version), found);
            }
        }
        assert!(KEYWORDS.is_sorted_by(|a, b| a.word < b.word));
        assert_eq!(KEYWORDS.iter().map(|k| k.word.len()).max(), Some(KEYWORD_LEN_MAX));
        for stranger in ["selec", "selects", "", "s", "current_timestamps", "sélect", "current_xtimestamp"] {
            assert_eq!(lookup(stranger.as_bytes(), Version::V18), None, "{stranger}");
        }
    }
}
