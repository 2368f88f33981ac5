//! Digits for who has no MNIST.

use dolmen_base::rng::Rng;

use super::{AREA, Digits};

/// Digits of seven segments, moved about, with noise.
pub fn digits(count: usize, seed: u64) -> Digits {
    const SEGMENTS: [u8; 10] = [0x77, 0x24, 0x5d, 0x6d, 0x2e, 0x6b, 0x7b, 0x25, 0x7f, 0x6f];
    let mut rng = Rng::new(seed);
    let (mut images, mut labels) = (Vec::new(), Vec::new());
    for nth in 0..count {
        let (digit, down, across) = (nth % 10, rng.below(3) as usize, rng.below(3) as usize);
        let mut image: Vec<f32> = (0..AREA).map(|_| 0.2 * rng.unit_f64() as f32).collect();
        for segment in (0..7).filter(|segment| SEGMENTS[digit] >> segment & 1 == 1) {
            // Top, upper left, upper right, middle, lower left, lower right, bottom.
            let (row, column, high, broad) = [
                (0, 0, 2, 12),
                (0, 0, 10, 2),
                (0, 10, 10, 2),
                (9, 0, 2, 12),
                (9, 0, 10, 2),
                (9, 10, 10, 2),
                (18, 0, 2, 12),
            ][segment];
            for at in 0..high * broad {
                image[(down + row + at / broad) * 28 + across + column + at % broad] = 1.0;
            }
        }
        images.extend(image);
        labels.push(digit as u32);
    }
    Digits { images, labels }
}
