//! Annotated byte dumps: what stands where in a file, as `inspect` shows it.
//!
//! ```text
//! footer
//! 00000020  88 e2 41 b7 85 f4 cf f7  magic number
//! └ offset  └ eight bytes a line     └ meaning, on a field's first line
//! ```

use alloc::string::String;
use core::fmt::{self, Write};

use crate::limits::DUMP_LINES_PER_FIELD_MAX;

const BYTES_PER_LINE: usize = 8;

/// Builds a dump field by field, in the order of the bytes.
#[derive(Clone, Debug, Default)]
pub struct Dump {
    text: String,
    offset: u64,
}

impl Dump {
    /// Of bytes that begin at `offset` of their file.
    pub fn new(offset: u64) -> Self {
        Dump { text: String::new(), offset }
    }

    /// Where the next field begins.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// A line of its own above the fields that follow.
    pub fn section(&mut self, title: impl fmt::Display) -> &mut Self {
        self.line(format_args!("{title}"))
    }

    /// The next bytes and what they mean. Beyond [`DUMP_LINES_PER_FIELD_MAX`] lines the rest is counted, not shown.
    pub fn field(&mut self, bytes: &[u8], meaning: impl fmt::Display) -> &mut Self {
        let (start, width) = (self.offset, 3 * BYTES_PER_LINE);
        let shown = &bytes[..bytes.len().min(BYTES_PER_LINE * DUMP_LINES_PER_FIELD_MAX)];
        if shown.is_empty() {
            self.line(format_args!("{start:08x}  {:width$} {meaning}", ""));
        }
        for (i, chunk) in shown.chunks(BYTES_PER_LINE).enumerate() {
            let offset = start + (i * BYTES_PER_LINE) as u64;
            let hex = Hex(chunk);
            if i == 0 {
                let pad = width - 3 * chunk.len();
                self.line(format_args!("{offset:08x}  {hex}{:pad$} {meaning}", ""));
            } else {
                self.line(format_args!("{offset:08x}  {hex}"));
            }
        }
        if bytes.len() > shown.len() {
            self.line(format_args!("{:8}  … {} more bytes", "", bytes.len() - shown.len()));
        }
        self.offset += bytes.len() as u64;
        self
    }

    /// The lines so far.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn line(&mut self, line: fmt::Arguments<'_>) -> &mut Self {
        let start = self.text.len();
        self.text.write_fmt(line).expect("appending to a string cannot fail");
        let trimmed_len = self.text[start..].trim_end().len();
        self.text.truncate(start + trimmed_len);
        self.text.push('\n');
        self
    }
}

impl fmt::Display for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Two digits and a space for each byte.
struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x} "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_stand_at_their_offsets() {
        let mut dump = Dump::new(0x20);
        dump.section("header").field(&[1, 0], "version 1").field(&[], "no extras");
        dump.field(b"0123456789", format_args!("key of {} bytes", 10)).field(&[0xff; 40], "padding");
        assert_eq!(dump.offset(), 0x20 + 2 + 10 + 40);
        let wanted = "\
header
00000020  01 00                    version 1
00000022                           no extras
00000022  30 31 32 33 34 35 36 37  key of 10 bytes
0000002a  38 39
0000002c  ff ff ff ff ff ff ff ff  padding
00000034  ff ff ff ff ff ff ff ff
0000003c  ff ff ff ff ff ff ff ff
00000044  ff ff ff ff ff ff ff ff
          … 8 more bytes
";
        assert_eq!(dump.as_str(), wanted);
    }
}
