//! Colours that people who see few colours tell apart, and names that fit.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Okabe and Ito's palette (2008) without its black, which is for text: as red, green and blue.
const OKABE_ITO: [[u8; 3]; 8] = [
    [0x00, 0x72, 0xb2],
    [0xe6, 0x9f, 0x00],
    [0x00, 0x9e, 0x73],
    [0xcc, 0x79, 0xa7],
    [0x56, 0xb4, 0xe9],
    [0xd5, 0x5e, 0x00],
    [0xf0, 0xe4, 0x42],
    [0x99, 0x99, 0x99],
];

/// A colour for each name: eight that differ most, then the same lighter, then darker.
pub(super) struct Colours<'a> {
    names: Vec<&'a str>,
}

impl<'a> Colours<'a> {
    pub fn new(mut names: Vec<&'a str>) -> Self {
        names.sort_unstable();
        names.dedup();
        Colours { names }
    }

    fn rgb(&self, name: &str) -> [u8; 3] {
        let place = self.names.binary_search(&name).unwrap_or(0);
        let (colour, round) = (OKABE_ITO[place % OKABE_ITO.len()], place / OKABE_ITO.len() % 3);
        let mix = |channel: u8, with: u16, parts: u16| {
            ((u16::from(channel) * (10 - parts) + with * parts) / 10) as u8
        };
        match round {
            0 => colour,
            1 => colour.map(|channel| mix(channel, 255, 5)),
            _ => colour.map(|channel| mix(channel, 0, 4)),
        }
    }

    pub fn of(&self, name: &str) -> String {
        let [r, g, b] = self.rgb(name);
        format!("#{r:02x}{g:02x}{b:02x}")
    }

    /// Black or white, whichever is read better on the name's colour.
    pub fn ink_on(&self, name: &str) -> &'static str {
        let [r, g, b] = self.rgb(name).map(u32::from);
        if 299 * r + 587 * g + 114 * b > 128_000 { "black" } else { "white" }
    }
}

/// A name of at most `len_max` characters: its middle is left out.
pub(super) fn short(name: &str, len_max: usize) -> String {
    let count = name.chars().count();
    if count <= len_max {
        return name.into();
    }
    let (head, tail) = (len_max / 2, len_max - len_max / 2 - 1);
    let start: String = name.chars().take(head).collect();
    let end: String = name.chars().skip(count - tail).collect();
    format!("{start}…{end}")
}
