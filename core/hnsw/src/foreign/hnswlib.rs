//! hnswlib's files: `save_index` and `load_index`.
//!
//! ```text
//! header   u64 offset of layer 0 (0) | u64 max_elements | u64 count | u64 size of an element | u64 offset of its label | u64 offset of its vector
//!          i32 max level (-1: empty) | u32 entry point | u64 maxM | u64 maxM0 | u64 M | f64 mult | u64 ef_construction        96 bytes
//! element  u16 links | u8 1 = deleted | u8 0 | maxM0 × u32 | f32 × dim | u64 label
//! behind   for each element: u32 bytes of its upper links, and for each layer u32 links, maxM × u32
//! ```
//!
//! No magic, no metric, no dimension: the caller says the metric, the dimension follows from the offsets. An index that was read and not changed is
//! written back byte for byte, with what stands behind the end of its lists.

use alloc::vec::Vec;

use super::{Export, Import, Reader, at_most, expect, f32s, u32s, writes_f32};
use crate::Level;
use crate::error::{Error, Feature, Field, Invalid};
use crate::index::Index;
use crate::limits;
use crate::metric::{Form, Metric, Options};
use crate::view::{NONE, State};

const HEADER_LEN: usize = 96;

struct Header {
    capacity: u64,
    count: u64,
    size: usize,
    label_at: usize,
    data_at: usize,
    max_level: i32,
    entry: u32,
    m: u64,
    m0: u64,
    mult: f64,
    ef_construction: u64,
}

impl Header {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let mut next = |field| reader.u64(field);
        expect(Field::Offset, 0, next(Field::Offset)?, 0)?;
        let (capacity, count) = (next(Field::Capacity)?, next(Field::Count)?);
        let (size, label_at, data_at) = (next(Field::Size)?, next(Field::Offset)?, next(Field::Offset)?);
        let max_level = reader.i32(Field::Level)?;
        let entry = reader.u32(Field::Entry)?;
        let (max_m, m0, m) = (reader.u64(Field::M)?, reader.u64(Field::M0)?, reader.u64(Field::M)?);
        let mult = f64::from_le_bytes(reader.array(Field::M)?);
        let ef_construction = reader.u64(Field::EfConstruction)?;
        at_most(Field::Count, 16, count, capacity)?;
        expect(Field::M, 72, m, max_m)?;
        for (field, at, found, most) in
            [(Field::M, 56, m, limits::M_MAX), (Field::M0, 64, m0, limits::M0_MAX)]
        {
            if found < 1 {
                return Err(Error::corrupt(field, at, found, 1));
            }
            at_most(field, at, found, most as u64)?;
        }
        expect(Field::Offset, 40, data_at, 4 + 4 * m0)?;
        let dim_bytes = label_at.checked_sub(data_at).filter(|bytes| bytes % 4 == 0 && *bytes > 0);
        let dim_bytes = dim_bytes.ok_or(Error::corrupt(Field::Offset, 32, label_at, data_at))?;
        at_most(Field::Dimension, 32, dim_bytes / 4, limits::DIM_MAX as u64)?;
        expect(Field::Size, 24, size, label_at + 8)?;
        let mult_fits = mult.is_finite() && mult >= 0.0;
        if !mult_fits {
            return Err(Error::corrupt(Field::M, 80, mult.to_bits(), 0));
        }
        let (size, label_at, data_at) = (size as usize, label_at as usize, data_at as usize);
        Ok(Header {
            capacity,
            count,
            size,
            label_at,
            data_at,
            max_level,
            entry,
            m,
            m0,
            mult,
            ef_construction,
        })
    }

    fn options(&self, metric: Metric) -> Options {
        Options {
            dim: (self.label_at - self.data_at) / 4,
            metric,
            form: Form::F32,
            m: self.m as usize,
            m0: self.m0 as usize,
            ef_construction: (self.ef_construction as usize).clamp(1, limits::EF_MAX),
            seed: 100,
        }
    }
}

/// Reads a file. Vectors of a cosine index are unit vectors already.
///
/// # Errors
/// [`Error::Corrupt`] names the field that cannot be; [`Error::Invalid`] a metric that hnswlib does not have.
pub fn read(level: Level, bytes: &[u8], metric: Metric) -> Result<Index, Error> {
    if metric == Metric::Hamming {
        return Err(Invalid::FormMetric(Form::F32, metric).into());
    }
    let mut reader = Reader::new(bytes);
    let header = Header::read(&mut reader)?;
    let elements = reader.elements(Field::Count, header.count, header.size)?;
    // Each element has at least four bytes of upper links behind.
    at_most(Field::Count, 16, header.count, (reader.rest() / 4) as u64)?;
    let mut import = Import::new(level, header.options(metric), header.count as usize)?;
    let m0 = header.m0 as usize;
    for (slot, element) in elements.chunks_exact(header.size).enumerate() {
        let at = HEADER_LEN + slot * header.size;
        let (count, state) =
            (u16::from_le_bytes([element[0], element[1]]), u16::from_le_bytes([element[2], element[3]]));
        at_most(Field::State, at + 2, u64::from(state), 1)?;
        import.set_list(slot, 0, at + 4, usize::from(count), u32s(&element[4..4 + 4 * m0]))?;
        import.put_f32(slot, at + header.data_at, f32s(&element[header.data_at..header.label_at]), false)?;
        let mut label = [0; 8];
        label.copy_from_slice(&element[header.label_at..]);
        import.set_label(slot, u64::from_le_bytes(label), state == 1);
    }
    read_upper(&mut reader, &header, &mut import)?;
    reader.end()?;
    if header.count == 0 {
        expect(Field::Level, 48, header.max_level as u32 as u64, u64::from(u32::MAX))?;
        let mut index = import.finish(NONE, 0, None)?;
        index.meta.foreign = Some((header.capacity, header.mult));
        return Ok(index);
    }
    let top = usize::try_from(header.max_level)
        .map_err(|_| Error::corrupt(Field::Level, 48, header.max_level as u32 as u64, 0))?;
    import.finish(header.entry, top, Some((header.capacity, header.mult)))
}

fn read_upper(reader: &mut Reader<'_>, header: &Header, import: &mut Import) -> Result<(), Error> {
    let layer_len = 4 + 4 * header.m as usize;
    let mut lists = Vec::new();
    for slot in 0..header.count as usize {
        let at = reader.at;
        let len = reader.u32(Field::LinkBytes)?;
        if !(len as usize).is_multiple_of(layer_len) {
            return Err(Error::corrupt(Field::LinkBytes, at, u64::from(len), layer_len as u64));
        }
        let bytes = reader.take(Field::LinkBytes, len as usize)?;
        import.set_level(slot, len as usize / layer_len, at)?;
        lists.push((at + 4, bytes));
    }
    for (slot, (at, bytes)) in lists.into_iter().enumerate() {
        for (i, layer) in bytes.chunks_exact(layer_len).enumerate() {
            let at = at + i * layer_len;
            let count = u32::from_le_bytes([layer[0], layer[1], layer[2], layer[3]]);
            import.set_list(slot, i + 1, at, count as usize, u32s(&layer[4..]))?;
        }
    }
    Ok(())
}

/// Writes a file that hnswlib loads: whatever the form, as f32. Dead vectors are marked as deleted.
///
/// # Errors
/// [`Error::Unsupported`] for indexes of bytes or bits, which hnswlib does not have.
pub fn write(index: &Index) -> Result<Vec<u8>, Error> {
    let options = *index.options();
    if !writes_f32(options.form) {
        return Err(Error::Unsupported { feature: Feature::Form, found: u64::from(options.form.number()) });
    }
    let export = Export::new(index.view());
    let view = export.view;
    let count = export.slots.len();
    let (m, m0, dim) = (options.m, options.m0, options.dim);
    let (data_at, label_at) = (4 + 4 * m0, 4 + 4 * m0 + 4 * dim);
    let (capacity, mult) = index.meta.foreign.unwrap_or((count as u64, 1.0 / libm::log(m as f64)));
    let (entry, max_level) =
        if count == 0 { (NONE, -1) } else { (export.number(index.meta.entry), i32::from(index.meta.top)) };
    let mut out = Vec::with_capacity(HEADER_LEN + count * (label_at + 12));
    for number in [0, capacity, count as u64, label_at as u64 + 8, label_at as u64, data_at as u64] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    out.extend_from_slice(&max_level.to_le_bytes());
    out.extend_from_slice(&entry.to_le_bytes());
    for number in [m as u64, m0 as u64, m as u64] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    out.extend_from_slice(&mult.to_le_bytes());
    out.extend_from_slice(&(options.ef_construction as u64).to_le_bytes());
    let put_list = |out: &mut Vec<u8>, slot: u32, layer: u8, width: usize, flag: u32| -> Result<(), Error> {
        let (list, left) = export.list(slot, layer)?;
        out.extend_from_slice(&(list.len() as u32 | flag).to_le_bytes());
        let ids = list.iter().copied().chain(left).chain(core::iter::repeat(0)).take(width);
        out.extend(ids.flat_map(u32::to_le_bytes));
        Ok(())
    };
    for slot in &export.slots {
        let dead = u32::from(view.states.get(*slot as usize) == Some(&(State::Dead as u8)));
        put_list(&mut out, *slot, 0, m0, dead << 16)?;
        out.extend(view.vector(*slot)?.into_iter().flat_map(f32::to_le_bytes));
        out.extend_from_slice(&view.labels[*slot as usize].to_le_bytes());
    }
    for slot in &export.slots {
        let level = view.level_of(*slot);
        out.extend_from_slice(&(u32::from(level) * (4 + 4 * m as u32)).to_le_bytes());
        for layer in 1..=level {
            put_list(&mut out, *slot, layer, m, 0)?;
        }
    }
    Ok(out)
}
