//! Integers as Redis reads them: `0` or `-?[1-9][0-9]*`, 64 bits, nothing around.

/// The strict integer in `text`.
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text.split_first()? {
        (b'-', rest) => (true, rest),
        _ => (false, text),
    };
    if digits == b"0" && !negative {
        return Some(0);
    }
    if !matches!(digits.first()?, b'1'..=b'9') {
        return None;
    }
    digits.iter().try_fold(0i64, |value, &c| {
        let digit = i64::from(c.wrapping_sub(b'0'));
        if digit > 9 {
            return None;
        }
        let value = value.checked_mul(10)?;
        if negative { value.checked_sub(digit) } else { value.checked_add(digit) }
    })
}

/// A SCAN cursor as C's `strtoull` reads it, without leading blanks: an optional sign (a minus wraps), digits; nothing
/// at all is 0.
pub fn parse_cursor(text: &[u8]) -> Option<u64> {
    let (negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, text),
    };
    if digits.is_empty() && !text.is_empty() {
        return None;
    }
    let value = digits.iter().try_fold(0u64, |value, &c| match c {
        b'0'..=b'9' => value.checked_mul(10)?.checked_add(u64::from(c - b'0')),
        _ => None,
    })?;
    Some(if negative { value.wrapping_neg() } else { value })
}

/// Appends `value` in decimal.
pub fn put_i64(out: &mut alloc::vec::Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    put_u64(out, value.unsigned_abs());
}

/// Appends `value` in decimal.
pub fn put_u64(out: &mut alloc::vec::Vec<u8>, mut value: u64) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}
