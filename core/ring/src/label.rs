//! The text `name-0`, `name-1` … whose hashes are a node's points, written in one buffer.

use alloc::vec::Vec;

pub(crate) struct Label {
    text: Vec<u8>,
    stem: usize,
}

impl Label {
    pub(crate) fn new(name: &str) -> Self {
        let mut text = Vec::with_capacity(name.len() + 12);
        text.extend_from_slice(name.as_bytes());
        text.push(b'-');
        Label { stem: text.len(), text }
    }

    pub(crate) fn with(&mut self, number: u32) -> &[u8] {
        let mut digits = [0; 10];
        let mut at = digits.len();
        let mut rest = number;
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.text.truncate(self.stem);
        self.text.extend_from_slice(&digits[at..]);
        &self.text
    }
}
