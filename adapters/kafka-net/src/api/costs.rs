//! What a frame costs in memory, whatever it says: the most that is held at once while it is read and answered, on the thread that does so.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use allocation_counter::measure;
use dolmen_codec::checksum::crc32c;
use dolmen_kafka::ErrorCode;
use dolmen_kafka::batch::{Builder, Meta};
use dolmen_kafka::check::{Visit, visit_request};
use dolmen_kafka::limits::request_elements_max;
use dolmen_kafka::log::{LogSettings, produced};
use dolmen_kafka::messages::APIS;
use dolmen_kafka::record::Record;
use dolmen_kafka::wire::Message;
use dolmen_testkit::{cuts, flips};
use parking_lot::Mutex;
use tokio::runtime::Runtime;

use super::handle;
use crate::broker::State;
use crate::sasl::Session;
use crate::server::{Peer, Reply};
use crate::settings::Settings;

/// Bytes that any frame may cost: a broker's settings or topics, told in full.
const CONSTANT: u64 = 256 << 10;
/// Bytes that the twenty thousand elements that any frame may name may cost.
const FULL: u64 = 10 << 20;
/// How often a frame's own length may be held at once: read, kept, answered.
const TIMES: u64 = 32;
/// CreateTopics and CreatePartitions: a small number in them makes many partitions, as it should.
const MAKERS: [u8; 2] = [19, 37];

/// A broker without sockets, and whoever asks it.
struct Desk {
    runtime: Runtime,
    state: Arc<State>,
    peer: Arc<Peer>,
    _dir: tempfile::TempDir,
}

impl Desk {
    fn new() -> Desk {
        let dir = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        // With an authorizer, so that the gate and the access rules cost what they cost; it refuses nothing.
        let settings = [
            ("auto.create.topics.enable", "false"),
            ("log.flush.interval.messages", "1000000000"),
            ("authorizer.class.name", dolmen_kafka::acl::AUTHORIZER),
            ("allow.everyone.if.no.acl.found", "true"),
            ("super.users", "User:ANONYMOUS"),
        ];
        let state = State::open(dir.path(), Settings::new(&settings).unwrap()).unwrap();
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let session = Mutex::new(Session::new(false));
        let peer = Arc::new(Peer { number: 0, remote: nowhere, local: nowhere, session });
        Desk { runtime, state, peer, _dir: dir }
    }

    /// The most bytes that were held at once for a request: key, version, body.
    fn cost(&self, request: &[u8]) -> u64 {
        let [key, version, body @ ..] = request else { return 0 };
        let (key, version) = (i16::from(*key), i16::from(*version));
        let is_flexible = APIS.iter().any(|api| api.key == key && version >= api.flexible_from);
        let counted = measure(|| {
            let mut frame = Vec::with_capacity(15 + body.len());
            frame.extend_from_slice(&[0; 4]);
            frame.extend_from_slice(&key.to_be_bytes());
            frame.extend_from_slice(&version.to_be_bytes());
            frame.extend_from_slice(&[0, 0, 0, 1, 0xff, 0xff]);
            if is_flexible {
                frame.push(0);
            }
            frame.extend_from_slice(body);
            // What waits for other clients, or for its time, has been read when it begins to wait.
            let answer = async {
                let mut reply = handle(self.state.clone(), self.peer.clone(), frame).await;
                while let Reply::Later(later) = reply {
                    reply = later.await;
                }
            };
            self.runtime
                .block_on(async { drop(tokio::time::timeout(Duration::from_millis(20), answer).await) });
        });
        counted.bytes_max
    }
}

/// Seeds of the fuzz target: at least one request of every API.
fn seeds() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/kafka_request");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

#[test]
fn damage_and_bombs_cost_no_more_than_the_frame_and_a_constant() {
    let desk = Desk::new();
    let (mut frames, mut most) = (0u64, 0);
    let mut look = |request: &[u8]| {
        let (cost, limit) = (desk.cost(request), TIMES * request.len() as u64 + CONSTANT);
        assert!(cost <= limit, "{cost} bytes for a frame of {}: {request:02x?}", request.len());
        frames += 1;
        most = most.max(cost);
    };
    for seed in seeds() {
        look(&seed);
        let body = 2..seed.len();
        // Counts and lengths: the largest of two and four bytes, and as a varint.
        let bombs: [&[u8]; 4] = [
            &[0x7f, 0xff],
            &[0x7f, 0xff, 0xff, 0xff],
            &[0xff, 0xff, 0xff, 0xff, 7],
            &[0xff, 0xff, 0xff, 0xff, 15],
        ];
        for bomb in bombs {
            for at in body.clone().take(64) {
                let end = (at + bomb.len()).min(seed.len());
                look(&[&seed[..at], bomb, &seed[end..]].concat());
            }
        }
        if !MAKERS.contains(&seed[0]) {
            cuts(&seed[..seed.len().min(100)]).for_each(&mut look);
            flips(&seed[..seed.len().min(48)], |bit, damaged| {
                if bit >= 16 {
                    look(&[damaged, &seed[seed.len().min(48)..]].concat());
                }
            });
        }
    }
    println!("{frames} frames, {most} bytes at most");
}

/// Whether a request is read to its end, and what reading it allocates.
#[derive(Default)]
struct Whole {
    is_whole: bool,
    allocated: u64,
}

impl Visit for Whole {
    fn visit<'a, M: Message<'a>>(&mut self, body: &'a [u8], version: i16) {
        let mut message = None;
        self.allocated = measure(|| message = M::decode_request(body, version).ok()).count_total;
        self.is_whole = message.is_some_and(|message| message.encoded_len(version) == Ok(body.len()));
    }
}

/// The request with `count` elements in the place of none, or of the one that stands at `at`.
fn grown(seed: &[u8], at: usize, is_flexible: bool, element: &[u8], old_len: usize, count: u32) -> Vec<u8> {
    let mut out = seed[..at].to_vec();
    let width = if is_flexible { 1 } else { 4 };
    if is_flexible {
        let mut left = count + 1;
        while left > 0x7f {
            out.push(left as u8 | 0x80);
            left >>= 7;
        }
        out.push(left as u8);
    } else {
        out.extend_from_slice(&count.to_be_bytes());
    }
    (0..count).for_each(|_| out.extend_from_slice(element));
    out.extend_from_slice(&seed[at + width + old_len..]);
    out
}

/// Requests of up to a megabyte: every array of every request, full of the smallest elements that can be made up, as many as may be.
fn full(seed: &[u8], mut body: impl FnMut(&[u8])) {
    let (key, version) = (i16::from(seed[0]), i16::from(seed[1]));
    let is_flexible = APIS.iter().any(|api| api.key == key && version >= api.flexible_from);
    let width = if is_flexible { 1 } else { 4 };
    for at in 2..seed.len().saturating_sub(width - 1) {
        let count = match (&seed[at..at + width], is_flexible) {
            ([count], true) => i64::from(*count) - 1,
            (count, _) => i64::from(i32::from_be_bytes(count.try_into().unwrap_or_default())),
        };
        let rest = &seed[at + width..];
        let mut elements: Vec<(Vec<u8>, usize)> = Vec::new();
        match count {
            0 => elements.extend((1..24).flat_map(|len| {
                let mut ones = vec![1; len];
                ones[len - 1] = 0;
                [(vec![0; len], 0), (ones, 0), (vec![1; len], 0)]
            })),
            1 => elements.extend((1..rest.len().min(64) + 1).map(|len| (rest[..len].to_vec(), len))),
            _ => {}
        }
        let fits = |(element, old_len): &&(Vec<u8>, usize)| {
            let mut whole = Whole::default();
            visit_request(&grown(seed, at, is_flexible, element, *old_len, 2), &mut whole);
            whole.is_whole
        };
        if let Some((element, old_len)) = elements.iter().find(fits) {
            let fits = |count: &u32| {
                let request = grown(seed, at, is_flexible, element, *old_len, *count);
                *count as usize + 100 < request_elements_max(request.len())
            };
            let most = ((1 << 20) / element.len()) as u32;
            let candidates = [most, 100_000, 50_000, 30_000, 24_000, 21_000, 19_000];
            let count = candidates.into_iter().find(|count| *count <= most && fits(count)).unwrap_or(most);
            body(&grown(seed, at, is_flexible, element, *old_len, count));
            // And far too many: refused before anything is made of them.
            if !fits(&most) {
                body(&grown(seed, at, is_flexible, element, *old_len, most));
            }
        }
    }
}

#[test]
fn full_frames_cost_a_small_multiple_and_reading_them_nothing() {
    let desk = Desk::new();
    let mut ratios: BTreeMap<&str, u64> = BTreeMap::new();
    let mut read = 0u64;
    for seed in seeds() {
        let name = APIS.iter().find(|api| api.key == i16::from(seed[0])).map_or("", |api| api.name);
        full(&seed, |request| {
            let mut whole = Whole::default();
            visit_request(request, &mut whole);
            assert_eq!(whole.allocated, 0, "{name}: reading allocates");
            read += 1;
            if !MAKERS.contains(&seed[0]) {
                let ratio = desk.cost(request).saturating_sub(FULL).div_ceil(request.len() as u64);
                let known = ratios.entry(name).or_default();
                *known = ratio.max(*known);
            }
        });
    }
    println!("{read} frames; times their own length: {ratios:?}");
    let over: Vec<_> = ratios.iter().filter(|(_, ratio)| **ratio > TIMES).collect();
    assert!(over.is_empty(), "{over:?}");
    assert!(ratios.len() > 25, "arrays of {} requests", ratios.len());
}

/// Batches that promise more than they hold: number nine and ten of the odd ones.
#[test]
fn bombs_in_a_batch_cost_nothing() {
    let settings = LogSettings::default();
    let mut bytes = Vec::new();
    let mut builder = Builder::new(&mut bytes, Meta::default());
    assert!(builder.push(0, Record { value: Some(b"v"), ..Record::default() }));
    builder.finish(None);
    // The number of records with the last offset that fits it, and the number of headers: the last byte of the only record.
    let count = [(57, &i32::MAX.to_be_bytes()[..]), (23, &(i32::MAX - 1).to_be_bytes())];
    let headers = [(bytes.len() - 1, &[0x7e][..])];
    for patches in [&count[..], &headers] {
        let mut bomb = bytes.clone();
        for (at, field) in patches {
            bomb[*at..*at + field.len()].copy_from_slice(field);
        }
        let crc = crc32c(&bomb[21..]);
        bomb[17..21].copy_from_slice(&crc.to_be_bytes());
        let mut scratch = Vec::new();
        let counted = measure(|| {
            let checked = produced::check(Some(&bomb), &settings, &dolmen_blocks::Libraries, 0, &mut scratch);
            assert_eq!(checked.map(drop).unwrap_err().code, ErrorCode::INVALID_RECORD);
        });
        assert_eq!(counted.count_total, 0, "{} bytes", counted.bytes_total);
    }
}
