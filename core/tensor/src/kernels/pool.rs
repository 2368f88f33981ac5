//! Windows of pictures brought to one number.

use core::ops::Range;

use super::GRAIN;
use crate::context::{Context, by_rows};
use crate::op::Pool;

/// What windows a pooling takes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// The greatest; what is beyond the picture is not there.
    Max(Pool),
    /// The mean, what is beyond the picture counted as zeros.
    Average(Pool),
    /// The mean of windows that cover the picture.
    Adaptive,
}

/// The sizes of a pooling.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pooling {
    pub kind: Kind,
    pub picture: [usize; 2],
    pub places: [usize; 2],
}

impl Pooling {
    /// The elements within the picture that the nth window along a side takes.
    fn span(&self, side: usize, nth: usize) -> Range<usize> {
        let (from, places) = (self.picture[side], self.places[side]);
        match self.kind {
            Kind::Adaptive => nth * from / places..((nth + 1) * from).div_ceil(places),
            Kind::Max(pool) | Kind::Average(pool) => {
                let begin = nth * pool.stride[side];
                let end = (begin + pool.size[side]).saturating_sub(pool.padding[side]);
                begin.saturating_sub(pool.padding[side])..end.min(from)
            }
        }
    }

    /// What a mean is divided by.
    fn count(&self, down: &Range<usize>, across: &Range<usize>) -> f32 {
        match self.kind {
            Kind::Average(pool) => (pool.size[0] * pool.size[1]) as f32,
            Kind::Max(_) | Kind::Adaptive => (down.len() * across.len()) as f32,
        }
    }

    fn each_window(&self, mut each: impl FnMut(usize, Range<usize>, Range<usize>)) {
        for place in 0..self.places[0] * self.places[1] {
            let (row, column) = (place / self.places[1], place % self.places[1]);
            each(place, self.span(0, row), self.span(1, column));
        }
    }

    /// The first of the greatest; what is not a number is greater than all.
    fn greatest(&self, picture: &[f32], down: Range<usize>, across: Range<usize>) -> usize {
        let broad = self.picture[1];
        let mut found = down.start * broad + across.start;
        for at in down.flat_map(|row| across.clone().map(move |column| row * broad + column)) {
            if picture[at] > picture[found] || (picture[at].is_nan() && !picture[found].is_nan()) {
                found = at;
            }
        }
        found
    }

    pub fn forward(&self, context: &Context<'_>, x: &[f32], out: &mut [f32]) {
        let (area, places) = (self.picture[0] * self.picture[1], self.places[0] * self.places[1]);
        by_rows(
            context,
            (out.len() / places, GRAIN / area),
            [(out, places)],
            (&mut [], 0),
            &|planes, [out], _| {
                for (plane, out) in planes.zip(out.chunks_exact_mut(places)) {
                    let x = &x[plane * area..][..area];
                    self.each_window(|place, down, across| {
                        out[place] = match self.kind {
                            Kind::Max(_) => x[self.greatest(x, down, across)],
                            Kind::Average(_) | Kind::Adaptive => {
                                let count = self.count(&down, &across);
                                let rows = down.map(|row| &x[row * self.picture[1]..][across.clone()]);
                                rows.flatten().sum::<f32>() / count
                            }
                        };
                    });
                }
            },
        );
    }

    /// Adds to the gradient of the pictures; means do not look at x, which may be empty.
    pub fn backward(&self, context: &Context<'_>, [x, dy]: [&[f32]; 2], dx: &mut [f32]) {
        let (area, places) = (self.picture[0] * self.picture[1], self.places[0] * self.places[1]);
        by_rows(context, (dx.len() / area, GRAIN / area), [(dx, area)], (&mut [], 0), &|planes, [dx], _| {
            for (plane, dx) in planes.zip(dx.chunks_exact_mut(area)) {
                let dy = &dy[plane * places..][..places];
                self.each_window(|place, down, across| match self.kind {
                    Kind::Max(_) => {
                        dx[self.greatest(&x[plane * area..][..area], down, across)] += dy[place];
                    }
                    Kind::Average(_) | Kind::Adaptive => {
                        let share = dy[place] / self.count(&down, &across);
                        for row in down {
                            let dx = &mut dx[row * self.picture[1]..][across.clone()];
                            dx.iter_mut().for_each(|dx| *dx += share);
                        }
                    }
                });
            }
        });
    }
}
