//! The fuzz bodies over seeds and some thousand seeded mutations of them.

use dolmen_base::Rng;
use dolmen_ring::check::{check_config, check_wire, check_wire_body};
use dolmen_ring::wire::encode;
use dolmen_ring::{Kind, Members, Node, Placement, Settings};

const CONFIGS: [&str; 6] = [
    include_str!("data/twemproxy.yml"),
    include_str!("data/haproxy.cfg"),
    include_str!("data/cluster_slots.txt"),
    include_str!("data/cluster_slots_raw.txt"),
    include_str!("data/nodetool_ring.txt"),
    "# nodes\na\nb=2@eu/r1\nc=0.5@us\n",
];

fn mutate(rng: &mut Rng, seed: &[u8]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..rng.range(1, 4) {
        let at = rng.below(bytes.len() as u64 + 1) as usize;
        match rng.below(4) {
            0 if at < bytes.len() => bytes[at] ^= 1 << rng.below(8),
            1 if at < bytes.len() => drop(bytes.remove(at)),
            2 => bytes.insert(at, *b"0 :-9#{}\"\n/=".get(rng.below(12) as usize).unwrap_or(&b'x')),
            _ => bytes.truncate(at),
        }
    }
    bytes
}

#[test]
fn config_readers() {
    let mut rng = Rng::new(4);
    for seed in CONFIGS {
        check_config(seed.as_bytes());
        for _ in 0..1500 {
            check_config(&mutate(&mut rng, seed.as_bytes()));
        }
    }
}

#[test]
fn serialised_form() {
    let mut rng = Rng::new(5);
    for kind in Kind::ALL {
        let settings = Settings { vnodes: 3, table_size: 13, capacity: 8, ..Settings::new(kind) };
        let mut placement = Placement::new(Members::numbered(5), settings).unwrap();
        placement.remove(placement.members().find("node-1").unwrap()).unwrap();
        placement.add(Node::parse("x@eu/r1").unwrap()).unwrap();
        let mut seed = Vec::new();
        encode(&placement, &mut seed);
        check_wire(&seed);
        let body = &seed[4..seed.len() - 4];
        check_wire_body(body);
        for _ in 0..300 {
            check_wire(&mutate(&mut rng, &seed));
            check_wire_body(&mutate(&mut rng, body));
        }
    }
}
