//! Groups of consumers, their offsets, and the log that remembers both: the topic `__consumer_offsets`.
//!
//! ```text
//!  classic     JoinGroup ─▶ all members are there ─▶ leader assigns ─▶ SyncGroup ─▶ Heartbeat …
//!              Empty ─▶ PreparingRebalance ─▶ CompletingRebalance ─▶ Stable;  a join or a leave begins anew
//!  consumer    ConsumerGroupHeartbeat: the broker assigns; a member is moved towards its target, what it must give up first
//!              group epoch ≥ target's epoch ≥ member's epoch
//!  offsets     committed at once, or pending until the marker of the producer's transaction stands in the same partition
//! ```
//! [`ask`] is what is asked and answered, [`serve`] its form on the wire, [`classic`] and [`consumer`] are the two protocols as functions of one group's
//! state, [`assignor`] divides partitions, [`offsets`] keeps what is committed, [`records`] is the form in the log, and [`machine`] orders it all: append
//! first, then remember, then answer.
//!
//! Source: KIP-62, KIP-345, KIP-394, KIP-447, KIP-800, KIP-848, KIP-1319, and the answers of Kafka 3.9.2 and 4.4.0.

pub mod ask;
pub mod assignor;
pub mod check;
pub mod classic;
pub mod consumer;
pub mod machine;
pub mod offsets;
pub mod permit;
pub mod records;
pub mod serve;

pub use ask::{Answer, Ask, Client};
pub use machine::{AppendError, Effect, Groups, Input, Settings};

/// The partition of `__consumer_offsets` or `__transaction_state` that a name belongs to: Java's hash of the string, without its sign.
pub fn partition_of(name: &str, partition_count: i32) -> i32 {
    let hash =
        name.encode_utf16().fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    // As Kafka's `Utils.abs`: the smallest number becomes 0.
    let hash = if hash == i32::MIN { 0 } else { hash.abs() };
    hash % partition_count.max(1)
}
