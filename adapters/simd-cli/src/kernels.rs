//! The kernels that can be timed, each with data to work on.

use std::hint::black_box;

use dolmen_simd::level::Level;
use dolmen_simd::quant::Format;
use dolmen_simd::row64::{self, Row64};
use dolmen_simd::{arith, bits, fastscan, gemm, gemv, half, nn, quant, rotate, transpose, vector};

/// Something to do again and again.
pub struct Work {
    /// Does it once.
    pub once: Box<dyn FnMut()>,
    /// Floating-point or integer operations of once.
    pub operations: f64,
    /// Bytes read and written by once.
    pub bytes: f64,
}

/// A kernel by name.
pub struct Kernel {
    /// As it is asked for.
    pub name: &'static str,
    make: fn(Level, usize, usize) -> Work,
}

impl Kernel {
    /// The work on `len` elements, which begin `shift` floats (or as many bytes) behind an aligned address.
    pub fn prepare(&self, level: Level, len: usize, shift: usize) -> Work {
        (self.make)(level, len, shift)
    }
}

/// Of every name.
///
/// # Panics
///
/// No kernel has it; for names that the program itself gives.
pub fn find(name: &str) -> &'static Kernel {
    KERNELS.iter().find(|kernel| kernel.name == name).expect("a kernel of the table")
}

/// Floats between -1 and 1, aligned to 64 bytes, and where they begin.
struct Floats {
    blocks: Vec<Row64>,
    begin: usize,
    len: usize,
}

impl Floats {
    fn new(len: usize, shift: usize) -> Floats {
        let mut blocks = vec![Row64::ZERO; row64::blocks_of_floats(len + shift)];
        for (at, x) in row64::floats_mut(&mut blocks).iter_mut().enumerate() {
            *x = ((at * 37 + 11) % 201) as f32 / 100.0 - 1.0;
        }
        Floats { blocks, begin: shift, len }
    }

    fn get(&self) -> &[f32] {
        &row64::floats(&self.blocks)[self.begin..][..self.len]
    }

    fn get_mut(&mut self) -> &mut [f32] {
        &mut row64::floats_mut(&mut self.blocks)[self.begin..][..self.len]
    }
}

/// Bytes, likewise.
struct Bytes {
    blocks: Vec<Row64>,
    begin: usize,
    len: usize,
}

impl Bytes {
    fn new(len: usize, shift: usize) -> Bytes {
        let mut blocks = vec![Row64::ZERO; row64::blocks_of_bytes(len + shift)];
        for (at, x) in row64::bytes_mut(&mut blocks).iter_mut().enumerate() {
            *x = (at * 37 + 11) as u8 & 127;
        }
        Bytes { blocks, begin: shift, len }
    }

    fn get(&self) -> &[u8] {
        &row64::bytes(&self.blocks)[self.begin..][..self.len]
    }
}

fn work(operations: usize, bytes: usize, once: impl FnMut() + 'static) -> Work {
    Work { once: Box::new(once), operations: operations as f64, bytes: bytes as f64 }
}

/// Two vectors of floats to a number, with so many operations an element.
fn pair<T: 'static>(
    operations: usize,
    kernel: fn(Level, &[f32], &[f32]) -> T,
) -> impl Fn(Level, usize, usize) -> Work {
    move |level, len, shift| {
        let (a, b) = (Floats::new(len, shift), Floats::new(len, shift));
        work(operations * len, 8 * len, move || {
            black_box(kernel(level, black_box(a.get()), black_box(b.get())));
        })
    }
}

fn half_pair(
    level: Level,
    len: usize,
    shift: usize,
    narrow: fn(f32) -> u16,
    kernel: fn(Level, &[u16], &[u16]) -> f32,
) -> Work {
    let halves = || -> Vec<u16> { Floats::new(len + shift, 0).get().iter().map(|&x| narrow(x)).collect() };
    let (a, b) = (halves(), halves());
    work(2 * len, 4 * len, move || {
        black_box(kernel(level, black_box(&a[shift..]), black_box(&b[shift..])));
    })
}

fn byte_pair<T: 'static>(
    operations: usize,
    kernel: fn(Level, &[u8], &[u8]) -> T,
) -> impl Fn(Level, usize, usize) -> Work {
    move |level, len, shift| {
        let (a, b) = (Bytes::new(len, shift), Bytes::new(len, shift));
        work(operations * len, 2 * len, move || {
            black_box(kernel(level, black_box(a.get()), black_box(b.get())));
        })
    }
}

fn dot_i8(level: Level, len: usize, shift: usize) -> Work {
    let signed = || -> Vec<i8> { (0..len + shift).map(|at| (at * 37 % 255) as u8 as i8).collect() };
    let (a, b) = (signed(), signed());
    work(2 * len, 2 * len, move || {
        black_box(vector::dot_i8(level, black_box(&a[shift..]), black_box(&b[shift..])));
    })
}

/// A vector of floats to a number.
fn fold<T: 'static>(kernel: fn(Level, &[f32]) -> T) -> impl Fn(Level, usize, usize) -> Work {
    move |level, len, shift| {
        let x = Floats::new(len, shift);
        work(len, 4 * len, move || {
            black_box(kernel(level, black_box(x.get())));
        })
    }
}

/// A function of each element, in place; the elements come anew each time, so that they do not run away.
fn each(kernel: fn(Level, &mut [f32])) -> impl Fn(Level, usize, usize) -> Work {
    move |level, len, shift| {
        let from = Floats::new(len, shift);
        let mut x = Floats::new(len, shift);
        work(len, 8 * len, move || {
            x.get_mut().copy_from_slice(from.get());
            kernel(level, black_box(x.get_mut()));
        })
    }
}

fn add(level: Level, len: usize, shift: usize) -> Work {
    let (a, b, mut out) = (Floats::new(len, shift), Floats::new(len, shift), Floats::new(len, shift));
    work(len, 12 * len, move || arith::add(level, black_box(a.get()), black_box(b.get()), out.get_mut()))
}

fn mul(level: Level, len: usize, shift: usize) -> Work {
    let (a, b, mut out) = (Floats::new(len, shift), Floats::new(len, shift), Floats::new(len, shift));
    work(len, 12 * len, move || arith::mul(level, black_box(a.get()), black_box(b.get()), out.get_mut()))
}

fn axpy(level: Level, len: usize, shift: usize) -> Work {
    let (x, mut y) = (Floats::new(len, shift), Floats::new(len, shift));
    work(2 * len, 12 * len, move || arith::axpy(level, black_box(1e-6), black_box(x.get()), y.get_mut()))
}

fn rms_norm(level: Level, len: usize, shift: usize) -> Work {
    let (mut x, weight) = (Floats::new(len, shift), vec![1.0; len]);
    work(4 * len, 12 * len, move || {
        black_box(nn::rms_norm(level, black_box(x.get_mut()), &weight, 1e-5));
    })
}

fn layer_norm(level: Level, len: usize, shift: usize) -> Work {
    let (mut x, weight, bias) = (Floats::new(len, shift), vec![1.0; len], vec![0.0; len]);
    work(8 * len, 16 * len, move || {
        black_box(nn::layer_norm(level, black_box(x.get_mut()), &weight, &bias, 1e-5));
    })
}

fn f16_to_f32(level: Level, len: usize, shift: usize) -> Work {
    let (from, mut to) = (vec![0x3c01; len], Floats::new(len, shift));
    work(len, 6 * len, move || half::f16s_to_f32s(level, black_box(&from), to.get_mut()))
}

fn f32_to_f16(level: Level, len: usize, shift: usize) -> Work {
    let (from, mut to) = (Floats::new(len, shift), vec![0; len]);
    work(len, 6 * len, move || half::f32s_to_f16s(level, black_box(from.get()), &mut to))
}

/// A matrix of `len` elements, in rows of at most 1,024.
fn gemv(level: Level, len: usize, shift: usize) -> Work {
    let columns = len.clamp(1, 1024);
    let rows = len / columns;
    let (a, x, mut out) = (Floats::new(rows * columns, shift), Floats::new(columns, 0), vec![0.0; rows]);
    work(2 * rows * columns, 4 * (rows * columns + columns + rows), move || {
        gemv::dot_f32(level, black_box(a.get()), columns, black_box(x.get()), &mut out);
    })
}

/// Square matrices of `len` elements each.
fn gemm(level: Level, len: usize, shift: usize) -> Work {
    let n = len.isqrt().max(1);
    let (a, b, mut c) = (Floats::new(n * n, shift), Floats::new(n * n, shift), Floats::new(n * n, shift));
    let mut scratch = vec![0.0; gemm::scratch_len(n, n, n)];
    work(2 * n * n * n, 12 * n * n, move || {
        let (a, b) = (gemm::View::new(a.get(), n, n, n), gemm::View::new(b.get(), n, n, n));
        gemm::gemm(level, 1.0, a, b, 0.0, gemm::ViewMut::new(c.get_mut(), n, n, n), &mut scratch);
    })
}

fn transpose(level: Level, len: usize, shift: usize) -> Work {
    let n = len.isqrt().max(1);
    let (from, mut to) = (Floats::new(n * n, shift), Floats::new(n * n, shift));
    work(n * n, 8 * n * n, move || transpose::transpose(level, black_box(from.get()), n, n, to.get_mut()))
}

/// Codes of `len` dimensions, 32 of them; an operation is a table's entry that is found and added.
fn fastscan(level: Level, len: usize, shift: usize) -> Work {
    let len = fastscan::packed_len(len.next_multiple_of(8));
    let (packed, table) = (Bytes::new(len, shift), Bytes::new(len, shift));
    work(4 * len, 2 * len, move || {
        let mut sums = [0; fastscan::BATCH];
        fastscan::sums(level, black_box(packed.get()), black_box(table.get()), &mut sums);
        black_box(sums);
    })
}

fn rotate(level: Level, len: usize, shift: usize) -> Work {
    let (x, mut out) = (Floats::new(len, shift), vec![0.0; rotate::padded(len)]);
    let signs = vec![0x5a; rotate::signs_len(len)];
    let steps = 4 * (len.max(2).ilog2() as usize + 2);
    work(steps * out.len(), 8 * out.len(), move || {
        rotate::rotate(level, &signs, black_box(x.get()), &mut out)
    })
}

/// Rows of weights with `len` elements in all, in rows of at most 4,096.
fn quantised(format: Format) -> impl Fn(Level, usize, usize) -> Work {
    move |level, len, shift| {
        let columns = len.clamp(1, 4096).next_multiple_of(256);
        let rows = (len / columns).max(1);
        let bytes = |format: Format, len| format.row_bytes(len).expect("whole blocks");
        let weights = Floats::new(columns, 0);
        let (mut row, mut x) =
            (vec![0; bytes(format, columns)], vec![0; bytes(format.activations(), columns)]);
        quant::quantise(format, weights.get(), &mut row);
        quant::quantise(format.activations(), weights.get(), &mut x);
        let mut all = vec![0; shift];
        all.extend(row.repeat(rows));
        let mut out = vec![0.0; rows];
        work(2 * rows * columns, all.len() + x.len(), move || {
            quant::products(level, format, black_box(&all[shift..]), black_box(&x), &mut out);
        })
    }
}

macro_rules! kernels {
    ($($name:literal => $make:expr;)*) => {
        /// Every kernel, in the order of the help.
        pub const KERNELS: &[Kernel] =
            &[$(Kernel { name: $name, make: |level, len, shift| ($make)(level, len, shift) }),*];
    };
}

kernels! {
    "dot" => pair(2, vector::dot_f32);
    "l2" => pair(3, vector::l2_f32);
    "cosine" => pair(6, vector::cosine_f32);
    "dot-f16" => |level, len, shift| half_pair(level, len, shift, half::f32_to_f16, vector::dot_f16);
    "dot-bf16" => |level, len, shift| half_pair(level, len, shift, half::f32_to_bf16, vector::dot_bf16);
    "dot-i8" => dot_i8;
    "dot-u8" => byte_pair(2, vector::dot_u8);
    "l2-u8" => byte_pair(3, vector::l2_u8);
    "l2-u7" => byte_pair(3, vector::l2_u7);
    "hamming" => byte_pair(16, bits::hamming);
    "jaccard" => byte_pair(32, bits::jaccard);
    "add" => add;
    "mul" => mul;
    "axpy" => axpy;
    "sum" => fold(arith::sum);
    "max" => fold(arith::max);
    "argmax" => fold(arith::argmax);
    "exp" => each(nn::exp);
    "tanh" => each(nn::tanh);
    "gelu" => each(nn::gelu);
    "silu" => each(nn::silu);
    "softmax" => each(nn::softmax);
    "rms-norm" => rms_norm;
    "layer-norm" => layer_norm;
    "f16-to-f32" => f16_to_f32;
    "f32-to-f16" => f32_to_f16;
    "gemv" => gemv;
    "gemm" => gemm;
    "transpose" => transpose;
    "fastscan" => fastscan;
    "rotate" => rotate;
    "q8_0" => quantised(Format::Q8_0);
    "q4_0" => quantised(Format::Q4_0);
    "q4_k" => quantised(Format::Q4K);
    "q5_k" => quantised(Format::Q5K);
    "q6_k" => quantised(Format::Q6K);
}
