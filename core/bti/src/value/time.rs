//! Dates and times as Java prints them. Days are counted in the proleptic Gregorian calendar (Hinnant, "chrono-compatible low-level date
//! algorithms").

use core::fmt;

const SECONDS_PER_DAY: i64 = 86_400;

/// Year, month, day of a day counted from 1970-01-01.
pub fn civil(days: i64) -> (i64, u32, u32) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Months from March on.
    let month = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * month + 2) / 5 + 1) as u32;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month as u32, day)
}

/// Days from 1970-01-01 to a date.
pub fn days(year: i64, month: u32, day: u32) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month = i64::from(month);
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn write_year(f: &mut fmt::Formatter<'_>, year: i64) -> fmt::Result {
    match year {
        10_000.. => write!(f, "+{year}"),
        0..10_000 => write!(f, "{year:04}"),
        _ => write!(f, "-{:04}", -year),
    }
}

/// A date (`LocalDate.toString`).
#[derive(Clone, Copy, Debug)]
pub struct Date {
    /// Days from 1970-01-01.
    pub days: i64,
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil(self.days);
        write_year(f, year)?;
        write!(f, "-{month:02}-{day:02}")
    }
}

/// A time of the day in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct TimeOfDay {
    /// Nanoseconds from midnight.
    pub ns: i64,
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.ns.div_euclid(1_000_000_000);
        write_clock(f, seconds)?;
        write!(f, ".{:09}", self.ns.rem_euclid(1_000_000_000))
    }
}

fn write_clock(f: &mut fmt::Formatter<'_>, seconds: i64) -> fmt::Result {
    write!(f, "{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// A timestamp (`TimestampSerializer`): its year is that of its era, so that years before 1 lose their sign.
#[derive(Clone, Copy, Debug)]
pub struct Timestamp {
    /// Milliseconds from 1970.
    pub ms: i64,
    /// Between date and time.
    pub separator: char,
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, ms) = (self.ms.div_euclid(1000), self.ms.rem_euclid(1000));
        let (year, month, day) = civil(seconds.div_euclid(SECONDS_PER_DAY));
        write_year(f, if year > 0 { year } else { 1 - year })?;
        write!(f, "-{month:02}-{day:02}{}", self.separator)?;
        write_clock(f, seconds.rem_euclid(SECONDS_PER_DAY))?;
        write!(f, ".{ms:03}Z")
    }
}

/// A moment (`Instant.toString`): the fraction in groups of three digits, none if it is 0.
#[derive(Clone, Copy, Debug)]
pub struct Instant {
    /// Seconds from 1970.
    pub seconds: i64,
    /// Nanoseconds of the second.
    pub ns: u32,
}

impl Instant {
    /// Of microseconds as `sstabledump` has it: seconds are rounded towards zero, which for times before 1970 is a second late, and
    /// nanoseconds stop at the ends of 64 bits.
    pub fn of_micros(micros: i64) -> Instant {
        let ns = micros.saturating_mul(1000).rem_euclid(1_000_000_000) as u32;
        Instant { seconds: micros / 1_000_000, ns }
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil(self.seconds.div_euclid(SECONDS_PER_DAY));
        write_year(f, year)?;
        write!(f, "-{month:02}-{day:02}T")?;
        write_clock(f, self.seconds.rem_euclid(SECONDS_PER_DAY))?;
        match self.ns {
            0 => {}
            ns if ns % 1_000_000 == 0 => write!(f, ".{:03}", ns / 1_000_000)?,
            ns if ns % 1000 == 0 => write!(f, ".{:06}", ns / 1000)?,
            ns => write!(f, ".{ns:09}")?,
        }
        f.write_str("Z")
    }
}

/// A duration (`Duration.toString`).
#[derive(Clone, Copy, Debug)]
pub struct Duration {
    /// Months.
    pub months: i64,
    /// Days.
    pub days: i64,
    /// Nanoseconds.
    pub ns: i64,
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.months < 0 || self.days < 0 || self.ns < 0 {
            f.write_str("-")?;
        }
        let months = self.months.unsigned_abs();
        let mut ns = self.ns.unsigned_abs();
        for (count, unit) in [(months / 12, "y"), (months % 12, "mo"), (self.days.unsigned_abs(), "d")] {
            if count > 0 {
                write!(f, "{count}{unit}")?;
            }
        }
        let units = [
            (3_600_000_000_000, "h"),
            (60_000_000_000, "m"),
            (1_000_000_000, "s"),
            (1_000_000, "ms"),
            (1000, "us"),
            (1, "ns"),
        ];
        for (len, unit) in units {
            if ns >= len {
                write!(f, "{}{unit}", ns / len)?;
                ns %= len;
            }
        }
        Ok(())
    }
}
