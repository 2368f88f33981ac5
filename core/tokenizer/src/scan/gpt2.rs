//! GPT-2's expression. `\s++$`, which tiktoken adds, changes nothing: `\s+(?!\S)` takes all blanks at the end as well.

use super::{BLANK, Contractions, blank_run, blanks, contraction, kind, run};

#[inline]
pub fn next(text: &[u8], at: usize) -> usize {
    let first = text[at];
    if first == b'\'' {
        let len = contraction(text, at, Contractions::None);
        if len > 0 {
            return at + len;
        }
    }
    let start = at + usize::from(first == b' ');
    let (found, len) = kind(text, start);
    if found != BLANK && len > 0 {
        return run(text, start + len, found);
    }
    let (end, _, last) = blanks(text, at);
    blank_run(text, at, end, last)
}
