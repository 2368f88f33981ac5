//! The index file: sections that are used where they lie, each block with a checksum.
//!
//! ```text
//! header    "DOLMENVX" | u32 version 1 | u32 sections | u64 file length | u64 xxh3 of the 24 bytes before and the table | zeros     64 bytes
//! table     for each section: u32 kind | u32 0 | u64 offset | u64 length | u64 xxh3 of the section (0: its blocks have their own)
//! sections  at multiples of 64, zeros between them
//! ```
//!
//! | kind | section | bytes |
//! |---|---|---|
//! | 1 | meta | 128: the parameters and the small facts |
//! | 2 | vectors | rows of 64-byte blocks: vectors, codes, or nodes with their neighbours' codes |
//! | 3 | raw | f32 rows that rescore codes |
//! | 4 | links | u32 × m0 a slot; none where codes stand in the node |
//! | 5 | levels | u8 a slot |
//! | 6 | places | u32 a slot: where its upper links begin |
//! | 7 | upper | u32 × m for each layer of each slot |
//! | 8 | labels | u64 a slot |
//! | 9 | states | u8 a slot: 0 free, 1 live, 2 dead |
//! | 10 | checks | u64 xxh3 of each 64 KiB of the sections 2 to 9, in order |
//!
//! Opening reads the header, the table, meta, checks, levels and states: two bytes a vector and an 8,192nd of the file. Everything else is checked
//! when a search first touches its block. All numbers are little-endian, and the file is used in place, so a big-endian machine refuses it.

use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};

use dolmen_codec::checksum::xxh3_64;

use crate::Level;
use crate::error::{Error, Feature, Field, Invalid};
use crate::foreign::{Reader, at_most, expect, u64s};
use crate::index::{Index, rotates, strides};
use crate::limits;
use crate::metric::{Form, Metric, Options};
use crate::rotate::Rotation;
use crate::view::{END, Guard, Meta, NONE, Scale, State, Tuned, View};

/// The first bytes of a file.
pub const MAGIC: [u8; 8] = *b"DOLMENVX";
const VERSION: u32 = 1;
const HEADER_LEN: usize = 64;
const ENTRY_LEN: usize = 32;
const META_LEN: usize = 128;
const SECTIONS: [Field; 10] = [
    Field::Meta,
    Field::Vectors,
    Field::Raw,
    Field::Links,
    Field::Levels,
    Field::UpperAt,
    Field::Upper,
    Field::Label,
    Field::State,
    Field::Checks,
];

fn put_meta(meta: &Meta, slots: usize) -> Vec<u8> {
    let o = &meta.options;
    let mut out = Vec::with_capacity(META_LEN);
    out.extend_from_slice(&(slots as u64).to_le_bytes());
    out.extend_from_slice(&[o.metric.number(), o.form.number(), meta.top, u8::from(meta.foreign.is_some())]);
    for number in [o.dim, o.m, o.m0, o.ef_construction] {
        out.extend_from_slice(&(number as u32).to_le_bytes());
    }
    out.extend_from_slice(&meta.entry.to_le_bytes());
    for number in [o.seed, meta.live, meta.dead] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    let t = &meta.tuned;
    for number in
        [meta.scale.low.to_bits(), meta.scale.step.to_bits(), t.k, t.recall.to_bits(), t.ef, t.rescore]
    {
        out.extend_from_slice(&number.to_le_bytes());
    }
    let (capacity, mult) = meta.foreign.unwrap_or((0, 0.0));
    out.extend_from_slice(&capacity.to_le_bytes());
    out.extend_from_slice(&mult.to_le_bytes());
    out.resize(META_LEN, 0);
    out
}

fn get_meta(bytes: &[u8]) -> Result<(Meta, usize), Error> {
    let mut reader = Reader::new(bytes);
    let slots = reader.u64(Field::Count)?;
    let [metric, form, top, foreign] = reader.array(Field::Meta)?;
    let unsupported = |feature, found: u8| Error::Unsupported { feature, found: u64::from(found) };
    let metric = Metric::by_number(metric).ok_or(unsupported(Feature::Metric, metric))?;
    let form = Form::by_number(form).ok_or(unsupported(Feature::Form, form))?;
    let mut next = || reader.u32(Field::Meta).map(|number| number as usize);
    let (dim, m, m0, ef_construction) = (next()?, next()?, next()?, next()?);
    let entry = reader.u32(Field::Entry)?;
    let (seed, live, dead) = (reader.u64(Field::Meta)?, reader.u64(Field::Meta)?, reader.u64(Field::Meta)?);
    let options = Options { dim, metric, form, m, m0, ef_construction, seed };
    options.check_read()?;
    let float = |reader: &mut Reader<'_>| reader.u32(Field::Scale).map(f32::from_bits);
    let scale = Scale { low: float(&mut reader)?, step: float(&mut reader)? };
    let k = reader.u32(Field::K)?;
    let recall = float(&mut reader)?;
    let tuned = Tuned { k, recall, ef: reader.u32(Field::Ef)?, rescore: reader.u32(Field::Ef)? };
    let capacity = reader.u64(Field::Capacity)?;
    let mult = f64::from_le_bytes(reader.array(Field::M)?);
    at_most(Field::Count, 0, slots, limits::SLOTS_MAX as u64)?;
    at_most(Field::Count, 0, live.saturating_add(dead), slots)?;
    at_most(Field::Level, 0, u64::from(top), limits::LEVEL_MAX as u64)?;
    let fits = entry == NONE && live == 0 || u64::from(entry) < slots;
    if !fits {
        return Err(Error::corrupt(Field::Entry, 0, u64::from(entry), slots));
    }
    if !scale.low.is_finite() || !scale.step.is_finite() || scale.step < 0.0 {
        return Err(Error::corrupt(Field::Scale, 0, u64::from(scale.step.to_bits()), 0));
    }
    let foreign = (foreign != 0).then_some((capacity, mult));
    Ok((Meta { options, entry, top, live, dead, scale, tuned, foreign }, slots as usize))
}

fn padding(len: usize) -> usize {
    len.next_multiple_of(64) - len
}

fn sums_of(bytes: &[u8]) -> impl Iterator<Item = u64> + '_ {
    bytes.chunks(limits::CHECK_BLOCK_LEN).map(xxh3_64)
}

/// Gives the bytes of a file to `sink`, piece by piece.
///
/// # Errors
/// Whatever `sink` returns; and [`Error::Unsupported`] on a big-endian machine, wrapped by `From`.
pub fn write<E: From<Error>>(view: &View<'_>, sink: &mut dyn FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
    if cfg!(target_endian = "big") {
        return Err(Error::Unsupported { feature: Feature::Endianness, found: 0 }.into());
    }
    let meta = put_meta(view.meta, view.slots());
    let cast = bytemuck::cast_slice::<f32, u8>;
    let mut parts: Vec<&[u8]> = alloc::vec![
        &meta,
        cast(view.main),
        cast(view.raw),
        bytemuck::cast_slice(view.links),
        view.levels,
        bytemuck::cast_slice(view.upper_at),
        bytemuck::cast_slice(view.upper),
        bytemuck::cast_slice(view.labels),
        view.states,
    ];
    let checks: Vec<u8> =
        parts[1..].iter().flat_map(|part| sums_of(part)).flat_map(u64::to_le_bytes).collect();
    parts.push(&checks);
    let mut table = Vec::with_capacity(parts.len() * ENTRY_LEN);
    let mut at = HEADER_LEN + (parts.len() * ENTRY_LEN).next_multiple_of(64);
    for (i, part) in parts.iter().enumerate() {
        let whole = i == 0 || i + 1 == parts.len();
        table.extend_from_slice(&(i as u32 + 1).to_le_bytes());
        table.extend_from_slice(&0u32.to_le_bytes());
        for number in [at as u64, part.len() as u64, if whole { xxh3_64(part) } else { 0 }] {
            table.extend_from_slice(&number.to_le_bytes());
        }
        at += part.len().next_multiple_of(64);
    }
    let mut header = Vec::with_capacity(HEADER_LEN);
    header.extend_from_slice(&MAGIC);
    header.extend_from_slice(&VERSION.to_le_bytes());
    header.extend_from_slice(&(parts.len() as u32).to_le_bytes());
    header.extend_from_slice(&(at as u64).to_le_bytes());
    let sum = header_sum(&header, &table);
    header.extend_from_slice(&sum.to_le_bytes());
    header.resize(HEADER_LEN, 0);
    sink(&header)?;
    let zeros = [0u8; 64];
    for part in core::iter::once(table.as_slice()).chain(parts) {
        sink(part)?;
        sink(&zeros[..padding(part.len())])?;
    }
    Ok(())
}

/// The first bytes of a file with another tuning in them: header, table and meta, to be written over the old ones at once.
///
/// # Errors
/// As [`Mapped::open`].
pub fn retuned(bytes: &[u8], tuned: Tuned) -> Result<Vec<u8>, Error> {
    let (at, len) = sections(bytes)?[0];
    let (mut meta, slots) = get_meta(&bytes[at..at + len])?;
    meta.tuned = tuned;
    let meta = put_meta(&meta, slots);
    let mut head = bytes[..at].to_vec();
    head[HEADER_LEN + 24..HEADER_LEN + 32].copy_from_slice(&xxh3_64(&meta).to_le_bytes());
    let sum = header_sum(&head[..24], &head[HEADER_LEN..HEADER_LEN + SECTIONS.len() * ENTRY_LEN]);
    head[24..32].copy_from_slice(&sum.to_le_bytes());
    head.extend_from_slice(&meta);
    Ok(head)
}

/// A file in memory.
///
/// # Errors
/// As [`write()`].
pub fn to_bytes(view: &View<'_>) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    write::<Error>(view, &mut |part| {
        out.extend_from_slice(part);
        Ok(())
    })?;
    Ok(out)
}

fn header_sum(header: &[u8], table: &[u8]) -> u64 {
    let both: Vec<u8> = header.iter().chain(table).copied().collect();
    xxh3_64(&both)
}

/// The blocks of a mapped file, checked when they are first touched.
#[derive(Debug)]
struct Checks<'a> {
    parts: [Part<'a>; 8],
    sums: Vec<u64>,
    good: Vec<AtomicBool>,
}

#[derive(Clone, Copy, Debug)]
struct Part<'a> {
    field: Field,
    at: usize,
    bytes: &'a [u8],
    first: usize,
}

impl Guard for Checks<'_> {
    #[inline]
    fn touch(&self, section: Field, start: usize, len: usize) -> Result<(), Error> {
        let at = match section {
            Field::Vectors => 0,
            Field::Raw => 1,
            Field::Links => 2,
            Field::Levels => 3,
            Field::UpperAt => 4,
            Field::Upper => 5,
            Field::Label => 6,
            Field::State => 7,
            _ => return Ok(()),
        };
        let part = &self.parts[at];
        let last = start.saturating_add(len.max(1) - 1) / limits::CHECK_BLOCK_LEN;
        for block in start / limits::CHECK_BLOCK_LEN..=last {
            let at = part.first + block;
            if self.good.get(at).is_some_and(|good| good.load(Ordering::Relaxed)) {
                continue;
            }
            self.check(part, block)?;
        }
        Ok(())
    }
}

impl Checks<'_> {
    #[cold]
    fn check(&self, part: &Part<'_>, block: usize) -> Result<(), Error> {
        let start = block * limits::CHECK_BLOCK_LEN;
        let Some(rest) = part.bytes.get(start..).filter(|rest| !rest.is_empty()) else { return Ok(()) };
        let bytes = &rest[..rest.len().min(limits::CHECK_BLOCK_LEN)];
        let (good, sum) = (self.good.get(part.first + block), self.sums.get(part.first + block));
        if sum != Some(&xxh3_64(bytes)) {
            return Err(Error::Checksum { field: part.field, at: (part.at + start) as u64 });
        }
        if let Some(good) = good {
            good.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    fn check_part(&self, part: &Part<'_>) -> Result<(), Error> {
        self.touch(part.field, 0, part.bytes.len())
    }
}

/// A file that is used where it lies.
#[derive(Debug)]
pub struct Mapped<'a> {
    level: Level,
    meta: Meta,
    rotation: Option<Rotation>,
    checks: Checks<'a>,
    slots: usize,
    /// Of the sections 2 to 9, as numbers.
    main: &'a [f32],
    raw: &'a [f32],
    links: &'a [u32],
    upper_at: &'a [u32],
    upper: &'a [u32],
    labels: &'a [u64],
    /// Every block was compared with its sum.
    whole: bool,
}

fn cast<T: bytemuck::AnyBitPattern>(bytes: &[u8]) -> Result<&[T], Error> {
    bytemuck::try_cast_slice(bytes).map_err(|_| Error::Invalid(Invalid::Alignment))
}

impl<'a> Mapped<'a> {
    /// Opens a file whose bytes begin at a multiple of 8, as those of a map do.
    ///
    /// # Errors
    /// [`Error::Corrupt`] or [`Error::Checksum`] names what is damaged, [`Error::Unsupported`] another version, [`Error::Invalid`] bytes that are
    /// not aligned.
    pub fn open(level: Level, bytes: &'a [u8]) -> Result<Self, Error> {
        if cfg!(target_endian = "big") {
            return Err(Error::Unsupported { feature: Feature::Endianness, found: 0 });
        }
        let sections = sections(bytes)?;
        let part = |i: usize| bytes.get(sections[i].0..sections[i].0 + sections[i].1).unwrap_or(&[]);
        let (meta, slots) = get_meta(part(0))?;
        check_lengths(&meta, slots, &sections)?;
        let mut first = 0;
        let mut parts = [Part { field: Field::Vectors, at: 0, bytes: &[], first: 0 }; 8];
        for (i, to) in parts.iter_mut().enumerate() {
            *to = Part { field: SECTIONS[i + 1], at: sections[i + 1].0, bytes: part(i + 1), first };
            first += to.bytes.len().div_ceil(limits::CHECK_BLOCK_LEN);
        }
        expect(Field::Checks, sections[9].0, sections[9].1 as u64, 8 * first as u64)?;
        let sums: Vec<u64> = u64s(part(9)).collect();
        let good = (0..first).map(|_| AtomicBool::new(false)).collect();
        let checks = Checks { parts, sums, good };
        for i in [3, 7] {
            checks.check_part(&parts[i])?;
        }
        let rotation = rotates(meta.options.form).then(|| Rotation::new(meta.options.dim, meta.options.seed));
        Ok(Mapped {
            level,
            rotation,
            slots,
            main: cast(parts[0].bytes)?,
            raw: cast(parts[1].bytes)?,
            links: cast(parts[2].bytes)?,
            upper_at: cast(parts[4].bytes)?,
            upper: cast(parts[5].bytes)?,
            labels: cast(parts[6].bytes)?,
            meta,
            checks,
            whole: false,
        })
    }

    /// To search in; damaged blocks are refused when they are touched.
    #[inline]
    pub fn view(&self) -> View<'_> {
        let (stride, raw_stride) = strides(&self.meta.options);
        View {
            level: self.level,
            meta: &self.meta,
            rotation: self.rotation.as_ref(),
            main: self.main,
            stride: 16 * stride,
            raw: self.raw,
            raw_stride: 16 * raw_stride,
            links: self.links,
            levels: self.checks.parts[3].bytes,
            upper_at: self.upper_at,
            upper: self.upper,
            labels: self.labels,
            states: self.checks.parts[7].bytes,
            guard: (!self.whole).then_some(&self.checks),
        }
    }

    /// Compares every block with its sum now, for a file that was read into memory and is searched often: searches then need not look. Where one
    /// is damaged nothing changes, and the search that would read it fails. Whether all are whole.
    pub fn check_blocks(&mut self) -> bool {
        self.whole = self.checks.parts.iter().all(|part| self.checks.check_part(part).is_ok());
        self.whole
    }

    /// The small facts.
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// Another tuning than the file has, for this opening.
    pub fn set_tuned(&mut self, tuned: Tuned) {
        self.meta.tuned = tuned;
    }

    /// Checks every byte and every number. `progress` hears how many bytes were read; what it finds is given to `found`.
    pub fn verify(&self, progress: &mut dyn FnMut(u64), found: &mut dyn FnMut(Error)) {
        let mut whole = true;
        for part in &self.checks.parts {
            for block in 0..part.bytes.len().div_ceil(limits::CHECK_BLOCK_LEN) {
                if let Err(error) = self.checks.check(part, block) {
                    whole = false;
                    found(error);
                }
            }
            progress(part.bytes.len() as u64);
        }
        if whole && let Err(error) = self.check_structure() {
            found(error);
        }
    }

    /// What sums do not show: links, states and labels that fit each other.
    fn check_structure(&self) -> Result<(), Error> {
        let view = self.view();
        let (mut live, mut dead) = (0, 0);
        let mut labels = Vec::new();
        let mut places = 0u64;
        for slot in 0..self.slots as u32 {
            let state = State::by_number(view.states[slot as usize]);
            let level = view.level_of(slot);
            at_most(Field::Level, 0, u64::from(level), limits::LEVEL_MAX as u64)?;
            let place = view.upper_at[slot as usize];
            at_most(
                Field::UpperAt,
                0,
                u64::from(place) + u64::from(level) * self.meta.options.m as u64,
                view.upper.len() as u64,
            )?;
            places += u64::from(level);
            match state {
                Some(State::Live) => {
                    live += 1;
                    labels.push(view.labels[slot as usize]);
                }
                Some(State::Dead) => dead += 1,
                Some(State::Free) => {}
                _ => return Err(Error::corrupt(Field::State, 0, u64::from(view.states[slot as usize]), 2)),
            }
            for layer in 0..=level {
                for id in view.list(slot, layer)? {
                    if *id < END {
                        at_most(Field::Link, 0, u64::from(*id), self.slots as u64 - 1)?;
                    }
                }
            }
        }
        expect(Field::Upper, 0, view.upper.len() as u64, places * self.meta.options.m as u64)?;
        expect(Field::Count, 0, live, self.meta.live)?;
        expect(Field::Count, 0, dead, self.meta.dead)?;
        if self.meta.entry != NONE {
            expect(Field::Level, 0, u64::from(self.meta.top), u64::from(view.level_of(self.meta.entry)))?;
        }
        labels.sort_unstable();
        let twice = labels.windows(2).find(|pair| pair[0] == pair[1]);
        twice.map_or(Ok(()), |pair| Err(Error::corrupt(Field::Label, 0, pair[0], 0)))
    }

    /// An index in memory, to change. Everything is checked.
    ///
    /// # Errors
    /// The first that [`Mapped::verify`] finds.
    pub fn to_index(&self) -> Result<Index, Error> {
        let mut first = None;
        self.verify(&mut |_| {}, &mut |error| first = first.or(Some(error)));
        if let Some(error) = first {
            return Err(error);
        }
        let mut index = Index::read_with(self.level, self.meta.options)?;
        index.meta = self.meta;
        let blocks = |values: &[f32]| {
            let (stride, _) = values.as_chunks::<16>();
            stride.iter().map(|block| dolmen_simd::row64::Row64(*block)).collect::<Vec<_>>()
        };
        (index.main, index.raw) = (blocks(self.main), blocks(self.raw));
        (index.links, index.upper) = (self.links.to_vec(), self.upper.to_vec());
        (index.upper_at, index.labels) = (self.upper_at.to_vec(), self.labels.to_vec());
        let view = self.view();
        (index.levels, index.states) = (view.levels.to_vec(), view.states.to_vec());
        for slot in (0..self.slots as u32).rev() {
            match State::by_number(index.states[slot as usize]) {
                Some(State::Free) => index.free.push(slot),
                Some(State::Live) => drop(index.by_label.insert(index.labels[slot as usize], slot)),
                _ => {}
            }
        }
        Ok(index)
    }
}

/// Offset and length of each section, after the header and the table were checked.
fn sections(bytes: &[u8]) -> Result<[(usize, usize); 10], Error> {
    let mut reader = Reader::new(bytes);
    let magic = reader.array::<8>(Field::Magic)?;
    if magic != MAGIC {
        return Err(Error::corrupt(Field::Magic, 0, u64::from_le_bytes(magic), u64::from_le_bytes(MAGIC)));
    }
    let version = reader.u32(Field::Version)?;
    if version != VERSION {
        return Err(Error::Unsupported { feature: Feature::Version, found: u64::from(version) });
    }
    let count = reader.u32(Field::Sections)?;
    expect(Field::Sections, 12, u64::from(count), SECTIONS.len() as u64)?;
    expect(Field::FileLength, 16, reader.u64(Field::FileLength)?, bytes.len() as u64)?;
    let sum = reader.u64(Field::Header)?;
    zeros(reader.take(Field::Header, HEADER_LEN - 32)?, 32)?;
    let table = reader.take(Field::Sections, SECTIONS.len() * ENTRY_LEN)?;
    if header_sum(&bytes[..24], table) != sum {
        return Err(Error::Checksum { field: Field::Header, at: 0 });
    }
    let mut found = [(0, 0); 10];
    let mut at = HEADER_LEN + (SECTIONS.len() * ENTRY_LEN).next_multiple_of(64);
    for (i, entry) in table.chunks_exact(ENTRY_LEN).enumerate() {
        let place = HEADER_LEN + i * ENTRY_LEN;
        let mut entry = Reader::new(entry);
        expect(Field::Sections, place, entry.u64(Field::Sections)?, i as u64 + 1)?;
        expect(Field::Offset, place + 8, entry.u64(Field::Offset)?, at as u64)?;
        let len = entry.u64(Field::Size)?;
        let sum = entry.u64(Field::Checks)?;
        let end =
            usize::try_from(len).ok().and_then(|len| at.checked_add(len)).filter(|end| *end <= bytes.len());
        let end = end.ok_or(Error::corrupt(Field::Size, place + 16, len, (bytes.len() - at) as u64))?;
        let whole = i == 0 || i + 1 == SECTIONS.len();
        if whole && xxh3_64(&bytes[at..end]) != sum {
            return Err(Error::Checksum { field: SECTIONS[i], at: at as u64 });
        }
        zeros(
            bytes.get(end..end.next_multiple_of(64)).ok_or(Error::corrupt(Field::Padding, end, 0, 0))?,
            end,
        )?;
        found[i] = (at, end - at);
        at = end.next_multiple_of(64);
    }
    expect(Field::FileLength, 16, at as u64, bytes.len() as u64)?;
    Ok(found)
}

fn zeros(bytes: &[u8], at: usize) -> Result<(), Error> {
    match bytes.iter().position(|byte| *byte != 0) {
        Some(i) => Err(Error::corrupt(Field::Padding, at + i, u64::from(bytes[i]), 0)),
        None => Ok(()),
    }
}

fn check_lengths(meta: &Meta, slots: usize, sections: &[(usize, usize); 10]) -> Result<(), Error> {
    let (stride, raw_stride) = strides(&meta.options);
    let links = if meta.options.form.is_qg() { 0 } else { 4 * meta.options.m0 };
    let each = [(1, 64 * stride), (2, 64 * raw_stride), (3, links), (4, 1), (5, 4), (7, 8), (8, 1)];
    for (i, size) in each {
        let expected = (slots as u64).saturating_mul(size as u64);
        expect(SECTIONS[i], sections[i].0, sections[i].1 as u64, expected)?;
    }
    expect(Field::Upper, sections[6].0, sections[6].1 as u64 % (4 * meta.options.m as u64), 0)?;
    expect(Field::Meta, sections[0].0, sections[0].1 as u64, META_LEN as u64)
}
