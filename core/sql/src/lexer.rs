//! Text to tokens, exactly as PostgreSQL's scanner and the filter between it and the grammar do it.
//!
//! 1. The first byte picks the rule; each rule then takes the longest match that flex would take.
//! 2. A word is looked up among the keywords; `NOT`, `NULLS`, `WITH`, `WITHOUT` and `FORMAT` change their kind when the next
//!    word asks for it, so the parser never looks further than one token ahead for them.
//! 3. `U&` names and strings swallow their `UESCAPE` clause: one token then spans all three.
//! 4. A fault becomes one [`Kind::FAULT`] token; the reason is kept aside, since the server reports it only when its
//!    parser gets that far.
//!
//! Nothing is copied: values are read from the text when somebody asks ([`crate::text`]).
//!
//! Source: `src/backend/parser/scan.l` and `base_yylex` in `parser.c`, PostgreSQL 18.

use crate::error::Problem;
use crate::keyword;
use crate::psql;
use crate::text;
use crate::token::{Kind, Tokens};
use crate::version::{Dialect, Feature, Version};

/// What the lexer should hand out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Tokens for the grammar; stops at the first fault.
    Grammar,
    /// The scanner's own tokens with comments, as `scan` lists them; stops at the first fault.
    Scan,
    /// Tokens for the grammar; a fault is recorded and reading goes on behind it.
    Tolerant,
}

/// Classes of bytes.
const SPACE: u8 = 1;
const IDENT_START: u8 = 2;
const DIGIT: u8 = 4;
const IDENT_CONT: u8 = 8;
const OP_CHAR: u8 = 16;
const HEX: u8 = 32;
/// Makes a run of operator characters free to end in `+` or `-`.
const OP_SPECIAL: u8 = 64;
/// Begins a word but perhaps also a string (`E'…'`, `U&"…"`).
const PREFIX: u8 = 128;

static CLASS: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut class = [0u8; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        let mut bits = 0;
        if matches!(b, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c) {
            bits |= SPACE;
        }
        if b.is_ascii_alphabetic() || b == b'_' || b >= 0x80 {
            bits |= IDENT_START | IDENT_CONT;
        }
        if matches!(b | 0x20, b'b' | b'e' | b'n' | b'u' | b'x') && b.is_ascii_alphabetic() {
            bits |= PREFIX;
        }
        if b.is_ascii_digit() {
            bits |= DIGIT | IDENT_CONT;
        }
        if b == b'$' {
            bits |= IDENT_CONT;
        }
        if b.is_ascii_hexdigit() {
            bits |= HEX;
        }
        if matches!(b, b'~' | b'!' | b'@' | b'#' | b'^' | b'&' | b'|' | b'`' | b'?' | b'%') {
            bits |= OP_CHAR | OP_SPECIAL;
        }
        if matches!(b, b'+' | b'-' | b'*' | b'/' | b'<' | b'>' | b'=') {
            bits |= OP_CHAR;
        }
        class[byte] = bits;
        byte += 1;
    }
    class
}

#[inline]
fn is(byte: u8, class: u8) -> bool {
    CLASS[usize::from(byte)] & class != 0
}

/// Whether the scanner takes `byte` for white space.
pub fn is_space(byte: u8) -> bool {
    is(byte, SPACE)
}

/// Whether `byte` may stand inside a plain name.
pub fn is_ident_byte(byte: u8) -> bool {
    is(byte, IDENT_CONT)
}

type Token = (Kind, usize, usize);
/// A fault, boxed so that a token's result is small.
type Fault = alloc::boxed::Box<Problem>;

/// A reader over one text.
#[derive(Debug)]
pub struct Lexer<'a> {
    source: &'a [u8],
    position: usize,
    mode: Mode,
    words: &'static keyword::Table,
    dialect: Dialect,
}

/// Fills `tokens` with those of `source` and `problems` with its faults.
///
/// `problems` gets at most one entry unless the mode is [`Mode::Tolerant`]; each entry belongs to one token of kind
/// [`Kind::FAULT`] (or, in the tolerant mode, to the token that was meant), in order.
pub fn lex(
    source: &[u8],
    mode: Mode,
    dialect: Dialect,
    tokens: &mut Tokens,
    problems: &mut alloc::vec::Vec<Problem>,
) {
    tokens.clear();
    tokens.reserve(source.len() / 4 + 8);
    problems.clear();
    let mut lexer = Lexer { source, position: 0, mode, words: keyword::table(dialect.version), dialect };
    lexer.all(tokens, problems);
    if dialect.version == Version::V16 && mode != Mode::Scan {
        plain_json(tokens);
    }
}

/// In version 16, `json` is an ordinary name but for three places.
fn plain_json(tokens: &mut Tokens) {
    for index in 0..tokens.len() {
        let before = |back| index.checked_sub(back).map_or(Kind::EOF, |at| tokens.kinds[at]);
        let special = matches!(before(1), Kind::IS | Kind::FORMAT_LA)
            || before(1) == Kind::NOT && before(2) == Kind::IS;
        if tokens.kinds[index] == Kind::JSON && !special {
            tokens.kinds[index] = Kind::IDENT;
        }
    }
}

/// Changes the kind of the last token where the word after it says so.
#[inline]
fn merge(tokens: &mut Tokens, kind: Kind) {
    let Some(last) = tokens.kinds.last_mut() else { return };
    *last = match (*last, kind) {
        (Kind::NOT, Kind::BETWEEN | Kind::IN | Kind::LIKE | Kind::ILIKE | Kind::SIMILAR) => Kind::NOT_LA,
        (Kind::NULLS, Kind::FIRST | Kind::LAST) => Kind::NULLS_LA,
        (Kind::WITH, Kind::TIME | Kind::ORDINALITY) => Kind::WITH_LA,
        (Kind::WITHOUT, Kind::TIME) => Kind::WITHOUT_LA,
        (Kind::FORMAT, Kind::JSON) => Kind::FORMAT_LA,
        _ => return,
    };
}

/// The eight bytes from `at` on and how many of them are those of a word, where it ends among them: all at once, since the
/// length of a word is what a branch cannot foresee.
#[inline]
fn short_word(source: &[u8], at: usize) -> Option<(u64, usize)> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * ONES;
    let bytes = u64::from_le_bytes(*source.get(at..)?.first_chunk::<8>()?);
    let low = bytes & !HIGH;
    let letters = low | (0x20 * ONES);
    // The high bit of each byte that is at least `from`; the bytes are below 128.
    let at_least = |word: u64, from: u64| word + (0x80 - from) * ONES;
    let between = |word: u64, from: u64, to: u64| at_least(word, from) & !at_least(word, to + 1);
    let equal = |byte: u64| !((low ^ (byte * ONES)) + 0x7f * ONES);
    let word = between(letters, 0x61, 0x7a) | between(low, 0x30, 0x39) | equal(0x5f) | equal(0x24) | bytes;
    let ends = !word & HIGH;
    (ends != 0).then(|| (bytes, ends.trailing_zeros() as usize / 8))
}

/// The tokens of one byte, by that byte; others map to [`Kind::JUNK`].
static SINGLE: [Kind; 256] = singles();

const fn singles() -> [Kind; 256] {
    let mut single = [Kind::JUNK; 256];
    single[b',' as usize] = Kind::COMMA;
    single[b'(' as usize] = Kind::LPAREN;
    single[b')' as usize] = Kind::RPAREN;
    single[b';' as usize] = Kind::SEMICOLON;
    single[b'[' as usize] = Kind::LBRACKET;
    single[b']' as usize] = Kind::RBRACKET;
    single
}

impl Lexer<'_> {
    fn all(&mut self, tokens: &mut Tokens, problems: &mut alloc::vec::Vec<Problem>) {
        let mode = self.mode;
        loop {
            self.common(tokens);
            match self.next() {
                Ok((Kind::EOF, start, end)) => {
                    tokens.push(Kind::EOF, start, end);
                    return;
                }
                Ok((Kind::SEMICOLON, start, end)) => {
                    tokens.push(Kind::SEMICOLON, start, end);
                    if self.dialect.psql {
                        self.position = psql::behind_data(self.source, tokens);
                    }
                }
                Ok((kind, start, end)) => {
                    if kind.0 < keyword::KEYWORD_COUNT as u16 && mode != Mode::Scan {
                        merge(tokens, kind);
                    }
                    tokens.push(kind, start, end);
                }
                Err(problem) => {
                    let start = self.refuse(tokens, &problem);
                    let goes_on = self.recover(start, &problem, tokens);
                    problems.push(*problem);
                    if !goes_on {
                        tokens.push(Kind::EOF, self.source.len(), self.source.len());
                        return;
                    }
                }
            }
        }
    }

    /// Takes tokens while they are of the commonest forms: words, small integers, strings without quotes in them, commas,
    /// parentheses, single operators. Stops before anything else, which [`Lexer::next`] reads by the full rules.
    fn common(&mut self, tokens: &mut Tokens) {
        let source = self.source;
        let mut at = self.position;
        loop {
            while let Some(&byte) = source.get(at)
                && is(byte, SPACE)
            {
                at += 1;
            }
            self.position = at;
            let Some(&first) = source.get(at) else { return };
            let class = CLASS[usize::from(first)];
            let mut end = at + 1;
            let kind = if class & IDENT_START != 0 {
                if class & PREFIX != 0 && matches!(self.byte(end), b'\'' | b'&') {
                    return;
                }
                let kind = match short_word(source, at) {
                    Some((bytes, len)) => {
                        end = at + len;
                        keyword::lookup_short(self.words, bytes, len)
                    }
                    None => {
                        while let Some(&byte) = source.get(end)
                            && is(byte, IDENT_CONT)
                        {
                            end += 1;
                        }
                        keyword::lookup_at(self.words, source, at, end)
                    }
                };
                let kind = kind.unwrap_or(Kind::IDENT);
                if kind != Kind::IDENT && self.mode != Mode::Scan {
                    merge(tokens, kind);
                }
                kind
            } else if class & DIGIT != 0 {
                while let Some(&byte) = source.get(end)
                    && is(byte, DIGIT)
                {
                    end += 1;
                }
                let next = self.byte(end);
                if end - at > 9 || next == b'.' || is(next, IDENT_START) {
                    return;
                }
                Kind::ICONST
            } else if SINGLE[usize::from(first)] != Kind::JUNK {
                if self.dialect.psql && first == b';' {
                    return;
                }
                SINGLE[usize::from(first)]
            } else if first == b'\'' {
                let Some(quote) = text::find_byte(source, end, b'\'') else { return };
                end = quote + 1;
                // Another quote, or white space and then a string that goes on.
                let next = self.byte(end);
                let goes_on =
                    next == b'\'' || is(next, SPACE) && self.continuation(end).is_some() || next == b'-';
                if goes_on || is(next, IDENT_START) && self.mode == Mode::Tolerant {
                    return;
                }
                Kind::SCONST
            } else if first == b'.' && SINGLE[usize::from(self.byte(end))] == Kind::JUNK {
                let next = self.byte(end);
                if next == b'.' || is(next, DIGIT) {
                    return;
                }
                Kind::DOT
            } else if class & OP_CHAR != 0 && !is(self.byte(end), OP_CHAR) {
                operator_kind(&source[at..end])
            } else {
                return;
            };
            tokens.push(kind, at, end);
            at = end;
        }
    }

    /// Puts the token that stands for a fault; where the grammar would have looked past the word before, it stands for both.
    fn refuse(&self, tokens: &mut Tokens, problem: &Problem) -> usize {
        let mut start = problem.token_start as usize;
        if self.mode != Mode::Tolerant
            && let Some(Kind::NOT | Kind::NULLS | Kind::WITH | Kind::WITHOUT | Kind::FORMAT) =
                tokens.kinds.last().copied()
        {
            tokens.kinds.pop();
            tokens.ends.pop();
            start = tokens.starts.pop().map_or(start, |s| s as usize);
        }
        start
    }

    /// Where to go on behind a fault: true when there is more to read.
    fn recover(&mut self, start: usize, problem: &Problem, tokens: &mut Tokens) -> bool {
        if self.mode != Mode::Tolerant {
            tokens.push(Kind::FAULT, start, self.source.len());
            return false;
        }
        let end = (problem.resume as usize)
            .clamp(start + 1, self.source.len().max(start + 1))
            .min(self.source.len());
        tokens.push(problem.meant, start, end);
        self.position = end;
        true
    }

    #[inline]
    fn byte(&self, at: usize) -> u8 {
        self.source.get(at).copied().unwrap_or(0)
    }

    #[inline]
    fn run(&self, mut at: usize, class: u8) -> usize {
        while at < self.source.len() && is(self.source[at], class) {
            at += 1;
        }
        at
    }

    fn next(&mut self) -> Result<Token, Fault> {
        loop {
            let start = self.run(self.position, SPACE);
            self.position = start;
            let Some(&first) = self.source.get(start) else { return Ok((Kind::EOF, start, start)) };
            let token = match first {
                b'-' if self.byte(start + 1) == b'-' => {
                    let end = self.line_end(start);
                    self.position = end;
                    if self.mode == Mode::Scan {
                        return Ok((Kind::SQL_COMMENT, start, end));
                    }
                    continue;
                }
                b'/' if self.byte(start + 1) == b'*' => {
                    let end = self.comment_end(start)?;
                    self.position = end;
                    if self.mode == Mode::Scan {
                        return Ok((Kind::C_COMMENT, start, end));
                    }
                    continue;
                }
                b'\\' if self.dialect.psql => {
                    let (ends, end) = psql::command(self.source, start);
                    self.position = end;
                    if ends {
                        return Ok((Kind::SEMICOLON, start, end));
                    }
                    continue;
                }
                b':' if self.dialect.psql => match psql::variable(self.source, start) {
                    Some((kind, end)) => (kind, start, end),
                    None => self.token(start, first)?,
                },
                _ => self.token(start, first)?,
            };
            self.position = token.2;
            return Ok(token);
        }
    }

    fn token(&mut self, start: usize, first: u8) -> Result<Token, Fault> {
        let class = CLASS[usize::from(first)];
        if class & IDENT_START != 0 {
            return self.word(start, first);
        }
        if class & DIGIT != 0 {
            return self.number(start);
        }
        let single = match first {
            b',' => Kind::COMMA,
            b'(' => Kind::LPAREN,
            b')' => Kind::RPAREN,
            b'\'' => return self.quoted(start, start + 1, Kind::SCONST),
            b'.' => match self.byte(start + 1) {
                b'.' => return Ok((Kind::DOT_DOT, start, start + 2)),
                next if is(next, DIGIT) => return self.number(start),
                _ => Kind::DOT,
            },
            b';' => Kind::SEMICOLON,
            b'"' => return self.quoted_name(start, start + 1, Kind::IDENT),
            b':' => match self.byte(start + 1) {
                b':' => return Ok((Kind::TYPECAST, start, start + 2)),
                b'=' => return Ok((Kind::COLON_EQUALS, start, start + 2)),
                _ => Kind::COLON,
            },
            b'$' => return self.dollar(start),
            b'[' => Kind::LBRACKET,
            b']' => Kind::RBRACKET,
            b'\\' => Kind::BACKSLASH,
            _ if class & OP_CHAR != 0 => return self.operator(start),
            _ => Kind::JUNK,
        };
        Ok((single, start, start + 1))
    }

    fn word(&mut self, start: usize, first: u8) -> Result<Token, Fault> {
        let second = self.byte(start + 1);
        if second == b'\'' {
            match first {
                b'e' | b'E' => return self.escaped(start),
                b'b' | b'B' => return self.bits(start, Kind::BCONST),
                b'x' | b'X' => return self.bits(start, Kind::XCONST),
                b'n' | b'N' => return Ok((Kind::NCHAR, start, start + 1)),
                _ => {}
            }
        }
        if second == b'&' && first | 0x20 == b'u' {
            match self.byte(start + 2) {
                b'\'' => return self.unicode(start, Kind::USCONST),
                b'"' => return self.unicode(start, Kind::UIDENT),
                _ => return Ok((Kind::IDENT, start, start + 1)),
            }
        }
        let end = self.run(start + 1, IDENT_CONT);
        let kind = keyword::lookup_at(self.words, self.source, start, end).unwrap_or(Kind::IDENT);
        Ok((kind, start, end))
    }

    /// `decinteger`: digits with single underscores between them.
    fn digits(&self, mut at: usize, class: u8, limit: u8) -> usize {
        let digit = |b: u8| is(b, class) && (limit == 0 || b < limit);
        loop {
            let next = self.byte(at);
            if digit(next) {
                at += 1;
            } else if next == b'_' && digit(self.byte(at + 1)) {
                at += 2;
            } else {
                return at;
            }
        }
    }

    fn number(&mut self, start: usize) -> Result<Token, Fault> {
        // The commonest numbers: at most nine digits and nothing behind them that belongs to a number or a word.
        let end = self.run(start, DIGIT);
        let next = self.byte(end);
        if end - start <= 9 && end > start && next != b'.' && !is(next, IDENT_START) {
            return Ok((Kind::ICONST, start, end));
        }
        self.long_number(start)
    }

    fn long_number(&mut self, start: usize) -> Result<Token, Fault> {
        let loose = self.has(Feature::LooseNumbers);
        let forms = self.has(Feature::NumberForms);
        if forms && self.source[start] == b'0' {
            let radix = match self.byte(start + 1) | 0x20 {
                b'x' => Some((HEX, 0, "invalid hexadecimal integer")),
                b'o' => Some((DIGIT, b'8', "invalid octal integer")),
                b'b' => Some((DIGIT, b'2', "invalid binary integer")),
                _ => None,
            };
            if let Some((class, limit, message)) = radix {
                return self.radix_number(start, class, limit, message);
            }
        }
        let digits = |at| if forms { self.digits(at, DIGIT, 0) } else { self.run(at, DIGIT) };
        let mut end = start;
        let mut integer = true;
        if self.source[start] != b'.' {
            end = digits(start);
        }
        if self.byte(end) == b'.' && self.byte(end + 1) != b'.' {
            integer = false;
            end += 1;
            if is(self.byte(end), DIGIT) {
                end = digits(end);
            }
        }
        if self.byte(end) | 0x20 == b'e' {
            let signed = matches!(self.byte(end + 1), b'+' | b'-');
            let exponent = end + 1 + usize::from(signed);
            if is(self.byte(exponent), DIGIT) {
                integer = false;
                end = digits(exponent);
            } else if signed && !loose {
                return Err(self.junk_number(start, exponent));
            }
        }
        if is(self.byte(end), IDENT_START) && !loose {
            return Err(self.junk_number(start, self.run(end, IDENT_CONT)));
        }
        let fits = integer && text::integer(&self.source[start..end]).is_some();
        Ok((if fits { Kind::ICONST } else { Kind::FCONST }, start, end))
    }

    /// Whether the version that is read takes `feature`.
    fn has(&self, feature: Feature) -> bool {
        feature.difference().is_in(self.dialect.version)
    }

    fn junk_number(&self, start: usize, end: usize) -> Fault {
        Problem::near("trailing junk after numeric literal", start, start, end, Kind::FCONST)
    }

    fn radix_number(
        &self,
        start: usize,
        class: u8,
        limit: u8,
        message: &'static str,
    ) -> Result<Token, Fault> {
        let digit = |b: u8| is(b, class) && (limit == 0 || b < limit);
        let first = start + 2 + usize::from(self.byte(start + 2) == b'_');
        let end = if digit(self.byte(first)) { self.digits(first, class, limit) } else { start };
        let word = self.run(start + 1, IDENT_CONT);
        if end == word {
            let fits = text::integer(&self.source[start..end]).is_some();
            return Ok((if fits { Kind::ICONST } else { Kind::FCONST }, start, end));
        }
        if end == start && word == first {
            return Err(Problem::near(message, start, start, word, Kind::FCONST));
        }
        Err(self.junk_number(start, word))
    }

    fn dollar(&mut self, start: usize) -> Result<Token, Fault> {
        if is(self.byte(start + 1), DIGIT) {
            let end = self.run(start + 1, DIGIT);
            // The scanner of libpg_query, whose lists `scan` gives, lets a word follow.
            if is(self.byte(end), IDENT_START) && self.mode != Mode::Scan && !self.has(Feature::LooseNumbers)
            {
                let end = self.run(end, IDENT_CONT);
                return Err(Problem::near("trailing junk after parameter", start, start, end, Kind::PARAM));
            }
            if self.dialect.version >= Version::V18 && text::integer(&self.source[start + 1..end]).is_none() {
                return Err(Problem::near("parameter number too large", start, start, end, Kind::PARAM));
            }
            return Ok((Kind::PARAM, start, end));
        }
        let Some(tag_end) = text::dollar_tag(&self.source[start..]) else {
            return Ok((Kind::DOLLAR, start, start + 1));
        };
        let tag = &self.source[start..start + tag_end];
        match text::find(self.source, start + tag_end, tag) {
            Some(at) => Ok((Kind::SCONST, start, at + tag_end)),
            None => Err(self.unterminated("unterminated dollar-quoted string", start, Kind::SCONST)),
        }
    }

    fn unterminated(&self, message: &'static str, start: usize, meant: Kind) -> Fault {
        Problem::near(message, start, start, self.source.len(), meant)
    }

    fn line_end(&self, mut at: usize) -> usize {
        while at < self.source.len() && !matches!(self.source[at], b'\n' | b'\r') {
            at += 1;
        }
        at
    }

    /// Behind a comment's last `*/`, nested ones counted.
    fn comment_end(&self, start: usize) -> Result<usize, Fault> {
        let mut depth = 1;
        let mut at = start + 2;
        while at < self.source.len() {
            match (self.source[at], self.byte(at + 1)) {
                (b'*', b'/') => {
                    depth -= 1;
                    at += 2;
                    if depth == 0 {
                        return Ok(at);
                    }
                }
                (b'/', b'*') => {
                    depth += 1;
                    at += 2;
                }
                _ => at += 1,
            }
        }
        Err(self.unterminated("unterminated /* comment", start, Kind::SEMICOLON))
    }

    /// Behind the blank that lets a string go on: white space with a line break, then a quote. `None` where it ends.
    fn continuation(&self, at: usize) -> Option<usize> {
        text::continuation(self.source, at)
    }

    /// `'…'`, with doubled quotes and continuations; `at` is behind the first quote.
    fn quoted(&mut self, start: usize, mut at: usize, kind: Kind) -> Result<Token, Fault> {
        loop {
            let Some(quote) = text::find_byte(self.source, at, b'\'') else {
                return Err(self.unterminated("unterminated quoted string", start, kind));
            };
            at = quote + 1;
            if self.byte(at) == b'\'' {
                at += 1;
            } else if let Some(next) = self.continuation(at) {
                at = next;
            } else if let Some(problem) = self.apostrophe(start, at, kind) {
                return Err(problem);
            } else {
                return Ok((kind, start, at));
            }
        }
    }

    /// For the tolerant mode: a string that ends before a word and another quote was probably one string with an
    /// apostrophe in it (`'O'Brien'`).
    fn apostrophe(&self, start: usize, at: usize, kind: Kind) -> Option<Fault> {
        if self.mode != Mode::Tolerant || kind != Kind::SCONST || !is(self.byte(at), IDENT_START) {
            return None;
        }
        let end = self.run(at, IDENT_CONT);
        if self.byte(end) != b'\'' {
            return None;
        }
        let mut problem = Problem::near("the string ends at its second quote", start, start, end + 1, kind);
        problem.hint = Some("double a quote inside a string: 'O''Brien'");
        Some(problem)
    }

    /// `B'…'` and `X'…'`: no doubled quotes.
    fn bits(&mut self, start: usize, kind: Kind) -> Result<Token, Fault> {
        let mut at = start + 2;
        loop {
            let Some(quote) = text::find_byte(self.source, at, b'\'') else {
                let message = match kind {
                    Kind::BCONST => "unterminated bit string literal",
                    _ => "unterminated hexadecimal string literal",
                };
                return Err(self.unterminated(message, start, kind));
            };
            match self.continuation(quote + 1) {
                Some(next) => at = next,
                None => return Ok((kind, start, quote + 1)),
            }
        }
    }

    fn quoted_name(&mut self, start: usize, mut at: usize, kind: Kind) -> Result<Token, Fault> {
        let begin = at;
        loop {
            let Some(quote) = text::find_byte(self.source, at, b'"') else {
                return Err(self.unterminated("unterminated quoted identifier", start, kind));
            };
            at = quote + 1;
            if self.byte(at) == b'"' {
                at += 1;
            } else if quote == begin {
                return Err(Problem::near("zero-length delimited identifier", start, start, at, kind));
            } else {
                return Ok((kind, start, at));
            }
        }
    }

    /// `E'…'`: escapes are checked here, read later.
    fn escaped(&mut self, start: usize) -> Result<Token, Fault> {
        let mut at = start + 2;
        let mut verify = false;
        loop {
            match self.source.get(at) {
                None => return Err(self.unterminated("unterminated quoted string", start, Kind::SCONST)),
                Some(b'\'') if self.byte(at + 1) == b'\'' => at += 2,
                Some(b'\'') => match self.continuation(at + 1) {
                    Some(next) => at = next,
                    None => break,
                },
                Some(b'\\') => {
                    let (end, bytes) = self.escape(start, at)?;
                    verify |= bytes;
                    at = end;
                }
                Some(_) => at += 1,
            }
        }
        let end = at + 1;
        if verify && let Some(message) = text::invalid_utf8(&text::escaped_bytes(&self.source[start..end])) {
            return Err(Problem::bare("22021", message, None, start, end, Kind::SCONST));
        }
        Ok((Kind::SCONST, start, end))
    }

    /// One escape of an `E'…'` string: its end, and whether the bytes must be checked in the end.
    fn escape(&self, start: usize, at: usize) -> Result<(usize, bool), Fault> {
        let next = self.byte(at + 1);
        match next {
            b'u' | b'U' => self.unicode_escape(start, at).map(|end| (end, false)),
            b'0'..=b'7' => {
                let mut end = at + 2;
                while end < at + 4 && matches!(self.byte(end), b'0'..=b'7') {
                    end += 1;
                }
                let value =
                    self.source[at + 1..end].iter().fold(0u32, |v, d| v * 8 + u32::from(d - b'0')) as u8;
                Ok((end, value == 0 || value >= 0x80))
            }
            b'x' if is(self.byte(at + 2), HEX) => {
                let end = at + 3 + usize::from(is(self.byte(at + 3), HEX));
                let value = text::hex(&self.source[at + 2..end]) as u8;
                Ok((end, value == 0 || value >= 0x80))
            }
            _ => Ok(((at + 2).min(self.source.len()), next >= 0x80)),
        }
    }

    /// `\uXXXX` or `\UXXXXXXXX`, and the second one where the first is half of a pair.
    fn unicode_escape(&self, start: usize, at: usize) -> Result<usize, Fault> {
        let pair = |from, to: usize| {
            let resume = self.string_resume(to);
            let mut problem = Problem::near("invalid Unicode surrogate pair", start, from, to, Kind::SCONST);
            problem.resume = resume as u32;
            problem
        };
        let (value, end) = self.code_unit(start, at)?;
        if (0xDC00..0xE000).contains(&value) {
            return Err(pair(at, end));
        }
        if (0xD800..0xDC00).contains(&value) {
            if self.byte(end) != b'\\' || !matches!(self.byte(end + 1), b'u' | b'U') {
                return Err(pair(end, (end + 1).min(self.source.len())));
            }
            let (second, second_end) = self.code_unit(start, end)?;
            if !(0xDC00..0xE000).contains(&second) {
                return Err(pair(end, second_end));
            }
            return Ok(second_end);
        }
        if value == 0 || value > 0x10_FFFF {
            let mut problem = Problem::near("invalid Unicode escape value", start, at, end, Kind::SCONST);
            problem.resume = self.string_resume(end) as u32;
            return Err(problem);
        }
        Ok(end)
    }

    fn code_unit(&self, start: usize, at: usize) -> Result<(u32, usize), Fault> {
        let digits = if self.byte(at + 1) == b'u' { 4 } else { 8 };
        let mut end = at + 2;
        while end < at + 2 + digits && is(self.byte(end), HEX) {
            end += 1;
        }
        if end < at + 2 + digits {
            let resume = self.string_resume(end);
            let hint = "Unicode escapes must be \\uXXXX or \\UXXXXXXXX.";
            let mut problem = Problem::bare(
                "22025",
                "invalid Unicode escape".into(),
                Some(at),
                start,
                resume,
                Kind::SCONST,
            );
            problem.hint = Some(hint);
            return Err(problem);
        }
        Ok((text::hex(&self.source[at + 2..end]), end))
    }

    /// Behind the closing quote, for going on after a bad escape.
    fn string_resume(&self, mut at: usize) -> usize {
        while at < self.source.len() {
            match self.source[at] {
                b'\\' => at += 2,
                b'\'' => return at + 1,
                _ => at += 1,
            }
        }
        self.source.len()
    }

    /// `U&'…'` and `U&"…"`; for the grammar, with the `UESCAPE` clause.
    fn unicode(&mut self, start: usize, kind: Kind) -> Result<Token, Fault> {
        let (_, _, end) = match kind {
            Kind::USCONST => self.quoted(start, start + 3, kind)?,
            _ => self.quoted_name(start, start + 3, kind)?,
        };
        if self.mode == Mode::Scan {
            return Ok((kind, start, end));
        }
        let plain = if kind == Kind::USCONST { Kind::SCONST } else { Kind::IDENT };
        let (escape, last) = self.uescape(start, end, plain)?;
        text::check_unicode(&self.source[start..end], escape).map_err(|fault| {
            let mut problem =
                Problem::bare("42601", fault.message.into(), Some(start + fault.offset), start, last, plain);
            problem.hint = fault.hint;
            problem
        })?;
        Ok((plain, start, last))
    }

    /// The escape character of the `UESCAPE` clause behind `end`, and where that clause ends.
    fn uescape(&mut self, start: usize, end: usize, meant: Kind) -> Result<(u8, usize), Fault> {
        self.position = end;
        let (word, _, _) = self.next()?;
        if word != Kind::UESCAPE {
            self.position = end;
            return Ok((b'\\', end));
        }
        let (third, from, to) = self.next()?;
        if third != Kind::SCONST {
            let message = "UESCAPE must be followed by a simple string literal";
            return Err(Problem::near(message, start, from, to, meant));
        }
        let mut value = alloc::string::String::new();
        text::append_string(&mut value, &self.source[from..to]);
        let escape = value.as_bytes().first().copied().unwrap_or(0);
        let bad = is(escape, HEX | SPACE) || matches!(escape, b'+' | b'\'' | b'"');
        if value.len() != 1 || bad {
            return Err(Problem::near("invalid Unicode escape character", start, from, to, meant));
        }
        Ok((escape, to))
    }

    fn operator(&mut self, start: usize) -> Result<Token, Fault> {
        let run = self.run(start, OP_CHAR);
        let text = &self.source[start..run];
        let mut len = text.len();
        if len > 1 {
            if let Some(comment) = text.windows(2).position(|pair| pair == b"/*" || pair == b"--") {
                len = comment;
            }
            if len > 1
                && matches!(text[len - 1], b'+' | b'-')
                && !text[..len - 1].iter().any(|&b| is(b, OP_SPECIAL))
            {
                while len > 1 && matches!(text[len - 1], b'+' | b'-') {
                    len -= 1;
                }
            }
        }
        let kind = operator_kind(&text[..len]);
        if kind == Kind::OP && len > text::NAME_LEN_MAX {
            // flex has put back what was cut off, so the text shown ends with the operator.
            return Err(Problem::near("operator too long", start, start, start + len, Kind::OP));
        }
        Ok((kind, start, start + len))
    }
}

fn operator_kind(text: &[u8]) -> Kind {
    match text {
        b"+" => Kind::PLUS,
        b"-" => Kind::MINUS,
        b"*" => Kind::STAR,
        b"/" => Kind::SLASH,
        b"%" => Kind::PERCENT,
        b"^" => Kind::CARET,
        b"<" => Kind::LESS,
        b">" => Kind::GREATER,
        b"=" => Kind::EQUALS,
        b"=>" => Kind::EQUALS_GREATER,
        b"<=" => Kind::LESS_EQUALS,
        b">=" => Kind::GREATER_EQUALS,
        b"<>" | b"!=" => Kind::NOT_EQUALS,
        _ => Kind::OP,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_words_end_where_their_bytes_do() {
        for byte in 0..=255_u8 {
            for place in 0..8 {
                let mut text = *b"abcdefgh";
                text[place] = byte;
                let wanted = if is(byte, IDENT_CONT) { None } else { Some(place) };
                assert_eq!(short_word(&text, 0).map(|found| found.1), wanted, "{byte} at {place}");
            }
        }
        assert_eq!(short_word(b"short", 0), None);
    }
}
