//! The regular expressions of vocabularies, for those that have no scanner of their own, and as the judge of those that have one.
//!
//! What the patterns in use need: alternatives, groups, classes with `\p{..}`, `\s`, `\d`, `\w` and ranges, greedy and possessive repetition,
//! look-ahead, `^`, `$`, and `(?i:..)`. A pattern becomes a list of instructions for a machine with a stack of places to go back to, and a
//! bound on its steps. Anything else in a pattern is refused by its place.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::error::{EncodeError, LoadError, limit};
use crate::limits::{
    PATTERN_CODE_MAX, PATTERN_DEPTH_MAX, PATTERN_LEN_MAX, PATTERN_STEPS_BASE, PATTERN_STEPS_PER_BYTE,
};
use crate::unicode::{self, Categories, decode, is_word, previous};

/// A set of code points.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Set {
    negated: bool,
    categories: Categories,
    /// Categories whose complement is in the set: `[\S..]`, `[\P{L}..]`.
    outside: Vec<Categories>,
    word: bool,
    not_word: bool,
    ranges: Vec<(u32, u32)>,
}

impl Set {
    fn has(&self, code: u32) -> bool {
        let inside = self.ranges.iter().any(|&(low, high)| low <= code && code <= high)
            || self.categories.has(code)
            || self.outside.iter().any(|set| !set.has(code))
            || self.word && is_word(code)
            || self.not_word && !is_word(code);
        inside != self.negated
    }

    fn add_char(&mut self, c: char, fold: bool) {
        self.ranges.push((u32::from(c), u32::from(c)));
        if fold {
            for other in folded(c) {
                self.ranges.push((u32::from(other), u32::from(other)));
            }
        }
    }
}

/// The other characters that are the same without regard to case; the two beyond ASCII that fold to ASCII are `ſ` and `K`.
fn folded(c: char) -> impl Iterator<Item = char> {
    let lower = c.to_lowercase().next().filter(|l| *l != c);
    let upper = c.to_uppercase().next().filter(|u| *u != c);
    let odd = match c {
        's' | 'S' => Some('\u{17f}'),
        'k' | 'K' => Some('\u{212a}'),
        _ => None,
    };
    lower.into_iter().chain(upper).chain(odd)
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    Empty,
    Set(Set),
    Start,
    End,
    Look { ahead: Box<Node>, negated: bool },
    Concat(Vec<Node>),
    Either(Vec<Node>),
    Repeat { node: Box<Node>, min: u32, max: Option<u32>, possessive: bool },
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Code {
    Set(u32),
    /// As many of the set as there are; goes back one by one unless it is possessive.
    Run {
        set: u32,
        min: u32,
        max: u32,
        possessive: bool,
    },
    /// Goes on at the first, later at the second.
    Fork(u32, u32),
    Jump(u32),
    Start,
    End,
    /// The instructions up to `Match` at `to - 1` must match here, or must not; then it goes on at `to`.
    Look {
        to: u32,
        negated: bool,
    },
    /// As `Look`, but takes what it matches.
    Atomic {
        to: u32,
    },
    Match,
}

/// A compiled pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    code: Vec<Code>,
    sets: Vec<Set>,
}

/// The least position of a [`Back`] that is no run.
const FORK: usize = usize::MAX;

/// A place to go back to: an instruction, and a position; of a run also the least position.
#[derive(Clone, Copy, Debug)]
struct Back {
    at: u32,
    position: usize,
    least: usize,
}

/// Memory of matches, kept between them.
#[derive(Debug, Default)]
pub struct Matcher {
    stack: Vec<Back>,
    steps: usize,
}

impl Matcher {
    /// Begins a text: its length bounds the steps of all matches in it together.
    pub fn begin(&mut self, text_len: usize) {
        self.steps = PATTERN_STEPS_BASE + text_len.saturating_mul(PATTERN_STEPS_PER_BYTE);
    }
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// [`LoadError::Unsupported`] or [`LoadError::Invalid`] at a byte of the pattern, or [`LoadError::Limit`].
    pub fn new(text: &str) -> Result<Pattern, LoadError> {
        limit("bytes of a pattern", text.len(), PATTERN_LEN_MAX)?;
        let mut parser = Parser { text, at: 0, depth: 0 };
        let node = parser.alternatives(false)?;
        if parser.at < text.len() {
            return Err(LoadError::Invalid { what: "the end of the pattern", at: parser.at });
        }
        let mut pattern = Pattern { code: Vec::new(), sets: Vec::new() };
        pattern.compile(&node)?;
        pattern.code.push(Code::Match);
        Ok(pattern)
    }

    /// Where the match that begins at `at` ends; `None` if none begins there. [`Matcher::begin`] comes first, once for a text.
    ///
    /// # Errors
    /// [`EncodeError::PatternSteps`].
    pub fn match_at(
        &self,
        matcher: &mut Matcher,
        text: &[u8],
        at: usize,
    ) -> Result<Option<usize>, EncodeError> {
        matcher.stack.clear();
        self.run(matcher, text, 0, at).map_err(|()| EncodeError::PatternSteps { at })
    }

    /// Runs from an instruction to its `Match`; the stack is left as it was found.
    fn run(&self, m: &mut Matcher, text: &[u8], from: u32, at: usize) -> Result<Option<usize>, ()> {
        let floor = m.stack.len();
        let (mut pc, mut at) = (from, at);
        loop {
            m.steps = m.steps.checked_sub(1).ok_or(())?;
            let stepped = match &self.code[pc as usize] {
                Code::Match => {
                    m.stack.truncate(floor);
                    return Ok(Some(at));
                }
                code => self.step(m, text, pc, at, code)?,
            };
            (pc, at) = match stepped.or_else(|| pop(text, &mut m.stack, floor)) {
                Some(next) => next,
                None => return Ok(None),
            };
        }
    }

    /// One instruction: where to go on, or `None` to go back.
    fn step(
        &self,
        m: &mut Matcher,
        text: &[u8],
        pc: u32,
        at: usize,
        code: &Code,
    ) -> Result<Option<(u32, usize)>, ()> {
        Ok(match *code {
            Code::Set(set) => {
                let (c, len) = decode(text, at);
                (len > 0 && self.sets[set as usize].has(c)).then_some((pc + 1, at + len))
            }
            Code::Run { set, min, max, possessive } => {
                let (mut end, mut least, mut count) = (at, at, 0);
                while count < max {
                    let (c, len) = decode(text, end);
                    if len == 0 || !self.sets[set as usize].has(c) {
                        break;
                    }
                    end += len;
                    count += 1;
                    if count == min {
                        least = end;
                    }
                }
                m.steps = m.steps.checked_sub(count as usize).ok_or(())?;
                if count < min {
                    return Ok(None);
                }
                if !possessive && end > least {
                    m.stack.push(Back { at: pc + 1, position: end, least });
                }
                Some((pc + 1, end))
            }
            Code::Fork(first, second) => {
                m.stack.push(Back { at: second, position: at, least: FORK });
                Some((first, at))
            }
            Code::Jump(to) => Some((to, at)),
            Code::Start => (at == 0).then_some((pc + 1, at)),
            Code::End => (at == text.len()).then_some((pc + 1, at)),
            Code::Look { to, negated } => {
                let found = self.run(m, text, pc + 1, at)?.is_some();
                (found != negated).then_some((to, at))
            }
            Code::Atomic { to } => self.run(m, text, pc + 1, at)?.map(|end| (to, end)),
            Code::Match => None,
        })
    }

    fn push(&mut self, code: Code) -> Result<(), LoadError> {
        limit("instructions of a pattern", self.code.len() + 1, PATTERN_CODE_MAX)?;
        self.code.push(code);
        Ok(())
    }

    fn set(&mut self, set: &Set) -> u32 {
        let at = self.sets.iter().position(|s| s == set).unwrap_or_else(|| {
            self.sets.push(set.clone());
            self.sets.len() - 1
        });
        at as u32
    }

    /// Recursion is safe: the parser has bounded the depth.
    fn compile(&mut self, node: &Node) -> Result<(), LoadError> {
        match node {
            Node::Empty => Ok(()),
            Node::Set(set) => {
                let set = self.set(set);
                self.push(Code::Set(set))
            }
            Node::Start => self.push(Code::Start),
            Node::End => self.push(Code::End),
            Node::Concat(nodes) => nodes.iter().try_for_each(|n| self.compile(n)),
            Node::Either(nodes) => self.compile_either(nodes),
            Node::Look { ahead, negated } => {
                let negated = *negated;
                self.enclosed(ahead, |to| Code::Look { to, negated })
            }
            Node::Repeat { node, min, max, possessive } => match &**node {
                Node::Set(set) => {
                    let set = self.set(set);
                    let max = max.unwrap_or(u32::MAX);
                    self.push(Code::Run { set, min: *min, max, possessive: *possessive })
                }
                inner if *possessive => {
                    let plain = Node::Repeat {
                        node: Box::new(inner.clone()),
                        min: *min,
                        max: *max,
                        possessive: false,
                    };
                    self.enclosed(&plain, |to| Code::Atomic { to })
                }
                inner => self.compile_repeat(inner, *min, *max),
            },
        }
    }

    fn enclosed(&mut self, node: &Node, code: impl Fn(u32) -> Code) -> Result<(), LoadError> {
        let at = self.code.len();
        self.push(Code::Match)?;
        self.compile(node)?;
        self.push(Code::Match)?;
        self.code[at] = code(self.code.len() as u32);
        Ok(())
    }

    fn compile_either(&mut self, nodes: &[Node]) -> Result<(), LoadError> {
        let mut jumps = Vec::new();
        for (i, node) in nodes.iter().enumerate() {
            let last = i + 1 == nodes.len();
            let fork = self.code.len();
            if !last {
                self.push(Code::Match)?;
            }
            self.compile(node)?;
            if !last {
                jumps.push(self.code.len());
                self.push(Code::Match)?;
                self.code[fork] = Code::Fork(fork as u32 + 1, self.code.len() as u32);
            }
        }
        let end = self.code.len() as u32;
        jumps.into_iter().for_each(|at| self.code[at] = Code::Jump(end));
        Ok(())
    }

    fn compile_repeat(&mut self, node: &Node, min: u32, max: Option<u32>) -> Result<(), LoadError> {
        for _ in 0..min {
            self.compile(node)?;
        }
        match max {
            None => {
                let fork = self.code.len();
                self.push(Code::Match)?;
                self.compile(node)?;
                self.push(Code::Jump(fork as u32))?;
                self.code[fork] = Code::Fork(fork as u32 + 1, self.code.len() as u32);
            }
            Some(max) => {
                let mut forks = Vec::new();
                for _ in min..max {
                    forks.push(self.code.len());
                    self.push(Code::Match)?;
                    self.compile(node)?;
                }
                let end = self.code.len() as u32;
                forks.into_iter().for_each(|at| self.code[at] = Code::Fork(at as u32 + 1, end));
            }
        }
        Ok(())
    }
}

/// The newest place to go back to; a run gives back one character and stays if it can give more.
fn pop(text: &[u8], stack: &mut Vec<Back>, floor: usize) -> Option<(u32, usize)> {
    let top = stack.get_mut(floor..)?.last_mut()?;
    if top.least != FORK {
        top.position = previous(text, top.position).max(top.least);
    }
    let back = *top;
    if back.least == FORK || back.position == back.least {
        stack.pop();
    }
    Some((back.at, back.position))
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn take(&mut self, what: &str) -> bool {
        let found = self.text[self.at..].starts_with(what);
        self.at += if found { what.len() } else { 0 };
        found
    }

    fn next(&mut self) -> Result<char, LoadError> {
        let c = self.peek().ok_or(LoadError::Invalid { what: "more of the pattern", at: self.at })?;
        self.at += c.len_utf8();
        Ok(c)
    }

    const fn unsupported(&self, what: &'static str) -> LoadError {
        LoadError::Unsupported { what, at: self.at }
    }

    fn alternatives(&mut self, fold: bool) -> Result<Node, LoadError> {
        self.depth += 1;
        limit("levels of groups in a pattern", self.depth, PATTERN_DEPTH_MAX)?;
        let mut all = Vec::new();
        loop {
            let mut parts = Vec::new();
            while let Some(c) = self.peek().filter(|c| *c != '|' && *c != ')') {
                let atom = self.atom(c, fold)?;
                parts.push(self.repeated(atom)?);
            }
            all.push(if parts.is_empty() { Node::Empty } else { Node::Concat(parts) });
            if !self.take("|") {
                break;
            }
        }
        self.depth -= 1;
        Ok(match all.pop() {
            Some(only) if all.is_empty() => only,
            last => {
                all.extend(last);
                Node::Either(all)
            }
        })
    }

    fn atom(&mut self, c: char, fold: bool) -> Result<Node, LoadError> {
        match c {
            '(' => self.group(fold),
            '[' => self.class(fold).map(Node::Set),
            '\\' => {
                let mut set = Set::default();
                self.escape(&mut set, fold)?;
                Ok(Node::Set(set))
            }
            '^' if self.take("^") => Ok(Node::Start),
            '$' if self.take("$") => Ok(Node::End),
            '.' if self.take(".") => {
                let mut set = Set { negated: true, ..Set::default() };
                set.add_char('\n', false);
                Ok(Node::Set(set))
            }
            '*' | '+' | '?' | '{' => Err(LoadError::Invalid { what: "something to repeat", at: self.at }),
            _ => {
                let mut set = Set::default();
                let c = self.next()?;
                set.add_char(c, fold);
                Ok(Node::Set(set))
            }
        }
    }

    fn group(&mut self, fold: bool) -> Result<Node, LoadError> {
        self.take("(");
        let (fold, look) = if self.take("?:") {
            (fold, None)
        } else if self.take("?i:") {
            (true, None)
        } else if self.take("?=") {
            (fold, Some(false))
        } else if self.take("?!") {
            (fold, Some(true))
        } else if self.peek() == Some('?') {
            return Err(self.unsupported("this kind of group in a pattern"));
        } else {
            (fold, None)
        };
        let inner = self.alternatives(fold)?;
        if !self.take(")") {
            return Err(LoadError::Invalid { what: "the end of a group in a pattern", at: self.at });
        }
        Ok(match look {
            Some(negated) => Node::Look { ahead: Box::new(inner), negated },
            None => inner,
        })
    }

    fn repeated(&mut self, atom: Node) -> Result<Node, LoadError> {
        let (min, max) = match self.peek() {
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            Some('{') => {
                self.at += 1;
                return self.counted(atom);
            }
            _ => return Ok(atom),
        };
        self.at += 1;
        self.finish_repeat(atom, min, max)
    }

    /// `{n}`, `{n,}` or `{n,m}`, behind the brace.
    fn counted(&mut self, atom: Node) -> Result<Node, LoadError> {
        let min = self.number()?.ok_or(self.unsupported("this repetition in a pattern"))?;
        let max = if self.take(",") { self.number()? } else { Some(min) };
        if !self.take("}") || max.is_some_and(|max| max < min) {
            return Err(self.unsupported("this repetition in a pattern"));
        }
        self.finish_repeat(atom, min, max)
    }

    fn number(&mut self) -> Result<Option<u32>, LoadError> {
        let digits = self.text[self.at..].bytes().take_while(u8::is_ascii_digit).count();
        let text = &self.text[self.at..self.at + digits];
        self.at += digits;
        if digits == 0 {
            return Ok(None);
        }
        let number = text.parse().map_err(|_| self.unsupported("a number this large in a pattern"))?;
        Ok(Some(number))
    }

    fn finish_repeat(&mut self, atom: Node, min: u32, max: Option<u32>) -> Result<Node, LoadError> {
        let possessive = self.take("+");
        if self.peek() == Some('?') {
            return Err(self.unsupported("lazy repetition in a pattern"));
        }
        if matches!(self.peek(), Some('*' | '+')) {
            return Err(self.unsupported("repetition of a repetition in a pattern"));
        }
        if !matches!(atom, Node::Set(_)) && max.is_none() && matches_empty(&atom) {
            return Err(self.unsupported("repetition of what may be empty in a pattern"));
        }
        Ok(Node::Repeat { node: Box::new(atom), min, max, possessive })
    }

    fn class(&mut self, fold: bool) -> Result<Set, LoadError> {
        self.take("[");
        let mut set = Set { negated: self.take("^"), ..Set::default() };
        let mut first = true;
        loop {
            let start = self.at;
            match self.peek() {
                None => {
                    return Err(LoadError::Invalid { what: "the end of a class in a pattern", at: start });
                }
                Some(']') if !first => break,
                Some('[') => return Err(self.unsupported("a class within a class in a pattern")),
                Some('&') if self.text[start..].starts_with("&&") => {
                    return Err(self.unsupported("an intersection of classes in a pattern"));
                }
                _ => {}
            }
            first = false;
            let low = self.class_atom(&mut set, fold)?;
            let range = self.text[self.at..].starts_with('-') && !self.text[self.at..].starts_with("-]");
            match low {
                Some(low) if range => {
                    self.take("-");
                    let high = self.class_atom(&mut Set::default(), false)?;
                    let high =
                        high.filter(|h| *h >= low).ok_or(self.unsupported("this range in a pattern"))?;
                    set.ranges.push((u32::from(low), u32::from(high)));
                    if fold {
                        fold_ascii(&mut set, low, high);
                    }
                }
                Some(c) => set.add_char(c, fold),
                None => {}
            }
        }
        self.take("]");
        Ok(set)
    }

    /// A character of a class, or an escape that is a class itself and goes into the set.
    fn class_atom(&mut self, set: &mut Set, fold: bool) -> Result<Option<char>, LoadError> {
        if self.peek() != Some('\\') {
            return self.next().map(Some);
        }
        let mut alone = Set::default();
        self.escape(&mut alone, false)?;
        if let [(low, high)] = alone.ranges[..]
            && low == high
        {
            return Ok(char::from_u32(low));
        }
        set.categories = set.categories.or(alone.categories);
        set.outside.extend(alone.outside);
        set.word |= alone.word;
        set.not_word |= alone.not_word;
        let _ = fold;
        Ok(None)
    }

    fn escape(&mut self, set: &mut Set, fold: bool) -> Result<(), LoadError> {
        let start = self.at;
        self.take("\\");
        let c = self.next()?;
        match c {
            'p' | 'P' => {
                let mut found = self.property()?;
                if self.text.as_bytes().get(self.at - 1) == Some(&b'}') && self.negated_property(start) {
                    found = Categories(!found.0);
                }
                if c == 'p' { set.categories = set.categories.or(found) } else { set.outside.push(found) }
            }
            's' => set.categories = set.categories.or(unicode::SPACE),
            'S' => set.outside.push(unicode::SPACE),
            'd' => set.categories = set.categories.or(Categories(1 << 9)),
            'D' => set.outside.push(Categories(1 << 9)),
            'w' => set.word = true,
            'W' => set.not_word = true,
            'r' => set.add_char('\r', false),
            'n' => set.add_char('\n', false),
            't' => set.add_char('\t', false),
            'f' => set.add_char('\u{c}', false),
            'v' => set.add_char('\u{b}', false),
            'x' | 'u' => {
                let code = self.code_point(c)?;
                set.add_char(code, fold);
            }
            'b' | 'B' | 'A' | 'z' | 'Z' | 'G' | '0'..='9' | 'a'..='z' | 'A'..='Z' => {
                return Err(LoadError::Unsupported { what: "this escape in a pattern", at: start });
            }
            other => set.add_char(other, fold),
        }
        Ok(())
    }

    fn negated_property(&self, start: usize) -> bool {
        self.text.as_bytes().get(start + 3) == Some(&b'^')
    }

    /// `{L}`, `{^L}`, or `L` alone.
    fn property(&mut self) -> Result<Categories, LoadError> {
        let start = self.at;
        let rest = &self.text[start..];
        let (name, len) = match rest.strip_prefix('{') {
            Some(inner) => {
                let end = inner.find('}').ok_or(self.unsupported("this property in a pattern"))?;
                (inner[..end].trim_start_matches('^'), end + 2)
            }
            None => {
                let c = self.next()?;
                self.at = start;
                (&rest[..c.len_utf8()], c.len_utf8())
            }
        };
        let found = Categories::by_name(name).ok_or(self.unsupported("this property in a pattern"))?;
        self.at += len;
        Ok(found)
    }

    /// `41`, `{41}` or, behind `u`, `0041`.
    fn code_point(&mut self, kind: char) -> Result<char, LoadError> {
        let rest = &self.text[self.at..];
        let digits = match rest.strip_prefix('{') {
            Some(inner) => inner.find('}').and_then(|end| inner.get(..end)),
            None => rest.get(..if kind == 'x' { 2 } else { 4 }),
        };
        let wrong = self.unsupported("this code point in a pattern");
        let digits = digits.ok_or(wrong)?;
        let code = u32::from_str_radix(digits, 16).map_err(|_| wrong)?;
        self.at += digits.len() + if rest.starts_with('{') { 2 } else { 0 };
        char::from_u32(code).ok_or(wrong)
    }
}

fn fold_ascii(set: &mut Set, low: char, high: char) {
    for c in ('a'..='z').chain('A'..='Z').filter(|c| (low..=high).contains(c)) {
        folded(c).for_each(|other| set.ranges.push((u32::from(other), u32::from(other))));
    }
}

/// Whether a node may match nothing. Recursion is safe: the parser has bounded the depth.
fn matches_empty(node: &Node) -> bool {
    match node {
        Node::Empty | Node::Start | Node::End | Node::Look { .. } => true,
        Node::Set(_) => false,
        Node::Concat(nodes) => nodes.iter().all(matches_empty),
        Node::Either(nodes) => nodes.iter().any(matches_empty),
        Node::Repeat { node, min, .. } => *min == 0 || matches_empty(node),
    }
}
