//! The ketama family (Richard Jones, 2007): the one consistent hash with wire compatibility across clients. 32-bit points, an
//! owner is the first point at or after the key's hash.
//!
//! The flavours differ in the hashed label, in the number of points and in rounding:
//!
//! | flavour | label of point k | points of a server |
//! |---|---|---|
//! | libketama | `name-k` | 4·floor32(pct·40·n), pct in 32 bits, product in 64 |
//! | libmemcached weighted | `host-k` if the port is 11211, else `host:port-k` | 4·floor(pct·160/4·n + 1e-10), all in 32 bits |
//! | libmemcached unweighted | the same | 100, one a label, by the configured hash |
//! | spymemcached | `/host:port-k` | as libmemcached weighted |
//! | twemproxy | the server's name, else as libmemcached | as libmemcached weighted, the sum in 64 bits |
//!
//! A label's MD5 gives four points, its four little-endian words.
//!
//! Equal points (two of 160 a server among 2^32 meet in about one ring of 600 servers): all these programs sort by point only, with a `qsort` that
//! need not be stable, so that who owns such a point is not defined by them and may change with the order of their list. Here it goes to the server
//! whose name comes first, byte by byte, in every flavour: whatever the order of the list and whatever was added or removed before.
//!
//! A lookup goes through an index of the points' top bits, as that of [`Ring`](crate::ring::Ring).

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::ControlFlow;

use crate::algorithm::Algorithm;
use crate::error::RingError;
use crate::hash::{
    crc16_twemproxy, crc32, crc32_libmemcached, fnv1_32_libmemcached, fnv1_64_libmemcached,
    fnv1a32_libmemcached, fnv1a64_libmemcached, md5, md5_ketama, murmur2_libmemcached, one_at_a_time,
};
use crate::label::Label;
use crate::limits::POINTS_MAX;
use crate::members::{Members, NodeId};

/// Whose rules of labels and rounding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Flavour {
    /// The original C library.
    Libketama,
    /// libmemcached with `BEHAVIOR_KETAMA_WEIGHTED`.
    LibmemcachedWeighted,
    /// libmemcached with consistent distribution and no weights; points by this hash.
    LibmemcachedUnweighted(Hash32),
    /// libmemcached's `BEHAVIOR_KETAMA_HASH`-less Java form, as spymemcached names servers.
    Spymemcached,
    /// twemproxy (nutcracker), `distribution: ketama`.
    Twemproxy,
}

/// A 32-bit hash of the libmemcached and twemproxy family, by twemproxy's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hash32 {
    /// Jenkins' one-at-a-time.
    OneAtATime,
    /// First four bytes of MD5.
    Md5,
    /// CRC-16/XMODEM in 32 bits.
    Crc16,
    /// 15 bits of the CRC-32.
    Crc32,
    /// CRC-32.
    Crc32a,
    /// Low half of FNV-1, 64 bits.
    Fnv164,
    /// FNV-1a, 64 bits, computed in 32.
    Fnv1a64,
    /// FNV-1, 32 bits.
    Fnv132,
    /// FNV-1a, 32 bits.
    Fnv1a32,
    /// MurmurHash2.
    Murmur,
}

impl Hash32 {
    /// The function of this twemproxy name.
    ///
    /// # Errors
    /// [`RingError::Unsupported`] for hsieh and jenkins, [`RingError::UnknownHash`].
    pub fn from_twemproxy_name(name: &str) -> Result<Self, RingError> {
        Ok(match name {
            "one_at_a_time" => Hash32::OneAtATime,
            "md5" => Hash32::Md5,
            "crc16" => Hash32::Crc16,
            "crc32" => Hash32::Crc32,
            "crc32a" => Hash32::Crc32a,
            "fnv1_64" => Hash32::Fnv164,
            "fnv1a_64" => Hash32::Fnv1a64,
            "fnv1_32" => Hash32::Fnv132,
            "fnv1a_32" => Hash32::Fnv1a32,
            "murmur" => Hash32::Murmur,
            "hsieh" | "jenkins" => {
                return Err(RingError::Unsupported { what: "twemproxy's hashes hsieh and jenkins" });
            }
            _ => return Err(RingError::UnknownHash),
        })
    }

    /// The hash of a key.
    pub fn hash(self, key: &[u8]) -> u32 {
        match self {
            Hash32::OneAtATime => one_at_a_time(key),
            Hash32::Md5 => md5_ketama(key),
            Hash32::Crc16 => crc16_twemproxy(key),
            Hash32::Crc32 => crc32_libmemcached(key),
            Hash32::Crc32a => crc32(key),
            Hash32::Fnv164 => fnv1_64_libmemcached(key),
            Hash32::Fnv1a64 => fnv1a64_libmemcached(key),
            Hash32::Fnv132 => fnv1_32_libmemcached(key),
            Hash32::Fnv1a32 => fnv1a32_libmemcached(key),
            Hash32::Murmur => murmur2_libmemcached(key),
        }
    }
}

/// A continuum.
#[derive(Clone, Debug, PartialEq)]
pub struct Ketama {
    points: Vec<u32>,
    owners: Vec<NodeId>,
    /// For each value of the points' top bits the first point that has it; one more entry is the count of points.
    index: Vec<u32>,
    shift: u32,
}

impl Ketama {
    /// The continuum of these servers in this flavour. Names are `host`, `host:port` or a name; weights count as given.
    ///
    /// # Errors
    /// [`RingError::TooManyPoints`].
    pub fn new(members: &Members, flavour: Flavour) -> Result<Self, RingError> {
        let servers: Vec<_> = members.owning().collect();
        let per_label = if matches!(flavour, Flavour::LibmemcachedUnweighted(_)) { 1 } else { 4 };
        let total: f64 = servers.iter().map(|(_, n)| n.weight().get()).sum();
        let mut points: Vec<(u32, NodeId)> = Vec::new();
        for &(id, node) in &servers {
            let labels = label_count(flavour, node.weight().get(), total, servers.len());
            let count = points.len() as u64 + u64::from(labels) * per_label;
            if count > POINTS_MAX {
                return Err(RingError::TooManyPoints { points: count, max: POINTS_MAX });
            }
            let mut label = Label::new(&stem(flavour, node.name()));
            for k in 0..labels {
                push_points(flavour, label.with(k), id, &mut points);
            }
        }
        points.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| members.name(a.1).cmp(members.name(b.1))));
        let (points, owners): (Vec<u32>, Vec<NodeId>) = points.into_iter().unzip();
        let (index, shift) = index_of(&points);
        Ok(Ketama { points, owners, index, shift })
    }

    /// Index of the first point at or after `hash`, wrapping to 0.
    #[inline]
    pub fn successor(&self, hash: u32) -> usize {
        let bucket = (hash >> self.shift) as usize;
        let (start, end) = (self.index[bucket] as usize, self.index[bucket + 1] as usize);
        let points = &self.points[start..end];
        // A bucket has one or two points; only a weak hash fills one.
        let below = if points.len() <= WINDOW {
            points.iter().fold(0, |count, &point| count + usize::from(point < hash))
        } else {
            points.partition_point(|&point| point < hash)
        };
        let at = start + below;
        at * usize::from(at < self.points.len())
    }

    /// The same as Perl's Algorithm::ConsistentHash::Ketama finds it by default: its search underflows for the hash 0 and
    /// ends at the last point.
    pub fn perl_successor(&self, hash: u32) -> usize {
        if hash == 0 { self.points.len().saturating_sub(1) } else { self.successor(hash) }
    }

    /// Point and owner number `index`, ascending.
    pub fn point(&self, index: usize) -> (u32, NodeId) {
        (self.points[index], self.owners[index])
    }

    /// All points, ascending.
    pub fn points(&self) -> impl ExactSizeIterator<Item = (u32, NodeId)> {
        self.points.iter().copied().zip(self.owners.iter().copied())
    }

    /// How many points there are.
    pub fn len(&self) -> usize {
        self.points.len()
    }

    /// Whether nobody owns anything.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }
}

/// The lower 32 bits of a key's number are its hash.
impl Algorithm for Ketama {
    #[inline]
    fn owner(&self, key: u64) -> Option<NodeId> {
        if self.is_empty() { None } else { Some(self.owners[self.successor(key as u32)]) }
    }

    fn walk(&self, key: u64, visit: &mut dyn FnMut(NodeId) -> ControlFlow<()>) {
        if self.is_empty() {
            return;
        }
        let (before, after) = self.owners.split_at(self.successor(key as u32));
        for &node in after.iter().chain(before) {
            if visit(node).is_break() {
                return;
            }
        }
    }

    fn heap_bytes(&self) -> usize {
        (self.points.capacity() + self.owners.capacity() + self.index.capacity()) * 4
    }
}

/// The index of ascending points, and by how much a hash is shifted to find its bucket: at most as many buckets as points, at least 2.
fn index_of(points: &[u32]) -> (Vec<u32>, u32) {
    let bits = points.len().max(2).ilog2();
    let shift = u32::BITS - bits;
    let mut index = alloc::vec![0u32; (1 << bits) + 1];
    for &point in points {
        index[(point >> shift) as usize + 1] += 1;
    }
    let mut sum = 0;
    for start in &mut index {
        sum += *start;
        *start = sum;
    }
    (index, shift)
}

fn push_points(flavour: Flavour, label: &[u8], id: NodeId, points: &mut Vec<(u32, NodeId)>) {
    if let Flavour::LibmemcachedUnweighted(hash) = flavour {
        points.push((hash.hash(label), id));
        return;
    }
    let digest = md5(label);
    let (words, _) = digest.as_chunks::<4>();
    points.extend(words.iter().map(|word| (u32::from_le_bytes(*word), id)));
}

/// How many labels are hashed. The float types and the order of operations are the programs' own: with weights such as 1/3
/// another rounding would give four points more or less.
fn label_count(flavour: Flavour, weight: f64, total: f64, servers: usize) -> u32 {
    let pct = weight as f32 / total as f32;
    let n = servers as f32;
    match flavour {
        Flavour::Libketama => libm::floorf((f64::from(pct) * 40.0 * f64::from(n)) as f32) as u32,
        Flavour::LibmemcachedWeighted | Flavour::Spymemcached => {
            libm::floorf(pct * 160.0 / 4.0 * n + 0.000_000_000_1_f32) as u32
        }
        Flavour::Twemproxy => {
            libm::floorf((f64::from(pct * 160.0 / 4.0 * n) + 0.000_000_000_1) as f32) as u32
        }
        Flavour::LibmemcachedUnweighted(_) => 100,
    }
}

/// What stands before `-k` in a label.
fn stem(flavour: Flavour, name: &str) -> String {
    let (host, port) = split_port(name);
    match flavour {
        Flavour::Libketama | Flavour::Twemproxy => String::from(name),
        Flavour::LibmemcachedWeighted | Flavour::LibmemcachedUnweighted(_) if port == DEFAULT_PORT => {
            String::from(host)
        }
        Flavour::LibmemcachedWeighted | Flavour::LibmemcachedUnweighted(_) => alloc::format!("{host}:{port}"),
        Flavour::Spymemcached => alloc::format!("/{host}:{port}"),
    }
}

/// `host:port`, or a bare host with memcached's port. A name with several colons is an IPv6 address unless it is bracketed.
fn split_port(name: &str) -> (&str, u16) {
    let Some((host, port)) = name.rsplit_once(':') else { return (name, DEFAULT_PORT) };
    match port.parse() {
        Ok(port) if !host.contains(':') || host.ends_with(']') => (host, port),
        _ => (name, DEFAULT_PORT),
    }
}

/// memcached's port, which libmemcached leaves out of the label.
const DEFAULT_PORT: u16 = 11211;
/// Points that are counted rather than searched.
const WINDOW: usize = 8;
