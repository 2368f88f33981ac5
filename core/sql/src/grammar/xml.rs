//! SQL/XML: functions and XMLTABLE.
//!
//! Source: the `xml…` rules in gram.y, PostgreSQL 18.

use crate::nodes::e;
use crate::parser::{NOWHERE, Parser, R, mk};
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

impl Parser<'_> {
    fn xml_expr(&mut self, op: u32, name: u32, named: u32, args: u32, first: u32) -> u32 {
        let loc = self.loc_of(first as usize);
        mk!(self, XmlExpr, first, { op: op, name: name, named_args: named, args: args, location: loc })
    }

    /// An SQL/XML function; its word is the current token, `(` the next.
    pub(crate) fn xml_function(&mut self, kind: Kind) -> R {
        use e::XmlExprOp as x;
        let (first, loc) = (self.here(), self.loc());
        self.at += 2;
        let node = match kind {
            Kind::XMLELEMENT => return self.xml_element(first),
            Kind::XMLEXISTS => {
                let path = self.c_expr()?;
                let document = self.xmlexists_argument()?;
                let args = self.list(&[path, document]);
                self.expect(Kind::RPAREN)?;
                return Ok(self.sql_function("xmlexists", args, loc, first));
            }
            Kind::XMLFOREST => {
                let list = self.comma_list(Self::xml_attribute)?;
                self.expect(Kind::RPAREN)?;
                self.xml_expr(x::IS_XMLFOREST, 0, list, 0, first)
            }
            Kind::XMLPARSE => return self.xml_parse(first),
            Kind::XMLPI => {
                self.expect(Kind::NAME)?;
                let name = self.col_label()?;
                let mut args = 0;
                if self.eat(Kind::COMMA) {
                    let arg = self.a_expr()?;
                    args = self.list(&[arg]);
                }
                self.expect(Kind::RPAREN)?;
                self.xml_expr(x::IS_XMLPI, name.0, 0, args, first)
            }
            Kind::XMLROOT => return self.xml_root(first),
            _ => return self.xml_serialize(first),
        };
        Ok(node)
    }

    fn xml_element(&mut self, first: u32) -> R {
        self.expect(Kind::NAME)?;
        let name = self.col_label()?;
        let (mut named, mut args) = (0, 0);
        if self.eat(Kind::COMMA) {
            // A word that is also a column: it is the clause only before a parenthesis.
            if self.is(Kind::XMLATTRIBUTES) && self.peek(1) == Kind::LPAREN {
                self.bump();
                named = self.paren_list(Self::xml_attribute)?;
                if self.eat(Kind::COMMA) {
                    args = self.expr_list()?;
                }
            } else {
                args = self.expr_list()?;
            }
        }
        self.expect(Kind::RPAREN)?;
        Ok(self.xml_expr(e::XmlExprOp::IS_XMLELEMENT, name.0, named, args, first))
    }

    /// `xml_attribute_el`.
    fn xml_attribute(&mut self) -> R {
        let (first, loc) = (self.here(), self.loc());
        let value = self.a_expr()?;
        let name = if self.eat(Kind::AS) { self.col_label()? } else { TextId::NONE };
        Ok(mk!(self, ResTarget, first, { name: name.0, val: value, location: loc }))
    }

    fn document_or_content(&mut self) -> R {
        if self.eat(Kind::DOCUMENT) {
            return Ok(e::XmlOptionType::XMLOPTION_DOCUMENT);
        }
        self.expect(Kind::CONTENT)?;
        Ok(e::XmlOptionType::XMLOPTION_CONTENT)
    }

    fn xml_parse(&mut self, first: u32) -> R {
        let option = self.document_or_content()?;
        let value = self.a_expr()?;
        let preserve = self.eat(Kind::PRESERVE);
        if preserve || self.eat(Kind::STRIP) {
            self.expect(Kind::WHITESPACE)?;
        }
        let preserve = self.bool_const(preserve, NOWHERE);
        let args = self.list(&[value, preserve]);
        self.expect(Kind::RPAREN)?;
        let (op, loc) = (e::XmlExprOp::IS_XMLPARSE, self.loc_of(first as usize));
        Ok(mk!(self, XmlExpr, first, { op: op, args: args, xmloption: option, location: loc }))
    }

    fn xml_root(&mut self, first: u32) -> R {
        let document = self.a_expr()?;
        self.expect_all(&[Kind::COMMA, Kind::VERSION])?;
        let version = if self.is(Kind::NO) && self.peek(1) == Kind::VALUE {
            self.at += 2;
            self.null_const(NOWHERE)
        } else {
            self.a_expr()?
        };
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
        let args = self.list(&[document, version, choice]);
        Ok(self.xml_expr(e::XmlExprOp::IS_XMLROOT, 0, 0, args, first))
    }

    fn xml_serialize(&mut self, first: u32) -> R {
        let option = self.document_or_content()?;
        let value = self.a_expr()?;
        self.expect(Kind::AS)?;
        let name = self.simple_typename(false)?;
        let mut indent = self.eat(Kind::INDENT);
        if !indent && self.has(Feature::XmlIndent) && self.eat(Kind::NO) {
            self.expect(Kind::INDENT)?;
            indent = false;
        }
        self.expect(Kind::RPAREN)?;
        let loc = self.loc_of(first as usize);
        Ok(mk!(self, XmlSerialize, first, {
            xmloption: option, expr: value, typeName: name, indent: u32::from(indent), location: loc
        }))
    }

    /// `xmlexists_argument`.
    fn xmlexists_argument(&mut self) -> R {
        self.expect(Kind::PASSING)?;
        self.xml_passing_mechanism()?;
        let document = self.c_expr()?;
        self.xml_passing_mechanism()?;
        Ok(document)
    }

    fn xml_passing_mechanism(&mut self) -> R<()> {
        if self.is(Kind::BY) && matches!(self.peek(1), Kind::REF | Kind::VALUE) {
            self.at += 2;
        }
        Ok(())
    }

    // ---- XMLTABLE ----

    /// `xmltable`; its word is the current token.
    pub(crate) fn xml_table(&mut self) -> R {
        let (first, loc) = (self.here(), self.loc());
        self.bump();
        self.expect(Kind::LPAREN)?;
        let mut namespaces = 0;
        if self.is(Kind::XMLNAMESPACES) && self.peek(1) == Kind::LPAREN {
            self.bump();
            namespaces = self.paren_list(Self::xml_namespace)?;
            self.expect(Kind::COMMA)?;
        }
        let row = self.c_expr()?;
        let document = self.xmlexists_argument()?;
        self.expect(Kind::COLUMNS)?;
        let columns = self.comma_list(Self::xml_table_column)?;
        self.expect(Kind::RPAREN)?;
        Ok(mk!(self, RangeTableFunc, first, {
            docexpr: document, rowexpr: row, namespaces: namespaces, columns: columns, location: loc
        }))
    }

    fn xml_namespace(&mut self) -> R {
        let (first, loc) = (self.here(), self.loc());
        if self.eat(Kind::DEFAULT) {
            let value = self.b_expr()?;
            return Ok(mk!(self, ResTarget, first, { val: value, location: loc }));
        }
        let value = self.b_expr()?;
        self.expect(Kind::AS)?;
        let name = self.col_label()?;
        Ok(mk!(self, ResTarget, first, { name: name.0, val: value, location: loc }))
    }

    fn xml_table_column(&mut self) -> R {
        let (first, loc) = (self.here(), self.loc());
        let name = self.col_id()?;
        if self.eat(Kind::FOR) {
            self.expect(Kind::ORDINALITY)?;
            return Ok(mk!(self, RangeTableFuncCol, first, {
                colname: name.0, for_ordinality: 1, location: loc
            }));
        }
        let type_name = self.typename()?;
        let mark = self.mark();
        while let Some((option, at, value)) = self.xml_column_option()? {
            self.item(option);
            self.item(at);
            self.item(value);
        }
        let options = self.scratch.items.split_off(mark as usize);
        let (mut path, mut default, mut not_null) = (0, 0, None);
        for option in options.chunks(3) {
            let (at, value) = (option[1], option[2]);
            match option[0] {
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
                    let option = self.read(TextId(value)).into_owned();
                    let message = alloc::format!("unrecognized column option \"{option}\"");
                    return Err(self.refuse_syntax(at, message));
                }
            }
        }
        Ok(mk!(self, RangeTableFuncCol, first, {
            colname: name.0, typeName: type_name, is_not_null: not_null.unwrap_or(0), colexpr: path,
            coldefexpr: default, location: loc
        }))
    }

    /// `xmltable_column_option_el`: which, where, and its value.
    fn xml_column_option(&mut self) -> R<Option<(u32, u32, u32)>> {
        let loc = self.loc();
        Ok(Some(match self.kind() {
            Kind::DEFAULT => {
                self.bump();
                (DEFAULT, loc, self.b_expr()?)
            }
            Kind::PATH => {
                self.bump();
                (PATH, loc, self.b_expr()?)
            }
            Kind::NOT => {
                self.bump();
                self.expect(Kind::NULL)?;
                (NULLNESS, loc, 1)
            }
            Kind::NULL => {
                self.bump();
                (NULLNESS, loc, 0)
            }
            Kind::IDENT => {
                let name = self.ident()?;
                let value = self.b_expr()?;
                let spelled = self.read(name).into_owned();
                match spelled.as_str() {
                    "__pg__is_not_null" => {
                        let message = alloc::format!("option name \"{spelled}\" cannot be used in XMLTABLE");
                        return Err(self.refuse_syntax(loc, message));
                    }
                    "default" => (DEFAULT, loc, value),
                    "path" => (PATH, loc, value),
                    _ => (OTHER, loc, name.0),
                }
            }
            _ => return Ok(None),
        }))
    }
}

const DEFAULT: u32 = 0;
const PATH: u32 = 1;
const NULLNESS: u32 = 2;
const OTHER: u32 = 3;
