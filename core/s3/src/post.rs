//! Uploads by a browser's form: `multipart/form-data`, and the policy that says what the form may be.
//!
//! ```text
//! --boundary\r\n
//! Content-Disposition: form-data; name="key"\r\n\r\n
//! photos/${filename}\r\n
//! --boundary\r\n
//! Content-Disposition: form-data; name="file"; filename="a.jpg"\r\n
//! Content-Type: image/jpeg\r\n\r\n
//! (bytes)\r\n
//! --boundary--\r\n
//! ```
//!
//! [`FormDecoder`] collects the fields before the file (at most 20 KiB) and then hands the file's bytes out as they come. What follows the
//! file is ignored, as Amazon does. Source: RFC 7578; "POST Object" and "Browser-based uploads using POST", Amazon S3 API reference.

mod policy;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::error::{ErrorCode, error_codes};
use crate::limits::{FORM_FIELDS_LEN_MAX, FORM_FIELDS_MAX};

pub use policy::{PolicyError, PostPolicy};

/// Longest boundary (RFC 2046, section 5.1.1).
const BOUNDARY_LEN_MAX: usize = 70;

/// Why a body is no form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FormError {
    /// The content type is not `multipart/form-data` with a boundary.
    ContentType,
    /// The body does not keep to its framing.
    Syntax,
    /// The fields before the file are too long, or too many.
    TooLarge,
    /// A field comes twice.
    Duplicate,
    /// The body ended before its end.
    Short,
    /// There is no file.
    NoFile,
}

impl FormError {
    /// What goes out.
    pub fn code(self) -> ErrorCode {
        match self {
            Self::ContentType => ErrorCode::RequestIsNotMultiPartContent,
            Self::Syntax | Self::Duplicate => ErrorCode::MalformedPOSTRequest,
            Self::TooLarge => ErrorCode::MaxPostPreDataLengthExceeded,
            Self::Short => ErrorCode::IncompleteBody,
            Self::NoFile => ErrorCode::IncorrectNumberOfFilesInPostRequest,
        }
    }
}

impl fmt::Display for FormError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ContentType => "not multipart/form-data with a boundary",
            Self::Syntax => "a form that does not keep to its boundary",
            Self::TooLarge => "the fields before the file are too large",
            Self::Duplicate => "a field that comes twice",
            Self::Short => "a form without its end",
            Self::NoFile => "a form without a file",
        })
    }
}

error_codes!(FormError);

/// The fields before the file, in their order; names are in lower case and there once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form {
    fields: Vec<(String, String)>,
    file_name: String,
}

impl Form {
    /// The value of a field, by its name in lower case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|field| field.0 == name).map(|field| field.1.as_str())
    }

    /// The fields.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The file's name without folders.
    pub fn file_name(&self) -> &str {
        self.file_name.rsplit(['/', '\\']).next().unwrap_or("")
    }

    /// The key, with `${filename}` replaced; `None` if the form has no such field.
    pub fn key(&self) -> Option<String> {
        self.get("key").map(|key| key.replace("${filename}", self.file_name()))
    }
}

/// What became of input.
#[derive(Debug, PartialEq, Eq)]
pub enum FormEvent<'a> {
    /// The fields are there ([`FormDecoder::form`]), and the file begins.
    File,
    /// The next bytes of the file.
    Data(&'a [u8]),
    /// The input is used up.
    More,
    /// The file is whole; what follows does not matter.
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the first boundary.
    Start,
    /// Behind a boundary: `--` or the line's end.
    Boundary,
    /// In a part's header.
    Head,
    /// In a field's value.
    Value,
    /// In the file.
    File,
    End,
    Failed,
}

/// Takes a form apart.
#[derive(Clone, Debug)]
pub struct FormDecoder {
    /// `\r\n--boundary`
    delimiter: Vec<u8>,
    /// Bytes of the delimiter that have been seen and not been handed out.
    matched: usize,
    state: State,
    form: Form,
    /// The part's header, or a field's value.
    part: Vec<u8>,
    name: String,
    /// Bytes of headers and values so far.
    len: usize,
    file_seen: bool,
}

impl FormDecoder {
    /// For a body with this content type.
    ///
    /// # Errors
    ///
    /// [`FormError::ContentType`].
    pub fn new(content_type: &str) -> Result<FormDecoder, FormError> {
        let (kind, parameters) = content_type.split_once(';').ok_or(FormError::ContentType)?;
        if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
            return Err(FormError::ContentType);
        }
        let boundary = parameter(parameters, "boundary").ok_or(FormError::ContentType)?;
        let fits = (1..=BOUNDARY_LEN_MAX).contains(&boundary.len());
        if !fits || !boundary.bytes().all(|b| b.is_ascii_graphic() || b == b' ') {
            return Err(FormError::ContentType);
        }
        let mut delimiter = Vec::with_capacity(4 + boundary.len());
        delimiter.extend_from_slice(b"\r\n--");
        delimiter.extend_from_slice(boundary.as_bytes());
        Ok(FormDecoder {
            delimiter,
            // The first boundary has no line in front of it.
            matched: 2,
            state: State::Start,
            form: Form::default(),
            part: Vec::new(),
            name: String::new(),
            len: 0,
            file_seen: false,
        })
    }

    /// The fields so far: all of them after [`FormEvent::File`].
    pub fn form(&self) -> &Form {
        &self.form
    }

    /// Takes from the front of `input` until there is something to say.
    ///
    /// # Errors
    ///
    /// [`FormError`]; the decoder is of no use then.
    pub fn next<'s, 'i: 's>(&'s mut self, input: &mut &'i [u8]) -> Result<FormEvent<'s>, FormError> {
        loop {
            match self.state {
                State::End => return Ok(FormEvent::End),
                State::Failed => return Err(FormError::Syntax),
                _ if input.is_empty() => return Ok(FormEvent::More),
                State::File => match self.until_delimiter(input) {
                    Piece::Data(data) => return Ok(FormEvent::Data(data)),
                    Piece::Held(len) => return Ok(FormEvent::Data(&self.delimiter[..len])),
                    Piece::More => return Ok(FormEvent::More),
                    Piece::Delimiter => self.state = State::End,
                },
                State::Start | State::Boundary | State::Head | State::Value => {
                    let step = self.step(input);
                    if step.is_err() {
                        self.state = State::Failed;
                    }
                    step?;
                    if self.state == State::File && !self.file_seen {
                        self.file_seen = true;
                        return Ok(FormEvent::File);
                    }
                }
            }
        }
    }

    /// The input is over.
    ///
    /// # Errors
    ///
    /// [`FormError::Short`] if the file is not whole, [`FormError::NoFile`] if the form ended without one.
    pub fn finish(&self) -> Result<(), FormError> {
        match self.state {
            State::End => Ok(()),
            _ => Err(FormError::Short),
        }
    }

    fn step(&mut self, input: &mut &[u8]) -> Result<(), FormError> {
        match self.state {
            State::Start => match self.until_delimiter(input) {
                Piece::Delimiter => self.state = State::Boundary,
                Piece::More => {}
                Piece::Data(_) | Piece::Held(_) => return Err(FormError::Syntax),
            },
            State::Boundary => self.boundary_end(input)?,
            State::Head => self.head(input)?,
            _ => match self.until_delimiter(input) {
                Piece::Data(data) => self.grow(data)?,
                Piece::Held(len) => {
                    let held = self.delimiter[..len].to_vec();
                    self.grow(&held)?;
                }
                Piece::Delimiter => self.end_value()?,
                Piece::More => {}
            },
        }
        Ok(())
    }

    /// Bytes up to the next delimiter, or that it is there.
    fn until_delimiter<'i>(&mut self, input: &mut &'i [u8]) -> Piece<'i> {
        while self.matched > 0 {
            let Some((&byte, rest)) = input.split_first() else { return Piece::More };
            if byte != self.delimiter[self.matched] {
                return Piece::Held(core::mem::take(&mut self.matched));
            }
            *input = rest;
            self.matched += 1;
            if self.matched == self.delimiter.len() {
                self.matched = 0;
                return Piece::Delimiter;
            }
        }
        let mut from = 0;
        while let Some(at) = input[from..].iter().position(|&b| b == b'\r').map(|at| from + at) {
            let len = self.delimiter.len().min(input.len() - at);
            if input[at..at + len] == self.delimiter[..len] {
                let (data, rest) = input.split_at(at);
                let whole = len == self.delimiter.len();
                if !data.is_empty() {
                    // The delimiter, or its beginning, is found again at the front.
                    *input = rest;
                    return Piece::Data(data);
                }
                *input = &rest[len..];
                self.matched = if whole { 0 } else { len };
                return if whole { Piece::Delimiter } else { Piece::More };
            }
            from = at + 1;
        }
        Piece::Data(core::mem::take(input))
    }

    fn grow(&mut self, bytes: &[u8]) -> Result<(), FormError> {
        self.len += bytes.len();
        if self.len > FORM_FIELDS_LEN_MAX {
            return Err(FormError::TooLarge);
        }
        self.part.extend_from_slice(bytes);
        Ok(())
    }

    /// `--` ends the form, a line's end begins a part; blanks may stand in front of it.
    fn boundary_end(&mut self, input: &mut &[u8]) -> Result<(), FormError> {
        while let Some((&byte, rest)) = input.split_first() {
            *input = rest;
            self.grow(&[byte])?;
            if self.part.ends_with(b"--") {
                return Err(FormError::NoFile);
            }
            if self.part.ends_with(b"\r\n") {
                let blank = self.part[..self.part.len() - 2].iter().all(|b| matches!(b, b' ' | b'\t'));
                self.part.clear();
                self.state = State::Head;
                return if blank { Ok(()) } else { Err(FormError::Syntax) };
            }
        }
        Ok(())
    }

    fn head(&mut self, input: &mut &[u8]) -> Result<(), FormError> {
        while let Some((&byte, rest)) = input.split_first() {
            *input = rest;
            self.grow(&[byte])?;
            if self.part.ends_with(b"\r\n\r\n") {
                return self.end_head();
            }
        }
        Ok(())
    }

    fn end_head(&mut self) -> Result<(), FormError> {
        let head = String::from_utf8(core::mem::take(&mut self.part)).map_err(|_| FormError::Syntax)?;
        let line = |line: &str| {
            let (name, value) = line.split_once(':')?;
            let (kind, parameters) = value.split_once(';')?;
            let fits = name.trim().eq_ignore_ascii_case("content-disposition")
                && kind.trim().eq_ignore_ascii_case("form-data");
            fits.then(|| (parameter(parameters, "name"), parameter(parameters, "filename")))
        };
        let (name, file_name) = head.lines().find_map(line).ok_or(FormError::Syntax)?;
        self.name = name.ok_or(FormError::Syntax)?.to_ascii_lowercase();
        self.state = State::Value;
        if self.name == "file" {
            self.form.file_name = file_name.unwrap_or_default();
            self.state = State::File;
        }
        Ok(())
    }

    fn end_value(&mut self) -> Result<(), FormError> {
        let value = String::from_utf8(core::mem::take(&mut self.part)).map_err(|_| FormError::Syntax)?;
        if self.form.get(&self.name).is_some() {
            return Err(FormError::Duplicate);
        }
        if self.form.fields.len() == FORM_FIELDS_MAX {
            return Err(FormError::TooLarge);
        }
        self.form.fields.push((core::mem::take(&mut self.name), value));
        self.state = State::Boundary;
        Ok(())
    }
}

enum Piece<'i> {
    Data(&'i [u8]),
    /// So many bytes of the delimiter were data after all.
    Held(usize),
    Delimiter,
    More,
}

/// The value of a parameter among `name=value; name="value"`.
fn parameter(parameters: &str, name: &str) -> Option<String> {
    let mut rest = parameters;
    loop {
        let (found, behind) = rest.trim_start().split_once('=')?;
        let (value, behind) = match behind.trim_start().strip_prefix('"') {
            Some(quoted) => quoted_value(quoted)?,
            None => {
                let (value, behind) = behind.split_once(';').unwrap_or((behind, ""));
                (value.trim().into(), behind)
            }
        };
        if found.trim().trim_start_matches(';').trim().eq_ignore_ascii_case(name) {
            return Some(value);
        }
        rest = behind;
    }
}

/// Up to the closing quotation mark; a backslash stands before one that does not close (and otherwise for itself, as in Windows' paths).
fn quoted_value(quoted: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut rest = quoted;
    loop {
        let at = rest.find(['"', '\\'])?;
        value.push_str(&rest[..at]);
        if rest.as_bytes()[at] == b'"' {
            return Some((value, &rest[at + 1..]));
        }
        let behind = &rest[at + 1..];
        rest = match behind.strip_prefix('"') {
            Some(behind) => {
                value.push('"');
                behind
            }
            None => {
                value.push('\\');
                behind
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str = "multipart/form-data; boundary=AaB03x";

    fn read(body: &[u8], step: usize) -> Result<(Form, Vec<u8>), FormError> {
        let mut decoder = FormDecoder::new(TYPE)?;
        let mut file = Vec::new();
        for piece in body.chunks(step) {
            let mut input = piece;
            loop {
                match decoder.next(&mut input)? {
                    FormEvent::File => {}
                    FormEvent::Data(data) => file.extend_from_slice(data),
                    FormEvent::More | FormEvent::End => break,
                }
            }
        }
        decoder.finish()?;
        Ok((decoder.form().clone(), file))
    }

    fn form(fields: &[(&str, &str)], file: &str) -> String {
        let mut body = String::new();
        for (name, value) in fields {
            body += &alloc::format!(
                "--AaB03x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            );
        }
        body +=
            "--AaB03x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"C:\\tmp\\a.txt\"\r\n\r\n";
        body += &alloc::format!("{file}\r\n--AaB03x--\r\n");
        body
    }

    #[test]
    fn in_pieces_of_every_size() {
        // Beginnings of the delimiter within the file.
        let file = "a\r\n--AaB03\r\r\n-\r\n--AaB03yb\r\n\r\n--AaB03";
        let body = form(&[("Key", "p/${filename}"), ("x-amz-meta-a", "\r\n--AaB03\r\n")], file);
        for step in 1..=body.len() {
            let (form, read) = read(body.as_bytes(), step).expect("a form");
            assert_eq!(read, file.as_bytes(), "{step}");
            assert_eq!(form.key().as_deref(), Some("p/a.txt"));
            assert_eq!(form.get("x-amz-meta-a"), Some("\r\n--AaB03\r\n"));
            assert_eq!(form.fields().count(), 2);
        }
    }

    #[test]
    fn what_is_refused() {
        let error = |body: &str| read(body.as_bytes(), 7).expect_err("no form");
        let whole = form(&[("key", "a")], "x");
        assert_eq!(error(&whole[..whole.len() - 20]), FormError::Short);
        assert_eq!(error("preamble"), FormError::Syntax);
        assert_eq!(error("--AaB03x--\r\n"), FormError::NoFile);
        assert_eq!(error("--AaB03xy\r\n"), FormError::Syntax);
        assert_eq!(
            error("--AaB03x\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\n"),
            FormError::Syntax
        );
        assert_eq!(error(&form(&[("key", "a"), ("KEY", "b")], "x")), FormError::Duplicate);
        assert_eq!(error(&form(&[("key", &"a".repeat(30_000))], "x")), FormError::TooLarge);
        for content_type in [
            "",
            "multipart/form-data",
            "multipart/form-data; boundary=",
            "multipart/mixed; boundary=a",
            &alloc::format!("multipart/form-data; boundary={}", "a".repeat(71)),
        ] {
            assert_eq!(FormDecoder::new(content_type).err(), Some(FormError::ContentType), "{content_type}");
        }
        assert!(FormDecoder::new("Multipart/Form-Data; charset=utf-8; boundary=\"a b\"").is_ok());
    }
}
