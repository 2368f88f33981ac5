//! What a vocabulary does with text, as data: the steps before its model, the model's switches, and the way back. Every loader ends here,
//! and a prebuilt vocabulary holds it as bytes.

mod wire;

use alloc::string::String;
use alloc::vec::Vec;

pub use wire::{read, write};

use crate::scan::Scanner;

/// A step of normalisation. Steps run in order, each over the whole piece of text between added tokens.
#[derive(Clone, Debug, PartialEq)]
pub enum Normalizer {
    /// A Unicode normalisation form: composed or decomposed, canonical or compatible.
    Form {
        /// NFC, NFKC
        composed: bool,
        /// NFKC, NFKD
        compatible: bool,
    },
    /// Every character to lower case.
    Lowercase,
    /// Without marks, `\p{M}`; it stands behind a step that decomposes.
    StripAccents,
    /// Without white space at the ends.
    Strip {
        /// At the start.
        left: bool,
        /// At the end.
        right: bool,
    },
    /// A text in front of every piece that is not empty.
    Prepend(String),
    /// Every match replaced.
    Replace {
        /// A literal or an expression.
        from: Needle,
        /// By this.
        to: String,
    },
    /// BERT's clean-up.
    Bert {
        /// Drops control characters, makes white space blanks.
        clean: bool,
        /// Puts blanks around CJK ideographs.
        chinese: bool,
        /// NFD, then without `\p{Mn}`.
        strip_accents: bool,
        /// To lower case.
        lowercase: bool,
    },
    /// SentencePiece's: the table of the `charsmap` section, blanks, and `▁`.
    SentencePiece {
        /// A blank in front.
        dummy_prefix: bool,
        /// Blanks at the ends go, runs become one.
        remove_extra: bool,
        /// Blanks become `▁`.
        escape: bool,
        /// The dummy blank goes to the end.
        suffix: bool,
    },
    /// Hugging Face's `Precompiled`: the table alone.
    Charsmap,
    /// Hugging Face's `Nmt`.
    Nmt,
}

/// What is searched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Needle {
    /// Exactly this.
    Literal(String),
    /// An expression of [`pattern`](crate::pattern).
    Pattern(String),
}

/// What becomes of the text that a split finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behavior {
    /// It goes.
    Removed,
    /// It is a piece of its own.
    Isolated,
    /// It joins the piece before.
    MergedWithPrevious,
    /// It joins the piece behind.
    MergedWithNext,
    /// As isolated, but neighbours are one piece.
    Contiguous,
}

/// When a metaspace is put in front.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prepend {
    /// Never.
    Never,
    /// Only at the start of the text.
    First,
    /// For every piece.
    Always,
}

/// A step that cuts text into pieces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pretokenizer {
    /// By a scanner; its pieces cover the text.
    Scan(Scanner),
    /// By matches of something.
    Split {
        /// What is found.
        needle: Needle,
        /// What becomes of it.
        behavior: Behavior,
        /// The text between matches is what is found.
        invert: bool,
    },
    /// A blank in front of a piece that does not begin with one.
    PrefixSpace,
    /// Blanks become `▁` (or another character), and pieces begin there.
    Metaspace {
        /// The character.
        replacement: char,
        /// When one is put in front.
        prepend: Prepend,
        /// Whether pieces begin there.
        split: bool,
    },
    /// Numbers are pieces.
    Digits {
        /// One digit each.
        individual: bool,
    },
    /// `\w+|[^\w\s]+`
    Whitespace,
    /// At white space, which goes.
    WhitespaceSplit,
    /// Punctuation as `\p{P}` and ASCII's symbols.
    Punctuation(Behavior),
    /// White space goes, every punctuation character is a piece.
    Bert,
    /// At a character, which goes.
    Delimiter(char),
}

/// Where merges come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merges {
    /// Two neighbours merge if their text is a token; the least `rank` first (tiktoken, SentencePiece).
    ByText,
    /// Two neighbours merge if the list of merges has them; the first of the list first (Hugging Face, GGUF).
    ByPair,
}

/// What stands for text that no token covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// The token, if there is one.
    pub id: Option<u32>,
    /// Neighbours become one token.
    pub fuse: bool,
    /// Bytes become `<0x..>` tokens instead.
    pub bytes: bool,
}

/// The model and its switches.
#[derive(Clone, Debug, PartialEq)]
pub enum Model {
    /// Byte pair encoding.
    Bpe {
        /// Where merges come from.
        merges: Merges,
        /// The first symbols are bytes, not characters.
        byte_level: bool,
        /// A piece that is a token is not cut up first.
        whole: bool,
        /// Text between blanks can be encoded by itself: no token has a `▁` behind another character.
        words: bool,
        /// In front of symbols that do not begin a piece.
        prefix: String,
        /// Behind the symbol that ends a piece.
        suffix: String,
        /// The unknown.
        unknown: Unknown,
    },
    /// The path with the best sum of scores.
    Unigram {
        /// The unknown.
        unknown: Unknown,
        /// Its score.
        unknown_score: f64,
        /// Sums are rounded to 32 bits at each step, as SentencePiece does.
        single: bool,
        /// Score of a user-defined token for each byte.
        user_score: f64,
    },
    /// The longest token at each place.
    WordPiece {
        /// In front of tokens that do not begin a word.
        prefix: String,
        /// Longer words, in characters, are unknown.
        chars_max: u32,
        /// The unknown.
        unknown: u32,
    },
    /// Pieces are tokens, or unknown.
    WordLevel {
        /// The unknown.
        unknown: Option<u32>,
    },
}

/// A step of decoding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decoder {
    /// Tokens are bytes; bad UTF-8 becomes U+FFFD.
    Bytes,
    /// `▁` becomes a blank; at the start of the first token it goes.
    Metaspace {
        /// The character.
        replacement: char,
        /// Whether the first one goes.
        strip: bool,
    },
    /// `##` joins, everything else is set off with a blank.
    WordPiece {
        /// The sign that joins.
        prefix: String,
        /// English punctuation moves to the word before it.
        cleanup: bool,
    },
    /// `</w>` becomes a blank, at the end nothing.
    Suffix(String),
    /// Every match within a token is replaced.
    Replace {
        /// A literal.
        from: String,
        /// By this.
        to: String,
    },
    /// `<0x..>` tokens become bytes.
    ByteFallback,
    /// Tokens are joined: the steps behind see one text.
    Fuse,
    /// Up to so many of a character go at the ends.
    Strip {
        /// Which.
        content: char,
        /// At the start.
        start: u32,
        /// At the end.
        stop: u32,
    },
    /// SentencePiece's: control tokens are nothing, the unknown is ` ⁇ `, `▁` a blank, the first one nothing.
    SentencePiece {
        /// Whether the first blank goes.
        strip: bool,
        /// Whether all blanks before the first text go.
        all: bool,
    },
    /// Tokens set off with blanks.
    Spaces,
}

/// All of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Before added tokens that are `normalized` are searched for.
    pub normalizers: Vec<Normalizer>,
    /// Cutting.
    pub pretokenizers: Vec<Pretokenizer>,
    /// The model.
    pub model: Model,
    /// Back.
    pub decoders: Vec<Decoder>,
    /// Offsets leave out blanks at the ends of tokens.
    pub trim_offsets: bool,
    /// The ids that begin and end a text, for whoever builds prompts; `encode` never adds them.
    pub special: Special,
}

/// Ids with a role; `encode` never adds them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Special {
    /// Begins a text.
    pub bos: Option<u32>,
    /// Ends a text.
    pub eos: Option<u32>,
    /// Fills up a batch.
    pub pad: Option<u32>,
    /// Whether the model was trained with the first in front.
    pub add_bos: bool,
    /// Whether the model was trained with the second behind.
    pub add_eos: bool,
}

impl Config {
    /// All ids that it names.
    pub(crate) fn ids(&self) -> impl Iterator<Item = u32> {
        let unknown = match &self.model {
            Model::Bpe { unknown, .. } | Model::Unigram { unknown, .. } => unknown.id,
            Model::WordPiece { unknown, .. } => Some(*unknown),
            Model::WordLevel { unknown } => *unknown,
        };
        [unknown, self.special.bos, self.special.eos, self.special.pad].into_iter().flatten()
    }
}
