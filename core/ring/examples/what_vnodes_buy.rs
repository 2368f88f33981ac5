//! Lesson: what virtual nodes buy. More points a node make the shares even (the deviation falls with the square root), and
//! cost memory; tokens that an allocator chooses do better with a tenth of them.
//!
//! `cargo run -p dolmen-ring --example what_vnodes_buy`

use dolmen_ring::analysis::balance_of_arcs;
use dolmen_ring::{Kind, Members, Placement, RingError, Settings};

fn main() -> Result<(), RingError> {
    let row = |kind, vnodes| -> Result<(), RingError> {
        let placement = Placement::new(Members::numbered(100), Settings { vnodes, ..Settings::new(kind) })?;
        let ring = placement.ring().expect("both kinds are rings");
        let report = balance_of_arcs(ring, placement.members())?;
        let bytes = placement.algorithm().heap_bytes() / 100;
        println!(
            "{kind:16} {vnodes:5} points  busiest {:.2} of its share  idlest {:.2}  deviation {:.3}  {bytes:6} bytes a node",
            report.peak, report.min, report.deviation
        );
        Ok(())
    };
    for vnodes in [1, 10, 40, 160, 640, 2560] {
        row(Kind::Ring, vnodes)?;
    }
    row(Kind::TokenAllocator, 16)
}
