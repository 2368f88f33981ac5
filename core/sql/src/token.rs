//! Kinds of tokens and the arrays that hold them.
//!
//! Tokens lie as a structure of arrays: kinds, starts, ends. White space and comments are the gaps between tokens, so
//! that tokens and gaps together are the input, byte for byte.

use alloc::vec::Vec;

use crate::keyword::{Class, KEYWORD_COUNT, KEYWORDS, Keyword};

/// What a token is. Keywords come first, in alphabetical order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(pub u16);

macro_rules! others {
    ($($id:ident $name:literal $text:literal;)*) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        #[repr(u16)]
        enum Other { $($id,)* Count }

        /// How many kinds there are.
        pub const KIND_COUNT: usize = KEYWORD_COUNT + Other::Count as usize;

        impl Kind {
            $(#[doc = $text] pub const $id: Kind = Kind(KEYWORD_COUNT as u16 + Other::$id as u16);)*
        }

        /// Names of the kinds behind the keywords, as libpg_query's scanner gives them.
        static OTHER_NAMES: [&str; Other::Count as usize] = [$($name,)*];
    };
}

others! {
    EOF "NUL" "End of the text.";
    IDENT "IDENT" "A name, plain or in double quotes.";
    UIDENT "UIDENT" "A name with Unicode escapes (`U&\"…\"`); the parser sees [`Kind::IDENT`].";
    SCONST "SCONST" "A string of any form.";
    USCONST "USCONST" "A string with Unicode escapes (`U&'…'`); the parser sees [`Kind::SCONST`].";
    ICONST "ICONST" "An integer that fits 32 bits.";
    FCONST "FCONST" "Any other number.";
    BCONST "BCONST" "A bit string (`B'…'`).";
    XCONST "XCONST" "A hexadecimal string (`X'…'`).";
    PARAM "PARAM" "A parameter (`$1`).";
    OP "Op" "An operator without a kind of its own.";
    TYPECAST "TYPECAST" "`::`.";
    DOT_DOT "DOT_DOT" "`..`.";
    COLON_EQUALS "COLON_EQUALS" "`:=`.";
    EQUALS_GREATER "EQUALS_GREATER" "`=>`.";
    LESS_EQUALS "LESS_EQUALS" "`<=`.";
    GREATER_EQUALS "GREATER_EQUALS" "`>=`.";
    NOT_EQUALS "NOT_EQUALS" "`<>` or `!=`.";
    PERCENT "ASCII_37" "`%`.";
    LPAREN "ASCII_40" "`(`.";
    RPAREN "ASCII_41" "`)`.";
    STAR "ASCII_42" "`*`.";
    PLUS "ASCII_43" "`+`.";
    COMMA "ASCII_44" "`,`.";
    MINUS "ASCII_45" "`-`.";
    DOT "ASCII_46" "`.`.";
    SLASH "ASCII_47" "`/`.";
    COLON "ASCII_58" "`:`.";
    SEMICOLON "ASCII_59" "`;`.";
    LESS "ASCII_60" "`<`.";
    EQUALS "ASCII_61" "`=`.";
    GREATER "ASCII_62" "`>`.";
    LBRACKET "ASCII_91" "`[`.";
    BACKSLASH "ASCII_92" "`\\`, which no rule takes.";
    RBRACKET "ASCII_93" "`]`.";
    CARET "ASCII_94" "`^`.";
    DOLLAR "ASCII_36" "`$` alone, which no rule takes.";
    JUNK "JUNK" "A byte that no token may hold.";
    FAULT "ERROR" "What the lexer refused; the reason stands beside the tokens.";
    NOT_LA "NOT" "`NOT` before `BETWEEN`, `IN`, `LIKE`, `ILIKE` or `SIMILAR`.";
    NULLS_LA "NULLS_P" "`NULLS` before `FIRST` or `LAST`.";
    WITH_LA "WITH" "`WITH` before `TIME` or `ORDINALITY`.";
    WITHOUT_LA "WITHOUT" "`WITHOUT` before `TIME`.";
    FORMAT_LA "FORMAT" "`FORMAT` before `JSON`.";
    SQL_COMMENT "SQL_COMMENT" "A comment to the end of the line; only in scans.";
    C_COMMENT "C_COMMENT" "A comment between `/*` and `*/`; only in scans.";
}

impl Kind {
    /// Its keyword, if it is one.
    pub fn keyword(self) -> Option<&'static Keyword> {
        let plain = match self {
            Kind::NOT_LA => Kind::NOT,
            Kind::NULLS_LA => Kind::NULLS,
            Kind::WITH_LA => Kind::WITH,
            Kind::WITHOUT_LA => Kind::WITHOUT,
            Kind::FORMAT_LA => Kind::FORMAT,
            other => other,
        };
        KEYWORDS.get(usize::from(plain.0))
    }

    /// The name that libpg_query's scanner gives it.
    pub fn scan_name(self) -> &'static str {
        match self.keyword() {
            Some(keyword) => keyword.token,
            None => OTHER_NAMES[usize::from(self.0) - KEYWORD_COUNT],
        }
    }

    /// The name of its keyword class in libpg_query's scans.
    pub fn scan_class(self) -> &'static str {
        self.keyword().map_or("NO_KEYWORD", |k| k.class.scan_name())
    }

    fn has(self, bit: u8) -> bool {
        ROLES[usize::from(self.0)] & bit != 0
    }

    /// `ColId`: a name of a column or table.
    pub fn is_col_id(self) -> bool {
        self.has(COL_ID)
    }

    /// `type_function_name`: a name of a type or function.
    pub fn is_type_function_name(self) -> bool {
        self.has(TYPE_FUNC)
    }

    /// `NonReservedWord`: any name but a reserved word.
    pub fn is_non_reserved(self) -> bool {
        self.has(NON_RESERVED)
    }

    /// `ColLabel`: a name after `AS` or a dot.
    pub fn is_col_label(self) -> bool {
        self.has(COL_LABEL)
    }

    /// `BareColLabel`: a label without `AS`.
    pub fn is_bare_label(self) -> bool {
        self.has(BARE)
    }

    /// `unreserved_keyword`.
    pub fn is_unreserved_keyword(self) -> bool {
        self.keyword().is_some_and(|k| k.class == Class::Unreserved) && self.has(COL_ID)
    }
}

const COL_ID: u8 = 1;
const TYPE_FUNC: u8 = 2;
const NON_RESERVED: u8 = 4;
const COL_LABEL: u8 = 8;
const BARE: u8 = 16;

/// Which sets of names each kind belongs to.
static ROLES: [u8; KIND_COUNT] = roles();

const fn roles() -> [u8; KIND_COUNT] {
    let mut roles = [0; KIND_COUNT];
    let mut index = 0;
    while index < KEYWORD_COUNT {
        let word = KEYWORDS[index];
        let class = match word.class {
            Class::Unreserved => COL_ID | TYPE_FUNC | NON_RESERVED | COL_LABEL,
            Class::ColName => COL_ID | NON_RESERVED | COL_LABEL,
            Class::TypeFuncName => TYPE_FUNC | NON_RESERVED | COL_LABEL,
            Class::Reserved => COL_LABEL,
        };
        roles[index] = class | if word.bare_label { BARE } else { 0 };
        index += 1;
    }
    roles[Kind::IDENT.0 as usize] = COL_ID | TYPE_FUNC | NON_RESERVED | COL_LABEL | BARE;
    roles
}

/// The tokens of a text, without white space and comments, and a last [`Kind::EOF`].
#[derive(Clone, Debug, Default)]
pub struct Tokens {
    /// What each is.
    pub kinds: Vec<Kind>,
    /// Where each begins, in bytes.
    pub starts: Vec<u32>,
    /// Where each ends.
    pub ends: Vec<u32>,
}

impl Tokens {
    /// Forgets all, keeps the memory.
    pub fn clear(&mut self) {
        self.kinds.clear();
        self.starts.clear();
        self.ends.clear();
    }

    /// Makes room for as many more.
    pub fn reserve(&mut self, count: usize) {
        self.kinds.reserve(count);
        self.starts.reserve(count);
        self.ends.reserve(count);
    }

    /// Adds one.
    #[inline]
    pub fn push(&mut self, kind: Kind, start: usize, end: usize) {
        self.kinds.push(kind);
        self.starts.push(start as u32);
        self.ends.push(end as u32);
    }

    /// How many there are, the last [`Kind::EOF`] included.
    pub fn len(&self) -> usize {
        self.kinds.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// The name that libpg_query's scanner gives a token: for bytes that no rule takes, their number.
    pub fn scan_name(&self, source: &[u8], index: usize) -> alloc::borrow::Cow<'static, str> {
        match self.kinds[index] {
            Kind::JUNK => alloc::format!("ASCII_{}", source[self.starts[index] as usize]).into(),
            kind => kind.scan_name().into(),
        }
    }

    /// The bytes of one within its text.
    pub fn range(&self, index: usize) -> core::ops::Range<usize> {
        self.starts[index] as usize..self.ends[index] as usize
    }
}
