//! The reader: the caller asks for the next child or for text, element by element.

use alloc::borrow::Cow;
use alloc::string::String;

use super::XmlError;
use crate::limits::{XML_DEPTH_MAX, XML_LEN_MAX};

/// Reads a document from the outside in. At any time it stands inside of one open element.
///
/// ```
/// let mut xml = dolmen_s3::xml::Reader::strict(b"<a><b>1 &lt; 2</b></a>")?;
/// assert_eq!(xml.root()?, "a");
/// assert_eq!(xml.child()?, Some("b"));
/// assert_eq!(xml.text()?, "1 < 2");
/// assert_eq!(xml.child()?, None);
/// xml.finish()?;
/// # Ok::<(), dolmen_s3::xml::XmlError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    text: &'a str,
    at: usize,
    open: [&'a str; XML_DEPTH_MAX],
    depth: usize,
    /// The last tag was `<a/>`: its element is open and empty.
    empty: bool,
    /// What stands behind the name in the last start tag.
    attributes: &'a str,
    tolerant: bool,
    url: bool,
}

/// A tag or a piece of text.
enum Token<'a> {
    Start(&'a str),
    End,
    /// As it stands in the document.
    Text(&'a str),
    /// Of a CDATA section.
    Literal(&'a str),
}

impl<'a> Reader<'a> {
    /// Of a request: what the schema does not have is an error.
    ///
    /// # Errors
    ///
    /// [`XmlError`] if it is too long or no UTF-8.
    pub fn strict(bytes: &'a [u8]) -> Result<Reader<'a>, XmlError> {
        if bytes.len() > XML_LEN_MAX {
            return Err(XmlError::TooLong { len: bytes.len() });
        }
        let text =
            core::str::from_utf8(bytes).map_err(|error| XmlError::Encoding { at: error.valid_up_to() })?;
        let bad =
            |c: char| c < ' ' && !matches!(c, '\t' | '\n' | '\r') || matches!(c, '\u{fffe}' | '\u{ffff}');
        if let Some(at) = text.find(bad) {
            return Err(XmlError::Encoding { at });
        }
        let at = if text.starts_with('\u{feff}') { 3 } else { 0 };
        let open = [""; XML_DEPTH_MAX];
        Ok(Reader { text, at, open, depth: 0, empty: false, attributes: "", tolerant: false, url: false })
    }

    /// Of an answer: elements that are not known are passed over. `url` says that keys came with `encoding-type=url`.
    ///
    /// # Errors
    ///
    /// As [`Reader::strict`].
    pub fn tolerant(bytes: &'a [u8], url: bool) -> Result<Reader<'a>, XmlError> {
        Ok(Reader { tolerant: true, url, ..Self::strict(bytes)? })
    }

    /// Whether keys came with `encoding-type=url`.
    pub fn is_url(&self) -> bool {
        self.url
    }

    /// How many bytes have been read.
    pub fn offset(&self) -> usize {
        self.at
    }

    /// Enters the outermost element and gives its name.
    ///
    /// # Errors
    ///
    /// [`XmlError`] if there is none.
    pub fn root(&mut self) -> Result<&'a str, XmlError> {
        loop {
            match self.token()? {
                Some(Token::Start(name)) => return Ok(name),
                Some(Token::Text(text)) if is_blank(text) => {}
                _ => return Err(XmlError::Syntax { at: self.at }),
            }
        }
    }

    /// Enters the next element in the open one and gives its name; `None` leaves the open one.
    ///
    /// # Errors
    ///
    /// [`XmlError`] if it is not well-formed, or there is text beside elements.
    pub fn child(&mut self) -> Result<Option<&'a str>, XmlError> {
        loop {
            match self.token()? {
                Some(Token::Start(name)) => return Ok(Some(name)),
                Some(Token::End) => return Ok(None),
                Some(Token::Text(text)) if is_blank(text) => {}
                _ => return Err(XmlError::Syntax { at: self.at }),
            }
        }
    }

    /// The text of the open element, which has nothing else, and leaves it.
    ///
    /// # Errors
    ///
    /// [`XmlError`] if it is not well-formed, or there are elements.
    pub fn text(&mut self) -> Result<Cow<'a, str>, XmlError> {
        let mut whole = Cow::Borrowed("");
        loop {
            let at = self.at;
            match self.token()? {
                Some(Token::Text(text)) => append(&mut whole, unescape(text, at)?),
                Some(Token::Literal(text)) => append(&mut whole, Cow::Borrowed(text)),
                Some(Token::End) => return Ok(whole),
                Some(Token::Start(_)) => return Err(XmlError::Unknown { at }),
                None => return Err(XmlError::Syntax { at }),
            }
        }
    }

    /// The value of an attribute of the element entered last, by its local name.
    ///
    /// # Errors
    ///
    /// [`XmlError`] for an unknown entity in it.
    pub fn attribute(&self, name: &str) -> Result<Option<Cow<'a, str>>, XmlError> {
        let mut rest = self.attributes;
        while let Some((attribute, value, behind)) = next_attribute(rest) {
            if local(attribute) == name && !attribute.starts_with("xmlns") {
                return unescape(value, self.at).map(Some);
            }
            rest = behind;
        }
        Ok(None)
    }

    /// Refuses the element entered last, or passes over it if the reader is tolerant.
    ///
    /// # Errors
    ///
    /// [`XmlError::Unknown`], or what is wrong inside of it.
    pub fn unknown(&mut self) -> Result<(), XmlError> {
        if !self.tolerant {
            return Err(XmlError::Unknown { at: self.at });
        }
        self.skip()
    }

    /// Passes over the element entered last.
    ///
    /// # Errors
    ///
    /// What is wrong inside of it.
    pub fn skip(&mut self) -> Result<(), XmlError> {
        let depth = self.depth;
        while self.depth >= depth {
            if self.token()?.is_none() {
                return Err(XmlError::Syntax { at: self.at });
            }
        }
        Ok(())
    }

    /// Nothing follows the outermost element.
    ///
    /// # Errors
    ///
    /// [`XmlError::Syntax`] if something does.
    pub fn finish(&mut self) -> Result<(), XmlError> {
        loop {
            match self.token()? {
                None => return Ok(()),
                Some(Token::Text(text)) if is_blank(text) => {}
                Some(_) => return Err(XmlError::Syntax { at: self.at }),
            }
        }
    }

    /// The next token; `None` at the end of the document, which is only legal outside of all elements.
    fn token(&mut self) -> Result<Option<Token<'a>>, XmlError> {
        if self.empty {
            self.empty = false;
            self.depth -= 1;
            return Ok(Some(Token::End));
        }
        loop {
            let rest = &self.text[self.at..];
            if rest.is_empty() {
                return if self.depth == 0 { Ok(None) } else { Err(XmlError::Syntax { at: self.at }) };
            }
            if !rest.starts_with('<') {
                let len = rest.find('<').unwrap_or(rest.len());
                self.at += len;
                return Ok(Some(Token::Text(&rest[..len])));
            }
            if rest.starts_with("<!--") {
                self.at += self.until(4, "-->")?;
            } else if rest.starts_with("<?") {
                self.at += self.until(2, "?>")?;
            } else if rest.starts_with("<![CDATA[") && self.depth > 0 {
                let len = self.until(9, "]]>")?;
                self.at += len;
                return Ok(Some(Token::Literal(&rest[9..len - 3])));
            } else if rest.starts_with("<!") {
                return Err(XmlError::Dtd { at: self.at });
            } else if rest.starts_with("</") {
                return self.end_tag().map(Some);
            } else {
                return self.start_tag().map(Some);
            }
        }
    }

    /// Bytes from here to behind `end`, which is looked for behind `from` bytes.
    fn until(&self, from: usize, end: &str) -> Result<usize, XmlError> {
        let found = self.text[self.at + from..].find(end);
        found.map(|at| from + at + end.len()).ok_or(XmlError::Syntax { at: self.at })
    }

    fn end_tag(&mut self) -> Result<Token<'a>, XmlError> {
        let len = self.until(2, ">")?;
        let name = self.text[self.at + 2..self.at + len - 1].trim_end_matches(is_space);
        if self.depth == 0 || self.open[self.depth - 1] != name {
            return Err(XmlError::Syntax { at: self.at });
        }
        self.at += len;
        self.depth -= 1;
        Ok(Token::End)
    }

    fn start_tag(&mut self) -> Result<Token<'a>, XmlError> {
        let at = self.at;
        let tag = &self.text[at + 1..];
        let name = &tag[..name_len(tag)];
        let mut rest = &tag[name.len()..];
        if name.is_empty() || local(name).is_empty() {
            return Err(XmlError::Syntax { at });
        }
        if self.depth == XML_DEPTH_MAX {
            return Err(XmlError::Depth { at });
        }
        let attributes = rest;
        while let Some((_, _, behind)) = next_attribute(rest) {
            rest = behind;
        }
        self.attributes = &attributes[..attributes.len() - rest.len()];
        let end = rest.trim_start_matches(is_space);
        self.empty = end.starts_with("/>");
        if !self.empty && !end.starts_with('>') {
            return Err(XmlError::Syntax { at });
        }
        self.open[self.depth] = name;
        self.depth += 1;
        self.at = self.text.len() - end.len() + 1 + usize::from(self.empty);
        Ok(Token::Start(local(name)))
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

fn is_blank(text: &str) -> bool {
    text.chars().all(is_space)
}

/// Bytes of the name at the start of a text.
fn name_len(text: &str) -> usize {
    let part = |c: char| c.is_ascii_alphanumeric() || "_-.:".contains(c) || !c.is_ascii();
    let first = |c: char| c.is_ascii_alphabetic() || c == '_' || !c.is_ascii();
    if text.starts_with(first) { text.find(|c| !part(c)).unwrap_or(text.len()) } else { 0 }
}

/// A name without its namespace.
fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

/// The attribute at the start of a tag's rest: name, raw value, and what follows. `None` if there is no well-formed one.
fn next_attribute(rest: &str) -> Option<(&str, &str, &str)> {
    let text = rest.trim_start_matches(is_space);
    let name = &text[..name_len(text)];
    if name.is_empty() || text.len() == rest.len() {
        return None;
    }
    let value =
        text[name.len()..].trim_start_matches(is_space).strip_prefix('=')?.trim_start_matches(is_space);
    let quote = value.chars().next().filter(|&c| c == '"' || c == '\'')?;
    let (value, behind) = value[1..].split_once(quote)?;
    (!value.contains('<')).then_some((name, value, behind))
}

fn append<'a>(whole: &mut Cow<'a, str>, more: Cow<'a, str>) {
    if whole.is_empty() {
        *whole = more;
    } else {
        whole.to_mut().push_str(&more);
    }
}

/// Replaces entities, and line ends by line feeds as XML 1.0, 2.11 says.
fn unescape(text: &str, at: usize) -> Result<Cow<'_, str>, XmlError> {
    if text.contains("]]>") {
        return Err(XmlError::Syntax { at });
    }
    if !text.contains(['&', '\r']) {
        return Ok(Cow::Borrowed(text));
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(i) = rest.find(['&', '\r']) {
        out.push_str(&rest[..i]);
        rest = &rest[i..];
        if let Some(behind) = rest.strip_prefix('\r') {
            out.push('\n');
            rest = behind.strip_prefix('\n').unwrap_or(behind);
        } else {
            let (name, behind) = rest[1..].split_once(';').ok_or(XmlError::Entity { at })?;
            out.push(entity(name).ok_or(XmlError::Entity { at })?);
            rest = behind;
        }
    }
    out.push_str(rest);
    Ok(Cow::Owned(out))
}

fn entity(name: &str) -> Option<char> {
    match name {
        "lt" => return Some('<'),
        "gt" => return Some('>'),
        "amp" => return Some('&'),
        "quot" => return Some('"'),
        "apos" => return Some('\''),
        _ => {}
    }
    let digits = name.strip_prefix('#')?;
    let (digits, radix) = digits.strip_prefix('x').map_or((digits, 10), |hex| (hex, 16));
    let clean = (1..=8).contains(&digits.len()) && digits.chars().all(|c| c.is_digit(radix));
    // Amazon writes and reads control characters of keys as numbers, which XML 1.0 does not allow; only the NUL is none.
    let number = u32::from_str_radix(digits, radix).ok().filter(|&number| clean && number > 0)?;
    char::from_u32(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(text: &str) -> Result<String, XmlError> {
        let mut xml = Reader::tolerant(text.as_bytes(), false)?;
        let mut out = String::from(xml.root()?);
        while let Some(name) = xml.child()? {
            out.push(' ');
            out.push_str(name);
            out.push('=');
            out.push_str(&xml.text()?);
        }
        xml.finish()?;
        Ok(out)
    }

    #[test]
    fn what_is_read() {
        for (text, read) in [
            ("<a/>", "a"),
            (
                "\u{feff}<?xml version=\"1.0\"?>\n<!-- <b> --><a xmlns='x'  >\n <b>1</b ><b/></a>\n",
                "a b=1 b=",
            ),
            ("<n:a xmlns:n=\"u\"><n:b x=\"&gt;\" y='>'>t</n:b></n:a>", "a b=t"),
            ("<a><b>&lt;&amp;&gt;&quot;&apos;&#65;&#x1F600;&#1;</b></a>", "a b=<&>\"'A\u{1f600}\u{1}"),
            ("<a><b>x<![CDATA[<&]]>y<!-- - -->z</b></a>", "a b=x<&yz"),
            ("<a><b>1\r\n2\r3</b></a>", "a b=1\n2\n3"),
        ] {
            assert_eq!(walk(text).as_deref(), Ok(read), "{text}");
        }
    }

    #[test]
    fn what_is_refused() {
        let bombs = "<!DOCTYPE lolz [<!ENTITY lol \"lol\"><!ENTITY lol2 \"&lol;&lol;\">]><a>&lol2;</a>";
        assert_eq!(walk(bombs), Err(XmlError::Dtd { at: 0 }));
        assert_eq!(walk("<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>"), Err(XmlError::Dtd { at: 0 }));
        assert!(matches!(walk("<a><b>&lol;</b></a>"), Err(XmlError::Entity { .. })));
        for entity in
            ["&#0;", "&#xD800;", "&#x110000;", "&#;", "&#x;", "&#+1;", "&lt", "&#99999999999;", "&#xG;"]
        {
            let read = walk(&alloc::format!("<a><b>{entity}</b></a>"));
            assert!(matches!(read, Err(XmlError::Entity { .. })), "{entity} {read:?}");
        }
        let deep = alloc::format!("<a>{}", "<b>".repeat(100_000));
        let mut xml = Reader::tolerant(deep.as_bytes(), false).expect("it is UTF-8");
        xml.root().and_then(|_| xml.child()).expect("it begins well");
        assert_eq!(xml.unknown(), Err(XmlError::Depth { at: 3 * 16 }));
        for text in [
            "",
            " ",
            "a",
            "<a>",
            "<a></b>",
            "<a><b></a></b>",
            "<a",
            "<a b>",
            "<a b=c/>",
            "<a b='c/>",
            "<a b=\"<\"/>",
            "</a>",
            "<a/><a/>",
            "<a/>x",
            "<a>x</a>",
            "<1/>",
            "< a/>",
            "<a><!--</a>",
            "<a><?x</a>",
            "<a:/>",
            "<a><b>]]></b></a>",
            "<a b='1'c='2'/>",
            "<![CDATA[]]><a/>",
        ] {
            assert!(
                matches!(walk(text), Err(XmlError::Syntax { .. } | XmlError::Dtd { .. })),
                "{text} {:?}",
                walk(text)
            );
        }
        assert_eq!(walk("<a>\u{1}</a>"), Err(XmlError::Encoding { at: 3 }));
        assert_eq!(Reader::strict(b"<a>\xff").err(), Some(XmlError::Encoding { at: 3 }));
        let long = alloc::vec![b' '; XML_LEN_MAX + 1];
        assert_eq!(Reader::strict(&long).err(), Some(XmlError::TooLong { len: XML_LEN_MAX + 1 }));
    }

    #[test]
    fn attributes_by_local_name() {
        let mut xml = Reader::strict(b"<G xmlns:xsi=\"u\" xsi:type='Canon&amp;'/>").expect("it is UTF-8");
        xml.root().expect("it has a root");
        assert_eq!(xml.attribute("type").expect("no entity is wrong").as_deref(), Some("Canon&"));
        assert_eq!(xml.attribute("xsi"), Ok(None));
    }
}
