//! Points in time and the four ways in which S3 writes them.
//!
//! | form | where | example |
//! |---|---|---|
//! | HTTP date (RFC 9110, 5.6.7) | headers | `Sun, 06 Nov 1994 08:49:37 GMT` |
//! | ISO 8601, milliseconds | XML | `1994-11-06T08:49:37.000Z` |
//! | ISO 8601, basic | signatures | `19941106T084937Z` |
//! | date alone | scope of a signature | `19941106` |

use core::fmt;

/// Milliseconds since 1970-01-01T00:00:00Z. The caller tells the time; years 1 to 9999 can be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

const DAY_MS: i64 = 86_400_000;
/// 0001-01-01 and 9999-12-31T23:59:59.999.
const UNIX_MS_MIN: i64 = -62_135_596_800_000;
const UNIX_MS_MAX: i64 = 253_402_300_799_999;

const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The fields of a point in time, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    /// 1 to 9999.
    pub year: u32,
    /// 1 to 12.
    pub month: u32,
    /// 1 to 31.
    pub day: u32,
    /// 0 to 23.
    pub hour: u32,
    /// 0 to 59.
    pub minute: u32,
    /// 0 to 59.
    pub second: u32,
    /// 0 to 999.
    pub ms: u32,
}

impl Timestamp {
    /// 1970-01-01.
    pub const EPOCH: Timestamp = Timestamp(0);

    /// From milliseconds since the epoch, kept within the years 1 to 9999.
    pub const fn from_unix_ms(ms: i64) -> Self {
        if ms < UNIX_MS_MIN {
            Timestamp(UNIX_MS_MIN)
        } else if ms > UNIX_MS_MAX {
            Timestamp(UNIX_MS_MAX)
        } else {
            Timestamp(ms)
        }
    }

    /// From seconds since the epoch, likewise.
    pub const fn from_unix_s(s: i64) -> Self {
        Self::from_unix_ms(s.saturating_mul(1000))
    }

    /// Milliseconds since the epoch.
    pub const fn unix_ms(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn unix_s(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Rounded down to a second: what headers can say, and what conditions compare.
    pub const fn whole_second(self) -> Self {
        Timestamp(self.0.div_euclid(1000) * 1000)
    }

    /// So much later (earlier if negative), kept within the years.
    pub const fn plus_ms(self, ms: i64) -> Self {
        Self::from_unix_ms(self.0.saturating_add(ms))
    }

    /// From fields; `None` if there is no such day or time.
    pub fn from_civil(c: Civil) -> Option<Self> {
        let leap = c.year.is_multiple_of(4) && (!c.year.is_multiple_of(100) || c.year.is_multiple_of(400));
        let days = match c.month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        let day_ok = (1..=days).contains(&c.day) && (1..=9999).contains(&c.year);
        let time_ok = c.hour < 24 && c.minute < 60 && c.second < 60 && c.ms < 1000;
        if !day_ok || !time_ok {
            return None;
        }
        let s = i64::from(c.hour) * 3600 + i64::from(c.minute) * 60 + i64::from(c.second);
        Some(Timestamp(days_before(c.year, c.month, c.day) * DAY_MS + s * 1000 + i64::from(c.ms)))
    }

    /// Its fields.
    pub fn civil(self) -> Civil {
        let (days, ms) = (self.0.div_euclid(DAY_MS), self.0.rem_euclid(DAY_MS) as u32);
        // Howard Hinnant, "chrono-compatible low-level date algorithms": years begin in March, eras have 400 of them.
        let z = days + 719_468;
        let era = z.div_euclid(146_097);
        let doe = z.rem_euclid(146_097);
        let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        let mp = (5 * doy + 2) / 153;
        let day = (doy - (153 * mp + 2) / 5 + 1) as u32;
        let month = if mp < 10 { mp + 3 } else { mp - 9 } as u32;
        let year = (yoe + era * 400 + i64::from(month <= 2)) as u32;
        let s = ms / 1000;
        Civil { year, month, day, hour: s / 3600, minute: s / 60 % 60, second: s % 60, ms: ms % 1000 }
    }

    /// As an HTTP date.
    pub fn http_date(self) -> impl fmt::Display {
        Written(self, Form::Http)
    }

    /// As ISO 8601 with milliseconds.
    pub fn iso8601(self) -> impl fmt::Display {
        Written(self, Form::Iso)
    }

    /// As ISO 8601 in its basic form, as signatures have it.
    pub fn basic(self) -> impl fmt::Display {
        Written(self, Form::Basic)
    }

    /// `20150830`
    pub fn date(self) -> [u8; 8] {
        let Civil { year, month, day, .. } = self.civil();
        let number = year * 10_000 + month * 100 + day;
        core::array::from_fn(|i| b'0' + (number / 10u32.pow(7 - i as u32) % 10) as u8)
    }

    /// Reads an HTTP date in any of its three forms (RFC 9110, 5.6.7), and numeric zones as RFC 1123 allows them.
    pub fn parse_http_date(text: &str) -> Option<Self> {
        let rest = match text.split_once(',') {
            Some((weekday, rest)) if weekday.len() >= 3 => rest.trim_start(),
            Some(_) => return None,
            None => return parse_asctime(text),
        };
        let mut words = Words(rest);
        let day = words.number(2)?;
        let month = month_of(words.word()?)?;
        let year = words.word()?;
        let year = match (digits(year)?, year.len()) {
            (year, 4) => year,
            (year, 2) if year < 70 => 2000 + year,
            (year, 2) => 1900 + year,
            _ => return None,
        };
        let (hour, minute, second) = clock(words.time()?)?;
        let at = Self::from_civil(Civil { year, month, day, hour, minute, second, ms: 0 })?;
        match words.zone()? {
            "GMT" | "UTC" | "UT" | "Z" => Some(at),
            zone => Some(at.plus_ms(-offset_ms(zone)?)),
        }
    }

    /// Reads ISO 8601: a date alone, or with a time, a fraction (cut to milliseconds), and `Z` or an offset.
    pub fn parse_iso8601(text: &str) -> Option<Self> {
        let b = text.as_bytes();
        if b.len() < 10 || b[4] != b'-' || b[7] != b'-' || !text.is_ascii() {
            return None;
        }
        let (year, month, day) = (digits(&text[..4])?, digits(&text[5..7])?, digits(&text[8..10])?);
        let midnight = Civil { year, month, day, hour: 0, minute: 0, second: 0, ms: 0 };
        if b.len() == 10 {
            return Self::from_civil(midnight);
        }
        if b.len() < 20 || !matches!(b[10], b'T' | b't') {
            return None;
        }
        let (hour, minute, second) = clock(&text[11..19])?;
        let (ms, zone) = fraction(&text[19..])?;
        let at = Self::from_civil(Civil { hour, minute, second, ms, ..midnight })?;
        match zone {
            "Z" | "z" => Some(at),
            zone => Some(at.plus_ms(-offset_ms(zone)?)),
        }
    }

    /// Reads the basic form of signatures, `19941106T084937Z`, and nothing else.
    pub fn parse_basic(text: &str) -> Option<Self> {
        let b = text.as_bytes();
        if b.len() != 16 || b[8] != b'T' || b[15] != b'Z' || !text.is_ascii() {
            return None;
        }
        Self::from_civil(Civil {
            year: digits(&text[..4])?,
            month: digits(&text[4..6])?,
            day: digits(&text[6..8])?,
            hour: digits(&text[9..11])?,
            minute: digits(&text[11..13])?,
            second: digits(&text[13..15])?,
            ms: 0,
        })
    }
}

/// Days from the epoch to a day that exists.
fn days_before(year: u32, month: u32, day: u32) -> i64 {
    let y = i64::from(year) - i64::from(month <= 2);
    let (era, yoe) = (y.div_euclid(400), y.rem_euclid(400));
    let mp = i64::from(if month > 2 { month - 3 } else { month + 9 });
    let doy = (153 * mp + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468
}

/// A number of nothing but digits, at most nine.
fn digits(text: &str) -> Option<u32> {
    let ok = (1..=9).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if ok { text.parse().ok() } else { None }
}

fn month_of(name: &str) -> Option<u32> {
    MONTHS.iter().zip(1..).find_map(|(month, i)| month.eq_ignore_ascii_case(name).then_some(i))
}

/// `08:49:37`.
fn clock(text: &str) -> Option<(u32, u32, u32)> {
    let b = text.as_bytes();
    if b.len() != 8 || b[2] != b':' || b[5] != b':' || !text.is_ascii() {
        return None;
    }
    Some((digits(&text[..2])?, digits(&text[3..5])?, digits(&text[6..])?))
}

/// `.123Z` is 123 and `Z`; without a fraction it is 0.
fn fraction(text: &str) -> Option<(u32, &str)> {
    let Some(rest) = text.strip_prefix('.') else { return Some((0, text)) };
    let len = rest.bytes().take_while(u8::is_ascii_digit).count();
    if len == 0 || len > 9 {
        return None;
    }
    let mut ms = 0;
    for i in 0..3 {
        ms = ms * 10 + if i < len { u32::from(rest.as_bytes()[i] - b'0') } else { 0 };
    }
    Some((ms, &rest[len..]))
}

/// `+01:00` or `+0100`, in milliseconds.
fn offset_ms(zone: &str) -> Option<i64> {
    let sign = match zone.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let rest = &zone[1..];
    let (hour, minute) = match (rest.split_once(':'), rest.len()) {
        (Some(pair), 5) => pair,
        (None, 4) if rest.is_ascii() => rest.split_at(2),
        _ => return None,
    };
    let (hour, minute) = (digits(hour)?, digits(minute)?);
    (hour < 24 && minute < 60).then(|| sign * i64::from(hour * 60 + minute) * 60_000)
}

/// `Sun Nov  6 08:49:37 1994`.
fn parse_asctime(text: &str) -> Option<Timestamp> {
    let mut parts = text.split_ascii_whitespace();
    let (_, month, day) = (parts.next()?, month_of(parts.next()?)?, digits(parts.next()?)?);
    let (hour, minute, second) = clock(parts.next()?)?;
    let year = digits(parts.next()?)?;
    if parts.next().is_some() {
        return None;
    }
    Timestamp::from_civil(Civil { year, month, day, hour, minute, second, ms: 0 })
}

/// The words of an HTTP date, parted by single spaces or dashes.
struct Words<'a>(&'a str);

impl<'a> Words<'a> {
    fn until(&mut self, ends: &[char]) -> Option<&'a str> {
        let (word, rest) = match self.0.find(ends) {
            Some(at) => (&self.0[..at], &self.0[at + 1..]),
            None => (self.0, ""),
        };
        self.0 = rest;
        (!word.is_empty()).then_some(word)
    }

    fn word(&mut self) -> Option<&'a str> {
        self.until(&[' ', '-'])
    }

    fn number(&mut self, len_max: usize) -> Option<u32> {
        self.word().filter(|word| word.len() <= len_max).and_then(digits)
    }

    fn time(&mut self) -> Option<&'a str> {
        self.until(&[' '])
    }

    fn zone(&mut self) -> Option<&'a str> {
        let zone = self.until(&[' '])?;
        self.0.is_empty().then_some(zone)
    }
}

enum Form {
    Http,
    Iso,
    Basic,
}

struct Written(Timestamp, Form);

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let c = self.0.civil();
        let Civil { year, month, day, hour, minute, second, ms } = c;
        match self.1 {
            Form::Http => {
                let weekday = WEEKDAYS[(self.0.0.div_euclid(DAY_MS) + 4).rem_euclid(7) as usize];
                let month = MONTHS[month as usize - 1];
                write!(f, "{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
            }
            Form::Iso => {
                write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
            }
            Form::Basic => write!(f, "{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z"),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn the_three_http_dates_are_one() {
        let at = Timestamp::from_unix_s(784_111_777);
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Sun, 6 Nov 1994 09:49:37 +0100",
        ] {
            assert_eq!(Timestamp::parse_http_date(text), Some(at), "{text}");
        }
        assert_eq!(at.http_date().to_string(), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(at.iso8601().to_string(), "1994-11-06T08:49:37.000Z");
        assert_eq!(at.basic().to_string(), "19941106T084937Z");
        assert_eq!(&at.date(), b"19941106");
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "Sun,",
            "Sun, 32 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "6 Nov",
            "Sun, 06 Nov 1994 08:49:37",
        ] {
            assert_eq!(Timestamp::parse_http_date(text), None, "{text}");
        }
        for text in [
            "2023-02-29",
            "2024-02-30T00:00:00Z",
            "2024-02-28T00:00:00",
            "2024-1-01",
            "2024-02-28T00:00:00.Z",
            "é024-02-28",
        ] {
            assert_eq!(Timestamp::parse_iso8601(text), None, "{text}");
        }
        for text in ["20150830T123600", "20150830t123600Z", "2015083T0123600Z", "20151330T123600Z"] {
            assert_eq!(Timestamp::parse_basic(text), None, "{text}");
        }
    }

    #[test]
    fn every_day_comes_back() {
        let mut ms = UNIX_MS_MIN;
        while ms <= UNIX_MS_MAX {
            let at = Timestamp::from_unix_ms(ms);
            assert_eq!(Timestamp::from_civil(at.civil()), Some(at));
            ms += DAY_MS * 31 + 12_345_678;
        }
        let at = Timestamp::from_unix_ms(1_709_210_096_789);
        assert_eq!(at.iso8601().to_string(), "2024-02-29T12:34:56.789Z");
        assert_eq!(Timestamp::parse_iso8601("2024-02-29T12:34:56.789Z"), Some(at));
        assert_eq!(Timestamp::parse_iso8601("2024-02-29T14:34:56.7891+02:00"), Some(at));
        assert_eq!(Timestamp::parse_iso8601("2024-02-29"), Some(Timestamp::from_unix_s(1_709_164_800)));
        assert_eq!(Timestamp::parse_basic(&at.basic().to_string()), Some(at.whole_second()));
    }
}
