//! faiss' HNSW files: `IHNf` over a flat storage, `IHNs` over an 8-bit scalar quantiser, `IxMp` around either.
//!
//! ```text
//! header   i32 d | i64 n | i64 2^20 | i64 2^20 | u8 trained | i32 metric: 0 ip, 1 l2
//! IHNf     header | f64s assign_probas | i32s cum_nneighbor_per_level | i32s levels (layer + 1) | u64s offsets (n + 1) | i32s neighbors (-1: none)
//!          i32 entry | i32 max level | i32 efConstruction | i32 efSearch | i32 1 | the storage
//! IxF2     header | f32s                       l2; ip is IxFI
//! IxSQ     header | i32 type (0) | i32 range | f32 | u64 d | u64 code size | f32s vmin × d, vdiff × d | bytes
//! IxMp     header | the index | i64s ids
//! ```
//!
//! A plural is a u64 count and as many elements. An 8-bit code decodes to vmin + (code + 0.5) / 255 × vdiff; the index that is made holds f32.

use alloc::vec::Vec;

use super::{Export, Import, Reader, at_most, expect, f32s, swept, u32s, u64s, writes_f32};
use crate::Level;
use crate::error::{Error, Feature, Field, Invalid};
use crate::index::Index;
use crate::limits;
use crate::metric::{Form, Metric, Options};
use crate::view::NONE;

#[derive(Clone, Copy)]
struct Header {
    dim: usize,
    count: u64,
    metric: i32,
}

fn header(reader: &mut Reader<'_>) -> Result<Header, Error> {
    let at = reader.at;
    let dim = reader.i32(Field::Dimension)?;
    let count = reader.u64(Field::Count)?;
    reader.take(Field::Header, 16)?;
    reader.u8(Field::Header)?;
    let metric = reader.i32(Field::Metric)?;
    let fits = dim >= 1 && dim as usize <= limits::DIM_MAX;
    if !fits {
        return Err(Error::corrupt(Field::Dimension, at, u64::from(dim as u32), limits::DIM_MAX as u64));
    }
    at_most(Field::Count, at + 4, count, limits::SLOTS_MAX as u64)?;
    if !(0..=1).contains(&metric) {
        return Err(Error::Unsupported { feature: Feature::Metric, found: u64::from(metric as u32) });
    }
    Ok(Header { dim: dim as usize, count, metric })
}

fn vector<'a>(reader: &mut Reader<'a>, field: Field, size: usize) -> Result<&'a [u8], Error> {
    let count = reader.u64(field)?;
    reader.elements(field, count, size)
}

fn same(at: usize, found: Header, expected: Header) -> Result<(), Error> {
    expect(Field::Dimension, at, found.dim as u64, expected.dim as u64)?;
    expect(Field::Count, at + 4, found.count, expected.count)?;
    expect(Field::Metric, at + 29, found.metric as u64, expected.metric as u64)
}

fn kind(found: [u8; 4]) -> u64 {
    u64::from(u32::from_be_bytes(found))
}

/// The widths of lists, by layer.
struct Widths {
    m0: usize,
    m: usize,
    cumulative: Vec<u32>,
}

fn widths(bytes: &[u8], at: usize) -> Result<Widths, Error> {
    let cumulative: Vec<u32> = u32s(bytes).collect();
    let damaged =
        |found: u32| Error::corrupt(Field::LinkCount, at, u64::from(found), cumulative.len() as u64);
    let (first, second) = (cumulative.first().copied(), cumulative.get(1).copied());
    let (Some(0), Some(m0)) = (first, second) else { return Err(damaged(first.unwrap_or(0))) };
    let m = cumulative.get(2).map_or(Some(m0 / 2), |third| third.checked_sub(m0));
    let m = m.filter(|m| *m >= 1 && *m <= m0 && m0 as usize <= limits::M0_MAX).ok_or_else(|| damaged(m0))?;
    if cumulative[1..].windows(2).any(|pair| pair[1].checked_sub(pair[0]) != Some(m)) {
        return Err(damaged(m));
    }
    Ok(Widths { m0: m0 as usize, m: m as usize, cumulative })
}

/// Reads a file.
///
/// # Errors
/// [`Error::Corrupt`] names the field that cannot be; [`Error::Unsupported`] another storage, quantiser or metric.
pub fn read(level: Level, bytes: &[u8]) -> Result<Index, Error> {
    let mut reader = Reader::new(bytes);
    let mut tag = reader.array::<4>(Field::Magic)?;
    let mapped = if &tag == b"IxMp" {
        let outer = header(&mut reader)?;
        tag = reader.array::<4>(Field::Magic)?;
        Some(outer)
    } else {
        None
    };
    if !matches!(&tag, b"IHNf" | b"IHNs") {
        return Err(Error::Unsupported { feature: Feature::Storage, found: kind(tag) });
    }
    let at = reader.at;
    let head = header(&mut reader)?;
    if let Some(outer) = mapped {
        same(at, head, outer)?;
    }
    let mut import = read_graph(level, &mut reader, head)?;
    read_storage(&mut reader, head, &mut import)?;
    let labels: Vec<u64> = match mapped {
        Some(_) => {
            let at = reader.at;
            let ids = vector(&mut reader, Field::Label, 8)?;
            expect(Field::Label, at, ids.len() as u64 / 8, head.count)?;
            u64s(ids).collect()
        }
        None => (0..head.count).collect(),
    };
    reader.end()?;
    for (slot, label) in labels.into_iter().enumerate() {
        import.import.set_label(slot, label, false);
    }
    if head.count == 0 {
        return import.import.finish(NONE, 0, None);
    }
    let (entry, top) = (import.entry, import.top);
    let top = usize::try_from(top).map_err(|_| Error::corrupt(Field::Level, 0, u64::from(top as u32), 0))?;
    import.import.finish(entry as u32, top, None)
}

struct Graph {
    import: Import,
    entry: i32,
    top: i32,
}

fn read_graph(level: Level, reader: &mut Reader<'_>, head: Header) -> Result<Graph, Error> {
    vector(reader, Field::M, 8)?;
    let at = reader.at;
    let widths = widths(vector(reader, Field::LinkCount, 4)?, at)?;
    let levels_at = reader.at + 8;
    let levels = vector(reader, Field::Levels, 4)?;
    expect(Field::Levels, levels_at, levels.len() as u64 / 4, head.count)?;
    let offsets_at = reader.at + 8;
    let offsets = vector(reader, Field::Offset, 8)?;
    expect(Field::Offset, offsets_at, offsets.len() as u64 / 8, head.count + 1)?;
    let neighbors_at = reader.at + 8;
    let neighbors = vector(reader, Field::Links, 4)?;
    let entry = reader.i32(Field::Entry)?;
    let top = reader.i32(Field::Level)?;
    let ef_construction = reader.i32(Field::EfConstruction)?;
    reader.take(Field::Header, 8)?;
    let metric = if head.metric == 1 { Metric::L2 } else { Metric::Ip };
    let options = Options {
        dim: head.dim,
        metric,
        form: Form::F32,
        m: widths.m,
        m0: widths.m0,
        ef_construction: usize::try_from(ef_construction).unwrap_or(1).clamp(1, limits::EF_MAX),
        seed: 12345,
    };
    let mut import = Import::new(level, options, head.count as usize)?;
    let mut start = 0u64;
    let offsets: Vec<u64> = u64s(offsets).collect();
    let mut places = Vec::with_capacity(head.count as usize);
    for (slot, layers) in u32s(levels).enumerate() {
        let at = levels_at + 4 * slot;
        expect(Field::Offset, offsets_at + 8 * slot, offsets[slot], start)?;
        let width = widths.cumulative.get(layers as usize).filter(|_| layers >= 1);
        let width = width.ok_or(Error::corrupt(
            Field::Level,
            at,
            u64::from(layers),
            widths.cumulative.len() as u64 - 1,
        ))?;
        import.set_level(slot, layers as usize - 1, at)?;
        places.push(start as usize);
        start += u64::from(*width);
    }
    expect(Field::Offset, offsets_at + 8 * places.len(), offsets[places.len()], start)?;
    expect(Field::Links, neighbors_at, neighbors.len() as u64 / 4, start)?;
    for (slot, (place, layers)) in places.into_iter().zip(u32s(levels)).enumerate() {
        for layer in 0..layers as usize {
            let (from, to) =
                (place + widths.cumulative[layer] as usize, place + widths.cumulative[layer + 1] as usize);
            let list = &neighbors[4 * from..4 * to];
            let count = u32s(list).position(|id| id == NONE).unwrap_or(to - from);
            import.set_list(slot, layer, neighbors_at + 4 * from, count, u32s(list))?;
        }
    }
    Ok(Graph { import, entry, top })
}

fn read_storage(reader: &mut Reader<'_>, head: Header, graph: &mut Graph) -> Result<(), Error> {
    let tag = reader.array::<4>(Field::Magic)?;
    let at = reader.at;
    let found = header(reader)?;
    same(at, found, head)?;
    let dim = head.dim;
    match &tag {
        b"IxF2" | b"IxFI" => {
            let at = reader.at + 8;
            let values = vector(reader, Field::Vectors, 4)?;
            let expected = head.count * dim as u64;
            expect(Field::Vectors, at, values.len() as u64 / 4, expected)?;
            for (slot, row) in values.chunks_exact(4 * dim).enumerate() {
                graph.import.put_f32(slot, at + 4 * dim * slot, f32s(row), false)?;
            }
            Ok(())
        }
        b"IxSQ" => read_codes(reader, head, graph),
        _ => Err(Error::Unsupported { feature: Feature::Storage, found: kind(tag) }),
    }
}

fn read_codes(reader: &mut Reader<'_>, head: Header, graph: &mut Graph) -> Result<(), Error> {
    let dim = head.dim;
    let quantizer = reader.i32(Field::Codes)?;
    if quantizer != 0 {
        return Err(Error::Unsupported { feature: Feature::Quantizer, found: u64::from(quantizer as u32) });
    }
    reader.take(Field::Codes, 8)?;
    let at = reader.at;
    expect(Field::Dimension, at, reader.u64(Field::Dimension)?, dim as u64)?;
    expect(Field::Size, at + 8, reader.u64(Field::Size)?, dim as u64)?;
    let at = reader.at;
    let trained: Vec<f32> = f32s(vector(reader, Field::Scale, 4)?).collect();
    expect(Field::Scale, at, trained.len() as u64, 2 * dim as u64)?;
    let (low, difference) = trained.split_at(dim);
    let at = reader.at + 8;
    let codes = vector(reader, Field::Codes, 1)?;
    expect(Field::Codes, at, codes.len() as u64, head.count * dim as u64)?;
    for (slot, row) in codes.chunks_exact(dim).enumerate() {
        let values = row
            .iter()
            .zip(low)
            .zip(difference)
            .map(|((code, low), wide)| low + (f32::from(*code) + 0.5) / 255.0 * wide);
        graph.import.put_f32(slot, at + dim * slot, values, false)?;
    }
    Ok(())
}

fn put_header(out: &mut Vec<u8>, options: &Options, count: usize) {
    out.extend_from_slice(&(options.dim as i32).to_le_bytes());
    for number in [count as u64, 1 << 20, 1 << 20] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    out.push(1);
    out.extend_from_slice(&i32::from(options.metric == Metric::L2).to_le_bytes());
}

/// Writes a file that faiss reads: `IHNf` over a flat storage, with `IxMp` around it where labels are not 0 to n − 1. A cosine index becomes one
/// of inner products over unit vectors.
///
/// # Errors
/// [`Error::Unsupported`] for indexes of bytes or bits; [`Error::Invalid`] for a label above 2^63.
pub fn write(index: &Index) -> Result<Vec<u8>, Error> {
    let options = *index.options();
    if !writes_f32(options.form) {
        return Err(Error::Unsupported { feature: Feature::Form, found: u64::from(options.form.number()) });
    }
    let copy = swept(index)?;
    let index = copy.as_ref().unwrap_or(index);
    let export = Export::new(index.view());
    let (view, count) = (export.view, export.slots.len());
    let labels: Vec<u64> = export.slots.iter().map(|slot| view.labels[*slot as usize]).collect();
    let plain = labels.iter().enumerate().all(|(i, label)| i as u64 == *label);
    if let Some(label) = labels.iter().find(|label| **label > i64::MAX as u64) {
        return Err(Invalid::LabelRange(*label).into());
    }
    let mut out = Vec::new();
    if !plain {
        out.extend_from_slice(b"IxMp");
        put_header(&mut out, &options, count);
    }
    out.extend_from_slice(b"IHNf");
    put_header(&mut out, &options, count);
    put_graph(&mut out, &export)?;
    out.extend_from_slice(if options.metric == Metric::L2 { b"IxF2" } else { b"IxFI" });
    put_header(&mut out, &options, count);
    out.extend_from_slice(&((count * options.dim) as u64).to_le_bytes());
    for slot in &export.slots {
        out.extend(view.vector(*slot)?.into_iter().flat_map(f32::to_le_bytes));
    }
    if !plain {
        out.extend_from_slice(&(count as u64).to_le_bytes());
        out.extend(labels.into_iter().flat_map(u64::to_le_bytes));
    }
    Ok(out)
}

fn put_graph(out: &mut Vec<u8>, export: &Export<'_>) -> Result<(), Error> {
    let (view, options) = (export.view, *export.view.options());
    let count = export.slots.len();
    let highest = export.slots.iter().map(|slot| view.level_of(*slot)).max().unwrap_or(0);
    let mult = 1.0 / libm::log(options.m as f64);
    let mut probabilities = Vec::new();
    let mut cumulative = alloc::vec![0u32];
    for layer in 0..=limits::LEVEL_MAX {
        let share = libm::exp(-(layer as f64) / mult) * (1.0 - libm::exp(-1.0 / mult));
        if share < 1e-9 && layer > usize::from(highest) {
            break;
        }
        probabilities.push(share);
        let width = if layer == 0 { options.m0 } else { options.m };
        cumulative.push(cumulative[layer] + width as u32);
    }
    out.extend_from_slice(&(probabilities.len() as u64).to_le_bytes());
    out.extend(probabilities.into_iter().flat_map(f64::to_le_bytes));
    out.extend_from_slice(&(cumulative.len() as u64).to_le_bytes());
    out.extend(cumulative.iter().flat_map(|width| width.to_le_bytes()));
    out.extend_from_slice(&(count as u64).to_le_bytes());
    out.extend(export.slots.iter().flat_map(|slot| (u32::from(view.level_of(*slot)) + 1).to_le_bytes()));
    out.extend_from_slice(&(count as u64 + 1).to_le_bytes());
    let mut start = 0u64;
    out.extend_from_slice(&start.to_le_bytes());
    for slot in &export.slots {
        start += u64::from(cumulative[usize::from(view.level_of(*slot)) + 1]);
        out.extend_from_slice(&start.to_le_bytes());
    }
    out.extend_from_slice(&start.to_le_bytes());
    for slot in &export.slots {
        for layer in 0..=view.level_of(*slot) {
            let width = if layer == 0 { options.m0 } else { options.m };
            let ids = export.list(*slot, layer)?.0.into_iter().chain(core::iter::repeat(NONE)).take(width);
            out.extend(ids.flat_map(u32::to_le_bytes));
        }
    }
    let (entry, top) =
        if count == 0 { (NONE, -1) } else { (export.number(view.meta.entry), i32::from(view.meta.top)) };
    out.extend_from_slice(&entry.to_le_bytes());
    for number in [top, options.ef_construction as i32, 16, 1] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    Ok(())
}
