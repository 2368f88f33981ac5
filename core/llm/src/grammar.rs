//! Grammars in llama.cpp's form (GBNF), and which characters may come next.
//!
//! ```text
//! root  ::= "[" space (value ("," space value)*)? "]"      # comment
//! value ::= [0-9]{1,3} | "\"" [^"\\]* "\"" | .
//! ```
//!
//! A grammar is compiled to one array of elements: classes of characters, references to rules, borders of alternatives. While text is matched there is a
//! set of stacks; each is a way to read what was there, and has on top the class that the next character must be of. Rules that begin with
//! themselves have no such top and are refused.
//!
//! Source: llama.cpp, `grammars/README.md` and `llama-grammar.cpp`.

mod parse;

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::limits::{GRAMMAR_STACK_MAX, GRAMMAR_STACKS_MAX};

/// Why a grammar cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GrammarError {
    /// Something else stands there, or the text ends.
    Invalid {
        /// Where, in bytes.
        at: usize,
        /// What was expected.
        wanted: &'static str,
    },
    /// A rule is used and not defined.
    Undefined {
        /// Where it is used first, in bytes.
        at: usize,
    },
    /// A rule is defined twice.
    Twice {
        /// Where the second definition is, in bytes.
        at: usize,
    },
    /// There is no rule `root`.
    NoRoot,
    /// A rule begins with itself.
    LeftRecursive {
        /// Where it is used, in bytes.
        at: usize,
    },
    /// No text is ever complete: a rule always needs itself.
    Endless,
    /// A limit of [`limits`](crate::limits) is exceeded.
    Limit {
        /// Of what.
        what: &'static str,
        /// Allowed.
        max: usize,
    },
}

impl fmt::Display for GrammarError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GrammarError::Invalid { at, wanted } => {
                write!(f, "expected {wanted} at byte {at} of the grammar")
            }
            GrammarError::Undefined { at } => {
                write!(f, "the rule at byte {at} of the grammar is not defined")
            }
            GrammarError::Twice { at } => write!(f, "the rule at byte {at} of the grammar is defined twice"),
            GrammarError::NoRoot => f.write_str("the grammar has no rule `root`"),
            GrammarError::LeftRecursive { at } => {
                write!(
                    f,
                    "the rule at byte {at} of the grammar begins with itself, which is not possible here"
                )
            }
            GrammarError::Endless => f.write_str("no text of the grammar ever ends"),
            GrammarError::Limit { what, max } => write!(f, "more than {max} {what}"),
        }
    }
}

impl core::error::Error for GrammarError {}

/// A part of a compiled grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Element {
    /// A character within, or outside, some ranges.
    Class { begin: u32, end: u32, negated: bool },
    /// A rule by its number.
    Rule(u32),
    /// The end of an alternative, before another one.
    Or,
    /// The end of a rule.
    End,
}

/// A compiled grammar.
#[derive(Clone, Debug)]
pub struct Grammar {
    elements: Vec<Element>,
    /// First and last characters.
    ranges: Vec<(u32, u32)>,
    /// Where each rule begins.
    rules: Vec<u32>,
    root: u32,
    /// The least number of characters that complete an alternative from each element on.
    rest: Vec<u32>,
}

/// Positions of elements, the next one last; empty: the text is complete.
type Stack = Vec<u32>;

/// All ways to read a text so far, and the beginning of a character that is not complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    stacks: Vec<Stack>,
    partial: Partial,
}

/// Bytes of a character: its bits so far, and how many bytes are missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Partial {
    bits: u32,
    missing: u8,
    /// Bytes that it has in all.
    len: u8,
}

/// A number of characters that none reaches.
const FAR: u32 = u32::MAX / 4;
const LAST_CHAR: u32 = 0x10_ffff;

impl Grammar {
    /// Compiles a grammar.
    ///
    /// # Errors
    ///
    /// [`GrammarError`].
    pub fn parse(text: &str) -> Result<Grammar, GrammarError> {
        parse::parse(text)
    }

    fn link(
        elements: Vec<Element>,
        ranges: Vec<(u32, u32)>,
        rules: Vec<u32>,
        root: u32,
    ) -> Result<Grammar, GrammarError> {
        let mut grammar = Grammar { elements, ranges, rules, root, rest: Vec::new() };
        grammar.measure();
        if grammar.shortest(root) >= FAR {
            return Err(GrammarError::Endless);
        }
        Ok(grammar)
    }

    /// The least number of characters of a rule.
    fn shortest(&self, rule: u32) -> u32 {
        let mut least = FAR;
        let mut at = self.rules[rule as usize] as usize;
        loop {
            least = least.min(self.rest[at]);
            while !matches!(self.elements[at], Element::Or | Element::End) {
                at += 1;
            }
            if self.elements[at] == Element::End {
                return least;
            }
            at += 1;
        }
    }

    /// Computes `rest` until nothing becomes shorter: at most once for each rule, and mostly a few times.
    fn measure(&mut self) {
        self.rest = alloc::vec![FAR; self.elements.len()];
        let mut shortest = alloc::vec![FAR; self.rules.len()];
        loop {
            for at in (0..self.elements.len()).rev() {
                let behind = self.rest.get(at + 1).copied().unwrap_or(0);
                self.rest[at] = match self.elements[at] {
                    Element::Or | Element::End => 0,
                    Element::Class { .. } => behind.saturating_add(1).min(FAR),
                    Element::Rule(rule) => behind.saturating_add(shortest[rule as usize]).min(FAR),
                };
            }
            let mut changed = false;
            for (rule, least) in shortest.iter_mut().enumerate() {
                let now = self.shortest(rule as u32);
                changed |= now < *least;
                *least = now;
            }
            if !changed {
                return;
            }
        }
    }

    /// The state before any text.
    pub fn start(&self) -> State {
        let mut open = Vec::new();
        self.push_rule(self.root, &[], &mut open);
        State { stacks: self.settle(open), partial: Partial::default() }
    }

    fn is_end(&self, at: usize) -> bool {
        matches!(self.elements[at], Element::Or | Element::End)
    }

    /// A stack without its top, and with what stands behind it: nothing at the end of an alternative, so that loops do not grow the stack.
    fn behind(&self, stack: &[u32]) -> Stack {
        let Some((&top, below)) = stack.split_last() else { return Stack::new() };
        let mut next = Vec::with_capacity(below.len() + 3);
        next.extend_from_slice(below);
        if !self.is_end(top as usize + 1) {
            next.push(top + 1);
        }
        next
    }

    /// Opens rules on top of stacks until each has a class there, or is empty.
    fn settle(&self, mut open: Vec<Stack>) -> Vec<Stack> {
        let mut settled = Vec::new();
        while let Some(stack) = open.pop() {
            match stack.last().map(|&top| self.elements[top as usize]) {
                Some(Element::Rule(rule)) => self.push_rule(rule, &self.behind(&stack), &mut open),
                _ => add(stack, &mut settled),
            }
            // Only a grammar with very many ways to read one text comes here.
            if open.len() > 4 * GRAMMAR_STACKS_MAX {
                open.truncate(GRAMMAR_STACKS_MAX);
            }
        }
        settled
    }

    /// Each alternative of a rule on top of a stack.
    fn push_rule(&self, rule: u32, below: &[u32], open: &mut Vec<Stack>) {
        if below.len() >= GRAMMAR_STACK_MAX {
            return;
        }
        let mut at = self.rules[rule as usize] as usize;
        loop {
            let mut stack = Vec::with_capacity(below.len() + 3);
            stack.extend_from_slice(below);
            if !self.is_end(at) {
                stack.push(at as u32);
            }
            open.push(stack);
            while !self.is_end(at) {
                at += 1;
            }
            if self.elements[at] == Element::End {
                return;
            }
            at += 1;
        }
    }

    /// Whether a class has a character between two.
    fn has(&self, element: Element, low: u32, high: u32) -> bool {
        let Element::Class { begin, end, negated } = element else { return false };
        let ranges = &self.ranges[begin as usize..end as usize];
        if !negated {
            return ranges.iter().any(|&(first, last)| first <= high && low <= last);
        }
        if low == high {
            return !ranges.iter().any(|&(first, last)| (first..=last).contains(&low));
        }
        // Ranges of a class are sorted: is something left between them?
        let mut next = low;
        for &(first, last) in ranges {
            if first > next {
                return true;
            }
            next = next.max(last.saturating_add(1));
        }
        next <= high
    }

    /// Takes one character.
    fn take_char(&self, stacks: &[Stack], character: u32) -> Vec<Stack> {
        let fits = |stack: &&Stack| {
            stack.last().is_some_and(|&top| self.has(self.elements[top as usize], character, character))
        };
        self.settle(stacks.iter().filter(fits).map(|stack| self.behind(stack)).collect())
    }

    /// Takes one byte; `None` if no text goes on so.
    pub fn take(&self, state: &State, byte: u8) -> Option<State> {
        let partial = state.partial;
        if partial.missing == 0 {
            let (bits, missing) = match byte {
                0..=0x7f => {
                    let stacks = self.take_char(&state.stacks, u32::from(byte));
                    return (!stacks.is_empty()).then_some(State { stacks, partial: Partial::default() });
                }
                0xc2..=0xdf => (u32::from(byte & 0x1f), 1),
                0xe0..=0xef => (u32::from(byte & 0x0f), 2),
                0xf0..=0xf4 => (u32::from(byte & 0x07), 3),
                _ => return None,
            };
            let partial = Partial { bits, missing, len: missing + 1 };
            return self.possible(state, partial);
        }
        if !(0x80..=0xbf).contains(&byte) {
            return None;
        }
        let bits = partial.bits << 6 | u32::from(byte & 0x3f);
        let next = Partial { bits, missing: partial.missing - 1, len: partial.len };
        if next.missing > 0 {
            return self.possible(state, next);
        }
        let least = [0, 0, 0x80, 0x800, 0x1_0000][usize::from(partial.len)];
        if bits < least || char::from_u32(bits).is_none() {
            return None;
        }
        let stacks = self.take_char(&state.stacks, bits);
        (!stacks.is_empty()).then_some(State { stacks, partial: Partial::default() })
    }

    /// The state behind a part of a character, if some character that begins so is possible.
    fn possible(&self, state: &State, partial: Partial) -> Option<State> {
        let shift = 6 * u32::from(partial.missing);
        let least = [0, 0, 0x80, 0x800, 0x1_0000][usize::from(partial.len)];
        let low = (partial.bits << shift).max(least);
        let high = ((partial.bits << shift) | ((1 << shift) - 1)).min(LAST_CHAR);
        if low > high {
            return None;
        }
        let fits = |stack: &&Stack| {
            stack.last().is_some_and(|&top| self.has(self.elements[top as usize], low, high))
        };
        let stacks: Vec<Stack> = state.stacks.iter().filter(fits).cloned().collect();
        (!stacks.is_empty()).then_some(State { stacks, partial })
    }

    /// Takes a text; `None` if no text of the grammar begins so.
    pub fn take_all(&self, state: &State, bytes: &[u8]) -> Option<State> {
        let mut state = state.clone();
        for &byte in bytes {
            state = self.take(&state, byte)?;
        }
        Some(state)
    }

    /// The least number of characters that complete the text.
    pub fn distance(&self, state: &State) -> u32 {
        let of =
            |stack: &Stack| stack.iter().fold(0u32, |sum, &at| sum.saturating_add(self.rest[at as usize]));
        let least = state.stacks.iter().map(of).min().unwrap_or(FAR);
        least + u32::from(state.partial.missing)
    }
}

impl State {
    /// Whether the text is complete as it is.
    pub fn is_complete(&self) -> bool {
        self.partial.missing == 0 && self.stacks.iter().any(Vec::is_empty)
    }

    /// Whether nothing may follow.
    pub fn is_final(&self) -> bool {
        self.stacks.iter().all(Vec::is_empty)
    }
}

/// Adds a stack that is not there yet.
fn add(stack: Stack, to: &mut Vec<Stack>) {
    if to.len() < GRAMMAR_STACKS_MAX && !to.contains(&stack) {
        to.push(stack);
    }
}

/// Names of rules to numbers.
type Names = BTreeMap<String, u32>;
