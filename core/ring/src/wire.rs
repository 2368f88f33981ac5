//! The serialised form of a placement, and the fingerprint by which two clients prove that they agree.
//!
//! ```text
//! "DRNG"  magic            4 bytes
//! version                  1 byte, 1
//! algorithm, hash          1 byte each, their stable numbers
//! vnodes, probes, table size, capacity     varints
//! load factor              8 bytes, IEEE 754, little-endian
//! node count               varint, then per node in the order of the list:
//!   name, zone, rack       varint length and bytes each
//!   weight                 8 bytes, IEEE 754, little-endian
//! seats                    anchor, dx: count, then place + 1 of the node (0 vacant), then the vacant ones as they left
//! tokens                   token-allocator: count, then 8 bytes token and varint place each, ascending
//! CRC-32C                  4 bytes, little-endian, of all before
//! ```
//! Tables are not stored: they follow from names and settings, and what depends on history is the seats and tokens above.

use alloc::vec::Vec;

use dolmen_codec::checksum::crc32c;
use dolmen_codec::cursor::{Cursor, DecodeError};
use dolmen_codec::varint::{put_slice, put_u32, put_u64};
use xxhash_rust::xxh3::xxh3_64;

use crate::cassandra::TokenRing;
use crate::error::RingError;
use crate::hash::{HashFunction, mix64};
use crate::limits::NODES_MAX;
use crate::members::{Members, Node, NodeId, Weight};
use crate::placement::{Kind, Placement, Settings};

const MAGIC: [u8; 4] = *b"DRNG";
const VERSION: u8 = 1;
/// Keys that the fingerprint routes: two placements that differ in a share of 1 % agree on all of them once in 10^18.
const PROBES: u64 = 4096;

/// Appends the serialised form.
pub fn encode(placement: &Placement, out: &mut Vec<u8>) {
    let start = out.len();
    let settings = placement.settings();
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&[VERSION, settings.kind as u8, settings.hash as u8]);
    for number in [settings.vnodes, settings.probes, settings.table_size, settings.capacity] {
        put_u32(out, number);
    }
    out.extend_from_slice(&settings.load_factor.to_bits().to_le_bytes());
    let members = placement.members();
    put_u64(out, members.len() as u64);
    for (_, node) in members.iter() {
        put_slice(out, node.name().as_bytes());
        put_slice(out, node.zone().as_bytes());
        put_slice(out, node.rack().as_bytes());
        out.extend_from_slice(&node.weight().get().to_bits().to_le_bytes());
    }
    let place = |id: NodeId| members.iter().position(|(n, _)| n == id).unwrap_or(0) as u64;
    if let Some((owners, vacant)) = placement.seating() {
        put_u64(out, owners.len() as u64);
        owners.iter().for_each(|owner| put_u64(out, owner.map_or(0, |id| place(id) + 1)));
        vacant.iter().for_each(|&seat| put_u32(out, seat));
    }
    if let Some(tokens) = placement.tokens() {
        put_u64(out, tokens.len() as u64);
        for (token, id) in tokens.iter() {
            out.extend_from_slice(&token.to_le_bytes());
            put_u64(out, place(id));
        }
    }
    let crc = crc32c(&out[start..]);
    out.extend_from_slice(&crc.to_le_bytes());
}

/// What a serialised placement says, checked but not built: building a ring can take memory far beyond the text's length, so
/// that is the caller's decision.
#[derive(Clone, Debug, PartialEq)]
pub struct Described {
    /// The algorithm and its numbers.
    pub settings: Settings,
    /// The nodes, ids counted from 0 in the order of the list.
    pub members: Members,
    history: History,
}

#[derive(Clone, Debug, PartialEq)]
enum History {
    None,
    Seats(Vec<Option<NodeId>>, Vec<u32>),
    Tokens(TokenRing),
}

impl Described {
    /// Builds it.
    ///
    /// # Errors
    /// What [`Placement::new`] says.
    pub fn build(self) -> Result<Placement, RingError> {
        match self.history {
            History::None => Placement::new(self.members, self.settings),
            History::Seats(owners, vacant) => {
                Placement::with_seating(self.members, self.settings, owners, vacant)
            }
            History::Tokens(tokens) => Ok(Placement::with_tokens(self.members, self.settings, tokens)),
        }
    }
}

/// Reads a serialised placement.
///
/// # Errors
/// [`RingError::Corrupt`] with the offset, [`RingError::Unsupported`] for a later version, and what names and weights say.
pub fn decode(bytes: &[u8]) -> Result<Described, RingError> {
    let body_len =
        bytes.len().checked_sub(4).ok_or(RingError::Corrupt { at: 0, expected: "a serialised ring" })?;
    let (body, crc) = bytes.split_at(body_len);
    if bytes[..4] != MAGIC {
        return Err(RingError::Corrupt { at: 0, expected: "the letters DRNG" });
    }
    if crc32c(body).to_le_bytes() != crc {
        return Err(RingError::Corrupt { at: body_len, expected: "the checksum of the bytes before" });
    }
    let mut cursor = Cursor::new(body);
    let mut reader = Reader { cursor: &mut cursor };
    reader.bytes(4)?;
    let settings = reader.settings()?;
    let members = reader.members()?;
    let history = reader.history(settings.kind, &members)?;
    cursor.finish().map_err(corrupt)?;
    Ok(Described { settings, members, history })
}

/// A number that two placements share exactly when they are described alike and route a fixed set of keys to nodes of the
/// same names.
pub fn fingerprint(placement: &Placement) -> u64 {
    let settings = placement.settings();
    let mut text = Vec::new();
    text.extend_from_slice(&[VERSION, settings.kind as u8, settings.hash as u8]);
    for probe in 0..PROBES {
        let owner = placement.algorithm().owner(mix64(probe.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        put_slice(&mut text, owner.map_or("", |id| placement.members().name(id)).as_bytes());
    }
    for (_, node) in placement.members().by_name() {
        put_slice(&mut text, node.name().as_bytes());
        put_slice(&mut text, node.zone().as_bytes());
        put_slice(&mut text, node.rack().as_bytes());
        text.extend_from_slice(&node.weight().get().to_bits().to_le_bytes());
    }
    xxh3_64(&text)
}

struct Reader<'c, 'b> {
    cursor: &'c mut Cursor<'b>,
}

impl<'b> Reader<'_, 'b> {
    fn bytes(&mut self, len: usize) -> Result<&'b [u8], RingError> {
        self.cursor.get_bytes(len).map_err(corrupt)
    }

    fn byte(&mut self) -> Result<u8, RingError> {
        self.cursor.get_u8().map_err(corrupt)
    }

    fn number(&mut self) -> Result<u32, RingError> {
        self.cursor.get_varint_u32().map_err(corrupt)
    }

    fn float(&mut self) -> Result<f64, RingError> {
        self.cursor.get_u64_le().map(f64::from_bits).map_err(corrupt)
    }

    fn text(&mut self) -> Result<&'b str, RingError> {
        let at = self.cursor.position();
        let bytes = self.cursor.get_varint_slice().map_err(corrupt)?;
        core::str::from_utf8(bytes).map_err(|_| RingError::Corrupt { at, expected: "text in UTF-8" })
    }

    fn settings(&mut self) -> Result<Settings, RingError> {
        if self.byte()? != VERSION {
            return Err(RingError::Unsupported { what: "a serialised ring of another version" });
        }
        let kind = Kind::from_number(self.byte()?).ok_or(RingError::UnknownAlgorithm)?;
        let hash = HashFunction::from_number(self.byte()?).ok_or(RingError::UnknownHash)?;
        Ok(Settings {
            kind,
            hash,
            vnodes: self.number()?,
            probes: self.number()?,
            table_size: self.number()?,
            capacity: self.number()?,
            load_factor: self.float()?,
        })
    }

    fn members(&mut self) -> Result<Members, RingError> {
        let count = self.number()? as usize;
        if count > NODES_MAX {
            return Err(RingError::Capacity { nodes: count, capacity: NODES_MAX });
        }
        let mut members = Members::new();
        for _ in 0..count {
            let (name, zone, rack) = (self.text()?, self.text()?, self.text()?);
            let weight = Weight::new(self.float()?)?;
            members.insert(Node::new(name)?.with_weight(weight).with_place(zone, rack)?)?;
        }
        Ok(members)
    }

    fn history(&mut self, kind: Kind, members: &Members) -> Result<History, RingError> {
        match kind {
            Kind::Anchor | Kind::Dx => self.seats(members),
            Kind::TokenAllocator => self.tokens(members),
            _ => Ok(History::None),
        }
    }

    fn place(&mut self, members: &Members) -> Result<NodeId, RingError> {
        let at = self.cursor.position();
        let id = NodeId::new(self.number()?);
        match members.get(id) {
            Some(node) if !node.weight().is_zero() => Ok(id),
            _ => Err(RingError::Corrupt { at, expected: "the place of a node that owns keys" }),
        }
    }

    fn seats(&mut self, members: &Members) -> Result<History, RingError> {
        let at = self.cursor.position();
        let count = self.number()? as usize;
        let mut owners = Vec::new();
        for _ in 0..count {
            let vacant = self.cursor.rest().first() == Some(&0);
            owners.push(if vacant {
                self.byte()?;
                None
            } else {
                let at = self.cursor.position();
                let place = self.number()?;
                let id = NodeId::new(place.wrapping_sub(1));
                Some(
                    members
                        .get(id)
                        .map(|_| id)
                        .ok_or(RingError::Corrupt { at, expected: "the place of a node" })?,
                )
            });
        }
        let vacancies = owners.iter().filter(|o| o.is_none()).count();
        let vacant = (0..vacancies).map(|_| self.number()).collect::<Result<Vec<_>, _>>()?;
        let mut seated: Vec<NodeId> = owners.iter().flatten().copied().collect();
        seated.sort_unstable();
        if !seated.iter().copied().eq(members.owning().map(|(id, _)| id)) {
            return Err(RingError::Corrupt { at, expected: "a seat for every node that owns keys" });
        }
        Ok(History::Seats(owners, vacant))
    }

    fn tokens(&mut self, members: &Members) -> Result<History, RingError> {
        let count = self.number()?;
        let mut tokens = TokenRing::new();
        for _ in 0..count {
            let at = self.cursor.position();
            let token = self.cursor.get_u64_le().map_err(corrupt)? as i64;
            let id = self.place(members)?;
            if !tokens.insert(token, id) {
                return Err(RingError::Corrupt { at, expected: "every token once" });
            }
        }
        Ok(History::Tokens(tokens))
    }
}

fn corrupt(error: DecodeError) -> RingError {
    let expected = match error {
        DecodeError::Truncated { .. } => "more bytes",
        DecodeError::Varint { .. } => "a varint",
        DecodeError::Trailing { .. } => "the end",
    };
    RingError::Corrupt { at: error.at(), expected }
}
