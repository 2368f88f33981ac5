//! The one table of node kinds and their fields, from which everything about trees follows: sizes, JSON, typed views,
//! equality, walking, fingerprints.
//!
//! Names and order are libpg_query's for PostgreSQL 18, so that its JSON is ours. A node lies in the tree's array as
//! [`HEAD`] words (tag, first token, token behind the last) and one word for each field.
//!
//! Source: `src/include/nodes/parsenodes.h`, `primnodes.h` and libpg_query's `struct_defs.json`.

/// Words before a node's first field.
pub const HEAD: u32 = 3;

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// A signed number.
    Int,
    /// A signed number of 64 bits: the smallest of 32 bits stands for its largest.
    Long,
    /// An unsigned number.
    Uint,
    /// Zero or one.
    Bool,
    /// One ASCII letter.
    Char,
    /// A text.
    Str,
    /// A list of nodes.
    List,
    /// A node of any kind.
    Node,
    /// A node of this kind.
    Spec(Tag),
    /// A byte offset, -1 where unknown.
    Loc,
    /// One of these names.
    Enum(&'static [&'static str]),
}

/// A field's name and type.
#[derive(Clone, Copy, Debug)]
pub struct FieldDef {
    /// As in JSON.
    pub name: &'static str,
    /// What it holds.
    pub field: Field,
}

/// A kind of node.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// As in JSON.
    pub name: &'static str,
    /// In the order of the array and of JSON.
    pub fields: &'static [FieldDef],
}

impl Tag {
    /// Its name and fields.
    pub fn shape(self) -> &'static Shape {
        &SCHEMA[self as usize]
    }

    /// The kind with this number.
    pub(crate) fn from_word(word: u32) -> Tag {
        ALL[word as usize]
    }
}

const fn plain(name: &'static str) -> &'static str {
    match name.as_bytes() {
        [b'r', b'#', ..] => name.split_at(2).1,
        _ => name,
    }
}

macro_rules! field_type {
    (Enum $arg:ident) => {
        Field::Enum(e::$arg::NAMES)
    };
    (Spec $arg:ident) => {
        Field::Spec(Tag::$arg)
    };
    ($type:ident) => {
        Field::$type
    };
}

macro_rules! shapes {
    ($($name:ident { $($field:ident : $type:ident $(($arg:ident))?),* })*) => {
        /// Kinds of nodes.
        #[allow(non_camel_case_types)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        pub enum Tag { $(#[doc = concat!("`", stringify!($name), "`.")] $name),* }

        static ALL: &[Tag] = &[$(Tag::$name),*];

        /// How many kinds of nodes there are.
        pub const SHAPE_COUNT: usize = [$(stringify!($name)),*].len();

        pub(crate) static SCHEMA: [Shape; SHAPE_COUNT] = [$(Shape {
            name: stringify!($name),
            fields: &[$(FieldDef { name: plain(stringify!($field)), field: field_type!($type $($arg)?) }),*],
        }),*];

        /// Where each field lies, counted from its node.
        #[allow(non_upper_case_globals, non_snake_case)]
        pub mod f {
            $(#[doc = concat!("Fields of `", stringify!($name), "`.")]
            pub mod $name {
                #[allow(non_camel_case_types, dead_code)]
                #[repr(u32)]
                enum Index { $($field,)* Count }
                $(#[doc = concat!("`", stringify!($field), "`.")]
                pub const $field: u32 = super::super::HEAD + Index::$field as u32;)*
            })*
        }
    };
}

macro_rules! enums {
    ($($name:ident { $($value:ident),* })*) => {
        /// Values of fields that are one of several names.
        #[allow(non_upper_case_globals, non_snake_case)]
        pub mod e {
            $(#[doc = concat!("`", stringify!($name), "`.")]
            pub mod $name {
                #[allow(non_camel_case_types, clippy::upper_case_acronyms, clippy::enum_variant_names)]
                #[repr(u32)]
                enum Index { $($value),* }
                $(#[doc = concat!("`", stringify!($value), "`.")] pub const $value: u32 = Index::$value as u32;)*
                /// All names, in order.
                pub const NAMES: &[&str] = &[$(stringify!($value)),*];
            })*
        }
    };
}

enums! {
    A_Expr_Kind { AEXPR_OP, AEXPR_OP_ANY, AEXPR_OP_ALL, AEXPR_DISTINCT, AEXPR_NOT_DISTINCT, AEXPR_NULLIF, AEXPR_IN, AEXPR_LIKE, AEXPR_ILIKE,
         AEXPR_SIMILAR, AEXPR_BETWEEN, AEXPR_NOT_BETWEEN, AEXPR_BETWEEN_SYM, AEXPR_NOT_BETWEEN_SYM }
    AlterPublicationAction { AP_AddObjects, AP_DropObjects, AP_SetObjects }
    AlterSubscriptionType { ALTER_SUBSCRIPTION_OPTIONS, ALTER_SUBSCRIPTION_CONNECTION, ALTER_SUBSCRIPTION_SET_PUBLICATION,
         ALTER_SUBSCRIPTION_ADD_PUBLICATION, ALTER_SUBSCRIPTION_DROP_PUBLICATION, ALTER_SUBSCRIPTION_REFRESH, ALTER_SUBSCRIPTION_ENABLED,
         ALTER_SUBSCRIPTION_SKIP, ALTER_SUBSCRIPTION_REFRESH_SEQUENCES, ALTER_SUBSCRIPTION_SERVER }
    AlterTSConfigType { ALTER_TSCONFIG_ADD_MAPPING, ALTER_TSCONFIG_ALTER_MAPPING_FOR_TOKEN, ALTER_TSCONFIG_REPLACE_DICT,
         ALTER_TSCONFIG_REPLACE_DICT_FOR_TOKEN, ALTER_TSCONFIG_DROP_MAPPING }
    AlterTableType { AT_AddColumn, AT_AddColumnToView, AT_ColumnDefault, AT_CookedColumnDefault, AT_DropNotNull, AT_SetNotNull, AT_SetExpression,
         AT_DropExpression, AT_SetStatistics, AT_SetOptions, AT_ResetOptions, AT_SetStorage, AT_SetCompression, AT_DropColumn, AT_AddIndex,
         AT_ReAddIndex, AT_AddConstraint, AT_ReAddConstraint, AT_ReAddDomainConstraint, AT_AlterConstraint, AT_ValidateConstraint,
         AT_AddIndexConstraint, AT_DropConstraint, AT_ReAddComment, AT_AlterColumnType, AT_AlterColumnGenericOptions, AT_ChangeOwner,
         AT_ClusterOn, AT_DropCluster, AT_SetLogged, AT_SetUnLogged, AT_DropOids, AT_SetAccessMethod, AT_SetTableSpace, AT_SetRelOptions,
         AT_ResetRelOptions, AT_ReplaceRelOptions, AT_EnableTrig, AT_EnableAlwaysTrig, AT_EnableReplicaTrig, AT_DisableTrig, AT_EnableTrigAll,
         AT_DisableTrigAll, AT_EnableTrigUser, AT_DisableTrigUser, AT_EnableRule, AT_EnableAlwaysRule, AT_EnableReplicaRule, AT_DisableRule,
         AT_AddInherit, AT_DropInherit, AT_AddOf, AT_DropOf, AT_ReplicaIdentity, AT_EnableRowSecurity, AT_DisableRowSecurity,
         AT_ForceRowSecurity, AT_NoForceRowSecurity, AT_GenericOptions, AT_AttachPartition, AT_DetachPartition, AT_DetachPartitionFinalize,
         AT_AddIdentity, AT_SetIdentity, AT_DropIdentity, AT_ReAddStatistics }
    BoolExprType { AND_EXPR, OR_EXPR, NOT_EXPR }
    BoolTestType { IS_TRUE, IS_NOT_TRUE, IS_FALSE, IS_NOT_FALSE, IS_UNKNOWN, IS_NOT_UNKNOWN }
    CTEMaterialize { CTEMaterializeDefault, CTEMaterializeAlways, CTEMaterializeNever }
    CmdType { CMD_UNKNOWN, CMD_SELECT, CMD_UPDATE, CMD_INSERT, CMD_DELETE, CMD_MERGE, CMD_UTILITY, CMD_NOTHING }
    CoercionContext { COERCION_IMPLICIT, COERCION_ASSIGNMENT, COERCION_PLPGSQL, COERCION_EXPLICIT }
    CoercionForm { COERCE_EXPLICIT_CALL, COERCE_EXPLICIT_CAST, COERCE_IMPLICIT_CAST, COERCE_SQL_SYNTAX }
    ConstrType { CONSTR_NULL, CONSTR_NOTNULL, CONSTR_DEFAULT, CONSTR_IDENTITY, CONSTR_GENERATED, CONSTR_CHECK, CONSTR_PRIMARY, CONSTR_UNIQUE,
         CONSTR_EXCLUSION, CONSTR_FOREIGN, CONSTR_ATTR_DEFERRABLE, CONSTR_ATTR_NOT_DEFERRABLE, CONSTR_ATTR_DEFERRED, CONSTR_ATTR_IMMEDIATE,
         CONSTR_ATTR_ENFORCED, CONSTR_ATTR_NOT_ENFORCED }
    DefElemAction { DEFELEM_UNSPEC, DEFELEM_SET, DEFELEM_ADD, DEFELEM_DROP }
    DiscardMode { DISCARD_ALL, DISCARD_PLANS, DISCARD_SEQUENCES, DISCARD_TEMP }
    DropBehavior { DROP_RESTRICT, DROP_CASCADE }
    FetchDirection { FETCH_FORWARD, FETCH_BACKWARD, FETCH_ABSOLUTE, FETCH_RELATIVE }
    FunctionParameterMode { FUNC_PARAM_IN, FUNC_PARAM_OUT, FUNC_PARAM_INOUT, FUNC_PARAM_VARIADIC, FUNC_PARAM_TABLE, FUNC_PARAM_DEFAULT }
    GrantTargetType { ACL_TARGET_OBJECT, ACL_TARGET_ALL_IN_SCHEMA, ACL_TARGET_DEFAULTS }
    GroupingSetKind { GROUPING_SET_EMPTY, GROUPING_SET_SIMPLE, GROUPING_SET_ROLLUP, GROUPING_SET_CUBE, GROUPING_SET_SETS }
    ImportForeignSchemaType { FDW_IMPORT_SCHEMA_ALL, FDW_IMPORT_SCHEMA_LIMIT_TO, FDW_IMPORT_SCHEMA_EXCEPT }
    JoinType { JOIN_INNER, JOIN_LEFT, JOIN_FULL, JOIN_RIGHT, JOIN_SEMI, JOIN_ANTI, JOIN_RIGHT_SEMI, JOIN_RIGHT_ANTI, JOIN_UNIQUE_OUTER,
         JOIN_UNIQUE_INNER }
    JsonBehaviorType { JSON_BEHAVIOR_NULL, JSON_BEHAVIOR_ERROR, JSON_BEHAVIOR_EMPTY, JSON_BEHAVIOR_TRUE, JSON_BEHAVIOR_FALSE,
         JSON_BEHAVIOR_UNKNOWN, JSON_BEHAVIOR_EMPTY_ARRAY, JSON_BEHAVIOR_EMPTY_OBJECT, JSON_BEHAVIOR_DEFAULT }
    JsonEncoding { JS_ENC_DEFAULT, JS_ENC_UTF8, JS_ENC_UTF16, JS_ENC_UTF32 }
    JsonExprOp { JSON_EXISTS_OP, JSON_QUERY_OP, JSON_VALUE_OP, JSON_TABLE_OP }
    JsonFormatType { JS_FORMAT_DEFAULT, JS_FORMAT_JSON, JS_FORMAT_JSONB }
    JsonQuotes { JS_QUOTES_UNSPEC, JS_QUOTES_KEEP, JS_QUOTES_OMIT }
    JsonTableColumnType { JTC_FOR_ORDINALITY, JTC_REGULAR, JTC_EXISTS, JTC_FORMATTED, JTC_NESTED }
    JsonValueType { JS_TYPE_ANY, JS_TYPE_OBJECT, JS_TYPE_ARRAY, JS_TYPE_SCALAR }
    JsonWrapper { JSW_UNSPEC, JSW_NONE, JSW_CONDITIONAL, JSW_UNCONDITIONAL }
    LimitOption { LIMIT_OPTION_DEFAULT, LIMIT_OPTION_COUNT, LIMIT_OPTION_WITH_TIES }
    LockClauseStrength { LCS_NONE, LCS_FORKEYSHARE, LCS_FORSHARE, LCS_FORNOKEYUPDATE, LCS_FORUPDATE }
    LockWaitPolicy { LockWaitBlock, LockWaitSkip, LockWaitError }
    MergeMatchKind { MERGE_WHEN_MATCHED, MERGE_WHEN_NOT_MATCHED_BY_SOURCE, MERGE_WHEN_NOT_MATCHED_BY_TARGET }
    MinMaxOp { IS_GREATEST, IS_LEAST }
    NullTestType { IS_NULL, IS_NOT_NULL }
    ObjectType { OBJECT_ACCESS_METHOD, OBJECT_AGGREGATE, OBJECT_AMOP, OBJECT_AMPROC, OBJECT_ATTRIBUTE, OBJECT_CAST, OBJECT_COLUMN,
         OBJECT_COLLATION, OBJECT_CONVERSION, OBJECT_DATABASE, OBJECT_DEFAULT, OBJECT_DEFACL, OBJECT_DOMAIN, OBJECT_DOMCONSTRAINT,
         OBJECT_EVENT_TRIGGER, OBJECT_EXTENSION, OBJECT_FDW, OBJECT_FOREIGN_SERVER, OBJECT_FOREIGN_TABLE, OBJECT_FUNCTION, OBJECT_INDEX,
         OBJECT_LANGUAGE, OBJECT_LARGEOBJECT, OBJECT_MATVIEW, OBJECT_OPCLASS, OBJECT_OPERATOR, OBJECT_OPFAMILY, OBJECT_PARAMETER_ACL,
         OBJECT_POLICY, OBJECT_PROCEDURE, OBJECT_PUBLICATION, OBJECT_PUBLICATION_NAMESPACE, OBJECT_PUBLICATION_REL, OBJECT_ROLE, OBJECT_ROUTINE,
         OBJECT_RULE, OBJECT_SCHEMA, OBJECT_SEQUENCE, OBJECT_SUBSCRIPTION, OBJECT_STATISTIC_EXT, OBJECT_TABCONSTRAINT, OBJECT_TABLE,
         OBJECT_TABLESPACE, OBJECT_TRANSFORM, OBJECT_TRIGGER, OBJECT_TSCONFIGURATION, OBJECT_TSDICTIONARY, OBJECT_TSPARSER, OBJECT_TSTEMPLATE,
         OBJECT_TYPE, OBJECT_USER_MAPPING, OBJECT_VIEW }
    OnCommitAction { ONCOMMIT_NOOP, ONCOMMIT_PRESERVE_ROWS, ONCOMMIT_DELETE_ROWS, ONCOMMIT_DROP }
    OnConflictAction { ONCONFLICT_NONE, ONCONFLICT_NOTHING, ONCONFLICT_UPDATE, ONCONFLICT_SELECT }
    OverridingKind { OVERRIDING_NOT_SET, OVERRIDING_USER_VALUE, OVERRIDING_SYSTEM_VALUE }
    PartitionStrategy { PARTITION_STRATEGY_LIST, PARTITION_STRATEGY_RANGE, PARTITION_STRATEGY_HASH }
    PublicationObjSpecType { PUBLICATIONOBJ_TABLE, PUBLICATIONOBJ_TABLES_IN_SCHEMA, PUBLICATIONOBJ_TABLES_IN_CUR_SCHEMA,
         PUBLICATIONOBJ_CONTINUATION, PUBLICATIONOBJ_EXCEPT_TABLE }
    ReindexObjectType { REINDEX_OBJECT_INDEX, REINDEX_OBJECT_TABLE, REINDEX_OBJECT_SCHEMA, REINDEX_OBJECT_SYSTEM, REINDEX_OBJECT_DATABASE }
    ReturningOptionKind { RETURNING_OPTION_OLD, RETURNING_OPTION_NEW }
    RoleSpecType { ROLESPEC_CSTRING, ROLESPEC_CURRENT_ROLE, ROLESPEC_CURRENT_USER, ROLESPEC_SESSION_USER, ROLESPEC_PUBLIC }
    RoleStmtType { ROLESTMT_ROLE, ROLESTMT_USER, ROLESTMT_GROUP }
    SQLValueFunctionOp { SVFOP_CURRENT_DATE, SVFOP_CURRENT_TIME, SVFOP_CURRENT_TIME_N, SVFOP_CURRENT_TIMESTAMP, SVFOP_CURRENT_TIMESTAMP_N,
         SVFOP_LOCALTIME, SVFOP_LOCALTIME_N, SVFOP_LOCALTIMESTAMP, SVFOP_LOCALTIMESTAMP_N, SVFOP_CURRENT_ROLE, SVFOP_CURRENT_USER, SVFOP_USER,
         SVFOP_SESSION_USER, SVFOP_CURRENT_CATALOG, SVFOP_CURRENT_SCHEMA }
    SetOperation { SETOP_NONE, SETOP_UNION, SETOP_INTERSECT, SETOP_EXCEPT }
    SortByDir { SORTBY_DEFAULT, SORTBY_ASC, SORTBY_DESC, SORTBY_USING }
    SortByNulls { SORTBY_NULLS_DEFAULT, SORTBY_NULLS_FIRST, SORTBY_NULLS_LAST }
    SubLinkType { EXISTS_SUBLINK, ALL_SUBLINK, ANY_SUBLINK, ROWCOMPARE_SUBLINK, EXPR_SUBLINK, MULTIEXPR_SUBLINK, ARRAY_SUBLINK, CTE_SUBLINK }
    TransactionStmtKind { TRANS_STMT_BEGIN, TRANS_STMT_START, TRANS_STMT_COMMIT, TRANS_STMT_ROLLBACK, TRANS_STMT_SAVEPOINT, TRANS_STMT_RELEASE,
         TRANS_STMT_ROLLBACK_TO, TRANS_STMT_PREPARE, TRANS_STMT_COMMIT_PREPARED, TRANS_STMT_ROLLBACK_PREPARED }
    VariableSetKind { VAR_SET_VALUE, VAR_SET_DEFAULT, VAR_SET_CURRENT, VAR_SET_MULTI, VAR_RESET, VAR_RESET_ALL }
    ViewCheckOption { NO_CHECK_OPTION, LOCAL_CHECK_OPTION, CASCADED_CHECK_OPTION }
    XmlExprOp { IS_XMLCONCAT, IS_XMLELEMENT, IS_XMLFOREST, IS_XMLPARSE, IS_XMLPI, IS_XMLROOT, IS_XMLSERIALIZE, IS_DOCUMENT }
    XmlOptionType { XMLOPTION_DOCUMENT, XMLOPTION_CONTENT }
}

/// Hands the table to another macro.
macro_rules! node_table {
    ($callback:ident) => {
        $callback! {
    A_Const { kind: Int, val: Int, location: Loc }
    BitString { bsval: Str }
    Boolean { boolval: Bool }
    Float { fval: Str }
    Integer { ival: Int }
    List { items: List }
    String { sval: Str }
    ATAlterConstraint { conname: Str, alterEnforceability: Bool, is_enforced: Bool, alterDeferrability: Bool, deferrable: Bool,
         initdeferred: Bool, alterInheritability: Bool, noinherit: Bool }
    A_ArrayExpr { elements: List, list_start: Int, list_end: Int, location: Loc }
    A_Expr { kind: Enum(A_Expr_Kind), name: List, lexpr: Node, rexpr: Node, rexpr_list_start: Int, rexpr_list_end: Int, location: Loc }
    A_Indices { is_slice: Bool, lidx: Node, uidx: Node }
    A_Indirection { arg: Node, indirection: List }
    A_Star { }
    AccessPriv { priv_name: Str, cols: List }
    Alias { aliasname: Str, colnames: List }
    AlterCollationStmt { collname: List }
    AlterDatabaseRefreshCollStmt { dbname: Str }
    AlterDatabaseSetStmt { dbname: Str, setstmt: Spec(VariableSetStmt) }
    AlterDatabaseStmt { dbname: Str, options: List }
    AlterDefaultPrivilegesStmt { options: List, action: Spec(GrantStmt) }
    AlterDomainStmt { subtype: Char, typeName: List, name: Str, def: Node, behavior: Enum(DropBehavior), missing_ok: Bool }
    AlterEnumStmt { typeName: List, oldVal: Str, newVal: Str, newValNeighbor: Str, newValIsAfter: Bool, skipIfNewValExists: Bool }
    AlterEventTrigStmt { trigname: Str, tgenabled: Char }
    AlterExtensionContentsStmt { extname: Str, action: Int, objtype: Enum(ObjectType), object: Node }
    AlterExtensionStmt { extname: Str, options: List }
    AlterFdwStmt { fdwname: Str, func_options: List, options: List }
    AlterForeignServerStmt { servername: Str, version: Str, options: List, has_version: Bool }
    AlterFunctionStmt { objtype: Enum(ObjectType), func: Spec(ObjectWithArgs), actions: List }
    AlterObjectDependsStmt { objectType: Enum(ObjectType), relation: Spec(RangeVar), object: Node, extname: Spec(String), remove: Bool }
    AlterObjectSchemaStmt { objectType: Enum(ObjectType), relation: Spec(RangeVar), object: Node, newschema: Str, missing_ok: Bool }
    AlterOpFamilyStmt { opfamilyname: List, amname: Str, isDrop: Bool, items: List }
    AlterOperatorStmt { opername: Spec(ObjectWithArgs), options: List }
    AlterOwnerStmt { objectType: Enum(ObjectType), relation: Spec(RangeVar), object: Node, newowner: Spec(RoleSpec) }
    AlterPolicyStmt { policy_name: Str, table: Spec(RangeVar), roles: List, qual: Node, with_check: Node }
    AlterPublicationStmt { pubname: Str, options: List, pubobjects: List, for_all_tables: Bool, action: Enum(AlterPublicationAction), for_all_sequences: Bool }
    AlterRoleSetStmt { role: Spec(RoleSpec), database: Str, setstmt: Spec(VariableSetStmt) }
    AlterRoleStmt { role: Spec(RoleSpec), options: List, action: Int }
    AlterSeqStmt { sequence: Spec(RangeVar), options: List, for_identity: Bool, missing_ok: Bool }
    AlterStatsStmt { defnames: List, stxstattarget: Node, missing_ok: Bool }
    AlterSubscriptionStmt { kind: Enum(AlterSubscriptionType), subname: Str, conninfo: Str, publication: List, options: List, conninfo_location: Int, servername: Str }
    AlterSystemStmt { setstmt: Spec(VariableSetStmt) }
    AlterTSConfigurationStmt { kind: Enum(AlterTSConfigType), cfgname: List, tokentype: List, dicts: List, r#override: Bool, replace: Bool,
         missing_ok: Bool }
    AlterTSDictionaryStmt { dictname: List, options: List }
    AlterTableCmd { subtype: Enum(AlterTableType), name: Str, num: Int, newowner: Spec(RoleSpec), def: Node, behavior: Enum(DropBehavior),
         missing_ok: Bool, recurse: Bool }
    AlterTableMoveAllStmt { orig_tablespacename: Str, objtype: Enum(ObjectType), roles: List, new_tablespacename: Str, nowait: Bool }
    AlterTableSpaceOptionsStmt { tablespacename: Str, options: List, isReset: Bool }
    AlterTableStmt { relation: Spec(RangeVar), cmds: List, objtype: Enum(ObjectType), missing_ok: Bool }
    AlterTypeStmt { typeName: List, options: List }
    AlterUserMappingStmt { user: Spec(RoleSpec), servername: Str, options: List }
    BoolExpr { boolop: Enum(BoolExprType), args: List, location: Loc }
    BooleanTest { arg: Node, booltesttype: Enum(BoolTestType), location: Loc }
    CTECycleClause { cycle_col_list: List, cycle_mark_column: Str, cycle_mark_value: Node, cycle_mark_default: Node, cycle_path_column: Str,
         location: Loc, cycle_mark_type: Uint, cycle_mark_typmod: Int, cycle_mark_collation: Uint, cycle_mark_neop: Uint }
    CTESearchClause { search_col_list: List, search_breadth_first: Bool, search_seq_column: Str, location: Loc }
    CallStmt { funccall: Spec(FuncCall), funcexpr: Node, outargs: List }
    CaseExpr { casetype: Uint, casecollid: Uint, arg: Node, args: List, defresult: Node, location: Loc }
    CaseWhen { expr: Node, result: Node, location: Loc }
    CheckPointStmt { options: List }
    ClosePortalStmt { portalname: Str }
    ClusterStmt { relation: Spec(RangeVar), indexname: Str, params: List }
    CoalesceExpr { coalescetype: Uint, coalescecollid: Uint, args: List, location: Loc }
    CollateClause { arg: Node, collname: List, location: Loc }
    ColumnDef { colname: Str, typeName: Spec(TypeName), compression: Str, inhcount: Int, is_local: Bool, is_not_null: Bool, is_from_type: Bool,
         storage: Char, storage_name: Str, raw_default: Node, cooked_default: Node, identity: Char, identitySequence: Spec(RangeVar),
         generated: Char, collClause: Spec(CollateClause), collOid: Uint, constraints: List, fdwoptions: List, location: Loc }
    ColumnRef { fields: List, location: Loc }
    CommentStmt { objtype: Enum(ObjectType), object: Node, comment: Str }
    CommonTableExpr { ctename: Str, aliascolnames: List, ctematerialized: Enum(CTEMaterialize), ctequery: Node,
         search_clause: Spec(CTESearchClause), cycle_clause: Spec(CTECycleClause), location: Loc, cterecursive: Bool, cterefcount: Int,
         ctecolnames: List, ctecoltypes: List, ctecoltypmods: List, ctecolcollations: List }
    CompositeTypeStmt { typevar: Spec(RangeVar), coldeflist: List }
    Constraint { contype: Enum(ConstrType), conname: Str, deferrable: Bool, initdeferred: Bool, is_enforced: Bool, skip_validation: Bool,
         initially_valid: Bool, is_no_inherit: Bool, raw_expr: Node, cooked_expr: Str, generated_when: Char, generated_kind: Char,
         nulls_not_distinct: Bool, keys: List, without_overlaps: Bool, including: List, exclusions: List, options: List, indexname: Str,
         indexspace: Str, reset_default_tblspc: Bool, access_method: Str, where_clause: Node, pktable: Spec(RangeVar), fk_attrs: List,
         pk_attrs: List, fk_with_period: Bool, pk_with_period: Bool, fk_matchtype: Char, fk_upd_action: Char, fk_del_action: Char,
         fk_del_set_cols: List, old_conpfeqop: List, old_pktable_oid: Uint, location: Loc }
    ConstraintsSetStmt { constraints: List, deferred: Bool }
    CopyStmt { relation: Spec(RangeVar), query: Node, attlist: List, is_from: Bool, is_program: Bool, filename: Str, options: List,
         whereClause: Node }
    CreateAmStmt { amname: Str, handler_name: List, amtype: Char }
    CreateCastStmt { sourcetype: Spec(TypeName), targettype: Spec(TypeName), func: Spec(ObjectWithArgs), context: Enum(CoercionContext), inout: Bool }
    CreateConversionStmt { conversion_name: List, for_encoding_name: Str, to_encoding_name: Str, func_name: List, def: Bool }
    CreateDomainStmt { domainname: List, typeName: Spec(TypeName), collClause: Spec(CollateClause), constraints: List }
    CreateEnumStmt { typeName: List, vals: List }
    CreateEventTrigStmt { trigname: Str, eventname: Str, whenclause: List, funcname: List }
    CreateExtensionStmt { extname: Str, if_not_exists: Bool, options: List }
    CreateFdwStmt { fdwname: Str, func_options: List, options: List }
    CreateForeignServerStmt { servername: Str, servertype: Str, version: Str, fdwname: Str, if_not_exists: Bool, options: List }
    CreateForeignTableStmt { base: Spec(CreateStmt), servername: Str, options: List }
    CreateFunctionStmt { is_procedure: Bool, replace: Bool, funcname: List, parameters: List, returnType: Spec(TypeName), options: List,
         sql_body: Node }
    CreateOpClassItem { itemtype: Int, name: Spec(ObjectWithArgs), number: Int, order_family: List, class_args: List, storedtype: Spec(TypeName) }
    CreateOpClassStmt { opclassname: List, opfamilyname: List, amname: Str, datatype: Spec(TypeName), items: List, isDefault: Bool }
    CreateOpFamilyStmt { opfamilyname: List, amname: Str }
    CreatePLangStmt { replace: Bool, plname: Str, plhandler: List, plinline: List, plvalidator: List, pltrusted: Bool }
    CreatePolicyStmt { policy_name: Str, table: Spec(RangeVar), cmd_name: Str, permissive: Bool, roles: List, qual: Node, with_check: Node }
    CreatePublicationStmt { pubname: Str, options: List, pubobjects: List, for_all_tables: Bool, for_all_sequences: Bool }
    CreateRangeStmt { typeName: List, params: List }
    CreateRoleStmt { stmt_type: Enum(RoleStmtType), role: Str, options: List }
    CreateSchemaStmt { schemaname: Str, authrole: Spec(RoleSpec), schemaElts: List, if_not_exists: Bool }
    CreateSeqStmt { sequence: Spec(RangeVar), options: List, ownerId: Uint, for_identity: Bool, if_not_exists: Bool }
    CreateStatsStmt { defnames: List, stat_types: List, exprs: List, relations: List, stxcomment: Str, transformed: Bool, if_not_exists: Bool }
    CreateStmt { relation: Spec(RangeVar), tableElts: List, inhRelations: List, partbound: Spec(PartitionBoundSpec),
         partspec: Spec(PartitionSpec), ofTypename: Spec(TypeName), constraints: List, nnconstraints: List, options: List,
         oncommit: Enum(OnCommitAction), tablespacename: Str, accessMethod: Str, if_not_exists: Bool }
    CreateSubscriptionStmt { subname: Str, conninfo: Str, publication: List, options: List, conninfo_location: Int, servername: Str }
    CreateTableAsStmt { query: Node, into: Spec(IntoClause), objtype: Enum(ObjectType), is_select_into: Bool, if_not_exists: Bool }
    CreateTableSpaceStmt { tablespacename: Str, owner: Spec(RoleSpec), location: Str, options: List }
    CreateTransformStmt { replace: Bool, type_name: Spec(TypeName), lang: Str, fromsql: Spec(ObjectWithArgs), tosql: Spec(ObjectWithArgs) }
    CreateTrigStmt { replace: Bool, isconstraint: Bool, trigname: Str, relation: Spec(RangeVar), funcname: List, args: List, row: Bool,
         timing: Int, events: Int, columns: List, whenClause: Node, transitionRels: List, deferrable: Bool, initdeferred: Bool,
         constrrel: Spec(RangeVar) }
    CreateUserMappingStmt { user: Spec(RoleSpec), servername: Str, if_not_exists: Bool, options: List }
    CreatedbStmt { dbname: Str, options: List }
    CurrentOfExpr { cvarno: Uint, cursor_name: Str, cursor_param: Int }
    DeallocateStmt { name: Str, isall: Bool, location: Loc }
    DeclareCursorStmt { portalname: Str, options: Int, query: Node }
    DefElem { defnamespace: Str, defname: Str, arg: Node, defaction: Enum(DefElemAction), location: Loc, arg_location: Int }
    DefineStmt { kind: Enum(ObjectType), oldstyle: Bool, defnames: List, args: List, definition: List, if_not_exists: Bool, replace: Bool }
    DeleteStmt { relation: Spec(RangeVar), usingClause: List, whereClause: Node, returningClause: Spec(ReturningClause),
         withClause: Spec(WithClause) }
    DiscardStmt { target: Enum(DiscardMode) }
    DoStmt { args: List }
    DropOwnedStmt { roles: List, behavior: Enum(DropBehavior) }
    DropRoleStmt { roles: List, missing_ok: Bool }
    DropStmt { objects: List, removeType: Enum(ObjectType), behavior: Enum(DropBehavior), missing_ok: Bool, concurrent: Bool }
    DropSubscriptionStmt { subname: Str, missing_ok: Bool, behavior: Enum(DropBehavior) }
    DropTableSpaceStmt { tablespacename: Str, missing_ok: Bool }
    DropUserMappingStmt { user: Spec(RoleSpec), servername: Str, missing_ok: Bool }
    DropdbStmt { dbname: Str, missing_ok: Bool, options: List }
    ExecuteStmt { name: Str, params: List }
    ExplainStmt { query: Node, options: List }
    FetchStmt { direction: Enum(FetchDirection), howMany: Long, portalname: Str, ismove: Bool }
    FuncCall { funcname: List, args: List, agg_order: List, agg_filter: Node, over: Spec(WindowDef), agg_within_group: Bool, agg_star: Bool,
         agg_distinct: Bool, func_variadic: Bool, funcformat: Enum(CoercionForm), location: Loc, ignore_nulls: Int }
    FunctionParameter { name: Str, argType: Spec(TypeName), mode: Enum(FunctionParameterMode), defexpr: Node, location: Loc }
    GrantRoleStmt { granted_roles: List, grantee_roles: List, is_grant: Bool, opt: List, grantor: Spec(RoleSpec), behavior: Enum(DropBehavior) }
    GrantStmt { is_grant: Bool, targtype: Enum(GrantTargetType), objtype: Enum(ObjectType), objects: List, privileges: List, grantees: List,
         grant_option: Bool, grantor: Spec(RoleSpec), behavior: Enum(DropBehavior) }
    GroupingFunc { args: List, refs: List, agglevelsup: Uint, location: Loc }
    GroupingSet { kind: Enum(GroupingSetKind), content: List, location: Loc }
    ImportForeignSchemaStmt { server_name: Str, remote_schema: Str, local_schema: Str, list_type: Enum(ImportForeignSchemaType),
         table_list: List, options: List }
    IndexElem { name: Str, expr: Node, indexcolname: Str, collation: List, opclass: List, opclassopts: List, ordering: Enum(SortByDir),
         nulls_ordering: Enum(SortByNulls) }
    IndexStmt { idxname: Str, relation: Spec(RangeVar), accessMethod: Str, tableSpace: Str, indexParams: List, indexIncludingParams: List,
         options: List, whereClause: Node, excludeOpNames: List, idxcomment: Str, indexOid: Uint, oldNumber: Uint, oldCreateSubid: Uint,
         oldFirstRelfilelocatorSubid: Uint, unique: Bool, nulls_not_distinct: Bool, primary: Bool, isconstraint: Bool, iswithoutoverlaps: Bool,
         deferrable: Bool, initdeferred: Bool, transformed: Bool, concurrent: Bool, if_not_exists: Bool, reset_default_tblspc: Bool }
    InferClause { indexElems: List, whereClause: Node, conname: Str, location: Loc }
    InsertStmt { relation: Spec(RangeVar), cols: List, selectStmt: Node, onConflictClause: Spec(OnConflictClause),
         returningClause: Spec(ReturningClause), withClause: Spec(WithClause), r#override: Enum(OverridingKind) }
    IntoClause { rel: Spec(RangeVar), colNames: List, accessMethod: Str, options: List, onCommit: Enum(OnCommitAction), tableSpaceName: Str,
         viewQuery: Node, skipData: Bool }
    JoinExpr { jointype: Enum(JoinType), isNatural: Bool, larg: Node, rarg: Node, usingClause: List, join_using_alias: Spec(Alias), quals: Node,
         alias: Spec(Alias), rtindex: Int }
    JsonAggConstructor { output: Spec(JsonOutput), agg_filter: Node, agg_order: List, over: Spec(WindowDef), location: Loc }
    JsonArgument { val: Spec(JsonValueExpr), name: Str }
    JsonArrayAgg { constructor: Spec(JsonAggConstructor), arg: Spec(JsonValueExpr), absent_on_null: Bool }
    JsonArrayConstructor { exprs: List, output: Spec(JsonOutput), absent_on_null: Bool, location: Loc }
    JsonArrayQueryConstructor { query: Node, output: Spec(JsonOutput), format: Spec(JsonFormat), absent_on_null: Bool, location: Loc }
    JsonBehavior { btype: Enum(JsonBehaviorType), expr: Node, coerce: Bool, location: Loc }
    JsonFormat { format_type: Enum(JsonFormatType), encoding: Enum(JsonEncoding), location: Loc }
    JsonFuncExpr { op: Enum(JsonExprOp), column_name: Str, context_item: Spec(JsonValueExpr), pathspec: Node, passing: List,
         output: Spec(JsonOutput), on_empty: Spec(JsonBehavior), on_error: Spec(JsonBehavior), wrapper: Enum(JsonWrapper),
         quotes: Enum(JsonQuotes), location: Loc }
    JsonIsPredicate { expr: Node, format: Spec(JsonFormat), item_type: Enum(JsonValueType), unique_keys: Bool, location: Loc }
    JsonKeyValue { key: Node, value: Spec(JsonValueExpr) }
    JsonObjectAgg { constructor: Spec(JsonAggConstructor), arg: Spec(JsonKeyValue), absent_on_null: Bool, unique: Bool }
    JsonObjectConstructor { exprs: List, output: Spec(JsonOutput), absent_on_null: Bool, unique: Bool, location: Loc }
    JsonOutput { typeName: Spec(TypeName), returning: Spec(JsonReturning) }
    JsonParseExpr { expr: Spec(JsonValueExpr), output: Spec(JsonOutput), unique_keys: Bool, location: Loc }
    JsonReturning { format: Spec(JsonFormat), typid: Uint, typmod: Int }
    JsonScalarExpr { expr: Node, output: Spec(JsonOutput), location: Loc }
    JsonSerializeExpr { expr: Spec(JsonValueExpr), output: Spec(JsonOutput), location: Loc }
    JsonTable { context_item: Spec(JsonValueExpr), pathspec: Spec(JsonTablePathSpec), passing: List, columns: List, on_error: Spec(JsonBehavior),
         alias: Spec(Alias), lateral: Bool, location: Loc }
    JsonTableColumn { coltype: Enum(JsonTableColumnType), name: Str, typeName: Spec(TypeName), pathspec: Spec(JsonTablePathSpec),
         format: Spec(JsonFormat), wrapper: Enum(JsonWrapper), quotes: Enum(JsonQuotes), columns: List, on_empty: Spec(JsonBehavior),
         on_error: Spec(JsonBehavior), location: Loc }
    JsonTablePathSpec { string: Node, name: Str, name_location: Int, location: Loc }
    JsonValueExpr { raw_expr: Node, formatted_expr: Node, format: Spec(JsonFormat) }
    ListenStmt { conditionname: Str }
    LoadStmt { filename: Str }
    LockStmt { relations: List, mode: Int, nowait: Bool }
    LockingClause { lockedRels: List, strength: Enum(LockClauseStrength), waitPolicy: Enum(LockWaitPolicy) }
    MergeStmt { relation: Spec(RangeVar), sourceRelation: Node, joinCondition: Node, mergeWhenClauses: List,
         returningClause: Spec(ReturningClause), withClause: Spec(WithClause) }
    MergeSupportFunc { msftype: Uint, msfcollid: Uint, location: Loc }
    MergeWhenClause { matchKind: Enum(MergeMatchKind), commandType: Enum(CmdType), r#override: Enum(OverridingKind), condition: Node,
         targetList: List, values: List }
    MinMaxExpr { minmaxtype: Uint, minmaxcollid: Uint, inputcollid: Uint, op: Enum(MinMaxOp), args: List, location: Loc }
    MultiAssignRef { source: Node, colno: Int, ncolumns: Int }
    NamedArgExpr { arg: Node, name: Str, argnumber: Int, location: Loc }
    NotifyStmt { conditionname: Str, payload: Str, payload_location: Int }
    NullTest { arg: Node, nulltesttype: Enum(NullTestType), argisrow: Bool, location: Loc }
    ObjectWithArgs { objname: List, objargs: List, objfuncargs: List, args_unspecified: Bool }
    OnConflictClause { action: Enum(OnConflictAction), infer: Spec(InferClause), targetList: List, whereClause: Node, location: Loc, lockStrength: Int }
    PLAssignStmt { name: Str, indirection: List, nnames: Int, val: Spec(SelectStmt), location: Loc }
    ParamRef { number: Int, location: Loc }
    PartitionBoundSpec { strategy: Char, is_default: Bool, modulus: Int, remainder: Int, listdatums: List, lowerdatums: List, upperdatums: List,
         location: Loc }
    PartitionCmd { name: Spec(RangeVar), bound: Spec(PartitionBoundSpec), concurrent: Bool }
    PartitionElem { name: Str, expr: Node, collation: List, opclass: List, location: Loc }
    PartitionSpec { strategy: Enum(PartitionStrategy), partParams: List, location: Loc }
    PrepareStmt { name: Str, argtypes: List, query: Node }
    PublicationObjSpec { pubobjtype: Enum(PublicationObjSpecType), name: Str, pubtable: Spec(PublicationTable), location: Loc }
    PublicationTable { relation: Spec(RangeVar), whereClause: Node, columns: List, except: Bool }
    RangeFunction { lateral: Bool, ordinality: Bool, is_rowsfrom: Bool, functions: List, alias: Spec(Alias), coldeflist: List }
    RangeSubselect { lateral: Bool, subquery: Node, alias: Spec(Alias) }
    RangeTableFunc { lateral: Bool, docexpr: Node, rowexpr: Node, namespaces: List, columns: List, alias: Spec(Alias), location: Loc }
    RangeTableFuncCol { colname: Str, typeName: Spec(TypeName), for_ordinality: Bool, is_not_null: Bool, colexpr: Node, coldefexpr: Node,
         location: Loc }
    RangeTableSample { relation: Node, method: List, args: List, repeatable: Node, location: Loc }
    RangeVar { catalogname: Str, schemaname: Str, relname: Str, inh: Bool, relpersistence: Char, alias: Spec(Alias), location: Loc }
    RawStmt { stmt: Node, stmt_location: Int, stmt_len: Int }
    ReassignOwnedStmt { roles: List, newrole: Spec(RoleSpec) }
    RefreshMatViewStmt { concurrent: Bool, skipData: Bool, relation: Spec(RangeVar) }
    ReindexStmt { kind: Enum(ReindexObjectType), relation: Spec(RangeVar), name: Str, params: List }
    RenameStmt { renameType: Enum(ObjectType), relationType: Enum(ObjectType), relation: Spec(RangeVar), object: Node, subname: Str,
         newname: Str, behavior: Enum(DropBehavior), missing_ok: Bool }
    RepackStmt { relation: Spec(VacuumRelation), indexname: Str, usingindex: Bool, params: List }
    ReplicaIdentityStmt { identity_type: Char, name: Str }
    ResTarget { name: Str, indirection: List, val: Node, location: Loc }
    ReturnStmt { returnval: Node }
    ReturningClause { options: List, exprs: List }
    ReturningOption { option: Enum(ReturningOptionKind), value: Str, location: Loc }
    RoleSpec { roletype: Enum(RoleSpecType), rolename: Str, location: Loc }
    RowExpr { args: List, row_typeid: Uint, row_format: Enum(CoercionForm), colnames: List, location: Loc }
    RuleStmt { relation: Spec(RangeVar), rulename: Str, whereClause: Node, event: Enum(CmdType), instead: Bool, actions: List, replace: Bool }
    SQLValueFunction { op: Enum(SQLValueFunctionOp), r#type: Uint, typmod: Int, location: Loc }
    SecLabelStmt { objtype: Enum(ObjectType), object: Node, provider: Str, label: Str }
    SelectStmt { distinctClause: List, intoClause: Spec(IntoClause), targetList: List, fromClause: List, whereClause: Node, groupClause: List,
         groupDistinct: Bool, havingClause: Node, windowClause: List, valuesLists: List, sortClause: List, limitOffset: Node, limitCount: Node,
         limitOption: Enum(LimitOption), lockingClause: List, withClause: Spec(WithClause), op: Enum(SetOperation), all: Bool,
         larg: Spec(SelectStmt), rarg: Spec(SelectStmt) }
    SetToDefault { typeId: Uint, typeMod: Int, collation: Uint, location: Loc }
    SortBy { node: Node, sortby_dir: Enum(SortByDir), sortby_nulls: Enum(SortByNulls), useOp: List, location: Loc }
    StatsElem { name: Str, expr: Node }
    SubLink { subLinkType: Enum(SubLinkType), subLinkId: Int, testexpr: Node, operName: List, subselect: Node, location: Loc }
    TableLikeClause { relation: Spec(RangeVar), options: Uint, relationOid: Uint }
    TransactionStmt { kind: Enum(TransactionStmtKind), options: List, savepoint_name: Str, gid: Str, chain: Bool, location: Loc }
    TriggerTransition { name: Str, isNew: Bool, isTable: Bool }
    TruncateStmt { relations: List, restart_seqs: Bool, behavior: Enum(DropBehavior) }
    TypeCast { arg: Node, typeName: Spec(TypeName), location: Loc }
    TypeName { names: List, typeOid: Uint, setof: Bool, pct_type: Bool, typmods: List, typemod: Int, arrayBounds: List, location: Loc }
    UnlistenStmt { conditionname: Str }
    UpdateStmt { relation: Spec(RangeVar), targetList: List, whereClause: Node, fromClause: List, returningClause: Spec(ReturningClause),
         withClause: Spec(WithClause) }
    VacuumRelation { relation: Spec(RangeVar), oid: Uint, va_cols: List }
    VacuumStmt { options: List, rels: List, is_vacuumcmd: Bool }
    VariableSetStmt { kind: Enum(VariableSetKind), name: Str, args: List, jumble_args: Bool, is_local: Bool, location: Loc }
    VariableShowStmt { name: Str }
    ViewStmt { view: Spec(RangeVar), aliases: List, query: Node, replace: Bool, options: List, withCheckOption: Enum(ViewCheckOption) }
    WaitStmt { lsn_literal: Str, options: List }
    WindowDef { name: Str, refname: Str, partitionClause: List, orderClause: List, frameOptions: Int, startOffset: Node, endOffset: Node,
         location: Loc }
    WithClause { ctes: List, recursive: Bool, location: Loc }
    XmlExpr { op: Enum(XmlExprOp), name: Str, named_args: List, arg_names: List, args: List, xmloption: Enum(XmlOptionType), indent: Bool,
         r#type: Uint, typmod: Int, location: Loc }
    XmlSerialize { xmloption: Enum(XmlOptionType), expr: Node, typeName: Spec(TypeName), indent: Bool, location: Loc }
        }
    };
}

node_table!(shapes);
pub(crate) use node_table;
