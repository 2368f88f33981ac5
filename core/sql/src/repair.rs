//! Small changes to tokens that may turn a mistake into what was meant, the likeliest first.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::keyword::Class;
use crate::token::{Kind, Tokens};
use crate::tolerant::Finding;

/// Tokens `from..to` are replaced by these kinds; a replaced token keeps its place, a new one has none.
#[derive(Clone, Debug)]
pub(crate) struct Edit {
    from: usize,
    to: usize,
    with: Vec<Kind>,
    /// The tokens that the finding points to.
    blame: (usize, usize),
    message: Cow<'static, str>,
    hint: Option<String>,
}

impl Edit {
    pub(crate) fn apply(&self, tokens: &Tokens) -> Tokens {
        let mut edited = Tokens::default();
        let copy = |edited: &mut Tokens, index: usize| {
            edited.push(tokens.kinds[index], tokens.range(index).start, tokens.range(index).end);
        };
        (0..self.from).for_each(|index| copy(&mut edited, index));
        for (nth, &kind) in self.with.iter().enumerate() {
            let index = self.from + nth;
            if index < self.to {
                edited.push(kind, tokens.range(index).start, tokens.range(index).end);
            } else {
                let place = tokens.range(self.to.min(tokens.len() - 1)).start;
                edited.push(kind, place, place);
            }
        }
        (self.to..tokens.len()).for_each(|index| copy(&mut edited, index));
        edited
    }

    pub(crate) fn finding(&self, source: &str, tokens: &Tokens) -> Finding {
        let last = tokens.len() - 1;
        let (first, end) = (self.blame.0.min(last), self.blame.1.min(last + 1));
        let start = tokens.range(first).start;
        let stop = tokens.range(end.max(first + 1) - 1).end;
        // At the end of a statement, the byte behind it stands for what is missing.
        let stop = if stop <= start { start + usize::from(source.is_char_boundary(start + 1)) } else { stop };
        let range = start..stop.min(source.len()).max(start);
        Finding { range, message: self.message.clone(), hint: self.hint.clone(), lost: false }
    }
}

/// Words that people misspell: those that begin statements and clauses.
const WORDS: [Kind; 84] = [
    Kind::SELECT,
    Kind::FROM,
    Kind::WHERE,
    Kind::GROUP,
    Kind::ORDER,
    Kind::HAVING,
    Kind::LIMIT,
    Kind::OFFSET,
    Kind::INSERT,
    Kind::INTO,
    Kind::VALUES,
    Kind::UPDATE,
    Kind::SET,
    Kind::DELETE,
    Kind::CREATE,
    Kind::TABLE,
    Kind::ALTER,
    Kind::DROP,
    Kind::INDEX,
    Kind::VIEW,
    Kind::JOIN,
    Kind::LEFT,
    Kind::RIGHT,
    Kind::INNER,
    Kind::OUTER,
    Kind::FULL,
    Kind::CROSS,
    Kind::NATURAL,
    Kind::USING,
    Kind::UNION,
    Kind::INTERSECT,
    Kind::EXCEPT,
    Kind::DISTINCT,
    Kind::RETURNING,
    Kind::BETWEEN,
    Kind::LIKE,
    Kind::ILIKE,
    Kind::EXISTS,
    Kind::CASE,
    Kind::WHEN,
    Kind::THEN,
    Kind::ELSE,
    Kind::END,
    Kind::PRIMARY,
    Kind::KEY,
    Kind::FOREIGN,
    Kind::REFERENCES,
    Kind::UNIQUE,
    Kind::CHECK,
    Kind::DEFAULT,
    Kind::CONSTRAINT,
    Kind::COLUMN,
    Kind::GRANT,
    Kind::REVOKE,
    Kind::BEGIN,
    Kind::COMMIT,
    Kind::ROLLBACK,
    Kind::TRUNCATE,
    Kind::EXPLAIN,
    Kind::ANALYZE,
    Kind::VACUUM,
    Kind::WITH,
    Kind::RECURSIVE,
    Kind::AND,
    Kind::NOT,
    Kind::NULL,
    Kind::BY,
    Kind::DESC,
    Kind::FUNCTION,
    Kind::PROCEDURE,
    Kind::TRIGGER,
    Kind::SCHEMA,
    Kind::DATABASE,
    Kind::SEQUENCE,
    Kind::LANGUAGE,
    Kind::RETURNS,
    Kind::CASCADE,
    Kind::FETCH,
    Kind::OVER,
    Kind::PARTITION,
    Kind::LATERAL,
    Kind::MERGE,
    Kind::MATCHED,
    Kind::CONFLICT,
];

/// The repairs to try where the parser refused token `at`.
pub(crate) fn candidates(source: &str, tokens: &Tokens, at: usize, message: &str) -> Vec<Edit> {
    let mut finder = Finder { source, tokens, at, edits: Vec::new() };
    if message.starts_with("LIMIT #,#") {
        finder.limit();
    }
    finder.words();
    finder.fixed();
    finder.clauses();
    finder.missing();
    finder.reserved();
    finder.extra();
    finder.edits
}

struct Finder<'a> {
    source: &'a str,
    tokens: &'a Tokens,
    at: usize,
    edits: Vec<Edit>,
}

impl Finder<'_> {
    fn kind(&self, index: usize) -> Kind {
        self.tokens.kinds.get(index).copied().unwrap_or(Kind::EOF)
    }

    /// The kind of the token `back` before the refused one.
    fn before(&self, back: usize) -> Kind {
        self.at.checked_sub(back).map_or(Kind::EOF, |index| self.kind(index))
    }

    fn text(&self, index: usize) -> &str {
        self.tokens.kinds.get(index).map_or("", |_| &self.source[self.tokens.range(index)])
    }

    fn add(
        &mut self,
        (from, to): (usize, usize),
        with: &[Kind],
        blame: (usize, usize),
        message: impl Into<Cow<'static, str>>,
        hint: impl Into<Option<String>>,
    ) {
        self.edits.push(Edit {
            from,
            to,
            with: with.to_vec(),
            blame,
            message: message.into(),
            hint: hint.into(),
        });
    }

    /// Misspelt words at the refused token and before it.
    fn words(&mut self) {
        for index in [Some(self.at), self.at.checked_sub(1)].into_iter().flatten() {
            if self.kind(index) != Kind::IDENT || self.text(index).starts_with('"') {
                continue;
            }
            let spelled = self.text(index).to_ascii_uppercase();
            let mut near: Vec<(usize, Kind)> = WORDS
                .iter()
                .filter_map(|&word| {
                    let meant = word.keyword()?.word.to_ascii_uppercase();
                    let most = if meant.len() >= 6 { 2 } else { 1 };
                    let distance = distance(spelled.as_bytes(), meant.as_bytes());
                    (distance <= most).then_some((distance, word))
                })
                .collect();
            near.sort_by_key(|pair| pair.0);
            for (_, word) in near {
                let meant = word.keyword().map_or("", |k| k.word).to_ascii_uppercase();
                let message = format!("unknown keyword {}", self.text(index));
                let hint = format!("did you mean {meant}?");
                self.add((index, index + 1), &[word], (index, index + 1), message, hint);
            }
        }
    }

    /// Mistakes with a shape of their own.
    fn fixed(&mut self) {
        let at = self.at;
        if self.before(1) == Kind::COMMA {
            let hint = "remove the comma".to_string();
            self.add((at - 1, at), &[], (at - 1, at), "trailing comma", hint);
        }
        if self.before(2) == Kind::AND && self.before(1) == Kind::SET {
            let hint = "use a comma".to_string();
            let message = "assignments are separated by commas";
            self.add((at - 2, at), &[Kind::COMMA], (at - 2, at), message, hint);
        }
        if self.before(2) == Kind::IN && self.before(1) == Kind::LPAREN && self.kind(at) == Kind::RPAREN {
            let hint = "no rows: use false, or = ANY('{}')".to_string();
            self.add((at, at), &[Kind::NULL], (at - 1, at + 1), "IN needs at least one value", hint);
        }
        let into = self.tokens.kinds.starts_with(&[Kind::INSERT, Kind::INTO]);
        if into && self.before(1) == Kind::LPAREN && !self.tokens.kinds.contains(&Kind::VALUES) {
            let hint = "add VALUES before the parenthesis".to_string();
            self.add((at - 1, at - 1), &[Kind::VALUES], (at, at + 1), "VALUES is missing", hint);
        }
        let joins = self.tokens.kinds[..at].contains(&Kind::JOIN);
        if joins {
            let hint = "add ON …, or CROSS JOIN".to_string();
            self.add((at, at), &[Kind::ON, Kind::TRUE], (at, at + 1), "JOIN needs ON or USING", hint);
        }
        if self.tokens.kinds[..at].contains(&Kind::CASE) {
            let hint = "add END".to_string();
            self.add((at, at), &[Kind::END], (at, at + 1), "CASE without END", hint);
        }
    }

    /// `LIMIT a, b`.
    fn limit(&mut self) {
        let Some(limit) = self.tokens.kinds[..self.at].iter().rposition(|&k| k == Kind::LIMIT) else {
            return;
        };
        let Some(comma) = (limit..self.at).find(|&index| self.kind(index) == Kind::COMMA) else { return };
        let (skip, count) = (self.text(limit + 1).to_string(), self.text(comma + 1).to_string());
        let hint = format!("LIMIT {count} OFFSET {skip}");
        self.add((comma, self.at), &[], (limit + 1, self.at), "LIMIT takes one number", hint);
    }

    /// A clause that stands behind one that it must precede: left out.
    fn clauses(&mut self) {
        let at = self.at;
        let name = match self.kind(at) {
            Kind::WHERE => "WHERE",
            Kind::GROUP => "GROUP BY",
            Kind::HAVING => "HAVING",
            Kind::FROM => "FROM",
            Kind::ORDER => "ORDER BY",
            _ => return,
        };
        let later = [
            (Kind::LIMIT, "LIMIT"),
            (Kind::ORDER, "ORDER BY"),
            (Kind::HAVING, "HAVING"),
            (Kind::GROUP, "GROUP BY"),
        ];
        let Some(&(_, passed)) =
            later.iter().rev().find(|(kind, n)| *n != name && self.tokens.kinds[..at].contains(kind))
        else {
            return;
        };
        let mut end = at + 1;
        let mut depth = 0;
        while !matches!(self.kind(end), Kind::EOF | Kind::SEMICOLON) {
            match self.kind(end) {
                Kind::LPAREN => depth += 1,
                Kind::RPAREN if depth == 0 => break,
                Kind::RPAREN => depth -= 1,
                Kind::WHERE | Kind::HAVING | Kind::ORDER | Kind::LIMIT | Kind::OFFSET | Kind::UNION
                    if depth == 0 =>
                {
                    break;
                }
                _ => {}
            }
            end += 1;
        }
        let message = format!("{name} must stand before {passed}");
        let hint = format!("move {name} before {passed}");
        self.add((at, end), &[], (at, end), message, hint);
    }

    /// One token more.
    fn missing(&mut self) {
        let at = self.at;
        let previous = self.text(at.wrapping_sub(1)).to_string();
        if self.open_parenthesis().is_some() {
            let hint = format!("close the parenthesis after {previous}");
            self.add((at, at), &[Kind::RPAREN], (at, at + 1), "a parenthesis is not closed", hint);
        }
        let hint = format!("add a comma after {previous}");
        self.add((at, at), &[Kind::COMMA], (at, at + 1), "a comma is missing before this", hint);
        let ends = matches!(
            self.kind(at),
            Kind::EOF
                | Kind::RPAREN
                | Kind::COMMA
                | Kind::FROM
                | Kind::WHERE
                | Kind::GROUP
                | Kind::ORDER
                | Kind::AND
                | Kind::OR
        );
        if ends {
            let blame =
                if self.kind(at) == Kind::EOF { (at - usize::from(at > 0), at) } else { (at, at + 1) };
            self.add((at, at), &[Kind::IDENT], blame, "an expression is missing", None);
        }
        for (kind, word) in [
            (Kind::FROM, "FROM"),
            (Kind::INTO, "INTO"),
            (Kind::SET, "SET"),
            (Kind::BY, "BY"),
            (Kind::AS, "AS"),
            (Kind::THEN, "THEN"),
            (Kind::AND, "AND"),
            (Kind::TO, "TO"),
            (Kind::ON, "ON"),
            (Kind::EQUALS, "="),
            (Kind::TABLE, "TABLE"),
            (Kind::LPAREN, "("),
        ] {
            let message = format!("{word} is missing before this");
            let hint = format!("add {word}");
            self.add((at, at), &[kind], (at, at + 1), message, hint);
        }
    }

    /// The last parenthesis before the refused token that is open.
    fn open_parenthesis(&self) -> Option<usize> {
        let mut depth = 0;
        for index in (0..self.at).rev() {
            match self.kind(index) {
                Kind::RPAREN => depth += 1,
                Kind::LPAREN if depth == 0 => return Some(index),
                Kind::LPAREN => depth -= 1,
                _ => {}
            }
        }
        None
    }

    /// A reserved word where a name should be.
    fn reserved(&mut self) {
        for index in [Some(self.at), self.at.checked_sub(1)].into_iter().flatten() {
            let reserved = self.kind(index).keyword().is_some_and(|k| k.class != Class::Unreserved);
            if reserved {
                let message = format!("{} is a reserved word", self.text(index));
                let hint = format!("quote it: \"{}\"", self.text(index).to_ascii_lowercase());
                self.add((index, index + 1), &[Kind::IDENT], (index, index + 1), message, hint);
            }
        }
    }

    /// One token fewer.
    fn extra(&mut self) {
        let at = self.at;
        if self.kind(at) != Kind::EOF {
            let message = format!("unexpected {}", self.text(at));
            self.add((at, at + 1), &[], (at, at + 1), message, "remove it".to_string());
        }
        if at > 0 {
            let message = format!("unexpected {}", self.text(at - 1));
            self.add((at - 1, at), &[], (at - 1, at), message, "remove it".to_string());
        }
    }
}

/// How many letters must be changed, added, left out or exchanged with their neighbour.
fn distance(a: &[u8], b: &[u8]) -> usize {
    if a.len().abs_diff(b.len()) > 2 || a.len() > 24 {
        return usize::MAX;
    }
    let mut rows = [[0usize; 32]; 3];
    for (column, cell) in rows[1].iter_mut().enumerate() {
        *cell = column;
    }
    for i in 1..=a.len() {
        rows[2][0] = i;
        for j in 1..=b.len() {
            let change = rows[1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = change.min(rows[1][j] + 1).min(rows[2][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[0][j - 2] + 1);
            }
            rows[2][j] = best;
        }
        rows.rotate_left(1);
    }
    rows[1][b.len()]
}
