//! Sizes, durations and addresses as people write and read them: one way for flags, variables, files and pages.
//!
//! | value | accepted | meaning |
//! |---|---|---|
//! | size | `512`, `64kb`, `100mb`, `1gb`, `1.5GiB` | bytes; a unit is a power of 1,024, as redis.conf has it |
//! | duration | `5s`, `250ms`, `1h 30m`, `5` | a bare number is in seconds |
//! | address | `7721`, `:7721`, `localhost:7721`, `127.0.0.1:7721`, `[::1]:7721` | without a host: loopback |
#![forbid(unsafe_code)]

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::time::Duration;

/// Why a text is no value: what was found and what is expected.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnitError {
    /// No size.
    Size {
        /// What was given.
        found: String,
    },
    /// No duration.
    Duration {
        /// What was given.
        found: String,
    },
    /// No address.
    Address {
        /// What was given.
        found: String,
    },
    /// A host that has no address.
    Unknown {
        /// The host.
        host: String,
    },
}

impl fmt::Display for UnitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size { found } => write!(f, "{found:?} is no size; write bytes, or 64kb, 100mb, 1gb"),
            Self::Duration { found } => {
                write!(f, "{found:?} is no duration; write seconds, or 250ms, 5s, 1h")
            }
            Self::Address { found } => {
                write!(f, "{found:?} is no address; write 7721, localhost:7721, 127.0.0.1:7721 or [::1]:7721")
            }
            Self::Unknown { host } => {
                write!(f, "the host {host:?} has no address; write an IP address, or localhost")
            }
        }
    }
}

impl std::error::Error for UnitError {}

/// Bytes.
///
/// # Errors
///
/// [`UnitError::Size`] for anything else than a number with or without a unit.
pub fn size(text: &str) -> Result<u64, UnitError> {
    let refused = |_| UnitError::Size { found: text.to_owned() };
    parse_size::Config::new().with_binary().parse_size(text.trim()).map_err(refused)
}

/// A duration.
///
/// # Errors
///
/// [`UnitError::Duration`] for anything else than a number of seconds or numbers with units.
pub fn duration(text: &str) -> Result<Duration, UnitError> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Ok(Duration::from_secs(seconds));
    }
    humantime::parse_duration(text).map_err(|_| UnitError::Duration { found: text.to_owned() })
}

/// An address to listen on or to go to. Of a host with several addresses the first IPv4 one, else the first.
///
/// # Errors
///
/// [`UnitError::Address`] for what has no port or no such form, [`UnitError::Unknown`] for a host that cannot be found.
pub fn address(text: &str) -> Result<SocketAddr, UnitError> {
    let text = text.trim();
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let refused = || UnitError::Address { found: text.to_owned() };
    let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
    let port: u16 = port.parse().map_err(|_| refused())?;
    if host.is_empty() || host.eq_ignore_ascii_case("localhost") {
        return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    }
    if host.contains([':', '[', ']', '/', ' ']) {
        return Err(refused());
    }
    let found: Vec<SocketAddr> =
        (host, port).to_socket_addrs().map_err(|_| UnitError::Unknown { host: host.to_owned() })?.collect();
    let first = found.iter().find(|a| a.is_ipv4()).or(found.first());
    first.copied().ok_or_else(|| UnitError::Unknown { host: host.to_owned() })
}

/// Bytes for people: `1.5 MiB`.
pub fn show_size(bytes: u64) -> impl fmt::Display {
    bytesize::ByteSize(bytes).display().iec()
}

/// A duration for people: `72.6ms`, `1m 5s`.
pub fn show_duration(duration: Duration) -> impl fmt::Display {
    match duration.as_secs() {
        0..60 => format!("{duration:.1?}"),
        seconds => humantime::format_duration(Duration::from_secs(seconds)).to_string(),
    }
}

/// A count with its noun: `1 table`, `2 tables`. The plural of `noun` takes an s, or `entries` for `entry`.
pub fn counted(count: u64, noun: &str) -> impl fmt::Display {
    let plural = match noun.strip_suffix('y') {
        _ if count == 1 => noun.to_owned(),
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{stem}ies"),
        _ if noun.ends_with(['h', 's', 'x']) => format!("{noun}es"),
        _ => format!("{noun}s"),
    };
    format!("{count} {plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_what_redis_conf_means() {
        // redis.conf: "1kb => 1024 bytes, 1mb => 1024*1024 bytes, 1gb => 1024*1024*1024 bytes", any case.
        for (text, bytes) in [
            ("0", 0),
            ("512", 512),
            ("1kb", 1 << 10),
            ("100mb", 100 << 20),
            ("1GB", 1 << 30),
            ("2 MiB", 2 << 20),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "mb", "-1", "1xb", "1.2.3"] {
            assert_eq!(size(text), Err(UnitError::Size { found: text.into() }), "{text}");
        }
    }

    #[test]
    fn durations_take_seconds_or_units() {
        for (text, millis) in [("5", 5000), ("5s", 5000), ("250ms", 250), ("1h 30m", 5_400_000), ("0", 0)] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "s", "-5s", "5 parsecs"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn addresses_may_leave_the_host_out() {
        for (text, address_) in [
            ("7721", "127.0.0.1:7721"),
            (":7721", "127.0.0.1:7721"),
            ("localhost:7721", "127.0.0.1:7721"),
            ("0.0.0.0:1", "0.0.0.0:1"),
            ("[::1]:7721", "[::1]:7721"),
        ] {
            assert_eq!(address(text).unwrap().to_string(), address_, "{text}");
        }
        for text in ["", "here", "::1", "1:2:3", "127.0.0.1", "localhost:http", "99999", "[::1]"] {
            assert!(matches!(address(text), Err(UnitError::Address { .. })), "{text}");
        }
    }

    #[test]
    fn people_read_units_and_grammar() {
        assert_eq!(show_size(1536).to_string(), "1.5 KiB");
        assert_eq!(show_duration(Duration::from_micros(72_597)).to_string(), "72.6ms");
        assert_eq!(show_duration(Duration::from_millis(65_250)).to_string(), "1m 5s");
        for (count, noun, shown) in [
            (1, "file", "1 file"),
            (0, "file", "0 files"),
            (2, "entry", "2 entries"),
            (2, "key", "2 keys"),
            (2, "batch", "2 batches"),
        ] {
            assert_eq!(counted(count, noun).to_string(), shown);
        }
    }
}
