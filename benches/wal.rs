//! What does a log record cost: its frame, its way into a file without a sync, and reading it back?
//!
//! The floor is `pwrite of the same bytes`: one system call per record and nothing else. Peers: benches/peers (librocksdb, fjall,
//! surrealkv; syncs with one and eight threads). Files lie in the directory for temporary files.

use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use dolmen_base::io::{Directory, File, OpenMode};
use dolmen_benches::noise;
use dolmen_fs::{Dir, SharedLog};
use dolmen_wal::commit::Policy;
use dolmen_wal::log::Options;
use dolmen_wal::{Framing, RecoveryMode, record, recover};

/// Bytes of a log record that puts a 16-byte key with a 100-byte value.
const RECORD_LEN: usize = 116;
/// What a leader gathers before it writes.
const BUFFER_LEN: usize = 64 << 10;
/// Records after which a file is begun anew, so that a long run does not fill the disk.
const FILE_RECORDS_MAX: u64 = 200_000;

fn frames(c: &mut Criterion) {
    let mut group = c.benchmark_group("wal/frame");
    for len in [64, RECORD_LEN, 1 << 10, 4 << 10, 32 << 10] {
        let payload = noise(1, len);
        let mut out = Vec::new();
        group.throughput(Throughput::Bytes(len as u64));
        group.bench_with_input(BenchmarkId::from_parameter(len), &payload, |b, payload| {
            b.iter(|| {
                if out.len() > BUFFER_LEN {
                    out.clear();
                }
                record::append(black_box(payload), out.len() as u64, Framing::Plain, &mut out);
            });
        });
    }
    group.finish();
}

/// A directory that goes when this does.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("dolmen-bench-{}-{name}", std::process::id()));
        Scratch(path)
    }

    /// A new file, in place of the one before.
    fn file(&self) -> Arc<dyn File> {
        let dir = Dir::create(&self.0).expect("it can be made");
        let _ = dir.delete("log");
        dir.open("log", OpenMode::CreateNew).expect("it is not there")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Time of `count` calls of `append(file, position)` which says how many bytes it wrote; making files is left out.
fn appends(scratch: &Scratch, count: u64, mut append: impl FnMut(&dyn File, u64) -> u64) -> Duration {
    let (mut time, mut rest) = (Duration::ZERO, count);
    while rest > 0 {
        let (file, part, mut len) = (scratch.file(), rest.min(FILE_RECORDS_MAX), 0);
        let start = Instant::now();
        for _ in 0..part {
            len += append(&*file, len);
        }
        time += start.elapsed();
        rest -= part;
    }
    time
}

fn into_a_file(c: &mut Criterion) {
    let scratch = Scratch::new("append");
    let payload = noise(1, RECORD_LEN);
    let framed = noise(2, RECORD_LEN + record::HEADER_LEN);
    let mut group = c.benchmark_group(format!("wal/append {RECORD_LEN} bytes, no sync"));
    group.bench_function("pwrite of the same bytes", |b| {
        b.iter_custom(|count| {
            appends(&scratch, count, |file, at| {
                file.write_all_at(at, &framed).expect("the disk has room");
                framed.len() as u64
            })
        });
    });
    let mut out = Vec::new();
    group.bench_function("framed, a write each", |b| {
        b.iter_custom(|count| {
            appends(&scratch, count, |file, at| {
                out.clear();
                record::append(&payload, at, Framing::Plain, &mut out);
                file.write_all_at(at, &out).expect("the disk has room");
                out.len() as u64
            })
        });
    });
    group.bench_function("framed, a write per 64 KiB", |b| {
        let mut waiting = Vec::with_capacity(BUFFER_LEN + BUFFER_LEN / 4);
        b.iter_custom(|count| {
            appends(&scratch, count, |file, at| {
                if at == 0 {
                    waiting.clear();
                }
                let before = waiting.len();
                record::append(&payload, at, Framing::Plain, &mut waiting);
                let added = (waiting.len() - before) as u64;
                if waiting.len() >= BUFFER_LEN {
                    file.write_all_at(at + added - waiting.len() as u64, &waiting)
                        .expect("the disk has room");
                    waiting.clear();
                }
                added
            })
        });
    });
    group.bench_function("SharedLog, a write each", |b| {
        let dir = Arc::new(Dir::create(&scratch.0.join("shared")).expect("it can be made"));
        let options = Options { policy: Policy::Never, segment_len: 16 << 20, ..Options::default() };
        let (log, _) = SharedLog::open(dir, options).expect("a new log opens");
        let mut count = 0;
        b.iter(|| {
            let lsn = log.append(&payload, None).expect("the disk has room");
            count += 1;
            if count % FILE_RECORDS_MAX == 0 {
                log.truncate_below(lsn).expect("the disk has room");
            }
        });
    });
    group.finish();
}

fn back(c: &mut Criterion) {
    let mut group = c.benchmark_group("wal/recover 16 MiB");
    group.sample_size(10);
    for len in [RECORD_LEN, 1 << 10, 100 << 10] {
        let (payload, mut log) = (noise(1, len), Vec::new());
        while log.len() < 16 << 20 {
            let at = log.len() as u64;
            record::append(&payload, at, Framing::Plain, &mut log);
        }
        group.throughput(Throughput::Bytes(log.len() as u64));
        group.bench_with_input(BenchmarkId::new("records of", len), &log, |b, log| {
            b.iter(|| {
                let mut bytes = 0;
                recover(log, None, RecoveryMode::TornTail, &mut |_, payload| bytes += payload.len())
                    .expect("it is whole");
                bytes
            });
        });
    }
    group.finish();
}

criterion_group!(benches, frames, into_a_file, back);
criterion_main!(benches);
