//! SentencePiece's normaliser: the table's longest entry at each place, user-defined tokens left alone, then blanks.

use super::{Rebuild, Tables, Text};

const SPACE: char = '\u{2581}';

/// What it does with blanks.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    pub dummy_prefix: bool,
    pub remove_extra: bool,
    pub escape: bool,
    pub suffix: bool,
}

/// The text that stands for the start of `rest`, and how many bytes it stands for.
fn prefix<'a>(tables: Tables<'a>, rest: &'a str) -> (&'a str, usize) {
    if let Some((len, _)) = tables.user.longest(0, rest.as_bytes())
        && let Some(found) = rest.get(..len)
    {
        return (found, len);
    }
    if let Some((len, to)) = tables.charsmap.longest(rest) {
        return (to, len);
    }
    let len = rest.chars().next().map_or(0, char::len_utf8);
    (&rest[..len], len)
}

/// The whole text.
pub fn normalize(style: Style, tables: Tables<'_>, text: &Text) -> Text {
    let space = if style.escape { SPACE } else { ' ' };
    let mut new = Rebuild::new(text);
    let end = text.text.len();
    if style.remove_extra {
        while new.at() < end {
            let (to, len) = prefix(tables, &text.text[new.at()..]);
            if to != " " {
                break;
            }
            new.skip_to(new.at() + len);
        }
    }
    if new.at() >= end {
        return Text { text: alloc::string::String::new(), places: text.places.as_ref().map(|_| [].into()) };
    }
    if style.dummy_prefix && !style.suffix {
        new.insert(space);
    }
    let mut after_space = style.remove_extra;
    while new.at() < end {
        let at = new.at();
        let (mut to, len) = prefix(tables, &text.text[at..]);
        while after_space && to.starts_with(' ') {
            to = &to[1..];
        }
        for (i, c) in to.chars().enumerate() {
            let c = if c == ' ' && style.escape { SPACE } else { c };
            if i == 0 { new.replace(c) } else { new.insert(c) }
        }
        new.skip_to(at + len);
        if !to.is_empty() {
            after_space = style.remove_extra && to.ends_with(' ');
        }
    }
    let mut new = new.finish();
    while style.remove_extra && new.text.ends_with(space) {
        new.text.truncate(new.text.len() - space.len_utf8());
    }
    if let Some(places) = &mut new.places {
        places.truncate(new.text.len());
    }
    if style.dummy_prefix && style.suffix {
        new.text.push(space);
        let last = new.places.as_ref().and_then(|p| p.last().copied()).unwrap_or((0, 0));
        if let Some(places) = &mut new.places {
            places.extend(core::iter::repeat_n((last.1, last.1), space.len_utf8()));
        }
    }
    new
}
