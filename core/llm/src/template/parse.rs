//! From words to operations. Blocks stand on an explicit stack; expressions go down a bounded number of levels.

use alloc::string::String;
use alloc::vec::Vec;

use super::lex::{Piece, Word, pieces};
use super::value::Value;
use super::{Arguments, Binary, Macro, Op, Template, TemplateError};
use crate::limits::{TEMPLATE_DEPTH_MAX, TEMPLATE_LEN_MAX};

/// A block that is open.
enum Block {
    If { pending: Option<usize>, ends: Vec<usize> },
    For { next: usize, breaks: Vec<usize> },
    ForElse { end: usize },
    Set { name: String },
    Filter { name: String, arguments: Arguments, extra: Vec<Op> },
    Macro { name: String, index: usize, skip: usize },
    Generation,
}

struct Compiler {
    words: Vec<(Word, usize)>,
    at: usize,
    /// Where the block ends, for errors.
    end: usize,
    ops: Vec<Op>,
    places: Vec<u32>,
    macros: Vec<Macro>,
    depth: usize,
}

type Done = Result<(), TemplateError>;

pub(super) fn parse(text: &str) -> Result<Template, TemplateError> {
    if text.len() > TEMPLATE_LEN_MAX {
        return Err(TemplateError::Limit { what: "bytes", max: TEMPLATE_LEN_MAX });
    }
    let mut compiler = Compiler {
        words: Vec::new(),
        at: 0,
        end: 0,
        ops: Vec::new(),
        places: Vec::new(),
        macros: Vec::new(),
        depth: 0,
    };
    let mut open = Vec::new();
    for piece in pieces(text)? {
        match piece {
            Piece::Text(begin, end) => compiler.put_at(begin, Op::Text(begin as u32, end as u32)),
            Piece::Print(words) => {
                compiler.start(words);
                compiler.expression()?;
                compiler.finish()?;
                compiler.put(Op::Emit);
            }
            Piece::Block(words) => {
                compiler.start(words);
                compiler.block(&mut open)?;
                compiler.finish()?;
            }
        }
        if open.len() > TEMPLATE_DEPTH_MAX {
            return Err(TemplateError::Limit { what: "blocks in blocks", max: TEMPLATE_DEPTH_MAX });
        }
    }
    if !open.is_empty() {
        return Err(TemplateError::Syntax { at: text.len(), wanted: "the end of a block" });
    }
    Ok(Template {
        text: String::from(text),
        ops: compiler.ops,
        places: compiler.places,
        macros: compiler.macros,
    })
}

impl Compiler {
    fn start(&mut self, words: Vec<(Word, usize)>) {
        self.end = words.last().map_or(self.end, |(_, at)| *at);
        (self.words, self.at) = (words, 0);
    }

    fn finish(&self) -> Done {
        if self.at < self.words.len() { self.wrong("the end of the block") } else { Ok(()) }
    }

    fn place(&self) -> usize {
        self.words.get(self.at).map_or(self.end, |(_, at)| *at)
    }

    fn wrong<T>(&self, wanted: &'static str) -> Result<T, TemplateError> {
        Err(TemplateError::Syntax { at: self.place(), wanted })
    }

    fn put(&mut self, op: Op) {
        let at = self.words.get(self.at.saturating_sub(1)).map_or(self.end, |(_, at)| *at);
        self.put_at(at, op);
    }

    fn put_at(&mut self, at: usize, op: Op) {
        self.ops.push(op);
        self.places.push(at as u32);
    }

    /// Puts a jump whose target is not known yet.
    fn jump(&mut self, op: Op) -> usize {
        self.put(op);
        self.ops.len() - 1
    }

    /// Lets a jump go to what comes next.
    fn land(&mut self, at: usize) {
        let here = self.ops.len();
        match &mut self.ops[at] {
            Op::Jump(to)
            | Op::JumpIfFalse(to)
            | Op::JumpIfFalseElsePop(to)
            | Op::JumpIfTrueElsePop(to)
            | Op::Next(_, to)
            | Op::End(Some(to)) => *to = here,
            _ => {}
        }
    }

    fn peek(&self) -> Option<&Word> {
        self.words.get(self.at).map(|(word, _)| word)
    }

    fn takes(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Some(Word::Sign(found)) if *found == sign);
        self.at += usize::from(found);
        found
    }

    fn takes_name(&mut self, name: &str) -> bool {
        if matches!(self.peek(), Some(Word::Name(found)) if found == name) {
            self.at += 1;
            return true;
        }
        false
    }

    fn wants(&mut self, sign: &'static str) -> Done {
        if self.takes(sign) { Ok(()) } else { self.wrong(sign) }
    }

    fn name(&mut self) -> Result<String, TemplateError> {
        match self.peek() {
            Some(Word::Name(name)) => {
                let name = name.clone();
                self.at += 1;
                Ok(name)
            }
            _ => self.wrong("a name"),
        }
    }

    fn block(&mut self, open: &mut Vec<Block>) -> Done {
        let begun = self.place();
        let word = self.name()?;
        match word.as_str() {
            "if" => {
                self.expression()?;
                let pending = self.jump(Op::JumpIfFalse(0));
                open.push(Block::If { pending: Some(pending), ends: Vec::new() });
            }
            "elif" | "else" => self.other(word == "else", open)?,
            "endif" => match open.pop() {
                Some(Block::If { pending, ends }) => {
                    pending.into_iter().chain(ends).for_each(|at| self.land(at))
                }
                _ => return self.wrong("an `if` before this"),
            },
            "for" => self.begin_for(open)?,
            "endfor" => match open.pop() {
                Some(Block::For { next, breaks }) => self.end_for(next, breaks, None),
                Some(Block::ForElse { end }) => self.land(end),
                _ => return self.wrong("a `for` before this"),
            },
            "break" | "continue" => {
                let depth = open.iter().rposition(|block| matches!(block, Block::For { .. }));
                let Some(depth) = depth else { return self.wrong("a loop around this") };
                if open[depth..].iter().any(|block| {
                    matches!(block, Block::Set { .. } | Block::Filter { .. } | Block::Macro { .. })
                }) {
                    return Err(TemplateError::Unsupported {
                        at: begun,
                        what: "leaving a block within a loop",
                    });
                }
                let jump = self.jump(Op::Jump(0));
                if let Block::For { next, breaks } = &mut open[depth] {
                    if word == "break" { breaks.push(jump) } else { self.ops[jump] = Op::Jump(*next) }
                }
            }
            "set" => self.set(open)?,
            "endset" => match open.pop() {
                Some(Block::Set { name }) => {
                    self.put(Op::Release);
                    self.put(Op::Store(name));
                }
                _ => return self.wrong("a `set` before this"),
            },
            "filter" => {
                let name = self.name()?;
                let from = self.ops.len();
                let arguments = if self.takes("(") { self.arguments()? } else { Arguments::default() };
                let extra = self.ops.split_off(from);
                self.places.truncate(from);
                self.put(Op::Capture);
                open.push(Block::Filter { name, arguments, extra });
            }
            "endfilter" => match open.pop() {
                Some(Block::Filter { name, arguments, extra }) => {
                    self.put(Op::Release);
                    extra.into_iter().for_each(|op| self.put(op));
                    self.put(Op::Filter(name, arguments));
                    self.put(Op::Emit);
                }
                _ => return self.wrong("a `filter` before this"),
            },
            "macro" => self.begin_macro(open)?,
            "endmacro" => match open.pop() {
                Some(Block::Macro { name, index, skip }) => {
                    self.put(Op::Return);
                    self.land(skip);
                    self.put(Op::Const(Value::Macro(index)));
                    self.put(Op::Store(name));
                }
                _ => return self.wrong("a `macro` before this"),
            },
            "generation" => open.push(Block::Generation),
            "endgeneration" => match open.pop() {
                Some(Block::Generation) => {}
                _ => return self.wrong("a `generation` before this"),
            },
            _ => return Err(TemplateError::Unsupported { at: begun, what: "this kind of block" }),
        }
        Ok(())
    }

    /// `elif` or `else`.
    fn other(&mut self, is_else: bool, open: &mut Vec<Block>) -> Done {
        match open.pop() {
            Some(Block::If { pending: Some(pending), mut ends }) => {
                ends.push(self.jump(Op::Jump(0)));
                self.land(pending);
                let pending = if is_else {
                    None
                } else {
                    self.expression()?;
                    Some(self.jump(Op::JumpIfFalse(0)))
                };
                open.push(Block::If { pending, ends });
                Ok(())
            }
            Some(Block::For { next, breaks }) if is_else => {
                self.end_for(next, breaks, Some(0));
                open.push(Block::ForElse { end: self.ops.len() - 1 });
                Ok(())
            }
            _ => self.wrong("an `if` or `for` before this"),
        }
    }

    fn begin_for(&mut self, open: &mut Vec<Block>) -> Done {
        let mut names = Vec::from([self.name()?]);
        while self.takes(",") {
            names.push(self.name()?);
        }
        if !self.takes_name("in") {
            return self.wrong("`in`");
        }
        self.either()?;
        if self.takes_name("if") {
            self.put(Op::Begin);
            let next = self.jump(Op::Next(names.clone(), 0));
            self.expression()?;
            self.put(Op::Collect);
            self.put(Op::Jump(next));
            self.land(next);
            self.put(Op::EndCollect);
        }
        self.put(Op::Begin);
        let next = self.jump(Op::Next(names, 0));
        open.push(Block::For { next, breaks: Vec::new() });
        Ok(())
    }

    fn end_for(&mut self, next: usize, breaks: Vec<usize>, or_else: Option<usize>) {
        self.put(Op::Jump(next));
        self.land(next);
        breaks.into_iter().for_each(|at| self.land(at));
        self.put(Op::End(or_else));
    }

    fn set(&mut self, open: &mut Vec<Block>) -> Done {
        let name = self.name()?;
        if self.takes(".") {
            let attribute = self.name()?;
            self.wants("=")?;
            self.put(Op::Load(name));
            self.expression()?;
            self.put(Op::StoreAttribute(attribute));
        } else if self.takes("=") {
            self.expression()?;
            self.put(Op::Store(name));
        } else {
            self.put(Op::Capture);
            open.push(Block::Set { name });
        }
        Ok(())
    }

    fn begin_macro(&mut self, open: &mut Vec<Block>) -> Done {
        let name = self.name()?;
        self.wants("(")?;
        let mut parameters = Vec::new();
        while !self.takes(")") {
            let parameter = self.name()?;
            let default = if self.takes("=") {
                let from = self.ops.len();
                let at = self.place();
                self.expression()?;
                let ops = self.ops.split_off(from);
                self.places.truncate(from);
                match ops.as_slice() {
                    [Op::Const(value)] => Some(value.clone()),
                    _ => return Err(TemplateError::Unsupported { at, what: "a default that is computed" }),
                }
            } else {
                None
            };
            parameters.push((parameter, default));
            if !self.takes(",") && !matches!(self.peek(), Some(Word::Sign(")"))) {
                return self.wrong("`,` or `)`");
            }
        }
        let skip = self.jump(Op::Jump(0));
        let index = self.macros.len();
        self.macros.push(Macro { parameters, body: self.ops.len() });
        open.push(Block::Macro { name, index, skip });
        Ok(())
    }

    /// Goes one level down.
    fn deeper(&mut self, inner: fn(&mut Self) -> Done) -> Done {
        self.depth += 1;
        if self.depth > TEMPLATE_DEPTH_MAX {
            return Err(TemplateError::Limit { what: "expressions in expressions", max: TEMPLATE_DEPTH_MAX });
        }
        inner(self)?;
        self.depth -= 1;
        Ok(())
    }

    /// `a if b else c`
    fn expression(&mut self) -> Done {
        self.deeper(|this| {
            let from = this.ops.len();
            this.either()?;
            if !this.takes_name("if") {
                return Ok(());
            }
            let (first, places) = (this.ops.split_off(from), this.places.split_off(from));
            this.either()?;
            let no = this.jump(Op::JumpIfFalse(0));
            let moved = this.ops.len() - from;
            for (mut op, place) in first.into_iter().zip(places) {
                if let Op::Jump(to)
                | Op::JumpIfFalse(to)
                | Op::JumpIfFalseElsePop(to)
                | Op::JumpIfTrueElsePop(to) = &mut op
                {
                    *to += moved;
                }
                this.put_at(place as usize, op);
            }
            let end = this.jump(Op::Jump(0));
            this.land(no);
            if this.takes_name("else") {
                this.expression()?;
            } else {
                this.put(Op::Const(Value::Undefined));
            }
            this.land(end);
            Ok(())
        })
    }

    fn either(&mut self) -> Done {
        self.both()?;
        while self.takes_name("or") {
            let end = self.jump(Op::JumpIfTrueElsePop(0));
            self.both()?;
            self.land(end);
        }
        Ok(())
    }

    fn both(&mut self) -> Done {
        self.negation()?;
        while self.takes_name("and") {
            let end = self.jump(Op::JumpIfFalseElsePop(0));
            self.negation()?;
            self.land(end);
        }
        Ok(())
    }

    fn negation(&mut self) -> Done {
        let mut count = 0;
        while self.takes_name("not") {
            count += 1;
        }
        self.comparison()?;
        (0..count).for_each(|_| self.put(Op::Not));
        Ok(())
    }

    fn comparison(&mut self) -> Done {
        self.sum()?;
        loop {
            let op = if self.takes("==") {
                Binary::Equal
            } else if self.takes("!=") {
                Binary::NotEqual
            } else if self.takes("<=") {
                Binary::LessEqual
            } else if self.takes(">=") {
                Binary::GreaterEqual
            } else if self.takes("<") {
                Binary::Less
            } else if self.takes(">") {
                Binary::Greater
            } else if self.takes_name("in") {
                Binary::In
            } else if matches!(self.peek(), Some(Word::Name(name)) if name == "not")
                && matches!(self.words.get(self.at + 1), Some((Word::Name(name), _)) if name == "in")
            {
                self.at += 2;
                Binary::NotIn
            } else {
                return Ok(());
            };
            self.sum()?;
            self.put(Op::Binary(op));
        }
    }

    /// Operators of one level.
    fn chain(&mut self, signs: &[(&'static str, Binary)], inner: fn(&mut Self) -> Done) -> Done {
        inner(self)?;
        'more: loop {
            for (sign, op) in signs {
                if self.takes(sign) {
                    inner(self)?;
                    self.put(Op::Binary(*op));
                    continue 'more;
                }
            }
            return Ok(());
        }
    }

    fn sum(&mut self) -> Done {
        self.chain(&[("+", Binary::Add), ("-", Binary::Subtract)], |this| {
            this.chain(&[("~", Binary::Concat)], |this| {
                let signs = [
                    ("*", Binary::Multiply),
                    ("//", Binary::FloorDivide),
                    ("/", Binary::Divide),
                    ("%", Binary::Modulo),
                ];
                this.chain(&signs, |this| this.chain(&[("**", Binary::Power)], Self::unary))
            })
        })
    }

    fn unary(&mut self) -> Done {
        let mut negative = false;
        loop {
            if self.takes("-") {
                negative = !negative;
            } else if !self.takes("+") {
                break;
            }
        }
        self.deeper(Self::primary)?;
        if negative {
            self.put(Op::Negate);
        }
        Ok(())
    }

    /// A value with all that follows it.
    fn primary(&mut self) -> Done {
        self.atom()?;
        loop {
            if self.takes(".") {
                match self.peek() {
                    Some(Word::Int(n)) => {
                        let n = *n;
                        self.at += 1;
                        self.put(Op::Const(Value::Int(n)));
                        self.put(Op::Index);
                    }
                    _ => {
                        let name = self.name()?;
                        if self.takes("(") {
                            let arguments = self.arguments()?;
                            self.put(Op::Method(name, arguments));
                        } else {
                            self.put(Op::Attribute(name));
                        }
                    }
                }
            } else if self.takes("[") {
                self.subscript()?;
            } else if self.takes("(") {
                let arguments = self.arguments()?;
                self.put(Op::Call(arguments));
            } else if self.takes("|") {
                let name = self.name()?;
                let arguments = if self.takes("(") { self.arguments()? } else { Arguments::default() };
                self.put(Op::Filter(name, arguments));
            } else if self.takes_name("is") {
                let negated = self.takes_name("not");
                let name = self.name()?;
                let count = self.test_arguments()?;
                self.put(Op::Test(name, count));
                if negated {
                    self.put(Op::Not);
                }
            } else {
                return Ok(());
            }
        }
    }

    /// A test may have an argument without brackets.
    fn test_arguments(&mut self) -> Result<usize, TemplateError> {
        if self.takes("(") {
            let at = self.place();
            let arguments = self.arguments()?;
            if !arguments.names.is_empty() {
                return Err(TemplateError::Unsupported { at, what: "a named argument of a test" });
            }
            return Ok(arguments.count);
        }
        const BEHIND: [&str; 7] = ["and", "or", "if", "else", "not", "in", "is"];
        let begins = match self.peek() {
            Some(Word::Text(_) | Word::Int(_) | Word::Float(_)) => true,
            Some(Word::Name(name)) => !BEHIND.contains(&name.as_str()),
            _ => false,
        };
        if begins {
            self.deeper(Self::atom)?;
        }
        Ok(usize::from(begins))
    }

    fn subscript(&mut self) -> Done {
        let mut parts = 0;
        let mut slice = false;
        loop {
            if self.takes(":") {
                if parts == 0 {
                    self.put(Op::Const(Value::None));
                    parts = 1;
                }
                slice = true;
                if matches!(self.peek(), Some(Word::Sign(":" | "]"))) {
                    self.put(Op::Const(Value::None));
                } else {
                    self.expression()?;
                }
                parts += 1;
            } else if self.takes("]") {
                break;
            } else if parts == 0 {
                self.expression()?;
                parts = 1;
            } else {
                return self.wrong("`]`");
            }
        }
        match (slice, parts) {
            (false, 1) => self.put(Op::Index),
            (true, 2) => {
                self.put(Op::Const(Value::None));
                self.put(Op::Slice);
            }
            (true, 3) => self.put(Op::Slice),
            _ => return self.wrong("an index"),
        }
        Ok(())
    }

    fn arguments(&mut self) -> Result<Arguments, TemplateError> {
        let mut arguments = Arguments::default();
        while !self.takes(")") {
            let named = matches!(self.words.get(self.at + 1), Some((Word::Sign("="), _)));
            if named {
                arguments.names.push(self.name()?);
                self.at += 1;
            } else if !arguments.names.is_empty() {
                return self.wrong("a name of an argument");
            } else {
                arguments.count += 1;
            }
            self.expression()?;
            if !self.takes(",") && !matches!(self.peek(), Some(Word::Sign(")"))) {
                return self.wrong("`,` or `)`");
            }
        }
        Ok(arguments)
    }

    fn atom(&mut self) -> Done {
        let Some(word) = self.peek().cloned() else { return self.wrong("an expression") };
        match word {
            Word::Text(mut text) => {
                self.at += 1;
                // Texts side by side are one.
                while let Some(Word::Text(more)) = self.peek() {
                    text.push_str(&more.clone());
                    self.at += 1;
                }
                self.put(Op::Const(Value::text(&text)));
            }
            Word::Int(n) => {
                self.at += 1;
                self.put(Op::Const(Value::Int(n)));
            }
            Word::Float(x) => {
                self.at += 1;
                self.put(Op::Const(Value::Float(x)));
            }
            Word::Name(name) => {
                self.at += 1;
                self.put(match name.as_str() {
                    "true" | "True" => Op::Const(Value::Bool(true)),
                    "false" | "False" => Op::Const(Value::Bool(false)),
                    "none" | "None" => Op::Const(Value::None),
                    _ => Op::Load(name),
                });
            }
            Word::Sign("(") => {
                self.at += 1;
                self.items(")", true)?;
            }
            Word::Sign("[") => {
                self.at += 1;
                self.items("]", false)?;
            }
            Word::Sign("{") => {
                self.at += 1;
                let mut count = 0;
                while !self.takes("}") {
                    self.expression()?;
                    self.wants(":")?;
                    self.expression()?;
                    count += 1;
                    if !self.takes(",") && !matches!(self.peek(), Some(Word::Sign("}"))) {
                        return self.wrong("`,` or `}`");
                    }
                }
                self.put(Op::Dictionary(count));
            }
            Word::Sign(_) => return self.wrong("an expression"),
        }
        Ok(())
    }

    /// What stands in brackets: one expression, or a list.
    fn items(&mut self, close: &'static str, may_be_one: bool) -> Done {
        let (mut count, mut comma) = (0, false);
        while !self.takes(close) {
            self.expression()?;
            count += 1;
            if self.takes(",") {
                comma = true;
            } else if !matches!(self.peek(), Some(Word::Sign(sign)) if *sign == close) {
                return self.wrong(close);
            }
        }
        if !may_be_one || count != 1 || comma {
            self.put(Op::List(count));
        }
        Ok(())
    }
}
