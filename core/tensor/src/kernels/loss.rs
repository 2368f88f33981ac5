//! Cross entropy: of scores, without the probabilities ever being stored.

use dolmen_simd::{arith, nn};

use super::GRAIN;
use crate::context::{Context, by_rows};
use crate::op::CrossEntropyOptions;

/// The mean loss. Beside stand ln Σ eˣ of each row, the loss of each row, and how many rows count.
pub(crate) fn cross_entropy(
    context: &Context<'_>,
    options: CrossEntropyOptions,
    (x, ids): (&[f32], &[u32]),
    beside: &mut [f32],
) -> f32 {
    let (rows, width) = (ids.len(), x.len() / ids.len());
    let (sums, rest) = beside.split_at_mut(rows);
    let (losses, count) = rest.split_at_mut(rows);
    let grain = GRAIN / width;
    by_rows(context, (rows, grain), [(sums, 1), (losses, 1)], (&mut [], 0), &|rows, [sums, losses], _| {
        for ((row, sum), loss) in rows.zip(sums).zip(losses) {
            let (x, id) = (&x[row * width..][..width], ids[row]);
            *sum = log_sum_exp(context, x);
            *loss = 0.0;
            if options.ignore != Some(id) {
                let wanted = *sum - x[id as usize];
                let spread = *sum - arith::sum(context.level, x) / width as f32;
                *loss = (1.0 - options.smoothing) * wanted;
                if options.smoothing > 0.0 {
                    *loss += options.smoothing * spread;
                }
            }
        }
    });
    count[0] = ids.iter().filter(|&&id| options.ignore != Some(id)).count() as f32;
    // In f64, so that the mean of many rows loses nothing.
    (losses.iter().map(|&loss| f64::from(loss)).sum::<f64>() / f64::from(count[0])) as f32
}

/// `dx (+)= dy / count · (softmax - wanted)`.
pub(crate) fn cross_entropy_back(
    context: &Context<'_>,
    options: CrossEntropyOptions,
    (x, ids, beside): (&[f32], &[u32], &[f32]),
    dy: f32,
    (dx, add): (&mut [f32], bool),
) {
    let (rows, width) = (ids.len(), x.len() / ids.len());
    let scale = dy / beside[2 * rows];
    let spread = scale * options.smoothing / width as f32;
    let grain = GRAIN / width;
    by_rows(context, (rows, grain), [(dx, width)], (&mut [], 0), &|rows, [dx], _| {
        let mut buffer = [0.0; super::CHUNK];
        for (row, dx) in rows.zip(dx.chunks_exact_mut(width)) {
            if !add {
                dx.fill(0.0);
            }
            let id = ids[row];
            if options.ignore == Some(id) {
                continue;
            }
            let x = &x[row * width..][..width];
            for (x, dx) in x.chunks(super::CHUNK).zip(dx.chunks_mut(super::CHUNK)) {
                let part = &mut buffer[..x.len()];
                part.copy_from_slice(x);
                nn::exp_sum(context.level, part, beside[row]);
                dx.iter_mut().zip(part).for_each(|(dx, p)| *dx += *p * scale - spread);
            }
            dx[id as usize] -= scale * (1.0 - options.smoothing);
        }
    });
}

/// ln Σ eˣ without a copy of the row.
fn log_sum_exp(context: &Context<'_>, x: &[f32]) -> f32 {
    let greatest = arith::max(context.level, x);
    let mut buffer = [0.0; super::CHUNK];
    let mut sum = 0.0;
    for x in x.chunks(super::CHUNK) {
        let part = &mut buffer[..x.len()];
        part.copy_from_slice(x);
        sum += nn::exp_sum(context.level, part, greatest);
    }
    greatest + libm::logf(sum)
}
