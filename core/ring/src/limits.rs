//! Every limit of this crate, with its reason.

/// Longest name of a node, zone or rack in bytes: a DNS name (253) fits, and a serialised ring stays bounded.
pub const NAME_LEN_MAX: usize = 255;

/// Most nodes: ids are 32 bits, and this leaves a table of 160 points per node within [`POINTS_MAX`].
pub const NODES_MAX: usize = 1 << 20;

/// Largest weight: point counts and Maglev targets stay exact in their integer and float types.
pub const WEIGHT_MAX: f64 = 1e6;

/// Most points of one ring: 2^26 points are 800 MiB, more is a mistake in a weight or a vnode count.
pub const POINTS_MAX: u64 = 1 << 26;

/// Most virtual nodes of a node of weight 1.
pub const VNODES_MAX: u32 = 1 << 16;

/// Largest Maglev table: below 2^24 slots a slot's index and every intermediate sum fit 32 bits with room.
pub const MAGLEV_SIZE_MAX: u32 = 1 << 24;

/// Most probes of multi-probe hashing: 1 + 1/ε probes give 1 + ε, and beyond this ε is below 1/250.
pub const PROBES_MAX: u32 = 255;

/// Longest configuration text in bytes that a reader accepts.
pub const CONFIG_LEN_MAX: usize = 16 << 20;

/// Most replicas of a key.
pub const REPLICAS_MAX: usize = 64;
