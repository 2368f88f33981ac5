//! The parser: statements into tables and user types with types by name, then those names resolved.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::lexer::{Lexer, Token};
use super::{ColumnSchema, DroppedColumn, SchemaError, TableSchema};
use crate::limits::{SCHEMA_LEN_MAX, SCHEMA_TYPE_PARTS_MAX, TYPE_DEPTH_MAX};
use crate::types::{CqlType, Native, UserType};

/// A type by name.
#[derive(Clone, Debug)]
struct TypeName {
    at: usize,
    name: String,
    is_quoted: bool,
    arguments: Vec<TypeName>,
    dimension: Option<u32>,
}

type Field = (String, TypeName);

#[derive(Debug)]
struct User {
    keyspace: String,
    name: String,
    fields: Vec<Field>,
}

#[derive(Debug, Default)]
struct Table {
    keyspace: Option<String>,
    name: String,
    columns: Vec<Field>,
    statics: Vec<String>,
    partition_key: Vec<String>,
    clustering: Vec<String>,
    descending: Vec<String>,
    dropped: Vec<DroppedColumn>,
}

struct Parser<'t> {
    lexer: Lexer<'t>,
    users: Vec<User>,
    tables: Vec<Table>,
}

pub(super) fn parse(text: &str) -> Result<Vec<TableSchema>, SchemaError> {
    if text.len() > SCHEMA_LEN_MAX {
        return Err(SchemaError::Limit { at: SCHEMA_LEN_MAX });
    }
    let mut parser = Parser { lexer: Lexer::new(text), users: Vec::new(), tables: Vec::new() };
    while parser.statement()? {}
    let mut parts_left = SCHEMA_TYPE_PARTS_MAX;
    parser.tables.iter().map(|table| parser.resolve_table(table, &mut parts_left)).collect()
}

impl Parser<'_> {
    fn peek(&self) -> Result<(usize, Token), SchemaError> {
        self.lexer.clone().next()
    }

    fn take_word(&mut self, word: &str) -> Result<bool, SchemaError> {
        let found = matches!(self.peek()?.1, Token::Word(found) if found == word);
        if found {
            self.lexer.next()?;
        }
        Ok(found)
    }

    fn take_symbol(&mut self, symbol: char) -> Result<bool, SchemaError> {
        let found = self.peek()?.1 == Token::Symbol(symbol);
        if found {
            self.lexer.next()?;
        }
        Ok(found)
    }

    fn expect_word(&mut self, word: &str) -> Result<(), SchemaError> {
        let at = self.lexer.skip();
        if self.take_word(word)? { Ok(()) } else { Err(SchemaError::Syntax { at }) }
    }

    fn expect_symbol(&mut self, symbol: char) -> Result<(), SchemaError> {
        let at = self.lexer.skip();
        if self.take_symbol(symbol)? { Ok(()) } else { Err(SchemaError::Syntax { at }) }
    }

    fn name(&mut self) -> Result<String, SchemaError> {
        match self.lexer.next()? {
            (_, Token::Word(name) | Token::Name(name)) => Ok(name),
            (at, _) => Err(SchemaError::Syntax { at }),
        }
    }

    /// A name and, before a dot, its keyspace.
    fn qualified(&mut self) -> Result<(Option<String>, String), SchemaError> {
        let first = self.name()?;
        if self.take_symbol('.')? { Ok((Some(first), self.name()?)) } else { Ok((None, first)) }
    }

    fn if_exists(&mut self) -> Result<(), SchemaError> {
        if self.take_word("if")? {
            self.take_word("not")?;
            self.expect_word("exists")?;
        }
        Ok(())
    }

    /// One statement with its semicolon; false at the end.
    fn statement(&mut self) -> Result<bool, SchemaError> {
        if self.peek()?.1 == Token::End {
            return Ok(false);
        }
        if self.take_word("create")? {
            if self.take_word("type")? {
                self.create_type()?;
            } else if self.take_word("table")? || self.take_word("columnfamily")? {
                self.create_table()?;
            }
        } else if self.take_word("alter")? {
            if self.take_word("type")? {
                self.alter_type()?;
            } else if self.take_word("table")? || self.take_word("columnfamily")? {
                self.alter_table()?;
            }
        }
        loop {
            match self.lexer.next()?.1 {
                Token::Symbol(';') => return Ok(true),
                Token::End => return Ok(false),
                _ => {}
            }
        }
    }

    fn create_type(&mut self) -> Result<(), SchemaError> {
        self.if_exists()?;
        let (keyspace, name) = self.qualified()?;
        self.expect_symbol('(')?;
        let mut fields = Vec::new();
        loop {
            fields.push((self.name()?, self.type_name()?));
            if !self.take_symbol(',')? {
                break;
            }
        }
        self.expect_symbol(')')?;
        self.users.push(User { keyspace: keyspace.unwrap_or_default(), name, fields });
        Ok(())
    }

    fn alter_type(&mut self) -> Result<(), SchemaError> {
        self.if_exists()?;
        let at = self.lexer.skip();
        let (_, name) = self.qualified()?;
        let index = self.users.iter().position(|user| user.name == name);
        let index = index.ok_or(SchemaError::UnknownName { at })?;
        if self.take_word("add")? {
            self.if_exists()?;
            let field = (self.name()?, self.type_name()?);
            self.users[index].fields.push(field);
        } else if self.take_word("rename")? {
            self.if_exists()?;
            loop {
                let at = self.lexer.skip();
                let from = self.name()?;
                self.expect_word("to")?;
                let to = self.name()?;
                let field = self.users[index].fields.iter_mut().find(|field| field.0 == from);
                field.ok_or(SchemaError::UnknownName { at })?.0 = to;
                if !self.take_word("and")? {
                    break;
                }
            }
        }
        Ok(())
    }

    fn create_table(&mut self) -> Result<(), SchemaError> {
        self.if_exists()?;
        let (keyspace, name) = self.qualified()?;
        let mut table = Table { keyspace, name, ..Table::default() };
        self.expect_symbol('(')?;
        loop {
            self.table_element(&mut table)?;
            if !self.take_symbol(',')? {
                break;
            }
        }
        self.expect_symbol(')')?;
        if self.take_word("with")? {
            loop {
                if self.take_word("clustering")? {
                    self.expect_word("order")?;
                    self.expect_word("by")?;
                    self.clustering_order(&mut table)?;
                } else {
                    self.option()?;
                }
                if !self.take_word("and")? {
                    break;
                }
            }
        }
        self.tables.push(table);
        Ok(())
    }

    /// A column or the primary key.
    fn table_element(&mut self, table: &mut Table) -> Result<(), SchemaError> {
        if self.take_word("primary")? {
            self.expect_word("key")?;
            return self.primary_key(table);
        }
        let name = self.name()?;
        let of = self.type_name()?;
        if self.take_word("static")? {
            table.statics.push(name.clone());
        }
        if self.take_word("primary")? {
            self.expect_word("key")?;
            table.partition_key.push(name.clone());
        }
        table.columns.push((name, of));
        // Masks and whatever else a column may have.
        let mut depth = 0;
        loop {
            match self.peek()?.1 {
                Token::Symbol(',' | ')') if depth == 0 => return Ok(()),
                Token::Symbol('(') => depth += 1,
                Token::Symbol(')') => depth -= 1,
                Token::End => return Err(SchemaError::Syntax { at: self.lexer.skip() }),
                _ => {}
            }
            self.lexer.next()?;
        }
    }

    fn primary_key(&mut self, table: &mut Table) -> Result<(), SchemaError> {
        self.expect_symbol('(')?;
        if self.take_symbol('(')? {
            loop {
                table.partition_key.push(self.name()?);
                if !self.take_symbol(',')? {
                    break;
                }
            }
            self.expect_symbol(')')?;
        } else {
            table.partition_key.push(self.name()?);
        }
        while self.take_symbol(',')? {
            table.clustering.push(self.name()?);
        }
        self.expect_symbol(')')
    }

    fn clustering_order(&mut self, table: &mut Table) -> Result<(), SchemaError> {
        self.expect_symbol('(')?;
        loop {
            let name = self.name()?;
            if self.take_word("desc")? {
                table.descending.push(name);
            } else {
                self.take_word("asc")?;
            }
            if !self.take_symbol(',')? {
                break;
            }
        }
        self.expect_symbol(')')
    }

    /// An option of a table, passed over up to `AND` or the end of the statement.
    fn option(&mut self) -> Result<(), SchemaError> {
        loop {
            match self.peek()?.1 {
                Token::Word(word) if word == "and" => return Ok(()),
                Token::Symbol(';') | Token::End => return Ok(()),
                _ => drop(self.lexer.next()?),
            }
        }
    }

    fn alter_table(&mut self) -> Result<(), SchemaError> {
        self.if_exists()?;
        let at = self.lexer.skip();
        let (_, name) = self.qualified()?;
        let index = self.tables.iter().position(|table| table.name == name);
        let index = index.ok_or(SchemaError::UnknownName { at })?;
        if self.take_word("add")? {
            self.if_exists()?;
            let is_list = self.take_symbol('(')?;
            loop {
                let (name, of) = (self.name()?, self.type_name()?);
                let is_static = self.take_word("static")?;
                let table = &mut self.tables[index];
                if is_static {
                    table.statics.push(name.clone());
                }
                table.columns.push((name, of));
                if !self.take_symbol(',')? {
                    break;
                }
            }
            return if is_list { self.expect_symbol(')') } else { Ok(()) };
        }
        if self.take_word("drop")? {
            return self.drop_columns(index);
        }
        if self.take_word("rename")? {
            self.if_exists()?;
            let from = self.name()?;
            self.expect_word("to")?;
            let to = self.name()?;
            let table = &mut self.tables[index];
            let names = table.columns.iter_mut().map(|column| &mut column.0);
            let lists = [&mut table.partition_key, &mut table.clustering, &mut table.descending];
            let keys = lists.into_iter().flatten();
            names.chain(keys).filter(|name| **name == from).for_each(|name| name.clone_from(&to));
        }
        Ok(())
    }

    fn drop_columns(&mut self, index: usize) -> Result<(), SchemaError> {
        self.if_exists()?;
        let is_list = self.take_symbol('(')?;
        let mut names = vec![self.name()?];
        while self.take_symbol(',')? {
            names.push(self.name()?);
        }
        if is_list {
            self.expect_symbol(')')?;
        }
        // Without a timestamp it is the moment of the statement, which nobody wrote down.
        let mut dropped_at = i64::MAX;
        if self.take_word("using")? {
            self.expect_word("timestamp")?;
            let (at, token) = self.lexer.next()?;
            let Token::Number(number) = token else { return Err(SchemaError::Syntax { at }) };
            dropped_at = number;
        }
        let table = &mut self.tables[index];
        table.columns.retain(|column| !names.contains(&column.0));
        table.statics.retain(|name| !names.contains(name));
        table.dropped.extend(names.into_iter().map(|name| DroppedColumn { name, dropped_at }));
        Ok(())
    }

    /// A type: an explicit stack of open angle brackets.
    fn type_name(&mut self) -> Result<TypeName, SchemaError> {
        let mut open: Vec<TypeName> = Vec::new();
        loop {
            let mut of = self.type_head()?;
            if self.take_symbol('<')? {
                if open.len() == TYPE_DEPTH_MAX {
                    return Err(SchemaError::Limit { at: of.at });
                }
                open.push(of);
                continue;
            }
            loop {
                let Some(mut top) = open.pop() else { return Ok(of) };
                top.arguments.push(of);
                let at = self.lexer.skip();
                if self.take_symbol('>')? {
                    of = top;
                    continue;
                }
                self.expect_symbol(',')?;
                if top.name == "vector" {
                    let (at, token) = self.lexer.next()?;
                    let Token::Number(count) = token else { return Err(SchemaError::Syntax { at }) };
                    let count = u32::try_from(count).ok().filter(|count| *count > 0);
                    top.dimension = Some(count.ok_or(SchemaError::Syntax { at })?);
                    self.expect_symbol('>')?;
                    of = top;
                    continue;
                }
                if top.arguments.len() > SCHEMA_TYPE_PARTS_MAX {
                    return Err(SchemaError::Limit { at });
                }
                open.push(top);
                break;
            }
        }
    }

    fn type_head(&mut self) -> Result<TypeName, SchemaError> {
        let (at, token) = self.lexer.next()?;
        let (mut name, mut is_quoted) = match token {
            Token::Word(name) => (name, false),
            Token::Name(name) => (name, true),
            Token::Text(class) => (class, true),
            _ => return Err(SchemaError::Syntax { at }),
        };
        if self.take_symbol('.')? {
            name = self.name()?;
            is_quoted = true;
        }
        Ok(TypeName { at, name, is_quoted, arguments: Vec::new(), dimension: None })
    }

    fn resolve_table(&self, table: &Table, parts_left: &mut usize) -> Result<TableSchema, SchemaError> {
        let mut out = TableSchema {
            keyspace: table.keyspace.clone(),
            name: table.name.clone(),
            dropped: table.dropped.clone(),
            ..TableSchema::default()
        };
        let mut column = |name: &String| {
            let of = table.columns.iter().find(|column| column.0 == *name);
            let of = &of.ok_or(SchemaError::UnknownName { at: 0 })?.1;
            Ok(ColumnSchema { name: name.clone(), cql_type: self.resolve(of, 0, parts_left)? })
        };
        for name in &table.partition_key {
            out.partition_key.push(column(name)?);
        }
        for name in &table.clustering {
            let mut resolved = column(name)?;
            if table.descending.contains(name) {
                resolved.cql_type = CqlType::Reversed(Box::new(resolved.cql_type));
            }
            out.clustering.push(resolved);
        }
        let is_key = |name: &String| table.partition_key.contains(name) || table.clustering.contains(name);
        for (name, _) in table.columns.iter().filter(|(name, _)| !is_key(name)) {
            let resolved = column(name)?;
            let list = if table.statics.contains(name) { &mut out.statics } else { &mut out.regulars };
            list.push(resolved);
        }
        Ok(out)
    }

    /// Recursion is bounded by `TYPE_DEPTH_MAX`, and `parts_left` bounds what user types that use others twice grow to.
    fn resolve(&self, of: &TypeName, depth: usize, parts_left: &mut usize) -> Result<CqlType, SchemaError> {
        let limit = SchemaError::Limit { at: of.at };
        if depth == TYPE_DEPTH_MAX {
            return Err(limit);
        }
        *parts_left = parts_left.checked_sub(1).ok_or(limit)?;
        if !of.is_quoted
            && of.arguments.is_empty()
            && let Some(native) = Native::by_cql(&of.name)
        {
            return Ok(CqlType::Native(native));
        }
        let mut arguments = Vec::new();
        for argument in &of.arguments {
            arguments.push(self.resolve(argument, depth + 1, parts_left)?);
        }
        let mut boxed = arguments.into_iter().map(Box::new);
        let unknown = SchemaError::UnknownType { at: of.at };
        match (if of.is_quoted { "" } else { &of.name[..] }, of.arguments.len()) {
            ("tuple", 1..) => Ok(CqlType::Tuple(boxed.map(|argument| *argument).collect())),
            ("map", 2) => match (boxed.next(), boxed.next()) {
                (Some(key), Some(value)) => Ok(CqlType::Map(key, value)),
                _ => Err(unknown),
            },
            (name, 1) => {
                let inner = boxed.next().ok_or(unknown)?;
                match (name, of.dimension) {
                    ("list", None) => Ok(CqlType::List(inner)),
                    ("set", None) => Ok(CqlType::Set(inner)),
                    // What is never multi-cell is not marked in files either.
                    ("frozen", None) if !inner.is_multi_cell() => Ok(*inner),
                    ("frozen", None) => Ok(CqlType::Frozen(inner)),
                    ("vector", Some(count)) => Ok(CqlType::Vector(inner, count)),
                    _ => Err(unknown),
                }
            }
            (_, 0) => self.resolve_user(of, depth, parts_left),
            _ => Err(unknown),
        }
    }

    fn resolve_user(
        &self,
        of: &TypeName,
        depth: usize,
        parts_left: &mut usize,
    ) -> Result<CqlType, SchemaError> {
        let Some(user) = self.users.iter().find(|user| user.name == of.name) else {
            // A type without a name in CQL is quoted by its class.
            return CqlType::parse(&of.name).map_err(|_| SchemaError::UnknownType { at: of.at });
        };
        let mut fields = Vec::new();
        for (name, field) in &user.fields {
            fields.push((name.clone(), self.resolve(field, depth + 1, parts_left)?));
        }
        let (keyspace, name) = (user.keyspace.clone(), user.name.clone());
        Ok(CqlType::User(Box::new(UserType { keyspace, name, fields })))
    }
}
