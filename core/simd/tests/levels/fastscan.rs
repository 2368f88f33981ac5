use dolmen_base::Rng;
use dolmen_simd::fastscan::*;
use dolmen_simd::level::Level;
use dolmen_simd::{rotate, vector};

use crate::support::*;

/// All that codes can have up to 300, whole bytes.
fn dimensions() -> impl Iterator<Item = usize> {
    (0..=304).step_by(if cfg!(miri) { 104 } else { 8 })
}

#[test]
fn packing_and_lanes() {
    let mut rng = Rng::new(51);
    for dims in [0usize, 8, 64, 128, 800] {
        let codes = bytes(&mut rng, dims / 8 * BATCH);
        let code = |lane: usize| &codes[lane * dims / 8..][..dims / 8];
        let mut packed = vec![0; packed_len(dims)];
        pack(&codes, &mut packed);
        let mut by_lanes = bytes(&mut rng, packed_len(dims));
        for at in 0..BATCH {
            set_lane(&mut by_lanes, at, code(at));
            let mut back = vec![0; dims / 8];
            lane(&packed, at, &mut back);
            assert_eq!(back, code(at), "lane {at}");
        }
        assert_eq!(by_lanes, packed);
    }
}

/// The two places the specification names: byte 1 of a half is neighbour 8, and in its upper bits neighbour 24.
#[test]
fn places_of_the_layout() {
    let mut codes = [0u8; BATCH];
    (codes[8], codes[24]) = (0xab, 0xcd);
    let mut packed = [0; BATCH];
    pack(&codes, &mut packed);
    assert_eq!((packed[1], packed[17]), (0xca, 0xdb));
}

/// The plain double loop over neighbours and groups, from unpacked codes.
#[test]
fn packed_sums_are_the_double_loop() {
    let mut rng = Rng::new(52);
    for dims in dimensions().chain(if cfg!(miri) { vec![] } else { vec![384, 800, 1024, 1032, 1536, 4096] }) {
        let random = (bytes(&mut rng, dims / 8 * BATCH), bytes(&mut rng, packed_len(dims)));
        // 255 everywhere: at 1,536 dimensions beyond 16 bits.
        let extreme = (bytes(&mut rng, dims / 8 * BATCH), vec![255; packed_len(dims)]);
        for (codes, table) in [random, extreme] {
            let mut packed = vec![0; packed_len(dims)];
            pack(&codes, &mut packed);
            let want: Vec<u32> = (0..BATCH)
                .map(|lane| {
                    let code = &codes[lane * dims / 8..][..dims / 8];
                    (0..dims / 4)
                        .map(|group| {
                            let nibble =
                                if group % 2 == 0 { code[group / 2] >> 4 } else { code[group / 2] & 15 };
                            u32::from(table[group * 16 + usize::from(nibble)])
                        })
                        .sum()
                })
                .collect();
            for level in Level::each() {
                let mut out = [7; BATCH];
                sums(level, &packed, &table, &mut out);
                assert_eq!(out[..], want[..], "{level}, {dims}");
            }
        }
    }
}

#[test]
fn codes_and_their_sums() {
    let mut rng = Rng::new(53);
    let makes: [fn(&mut Rng, usize) -> Vec<f32>; 2] = [ordinary, wild];
    for (dims, make) in dimensions().skip(1).chain([784]).flat_map(|dims| makes.map(|make| (dims, make))) {
        let (node, neighbour) = (make(&mut rng, dims), make(&mut rng, dims));
        let (node, neighbour) = (Shifted::new(&node, dims / 8 % 16), Shifted::new(&neighbour, 3));
        let (node, neighbour) = (node.get(), neighbour.get());
        let size: f64 = node.iter().map(|x| f64::from(x.abs())).sum();
        let mut want = vec![0u8; dims / 8];
        let (mut norm2, mut along, mut at_node) = (0.0, 0.0, 0.0);
        for at in 0..dims {
            let r = neighbour[at] - node[at];
            want[at / 8] |= u8::from(r > 0.0) << (7 - at % 8);
            norm2 += f64::from(r) * f64::from(r);
            along += 0.5 * f64::from(r.abs());
            at_node += f64::from(node[at]) * if r > 0.0 { 0.5 } else { -0.5 };
        }
        for level in Level::each() {
            let mut code = vec![0xaa; dims / 8];
            let encoded = encode(level, node, neighbour, &mut code);
            assert_eq!(code, want, "{level}, {dims}");
            near("norm2", encoded.norm2, norm2, 1e-6 * norm2 + 1e-37);
            near("along", encoded.along, along, 1e-6 * along + 1e-37);
            near("node", encoded.node, at_node, 1e-6 * (dims as f64).max(size));
        }
        // A neighbour that equals the node has no bit set and no length.
        let encoded = encode(Level::best(), node, node, &mut want);
        assert_eq!((encoded.norm2, encoded.along), (0.0, 0.0));
        assert!(want.iter().all(|&byte| byte == 0));
    }
}

/// An entry of the table is off by half a step at most.
#[test]
fn tables_are_their_sums() {
    let mut rng = Rng::new(54);
    for dims in [8usize, 64, 128] {
        let query = ordinary(&mut rng, dims);
        let mut table = vec![0; packed_len(dims)];
        let prepared = prepare(Level::best(), &query, &mut table);
        let low = (f64::from(prepared.offset) + 0.5 * query.iter().map(|&x| f64::from(x)).sum::<f64>())
            / (dims / 4) as f64;
        for (at, &entry) in table.iter().enumerate() {
            let (group, m) = (at / 16, at % 16);
            let sum: f64 = (0..4)
                .filter(|bit| m >> (3 - bit) & 1 == 1)
                .map(|bit| f64::from(query[4 * group + bit]))
                .sum();
            let got = low + f64::from(prepared.step) * f64::from(entry);
            assert!(
                (got - sum).abs() <= 0.501 * f64::from(prepared.step) + 1e-5,
                "{dims}, {at}: {got}, not {sum}"
            );
        }
        assert!(table.contains(&0) && table.contains(&255));
    }
    for dims in dimensions().chain([784]) {
        // The last are so small that a step is no normal number.
        let tiny = |rng: &mut Rng| ordinary(rng, dims).iter().map(|x| x * 1e-38).collect::<Vec<f32>>();
        for query in [ordinary(&mut rng, dims), wild(&mut rng, dims), tiny(&mut rng)] {
            let query = Shifted::new(&query, dims / 8 % 16);
            let made = |level| {
                let mut table = vec![0; packed_len(dims)];
                let query = prepare(level, query.get(), &mut table);
                (table, query.step.to_bits(), query.offset.to_bits())
            };
            let judge = made(Level::SCALAR);
            for level in wide_levels() {
                assert_eq!(made(level), judge, "{level}, {dims}");
            }
        }
    }
    let mut table = [1; 32];
    assert_eq!(prepare(Level::best(), &[0.0; 8], &mut table), Query { step: 0.0, offset: 0.0 });
    assert_eq!(table, [0; 32]);
    prepare(Level::best(), &[f32::NAN; 8], &mut table);
}

/// Mean and spread of the relative error over 32 neighbours and 200 queries, from rotation to estimate: the numbers of the report's own
/// twin in NumPy.
fn errors(dims: usize, inner: bool, level: Level) -> (f64, f64) {
    let mut rng = Rng::new(55);
    let signs = bytes(&mut rng, rotate::signs_len(dims));
    let padded = rotate::padded(dims);
    let turned = |x: &[f32]| {
        let mut out = vec![0.0; padded];
        rotate::rotate(level, &signs, x, &mut out);
        out
    };
    let mut rng = Rng::new(56);
    let mut gauss = |scale: f32| -> Vec<f32> {
        (0..dims).map(|_| scale * ((0..12).map(|_| unit(&mut rng)).sum::<f32>() - 6.0)).collect()
    };
    let node = gauss(1.0);
    let neighbours: Vec<Vec<f32>> =
        (0..BATCH).map(|_| gauss(1.0).iter().zip(&node).map(|(x, c)| c + 0.6 * x).collect()).collect();
    let node_turned = turned(&node);
    let (mut packed, mut code) = (vec![0; packed_len(padded)], vec![0; padded / 8]);
    let (mut add, mut rescale) = ([0.0; BATCH], [0.0; BATCH]);
    for (lane, neighbour) in neighbours.iter().enumerate() {
        let e = encode(level, &node_turned, &turned(neighbour), &mut code);
        set_lane(&mut packed, lane, &code);
        let along_node: f32 = turned(neighbour).iter().zip(&node_turned).map(|(o, c)| (o - c) * c).sum();
        (add[lane], rescale[lane]) = if inner {
            (-along_node + e.norm2 * e.node / e.along, -e.norm2 / e.along)
        } else {
            (e.norm2 + 2.0 * e.norm2 * e.node / e.along, -2.0 * e.norm2 / e.along)
        };
    }
    let (mut sum, mut squares, mut size, mut count) = (0.0, 0.0, 0.0, 0.0);
    for _ in 0..200 {
        let query: Vec<f32> = gauss(1.0).iter().zip(&node).map(|(x, c)| c + 0.8 * x).collect();
        let mut table = vec![0; packed_len(padded)];
        let prepared = prepare(level, &turned(&query), &mut table);
        let exact = |x: &[f32]| match inner {
            true => 1.0 - vector::dot_f32(level, &query, x),
            false => vector::l2_f32(level, &query, x),
        };
        let mut out = [0.0; BATCH];
        estimates(
            level,
            &packed,
            &table,
            prepared,
            Factors { add: &add, rescale: &rescale },
            exact(&node),
            &mut out,
        );
        for (estimate, neighbour) in out.iter().zip(&neighbours) {
            let want = f64::from(exact(neighbour));
            let apart = f64::from(*estimate) - want;
            sum += apart;
            squares += apart * apart;
            size += want.abs();
            count += 1.0;
        }
    }
    let mean_size: f64 = size / count;
    (sum / count / mean_size, (squares / count).sqrt() / mean_size)
}

#[test]
fn estimates_are_unbiased_and_spread_as_measured() {
    if cfg!(miri) {
        return;
    }
    for (dims, inner, spread_max) in
        [(100, false, 0.07), (128, false, 0.07), (784, false, 0.03), (1536, false, 0.022), (384, true, 0.04)]
    {
        for level in Level::each() {
            let (mean, spread) = errors(dims, inner, level);
            assert!(mean.abs() < 4e-4, "{level}, {dims}: mean {mean}");
            assert!(spread < spread_max, "{level}, {dims}: spread {spread}");
            assert!(
                spread > spread_max / 5.0,
                "{level}, {dims}: too good to be one bit a dimension: {spread}"
            );
        }
    }
}

#[test]
fn estimates_have_the_same_bits_at_every_level() {
    let mut rng = Rng::new(57);
    for (dims, extreme) in dimensions().chain([1536]).flat_map(|dims| [(dims, false), (dims, true)]) {
        let (packed, table) = (bytes(&mut rng, packed_len(dims)), bytes(&mut rng, packed_len(dims)));
        let (mut add, mut rescale) = ([0.0; BATCH], [0.0; BATCH]);
        if extreme {
            add.copy_from_slice(&wild(&mut rng, BATCH));
            rescale.copy_from_slice(&wild(&mut rng, BATCH));
        } else {
            add.fill_with(|| unit(&mut rng));
            rescale.fill_with(|| unit(&mut rng) - 0.5);
        }
        // An empty lane.
        (add[3], rescale[3]) = (f32::INFINITY, 0.0);
        let (query, factors) = (Query { step: 0.37, offset: -3.1 }, Factors { add: &add, rescale: &rescale });
        let estimate = |level| {
            let mut out = [0.0; BATCH];
            estimates(level, &packed, &table, query, factors, 2.5, &mut out);
            out.map(f32::to_bits)
        };
        let judge = estimate(Level::SCALAR);
        assert_eq!(f32::from_bits(judge[3]), f32::INFINITY);
        for level in Level::each() {
            assert_eq!(estimate(level), judge, "{level}, {dims}");
            // A bound that is one of the estimates is not below itself.
            for bound in [f32::from_bits(judge[7]), 0.0, f32::NEG_INFINITY, f32::INFINITY, f32::MAX] {
                let mut out = [0.0; BATCH];
                let mask = estimates_below(level, &packed, &table, query, factors, (2.5, bound), &mut out);
                assert_eq!(out.map(f32::to_bits), judge, "{level}, {dims}");
                let want = (0..BATCH).filter(|&at| out[at] < bound).fold(0, |mask, at| mask | 1 << at);
                assert_eq!(mask, want, "{level}, {dims}, {bound}");
            }
        }
    }
}
