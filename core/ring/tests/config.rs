//! Readers of Redis' and Cassandra's answers and of node lists; HAProxy's and twemproxy's are judged by those programs.

use dolmen_ring::config::{Config, read_cluster_slots, read_node_list, read_nodetool_ring, write_node_list};
use dolmen_ring::slots::Slot;
use dolmen_ring::{Algorithm, NodeId, RingError};

#[test]
fn cluster_slots_in_both_forms() {
    let (members, slots) = read_cluster_slots(include_str!("data/cluster_slots.txt")).unwrap();
    let owner = |slot| slots.owner_of(Slot::new(slot)).map(|id| members.name(id));
    assert_eq!([0, 5460, 5461, 10_922, 10_923, 16_383].map(owner), {
        let [a, b, c] = [1, 2, 3].map(|i| format!("127.0.0.1:3000{i}"));
        [&a, &a, &b, &b, &c, &c].map(|n| members.find(n).map(|id| members.name(id)))
    });
    let mut walk = Vec::new();
    slots.walk(12, &mut |id| {
        walk.push(members.name(id).to_string());
        if walk.len() < 2 { std::ops::ControlFlow::Continue(()) } else { std::ops::ControlFlow::Break(()) }
    });
    assert_eq!(walk, ["127.0.0.1:30001", "127.0.0.1:30004"], "the master, then its replica");
    let raw = Config::read(include_str!("data/cluster_slots_raw.txt")).unwrap();
    assert_eq!((raw.owner(b"foo"), raw.owner(b"bar")), (Ok("127.0.0.1:30002"), Ok("127.0.0.1:30001")));
    assert!(matches!(read_cluster_slots("0\n16384\n"), Err(RingError::Line { line: 1, .. })));
    assert!(matches!(read_cluster_slots("5\n4\n"), Err(RingError::Line { line: 1, .. })));
}

#[test]
fn nodetool_ring_with_places() {
    let ring = read_nodetool_ring(include_str!("data/nodetool_ring.txt")).unwrap();
    assert_eq!((ring.members.len(), ring.tokens.len()), (3, 4));
    let first = ring.members.get(NodeId::new(0)).unwrap();
    assert_eq!((first.name(), first.zone(), first.rack()), ("10.0.0.1", "dc1", "rack1"));
    // The token of "123" is -7468325962851647638: after -2^63, up to -3074457345618258603.
    let config = Config::Nodetool(ring);
    assert_eq!(config.owner(b"123"), Ok("10.0.0.2"));
    assert!(matches!(
        Config::read("Address Token\n10.0.0.1 r Up Normal x%  abc\n"),
        Err(RingError::Line { line: 2, .. })
    ));
}

#[test]
fn node_lists_read_back() {
    let members = read_node_list("# cluster\na\nb=2.5@eu/r1 # big\n\nc@us\n").unwrap();
    assert_eq!(write_node_list(&members), "a\nb=2.5@eu/r1\nc@us\n");
    assert!(matches!(read_node_list("a\nb=x\n"), Err(RingError::Line { line: 2, .. })));
    assert!(matches!(read_node_list("a\n\na\n"), Err(RingError::Line { line: 3, .. })));
    assert!(matches!(Config::read("hello\n"), Err(RingError::Line { line: 1, .. })));
    assert!(matches!(Config::read(""), Err(RingError::Line { line: 1, .. })));
}

/// Only the servers, as one copies them out of a configuration: the same owners as below `hash-type consistent`.
#[test]
fn a_bare_list_of_haproxy_servers() {
    let list =
        "server one 10.0.0.1:80 weight 10\nserver two 10.0.0.2:80 weight 20 id 7\nserver three 10.0.0.3:80\n";
    let bare = Config::read(list).unwrap();
    let backend = Config::read(&format!("backend b\n  hash-type consistent\n{list}")).unwrap();
    for key in (0..500).map(|i| format!("key-{i}")) {
        assert_eq!(bare.owner(key.as_bytes()), backend.owner(key.as_bytes()));
    }
    let map_based = Config::read(&format!("backend b\n{list}"));
    assert!(matches!(map_based, Err(RingError::Unsupported { .. })));
}
