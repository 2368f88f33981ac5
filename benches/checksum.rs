//! How many bytes a second do the checksums take, from a record's size to a large block's?

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use dolmen_benches::noise;
use dolmen_codec::checksum::{crc32c, xxh3_64};

fn checksums(c: &mut Criterion) {
    let mut group = c.benchmark_group("checksum");
    for len in [64, 4 << 10, 32 << 10, 1 << 20] {
        let bytes = noise(1, len);
        group.throughput(Throughput::Bytes(len as u64));
        group.bench_with_input(BenchmarkId::new("crc32c", len), &bytes, |b, bytes| {
            b.iter(|| crc32c(black_box(bytes)))
        });
        group.bench_with_input(BenchmarkId::new("xxh3_64", len), &bytes, |b, bytes| {
            b.iter(|| xxh3_64(black_box(bytes)))
        });
    }
    group.finish();
}

criterion_group!(benches, checksums);
criterion_main!(benches);
