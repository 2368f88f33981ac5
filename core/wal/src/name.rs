//! Names of log files.

use core::fmt;

use dolmen_base::io::FileNumber;

/// A log file: `000007.log`, as RocksDB names its logs, or `000007.old` once it is archived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogName {
    /// Its number; numbers grow in the order of the log.
    pub number: FileNumber,
    /// Whether it was archived.
    pub archived: bool,
}

impl LogName {
    /// The name of a log in use.
    pub const fn live(number: FileNumber) -> Self {
        LogName { number, archived: false }
    }

    /// The log that a file name stands for; `None` for any other file.
    pub fn parse(name: &str) -> Option<Self> {
        let (digits, suffix) = name.split_once('.')?;
        let archived = match suffix {
            "log" => false,
            "old" => true,
            _ => return None,
        };
        let plain = digits.len() >= 6 && digits.bytes().all(|b| b.is_ascii_digit());
        let number = if plain { digits.parse().ok() } else { None };
        number.map(|n| LogName { number: FileNumber::new(n), archived })
    }
}

impl fmt::Display for LogName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06}.{}", self.number.get(), if self.archived { "old" } else { "log" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn names_go_both_ways() {
        for name in ["000001.log", "000012.old", "1234567.log"] {
            assert_eq!(LogName::parse(name).expect(name).to_string(), name);
        }
        for name in ["", "1.log", "000001.sst", "00000x.log", "000001.log.old", "LOCK"] {
            assert_eq!(LogName::parse(name), None, "{name}");
        }
    }
}
