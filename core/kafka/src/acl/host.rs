//! Where a request comes from, and whether a rule's host is there.

use alloc::format;
use alloc::string::{String, ToString};
use core::net::IpAddr;

use super::{Refusal, WILDCARD};

/// A client's address, and as rules write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    address: IpAddr,
    text: String,
}

impl Host {
    /// As Java writes addresses: version 6 in full, `0:0:0:0:0:0:0:1`; version 4 within 6 as version 4.
    pub fn new(address: IpAddr) -> Host {
        let address = address.to_canonical();
        let text = match address {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => {
                let [a, b, c, d, e, f, g, h] = address.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}:{e:x}:{f:x}:{g:x}:{h:x}")
            }
        };
        Host { address, text }
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a rule's host is this one.
    pub(super) fn is_in(&self, host: &str) -> bool {
        host == WILDCARD || host == self.text || range(host).is_some_and(|range| range.has(self.address))
    }
}

/// Addresses that begin with the same bits.
struct Range {
    first: IpAddr,
    bits: u32,
}

impl Range {
    fn has(&self, address: IpAddr) -> bool {
        match (self.first, address) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - self.bits).unwrap_or(0);
                // Apache's SubnetUtils has 0.0.0.0 in no range.
                address.to_bits() != 0 && (first.to_bits() ^ address.to_bits()) & mask == 0
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - self.bits).unwrap_or(0);
                (first.to_bits() ^ address.to_bits()) & mask == 0
            }
            _ => false,
        }
    }
}

/// The range that a host names: an address, `/`, how many bits of it count.
fn range(host: &str) -> Option<Range> {
    let (first, bits) = host.split_once('/')?;
    let first: IpAddr = first.parse().ok()?;
    let most = if first.is_ipv4() { 32 } else { 128 };
    let is_number = !bits.is_empty() && bits.len() <= 3 && bits.bytes().all(|byte| byte.is_ascii_digit());
    let bits = bits.parse().ok().filter(|bits| is_number && *bits <= most)?;
    Some(Range { first, bits })
}

/// Whether a rule may have this host. Whatever has no `/` is taken to be an address, as Kafka takes it.
pub(super) fn check(host: &str) -> Result<(), Refusal> {
    match host {
        "" => Err(Refusal::Host),
        host if host.contains('/') && range(host).is_none() => Err(Refusal::Range),
        _ => Ok(()),
    }
}
