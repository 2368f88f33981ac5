//! Parsers of values for clap: `#[arg(value_parser = dolmen_cli::value::size)]`.

pub use dolmen_units::{address, duration, size};

/// Bytes in hexadecimal digits, with or without `0x` before them, as `ldb` prints and takes them.
///
/// # Errors
///
/// A sentence that says what is wrong.
pub fn hex(text: &str) -> Result<Vec<u8>, String> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    if !digits.len().is_multiple_of(2) {
        return Err(format!("{text} is not hex: an odd number of digits"));
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|d| d as u8);
    let pair = |pair: &[u8]| Some(digit(pair[0])? << 4 | digit(pair[1])?);
    let bytes: Option<Vec<u8>> = digits.as_bytes().chunks_exact(2).map(pair).collect();
    bytes.ok_or_else(|| format!("{text} is not hex: only 0 to 9 and a to f, two for each byte"))
}

#[cfg(test)]
mod tests {
    use super::hex;

    #[test]
    fn hex_takes_what_ldb_prints_and_refuses_the_rest() {
        assert_eq!(hex("00ffA0").unwrap(), [0, 255, 160]);
        assert_eq!(hex("0x00FF").unwrap(), [0, 255]);
        assert!(hex("").unwrap().is_empty());
        for bad in ["0", "0g", "é", "0x0"] {
            assert!(hex(bad).is_err(), "{bad}");
        }
    }
}
