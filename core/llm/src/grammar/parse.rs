//! From the text of a grammar to its elements. Groups and repetitions become rules of their own.

use alloc::string::String;
use alloc::vec::Vec;

use super::{Element, Grammar, GrammarError, LAST_CHAR, Names};
use crate::limits::{GRAMMAR_DEPTH_MAX, GRAMMAR_ELEMENTS_MAX, GRAMMAR_LEN_MAX, GRAMMAR_REPEAT_MAX};

/// A rule while it is read.
#[derive(Default)]
struct Rule {
    elements: Vec<Element>,
    /// Where it is defined.
    defined: Option<usize>,
    /// Where it is used first.
    used: usize,
}

struct Parser<'t> {
    text: &'t [u8],
    at: usize,
    names: Names,
    rules: Vec<Rule>,
    ranges: Vec<(u32, u32)>,
    count: usize,
}

/// A rule or a group that is open.
struct Open {
    rule: u32,
    elements: Vec<Element>,
    /// Where the last item begins, to which a repetition belongs.
    item: usize,
}

pub(super) fn parse(text: &str) -> Result<Grammar, GrammarError> {
    if text.len() > GRAMMAR_LEN_MAX {
        return Err(GrammarError::Limit { what: "bytes of a grammar", max: GRAMMAR_LEN_MAX });
    }
    let mut parser = Parser {
        text: text.as_bytes(),
        at: 0,
        names: Names::new(),
        rules: Vec::new(),
        ranges: Vec::new(),
        count: 0,
    };
    parser.skip(true);
    while parser.at < parser.text.len() {
        parser.rule()?;
        parser.skip(true);
    }
    parser.finish()
}

impl Parser<'_> {
    fn invalid<T>(&self, wanted: &'static str) -> Result<T, GrammarError> {
        Err(GrammarError::Invalid { at: self.at, wanted })
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn takes(&mut self, word: &[u8]) -> bool {
        if self.text[self.at..].starts_with(word) {
            self.at += word.len();
            return true;
        }
        false
    }

    /// Blanks and comments, and ends of lines where they mean nothing.
    fn skip(&mut self, lines: bool) {
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' => self.at += 1,
                b'\n' | b'\r' if lines => self.at += 1,
                b'#' => {
                    while self.peek().is_some_and(|byte| byte != b'\n' && byte != b'\r') {
                        self.at += 1;
                    }
                }
                _ => return,
            }
        }
    }

    fn name(&mut self) -> Result<String, GrammarError> {
        let begin = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_') {
            self.at += 1;
        }
        match core::str::from_utf8(&self.text[begin..self.at]) {
            Ok(name) if !name.is_empty() => Ok(String::from(name)),
            _ => self.invalid("a name"),
        }
    }

    fn number_of(&mut self, name: String, at: usize) -> u32 {
        let next = self.rules.len() as u32;
        let number = *self.names.entry(name).or_insert(next);
        if number == next {
            self.rules.push(Rule { used: at, ..Rule::default() });
        }
        number
    }

    fn anonymous(&mut self) -> u32 {
        self.rules.push(Rule { defined: Some(self.at), used: self.at, ..Rule::default() });
        self.rules.len() as u32 - 1
    }

    fn rule(&mut self) -> Result<(), GrammarError> {
        let at = self.at;
        let name = self.name()?;
        let rule = self.number_of(name, at);
        if self.rules[rule as usize].defined.replace(at).is_some() {
            return Err(GrammarError::Twice { at });
        }
        self.skip(false);
        if !self.takes(b"::=") {
            return self.invalid("`::=`");
        }
        self.skip(true);
        self.alternatives(rule)
    }

    /// What stands behind `::=`, groups on an explicit stack.
    fn alternatives(&mut self, rule: u32) -> Result<(), GrammarError> {
        let mut open = Vec::from([Open { rule, elements: Vec::new(), item: 0 }]);
        loop {
            let depth = open.len();
            let Some(now) = open.last_mut() else { return Ok(()) };
            match self.peek() {
                Some(b'|') => {
                    self.at += 1;
                    now.elements.push(Element::Or);
                    now.item = now.elements.len();
                    self.skip(true);
                }
                Some(b'(') => {
                    self.at += 1;
                    if depth > GRAMMAR_DEPTH_MAX {
                        return Err(GrammarError::Limit { what: "groups in groups", max: GRAMMAR_DEPTH_MAX });
                    }
                    let rule = self.anonymous();
                    open.push(Open { rule, elements: Vec::new(), item: 0 });
                    self.skip(true);
                }
                Some(b')') if depth > 1 => {
                    self.at += 1;
                    let group = open.pop().expect("there is a group");
                    let rule = group.rule;
                    self.close(group)?;
                    let outer = open.last_mut().expect("a group stands in something");
                    outer.item = outer.elements.len();
                    outer.elements.push(Element::Rule(rule));
                    self.repeat(outer)?;
                    self.skip(depth > 2);
                }
                Some(b'\n' | b'\r') if depth > 1 => self.skip(true),
                None | Some(b'\n' | b'\r') => {
                    if depth > 1 {
                        return self.invalid("`)`");
                    }
                    let rule = open.pop().expect("the rule itself");
                    return self.close(rule);
                }
                Some(_) => {
                    now.item = now.elements.len();
                    self.item(now)?;
                    self.repeat(now)?;
                    self.skip(depth > 1);
                }
            }
        }
    }

    fn close(&mut self, mut open: Open) -> Result<(), GrammarError> {
        open.elements.push(Element::End);
        self.define(open.rule, open.elements)
    }

    fn define(&mut self, rule: u32, elements: Vec<Element>) -> Result<(), GrammarError> {
        self.count += elements.len();
        if self.count > GRAMMAR_ELEMENTS_MAX {
            return Err(GrammarError::Limit { what: "elements of a grammar", max: GRAMMAR_ELEMENTS_MAX });
        }
        self.rules[rule as usize].elements = elements;
        Ok(())
    }

    /// A text, a class, any character, or a rule's name.
    fn item(&mut self, now: &mut Open) -> Result<(), GrammarError> {
        match self.peek() {
            Some(b'"') => {
                self.at += 1;
                while !self.takes(b"\"") {
                    let character = self.character()?;
                    now.elements.push(self.class(&mut [(character, character)], false));
                }
                Ok(())
            }
            Some(b'[') => {
                self.at += 1;
                let negated = self.takes(b"^");
                let mut ranges = Vec::new();
                while !self.takes(b"]") {
                    let first = self.character()?;
                    // A hyphen at the end is one.
                    let is_range = self.peek() == Some(b'-') && self.text.get(self.at + 1) != Some(&b']');
                    let last = if is_range {
                        self.at += 1;
                        self.character()?
                    } else {
                        first
                    };
                    if last < first {
                        return self.invalid("a range that ascends");
                    }
                    ranges.push((first, last));
                }
                now.elements.push(self.class(&mut ranges, negated));
                Ok(())
            }
            Some(b'.') => {
                self.at += 1;
                now.elements.push(self.class(&mut [], true));
                Ok(())
            }
            _ => {
                let at = self.at;
                let name = self.name()?;
                now.elements.push(Element::Rule(self.number_of(name, at)));
                Ok(())
            }
        }
    }

    fn class(&mut self, ranges: &mut [(u32, u32)], negated: bool) -> Element {
        ranges.sort_unstable();
        let begin = self.ranges.len() as u32;
        self.ranges.extend_from_slice(ranges);
        Element::Class { begin, end: self.ranges.len() as u32, negated }
    }

    /// One character, escaped or not.
    fn character(&mut self) -> Result<u32, GrammarError> {
        if self.takes(b"\\") {
            let Some(letter) = self.peek() else { return self.invalid("an escape") };
            self.at += 1;
            return match letter {
                b'x' => self.hexadecimal(2),
                b'u' => self.hexadecimal(4),
                b'U' => self.hexadecimal(8),
                b't' => Ok(9),
                b'n' => Ok(10),
                b'r' => Ok(13),
                b'\\' | b'"' | b'[' | b']' | b'-' | b'^' | b'/' | b'.' => Ok(u32::from(letter)),
                _ => self.invalid("one of the escapes"),
            };
        }
        let rest = core::str::from_utf8(&self.text[self.at..]).ok().and_then(|rest| rest.chars().next());
        match rest {
            Some(character) if character != '\n' && character != '\r' => {
                self.at += character.len_utf8();
                Ok(u32::from(character))
            }
            _ => self.invalid("a character, or the end of the text or class"),
        }
    }

    fn hexadecimal(&mut self, digits: usize) -> Result<u32, GrammarError> {
        let text = self.text.get(self.at..self.at + digits).and_then(|text| core::str::from_utf8(text).ok());
        let number = text.and_then(|text| u32::from_str_radix(text, 16).ok()).filter(|&n| n <= LAST_CHAR);
        self.at += digits;
        number.map_or_else(|| self.invalid("hexadecimal digits of a character"), Ok)
    }

    /// `*`, `+`, `?`, `{m}`, `{m,}` or `{m,n}` behind the last item.
    fn repeat(&mut self, now: &mut Open) -> Result<(), GrammarError> {
        self.skip(false);
        let (least, most) = match self.peek() {
            Some(b'*') => (0, None),
            Some(b'+') => (1, None),
            Some(b'?') => (0, Some(1)),
            Some(b'{') => {
                self.at += 1;
                self.skip(true);
                let least = self.number()?;
                self.skip(true);
                let most = if self.takes(b",") {
                    self.skip(true);
                    if self.peek() == Some(b'}') { None } else { Some(self.number()?) }
                } else {
                    Some(least)
                };
                self.skip(true);
                if self.peek() != Some(b'}') || most.is_some_and(|most| most < least) {
                    return self.invalid("`}` behind numbers that ascend");
                }
                (least, most)
            }
            _ => return Ok(()),
        };
        self.at += 1;
        if now.item == now.elements.len() {
            return self.invalid("something to repeat before this");
        }
        self.repeated(now, least, most)
    }

    /// So many copies of the last item, then a rule for what may follow.
    fn repeated(&mut self, now: &mut Open, least: u32, most: Option<u32>) -> Result<(), GrammarError> {
        let mut item: Vec<Element> = now.elements.split_off(now.item);
        if item.len() > 1 {
            // Several characters stand together: one rule, not many copies.
            let rule = self.anonymous();
            item.push(Element::End);
            self.define(rule, core::mem::take(&mut item))?;
            item.push(Element::Rule(rule));
        }
        let one = item[0];
        let copies = least as usize;
        self.count += copies;
        if self.count > GRAMMAR_ELEMENTS_MAX {
            return Err(GrammarError::Limit { what: "elements of a grammar", max: GRAMMAR_ELEMENTS_MAX });
        }
        now.elements.extend(core::iter::repeat_n(one, copies));
        match most {
            None => {
                let more = self.anonymous();
                self.define(more, Vec::from([one, Element::Rule(more), Element::Or, Element::End]))?;
                now.elements.push(Element::Rule(more));
            }
            Some(most) => {
                // Each rule is one more and the next rule, or nothing.
                let mut inner = None;
                for _ in least..most {
                    let more = self.anonymous();
                    let mut elements = Vec::from([one]);
                    elements.extend(inner.map(Element::Rule));
                    elements.extend([Element::Or, Element::End]);
                    self.define(more, elements)?;
                    inner = Some(more);
                }
                now.elements.extend(inner.map(Element::Rule));
            }
        }
        Ok(())
    }

    fn number(&mut self) -> Result<u32, GrammarError> {
        let begin = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        let text = core::str::from_utf8(&self.text[begin..self.at]).unwrap_or_default();
        match text.parse() {
            Ok(number) if number <= GRAMMAR_REPEAT_MAX => Ok(number),
            Ok(_) => Err(GrammarError::Limit { what: "repetitions", max: GRAMMAR_REPEAT_MAX as usize }),
            Err(_) => self.invalid("a number"),
        }
    }

    fn finish(self) -> Result<Grammar, GrammarError> {
        if let Some(rule) = self.rules.iter().find(|rule| rule.defined.is_none()) {
            return Err(GrammarError::Undefined { at: rule.used });
        }
        let root = *self.names.get("root").ok_or(GrammarError::NoRoot)?;
        if let Some(at) = left_recursive(&self.rules) {
            return Err(GrammarError::LeftRecursive { at });
        }
        let (mut elements, mut begins) = (Vec::new(), Vec::new());
        for rule in self.rules {
            begins.push(elements.len() as u32);
            elements.extend(rule.elements);
        }
        Grammar::link(elements, self.ranges, begins, root)
    }
}

/// Which rules may be empty.
fn empty_rules(rules: &[Rule]) -> Vec<bool> {
    let mut empty = alloc::vec![false; rules.len()];
    loop {
        let mut changed = false;
        for (nth, rule) in rules.iter().enumerate() {
            let mut alternatives =
                rule.elements.split(|element| matches!(element, Element::Or | Element::End)).take(
                    rule.elements
                        .iter()
                        .filter(|element| matches!(element, Element::Or | Element::End))
                        .count(),
                );
            let may = alternatives.any(|alternative| {
                alternative
                    .iter()
                    .all(|element| matches!(element, Element::Rule(rule) if empty[*rule as usize]))
            });
            changed |= may && !empty[nth];
            empty[nth] |= may;
        }
        if !changed {
            return empty;
        }
    }
}

/// Where a rule is used that may begin with itself: a depth-first search over "may begin with".
fn left_recursive(rules: &[Rule]) -> Option<usize> {
    let empty = empty_rules(rules);
    let begins_with: Vec<Vec<u32>> = rules
        .iter()
        .map(|rule| {
            let (mut first, mut at_begin) = (Vec::new(), true);
            for element in &rule.elements {
                match element {
                    Element::Or | Element::End => at_begin = true,
                    Element::Rule(inner) if at_begin => {
                        first.push(*inner);
                        at_begin = empty[*inner as usize];
                    }
                    _ => at_begin = false,
                }
            }
            first
        })
        .collect();
    // 0: not seen, 1: on the path, 2: done.
    let mut seen = alloc::vec![0u8; rules.len()];
    for start in 0..rules.len() {
        if seen[start] != 0 {
            continue;
        }
        seen[start] = 1;
        let mut path = Vec::from([(start, 0)]);
        while let Some((rule, next)) = path.last_mut() {
            let (rule, edge) = (*rule, begins_with[*rule].get(*next).copied());
            *next += 1;
            match edge.map(|edge| (edge as usize, seen[edge as usize])) {
                Some((_, 1)) => return Some(rules[rule].used),
                Some((inner, 0)) => {
                    seen[inner] = 1;
                    path.push((inner, 0));
                }
                Some(_) => {}
                None => {
                    seen[rule] = 2;
                    path.pop();
                }
            }
        }
    }
    None
}
