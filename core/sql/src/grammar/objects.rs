//! How statements name objects of any kind: COMMENT, SECURITY LABEL, DROP, REASSIGN OWNED.
//!
//! Source: `CommentStmt`, `SecLabelStmt`, `DropStmt` and its kin, `object_type_any_name` to `object_type_name_on_any_name` in gram.y, PostgreSQL 18.

use crate::nodes::e::ObjectType as o;
use crate::parser::{NOWHERE, Parser, R, mk, put};
use crate::token::Kind;
use crate::tree::TextId;

/// A kind of object that is named by a word or two.
#[derive(Clone, Copy)]
enum Named {
    /// By `any_name`.
    Qualified(u32),
    /// By one name.
    Plain(u32),
}

impl Parser<'_> {
    /// `object_type_any_name`, `object_type_name`: takes the words. None: it is neither, and nothing is taken.
    fn object_type(&mut self) -> R<Option<Named>> {
        use Named::{Plain, Qualified};
        let named = match self.kind() {
            Kind::TABLE => Qualified(o::OBJECT_TABLE),
            Kind::SEQUENCE => Qualified(o::OBJECT_SEQUENCE),
            Kind::VIEW => Qualified(o::OBJECT_VIEW),
            Kind::INDEX => Qualified(o::OBJECT_INDEX),
            Kind::COLLATION => Qualified(o::OBJECT_COLLATION),
            Kind::CONVERSION => Qualified(o::OBJECT_CONVERSION),
            Kind::STATISTICS => Qualified(o::OBJECT_STATISTIC_EXT),
            Kind::EXTENSION => Plain(o::OBJECT_EXTENSION),
            Kind::LANGUAGE => Plain(o::OBJECT_LANGUAGE),
            Kind::PUBLICATION => Plain(o::OBJECT_PUBLICATION),
            Kind::SCHEMA => Plain(o::OBJECT_SCHEMA),
            Kind::SERVER => Plain(o::OBJECT_FOREIGN_SERVER),
            Kind::DATABASE => Plain(o::OBJECT_DATABASE),
            Kind::ROLE => Plain(o::OBJECT_ROLE),
            Kind::SUBSCRIPTION => Plain(o::OBJECT_SUBSCRIPTION),
            Kind::TABLESPACE => Plain(o::OBJECT_TABLESPACE),
            Kind::TEXT => return self.text_search_kind().map(|kind| Some(Qualified(kind))),
            _ => return self.object_type_of_words(),
        };
        self.bump();
        Ok(Some(named))
    }

    /// Those of several words.
    fn object_type_of_words(&mut self) -> R<Option<Named>> {
        let (second, named) = match self.kind() {
            Kind::MATERIALIZED => (Kind::VIEW, Named::Qualified(o::OBJECT_MATVIEW)),
            Kind::ACCESS => (Kind::METHOD, Named::Plain(o::OBJECT_ACCESS_METHOD)),
            Kind::EVENT => (Kind::TRIGGER, Named::Plain(o::OBJECT_EVENT_TRIGGER)),
            Kind::PROCEDURAL => (Kind::LANGUAGE, Named::Plain(o::OBJECT_LANGUAGE)),
            Kind::FOREIGN => {
                self.bump();
                if self.eat(Kind::TABLE) {
                    return Ok(Some(Named::Qualified(o::OBJECT_FOREIGN_TABLE)));
                }
                self.expect_all(&[Kind::DATA, Kind::WRAPPER])?;
                return Ok(Some(Named::Plain(o::OBJECT_FDW)));
            }
            _ => return Ok(None),
        };
        self.bump();
        self.expect(second)?;
        Ok(Some(named))
    }

    /// An object as most statements name it: its type and its node.
    pub(crate) fn object_named(&mut self) -> R<(u32, u32)> {
        let kind = self.kind();
        let objtype = match kind {
            Kind::TYPE => o::OBJECT_TYPE,
            Kind::DOMAIN => o::OBJECT_DOMAIN,
            Kind::AGGREGATE => o::OBJECT_AGGREGATE,
            Kind::FUNCTION => o::OBJECT_FUNCTION,
            Kind::PROCEDURE => o::OBJECT_PROCEDURE,
            Kind::ROUTINE => o::OBJECT_ROUTINE,
            _ => {
                return match self.object_type()? {
                    Some(Named::Qualified(objtype)) => Ok((objtype, self.any_name_node()?)),
                    Some(Named::Plain(objtype)) => Ok((objtype, self.col_id()?.node())),
                    None => Err(self.unexpected()),
                };
            }
        };
        self.bump();
        let object = match kind {
            Kind::TYPE | Kind::DOMAIN => self.typename()?,
            Kind::AGGREGATE => self.aggregate_with_argtypes()?,
            _ => self.function_with_argtypes()?,
        };
        Ok((objtype, object))
    }

    /// A cast, a transform, an operator or a class or family of them: its type and its node.
    pub(crate) fn object_with_parts(&mut self) -> R<(u32, u32)> {
        let kind = self.kind();
        self.bump();
        let first = self.here();
        match kind {
            Kind::CAST => self.cast_here(),
            Kind::TRANSFORM => self.transform_here(),
            _ => {
                let class = match self.kind() {
                    _ if self.peek(1) == Kind::DOT => None,
                    Kind::CLASS => Some(o::OBJECT_OPCLASS),
                    Kind::FAMILY => Some(o::OBJECT_OPFAMILY),
                    _ => None,
                };
                let Some(objtype) = class else {
                    return Ok((o::OBJECT_OPERATOR, self.operator_with_argtypes()?));
                };
                self.bump();
                let list = self.name_using_method()?;
                Ok((objtype, self.list_node(list, first)))
            }
        }
    }

    /// `( Typename AS Typename )`.
    fn cast_here(&mut self) -> R<(u32, u32)> {
        let first = self.here();
        self.expect(Kind::LPAREN)?;
        let source = self.typename()?;
        self.expect(Kind::AS)?;
        let target = self.typename()?;
        self.expect(Kind::RPAREN)?;
        let list = self.list(&[source, target]);
        Ok((o::OBJECT_CAST, self.list_node(list, first)))
    }

    /// `FOR Typename LANGUAGE name`.
    fn transform_here(&mut self) -> R<(u32, u32)> {
        let first = self.here();
        self.expect(Kind::FOR)?;
        let type_name = self.typename()?;
        self.expect(Kind::LANGUAGE)?;
        let lang = self.col_id()?;
        let list = self.list(&[type_name, lang.node()]);
        Ok((o::OBJECT_TRANSFORM, self.list_node(list, first)))
    }

    /// `COMMENT ON …`.
    pub(crate) fn comment_stmt(&mut self) -> R {
        let first = self.here();
        self.expect_all(&[Kind::COMMENT, Kind::ON])?;
        let (objtype, object) = match self.kind() {
            Kind::CAST | Kind::TRANSFORM | Kind::OPERATOR => self.object_with_parts()?,
            Kind::COLUMN => {
                self.bump();
                (o::OBJECT_COLUMN, self.any_name_node()?)
            }
            Kind::CONSTRAINT => self.constraint_on()?,
            Kind::LARGE => {
                self.bump();
                self.expect(Kind::OBJECT)?;
                (o::OBJECT_LARGEOBJECT, self.numeric_only()?)
            }
            _ => match self.type_on_relation() {
                Some(objtype) => (objtype, self.name_on_relation()?),
                None => self.object_named()?,
            },
        };
        self.expect(Kind::IS)?;
        let comment = if self.eat(Kind::NULL) { TextId::NONE } else { self.sconst()? };
        Ok(mk!(self, CommentStmt, first, { objtype: objtype, object: object, comment: comment.0 }))
    }

    /// `object_type_name_on_any_name`: takes the word.
    fn type_on_relation(&mut self) -> Option<u32> {
        let objtype = match self.kind() {
            Kind::POLICY => o::OBJECT_POLICY,
            Kind::RULE => o::OBJECT_RULE,
            Kind::TRIGGER => o::OBJECT_TRIGGER,
            _ => return None,
        };
        self.bump();
        Some(objtype)
    }

    /// `name ON any_name` as a `List` node that ends with the name.
    fn name_on_relation(&mut self) -> R {
        let first = self.here();
        let name = self.col_id()?;
        self.expect(Kind::ON)?;
        let relation = self.any_name()?;
        let list = self.list_with(relation, name.node());
        Ok(self.list_node(list, first))
    }

    /// `CONSTRAINT name ON [DOMAIN] any_name`.
    fn constraint_on(&mut self) -> R<(u32, u32)> {
        self.bump();
        let first = self.here();
        let name = self.col_id()?;
        self.expect(Kind::ON)?;
        let is_domain = self.is(Kind::DOMAIN) && !matches!(self.peek(1), Kind::IS | Kind::DOT);
        if !is_domain {
            let relation = self.any_name()?;
            let list = self.list_with(relation, name.node());
            return Ok((o::OBJECT_TABCONSTRAINT, self.list_node(list, first)));
        }
        self.bump();
        let at = self.here();
        let names = self.any_name()?;
        let domain = self.type_of_names(names, at);
        put!(self, domain, TypeName.location, NOWHERE);
        let list = self.list(&[domain, name.node()]);
        Ok((o::OBJECT_DOMCONSTRAINT, self.list_node(list, first)))
    }

    /// `SECURITY LABEL …`.
    pub(crate) fn seclabel_stmt(&mut self) -> R {
        let first = self.here();
        self.expect_all(&[Kind::SECURITY, Kind::LABEL])?;
        let provider = if self.eat(Kind::FOR) { self.word_or_string()? } else { TextId::NONE };
        self.expect(Kind::ON)?;
        let (objtype, object) = match self.kind() {
            Kind::COLUMN => {
                self.bump();
                (o::OBJECT_COLUMN, self.any_name_node()?)
            }
            Kind::LARGE => {
                self.bump();
                self.expect(Kind::OBJECT)?;
                (o::OBJECT_LARGEOBJECT, self.numeric_only()?)
            }
            _ => self.object_named()?,
        };
        self.expect(Kind::IS)?;
        let label = if self.eat(Kind::NULL) { TextId::NONE } else { self.sconst()? };
        Ok(mk!(self, SecLabelStmt, first, {
            objtype: objtype, object: object, provider: provider.0, label: label.0
        }))
    }

    // ---- DROP ----

    /// Every DROP.
    pub(crate) fn drop_stmt(&mut self) -> R {
        let first = self.here();
        self.expect(Kind::DROP)?;
        match self.kind() {
            Kind::USER if self.peek(1) == Kind::MAPPING && matches!(self.peek(2), Kind::FOR | Kind::IF) => {
                self.at += 2;
                let missing_ok = self.is(Kind::IF);
                if missing_ok {
                    self.expect_all(&[Kind::IF, Kind::EXISTS])?;
                }
                let (user, server) = self.mapping_of()?;
                Ok(mk!(self, DropUserMappingStmt, first, {
                    user: user, servername: server.0, missing_ok: u32::from(missing_ok)
                }))
            }
            Kind::ROLE | Kind::USER | Kind::GROUP => {
                self.bump();
                let missing_ok = self.opt_if_exists()?;
                let roles = self.role_list()?;
                Ok(mk!(self, DropRoleStmt, first, { roles: roles, missing_ok: u32::from(missing_ok) }))
            }
            Kind::DATABASE => self.drop_database(first),
            Kind::TABLESPACE => {
                self.bump();
                let missing_ok = self.opt_if_exists()?;
                let name = self.col_id()?;
                Ok(mk!(self, DropTableSpaceStmt, first, {
                    tablespacename: name.0, missing_ok: u32::from(missing_ok)
                }))
            }
            Kind::SUBSCRIPTION => {
                self.bump();
                let missing_ok = self.opt_if_exists()?;
                let name = self.col_id()?;
                let behavior = self.opt_drop_behavior();
                Ok(mk!(self, DropSubscriptionStmt, first, {
                    subname: name.0, missing_ok: u32::from(missing_ok), behavior: behavior
                }))
            }
            Kind::OWNED => {
                self.bump();
                self.expect(Kind::BY)?;
                let roles = self.role_list()?;
                let behavior = self.opt_drop_behavior();
                Ok(mk!(self, DropOwnedStmt, first, { roles: roles, behavior: behavior }))
            }
            _ => self.drop_objects(first),
        }
    }

    fn drop_database(&mut self, first: u32) -> R {
        self.bump();
        let missing_ok = self.opt_if_exists()?;
        let name = self.col_id()?;
        let mut options = 0;
        if matches!(self.kind(), Kind::WITH | Kind::WITH_LA | Kind::LPAREN) {
            self.opt_with();
            options = self.paren_list(|p| {
                let first = p.at;
                p.expect(Kind::FORCE)?;
                Ok(p.def("force", 0, first))
            })?;
        }
        Ok(mk!(self, DropdbStmt, first, {
            dbname: name.0, missing_ok: u32::from(missing_ok), options: options
        }))
    }

    /// A DROP that gives a `DropStmt`.
    fn drop_objects(&mut self, first: u32) -> R {
        let kind = self.kind();
        let parts = match kind {
            Kind::CAST | Kind::TRANSFORM => Some(self.drop_with_parts(kind)?),
            Kind::OPERATOR => self.drop_operator_class()?,
            _ => None,
        };
        let mut concurrent = false;
        let (removed, missing_ok, objects) = match parts {
            Some(found) => found,
            None => match self.type_on_relation() {
                Some(objtype) => {
                    let missing_ok = self.opt_if_exists()?;
                    let object = self.name_on_relation()?;
                    (objtype, missing_ok, self.list(&[object]))
                }
                None => {
                    concurrent = kind == Kind::INDEX && self.peek(1) == Kind::CONCURRENTLY;
                    self.drop_list(kind, concurrent)?
                }
            },
        };
        let behavior = self.opt_drop_behavior();
        Ok(mk!(self, DropStmt, first, {
            objects: objects, removeType: removed, behavior: behavior, missing_ok: u32::from(missing_ok),
            concurrent: u32::from(concurrent)
        }))
    }

    /// Lists of names, types, functions: the type, whether they may be missing, the list.
    fn drop_list(&mut self, kind: Kind, concurrent: bool) -> R<(u32, bool, u32)> {
        let is_typed = matches!(
            kind,
            Kind::TYPE
                | Kind::DOMAIN
                | Kind::AGGREGATE
                | Kind::FUNCTION
                | Kind::PROCEDURE
                | Kind::ROUTINE
                | Kind::OPERATOR
        );
        if is_typed {
            self.bump();
        }
        let rule: (u32, fn(&mut Self) -> R) = match kind {
            Kind::TYPE => (o::OBJECT_TYPE, Self::typename),
            Kind::DOMAIN => (o::OBJECT_DOMAIN, Self::typename),
            Kind::AGGREGATE => (o::OBJECT_AGGREGATE, Self::aggregate_with_argtypes),
            Kind::FUNCTION => (o::OBJECT_FUNCTION, Self::function_with_argtypes),
            Kind::PROCEDURE => (o::OBJECT_PROCEDURE, Self::function_with_argtypes),
            Kind::ROUTINE => (o::OBJECT_ROUTINE, Self::function_with_argtypes),
            Kind::OPERATOR => (o::OBJECT_OPERATOR, Self::operator_with_argtypes),
            _ => match self.object_type()? {
                Some(Named::Qualified(objtype)) => (objtype, Self::any_name_node),
                Some(Named::Plain(objtype)) => (objtype, |p| Ok(p.col_id()?.node())),
                None => return Err(self.unexpected()),
            },
        };
        if concurrent {
            self.bump();
        }
        let missing_ok = self.opt_if_exists()?;
        Ok((rule.0, missing_ok, self.comma_list(rule.1)?))
    }

    /// `DROP CAST`, `DROP TRANSFORM`.
    fn drop_with_parts(&mut self, kind: Kind) -> R<(u32, bool, u32)> {
        self.bump();
        let missing_ok = self.is(Kind::IF);
        if missing_ok {
            self.expect_all(&[Kind::IF, Kind::EXISTS])?;
        }
        let (objtype, object) = if kind == Kind::CAST { self.cast_here()? } else { self.transform_here()? };
        Ok((objtype, missing_ok, self.list(&[object])))
    }

    /// `DROP OPERATOR CLASS | FAMILY`.
    fn drop_operator_class(&mut self) -> R<Option<(u32, bool, u32)>> {
        let objtype = match self.peek(1) {
            _ if self.peek(2) == Kind::DOT => return Ok(None),
            Kind::CLASS => o::OBJECT_OPCLASS,
            Kind::FAMILY => o::OBJECT_OPFAMILY,
            _ => return Ok(None),
        };
        self.at += 2;
        let missing_ok = self.opt_if_exists()?;
        let first = self.here();
        let list = self.name_using_method()?;
        let object = self.list_node(list, first);
        Ok(Some((objtype, missing_ok, self.list(&[object]))))
    }

    /// `REASSIGN OWNED BY …`.
    pub(crate) fn reassign_owned_stmt(&mut self) -> R {
        let first = self.here();
        self.expect_all(&[Kind::REASSIGN, Kind::OWNED, Kind::BY])?;
        let roles = self.role_list()?;
        self.expect(Kind::TO)?;
        let new = self.role_spec()?;
        Ok(mk!(self, ReassignOwnedStmt, first, { roles: roles, newrole: new }))
    }
}
