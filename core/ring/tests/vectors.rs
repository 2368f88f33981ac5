//! Published vectors, all of them facts of the projects that each test names.

use std::num::NonZeroU32;

use dolmen_ring::cassandra::{Allocation, TokenRing};
use dolmen_ring::hash::{cassandra_token, crc16, md5, md5_ketama, mix64, murmur3_x64_128, siphash24};
use dolmen_ring::ketama::{Flavour, Hash32, Ketama};
use dolmen_ring::maglev::{Maglev, Turn, TurnOrder, fill};
use dolmen_ring::multi_probe::MultiProbe;
use dolmen_ring::positional::{flip, jump, jump_back};
use dolmen_ring::slots::key_slot;
use dolmen_ring::{Algorithm, HashFunction, Members, Node, NodeId, RingError, Weight};

fn places(count: u32) -> NonZeroU32 {
    NonZeroU32::new(count).unwrap()
}

fn servers(list: &[(&str, f64)]) -> Members {
    let node =
        |&(name, weight): &(&str, f64)| Node::new(name).unwrap().with_weight(Weight::new(weight).unwrap());
    Members::from_nodes(list.iter().map(node)).unwrap()
}

fn eight_servers(suffix: &str) -> Members {
    let weights = [600.0, 300.0, 200.0, 350.0, 1000.0, 800.0, 950.0, 100.0];
    let node = |(i, &w): (usize, &f64)| {
        Node::new(&format!("10.0.1.{}{suffix}", i + 1)).unwrap().with_weight(Weight::new(w).unwrap())
    };
    Members::from_nodes(weights.iter().enumerate().map(node)).unwrap()
}

/// Check values: RFC 1321 (MD5), the FNV authors' table, Rocksoft's "123456789" for the CRCs, the SipHash paper's appendix,
/// the xxHash and MurmurHash3 reference programs.
#[test]
fn hash_functions() {
    assert_eq!(md5(b"abc")[..4], [0x90, 0x01, 0x50, 0x98]);
    let value = |name: &str, key: &[u8]| name.parse::<HashFunction>().unwrap().value(key).unwrap();
    assert_eq!(value("fnv1a32", b"foobar"), 0xbf9c_f968);
    assert_eq!(value("fnv1a64", b"foobar"), 0x8594_4171_f739_67e8);
    assert_eq!(value("crc16", b"123456789"), 0x31c3);
    assert_eq!(value("crc32", b"123456789"), 0xcbf4_3926);
    assert_eq!(value("xxh64", b""), 0xef46_db37_51d8_e999);
    assert_eq!(value("xxh64", b"abc"), 0x44bc_2cf5_ad77_0999);
    assert_eq!(value("xxh3", b""), 0x2d06_8005_38d3_94c2);
    assert_eq!(value("sha256", b"abc"), 0xba78_16bf_8f01_cfea);
    let counting: Vec<u8> = (0..15).collect();
    assert_eq!(siphash24(0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908, &counting), 0xa129_ca61_49be_45e5);
    let fox = b"The quick brown fox jumps over the lazy dog";
    assert_eq!(murmur3_x64_128(fox, 0), (0xe34b_bc7b_bc07_1b6c, 0x7a43_3ca9_c49a_9347));
    assert_eq!(crc16(b""), 0);
    assert_eq!(value("decimal", b"18446744073709551615"), u64::MAX);
    for bad in ["", "-1", "+1", "18446744073709551616", "1e3", "x"] {
        assert_eq!(HashFunction::Decimal.value(bad.as_bytes()), Err(RingError::NotDecimal), "{bad}");
    }
    for function in HashFunction::ALL {
        assert_eq!(function.name().parse(), Ok(function));
        assert_eq!(HashFunction::from_number(function as u8), Some(function));
    }
}

/// libmemcached test/fixtures/ketama.hpp: 99 keys, hash, point and server; and the servers under spymemcached's labels.
#[test]
fn libmemcached_ketama() {
    let plain = Ketama::new(&eight_servers(":11211"), Flavour::LibmemcachedWeighted).unwrap();
    let spy = Ketama::new(&eight_servers(":11211"), Flavour::Spymemcached).unwrap();
    assert_eq!(plain.len(), 1264);
    let table = include_str!("data/libmemcached_ketama.tsv");
    let mut rows = 0;
    for line in table.lines().filter(|l| l.contains('\t')) {
        let column: Vec<&str> = line.split('\t').collect();
        let number = |i: usize| column[i].parse::<u32>().unwrap();
        let hash = md5_ketama(column[0].as_bytes());
        assert_eq!(hash, number(1), "{line}");
        let (point, owner) = plain.point(plain.successor(hash));
        assert_eq!((point, owner), (number(2), NodeId::new(number(3) - 1)), "{line}");
        assert_eq!(spy.owner(u64::from(hash)), Some(NodeId::new(number(4) - 1)), "{line}");
        rows += 1;
    }
    assert_eq!(rows, 99);
    let wrapping = md5_ketama(b"VDEAAAAA");
    assert_eq!(wrapping, 0xfffc_d1b5);
    assert_eq!(plain.successor(wrapping), 0);
}

/// go-ketama's test: ten servers of weight 1, keys foo0 to foo99999.
#[test]
fn go_ketama_histogram() {
    let names: Vec<String> = (1..=10).map(|i| format!("server{i}")).collect();
    let members = servers(&names.iter().map(|n| (n.as_str(), 1.0)).collect::<Vec<_>>());
    let ring = Ketama::new(&members, Flavour::Libketama).unwrap();
    let mut counts = [0; 10];
    for i in 0..100_000 {
        let owner = ring.owner(u64::from(md5_ketama(format!("foo{i}").as_bytes()))).unwrap();
        counts[owner.get() as usize] += 1;
    }
    assert_eq!(counts, [8699, 10885, 9980, 10237, 9099, 10997, 10365, 10380, 9896, 9462]);
}

/// go-ketama's two binary keys whose hash is 0: Perl's search ends at the last point, a correct one at the first.
#[test]
fn go_ketama_hash_zero() {
    let ring = Ketama::new(&servers(&[("r01", 100.0), ("r02", 100.0)]), Flavour::Libketama).unwrap();
    for hex in ["37292b669dd8f7c952cf79ca0dc6c5d7", "161c6d14dae73a874ac0aa0017fb8340"] {
        let key: Vec<u8> = (0..16).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap()).collect();
        let hash = md5_ketama(&key);
        assert_eq!(hash, 0);
        assert_eq!(ring.point(ring.perl_successor(hash)).1, NodeId::new(0));
        assert_eq!(ring.owner(u64::from(hash)), Some(NodeId::new(1)));
    }
}

/// libketama's test.sh: the MD5 of its dump of a million keys over ketama.servers.
#[test]
fn libketama_dump() {
    let members = eight_servers(":11211");
    let ring = Ketama::new(&members, Flavour::Libketama).unwrap();
    let mut dump = b"\n".to_vec();
    for i in 0..1_000_000 {
        let hash = md5_ketama(i.to_string().as_bytes());
        let (point, owner) = ring.point(ring.successor(hash));
        dump.extend_from_slice(format!("{hash} {point} {}\n", members.name(owner)).as_bytes());
    }
    let sum: String = md5(&dump).iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(sum, "5672b131391f5aa2b280936aec1eea74");
}

/// go-jump's rows, made by the reference C++; Guava's golden values.
#[test]
fn jump_rows() {
    let rows: [(u64, &[u32]); 4] = [
        (0, &[0; 20]),
        (1, &[0, 0, 0, 0, 0, 0, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 17, 17]),
        (0xdead_beef, &[0, 1, 2, 3, 3, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 16, 16, 16]),
        (0x0ddc_0ffe_ebad_f00d, &[0, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 15, 15, 15, 15]),
    ];
    for (key, buckets) in rows {
        for (n, &want) in (1..).zip(buckets) {
            assert_eq!(jump(key, places(n)), want, "{key:#x} {n}");
        }
    }
    let golden = [0, 55, 62, 8, 45, 59, 86, 97, 82, 59, 73, 37, 17, 56, 86, 21, 90, 37, 38, 83];
    for (key, want) in (0..).zip(golden) {
        assert_eq!(jump(key, places(100)), want);
    }
    let guava = [
        (10_863_919_174_838_991, 11, 6),
        (2_016_238_256_797_177_309, 11, 3),
        (1_673_758_223_894_951_030, 11, 5),
        (2, 100_001, 80_343),
        (2201, 100_001, 22_152),
        (2202, 100_001, 15_018),
    ];
    for (key, n, want) in guava {
        assert_eq!(jump(key, places(n)), want);
    }
}

/// The documentation of DataDog's fliphash promises these relations for its example key.
#[test]
fn flip_stays_in_range_and_moves_only_to_new_places() {
    for key in [10_427_592_028_180_905_159, 15_960_427_081_186_311_679, 0, u64::MAX] {
        let mut before = 0;
        for last in 1..1000 {
            let place = flip(key, last);
            assert!(place == before || place == last);
            before = place;
        }
    }
}

#[test]
fn jump_back_stays_in_range_and_moves_only_to_new_places() {
    for key in 0..200u64 {
        let key = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut before = 0;
        for buckets in 1..1500 {
            let place = jump_back(key, places(buckets));
            assert!(place == before || place == buckets - 1, "{key} {buckets}");
            before = place;
        }
    }
}

/// The paper's example permutations (table 1) fill a table of 7; node 1 then leaves. The second pair is go-maglev's.
#[test]
fn maglev_tables_of_the_paper_and_go_maglev() {
    let table = |turns: &[(u64, u64)]| {
        let turn = |&(offset, skip): &(u64, u64)| Turn::new(offset, skip - 1, 1.0, 7);
        let slots = fill(turns.iter().map(turn).collect(), 7);
        (0..7).map(|i| slots.get(i)).collect::<Vec<_>>()
    };
    assert_eq!(table(&[(3, 4), (0, 2), (3, 1)]), [1, 0, 1, 0, 2, 2, 0]);
    assert_eq!(table(&[(3, 4), (3, 1)]), [0, 0, 0, 0, 1, 1, 1]);
    assert_eq!(table(&[(2, 4), (0, 5), (1, 2)]), [1, 2, 0, 2, 0, 1, 0]);
    assert_eq!(table(&[(2, 4), (1, 2)]), [0, 1, 0, 1, 0, 1, 0]);
}

fn envoy(list: &[(&str, f64)], size: u32) -> Vec<u32> {
    let table = Maglev::new(&servers(list), size, TurnOrder::List).unwrap();
    (0..u64::from(size)).map(|key| table.owner(key).unwrap().get()).collect()
}

/// Envoy's maglev_lb_test: addresses, host names, weights, localities (a host's weight is its locality's, shared among its
/// hosts) and retries.
#[test]
fn envoy_maglev() {
    let six: Vec<String> = (90..96).map(|p| format!("127.0.0.1:{p}")).collect();
    let six: Vec<(&str, f64)> = six.iter().map(|n| (n.as_str(), 1.0)).collect();
    assert_eq!(envoy(&six, 7), [2, 4, 0, 1, 5, 0, 3]);
    let named = [("90", 1.0), ("91", 1.0), ("92", 1.0), ("93", 1.0), ("94", 1.0), ("95", 1.0)];
    assert_eq!(envoy(&named, 7), [2, 5, 0, 3, 4, 1, 0]);
    let pair = |a, b| [("127.0.0.1:90", a), ("127.0.0.1:91", b)];
    assert_eq!(envoy(&pair(1.0, 2.0), 17), [1, 0, 0, 1, 0, 1, 1, 0, 1, 1, 1, 1, 1, 0, 1, 0, 1]);
    assert_eq!(envoy(&pair(1.0, 1.0), 17), [1, 0, 0, 1, 0, 1, 1, 0, 0, 1, 0, 1, 0, 0, 1, 0, 1]);
    let localities = [("127.0.0.1:90", 8.0), ("127.0.0.1:91", 2.0), ("127.0.0.1:92", 0.0)];
    assert_eq!(envoy(&localities, 17), [1, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0]);

    // One host of locality weight 127, 1,023 hosts that share 1: each of these has one slot.
    let ports: Vec<String> = (0..1024).map(|i| format!("127.0.0.1:{i}")).collect();
    let weight = |i: usize| if i == 0 { 127.0 / 128.0 } else { 1.0 / 128.0 / 1023.0 };
    let list: Vec<(&str, f64)> = ports.iter().enumerate().map(|(i, n)| (n.as_str(), weight(i))).collect();
    let counts = Maglev::new(&servers(&list), 65_537, TurnOrder::List).unwrap().counts();
    assert_eq!(counts[0], 65_537 - 1023);
    assert!(counts[1..].iter().all(|&c| c == 1));

    let retry = Maglev::new(&servers(&six), 7, TurnOrder::List).unwrap();
    let owners: Vec<u32> = (0..3).map(|a| retry.owner(Maglev::retry_key(10, a)).unwrap().get()).collect();
    assert_eq!(owners, [1, 0, 5]);
}

/// go-mpchash's compat.out: 6,000 lines for the keys shard-1 to shard-6000 over nodes of the same names, 21 probes. The vector
/// is the file's MD5.
#[test]
fn go_mpchash_compat() {
    let names: Vec<String> = (1..=6000).map(|i| format!("shard-{i}")).collect();
    let members = servers(&names.iter().map(|n| (n.as_str(), 1.0)).collect::<Vec<_>>());
    let probes = MultiProbe::new(&members, 21).unwrap();
    let mut out = String::new();
    for name in &names {
        out += members.name(probes.owner_of_bytes(name.as_bytes()).unwrap());
        out += "\n";
    }
    let sum: String = md5(out.as_bytes()).iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(out.lines().next(), Some("shard-1389"));
    assert_eq!(sum, "3c8c617b8f193a12b04c414da353b700");
}

/// Redis Cluster specification, and CLUSTER KEYSLOT of Redis 7.0.15.
#[test]
fn redis_slots() {
    let rows: [(&str, u16); 10] = [
        ("foo", 12_182),
        ("bar", 5061),
        ("", 0),
        ("inv{eu}", 6893),
        ("eu", 6893),
        ("{k", 2414),
        ("k", 7629),
        ("cart:{7}{9}", 1716),
        ("7", 1716),
        ("счёт{дом}", 15_617),
    ];
    for (key, slot) in rows {
        assert_eq!(key_slot(key.as_bytes()).get(), slot, "{key}");
    }
}

/// The Python driver's metadata tests: the second row is the one that standard MurmurHash3 fails.
#[test]
fn cassandra_tokens() {
    let repeated: Vec<u8> = [0x00, 0xff, 0x10, 0xfa, 0x99].repeat(10);
    let rows: [(&[u8], i64); 5] = [
        (b"123", -7_468_325_962_851_647_638),
        (&repeated, 5_837_342_703_291_459_765),
        (&[0xfe; 8], -8_927_430_733_708_461_935),
        (&[0x10; 8], 1_446_172_840_243_228_796),
        (b"9223372036854775807", 7_162_290_910_810_015_547),
    ];
    for (key, token) in rows {
        assert_eq!(cassandra_token(key), token);
    }
    assert_eq!(murmur3_x64_128(&repeated, 0).0 as i64, -5_170_820_149_742_265_494);
    assert_eq!(murmur3_x64_128(&[0xfe; 8], 0).0 as i64, -3_927_725_473_986_473_217);
    assert_eq!(cassandra_token(b""), i64::MIN);
    let mut ring = TokenRing::new();
    ring.insert(10, NodeId::new(0));
    ring.insert(20, NodeId::new(1));
    let owners: Vec<u32> = [10, 11, 20, 21, i64::MIN].map(|t| ring.owner(t).unwrap().get()).to_vec();
    assert_eq!(owners, [0, 1, 1, 0, 0], "ranges are (previous, token]");
}

/// The tokens that Apache Cassandra 4.1.7's own classes chose from the same first tokens.
#[test]
fn cassandra_token_allocators() {
    let runs = [
        (include_str!("data/cassandra_plain_1.txt"), 16, 1, 1, 1),
        (include_str!("data/cassandra_aware_100.txt"), 8, 3, 1, 5),
        (include_str!("data/cassandra_aware_4.txt"), 8, 2, 4, 6),
    ];
    for (expected, tokens, replicas, racks, first) in runs {
        let node = |i: usize| {
            Node::new(&format!("n{i:02}")).unwrap().with_place("dc", &format!("r{}", i % racks)).unwrap()
        };
        let members = Members::from_nodes((0..40).map(node)).unwrap();
        let mut ring = TokenRing::new();
        for n in 0..first as u64 {
            for i in 0..tokens as u64 {
                ring.insert(mix64(n * 1_000_003 + i + 1) as i64, NodeId::new(n as u32));
            }
        }
        let mut rows = 0;
        for line in expected.lines().filter(|l| !l.starts_with('#')) {
            let (node, want) = line.split_once('\t').unwrap();
            let want: Vec<i64> = want.split(' ').map(|t| t.parse().unwrap()).collect();
            let id = NodeId::new(node.parse().unwrap());
            let mut got = ring.allocate(&members, id, Allocation { tokens, replicas, seed: 0 }).unwrap();
            got.sort_unstable();
            assert_eq!(got, want, "node {node}, replication factor {replicas}, {racks} racks");
            rows += 1;
        }
        assert!(rows > 20);
    }
}

/// libmemcached's and twemproxy's 32-bit hashes of "hello" and of a byte above 0x7f, as libhashkit 1.1.4 prints them.
#[test]
fn libhashkit_values() {
    for (hash, hello, high) in LIBHASHKIT {
        assert_eq!(hash.hash(b"hello"), hello, "{hash:?}");
        assert_eq!(hash.hash(&[0xe9, 0x41]), high, "{hash:?}");
    }
}

const LIBHASHKIT: [(Hash32, u32, u32); 8] = [
    (Hash32::OneAtATime, 0xc8fd_181b, 0x2669_e7cf),
    (Hash32::Md5, 0x2a40_415d, 0x3a27_3289),
    (Hash32::Crc32, 0x0000_3610, 0x0000_4fbe),
    (Hash32::Fnv164, 0xbdbd_d4c7, 0x4b14_b383),
    (Hash32::Fnv1a64, 0x80aa_bd0b, 0x4ae9_af1f),
    (Hash32::Fnv132, 0xb6fa_7167, 0x0389_8903),
    (Hash32::Fnv1a32, 0x4f9f_2cab, 0x7563_d8df),
    (Hash32::Murmur, 0x521b_0bff, 0xa0ed_34e7),
];
