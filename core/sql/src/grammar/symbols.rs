//! The symbols of [`crate::grammar::depth`] for the frames of clauses, statements, and functions with a syntax of their own.
//!
//! Each line is a rule of gram.y up to what its frame waits for: `t` is a token, `n` stood there before, `e` is an empty rule for which
//! bison has looked at the next token.
//!
//! Source: gram.y, PostgreSQL 18.

use crate::grammar::machine::{Frame, St};
use crate::grammar::{dml, from, func, index, special, sqljson, tail, window, with, xml};
use crate::nodes::e::GroupingSetKind;
use crate::parser::Parser;
use crate::token::Kind;

impl Parser<'_> {
    fn kind_at(&self, token: u32, ahead: u32) -> Kind {
        self.tokens.kinds.get((token + ahead) as usize).copied().unwrap_or(Kind::EOF)
    }

    /// A type, to its modifiers.
    pub(crate) fn type_symbols(&self, frame: Frame, later: bool) -> &'static str {
        match (self.kind_at(frame.b, 0), self.kind_at(frame.b, 1)) {
            // `type_function_name attrs (`.
            (_, Kind::DOT) => ["nnt", "nnnnt"][usize::from(later)],
            // `BIT opt_varying (`.
            (Kind::BIT, _) | (Kind::SETOF, _) => ["tnt", "nnnnt"][usize::from(later)],
            _ => ["tt", "nnnt"][usize::from(later)],
        }
    }

    /// The symbols of a frame that has collected so many items.
    pub(crate) fn clause_symbols(&self, frame: Frame, items: usize) -> &'static str {
        let op = frame.op;
        match frame.st {
            // `SELECT DISTINCT ON (`.
            St::DistinctOn => "tttt",
            // `SELECT opt_all opt_targets into from where …`, the last of them often empty.
            St::Group => "nnneeette",
            St::Having => "nnneeeet",
            St::Windows => "nnneeeeet",
            St::GroupingSet if frame.b == GroupingSetKind::GROUPING_SET_SETS => "ttt",
            St::GroupingSet => "tt",
            St::WindowName => "tt",
            St::Window => match op {
                window::step::PARTITION => "tett",
                window::step::ORDER => "teett",
                window::step::BOUND => "teeet",
                window::step::START => "teeett",
                _ => "nnnnnnnt",
            },
            St::Tail => self.tail_symbols(frame),
            St::With => ["t", "tt"][usize::from(frame.b != 0)],
            // `name opt_name_list AS opt_materialized ( … ) opt_search CYCLE columns SET ColId TO … DEFAULT`.
            St::Cte => match op {
                with::step::QUERY => "tetet",
                with::step::CYCLE_VALUE => "nnnnnnnntnttt",
                _ => "nnnnnnnnnnnnnnt",
            },
            St::CallTail => match op {
                func::tail::WITHIN => "nttttt",
                func::tail::FILTER => "nettt",
                _ => "neet",
            },
            St::Special => self.special_symbols(frame),
            St::Xml | St::XmlItem | St::XmlTable | St::XmlColumn => self.xml_symbols(frame),
            St::FuncTable => match op {
                from::step::CALL => ["", "t"][usize::from(frame.flags & 1 != 0)],
                from::step::ROWS_FROM => "ttt",
                _ => ["ntt", "nttt"][usize::from(frame.c != 0)],
            },
            St::RowsFrom => ["", "ntt"][usize::from(op == from::step::COLUMNS)],
            St::ColumnDef | St::Column => "t",
            // `relation_expr opt_alias TABLESAMPLE func_name ( … ) REPEATABLE (`.
            St::Sample => ["nettt", "nnnnnnntt"][usize::from(op == from::step::REPEATABLE)],
            St::IndexElem => match op {
                index::step::PAREN => "t",
                index::step::FUNCTION => "",
                _ => "nent",
            },
            St::RelOption => ["tt", "tttt"][usize::from(frame.b != 0)],
            St::Refuse => "n",
            // `CREATE opt_or_replace FUNCTION name args options BEGIN ATOMIC statements`, and what it returns.
            St::Body => "nnnnnntte",
            St::Insert | St::Conflict | St::SetClause | St::Update | St::Delete => self.dml_symbols(frame),
            St::Merge | St::MergeWhen | St::Returning => self.dml_symbols(frame),
            _ => self.json_symbols(frame, items),
        }
    }

    /// `select_clause`, with its WITH before it, and the tail's clauses.
    fn tail_symbols(&self, frame: Frame) -> &'static str {
        let with = usize::from(frame.flags & tail::WITH != 0);
        match frame.op {
            tail::step::SORT => ["ntt", "nntt"][with],
            tail::step::FETCH => ["nett", "nnett"][with],
            _ => ["net", "nnet"][with],
        }
    }

    fn special_symbols(&self, frame: Frame) -> &'static str {
        let overlay = usize::from(self.kind_at(frame.a, 0) == Kind::OVERLAY);
        let side = matches!(self.kind_at(frame.a, 2), Kind::BOTH | Kind::LEADING | Kind::TRAILING);
        match frame.op {
            special::COLLATION => "ttt",
            special::EXTRACT => "tttt",
            special::TRIM => ["tt", "ttt"][usize::from(side)],
            special::TRIM_FROM => ["ttt", "tttt"][usize::from(side)],
            special::TRIM_ARG_FROM => ["nnnt", "nnnnt"][usize::from(side)],
            special::TRIM_ARGS => ["nn", "nnn"][usize::from(side)],
            special::PLAIN_ARGS => "nn",
            special::POSITION_IN | special::TREAT_AS | special::OVERLAY_PLACING => "nnnt",
            special::SUBSTRING_FROM | special::SUBSTRING_FOR | special::SUBSTRING_SIMILAR => "nnnt",
            special::OVERLAY_FROM | special::SUBSTRING_FOR_FROM => "nnnnnt",
            special::LAST => ["nnnnnt", "nnnnnnnt"][overlay],
            _ => "tt",
        }
    }

    fn xml_symbols(&self, frame: Frame) -> &'static str {
        use xml::step;
        let spaces =
            self.kind_at(frame.a, 2) == Kind::XMLNAMESPACES && self.kind_at(frame.a, 3) == Kind::LPAREN;
        match (frame.st, frame.op) {
            (St::XmlItem, step::DEFAULT_NAMESPACE) => "t",
            (St::XmlItem, _) => "",
            (St::XmlColumn, step::TYPE) => "t",
            (St::XmlColumn, _) => "nnt",
            (St::XmlTable, step::NAMESPACES) => "tttt",
            (St::XmlTable, step::PATH) => ["tt", "nnnnntt"][usize::from(spaces)],
            (St::XmlTable, step::DOCUMENT) => ["nnnt", "nnnnnnnnt"][usize::from(spaces)],
            (St::XmlTable, _) => ["nnnnt", "nnnnnnnnnt"][usize::from(spaces)],
            (_, step::PARSE | step::SERIALIZE) => "ttt",
            (_, step::PI) => "ttttt",
            (_, step::ROOT_VERSION) => "nnntt",
            (_, step::SERIALIZE_AS) => "nnnnt",
            (_, step::DOCUMENT) => "nnnt",
            (_, step::ATTRIBUTES) => "ttttttt",
            (_, step::CONTENT) => ["ttttt", "nnnnnnt"][usize::from(frame.c != 0)],
            _ => "tt",
        }
    }

    /// `opt_with_clause INSERT INTO insert_target …` and the like.
    fn dml_symbols(&self, frame: Frame) -> &'static str {
        use dml::step;
        match (frame.st, frame.op) {
            (St::Insert, step::COLUMNS) => "etttt",
            (St::Insert, step::SELECT) => {
                let columns = self.scratch.items.get(frame.c as usize + 1).copied().unwrap_or(0);
                ["ettt", "nnnnnnt"][usize::from(columns != 0)]
            }
            (St::Insert, step::CONFLICT) => "nnnnn",
            (St::Insert, _) => "nnnnnn",
            // `ON CONFLICT ( index_params ) WHERE`, `ON CONFLICT opt_conf_expr DO UPDATE SET … WHERE`.
            (St::Conflict, step::INFER) => "ttt",
            (St::Conflict, step::INFER_WHERE) => "nnnntt",
            (St::Conflict, step::TARGETS) => "nnettt",
            (St::Conflict, _) => "nnnnnnnt",
            (St::SetClause, step::TARGET) => "",
            (St::SetClause, step::COLUMNS_SET) => "t",
            (St::SetClause, step::VALUE) => "nt",
            (St::SetClause, _) => "nntt",
            (St::Update, step::TARGETS) => "etnt",
            (St::Update, step::TABLES) => "nnnnnt",
            (St::Update, step::WHERE) => "nnnnnet",
            (St::Update, _) => "nnnnnnn",
            (St::Delete, step::TABLES) => "ettnt",
            (St::Delete, step::WHERE) => "nnnnet",
            (St::Delete, _) => "nnnnnn",
            (St::Merge, step::TABLES) => "ettnt",
            (St::Merge, step::WHERE) => "nnnnnnt",
            (St::Merge, _) => "nnnnnnnnn",
            (St::MergeWhen, step::WHERE) => "nt",
            (St::MergeWhen, step::VALUE) => "nnntttt",
            (St::MergeWhen, _) => "nettt",
            // `RETURNING returning_with_clause`.
            _ => "te",
        }
    }

    fn json_symbols(&self, frame: Frame, items: usize) -> &'static str {
        use sqljson::step;
        let later = items > 0;
        match (frame.st, frame.op) {
            (St::JsonObject, step::NAME | step::NAME_REST) => ["tt", "nnnt"][usize::from(later)],
            (St::JsonObject, step::PAIR) => ["nnnt", "nnnnnt"][usize::from(items > 1)],
            (St::JsonObject, step::ARGS) => "nn",
            (St::JsonObject, _) => "nnnnn",
            (St::JsonArray, step::FIRST | step::QUERY) => "tt",
            (St::JsonArray, step::VALUE) => "nnnt",
            (St::JsonArray, _) => "nnnn",
            (St::JsonAgg, step::NAME | step::NAME_REST | step::VALUE) => "tt",
            (St::JsonAgg, step::PAIR) => "nnnt",
            (St::JsonAgg, step::ORDER) => "nnntt",
            (St::JsonAgg, step::FILTER) => "nttt",
            (St::JsonAgg, step::OVER) => "net",
            (St::JsonAgg, _) => "nnnnn",
            (St::JsonValue, step::OUTPUT) => "nnn",
            (St::JsonValue, _) => "tt",
            (St::JsonQuery | St::JsonTable, step::VALUE) => "tt",
            (St::JsonQuery | St::JsonTable, step::PATH) => "nnnt",
            (St::JsonQuery, step::PASSING) => "nnnnnt",
            (St::JsonQuery, step::OUTPUT) => "nnnnnn",
            (St::JsonQuery, _) => "nnnnnnnnn",
            (St::JsonTable, step::PASSING) => "nnnnnet",
            (St::JsonTable, step::COLUMNS) => "nnnnneett",
            (St::JsonTable, _) => "nnnnnnnnnn",
            (St::JsonReturning | St::JsonDefault, _) => "t",
            (St::JsonBehaviors, step::ERROR) => "nnt",
            (St::JsonColumn, step::TYPE) => "t",
            // `NESTED path_opt Sconst COLUMNS (`.
            (St::JsonColumn, step::COLUMNS) => "tettt",
            (St::JsonColumn, _) => "nnnnn",
            _ => "",
        }
    }
}
