//! Blocks to floats.

use super::{
    Format, Q4_0_BYTES, Q4_K_BYTES, Q5_0_BYTES, Q5_K_BYTES, Q6_K_BYTES, Q8_0_BYTES, Q8_K_BYTES, scale_at,
    scales_and_minima, values_of_4_5_k, values_of_5_0, values_of_6_k,
};
use crate::half::f16_to_f32;

/// The floats of whole blocks.
///
/// # Panics
///
/// The bytes are not whole blocks of as many elements as `out` has.
pub fn dequantise(format: Format, bytes: &[u8], out: &mut [f32]) {
    assert!(
        format.len_of(bytes.len()) == Some(out.len()),
        "{} bytes are not {} elements of {format}",
        bytes.len(),
        out.len()
    );
    match format {
        Format::Q8_0 => each::<Q8_0_BYTES, 32>(bytes, out, q8_0),
        Format::Q4_0 => each::<Q4_0_BYTES, 32>(bytes, out, q4_0),
        Format::Q5_0 => each::<Q5_0_BYTES, 32>(bytes, out, q5_0),
        Format::Q4K => each::<Q4_K_BYTES, 256>(bytes, out, q4_k),
        Format::Q5K => each::<Q5_K_BYTES, 256>(bytes, out, q5_k),
        Format::Q6K => each::<Q6_K_BYTES, 256>(bytes, out, q6_k),
        Format::Q8K => each::<Q8_K_BYTES, 256>(bytes, out, q8_k),
    }
}

fn each<const BYTES: usize, const LEN: usize>(
    bytes: &[u8],
    out: &mut [f32],
    one: impl Fn(&[u8; BYTES], &mut [f32; LEN]),
) {
    let blocks = bytes.as_chunks::<BYTES>().0.iter();
    blocks.zip(out.as_chunks_mut::<LEN>().0).for_each(|(block, out)| one(block, out));
}

fn q8_0(block: &[u8; Q8_0_BYTES], out: &mut [f32; 32]) {
    let d = f16_to_f32(scale_at(block, 0));
    for (out, &q) in out.iter_mut().zip(&block[2..]) {
        *out = f32::from(q as i8) * d;
    }
}

fn q4_0(block: &[u8; Q4_0_BYTES], out: &mut [f32; 32]) {
    let d = f16_to_f32(scale_at(block, 0));
    let (low, high) = out.split_at_mut(16);
    for ((low, high), &q) in low.iter_mut().zip(high).zip(&block[2..]) {
        *low = (f32::from(q & 15) - 8.0) * d;
        *high = (f32::from(q >> 4) - 8.0) * d;
    }
}

fn q5_0(block: &[u8; Q5_0_BYTES], out: &mut [f32; 32]) {
    let d = f16_to_f32(scale_at(block, 0));
    for (out, q) in out.iter_mut().zip(values_of_5_0(block)) {
        *out = (f32::from(q) - 16.0) * d;
    }
}

fn q4_k(block: &[u8; Q4_K_BYTES], out: &mut [f32; 256]) {
    let (head, nibbles) = block.split_at(16);
    if let Some(nibbles) = nibbles.first_chunk() {
        with_minima(head, &values_of_4_5_k(nibbles, &[0; 32]), out);
    }
}

fn q5_k(block: &[u8; Q5_K_BYTES], out: &mut [f32; 256]) {
    let (head, rest) = block.split_at(16);
    if let Some((fifths, Some(nibbles))) = rest.split_first_chunk().map(|(a, b)| (a, b.first_chunk())) {
        with_minima(head, &values_of_4_5_k(nibbles, fifths), out);
    }
}

fn with_minima(head: &[u8], values: &[u8; 256], out: &mut [f32; 256]) {
    let (d, d_min) = (f16_to_f32(scale_at(head, 0)), f16_to_f32(scale_at(head, 2)));
    let Some(packed) = head[4..].first_chunk() else { return };
    let (scales, minima) = scales_and_minima(packed);
    let (scales, minima) = (scales.to_le_bytes(), minima.to_le_bytes());
    for (part, (out, values)) in
        out.as_chunks_mut::<32>().0.iter_mut().zip(values.as_chunks::<32>().0).enumerate()
    {
        let (scale, min) = (d * f32::from(scales[part]), d_min * f32::from(minima[part]));
        for (out, &q) in out.iter_mut().zip(values) {
            *out = scale * f32::from(q) - min;
        }
    }
}

fn q6_k(block: &[u8; Q6_K_BYTES], out: &mut [f32; 256]) {
    let d = f16_to_f32(scale_at(block, 208));
    let values = values_of_6_k(block);
    for (part, (out, values)) in
        out.as_chunks_mut::<16>().0.iter_mut().zip(values.as_chunks::<16>().0).enumerate()
    {
        let scale = d * f32::from(block[192 + part] as i8);
        for (out, &q) in out.iter_mut().zip(values) {
            *out = scale * (f32::from(q) - 32.0);
        }
    }
}

fn q8_k(block: &[u8; Q8_K_BYTES], out: &mut [f32; 256]) {
    let d = f32::from_le_bytes([block[0], block[1], block[2], block[3]]);
    for (out, &q) in out.iter_mut().zip(&block[4..]) {
        *out = d * f32::from(q as i8);
    }
}
