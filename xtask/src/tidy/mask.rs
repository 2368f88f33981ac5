//! Rust text with comments and literals blanked out, so that a rule sees code only. Line numbers stay.

/// The text with every comment, string and character literal replaced by spaces.
pub fn code(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = literal_end(bytes, at);
        for byte in &mut out[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end.max(at + 1);
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Where the comment or literal that begins at `at` ends; `at` itself if none begins there.
fn literal_end(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    let inside_word = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
    if rest.starts_with(b"//") {
        return at + rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len());
    }
    if rest.starts_with(b"/*") {
        return at + block_comment(rest);
    }
    if rest[0] == b'"' {
        return at + 1 + string(&rest[1..]);
    }
    if rest[0] == b'\'' {
        return at + character(rest);
    }
    if rest[0] == b'r' && (!inside_word || bytes[at - 1] == b'b') {
        let hashes = rest[1..].iter().take_while(|&&b| b == b'#').count();
        if rest.get(1 + hashes) == Some(&b'"') {
            return at + raw_string(rest, hashes);
        }
    }
    at
}

fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut i) = (0, 0);
    while i < rest.len() {
        if rest[i..].starts_with(b"/*") {
            (depth, i) = (depth + 1, i + 2);
        } else if rest[i..].starts_with(b"*/") {
            (depth, i) = (depth - 1, i + 2);
            if depth == 0 {
                return i;
            }
        } else {
            i += 1;
        }
    }
    rest.len()
}

/// Length of a string's inside with its closing quote.
fn string(inside: &[u8]) -> usize {
    let mut i = 0;
    while i < inside.len() {
        match inside[i] {
            b'\\' => i += 2,
            b'"' => return i + 1,
            _ => i += 1,
        }
    }
    inside.len()
}

/// Length of a character literal; 1 for the mark of a lifetime.
fn character(rest: &[u8]) -> usize {
    let close = |from: usize| rest[from..].iter().take(10).position(|&b| b == b'\'').map(|i| from + i + 1);
    match rest.get(1) {
        Some(b'\\') => close(3).unwrap_or(1),
        Some(b) if b.is_ascii() && rest.get(2) == Some(&b'\'') => 3,
        Some(b) if !b.is_ascii() => close(1).unwrap_or(1),
        _ => 1,
    }
}

fn raw_string(rest: &[u8], hashes: usize) -> usize {
    let mut end = vec![b'"'];
    end.resize(1 + hashes, b'#');
    let from = 2 + hashes;
    let found = rest[from..].windows(end.len()).position(|w| w == end);
    found.map_or(rest.len(), |i| from + i + end.len())
}

#[cfg(test)]
mod tests {
    use super::code;

    #[test]
    fn only_code_is_left() {
        let text = "let a = \"unsafe \\\" {\"; // unsafe\n/* unsafe /* x */ { */ let b = '{'; let c: &'a str = r#\"\" }\"#;";
        let left = code(text);
        assert_eq!(left.lines().count(), 2);
        assert!(!left.contains("unsafe") && !left.contains('{') && !left.contains('}'), "{left}");
        assert!(left.contains("let b =") && left.contains("a str"), "{left}");
        assert!(code("unsafe { x('\\u{7d}') }").starts_with("unsafe {"));
    }
}
