//! Operators, operator classes and families.
//!
//! Source: `CreateOpClassStmt` to `opclass_drop`, `oper_argtypes`, `operator_with_argtypes`, `AlterOperatorStmt` in gram.y, PostgreSQL 18.

use crate::nodes::e;
use crate::parser::{Parser, R, mk};
use crate::token::Kind;
use crate::version::Feature;

/// Values of `CreateOpClassItem.itemtype`.
mod item {
    pub const OPERATOR: u32 = 1;
    pub const FUNCTION: u32 = 2;
    pub const STORAGE_TYPE: u32 = 3;
}

impl Parser<'_> {
    /// `CREATE OPERATOR [CLASS | FAMILY]`, at OPERATOR.
    pub(crate) fn create_operator(&mut self, first: u32) -> R {
        self.bump();
        // An operator's schema may be called so: then a dot follows.
        let dotted = self.peek(1) == Kind::DOT;
        match self.kind() {
            Kind::CLASS if !dotted => self.create_operator_class(first),
            Kind::FAMILY if !dotted => {
                self.bump();
                let name = self.any_name()?;
                self.expect(Kind::USING)?;
                let method = self.col_id()?;
                Ok(mk!(self, CreateOpFamilyStmt, first, { opfamilyname: name, amname: method.0 }))
            }
            _ => {
                let names = self.any_operator()?;
                let definition = self.definition()?;
                Ok(mk!(self, DefineStmt, first, {
                    kind: e::ObjectType::OBJECT_OPERATOR, defnames: names, definition: definition
                }))
            }
        }
    }

    fn create_operator_class(&mut self, first: u32) -> R {
        self.bump();
        let name = self.any_name()?;
        let is_default = self.eat(Kind::DEFAULT);
        self.expect_all(&[Kind::FOR, Kind::TYPE])?;
        let datatype = self.typename()?;
        self.expect(Kind::USING)?;
        let method = self.col_id()?;
        let family = if self.eat(Kind::FAMILY) { self.any_name()? } else { 0 };
        self.expect(Kind::AS)?;
        let items = self.comma_list(Self::operator_class_item)?;
        Ok(mk!(self, CreateOpClassStmt, first, {
            opclassname: name, opfamilyname: family, amname: method.0, datatype: datatype, items: items,
            isDefault: u32::from(is_default)
        }))
    }

    /// `opclass_item`.
    fn operator_class_item(&mut self) -> R {
        let first = self.here();
        match self.kind() {
            Kind::OPERATOR => {
                self.bump();
                let number = self.iconst()?;
                let at = self.here();
                let names = self.any_operator()?;
                let args = if self.is(Kind::LPAREN) { self.operator_argtypes()? } else { 0 };
                let name = mk!(self, ObjectWithArgs, at, { objname: names, objargs: args });
                let order = self.operator_purpose()?;
                // Until version 17, with a notice that it is no longer required.
                self.eat(Kind::RECHECK);
                Ok(mk!(self, CreateOpClassItem, first, {
                    itemtype: item::OPERATOR, name: name, number: number as u32, order_family: order
                }))
            }
            Kind::FUNCTION => {
                self.bump();
                let number = self.iconst()?;
                let args = if self.is(Kind::LPAREN) { self.paren_list(Self::typename)? } else { 0 };
                let name = self.function_with_argtypes()?;
                Ok(mk!(self, CreateOpClassItem, first, {
                    itemtype: item::FUNCTION, name: name, number: number as u32, class_args: args
                }))
            }
            Kind::STORAGE => {
                self.bump();
                let stored = self.typename()?;
                Ok(mk!(self, CreateOpClassItem, first, { itemtype: item::STORAGE_TYPE, storedtype: stored }))
            }
            _ => Err(self.unexpected()),
        }
    }

    /// `opclass_purpose`.
    fn operator_purpose(&mut self) -> R {
        if !self.eat(Kind::FOR) || self.eat(Kind::SEARCH) {
            return Ok(0);
        }
        self.expect_all(&[Kind::ORDER, Kind::BY])?;
        self.any_name()
    }

    /// `oper_argtypes`: two types, either of which may be missing.
    fn operator_argtypes(&mut self) -> R {
        self.expect(Kind::LPAREN)?;
        let left = if self.eat(Kind::NONE) { 0 } else { self.typename()? };
        if left != 0 && self.is(Kind::RPAREN) {
            let loc = self.loc();
            let halt = self.refuse_syntax(loc, "missing argument");
            return Err(self.hint(halt, "Use NONE to denote the missing argument of a unary operator."));
        }
        self.expect(Kind::COMMA)?;
        let right = if left != 0 && self.eat(Kind::NONE) { 0 } else { self.typename()? };
        self.expect(Kind::RPAREN)?;
        Ok(self.list(&[left, right]))
    }

    /// `operator_with_argtypes`: an `ObjectWithArgs`.
    pub(crate) fn operator_with_argtypes(&mut self) -> R {
        let first = self.here();
        let names = self.any_operator()?;
        let args = self.operator_argtypes()?;
        Ok(mk!(self, ObjectWithArgs, first, { objname: names, objargs: args }))
    }

    /// `any_name USING name` as a list that begins with the method.
    pub(crate) fn name_using_method(&mut self) -> R {
        let name = self.any_name()?;
        self.expect(Kind::USING)?;
        let method = self.col_id()?;
        Ok(self.list_before(method.node(), name))
    }

    /// `ALTER OPERATOR [CLASS | FAMILY]`, at OPERATOR.
    pub(crate) fn alter_operator(&mut self, first: u32) -> R {
        self.bump();
        let dotted = self.peek(1) == Kind::DOT;
        let at = self.here();
        match self.kind() {
            Kind::CLASS if !dotted => {
                self.bump();
                let object = self.name_using_method()?;
                let object = self.list_node(object, at);
                self.alter_name(first, e::ObjectType::OBJECT_OPCLASS, object)
            }
            Kind::FAMILY if !dotted => self.alter_operator_family(first),
            _ => {
                let object = self.operator_with_argtypes()?;
                if self.is(Kind::SET) && self.peek(1) == Kind::LPAREN {
                    self.bump();
                    let options = self.paren_list(Self::operator_def)?;
                    return Ok(mk!(self, AlterOperatorStmt, first, { opername: object, options: options }));
                }
                self.alter_name(first, e::ObjectType::OBJECT_OPERATOR, object)
            }
        }
    }

    fn alter_operator_family(&mut self, first: u32) -> R {
        self.bump();
        let at = self.here();
        let name = self.any_name()?;
        self.expect(Kind::USING)?;
        let method = self.col_id()?;
        let drop = match self.kind() {
            Kind::ADD => false,
            Kind::DROP => true,
            _ => {
                let object = self.list_before(method.node(), name);
                let object = self.list_node(object, at);
                return self.alter_name(first, e::ObjectType::OBJECT_OPFAMILY, object);
            }
        };
        self.bump();
        let items = if drop {
            self.comma_list(Self::operator_drop)?
        } else {
            self.comma_list(Self::operator_class_item)?
        };
        Ok(mk!(self, AlterOpFamilyStmt, first, {
            opfamilyname: name, amname: method.0, isDrop: u32::from(drop), items: items
        }))
    }

    /// `opclass_drop`.
    fn operator_drop(&mut self) -> R {
        let first = self.here();
        let itemtype = match self.kind() {
            Kind::OPERATOR => item::OPERATOR,
            Kind::FUNCTION => item::FUNCTION,
            _ => return Err(self.unexpected()),
        };
        self.bump();
        let number = self.iconst()?;
        let args = self.paren_list(Self::typename)?;
        Ok(
            mk!(self, CreateOpClassItem, first, { itemtype: itemtype, number: number as u32, class_args: args }),
        )
    }

    /// `operator_def_elem`.
    pub(crate) fn operator_def(&mut self) -> R {
        let first = self.at;
        let name = self.col_label()?;
        let mut value = 0;
        if !self.eat(Kind::EQUALS) {
            self.demand(Feature::OperatorFlags)?;
        } else if !self.eat(Kind::NONE) {
            value = self.def_arg()?;
        }
        Ok(self.def_named(name, value, first))
    }

    /// `opt_definition`.
    pub(crate) fn opt_definition(&mut self) -> R {
        if self.eat(Kind::WITH) { self.definition() } else { Ok(0) }
    }
}
