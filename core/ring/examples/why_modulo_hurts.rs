//! Lesson: why `hash mod n` hurts. One node more, and nearly every key has another owner.
//!
//! `cargo run -p dolmen-ring --example why_modulo_hurts`

use dolmen_ring::analysis::movement;
use dolmen_ring::{Kind, Members, Node, Placement, Settings};

fn main() -> Result<(), dolmen_ring::RingError> {
    let keys: Vec<String> = (0..10_000).map(|i| format!("user:{i}")).collect();
    println!("From 10 nodes to 11, of 10,000 keys:");
    for kind in [Kind::Modulo, Kind::Jump, Kind::Ring, Kind::Rendezvous, Kind::Anchor] {
        let before = Placement::new(Members::numbered(10), Settings::new(kind))?;
        let mut after = before.clone();
        after.add(Node::new("node-10")?)?;
        let report = movement(&before, &after, keys.iter().map(String::as_bytes))?;
        // A key may move to the new node; a move between two old nodes was for nothing.
        println!("{kind:12} {:5} move, {:5} of them for nothing", report.moved, report.over_moved);
    }
    println!("{:12} {:5.0} is the least that can move", "ideal", 10_000.0 / 11.0);
    Ok(())
}
