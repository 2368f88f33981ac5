//! usearch's files of format 2: `save`, `restore`, `view`.
//!
//! ```text
//! matrix   u32 rows | u32 bytes of a row | rows            (both u64 in a file that was saved with 64-bit sizes)
//! head     "usearch" | u16 × 3 version | u8 metric: e l2, i ip, c cosine, b hamming | u8 scalar: 11 f32, 12 f16, 4 bf16, 23 i8, 1 b1
//!          u8 key kind (14: u64) | u8 slot kind (15: u32) | u64 present | u64 deleted | u64 dimensions | u8 multi | zeros       64 bytes
//! graph    u64 size | u64 connectivity | u64 connectivity of layer 0 | u64 max level (2^64 - 1: empty) | u64 entry slot | i16 level of each
//! node     u64 key (2^64 - 1: removed) | i16 level | u32 count, ids u32 | for each layer above: u32 count, ids u32
//! ```

use alloc::vec::Vec;

use super::{Export, Import, Reader, at_most, expect, f32s, swept, u32s};
use dolmen_simd::half;

use crate::Level;
use crate::error::{Error, Feature, Field};
use crate::index::Index;
use crate::limits;
use crate::metric::{Form, Metric, Options};
use crate::view::NONE;

const HEAD_LEN: usize = 64;
const REMOVED: u64 = u64::MAX;

struct Head {
    metric: Metric,
    form: Form,
    dim: usize,
    present: u64,
    deleted: u64,
}

fn metric_of(tag: u8) -> Option<Metric> {
    [(b'e', Metric::L2), (b'i', Metric::Ip), (b'c', Metric::Cosine), (b'b', Metric::Hamming)]
        .into_iter()
        .find_map(|(known, metric)| (known == tag).then_some(metric))
}

const SCALARS: [(u8, Form); 5] =
    [(11, Form::F32), (12, Form::F16), (4, Form::Bf16), (23, Form::I8), (1, Form::Binary)];

fn read_head(reader: &mut Reader<'_>) -> Result<Head, Error> {
    let at = reader.at;
    if reader.take(Field::Magic, 7)? != b"usearch" {
        return Err(Error::corrupt(Field::Magic, at, 0, 0));
    }
    let version = reader.u16(Field::Version)?;
    if version != 2 {
        return Err(Error::Unsupported { feature: Feature::Version, found: u64::from(version) });
    }
    reader.take(Field::Version, 4)?;
    let tag = reader.u8(Field::Metric)?;
    let unsupported = |feature, found: u8| Error::Unsupported { feature, found: u64::from(found) };
    let metric = metric_of(tag).ok_or(unsupported(Feature::Metric, tag))?;
    let tag = reader.u8(Field::Form)?;
    let form = SCALARS.into_iter().find_map(|(known, form)| (known == tag).then_some(form));
    let form = form.ok_or(unsupported(Feature::Scalar, tag))?;
    for (expected, feature) in [(14, Feature::KeyKind), (15, Feature::SlotKind)] {
        let found = reader.u8(Field::Form)?;
        if found != expected {
            return Err(unsupported(feature, found));
        }
    }
    let (present, deleted, dim) =
        (reader.u64(Field::Count)?, reader.u64(Field::Count)?, reader.u64(Field::Dimension)?);
    let multi = reader.u8(Field::Form)?;
    if multi != 0 {
        return Err(unsupported(Feature::MultiLabels, multi));
    }
    if dim == 0 {
        return Err(Error::corrupt(Field::Dimension, at + 33, 0, 1));
    }
    at_most(Field::Dimension, at + 33, dim, limits::DIM_MAX as u64)?;
    reader.take(Field::Header, at + HEAD_LEN - reader.at)?;
    Ok(Head { metric, form, dim: dim as usize, present, deleted })
}

fn row_len(form: Form, dim: usize) -> usize {
    match form {
        Form::F32 => 4 * dim,
        Form::F16 | Form::Bf16 => 2 * dim,
        Form::I8 => dim,
        _ => dim.div_ceil(8),
    }
}

/// Both sizes of the matrix, in 32 or 64 bits: whichever puts the magic number behind the rows.
fn read_matrix<'a>(reader: &mut Reader<'a>) -> Result<(u64, u64, &'a [u8]), Error> {
    let mut failed = None;
    for wide in [false, true] {
        let mut trial = *reader;
        let sizes = |trial: &mut Reader<'a>| -> Result<(u64, u64, &'a [u8]), Error> {
            let mut next =
                || if wide { trial.u64(Field::Count) } else { trial.u32(Field::Count).map(u64::from) };
            let (rows, len) = (next()?, next()?);
            let size = usize::try_from(len).map_err(|_| Error::corrupt(Field::Size, 4, len, 0))?;
            let matrix = trial.elements(Field::Count, rows, size.max(1))?;
            let matrix = if len == 0 { &matrix[..0] } else { matrix };
            Ok((rows, len, matrix))
        };
        match sizes(&mut trial) {
            Ok(found) => {
                let mut ahead = trial;
                if ahead.take(Field::Magic, 7).is_ok_and(|magic| magic == b"usearch") {
                    *reader = trial;
                    return Ok(found);
                }
                failed = failed.or(Some(Error::corrupt(Field::Magic, trial.at, 0, 0)));
            }
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    Err(failed.unwrap_or(Error::corrupt(Field::Magic, 0, 0, 0)))
}

/// Reads a file. Rows of a cosine index are normalised.
///
/// # Errors
/// [`Error::Corrupt`] names the field that cannot be; [`Error::Unsupported`] another version, metric, scalar or key kind.
pub fn read(level: Level, bytes: &[u8]) -> Result<Index, Error> {
    let mut reader = Reader::new(bytes);
    let (rows, len, matrix) = read_matrix(&mut reader)?;
    let head = read_head(&mut reader)?;
    let expected = row_len(head.form, head.dim);
    expect(Field::Size, 4, len, expected as u64)?;
    let at = reader.at;
    let size = reader.u64(Field::Count)?;
    expect(Field::Count, at, size, rows)?;
    let (m, m0) = (reader.u64(Field::M)?, reader.u64(Field::M0)?);
    for (field, found, most) in [(Field::M, m, limits::M_MAX), (Field::M0, m0, limits::M0_MAX)] {
        if found == 0 || found > most as u64 {
            return Err(Error::corrupt(field, at + 8, found, most as u64));
        }
    }
    let (top, entry) = (reader.u64(Field::Level)?, reader.u64(Field::Entry)?);
    let levels = reader.elements(Field::Levels, size, 2)?;
    at_most(Field::Count, at, size, limits::SLOTS_MAX as u64)?;
    let options = Options {
        dim: head.dim,
        metric: head.metric,
        form: head.form,
        m: m as usize,
        m0: m0 as usize,
        ef_construction: 128,
        seed: 0,
    };
    let mut import = Import::new(level, options, size as usize)?;
    for (slot, row) in matrix.chunks_exact(expected).enumerate() {
        put_row(&mut import, &head, slot, 8 + slot * expected, row)?;
    }
    for (slot, pair) in levels.chunks_exact(2).enumerate() {
        let level = i16::from_le_bytes([pair[0], pair[1]]);
        let level = usize::try_from(level)
            .map_err(|_| Error::corrupt(Field::Level, at + 40 + 2 * slot, u64::from(level as u16), 0))?;
        import.set_level(slot, level, at + 40 + 2 * slot)?;
    }
    let mut dead = 0;
    for (slot, pair) in levels.chunks_exact(2).enumerate() {
        dead += read_node(&mut reader, &mut import, slot, i16::from_le_bytes([pair[0], pair[1]]), (m, m0))?;
    }
    reader.end()?;
    expect(Field::Count, at, head.deleted, dead)?;
    expect(Field::Count, at, head.present, size - dead)?;
    if size == 0 {
        return import.finish(NONE, 0, None);
    }
    at_most(Field::Level, at + 24, top, limits::LEVEL_MAX as u64)?;
    at_most(Field::Entry, at + 32, entry, size - 1)?;
    import.finish(entry as u32, top as usize, None)
}

/// Reads a node; 1 if it is removed.
fn read_node(
    reader: &mut Reader<'_>,
    import: &mut Import,
    slot: usize,
    level: i16,
    (m, m0): (u64, u64),
) -> Result<u64, Error> {
    let key = reader.u64(Field::Label)?;
    import.set_label(slot, key, key == REMOVED);
    let at = reader.at;
    expect(Field::Level, at, u64::from(reader.u16(Field::Level)?), level as u64)?;
    for layer in 0..=level as usize {
        let at = reader.at;
        let count = reader.u32(Field::LinkCount)?;
        let ids = reader.elements(Field::Links, if layer == 0 { m0 } else { m }, 4)?;
        import.set_list(slot, layer, at + 4, count as usize, u32s(ids))?;
    }
    Ok(u64::from(key == REMOVED))
}

fn put_row(import: &mut Import, head: &Head, slot: usize, at: usize, row: &[u8]) -> Result<(), Error> {
    let cosine = head.metric == Metric::Cosine;
    match head.form {
        Form::F32 => import.put_f32(slot, at, f32s(row), cosine),
        Form::F16 | Form::Bf16 => {
            let is_f16 = head.form == Form::F16;
            let decode = if is_f16 { half::f16_to_f32 } else { half::bf16_to_f32 };
            let encode = if is_f16 { half::f32_to_f16 } else { half::f32_to_bf16 };
            let mut values: Vec<f32> =
                row.chunks_exact(2).map(|b| decode(u16::from_le_bytes([b[0], b[1]]))).collect();
            if let Some(position) =
                values.iter().position(|value| !value.is_finite() || value.abs() > limits::VALUE_MAX)
            {
                return Err(Error::corrupt(Field::Vectors, at + 2 * position, 0, 0));
            }
            if cosine {
                crate::score::normalise(&mut values);
            }
            let halves: &mut [u16] = bytemuck::cast_slice_mut(import.row(slot));
            halves.iter_mut().zip(values).for_each(|(half, value)| *half = encode(value));
            Ok(())
        }
        _ => {
            import.row(slot)[..row.len()].copy_from_slice(row);
            Ok(())
        }
    }
}

/// Writes a file that usearch restores. Codes become f32.
///
/// # Errors
/// [`Error::Limit`] for an index whose sizes do not fit 32 bits.
pub fn write(index: &Index) -> Result<Vec<u8>, Error> {
    let copy = swept(index)?;
    let index = copy.as_ref().unwrap_or(index);
    let options = *index.options();
    let form = if SCALARS.iter().any(|(_, form)| *form == options.form) { options.form } else { Form::F32 };
    let export = Export::new(index.view());
    let (view, count, len) = (export.view, export.slots.len(), row_len(form, options.dim));
    let mut out = Vec::new();
    out.extend_from_slice(&(count as u32).to_le_bytes());
    out.extend_from_slice(&(len as u32).to_le_bytes());
    for slot in &export.slots {
        if form == Form::F32 {
            out.extend(view.vector(*slot)?.into_iter().flat_map(f32::to_le_bytes));
        } else {
            let bytes: &[u8] = bytemuck::cast_slice(view.row(*slot)?);
            out.extend_from_slice(&bytes[..len]);
        }
    }
    put_head(&mut out, &options, form, count);
    let top = if count == 0 { u64::MAX } else { u64::from(view.meta.top) };
    let entry = if count == 0 { 0 } else { u64::from(export.number(view.meta.entry)) };
    for number in [count as u64, options.m as u64, options.m0 as u64, top, entry] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    out.extend(export.slots.iter().flat_map(|slot| u16::from(view.level_of(*slot)).to_le_bytes()));
    for slot in &export.slots {
        out.extend_from_slice(&view.labels[*slot as usize].to_le_bytes());
        out.extend_from_slice(&u16::from(view.level_of(*slot)).to_le_bytes());
        for layer in 0..=view.level_of(*slot) {
            let (list, left) = export.list(*slot, layer)?;
            let width = if layer == 0 { options.m0 } else { options.m };
            out.extend_from_slice(&(list.len() as u32).to_le_bytes());
            out.extend(
                list.into_iter()
                    .chain(left)
                    .chain(core::iter::repeat(0))
                    .take(width)
                    .flat_map(u32::to_le_bytes),
            );
        }
    }
    Ok(out)
}

fn put_head(out: &mut Vec<u8>, options: &Options, form: Form, count: usize) {
    let end = out.len() + HEAD_LEN;
    out.extend_from_slice(b"usearch");
    out.extend([2u16, 26, 6].into_iter().flat_map(u16::to_le_bytes));
    out.push(match options.metric {
        Metric::L2 => b'e',
        Metric::Ip => b'i',
        Metric::Cosine => b'c',
        Metric::Hamming => b'b',
    });
    out.push(SCALARS.into_iter().find_map(|(tag, known)| (known == form).then_some(tag)).unwrap_or(11));
    out.extend_from_slice(&[14, 15]);
    for number in [count as u64, 0, options.dim as u64] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    out.resize(end, 0);
}
