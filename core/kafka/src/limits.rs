//! Every limit, with its reason.

/// The largest value of a batch's length field: what Kafka's 32-bit sizes can hold with room for a segment's other batches.
pub const BATCH_LEN_MAX: usize = 1 << 30;
