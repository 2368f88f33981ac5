//! How much faster are the kernels at each level than one element after another, in cache?
//!
//! `dolmen simd bench` tells shares of the measured peak and bandwidth beside; this one is for comparing two states of the code.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use dolmen_simd::level::Level;
use dolmen_simd::quant::{self, Format};
use dolmen_simd::{fastscan, gemm, nn, vector};

fn floats(len: usize) -> Vec<f32> {
    (0..len).map(|at| ((at * 37 + 11) % 201) as f32 / 100.0 - 1.0).collect()
}

fn pairs(c: &mut Criterion) {
    let mut group = c.benchmark_group("simd dot_f32");
    for len in [128, 768, 1536] {
        let (a, b) = (floats(len), floats(len));
        group.throughput(Throughput::Elements(len as u64));
        for level in Level::available() {
            group.bench_with_input(BenchmarkId::new(level.name(), len), &level, |bench, &level| {
                bench.iter(|| vector::dot_f32(level, black_box(&a), black_box(&b)));
            });
        }
    }
    group.finish();
}

fn codes(c: &mut Criterion) {
    let mut group = c.benchmark_group("simd fastscan");
    for dims in [128, 768] {
        let (packed, table) =
            (vec![0x5a; fastscan::packed_len(dims)], vec![0x33; fastscan::packed_len(dims)]);
        group.throughput(Throughput::Elements(fastscan::BATCH as u64));
        for level in Level::available() {
            group.bench_with_input(BenchmarkId::new(level.name(), dims), &level, |bench, &level| {
                let mut sums = [0; fastscan::BATCH];
                bench.iter(|| fastscan::sums(level, black_box(&packed), black_box(&table), &mut sums));
            });
        }
    }
    group.finish();
}

fn products(c: &mut Criterion) {
    let mut group = c.benchmark_group("simd gemm");
    let n = 256;
    let (a, b, mut to) = (floats(n * n), floats(n * n), floats(n * n));
    let mut scratch = vec![0.0; gemm::scratch_len(n, n, n)];
    group.throughput(Throughput::Elements(2 * (n * n * n) as u64));
    for level in Level::available() {
        group.bench_function(BenchmarkId::new(level.name(), n), |bench| {
            bench.iter(|| {
                let (a, b) = (gemm::View::new(&a, n, n, n), gemm::View::new(&b, n, n, n));
                gemm::gemm(level, 1.0, a, b, 0.0, gemm::ViewMut::new(&mut to, n, n, n), &mut scratch);
            });
        });
    }
    group.finish();
}

fn blocks(c: &mut Criterion) {
    let mut group = c.benchmark_group("simd quantised products");
    let (len, rows) = (4096, 8);
    for format in [Format::Q8_0, Format::Q4_0, Format::Q4K, Format::Q6K] {
        let bytes = |format: Format, len| format.row_bytes(len).expect("whole blocks");
        let mut weights = vec![0; bytes(format, len * rows)];
        quant::quantise(format, &floats(len * rows), &mut weights);
        let mut x = vec![0; bytes(format.activations(), len)];
        quant::quantise(format.activations(), &floats(len), &mut x);
        group.throughput(Throughput::Bytes(weights.len() as u64));
        for level in Level::available() {
            group.bench_function(BenchmarkId::new(level.name(), format), |bench| {
                let mut out = [0.0; 8];
                bench.iter(|| quant::products(level, format, black_box(&weights), black_box(&x), &mut out));
            });
        }
    }
    group.finish();
}

fn functions(c: &mut Criterion) {
    let mut group = c.benchmark_group("simd softmax");
    let (from, mut x) = (floats(1024), floats(1024));
    group.throughput(Throughput::Elements(1024));
    for level in Level::available() {
        group.bench_function(level.name(), |bench| {
            bench.iter(|| {
                x.copy_from_slice(&from);
                nn::softmax(level, black_box(&mut x));
            });
        });
    }
    group.finish();
}

criterion_group!(benches, pairs, codes, products, blocks, functions);
criterion_main!(benches);
