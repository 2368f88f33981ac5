//! Convolutions as matrix products: each window of a picture becomes a column.
//!
//! Three products do all of it. With a picture's windows as columns X, one for each place of the window:
//!
//! | | convolution | transposed convolution |
//! |---|---|---|
//! | [`windows_product`]: Y = W · X | forwards | gradient of its input |
//! | [`spread_product`]: X = Wᵀ · Y, added up to a picture | gradient of its input | forwards |
//! | [`weights_product`]: dW += Y · Xᵀ | gradient of the weights | the same |

use dolmen_simd::gemm::{self, View as Matrix, ViewMut as MatrixMut, gemm};

use crate::context::{Context, by_rows};
use crate::op::Stride;

/// How often the window fits, down and across; `None` if not at all.
pub(crate) fn places(picture: [usize; 2], window: [usize; 2], by: &Stride) -> Option<[usize; 2]> {
    let mut found = [0; 2];
    for at in 0..2 {
        let broad = by.dilation[at].checked_mul(window[at] - 1)?.checked_add(1)?;
        let room = by.padding[at].checked_mul(2)?.checked_add(picture[at])?.checked_sub(broad)?;
        if by.dilation[at] == 0 {
            return None;
        }
        found[at] = room.checked_div(by.stride[at])? + 1;
    }
    Some(found)
}

/// The sizes of a convolution, seen from the picture in which windows are taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Windows {
    /// Pictures.
    pub batch: usize,
    /// Channels of the picture, of all groups.
    pub channels: usize,
    /// The picture's height and width.
    pub picture: [usize; 2],
    /// The window's.
    pub window: [usize; 2],
    /// Rows of Y, of all groups.
    pub rows: usize,
    /// Windows down and across.
    pub places: [usize; 2],
    pub by: Stride,
}

impl Windows {
    fn area(&self) -> usize {
        self.picture[0] * self.picture[1]
    }

    fn columns(&self) -> usize {
        self.places[0] * self.places[1]
    }

    /// Elements of a window over the channels of a group.
    fn deep(&self) -> usize {
        self.channels / self.by.groups * self.window[0] * self.window[1]
    }

    fn group_rows(&self) -> usize {
        self.rows / self.by.groups
    }

    fn product_len(&self) -> usize {
        let (rows, deep, columns) = (self.group_rows(), self.deep(), self.columns());
        gemm::scratch_len(rows, columns, deep)
            .max(gemm::scratch_len(deep, columns, rows))
            .max(gemm::scratch_len(rows, deep, columns))
    }

    /// Elements of scratch of one job.
    pub fn scratch_len(&self) -> usize {
        self.deep() * self.columns() + self.product_len()
    }

    /// For each element of a window and each row of places: the row of elements of the picture, if it is within.
    fn each_line(&self, mut line: impl FnMut(usize, Option<usize>, usize)) {
        let [high, broad] = self.picture;
        let [down, across] = self.places;
        for element in 0..self.deep() {
            let (channel, rest) =
                (element / (self.window[0] * self.window[1]), element % (self.window[0] * self.window[1]));
            let (row, column) = (rest / self.window[1], rest % self.window[1]);
            for y in 0..down {
                let from =
                    (y * self.by.stride[0] + row * self.by.dilation[0]).wrapping_sub(self.by.padding[0]);
                let at = (from < high).then(|| (channel * high + from) * broad);
                line(element * down * across + y * across, at, column * self.by.dilation[1]);
            }
        }
    }

    /// Windows as columns.
    fn windows(&self, picture: &[f32], columns: &mut [f32]) {
        let (across, broad) = (self.places[1], self.picture[1]);
        let (step, padding) = (self.by.stride[1], self.by.padding[1]);
        self.each_line(|to, at, shift| {
            let to = &mut columns[to..][..across];
            let Some(at) = at else {
                to.fill(0.0);
                return;
            };
            let line = &picture[at..][..broad];
            for (x, to) in to.iter_mut().enumerate() {
                *to = line.get((x * step + shift).wrapping_sub(padding)).copied().unwrap_or(0.0);
            }
        });
    }

    /// Columns added up to a picture.
    fn spread(&self, columns: &[f32], picture: &mut [f32]) {
        let (across, broad) = (self.places[1], self.picture[1]);
        let (step, padding) = (self.by.stride[1], self.by.padding[1]);
        self.each_line(|from, at, shift| {
            let Some(at) = at else { return };
            let line = &mut picture[at..][..broad];
            for (x, from) in columns[from..][..across].iter().enumerate() {
                if let Some(to) = line.get_mut((x * step + shift).wrapping_sub(padding)) {
                    *to += from;
                }
            }
        });
    }
}

/// `y (+)= W · X + bias`.
pub(crate) fn windows_product(
    context: &Context<'_>,
    of: Windows,
    [w, pictures, bias]: [&[f32]; 3],
    (y, add): (&mut [f32], bool),
    scratch: &mut [f32],
) {
    let (deep, columns, rows) = (of.deep(), of.columns(), of.group_rows());
    let (stretch, area) = (of.rows * columns, of.channels / of.by.groups * of.area());
    by_rows(context, (of.batch, 1), [(y, stretch)], (scratch, of.scratch_len()), &|batch, [y], scratch| {
        let (windows, scratch) = scratch.split_at_mut(deep * columns);
        for (nth, y) in batch.zip(y.chunks_exact_mut(stretch)) {
            for (group, y) in y.chunks_exact_mut(rows * columns).enumerate() {
                let picture = &pictures[(nth * of.by.groups + group) * area..][..area];
                of.windows(picture, windows);
                if !bias.is_empty() {
                    let bias = &bias[group * rows..];
                    y.chunks_exact_mut(columns).zip(bias).for_each(|(y, bias)| y.fill(*bias));
                }
                let beta = if add || !bias.is_empty() { 1.0 } else { 0.0 };
                let w = Matrix::new(&w[group * rows * deep..], rows, deep, deep);
                let x = Matrix::new(windows, deep, columns, columns);
                gemm(context.level, 1.0, w, x, beta, MatrixMut::new(y, rows, columns, columns), scratch);
            }
        }
    });
}

/// Pictures `+= ` Wᵀ · Y, spread.
pub(crate) fn spread_product(
    context: &Context<'_>,
    of: Windows,
    [w, y]: [&[f32]; 2],
    pictures: &mut [f32],
    scratch: &mut [f32],
) {
    let (deep, columns, rows) = (of.deep(), of.columns(), of.group_rows());
    let (stretch, area) = (of.channels * of.area(), of.channels / of.by.groups * of.area());
    by_rows(
        context,
        (of.batch, 1),
        [(pictures, stretch)],
        (scratch, of.scratch_len()),
        &|batch, [out], scratch| {
            let (windows, scratch) = scratch.split_at_mut(deep * columns);
            for (nth, out) in batch.zip(out.chunks_exact_mut(stretch)) {
                for (group, picture) in out.chunks_exact_mut(area).enumerate() {
                    let y = &y[(nth * of.by.groups + group) * rows * columns..];
                    let y = Matrix::new(y, rows, columns, columns);
                    let w = Matrix::new(&w[group * rows * deep..], rows, deep, deep).transposed();
                    gemm(
                        context.level,
                        1.0,
                        w,
                        y,
                        0.0,
                        MatrixMut::new(windows, deep, columns, columns),
                        scratch,
                    );
                    of.spread(windows, picture);
                }
            }
        },
    );
}

/// `dW += Y · Xᵀ`, pictures in their order.
pub(crate) fn weights_product(
    context: &Context<'_>,
    of: Windows,
    [y, pictures]: [&[f32]; 2],
    dw: &mut [f32],
    scratch: &mut [f32],
) {
    let (deep, columns, rows) = (of.deep(), of.columns(), of.group_rows());
    let area = of.channels / of.by.groups * of.area();
    let (windows, scratch) = scratch.split_at_mut(deep * columns);
    for nth in 0..of.batch {
        for (group, dw) in dw.chunks_exact_mut(rows * deep).enumerate() {
            let number = nth * of.by.groups + group;
            of.windows(&pictures[number * area..][..area], windows);
            let y = Matrix::new(&y[number * rows * columns..], rows, columns, columns);
            let x = Matrix::new(windows, deep, columns, columns).transposed();
            gemm(context.level, 1.0, y, x, 1.0, MatrixMut::new(dw, rows, deep, deep), scratch);
        }
    }
}

/// Adds the bias of each channel to pictures.
pub(crate) fn add_bias(context: &Context<'_>, bias: &[f32], area: usize, pictures: &mut [f32]) {
    by_rows(context, (pictures.len() / area, 64), [(pictures, area)], (&mut [], 0), &|rows, [out], _| {
        for (row, out) in rows.zip(out.chunks_exact_mut(area)) {
            let bias = bias[row % bias.len()];
            out.iter_mut().for_each(|x| *x += bias);
        }
    });
}

/// `db += ` the sums of each channel, pictures in their order.
pub(crate) fn bias_back(context: &Context<'_>, dy: &[f32], area: usize, db: &mut [f32]) {
    let channels = db.len();
    for (row, dy) in dy.chunks_exact(area).enumerate() {
        db[row % channels] += dolmen_simd::arith::sum(context.level, dy);
    }
}
