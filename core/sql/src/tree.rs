//! The tree: one array of words, in which every node stands behind its children.
//!
//! ```text
//!  ┌───────┬───────┬─────┬─────────┬─────────┬───┐   a node: tag, first token, token behind the last, fields
//!  │  tag  │ first │ end │ field 0 │ field 1 │ … │   an absent field is 0
//!  └───────┴───────┴─────┴─────────┴─────────┴───┘
//!  ┌─────┬────────┬────────┬───┐                     a list: length, items
//!  │ len │ item 0 │ item 1 │ … │                     an item 0 is a null
//!  └─────┴────────┴────────┴───┘
//! ```
//!
//! * A node's id is its place. Ids, lists and texts are plain words; [`Field`] says which is which.
//! * A text is the number of a token ([`TextId`]), read from the source when asked for; only texts that no token holds
//!   (`pg_catalog`, negated numbers, joined names) lie in a side arena.
//! * A `String` node needs no node: its word is the text's id with the top bit set.
//! * Children stand before their parents, but arguments that a chain of `AND` or `OR` gained later stand behind it.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use crate::nodes::{Field, HEAD, Tag};
use crate::text;
use crate::token::{Kind, Tokens};
use crate::version::{Dialect, Version};

/// Marks a word as a `String` node that is its text.
const STRING: u32 = 1 << 31;
/// Marks a text as lying in the arena.
const ARENA: u32 = 1 << 30;

/// A text of the tree: a token's, or one of the arena's; 0 is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextId(pub(crate) u32);

impl TextId {
    /// No text.
    pub const NONE: TextId = TextId(0);

    /// The text of a token.
    pub(crate) fn token(index: usize) -> Self {
        Self(index as u32 + 1)
    }

    /// The word of the `String` node that holds it.
    pub(crate) fn node(self) -> u32 {
        self.0 | STRING
    }
}

/// The memory of trees; kept between parses, it makes them free of allocation.
#[derive(Clone, Debug, Default)]
pub struct Arena {
    pub(crate) data: Vec<u32>,
    pub(crate) texts: String,
    pub(crate) spans: Vec<(u32, u32)>,
    /// The list of `RawStmt`, once parsed.
    pub(crate) root: u32,
    /// The grammar it was read with.
    pub(crate) dialect: Dialect,
}

impl Arena {
    /// Forgets the tree, keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.data.clear();
        self.data.push(0);
        self.texts.clear();
        self.spans.clear();
        self.root = 0;
    }

    /// Words in use.
    pub fn words(&self) -> usize {
        self.data.len()
    }

    pub(crate) fn literal(&mut self, value: &str) -> TextId {
        let start = self.texts.len() as u32;
        self.texts.push_str(value);
        self.span_from(start)
    }

    /// The text from `start` to the arena's end.
    pub(crate) fn span_from(&mut self, start: u32) -> TextId {
        self.spans.push((start, self.texts.len() as u32));
        TextId(ARENA | (self.spans.len() as u32 - 1))
    }

    pub(crate) fn list(&mut self, items: &[u32]) -> u32 {
        let id = self.data.len() as u32;
        self.data.push(items.len() as u32);
        self.data.extend_from_slice(items);
        id
    }

    pub(crate) fn get(&self, node: u32, offset: u32) -> u32 {
        self.data[(node + offset) as usize]
    }

    pub(crate) fn set(&mut self, node: u32, offset: u32, value: u32) {
        self.data[(node + offset) as usize] = value;
    }

    pub(crate) fn tag(&self, node: u32) -> Option<Tag> {
        tag_of(&self.data, node)
    }

    pub(crate) fn items(&self, list: u32) -> &[u32] {
        items_of(&self.data, list)
    }
}

fn tag_of(data: &[u32], node: u32) -> Option<Tag> {
    match node {
        0 => None,
        _ if node & STRING != 0 => Some(Tag::String),
        _ => Some(Tag::from_word(data[node as usize])),
    }
}

fn items_of(data: &[u32], list: u32) -> &[u32] {
    if list == 0 {
        return &[];
    }
    let start = list as usize + 1;
    &data[start..start + data[list as usize] as usize]
}

/// A tree with what its texts are read from.
#[derive(Clone, Copy, Debug)]
pub struct Tree<'t> {
    pub(crate) source: &'t str,
    pub(crate) tokens: &'t Tokens,
    pub(crate) arena: &'t Arena,
}

/// One node of a tree.
#[derive(Clone, Copy, Debug)]
pub struct Node<'t> {
    pub(crate) tree: Tree<'t>,
    pub(crate) word: u32,
}

/// What a field of a node holds.
#[derive(Clone, Copy, Debug)]
pub enum Value<'t> {
    /// Nothing.
    Absent,
    /// A number, a Boolean (0 or 1) or a byte offset.
    Number(i64),
    /// One ASCII letter.
    Char(char),
    /// A name of an enumeration.
    Name(&'static str),
    /// A text.
    Text(Text<'t>),
    /// A node.
    Node(Node<'t>),
    /// A list.
    List(List<'t>),
}

/// A text, read when asked for.
#[derive(Clone, Copy, Debug)]
pub struct Text<'t> {
    tree: Tree<'t>,
    id: TextId,
}

/// A list of nodes.
#[derive(Clone, Copy, Debug)]
pub struct List<'t> {
    tree: Tree<'t>,
    items: &'t [u32],
}

impl<'t> Tree<'t> {
    /// The text that was parsed.
    pub fn source(self) -> &'t str {
        self.source
    }

    /// Its tokens.
    pub fn tokens(self) -> &'t Tokens {
        self.tokens
    }

    /// The version whose grammar it was read with.
    pub fn version(self) -> Version {
        self.arena.dialect.version
    }

    /// The statements, each a `RawStmt`.
    pub fn statements(self) -> List<'t> {
        self.list(self.arena.root)
    }

    /// A list without items.
    pub(crate) fn no_items(self) -> List<'t> {
        List { tree: self, items: &[] }
    }

    fn list(self, word: u32) -> List<'t> {
        List { tree: self, items: items_of(&self.arena.data, word) }
    }

    /// Reads a text.
    pub(crate) fn text(self, id: TextId) -> Cow<'t, str> {
        text_of(self.source, self.tokens, self.arena, id)
    }
}

/// The value of a text.
pub(crate) fn text_of<'a>(source: &'a str, tokens: &Tokens, arena: &'a Arena, id: TextId) -> Cow<'a, str> {
    if id.0 & ARENA != 0 {
        let (start, end) = arena.spans[(id.0 & !ARENA) as usize];
        return Cow::Borrowed(&arena.texts[start as usize..end as usize]);
    }
    let Some(index) = (id.0 as usize).checked_sub(1) else { return Cow::Borrowed("") };
    let spelling = &source[tokens.range(index)];
    token_text(tokens.kinds[index], spelling)
}

/// The value of a token: a name folded, a string unescaped, an operator as the grammar calls it.
pub fn token_text(kind: Kind, spelling: &str) -> Cow<'_, str> {
    let bytes = spelling.as_bytes();
    let mut value = String::new();
    if bytes.first() == Some(&b':') && matches!(kind, Kind::IDENT | Kind::SCONST) {
        // A variable of psql: nobody knows its value.
        return Cow::Borrowed(spelling);
    }
    match kind {
        Kind::SCONST | Kind::USCONST if bytes.len() > 1 && bytes[0] == b'\'' && plain_string(bytes) => {
            return Cow::Borrowed(&spelling[1..spelling.len() - 1]);
        }
        Kind::SCONST | Kind::USCONST => text::append_string(&mut value, bytes),
        Kind::BCONST | Kind::XCONST => {
            value.push(if kind == Kind::BCONST { 'b' } else { 'x' });
            text::append_string(&mut value, bytes);
        }
        Kind::NOT_EQUALS => return Cow::Borrowed("<>"),
        // The word that the scanner puts before the string of `N'…'`.
        Kind::NCHAR => return Cow::Borrowed("nchar"),
        Kind::ICONST | Kind::FCONST | Kind::PARAM | Kind::OP => return Cow::Borrowed(spelling),
        _ if text::name_is_plain(bytes) => return Cow::Borrowed(spelling),
        _ => text::append_name(&mut value, spelling),
    }
    Cow::Owned(value)
}

/// Whether `'…'` holds no further quote.
fn plain_string(spelling: &[u8]) -> bool {
    text::find_byte(&spelling[..spelling.len() - 1], 1, b'\'').is_none()
}

impl<'t> Node<'t> {
    /// Its kind.
    pub fn tag(self) -> Tag {
        tag_of(&self.tree.arena.data, self.word).unwrap_or(Tag::List)
    }

    /// Its text, if it is a `String` node.
    pub fn string(self) -> Option<Text<'t>> {
        (self.word & STRING != 0).then_some(Text { tree: self.tree, id: TextId(self.word & !STRING) })
    }

    /// Its tree.
    pub fn tree(self) -> Tree<'t> {
        self.tree
    }

    /// A number that names it within its tree.
    pub fn id(self) -> u32 {
        self.word
    }

    /// Its tokens: from the first to behind the last.
    pub fn token_range(self) -> core::ops::Range<usize> {
        if self.word & STRING != 0 {
            let id = self.word & !STRING;
            let first = if id & ARENA == 0 { (id as usize).saturating_sub(1) } else { 0 };
            return first..first + usize::from(id & ARENA == 0);
        }
        self.tree.arena.get(self.word, 1) as usize..self.tree.arena.get(self.word, 2) as usize
    }

    /// Its bytes in the source.
    pub fn range(self) -> core::ops::Range<usize> {
        let tokens = self.token_range();
        if tokens.is_empty() {
            return 0..0;
        }
        self.tree.tokens.starts[tokens.start] as usize..self.tree.tokens.ends[tokens.end - 1] as usize
    }

    /// The raw word of the field at `offset` (one of [`crate::nodes::f`]).
    pub fn word(self, offset: u32) -> u32 {
        if self.word & STRING != 0 { self.word & !STRING } else { self.tree.arena.get(self.word, offset) }
    }

    /// The field with index `index` of its shape.
    pub fn field(self, index: usize) -> Value<'t> {
        let def = &self.tag().shape().fields[index];
        self.value(def.field, self.word(HEAD + index as u32))
    }

    fn value(self, field: Field, word: u32) -> Value<'t> {
        match field {
            Field::Long if word == 1 << 31 => Value::Number(i64::MAX),
            Field::Int | Field::Long | Field::Loc => Value::Number(i64::from(word as i32)),
            Field::Uint | Field::Bool => Value::Number(i64::from(word)),
            Field::Char if word == 0 => Value::Absent,
            Field::Char => Value::Char(word as u8 as char),
            Field::Enum(names) => Value::Name(names[word as usize]),
            _ if word == 0 => Value::Absent,
            Field::Str => Value::Text(Text { tree: self.tree, id: TextId(word) }),
            Field::List => Value::List(self.tree.list(word)),
            Field::Node | Field::Spec(_) => Value::Node(Node { tree: self.tree, word }),
        }
    }

    /// The field called `name`, as JSON calls it.
    pub fn get(self, name: &str) -> Value<'t> {
        match self.tag().shape().fields.iter().position(|f| f.name == name) {
            Some(index) => self.field(index),
            None => Value::Absent,
        }
    }
}

impl<'t> Text<'t> {
    /// The text itself.
    pub fn read(self) -> Cow<'t, str> {
        self.tree.text(self.id)
    }

    /// The token that holds it, if one does.
    pub fn token(self) -> Option<usize> {
        (self.id.0 & ARENA == 0).then(|| self.id.0 as usize - 1)
    }
}

impl<'t> List<'t> {
    /// How many items it has.
    pub fn len(self) -> usize {
        self.items.len()
    }

    /// Whether it has none.
    pub fn is_empty(self) -> bool {
        self.items.is_empty()
    }

    /// The item at `index`; `None` behind the end and where the item is null.
    pub fn get(self, index: usize) -> Option<Node<'t>> {
        let word = *self.items.get(index)?;
        (word != 0).then_some(Node { tree: self.tree, word })
    }

    /// The items, null ones as `None`.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = Option<Node<'t>>> + ExactSizeIterator {
        self.items.iter().map(move |&word| (word != 0).then_some(Node { tree: self.tree, word }))
    }
}
