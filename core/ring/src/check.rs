//! Bodies of the fuzz targets: each takes any bytes and asserts what must hold for all of them.

use alloc::vec::Vec;

use crate::config::{Config, read_node_list, write_node_list};
use crate::wire::{decode, encode};

/// Any text: the readers return, and what was understood routes keys without panicking.
pub fn check_config(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    if let Ok(config) = Config::read(text) {
        for key in [&b""[..], b"a", b"{tag}key", &[0xff, 0x00, 0x7b]] {
            if let Ok(owner) = config.owner(key) {
                assert!(!owner.is_empty(), "an owner has a name");
            }
        }
    }
    if let Ok(members) = read_node_list(text) {
        let again = read_node_list(&write_node_list(&members)).expect("what is written reads back");
        assert_eq!(again, members);
    }
}

/// Any bytes: a serialised placement is refused or reads back to itself.
pub fn check_wire(data: &[u8]) {
    let Ok(described) = decode(data) else { return };
    if described.members.len() > 64 || described.settings.vnodes > 256 || described.settings.table_size > 4096
    {
        return;
    }
    if described.members.total_weight() > 256.0 || described.settings.capacity > 4096 {
        return;
    }
    let Ok(placement) = described.build() else { return };
    let mut out = Vec::new();
    encode(&placement, &mut out);
    let again = decode(&out).and_then(|d| d.build()).expect("what is written reads back");
    assert_eq!(again.members(), placement.members());
    for key in 0..64u64 {
        let key = crate::hash::mix64(key);
        assert_eq!(again.algorithm().owner(key), placement.algorithm().owner(key));
    }
}

/// The same with a good checksum put behind the bytes, so that what lies behind it is reached.
pub fn check_wire_body(data: &[u8]) {
    let mut bytes = b"DRNG".to_vec();
    bytes.extend_from_slice(data);
    let crc = dolmen_codec::checksum::crc32c(&bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    check_wire(&bytes);
}
