//! Names of things: qualified names, lists of them, roles.
//!
//! Source: `any_name`, `qualified_name`, `RoleSpec` in gram.y, PostgreSQL 18.

use crate::nodes::e;
use crate::parser::{Parser, R, mk};
use crate::token::Kind;
use crate::tree::TextId;
use crate::version::Feature;

impl Parser<'_> {
    /// `any_name`: a list of `String` nodes.
    pub(crate) fn any_name(&mut self) -> R {
        let mark = self.mark();
        let name = self.col_id()?;
        self.item(name.node());
        self.attrs()?;
        Ok(self.list_from(mark))
    }

    /// `opt attrs`: adds `.name .name …` to the list that is being collected.
    pub(crate) fn attrs(&mut self) -> R<()> {
        while self.eat(Kind::DOT) {
            let name = self.col_label()?;
            self.item(name.node());
        }
        Ok(())
    }

    /// `any_name_list`: each name a `List` node.
    pub(crate) fn any_name_list(&mut self) -> R {
        self.comma_list(Self::any_name_node)
    }

    /// `any_name` as a `List` node.
    pub(crate) fn any_name_node(&mut self) -> R {
        let first = self.here();
        let name = self.any_name()?;
        Ok(self.list_node(name, first))
    }

    /// `qualified_name`: a `RangeVar`.
    pub(crate) fn qualified_name(&mut self) -> R {
        let (first, loc) = (self.here(), self.loc());
        let name = self.col_id()?;
        if !matches!(self.kind(), Kind::DOT | Kind::LBRACKET) {
            return Ok(self.range_var(name, loc, first));
        }
        let names = self.name_and_rest(name)?;
        self.range_var_of_names(names, loc, first)
    }

    /// A name and the `indirection` behind it, which may hold names only.
    pub(crate) fn name_and_rest(&mut self, name: TextId) -> R {
        let mark = self.mark();
        self.item(name.node());
        self.dotted()?;
        if self.is(Kind::LBRACKET) {
            return self.refuse_subscripts();
        }
        let list = self.list_from(mark);
        self.check_names(list)?;
        Ok(list)
    }

    /// `makeRangeVarFromAnyName`: of a type, which has no children.
    pub(crate) fn range_var_of_any_name(&mut self, names: u32, loc: u32, first: u32) -> R {
        let node = self.range_var_of_names(names, loc, first)?;
        self.tree.set(node, crate::nodes::f::RangeVar::inh, 0);
        Ok(node)
    }

    /// `makeRangeVarFromQualifiedName`.
    pub(crate) fn range_var_of_names(&mut self, names: u32, loc: u32, first: u32) -> R {
        let text = |word: u32| word & 0x7FFF_FFFF;
        let (catalog, schema, relation) = match *self.tree.items(names) {
            [relation] => (0, 0, text(relation)),
            [schema, relation] => (0, text(schema), text(relation)),
            [catalog, schema, relation] => (text(catalog), text(schema), text(relation)),
            _ => {
                let joined = self.names_join(names);
                let message = alloc::format!("improper qualified name (too many dotted names): {joined}");
                return Err(self.refuse_syntax(loc, message));
            }
        };
        let node = self.range_var(TextId(relation), loc, first);
        self.tree.set(node, crate::nodes::f::RangeVar::catalogname, catalog);
        self.tree.set(node, crate::nodes::f::RangeVar::schemaname, schema);
        Ok(node)
    }

    /// `qualified_name_list`.
    pub(crate) fn qualified_name_list(&mut self) -> R {
        self.comma_list(Self::qualified_name)
    }

    /// `RoleSpec`.
    pub(crate) fn role_spec(&mut self) -> R {
        use e::RoleSpecType as r;
        let (first, loc) = (self.here(), self.loc());
        let fixed = match self.kind() {
            Kind::CURRENT_ROLE => Some(r::ROLESPEC_CURRENT_ROLE),
            Kind::CURRENT_USER => Some(r::ROLESPEC_CURRENT_USER),
            Kind::SESSION_USER => Some(r::ROLESPEC_SESSION_USER),
            _ => None,
        };
        if let Some(kind) = fixed {
            self.bump();
            return Ok(mk!(self, RoleSpec, first, { roletype: kind, location: loc }));
        }
        let name = self.non_reserved()?;
        let (public, none) = {
            let text = self.read(name);
            (text == "public", text == "none")
        };
        if none {
            return Err(self.refuse("42939", loc, "role name \"none\" is reserved"));
        }
        if public {
            return Ok(mk!(self, RoleSpec, first, { roletype: r::ROLESPEC_PUBLIC, location: loc }));
        }
        Ok(mk!(self, RoleSpec, first, { roletype: r::ROLESPEC_CSTRING, rolename: name.0, location: loc }))
    }

    /// `RoleId`: a role's plain name.
    pub(crate) fn role_id(&mut self) -> R<TextId> {
        let loc = self.loc();
        let node = self.role_spec()?;
        self.role_id_of(node, loc)
    }

    /// The plain name in a `RoleSpec` at `loc`.
    pub(crate) fn role_id_of(&mut self, node: u32, loc: u32) -> R<TextId> {
        use e::RoleSpecType as r;
        let kind = self.tree.get(node, crate::nodes::f::RoleSpec::roletype);
        let special = match kind {
            r::ROLESPEC_CSTRING => {
                return Ok(TextId(self.tree.get(node, crate::nodes::f::RoleSpec::rolename)));
            }
            r::ROLESPEC_PUBLIC => return Err(self.refuse("42939", loc, "role name \"public\" is reserved")),
            r::ROLESPEC_SESSION_USER => "SESSION_USER",
            r::ROLESPEC_CURRENT_USER => "CURRENT_USER",
            _ => "CURRENT_ROLE",
        };
        Err(self.refuse("42939", loc, alloc::format!("{special} cannot be used as a role name here")))
    }

    /// `role_list`.
    pub(crate) fn role_list(&mut self) -> R {
        self.comma_list(Self::role_spec)
    }

    /// `IF EXISTS`, where `IF` stands before `EXISTS`.
    pub(crate) fn opt_if_exists(&mut self) -> R<bool> {
        if self.is(Kind::IF) && self.peek(1) == Kind::EXISTS {
            self.at += 2;
            return Ok(true);
        }
        Ok(false)
    }

    /// `IF NOT EXISTS`, where `IF` stands before `NOT`.
    pub(crate) fn opt_if_not_exists(&mut self) -> R<bool> {
        if self.is(Kind::IF) && self.peek(1) == Kind::NOT {
            self.at += 2;
            self.expect(Kind::EXISTS)?;
            return Ok(true);
        }
        Ok(false)
    }

    /// `opt_unique_null_treatment`: true unless `NULLS NOT DISTINCT`.
    pub(crate) fn unique_null_treatment(&mut self) -> R<bool> {
        if !self.has(Feature::NullsDistinct) || !self.eat(Kind::NULLS) {
            return Ok(true);
        }
        let distinct = !self.eat(Kind::NOT);
        self.expect(Kind::DISTINCT)?;
        Ok(distinct)
    }

    /// `( name, … )` where there is one.
    pub(crate) fn opt_name_list_parens(&mut self) -> R {
        if !self.eat(Kind::LPAREN) {
            return Ok(0);
        }
        let list = self.name_list()?;
        self.expect(Kind::RPAREN)?;
        Ok(list)
    }
}
