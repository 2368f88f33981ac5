//! What a frame may cost: reading a request or a batch allocates nothing, whatever it promises; what groups keep of a request is bounded by its
//! length.
#![allow(unsafe_code)] // the allocator counts

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs;
use std::path::Path;

use dolmen_kafka::batch::Batch;
use dolmen_kafka::check::{Visit, visit_request};
use dolmen_kafka::group::serve;
use dolmen_kafka::wire::Message;
use dolmen_testkit::{cuts, flips};

thread_local! {
    static NOW: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

/// Counts the bytes that each thread holds.
struct Counting;

fn took(len: usize) {
    let now = NOW.get().wrapping_add(len);
    NOW.set(now);
    PEAK.set(PEAK.get().max(now));
}

// SAFETY: every call goes to the system's allocator with the arguments it came with, so that its contract is kept by whoever keeps ours; counting
// touches constant-initialised cells of the thread and allocates nothing. `realloc` is the trait's own, which calls these two.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        took(layout.size());
        // SAFETY: the caller's layout, as it promised it.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // Saturating: a thread may free what another one took.
        NOW.set(NOW.get().saturating_sub(layout.size()));
        // SAFETY: the pointer came from `alloc` above with this layout, hence from the system's allocator.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// The most bytes that `body` held at once.
fn peak(body: impl FnOnce()) -> usize {
    let before = NOW.get();
    PEAK.set(before);
    body();
    PEAK.get().saturating_sub(before)
}

/// Every seed of a fuzz target, every beginning of it, every flipped bit of its first bytes, and every four of them as the largest count.
fn hostile(target: &str, mut body: impl FnMut(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let seed = fs::read(entry.unwrap().path()).unwrap();
        let short = &seed[..seed.len().min(300)];
        body(&seed);
        cuts(short).for_each(&mut body);
        flips(short, |_, damaged| body(damaged));
        for at in 2..short.len().saturating_sub(4) {
            for bomb in [[0x7f, 0xff, 0xff, 0xff], [0xff, 0xff, 0xff, 0x07]] {
                let mut damaged = short.to_vec();
                damaged[at..at + 4].copy_from_slice(&bomb);
                body(&damaged);
            }
        }
        count += 1;
    }
    assert!(count > 0);
}

/// Reads and looks at everything, once.
struct Read;

impl Visit for Read {
    fn visit<'a, M: Message<'a>>(&mut self, body: &'a [u8], version: i16) {
        let _ = M::decode(body, version);
    }
}

#[test]
fn reading_a_request_allocates_nothing() {
    hostile("kafka_request", |bytes| {
        let held = peak(|| visit_request(bytes, &mut Read));
        assert_eq!(held, 0, "{bytes:?}");
    });
}

#[test]
fn reading_a_batch_allocates_nothing() {
    hostile("kafka_batch", |bytes| {
        let held = peak(|| {
            if let Ok((batch, _)) = Batch::split(bytes, 0)
                && let Ok(records) = batch.records(&[])
            {
                records.for_each(|record| assert!(record.headers.iter().count() <= bytes.len()));
            }
        });
        assert_eq!(held, 0, "{bytes:?}");
    });
}

/// An element of two bytes may become one of a few words, and a vector that grows holds thrice what is in it.
const KEPT_PER_BYTE: usize = 64;

#[test]
fn what_groups_keep_of_a_request_is_bounded_by_its_length() {
    let mut most = 0;
    hostile("kafka_group_request", |bytes| {
        let [key, version, body @ ..] = bytes else { return };
        let held = peak(|| drop(serve::read(i16::from(*key), i16::from(*version), body)));
        most = most.max(held * 100 / (body.len() + 1));
        assert!(held <= KEPT_PER_BYTE * (body.len() + 1), "{held} bytes of {}: {bytes:?}", body.len());
    });
    println!("at most {most} bytes held for 100 received");
    assert!(most > 0, "something is kept");
}
