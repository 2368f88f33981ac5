//! Inputs that break kernels: every length around the registers' widths, any alignment, extremes.

use dolmen_base::Rng;
use dolmen_simd::level::Level;

/// Lengths that every kernel is run with: all up to 300 (fewer in short runs under an emulator), and some long ones.
pub fn lengths() -> impl Iterator<Item = usize> {
    let step = if cfg!(miri) { 83 } else { 1 };
    (0..=300).step_by(step).chain(if cfg!(miri) { vec![] } else { vec![1000, 1024, 1536, 4096] })
}

/// The levels but the scalar one.
pub fn wide_levels() -> Vec<Level> {
    Level::each().filter(|level| *level != Level::SCALAR).collect()
}

/// Of about the size of 1, of both signs.
pub fn ordinary(rng: &mut Rng, len: usize) -> Vec<f32> {
    (0..len).map(|_| unit(rng) * 2.0 - 1.0).collect()
}

pub fn unit(rng: &mut Rng) -> f32 {
    (rng.next_u64() >> 40) as f32 / (1u64 << 24) as f32
}

/// Of all sizes whose square and sum stay finite, denormals and zeros of both signs among them.
pub fn wild(rng: &mut Rng, len: usize) -> Vec<f32> {
    let special =
        [0.0, -0.0, f32::MIN_POSITIVE, f32::from_bits(1), -f32::from_bits(0x7f_ffff), 1e16, -1e16, 1.0];
    (0..len)
        .map(|_| match rng.next_u64() % 3 {
            0 => special[rng.next_u64() as usize % special.len()],
            1 => f32::from_bits(
                (rng.next_u64() as u32 & 0x807f_ffff) | (70 + rng.next_u64() as u32 % 110) << 23,
            ),
            _ => unit(rng) - 0.5,
        })
        .collect()
}

pub fn bytes(rng: &mut Rng, len: usize) -> Vec<u8> {
    (0..len).map(|_| rng.next_u64() as u8).collect()
}

/// A copy that begins `shift` elements behind an aligned address.
pub struct Shifted<T> {
    elements: Vec<T>,
    begin: usize,
    len: usize,
}

impl<T: Copy + Default> Shifted<T> {
    pub fn new(x: &[T], shift: usize) -> Self {
        let mut elements = vec![T::default(); x.len() + 64 + shift];
        let aligned = elements.as_ptr().align_offset(64).min(64);
        elements[aligned + shift..][..x.len()].copy_from_slice(x);
        Shifted { elements, begin: aligned + shift, len: x.len() }
    }

    pub fn get(&self) -> &[T] {
        &self.elements[self.begin..][..self.len]
    }

    pub fn get_mut(&mut self) -> &mut [T] {
        &mut self.elements[self.begin..][..self.len]
    }
}

#[track_caller]
pub fn near(what: &str, got: f32, want: f64, within: f64) {
    let apart = (f64::from(got) - want).abs();
    assert!(apart <= within, "{what}: {got}, not {want}: {apart} apart, {within} allowed");
}
