//! What does finding a key's owner among 100 nodes cost, per algorithm?

use criterion::{Criterion, criterion_group, criterion_main};
use dolmen_benches::key;
use dolmen_ring::{Kind, Members, Placement, Settings};

fn owners(c: &mut Criterion) {
    let mut group = c.benchmark_group("ring/owner of 100 nodes");
    for kind in Kind::ALL {
        let Ok(placement) = Placement::new(Members::numbered(100), Settings::new(kind)) else { continue };
        let mut number = 0;
        group.bench_function(format!("{kind:?}"), |b| {
            b.iter(|| {
                number += 1;
                placement.owner(&key(number))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, owners);
criterion_main!(benches);
