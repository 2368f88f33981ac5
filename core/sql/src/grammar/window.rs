//! Windows: OVER, WINDOW, PARTITION BY, frames.
//!
//! Source: `over_clause`, `window_definition` to `opt_window_exclusion_clause` in gram.y, PostgreSQL 18.

use crate::grammar::machine::{Frame, Next, St, item};
use crate::parser::{Parser, R, mk, put};
use crate::token::Kind;
use crate::tree::TextId;

/// Bits of `frameOptions`.
mod frame {
    pub const NONDEFAULT: u32 = 0x00001;
    pub const RANGE: u32 = 0x00002;
    pub const ROWS: u32 = 0x00004;
    pub const GROUPS: u32 = 0x00008;
    pub const BETWEEN: u32 = 0x00010;
    pub const START_UNBOUNDED_PRECEDING: u32 = 0x00020;
    pub const END_UNBOUNDED_PRECEDING: u32 = 0x00040;
    pub const START_UNBOUNDED_FOLLOWING: u32 = 0x00080;
    pub const START_CURRENT_ROW: u32 = 0x00200;
    pub const END_CURRENT_ROW: u32 = 0x00400;
    pub const START_OFFSET_PRECEDING: u32 = 0x00800;
    pub const END_OFFSET_PRECEDING: u32 = 0x01000;
    pub const START_OFFSET_FOLLOWING: u32 = 0x02000;
    pub const EXCLUDE_CURRENT_ROW: u32 = 0x08000;
    pub const EXCLUDE_GROUP: u32 = 0x10000;
    pub const EXCLUDE_TIES: u32 = 0x20000;
    pub const DEFAULTS: u32 = RANGE | START_UNBOUNDED_PRECEDING | END_CURRENT_ROW;
}

/// What a [`St::Window`] frame waits for.
pub(crate) mod step {
    pub const PARTITION: u8 = 0;
    pub const ORDER: u8 = 1;
    /// The only bound of a frame, both of them.
    pub const BOUND: u8 = 2;
    pub const START: u8 = 3;
    pub const END: u8 = 4;
}

impl Parser<'_> {
    /// `window_definition`.
    pub(crate) fn window_definition(&mut self) -> R<Next> {
        let first = self.here();
        let name = self.col_id()?;
        self.expect(Kind::AS)?;
        self.push(Frame::new(St::WindowName, first, name.0, 0));
        self.window_specification()
    }

    pub(crate) fn window_name(&mut self, frame: Frame, node: u32) -> Next {
        put!(self, node, WindowDef.name, frame.b);
        self.tree.set(node, 1, frame.a);
        Next::Ret(node)
    }

    /// `over_clause` for `then`, where there is one.
    pub(crate) fn over_clause(&mut self, then: Frame) -> R<Next> {
        self.push(then);
        if !self.eat(Kind::OVER) {
            return Ok(Next::Ret(0));
        }
        if self.is(Kind::LPAREN) {
            return self.window_specification();
        }
        let (first, loc) = (self.here(), self.loc());
        let name = self.col_id()?;
        Ok(Next::Ret(mk!(self, WindowDef, first, {
            name: name.0, frameOptions: frame::DEFAULTS, location: loc
        })))
    }

    /// `window_specification`.
    fn window_specification(&mut self) -> R<Next> {
        let first = self.here();
        self.expect(Kind::LPAREN)?;
        let mut refname = TextId::NONE;
        // These may begin the next clause, and then are no name.
        let clause = matches!(self.kind(), Kind::PARTITION | Kind::RANGE | Kind::ROWS | Kind::GROUPS);
        if self.kind().is_col_id() && !clause {
            refname = self.col_id()?;
        }
        let frame = Frame { op: step::PARTITION, ..Frame::new(St::Window, first, refname.0, self.mark()) };
        if self.eat(Kind::PARTITION) {
            self.expect(Kind::BY)?;
            return self.items(frame, item::EXPR);
        }
        self.window_clause(frame, 0)
    }

    /// A part of a window is complete. The partition, the keys, the frame's options, its first bound and where the bounds stand lie under
    /// its items.
    pub(crate) fn window_clause(&mut self, mut frame: Frame, value: u32) -> R<Next> {
        match frame.op {
            step::PARTITION => {
                self.item(value);
                frame.op = step::ORDER;
                if self.is(Kind::ORDER) { self.sort_clause(frame) } else { self.window_clause(frame, 0) }
            }
            step::ORDER => {
                self.item(value);
                self.frame_clause(frame)
            }
            step::BOUND | step::START | step::END => {
                let bound = self.offset_direction()?;
                self.frame_bound_done(frame, bound, value)
            }
            _ => Err(self.unexpected()),
        }
    }

    /// `opt_frame_clause`.
    fn frame_clause(&mut self, mut frame: Frame) -> R<Next> {
        let unit = match self.kind() {
            Kind::RANGE => frame::RANGE,
            Kind::ROWS => frame::ROWS,
            Kind::GROUPS => frame::GROUPS,
            _ => return self.window_done(frame, frame::DEFAULTS, 0, 0),
        };
        self.bump();
        self.item(unit);
        // Before what no operand begins with, the word is a column's name.
        if self.is(Kind::BETWEEN) && goes_on(self.peek(1)) || !self.eat(Kind::BETWEEN) {
            frame.op = step::BOUND;
            return self.frame_bound(frame);
        }
        // Before these of its own strength, which could begin an expression, the server's grammar can decide neither way.
        if matches!(self.kind(), Kind::BETWEEN | Kind::LIKE | Kind::ILIKE | Kind::SIMILAR | Kind::NOT_LA) {
            return Err(self.unexpected());
        }
        frame.op = step::START;
        self.frame_bound(frame)
    }

    /// `frame_bound`: where it stands becomes an item.
    fn frame_bound(&mut self, frame: Frame) -> R<Next> {
        use frame::*;
        let loc = self.loc();
        self.item(loc);
        if self.is(Kind::UNBOUNDED) && matches!(self.peek(1), Kind::PRECEDING | Kind::FOLLOWING) {
            let preceding = self.peek(1) == Kind::PRECEDING;
            self.at += 2;
            let bound = if preceding { START_UNBOUNDED_PRECEDING } else { START_UNBOUNDED_FOLLOWING };
            return self.frame_bound_done(frame, bound, 0);
        }
        if self.is(Kind::CURRENT) && self.peek(1) == Kind::ROW {
            self.at += 2;
            return self.frame_bound_done(frame, START_CURRENT_ROW, 0);
        }
        Ok(self.flagged_expr(frame, 0))
    }

    /// `PRECEDING` or `FOLLOWING` behind an offset: its bit as a start.
    fn offset_direction(&mut self) -> R {
        if self.eat(Kind::PRECEDING) {
            return Ok(frame::START_OFFSET_PRECEDING);
        }
        self.expect(Kind::FOLLOWING)?;
        Ok(frame::START_OFFSET_FOLLOWING)
    }

    /// A bound is complete: its bit as a start, and its offset.
    fn frame_bound_done(&mut self, mut frame: Frame, bound: u32, offset: u32) -> R<Next> {
        match frame.op {
            step::BOUND => self.frame_start_only(frame, bound, offset),
            step::START => {
                self.expect(Kind::AND)?;
                self.keep(&[bound, offset]);
                frame.op = step::END;
                self.frame_bound(frame)
            }
            _ => self.frame_between(frame, bound, offset),
        }
    }

    fn frame_start_only(&mut self, frame: Frame, options: u32, start: u32) -> R<Next> {
        use frame::*;
        let [unit, loc] = self.kept(frame.c + 2);
        if options & START_UNBOUNDED_FOLLOWING != 0 {
            return Err(self.refuse("42P20", loc, "frame start cannot be UNBOUNDED FOLLOWING"));
        }
        if options & START_OFFSET_FOLLOWING != 0 {
            let message = "frame starting from following row cannot end with current row";
            return Err(self.refuse("42P20", loc, message));
        }
        self.frame_exclusion(frame, NONDEFAULT | unit | options | END_CURRENT_ROW, start, 0)
    }

    fn frame_between(&mut self, frame: Frame, second: u32, end: u32) -> R<Next> {
        use frame::*;
        let [unit, start_loc, first, start, end_loc] = self.kept(frame.c + 2);
        let options = first | second << 1 | frame::BETWEEN;
        let reason = if options & START_UNBOUNDED_FOLLOWING != 0 {
            Some((start_loc, "frame start cannot be UNBOUNDED FOLLOWING"))
        } else if options & END_UNBOUNDED_PRECEDING != 0 {
            Some((end_loc, "frame end cannot be UNBOUNDED PRECEDING"))
        } else if options & START_CURRENT_ROW != 0 && options & END_OFFSET_PRECEDING != 0 {
            Some((end_loc, "frame starting from current row cannot have preceding rows"))
        } else if options & START_OFFSET_FOLLOWING != 0
            && options & (END_OFFSET_PRECEDING | END_CURRENT_ROW) != 0
        {
            Some((end_loc, "frame starting from following row cannot have preceding rows"))
        } else {
            None
        };
        match reason {
            Some((loc, message)) => Err(self.refuse("42P20", loc, message)),
            None => self.frame_exclusion(frame, NONDEFAULT | unit | options, start, end),
        }
    }

    /// `opt_window_exclusion_clause`.
    fn frame_exclusion(&mut self, frame: Frame, mut options: u32, start: u32, end: u32) -> R<Next> {
        if self.eat(Kind::EXCLUDE) {
            options |= match self.kind() {
                Kind::CURRENT => {
                    self.bump();
                    self.expect(Kind::ROW)?;
                    frame::EXCLUDE_CURRENT_ROW
                }
                Kind::GROUP => {
                    self.bump();
                    frame::EXCLUDE_GROUP
                }
                Kind::TIES => {
                    self.bump();
                    frame::EXCLUDE_TIES
                }
                _ => {
                    self.expect_all(&[Kind::NO, Kind::OTHERS])?;
                    0
                }
            };
        }
        self.window_done(frame, options, start, end)
    }

    fn window_done(&mut self, frame: Frame, options: u32, start: u32, end: u32) -> R<Next> {
        self.expect(Kind::RPAREN)?;
        let [partition, order] = self.kept(frame.c);
        let loc = self.loc_of(frame.a as usize);
        Ok(Next::Ret(mk!(self, WindowDef, frame.a, {
            refname: frame.b, partitionClause: partition, orderClause: order, frameOptions: options,
            startOffset: start, endOffset: end, location: loc
        })))
    }
}

/// Whether a token goes on with an expression and begins none.
fn goes_on(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::TYPECAST
            | Kind::DOT
            | Kind::LBRACKET
            | Kind::STAR
            | Kind::SLASH
            | Kind::PERCENT
            | Kind::CARET
            | Kind::LESS
            | Kind::GREATER
            | Kind::EQUALS
            | Kind::LESS_EQUALS
            | Kind::GREATER_EQUALS
            | Kind::NOT_EQUALS
            | Kind::AND
            | Kind::OR
            | Kind::COLLATE
            | Kind::IN
            | Kind::IS
            | Kind::ISNULL
            | Kind::NOTNULL
    )
}
