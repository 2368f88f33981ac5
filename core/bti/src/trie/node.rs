//! One node of a trie.
//!
//! ```text
//! byte 0: type << 4 | payload flags              distances: child = node - distance, always > 0; 0 in a dense node = no child
//!  0 PAYLOAD_ONLY                                payload
//!  1 SINGLE_NOPAYLOAD_4    low nibble = distance | transition
//!  2 SINGLE_8              transition | u8       payload
//!  3 SINGLE_NOPAYLOAD_12   low nibble and next byte = distance | transition
//!  4 SINGLE_16             transition | u16      payload
//!  5 SPARSE_8  6 _12  7 _16  8 _24  9 _40        count c | c transitions, ascending | c distances | payload
//! 10 DENSE_12 11 _16 12 _24 13 _32 14 _40 15 _LONG    first | length - 1 | length distances | payload
//! ```
//! Distances of 12 bits are packed, high nibble first; a last odd one leaves its low nibble 0. Types 1 and 3 have no payload.

use alloc::vec::Vec;

use super::PAGE_LEN;
use crate::error::Damage;

/// The longest node without its payload: a dense one of 256 distances of 8 bytes.
pub const NODE_LEN_MAX: usize = 3 + 256 * 8;

/// The types of nodes, in the order of their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names of the format")]
#[repr(u8)]
pub enum Kind {
    PayloadOnly,
    SingleNoPayload4,
    Single8,
    SingleNoPayload12,
    Single16,
    Sparse8,
    Sparse12,
    Sparse16,
    Sparse24,
    Sparse40,
    Dense12,
    Dense16,
    Dense24,
    Dense32,
    Dense40,
    DenseLong,
}

/// Bits of one distance, by type; 0 for a leaf.
const BITS: [u8; 16] = [0, 4, 8, 12, 16, 8, 12, 16, 24, 40, 12, 16, 24, 32, 40, 64];

/// How a node's children are found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Leaf,
    Single,
    Sparse,
    Dense,
}

const fn shape(kind: u8) -> Shape {
    match kind {
        0 => Shape::Leaf,
        1..=4 => Shape::Single,
        5..=9 => Shape::Sparse,
        _ => Shape::Dense,
    }
}

impl Kind {
    /// All of them, in the order of their numbers.
    pub const ALL: [Kind; 16] = [
        Kind::PayloadOnly,
        Kind::SingleNoPayload4,
        Kind::Single8,
        Kind::SingleNoPayload12,
        Kind::Single16,
        Kind::Sparse8,
        Kind::Sparse12,
        Kind::Sparse16,
        Kind::Sparse24,
        Kind::Sparse40,
        Kind::Dense12,
        Kind::Dense16,
        Kind::Dense24,
        Kind::Dense32,
        Kind::Dense40,
        Kind::DenseLong,
    ];

    /// The name in Cassandra's source.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::PayloadOnly => "PAYLOAD_ONLY",
            Kind::SingleNoPayload4 => "SINGLE_NOPAYLOAD_4",
            Kind::Single8 => "SINGLE_8",
            Kind::SingleNoPayload12 => "SINGLE_NOPAYLOAD_12",
            Kind::Single16 => "SINGLE_16",
            Kind::Sparse8 => "SPARSE_8",
            Kind::Sparse12 => "SPARSE_12",
            Kind::Sparse16 => "SPARSE_16",
            Kind::Sparse24 => "SPARSE_24",
            Kind::Sparse40 => "SPARSE_40",
            Kind::Dense12 => "DENSE_12",
            Kind::Dense16 => "DENSE_16",
            Kind::Dense24 => "DENSE_24",
            Kind::Dense32 => "DENSE_32",
            Kind::Dense40 => "DENSE_40",
            Kind::DenseLong => "DENSE_LONG",
        }
    }

    /// The type that the canonical writer takes for `count` children from `first` to `last`, none farther away than `distance`.
    pub fn choose(count: usize, first: u8, last: u8, distance: u64, payload: bool) -> Kind {
        if count == 0 {
            return Kind::PayloadOnly;
        }
        let rung =
            WIDTHS.iter().position(|&bits| distance >> (bits - 1) >> 1 == 0).unwrap_or(WIDTHS.len() - 1);
        if count == 1 {
            return SINGLES[if payload && (rung == 0 || rung == 2) { rung + 1 } else { rung }];
        }
        let (sparse, dense) = (SPARSES[rung], DENSES[rung]);
        let span = usize::from(last - first) + 1;
        if sparse.len(count, span) < dense.len(count, span) { sparse } else { dense }
    }

    /// Bytes of a node without its payload: of `count` children, whose transitions span `span` values.
    pub const fn len(self, count: usize, span: usize) -> usize {
        match shape(self as u8) {
            Shape::Leaf => 1,
            Shape::Single => match self {
                Kind::SingleNoPayload4 => 2,
                Kind::Single16 => 4,
                _ => 3,
            },
            Shape::Sparse => 2 + count + (count * BITS[self as usize] as usize).div_ceil(8),
            Shape::Dense => 3 + (span * BITS[self as usize] as usize).div_ceil(8),
        }
    }
}

/// Bits that a distance needs, narrowest first, and the types on each rung.
const WIDTHS: [u32; 8] = [4, 8, 12, 16, 24, 32, 40, 64];
const SINGLES: [Kind; 8] = [
    Kind::SingleNoPayload4,
    Kind::Single8,
    Kind::SingleNoPayload12,
    Kind::Single16,
    Kind::Dense24,
    Kind::Dense32,
    Kind::Dense40,
    Kind::DenseLong,
];
const SPARSES: [Kind; 8] = [
    Kind::Sparse8,
    Kind::Sparse8,
    Kind::Sparse12,
    Kind::Sparse16,
    Kind::Sparse24,
    Kind::Sparse40,
    Kind::Sparse40,
    Kind::DenseLong,
];
const DENSES: [Kind; 8] = [
    Kind::Dense12,
    Kind::Dense12,
    Kind::Dense12,
    Kind::Dense16,
    Kind::Dense24,
    Kind::Dense32,
    Kind::Dense40,
    Kind::DenseLong,
];

/// Appends a node of a type without its payload. `children` are transitions, ascending, and distances that fit the type.
pub fn put_node(
    kind: Kind,
    flags: u8,
    children: impl ExactSizeIterator<Item = (u8, u64)> + Clone,
    out: &mut Vec<u8>,
) {
    let tag = (kind as u8) << 4;
    match kind {
        Kind::PayloadOnly => return out.push(tag | flags),
        Kind::SingleNoPayload4 | Kind::Single8 | Kind::SingleNoPayload12 | Kind::Single16 => {
            let (transition, distance) = children.clone().next().unwrap_or_default();
            let [high, low] = (distance as u16).to_be_bytes();
            return match kind {
                Kind::SingleNoPayload4 => out.extend([tag | low, transition]),
                Kind::Single8 => out.extend([tag | flags, transition, low]),
                Kind::SingleNoPayload12 => out.extend([tag | high, low, transition]),
                _ => out.extend([tag | flags, transition, high, low]),
            };
        }
        _ => out.push(tag | flags),
    }
    let bits = BITS[kind as usize];
    if shape(kind as u8) == Shape::Sparse {
        out.push(children.len() as u8);
        out.extend(children.clone().map(|child| child.0));
        return put_distances(bits, children.map(|child| child.1), out);
    }
    let first = children.clone().next().map_or(0, |child| child.0);
    let last = children.clone().last().map_or(0, |child| child.0);
    out.extend([first, last - first]);
    let mut rest = children.peekable();
    let slots = (first..=last).map(|slot| rest.next_if(|child| child.0 == slot).map_or(0, |child| child.1));
    put_distances(bits, slots, out);
}

fn put_distances(bits: u8, mut distances: impl Iterator<Item = u64>, out: &mut Vec<u8>) {
    if bits != 12 {
        let skip = 8 - usize::from(bits) / 8;
        return distances.for_each(|distance| out.extend_from_slice(&distance.to_be_bytes()[skip..]));
    }
    while let Some(even) = distances.next() {
        let odd = distances.next();
        let pair = even << 12 | odd.unwrap_or(0);
        let bytes = [(pair >> 16) as u8, (pair >> 8) as u8, pair as u8];
        out.extend_from_slice(if odd.is_some() { &bytes } else { &bytes[..2] });
    }
}

/// What a node carries: its four flags and the bytes from it to the end of its page, of which the flags tell how many count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payload<'p> {
    /// Where its node begins.
    pub node: u64,
    /// 1..=15.
    pub flags: u8,
    /// From the payload's first byte on.
    pub bytes: &'p [u8],
}

/// The child of the node at `position` by `byte`: what a [`Node`] would give, but it reads no more of the node than that takes.
///
/// # Errors
/// Damage of the node.
#[inline]
pub fn step(page: &[u8], position: u64, byte: u8) -> Result<Option<u64>, Damage> {
    let node = page.get((position % PAGE_LEN) as usize..).unwrap_or_default();
    let distance = step_distance(node, byte).ok_or(Damage::PageCrossed)?;
    match distance {
        None => Ok(None),
        Some(distance) if distance == 0 || distance > position => {
            Err(Damage::Range { found: distance, max: position })
        }
        Some(distance) => Ok(Some(position - distance)),
    }
}

/// The outer `None`: the node ends too early.
#[inline]
fn step_distance(node: &[u8], byte: u8) -> Option<Option<u64>> {
    let (&tag, rest) = node.split_first()?;
    let kind = tag >> 4;
    match kind {
        0 => Some(None),
        1 => Some((*rest.first()? == byte).then_some(u64::from(tag & 15))),
        2 => {
            let &[transition, distance] = rest.first_chunk()?;
            Some((transition == byte).then_some(u64::from(distance)))
        }
        3 => {
            let &[low, transition] = rest.first_chunk()?;
            Some((transition == byte).then_some(u64::from(tag & 15) << 8 | u64::from(low)))
        }
        4 => {
            let &[transition, high, low] = rest.first_chunk()?;
            Some((transition == byte).then_some(u64::from(high) << 8 | u64::from(low)))
        }
        5..=9 => {
            let (&count, rest) = rest.split_first()?;
            let (transitions, distances) = rest.split_at_checked(usize::from(count))?;
            match find_byte(transitions, rest, byte) {
                Some(slot) => distance_at(kind, distances, slot).map(Some),
                None => Some(None),
            }
        }
        _ => {
            let (&[first, last], distances) = rest.split_first_chunk()?;
            match byte.checked_sub(first) {
                Some(slot) if slot <= last => {
                    // Distance 0 is an absent child.
                    let distance = distance_at(kind, distances, usize::from(slot))?;
                    Some(Some(distance).filter(|&distance| distance != 0))
                }
                _ => Some(None),
            }
        }
    }
}

/// Where `byte` is in the first bytes of `bytes`, which `transitions` are. Nodes of at most eight children are the rule: they are compared at once.
#[inline]
fn find_byte(transitions: &[u8], bytes: &[u8], byte: u8) -> Option<usize> {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    match bytes.first_chunk() {
        Some(eight) if transitions.len() <= 8 => {
            // The lowest byte that became zero has its top bit set, and none below it.
            let equal = u64::from_le_bytes(*eight) ^ (ONES * u64::from(byte));
            let zeros = equal.wrapping_sub(ONES) & !equal & (ONES << 7);
            let slot = zeros.trailing_zeros() as usize / 8;
            (slot < transitions.len()).then_some(slot)
        }
        _ => transitions.iter().position(|&transition| transition == byte),
    }
}

/// The distance in a slot of a sparse or dense node.
#[inline]
fn distance_at(kind: u8, distances: &[u8], slot: usize) -> Option<u64> {
    match BITS[usize::from(kind)] {
        8 => distances.get(slot).map(|&distance| u64::from(distance)),
        12 => {
            let &[a, b] = distances.get(slot * 3 / 2..)?.first_chunk()?;
            let pair = u16::from_be_bytes([a, b]);
            Some(u64::from(if slot.is_multiple_of(2) { pair >> 4 } else { pair & 0xfff }))
        }
        bits => {
            let width = usize::from(bits / 8);
            let bytes = distances.get(slot * width..)?.get(..width)?;
            Some(bytes.iter().fold(0, |distance, &byte| distance << 8 | u64::from(byte)))
        }
    }
}

/// A view of one node. It lies within its page; its children are before it.
#[derive(Clone, Copy, Debug)]
pub struct Node<'p> {
    position: u64,
    kind: u8,
    flags: u8,
    /// Slots for children: all of a single or sparse node are filled.
    count: u16,
    /// The first transition of a single or dense node.
    first: u8,
    transitions: &'p [u8],
    distances: &'p [u8],
    payload: &'p [u8],
}

impl<'p> Node<'p> {
    /// The node at `position` of its file, whose page holds `page`. The page may be cut off at the end of the file.
    ///
    /// # Errors
    /// [`Damage::Tag`] or [`Damage::PageCrossed`]: no node, or one that leaves its page.
    #[inline]
    pub fn parse(page: &'p [u8], position: u64) -> Result<Node<'p>, Damage> {
        let bytes = page.get((position % PAGE_LEN) as usize..).unwrap_or_default();
        let crossed = Err(Damage::PageCrossed);
        let Some((&tag, rest)) = bytes.split_first() else { return crossed };
        let (kind, flags) = (tag >> 4, tag & 15);
        let node = Node {
            position,
            kind,
            flags,
            count: 0,
            first: 0,
            transitions: &[],
            distances: &[],
            payload: rest,
        };
        match shape(kind) {
            Shape::Leaf => Ok(node),
            Shape::Sparse => {
                let Some((&count, rest)) = rest.split_first() else { return crossed };
                let distances_len = (usize::from(count) * usize::from(BITS[usize::from(kind)])).div_ceil(8);
                let Some((transitions, rest)) = rest.split_at_checked(usize::from(count)) else {
                    return crossed;
                };
                let Some((distances, payload)) = rest.split_at_checked(distances_len) else { return crossed };
                if count == 0 {
                    return Err(Damage::Tag(u64::from(tag)));
                }
                Ok(Node { count: u16::from(count), transitions, distances, payload, ..node })
            }
            Shape::Dense => {
                let Some((&[first, last], rest)) = rest.split_first_chunk() else { return crossed };
                let count = u16::from(last) + 1;
                let len = (usize::from(count) * usize::from(BITS[usize::from(kind)])).div_ceil(8);
                let Some((distances, payload)) = rest.split_at_checked(len) else { return crossed };
                if u16::from(first) + u16::from(last) > 255 {
                    return Err(Damage::Range { found: u64::from(last), max: u64::from(255 - first) });
                }
                Ok(Node { count, first, distances, payload, ..node })
            }
            Shape::Single => {
                // Transition and distance of each form; the distances of the packed forms begin in byte 0.
                let (transition, distances, len) = match kind {
                    1 => (1, 0..1, 2),
                    2 => (1, 2..3, 3),
                    3 => (2, 0..2, 3),
                    _ => (1, 2..4, 4),
                };
                let Some((node_bytes, payload)) = bytes.split_at_checked(len) else { return crossed };
                let flags = if kind % 2 == 1 { 0 } else { flags };
                let (first, distances) = (node_bytes[transition], &node_bytes[distances]);
                Ok(Node { flags, count: 1, first, distances, payload, ..node })
            }
        }
    }

    /// Where it begins.
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// Its type.
    pub const fn kind(&self) -> Kind {
        Kind::ALL[self.kind as usize]
    }

    /// Slots for children. Those of a dense node may be empty.
    pub const fn slots(&self) -> usize {
        self.count as usize
    }

    /// What it carries.
    #[inline]
    pub fn payload(&self) -> Option<Payload<'p>> {
        (self.flags != 0).then_some(Payload { node: self.position, flags: self.flags, bytes: self.payload })
    }

    /// The byte that leads to a slot.
    #[inline]
    pub fn transition(&self, slot: usize) -> u8 {
        match self.transitions.get(slot) {
            Some(&byte) => byte,
            None => self.first.wrapping_add(slot as u8),
        }
    }

    /// Whether the byte that leads to a slot lies between those beside it. Searches rely on it; a walk over everything checks it.
    #[inline]
    pub fn ascends_at(&self, slot: usize) -> bool {
        let around = self.transitions.get(slot.saturating_sub(1)..).unwrap_or_default();
        around.iter().take(3).is_sorted_by(|a, b| a < b)
    }

    /// The slot of `byte`, or the first of those whose bytes are greater. The slot of a dense node may be empty.
    ///
    /// # Errors
    /// Where the slot would stand, if there is none for the byte.
    #[inline]
    pub fn search(&self, byte: u8) -> Result<usize, usize> {
        if self.transitions.is_empty() {
            let slot = usize::from(byte.wrapping_sub(self.first));
            return match byte >= self.first {
                true if slot < self.slots() => Ok(slot),
                true => Err(self.slots()),
                false => Err(0),
            };
        }
        // Nodes of a few children are the rule: counting has no branch to mispredict.
        let slot = if self.transitions.len() <= 32 {
            self.transitions.iter().map(|&t| usize::from(t < byte)).sum()
        } else {
            self.transitions.partition_point(|&t| t < byte)
        };
        if self.transitions.get(slot) == Some(&byte) { Ok(slot) } else { Err(slot) }
    }

    /// The child in a slot, which must exist; `None` if the slot is empty.
    ///
    /// # Errors
    /// A distance that leads before the file.
    #[inline]
    pub fn child(&self, slot: usize) -> Result<Option<u64>, Damage> {
        let distance = self.distance(slot);
        if distance == 0 && self.kind >= Kind::Dense12 as u8 {
            return Ok(None);
        }
        if distance == 0 || distance > self.position {
            return Err(Damage::Range { found: distance, max: self.position });
        }
        Ok(Some(self.position - distance))
    }

    /// The first child at or after `slot`, and its slot.
    ///
    /// # Errors
    /// As [`Node::child`].
    #[inline]
    pub fn child_from(&self, slot: usize) -> Result<Option<(usize, u64)>, Damage> {
        for slot in slot..self.slots() {
            if let Some(child) = self.child(slot)? {
                return Ok(Some((slot, child)));
            }
        }
        Ok(None)
    }

    /// The last child before `slot`, and its slot.
    ///
    /// # Errors
    /// As [`Node::child`].
    #[inline]
    pub fn child_before(&self, slot: usize) -> Result<Option<(usize, u64)>, Damage> {
        for slot in (0..slot).rev() {
            if let Some(child) = self.child(slot)? {
                return Ok(Some((slot, child)));
            }
        }
        Ok(None)
    }

    #[inline]
    fn distance(&self, slot: usize) -> u64 {
        let d = self.distances;
        match self.kind {
            1 => u64::from(d[0] & 15),
            3 => u64::from(u16::from_be_bytes([d[0] & 15, d[1]])),
            // Checked when the node was read.
            kind => distance_at(kind, d, slot).unwrap_or(0),
        }
    }

    /// Bytes of the node without its payload.
    pub fn size(&self) -> usize {
        self.kind().len(self.slots(), self.slots())
    }
}
