//! SQL/XML: functions and XMLTABLE.
//!
//! Source: the `xml…` rules in gram.y, PostgreSQL 18.

use crate::grammar::machine::{F_B, F_C, Frame, Next, St, item};
use crate::grammar::types;
use crate::nodes::e;
use crate::parser::{NOWHERE, Parser, R, mk, put};
use crate::token::Kind;
use crate::tree::TextId;
use crate::version::Feature;

/// Values of `XmlStandaloneType`.
mod standalone {
    pub const YES: i32 = 0;
    pub const NO: i32 = 1;
    pub const NO_VALUE: i32 = 2;
    pub const OMITTED: i32 = 3;
}

/// What the frames of functions, of XMLTABLE and of its columns wait for.
pub(crate) mod step {
    /// The path of XMLEXISTS, the row of XMLTABLE.
    pub const PATH: u8 = 0;
    pub const DOCUMENT: u8 = 1;
    pub const FOREST: u8 = 2;
    pub const PARSE: u8 = 3;
    pub const PI: u8 = 4;
    pub const ROOT: u8 = 5;
    pub const ROOT_VERSION: u8 = 6;
    pub const SERIALIZE: u8 = 7;
    pub const SERIALIZE_AS: u8 = 8;
    pub const ATTRIBUTES: u8 = 9;
    pub const CONTENT: u8 = 10;
    pub const NAMESPACES: u8 = 11;
    pub const COLUMNS: u8 = 12;
    pub const TYPE: u8 = 13;
    pub const OPTION: u8 = 14;
    pub const NAMESPACE: u8 = 15;
    pub const DEFAULT_NAMESPACE: u8 = 16;
}

impl Parser<'_> {
    fn xml_expr(&mut self, op: u32, name: u32, named: u32, args: u32, first: u32) -> Next {
        let loc = self.loc_of(first as usize);
        Next::Oper(mk!(self, XmlExpr, first, {
            op: op, name: name, named_args: named, args: args, location: loc
        }))
    }

    /// An SQL/XML function; its word is the current token, `(` the next.
    pub(crate) fn xml_function(&mut self, kind: Kind) -> R<Next> {
        let frame = Frame::new(St::Xml, self.here(), 0, self.mark());
        let waits = |op| Frame { op, ..frame };
        self.at += 2;
        match kind {
            Kind::XMLELEMENT => self.xml_element(frame),
            Kind::XMLEXISTS => Ok(self.flagged_expr(waits(step::PATH), F_C)),
            Kind::XMLFOREST => self.items(waits(step::FOREST), item::XML_ATTRIBUTE),
            Kind::XMLPI => {
                self.expect(Kind::NAME)?;
                let name = self.col_label()?;
                let frame = Frame { b: name.0, ..waits(step::PI) };
                if self.eat(Kind::COMMA) { Ok(self.expr(frame)) } else { self.xml(frame, 0) }
            }
            Kind::XMLROOT => Ok(self.expr(waits(step::ROOT))),
            _ => {
                let op = if kind == Kind::XMLPARSE { step::PARSE } else { step::SERIALIZE };
                let option = self.document_or_content()?;
                Ok(self.flagged_expr(Frame { b: option, ..waits(op) }, 0))
            }
        }
    }

    /// A part of a function is complete.
    pub(crate) fn xml(&mut self, mut frame: Frame, value: u32) -> R<Next> {
        use e::XmlExprOp as x;
        let first = frame.a;
        match frame.op {
            step::PATH => {
                frame.b = value;
                self.xmlexists_argument(Frame { op: step::DOCUMENT, ..frame })
            }
            step::DOCUMENT => {
                self.xml_passing_mechanism()?;
                let args = self.list(&[frame.b, value]);
                self.expect(Kind::RPAREN)?;
                let loc = self.loc_of(first as usize);
                Ok(Next::Oper(self.sql_function("xmlexists", args, loc, first)))
            }
            step::FOREST => {
                self.expect(Kind::RPAREN)?;
                Ok(self.xml_expr(x::IS_XMLFOREST, 0, value, 0, first))
            }
            step::PARSE => self.xml_parse(frame, value),
            step::PI => {
                let args = if value == 0 { 0 } else { self.list(&[value]) };
                self.expect(Kind::RPAREN)?;
                Ok(self.xml_expr(x::IS_XMLPI, frame.b, 0, args, first))
            }
            step::ROOT => {
                self.expect_all(&[Kind::COMMA, Kind::VERSION])?;
                (frame.op, frame.b) = (step::ROOT_VERSION, value);
                if self.is(Kind::NO) && self.peek(1) == Kind::VALUE {
                    self.at += 2;
                    let none = self.null_const(NOWHERE);
                    return self.xml_root(frame, none);
                }
                Ok(self.expr(frame))
            }
            step::ROOT_VERSION => self.xml_root(frame, value),
            step::SERIALIZE => {
                self.expect(Kind::AS)?;
                (frame.op, frame.c) = (step::SERIALIZE_AS, value);
                self.push(frame);
                self.start_type(0)
            }
            step::SERIALIZE_AS => self.xml_serialize(frame, value),
            step::ATTRIBUTES => {
                self.expect(Kind::RPAREN)?;
                frame.c = value;
                self.xml_element_content(frame)
            }
            _ => {
                self.expect(Kind::RPAREN)?;
                Ok(self.xml_expr(x::IS_XMLELEMENT, frame.b, frame.c, value, first))
            }
        }
    }

    fn xml_element(&mut self, mut frame: Frame) -> R<Next> {
        self.expect(Kind::NAME)?;
        let name = self.col_label()?;
        (frame.b, frame.c) = (name.0, 0);
        // A word that is also a column: it is the clause only before a parenthesis.
        if self.is(Kind::COMMA) && self.peek(1) == Kind::XMLATTRIBUTES && self.peek(2) == Kind::LPAREN {
            self.at += 3;
            return self.items(Frame { op: step::ATTRIBUTES, ..frame }, item::XML_ATTRIBUTE);
        }
        self.xml_element_content(frame)
    }

    /// The content of an element, where there is any; `b` is its name, `c` its attributes.
    fn xml_element_content(&mut self, frame: Frame) -> R<Next> {
        let frame = Frame { op: step::CONTENT, ..frame };
        if self.eat(Kind::COMMA) { self.items(frame, item::EXPR) } else { self.xml(frame, 0) }
    }

    /// A part of `xml_attribute_el` or of a namespace is complete.
    pub(crate) fn xml_item(&mut self, frame: Frame, value: u32) -> R<Next> {
        let name = match frame.op {
            step::DEFAULT_NAMESPACE => TextId::NONE,
            step::NAMESPACE => {
                self.expect(Kind::AS)?;
                self.col_label()?
            }
            _ if self.eat(Kind::AS) => self.col_label()?,
            _ => TextId::NONE,
        };
        let loc = self.loc_of(frame.a as usize);
        Ok(Next::Ret(mk!(self, ResTarget, frame.a, { name: name.0, val: value, location: loc })))
    }

    fn document_or_content(&mut self) -> R {
        if self.eat(Kind::DOCUMENT) {
            return Ok(e::XmlOptionType::XMLOPTION_DOCUMENT);
        }
        self.expect(Kind::CONTENT)?;
        Ok(e::XmlOptionType::XMLOPTION_CONTENT)
    }

    fn xml_parse(&mut self, frame: Frame, value: u32) -> R<Next> {
        let preserve = self.eat(Kind::PRESERVE);
        if preserve || self.eat(Kind::STRIP) {
            self.expect(Kind::WHITESPACE)?;
        }
        let preserve = self.bool_const(preserve, NOWHERE);
        let args = self.list(&[value, preserve]);
        self.expect(Kind::RPAREN)?;
        let (op, loc) = (e::XmlExprOp::IS_XMLPARSE, self.loc_of(frame.a as usize));
        Ok(Next::Oper(mk!(self, XmlExpr, frame.a, { op: op, args: args, xmloption: frame.b, location: loc })))
    }

    fn xml_root(&mut self, frame: Frame, version: u32) -> R<Next> {
        let mut choice = standalone::OMITTED;
        if self.eat(Kind::COMMA) {
            self.expect(Kind::STANDALONE)?;
            if self.eat(Kind::YES) {
                choice = standalone::YES;
            } else {
                self.expect(Kind::NO)?;
                choice = if self.eat(Kind::VALUE) { standalone::NO_VALUE } else { standalone::NO };
            }
        }
        self.expect(Kind::RPAREN)?;
        let choice = self.int_const(choice, NOWHERE);
        let args = self.list(&[frame.b, version, choice]);
        Ok(self.xml_expr(e::XmlExprOp::IS_XMLROOT, 0, 0, args, frame.a))
    }

    fn xml_serialize(&mut self, frame: Frame, type_name: u32) -> R<Next> {
        let indent = self.eat(Kind::INDENT);
        if !indent && self.has(Feature::XmlIndent) && self.eat(Kind::NO) {
            self.expect(Kind::INDENT)?;
        }
        self.expect(Kind::RPAREN)?;
        let loc = self.loc_of(frame.a as usize);
        Ok(Next::Oper(mk!(self, XmlSerialize, frame.a, {
            xmloption: frame.b, expr: frame.c, typeName: type_name, indent: u32::from(indent), location: loc
        })))
    }

    /// `xmlexists_argument` for `then`, to which what may stand behind the document is left.
    fn xmlexists_argument(&mut self, then: Frame) -> R<Next> {
        self.expect(Kind::PASSING)?;
        self.xml_passing_mechanism()?;
        Ok(self.flagged_expr(then, F_C))
    }

    fn xml_passing_mechanism(&mut self) -> R<()> {
        if self.is(Kind::BY) && matches!(self.peek(1), Kind::REF | Kind::VALUE) {
            self.at += 2;
        }
        Ok(())
    }

    // ---- XMLTABLE ----

    /// `xmltable`; its word is the current token, `(` the next. The namespaces, the row and the document lie under its items.
    pub(crate) fn xml_table_start(&mut self, first: u32, lateral: bool) -> R<Next> {
        let word = self.here();
        self.at += 2;
        let frame = Frame { flags: u8::from(lateral), ..Frame::new(St::XmlTable, word, first, self.mark()) };
        if self.is(Kind::XMLNAMESPACES) && self.peek(1) == Kind::LPAREN {
            self.at += 2;
            return self.items(Frame { op: step::NAMESPACES, ..frame }, item::XML_NAMESPACE);
        }
        self.item(0);
        Ok(self.flagged_expr(Frame { op: step::PATH, ..frame }, F_C))
    }

    /// A part of it is complete.
    pub(crate) fn xml_table(&mut self, frame: Frame, value: u32) -> R<Next> {
        match frame.op {
            step::NAMESPACES => {
                self.expect_all(&[Kind::RPAREN, Kind::COMMA])?;
                self.item(value);
                Ok(self.flagged_expr(Frame { op: step::PATH, ..frame }, F_C))
            }
            step::PATH => {
                self.item(value);
                self.xmlexists_argument(Frame { op: step::DOCUMENT, ..frame })
            }
            step::DOCUMENT => {
                self.xml_passing_mechanism()?;
                self.item(value);
                self.expect(Kind::COLUMNS)?;
                self.items(Frame { op: step::COLUMNS, ..frame }, item::XML_COLUMN)
            }
            _ => {
                self.expect(Kind::RPAREN)?;
                let [namespaces, row, document] = self.kept(frame.c);
                let loc = self.loc_of(frame.a as usize);
                let node = mk!(self, RangeTableFunc, frame.a, {
                    docexpr: document, rowexpr: row, namespaces: namespaces, columns: value,
                    lateral: u32::from(frame.flags), location: loc
                });
                let alias = self.opt_alias()?;
                put!(self, node, RangeTableFunc.alias, alias);
                Ok(self.whole_table(node))
            }
        }
    }

    /// `xml_namespace_el`.
    pub(crate) fn xml_namespace(&mut self) -> Next {
        let frame = Frame::new(St::XmlItem, self.here(), 0, 0);
        let op = if self.eat(Kind::DEFAULT) { step::DEFAULT_NAMESPACE } else { step::NAMESPACE };
        self.flagged_expr(Frame { op, ..frame }, F_B)
    }

    /// `xmltable_column_el`.
    pub(crate) fn xml_column_start(&mut self) -> R<Next> {
        let (first, loc) = (self.here(), self.loc());
        let name = self.col_id()?;
        if self.eat(Kind::FOR) {
            self.expect(Kind::ORDINALITY)?;
            return Ok(Next::Ret(mk!(self, RangeTableFuncCol, first, {
                colname: name.0, for_ordinality: 1, location: loc
            })));
        }
        self.push(Frame { op: step::TYPE, ..Frame::new(St::XmlColumn, first, 0, self.mark()) });
        self.start_type(types::FULL)
    }

    /// A part of a column is complete: its type and then its options, each with which it is, where it stands and its value, become items.
    pub(crate) fn xml_column(&mut self, frame: Frame, value: u32) -> R<Next> {
        if frame.op == step::OPTION {
            // What it is is told behind its value, as the server does.
            let at = self.mark() as usize - 2;
            let (word, loc) = (self.scratch.items[at], self.scratch.items[at + 1]);
            self.scratch.items[at] = self.xml_column_option(word, loc)?;
        }
        self.item(value);
        loop {
            let loc = self.loc();
            match self.kind() {
                Kind::DEFAULT | Kind::PATH | Kind::IDENT => {
                    let token = self.here();
                    self.bump();
                    self.keep(&[token, loc]);
                    return Ok(self.flagged_expr(Frame { op: step::OPTION, ..frame }, F_B));
                }
                Kind::NULL => {
                    self.bump();
                    self.keep(&[NULLNESS, loc, 0]);
                }
                Kind::NOT => {
                    self.bump();
                    self.expect(Kind::NULL)?;
                    self.keep(&[NULLNESS, loc, 1]);
                }
                _ => return self.xml_column_done(frame),
            }
        }
    }

    fn xml_column_done(&mut self, frame: Frame) -> R<Next> {
        let first = frame.a;
        let name = TextId::token(first as usize);
        let (mut path, mut default, mut not_null) = (0, 0, None);
        for index in (frame.c as usize + 1..self.scratch.items.len()).step_by(3) {
            let [which, at, value] = [0, 1, 2].map(|part| self.scratch.items[index + part]);
            match which {
                DEFAULT if default != 0 => {
                    return Err(self.refuse_syntax(at, "only one DEFAULT value is allowed"));
                }
                DEFAULT => default = value,
                PATH if path != 0 => {
                    return Err(self.refuse_syntax(at, "only one PATH value per column is allowed"));
                }
                PATH => path = value,
                NULLNESS if not_null.is_some() => {
                    let name = self.read(name).into_owned();
                    let message = alloc::format!(
                        "conflicting or redundant NULL / NOT NULL declarations for column \"{name}\""
                    );
                    return Err(self.refuse_syntax(at, message));
                }
                NULLNESS => not_null = Some(value),
                _ => {
                    let option = self.read(TextId::token((which - OTHER) as usize)).into_owned();
                    let message = alloc::format!("unrecognized column option \"{option}\"");
                    return Err(self.refuse_syntax(at, message));
                }
            }
        }
        let [type_name] = self.kept(frame.c);
        let loc = self.loc_of(first as usize);
        Ok(Next::Ret(mk!(self, RangeTableFuncCol, first, {
            colname: name.0, typeName: type_name, is_not_null: not_null.unwrap_or(0), colexpr: path,
            coldefexpr: default, location: loc
        })))
    }

    /// `xmltable_column_option_el`: which one its word is.
    fn xml_column_option(&mut self, word: u32, loc: u32) -> R {
        match self.tokens.kinds[word as usize] {
            Kind::DEFAULT => return Ok(DEFAULT),
            Kind::PATH => return Ok(PATH),
            _ => {}
        }
        let spelled = self.read(TextId::token(word as usize)).into_owned();
        match spelled.as_str() {
            "__pg__is_not_null" => {
                let message = alloc::format!("option name \"{spelled}\" cannot be used in XMLTABLE");
                Err(self.refuse_syntax(loc, message))
            }
            "default" => Ok(DEFAULT),
            "path" => Ok(PATH),
            _ => Ok(OTHER + word),
        }
    }
}

// Options of a column of XMLTABLE; from the last on, any other word's token.
const DEFAULT: u32 = 1 << 30;
const PATH: u32 = DEFAULT + 1;
const NULLNESS: u32 = DEFAULT + 2;
const OTHER: u32 = DEFAULT + 3;
