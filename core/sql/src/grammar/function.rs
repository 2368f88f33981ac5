//! Functions, procedures and aggregates: CREATE, ALTER, and how others name them; casts and transforms.
//!
//! Source: `CreateFunctionStmt` to `AlterFunctionStmt`, `CreateCastStmt`, `CreateTransformStmt` in gram.y, PostgreSQL 18.

use crate::grammar::machine::{Frame, Next, St};
use crate::nodes::e::FunctionParameterMode as mode;
use crate::nodes::{Field, Tag, e};
use crate::parser::{Parser, R, got, mk, put};
use crate::token::Kind;
use crate::tree::TextId;
use crate::version::Version;

/// The arguments of an aggregate: all of them, and how many are direct (−1: it takes no order).
struct AggregateArgs {
    list: u32,
    direct: i32,
}

impl Parser<'_> {
    /// `CREATE [OR REPLACE] FUNCTION | PROCEDURE`, at that word.
    pub(crate) fn create_function(&mut self, first: u32, replace: bool) -> R {
        let is_procedure = self.is(Kind::PROCEDURE);
        self.bump();
        let name = self.func_name()?;
        let mut parameters = self.params_with_defaults()?;
        let mut returns = 0;
        if !is_procedure && self.is(Kind::RETURNS) && self.peek(1) != Kind::NULL {
            self.bump();
            if self.is(Kind::TABLE) {
                let loc = self.loc();
                let columns = self.table_func_columns()?;
                parameters = self.merge_table_columns(parameters, columns)?;
                returns = self.table_func_type(columns, loc);
            } else {
                returns = self.func_type()?;
            }
        }
        let options = self.function_options(true)?;
        let body = if self.is(Kind::RETURN) { self.return_stmt()? } else { 0 };
        Ok(mk!(self, CreateFunctionStmt, first, {
            is_procedure: u32::from(is_procedure), replace: u32::from(replace), funcname: name, parameters: parameters,
            returnType: returns, options: options, sql_body: body
        }))
    }

    /// `TABLE ( table_func_column_list )`, at TABLE.
    fn table_func_columns(&mut self) -> R {
        self.bump();
        self.paren_list(|p| {
            let (first, loc) = (p.here(), p.loc());
            let name = p.type_function_name()?;
            let arg_type = p.func_type()?;
            Ok(mk!(p, FunctionParameter, first, {
                name: name.0, argType: arg_type, mode: mode::FUNC_PARAM_TABLE, location: loc
            }))
        })
    }

    /// `mergeTableFuncParameters`.
    fn merge_table_columns(&mut self, parameters: u32, columns: u32) -> R {
        for index in 0..self.tree.items(parameters).len() {
            let parameter = self.tree.items(parameters)[index];
            let found = got!(self, parameter, FunctionParameter.mode);
            if !matches!(found, mode::FUNC_PARAM_DEFAULT | mode::FUNC_PARAM_IN | mode::FUNC_PARAM_VARIADIC) {
                let loc = self.newer_place(got!(self, parameter, FunctionParameter.location));
                return Err(
                    self.refuse_syntax(loc, "OUT and INOUT arguments aren't allowed in TABLE functions")
                );
            }
        }
        Ok(self.list_concat(parameters, columns))
    }

    /// `TableFuncTypeName`.
    fn table_func_type(&mut self, columns: u32, loc: u32) -> u32 {
        let items = self.tree.items(columns);
        let type_name = match *items {
            [only] => {
                let arg_type = got!(self, only, FunctionParameter.argType);
                self.copy_of(arg_type)
            }
            _ => {
                let first = self.first_of(items[0]);
                self.system_type("record", loc, first)
            }
        };
        put!(self, type_name, TypeName.setof, 1);
        put!(self, type_name, TypeName.location, loc);
        type_name
    }

    /// A node with the same fields.
    fn copy_of(&mut self, node: u32) -> u32 {
        let Some(tag) = self.tree.tag(node) else { return node };
        let copy = self.node(tag, self.first_of(node));
        for offset in crate::nodes::HEAD - 1..crate::nodes::HEAD + tag.shape().fields.len() as u32 {
            let word = self.tree.get(node, offset);
            self.tree.set(copy, offset, word);
        }
        copy
    }

    /// `func_args_with_defaults`.
    fn params_with_defaults(&mut self) -> R {
        self.params(|p| {
            let node = p.parameter()?;
            if p.eat(Kind::DEFAULT) || p.eat(Kind::EQUALS) {
                let value = p.a_expr()?;
                put!(p, node, FunctionParameter.defexpr, value);
                p.tree.set(node, 2, p.at as u32);
            }
            Ok(node)
        })
    }

    /// `( )` or `( rule, … )`.
    fn params(&mut self, rule: impl FnMut(&mut Self) -> R) -> R {
        self.expect(Kind::LPAREN)?;
        if self.eat(Kind::RPAREN) {
            return Ok(0);
        }
        let list = self.comma_list(rule)?;
        self.expect(Kind::RPAREN)?;
        Ok(list)
    }

    /// `func_arg`: a `FunctionParameter`.
    fn parameter(&mut self) -> R {
        let (first, loc) = (self.here(), self.loc());
        let mut found = self.arg_class();
        let mut name = TextId::NONE;
        if self.at_param_name() {
            name = self.type_function_name()?;
            if found.is_none() {
                found = self.arg_class();
            }
        }
        let arg_type = self.func_type()?;
        let found = found.unwrap_or(mode::FUNC_PARAM_DEFAULT);
        Ok(
            mk!(self, FunctionParameter, first, { name: name.0, argType: arg_type, mode: found, location: loc }),
        )
    }

    /// `arg_class`.
    fn arg_class(&mut self) -> Option<u32> {
        if self.eat(Kind::IN) {
            let both = self.eat(Kind::OUT);
            return Some(if both { mode::FUNC_PARAM_INOUT } else { mode::FUNC_PARAM_IN });
        }
        let found = match self.kind() {
            Kind::OUT => mode::FUNC_PARAM_OUT,
            Kind::INOUT => mode::FUNC_PARAM_INOUT,
            Kind::VARIADIC => mode::FUNC_PARAM_VARIADIC,
            _ => return None,
        };
        self.bump();
        Some(found)
    }

    /// Whether a parameter's name stands here, and not the type of one without a name: another word must follow.
    fn at_param_name(&self) -> bool {
        if !self.kind().is_type_function_name() {
            return false;
        }
        let next = self.peek(1);
        let begins_type = next.is_type_function_name() || begins_special_type(next);
        let begins_class = matches!(next, Kind::IN | Kind::OUT | Kind::INOUT | Kind::VARIADIC);
        begins_class || begins_type
    }

    /// `function_with_argtypes`: an `ObjectWithArgs`.
    pub(crate) fn function_with_argtypes(&mut self) -> R {
        let first = self.here();
        let kind = self.kind();
        if !kind.is_col_id() && !kind.is_type_function_name() {
            return Err(self.unexpected());
        }
        let name = self.this_token();
        let mut names = self.list(&[name.node()]);
        if matches!(self.kind(), Kind::DOT | Kind::LBRACKET) {
            if !kind.is_col_id() {
                return Err(self.unexpected());
            }
            names = self.name_and_rest(name)?;
        } else if self.is(Kind::LPAREN) && !kind.is_type_function_name() {
            return Err(self.unexpected());
        }
        if !self.is(Kind::LPAREN) {
            return Ok(mk!(self, ObjectWithArgs, first, { objname: names, args_unspecified: 1 }));
        }
        let parameters = self.params(Self::parameter)?;
        let types = self.arg_types(parameters);
        Ok(mk!(self, ObjectWithArgs, first, { objname: names, objargs: types, objfuncargs: parameters }))
    }

    /// `extractArgTypes`.
    fn arg_types(&mut self, parameters: u32) -> u32 {
        let mark = self.mark();
        for index in 0..self.tree.items(parameters).len() {
            let parameter = self.tree.items(parameters)[index];
            let found = got!(self, parameter, FunctionParameter.mode);
            if !matches!(found, mode::FUNC_PARAM_OUT | mode::FUNC_PARAM_TABLE) {
                let arg_type = got!(self, parameter, FunctionParameter.argType);
                self.item(arg_type);
            }
        }
        self.list_from(mark)
    }

    /// `aggregate_with_argtypes`: an `ObjectWithArgs`.
    pub(crate) fn aggregate_with_argtypes(&mut self) -> R {
        let first = self.here();
        let names = self.func_name()?;
        let args = self.aggregate_args()?;
        let types = self.arg_types(args.list);
        Ok(mk!(self, ObjectWithArgs, first, { objname: names, objargs: types, objfuncargs: args.list }))
    }

    /// `aggr_args`.
    fn aggregate_args(&mut self) -> R<AggregateArgs> {
        self.expect(Kind::LPAREN)?;
        if self.eat(Kind::STAR) {
            self.expect(Kind::RPAREN)?;
            return Ok(AggregateArgs { list: 0, direct: -1 });
        }
        let mut args = AggregateArgs { list: 0, direct: 0 };
        if !self.is(Kind::ORDER) {
            args.list = self.comma_list(Self::aggregate_arg)?;
            args.direct = -1;
        }
        if self.eat(Kind::ORDER) {
            self.expect(Kind::BY)?;
            let ordered = self.comma_list(Self::aggregate_arg)?;
            self.expect(Kind::RPAREN)?;
            return if args.list == 0 {
                Ok(AggregateArgs { list: ordered, direct: 0 })
            } else {
                self.ordered_set_args(args.list, ordered)
            };
        }
        self.expect(Kind::RPAREN)?;
        Ok(args)
    }

    /// `makeOrderedSetArgs`.
    fn ordered_set_args(&mut self, direct: u32, mut ordered: u32) -> R<AggregateArgs> {
        let count = self.tree.items(direct).len();
        let last = self.tree.items(direct)[count - 1];
        if got!(self, last, FunctionParameter.mode) == mode::FUNC_PARAM_VARIADIC {
            let items = self.tree.items(ordered);
            let (head, len) = (items[0], items.len());
            let is_variadic = got!(self, head, FunctionParameter.mode) == mode::FUNC_PARAM_VARIADIC;
            let types = [last, head].map(|p| got!(self, p, FunctionParameter.argType));
            if len != 1 || !is_variadic || !self.same(types[0], types[1]) {
                let loc = if self.version >= Version::V18 {
                    got!(self, head, FunctionParameter.location)
                } else {
                    got!(self, types[1], TypeName.location)
                };
                let message = "an ordered-set aggregate with a VARIADIC direct argument must have one VARIADIC \
                               aggregated argument of the same data type";
                return Err(self.refuse_feature(loc, message));
            }
            ordered = 0;
        }
        Ok(AggregateArgs { list: self.list_concat(direct, ordered), direct: count as i32 })
    }

    /// `equal`: whether two words stand for equal nodes, wherever they stand in the text. Types nest no deeper than the text does.
    fn same(&self, left: u32, right: u32) -> bool {
        let mut pairs = alloc::vec![(left, right)];
        while let Some((left, right)) = pairs.pop() {
            let (Some(tag), Some(other)) = (self.tree.tag(left), self.tree.tag(right)) else {
                if left != right {
                    return false;
                }
                continue;
            };
            if tag != other {
                return false;
            }
            if tag == Tag::String {
                if self.read(self.string_of(left)) != self.read(self.string_of(right)) {
                    return false;
                }
                continue;
            }
            for (index, def) in tag.shape().fields.iter().enumerate() {
                let offset = crate::nodes::HEAD + index as u32;
                let (a, b) = (self.tree.get(left, offset), self.tree.get(right, offset));
                match def.field {
                    Field::Loc => {}
                    Field::Node | Field::Spec(_) => pairs.push((a, b)),
                    Field::List => {
                        let (a, b) = (self.tree.items(a), self.tree.items(b));
                        if a.len() != b.len() {
                            return false;
                        }
                        pairs.extend(a.iter().copied().zip(b.iter().copied()));
                    }
                    Field::Str if self.read(TextId(a)) != self.read(TextId(b)) => return false,
                    Field::Str => {}
                    _ if a != b => return false,
                    _ => {}
                }
            }
        }
        true
    }

    /// `aggr_arg`.
    fn aggregate_arg(&mut self) -> R {
        let loc = self.loc();
        let node = self.parameter()?;
        let found = got!(self, node, FunctionParameter.mode);
        if matches!(found, mode::FUNC_PARAM_DEFAULT | mode::FUNC_PARAM_IN | mode::FUNC_PARAM_VARIADIC) {
            return Ok(node);
        }
        Err(self.refuse_feature(loc, "aggregates cannot have output arguments"))
    }

    /// `CREATE [OR REPLACE] AGGREGATE`, at that word.
    pub(crate) fn create_aggregate(&mut self, first: u32, replace: bool) -> R {
        self.bump();
        let names = self.func_name()?;
        // An old-style definition has a setting right behind the parenthesis.
        let old = self.is(Kind::LPAREN) && self.peek(1) == Kind::IDENT && self.peek(2) == Kind::EQUALS;
        let kind = e::ObjectType::OBJECT_AGGREGATE;
        if old {
            let definition = self.paren_list(|p| {
                let first = p.at;
                let name = p.ident()?;
                p.expect(Kind::EQUALS)?;
                let value = p.def_arg()?;
                Ok(p.def_named(name, value, first))
            })?;
            return Ok(mk!(self, DefineStmt, first, {
                kind: kind, oldstyle: 1, defnames: names, definition: definition, replace: u32::from(replace)
            }));
        }
        let at = self.here();
        let args = self.aggregate_args()?;
        let list = if args.list == 0 { 0 } else { self.list_node(args.list, at) };
        let direct = self.integer(args.direct, at);
        let args = self.list(&[list, direct]);
        let definition = self.definition()?;
        Ok(mk!(self, DefineStmt, first, {
            kind: kind, defnames: names, args: args, definition: definition, replace: u32::from(replace)
        }))
    }

    /// `opt_createfunc_opt_list`, or `alterfunc_opt_list` (which must hold one at least).
    fn function_options(&mut self, create: bool) -> R {
        let mark = self.mark();
        loop {
            let option = match self.function_option()? {
                Some(option) => option,
                None if create => match self.create_function_option()? {
                    Some(option) => option,
                    None => return Ok(self.list_from(mark)),
                },
                None if self.mark() == mark => return Err(self.unexpected()),
                None => return Ok(self.list_from(mark)),
            };
            self.item(option);
        }
    }

    /// `common_func_opt_item`.
    fn function_option(&mut self) -> R<Option<u32>> {
        let first = self.at;
        let kind = self.kind();
        let fixed = |p: &mut Self, words: &[Kind]| p.expect_all(words);
        let node = match kind {
            Kind::CALLED => {
                fixed(self, &[Kind::CALLED, Kind::ON, Kind::NULL, Kind::INPUT])?;
                self.def_bool("strict", false, first)
            }
            Kind::RETURNS => {
                fixed(self, &[Kind::RETURNS, Kind::NULL, Kind::ON, Kind::NULL, Kind::INPUT])?;
                self.def_bool("strict", true, first)
            }
            Kind::STRICT => {
                self.bump();
                self.def_bool("strict", true, first)
            }
            Kind::IMMUTABLE | Kind::STABLE | Kind::VOLATILE => {
                let word = self.this_token();
                let value = alloc::string::String::from(&*self.read(word)).to_ascii_lowercase();
                let value = self.lit_node(&value);
                self.def("volatility", value, first)
            }
            Kind::EXTERNAL | Kind::SECURITY => {
                self.eat(Kind::EXTERNAL);
                self.expect(Kind::SECURITY)?;
                let definer = self.eat(Kind::DEFINER);
                if !definer {
                    self.expect(Kind::INVOKER)?;
                }
                self.def_bool("security", definer, first)
            }
            Kind::LEAKPROOF => {
                self.bump();
                self.def_bool("leakproof", true, first)
            }
            Kind::NOT => {
                self.bump();
                self.expect(Kind::LEAKPROOF)?;
                self.def_bool("leakproof", false, first)
            }
            Kind::COST | Kind::ROWS => {
                self.bump();
                let value = self.numeric_only()?;
                self.def(if kind == Kind::COST { "cost" } else { "rows" }, value, first)
            }
            Kind::SUPPORT => {
                self.bump();
                let name = self.any_name_node()?;
                self.def("support", name, first)
            }
            Kind::PARALLEL => {
                self.bump();
                let value = self.col_id()?;
                self.def("parallel", value.node(), first)
            }
            Kind::SET | Kind::RESET => {
                let set = self.set_reset_clause(false)?;
                self.def("set", set, first)
            }
            _ => return Ok(None),
        };
        Ok(Some(node))
    }

    /// What `createfunc_opt_item` has beside the common options.
    fn create_function_option(&mut self) -> R<Option<u32>> {
        let first = self.at;
        let node = match self.kind() {
            Kind::AS => {
                self.bump();
                let at = self.here();
                let mark = self.mark();
                let text = self.sconst()?;
                self.item(text.node());
                if self.eat(Kind::COMMA) {
                    let symbol = self.sconst()?;
                    self.item(symbol.node());
                }
                let list = self.list_from(mark);
                let list = self.list_node(list, at);
                self.def_with_loc("as", list, first, at as usize)
            }
            Kind::LANGUAGE => {
                self.bump();
                let quoted = self.is(Kind::SCONST);
                let name = self.word_or_string()?;
                if quoted {
                    self.def_with_loc("language", name.node(), first, first + 1)
                } else {
                    self.def("language", name.node(), first)
                }
            }
            Kind::TRANSFORM => {
                self.bump();
                let at = self.here();
                let types = self.comma_list(|p| {
                    p.expect_all(&[Kind::FOR, Kind::TYPE])?;
                    p.typename()
                })?;
                let types = self.list_node(types, at);
                self.def("transform", types, first)
            }
            Kind::WINDOW => {
                self.bump();
                self.def_bool("window", true, first)
            }
            _ => return Ok(None),
        };
        Ok(Some(node))
    }

    /// Behind a function's options: its statements begin, if it has any; `function` is its node.
    pub(crate) fn routine_body(&mut self, function: u32) -> R<Next> {
        let first = self.here();
        self.bump();
        self.expect(Kind::ATOMIC)?;
        self.next_body_stmt(Frame::new(St::Body, function, first, self.mark()))
    }

    pub(crate) fn body_stmt(&mut self, frame: Frame, stmt: u32) -> R<Next> {
        self.item(stmt);
        self.expect(Kind::SEMICOLON)?;
        self.next_body_stmt(frame)
    }

    /// `routine_body_stmt_list`, whose statements may be empty.
    fn next_body_stmt(&mut self, frame: Frame) -> R<Next> {
        while self.eat(Kind::SEMICOLON) {}
        if self.is(Kind::END) {
            return self.body_end(frame);
        }
        self.push(frame);
        if self.is(Kind::RETURN) { self.return_stmt().map(Next::Ret) } else { Ok(Next::Stmt) }
    }

    fn body_end(&mut self, frame: Frame) -> R<Next> {
        let list = self.list_from(frame.c);
        self.bump();
        // A body without statements is a list of one null.
        let list = if list == 0 { 0 } else { self.list_node(list, frame.b + 2) };
        let outer = self.list(&[list]);
        let body = self.list_node(outer, frame.b);
        // The statement again, behind its body.
        let function = self.copy_of(frame.a);
        put!(self, function, CreateFunctionStmt.sql_body, body);
        self.tree.set(function, 2, self.at as u32);
        Ok(Next::Ret(function))
    }

    /// `ReturnStmt`.
    fn return_stmt(&mut self) -> R {
        let first = self.here();
        self.bump();
        let value = self.a_expr()?;
        Ok(mk!(self, ReturnStmt, first, { returnval: value }))
    }

    /// `AlterFunctionStmt` behind the function.
    pub(crate) fn alter_function_options(&mut self, first: u32, objtype: u32, func: u32) -> R {
        let actions = self.function_options(false)?;
        self.eat(Kind::RESTRICT);
        Ok(mk!(self, AlterFunctionStmt, first, { objtype: objtype, func: func, actions: actions }))
    }

    /// `CREATE CAST`, at CAST.
    pub(crate) fn create_cast(&mut self, first: u32) -> R {
        self.bump();
        self.expect(Kind::LPAREN)?;
        let source = self.typename()?;
        self.expect(Kind::AS)?;
        let target = self.typename()?;
        self.expect(Kind::RPAREN)?;
        let (mut func, mut inout) = (0, false);
        if self.eat(Kind::WITHOUT) {
            self.expect(Kind::FUNCTION)?;
        } else {
            self.expect(Kind::WITH)?;
            inout = self.eat(Kind::INOUT);
            if !inout {
                self.expect(Kind::FUNCTION)?;
                func = self.function_with_argtypes()?;
            }
        }
        let mut context = e::CoercionContext::COERCION_EXPLICIT;
        if self.eat(Kind::AS) {
            context = if self.eat(Kind::IMPLICIT) {
                e::CoercionContext::COERCION_IMPLICIT
            } else {
                self.expect(Kind::ASSIGNMENT)?;
                e::CoercionContext::COERCION_ASSIGNMENT
            };
        }
        Ok(mk!(self, CreateCastStmt, first, {
            sourcetype: source, targettype: target, func: func, context: context, inout: u32::from(inout)
        }))
    }

    /// `CREATE [OR REPLACE] TRANSFORM`, at that word.
    pub(crate) fn create_transform(&mut self, first: u32, replace: bool) -> R {
        self.bump();
        self.expect(Kind::FOR)?;
        let type_name = self.typename()?;
        self.expect(Kind::LANGUAGE)?;
        let lang = self.col_id()?;
        self.expect(Kind::LPAREN)?;
        let (mut from, mut to) = (0, 0);
        let begins_from = self.is(Kind::FROM);
        for part in 0..2 {
            if part == 1 && !self.eat(Kind::COMMA) {
                break;
            }
            let is_from = begins_from == (part == 0);
            self.expect(if is_from { Kind::FROM } else { Kind::TO })?;
            self.expect_all(&[Kind::SQL, Kind::WITH, Kind::FUNCTION])?;
            let func = self.function_with_argtypes()?;
            *(if is_from { &mut from } else { &mut to }) = func;
        }
        self.expect(Kind::RPAREN)?;
        Ok(mk!(self, CreateTransformStmt, first, {
            replace: u32::from(replace), type_name: type_name, lang: lang.0, fromsql: from, tosql: to
        }))
    }
}

/// Words that begin a type and can be no function's name.
fn begins_special_type(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::SETOF
            | Kind::INT
            | Kind::INTEGER
            | Kind::SMALLINT
            | Kind::BIGINT
            | Kind::REAL
            | Kind::FLOAT
            | Kind::DECIMAL
            | Kind::DEC
            | Kind::NUMERIC
            | Kind::BOOLEAN
            | Kind::BIT
            | Kind::CHARACTER
            | Kind::CHAR
            | Kind::VARCHAR
            | Kind::NATIONAL
            | Kind::NCHAR
            | Kind::TIMESTAMP
            | Kind::TIME
            | Kind::INTERVAL
            | Kind::JSON
    )
}
