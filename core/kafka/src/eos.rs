//! Exactly once, seen from the client: read, transform, write, and commit what was read together with what was written.
//!
//! ```text
//!   Open ─▶ Join ─▶ Committed ─▶ Rewind ─▶ Read ─▶ Transform.. ─▶ Begin ─▶ Send ─▶ Offsets ─▶ Commit ─┐
//!     ▲                 ▲                   ▲                        │       │        │          │    │
//!     │                 └────── Abort ◀─────┼────────────────────────┴───────┴────────┴──────────┤    │
//!     └── the producer is of no use any more, or nobody knows how the commit ended ◀─────────────┘    │
//!                                           └─────────────────────────────────────────────────────────┘
//! ```
//! The truth is with the broker: after anything that went wrong the next place to read from is what the group has committed, asked for when no
//! transaction of ours is open. So a crash between any two steps repeats work and never its result.
//!
//! 1. A batch is written, and its offsets sent, only when all its records are transformed; nothing is read in between. A rebalance therefore never
//!    meets an open transaction: what was read of lost partitions is forgotten.
//! 2. When a commit's answer was lost the producer is opened anew before the next transaction: its higher epoch shuts out a late EndTxn, which
//!    could otherwise end the next transaction (Jepsen's torn transaction; brokers before KIP-890).
//! 3. A record that cannot be transformed becomes a dead letter in the same transaction. If the broker refuses a batch for what is in it, its records
//!    go one by one, and the one that is refused alone is the dead letter.
//! 4. A producer that was shut out stops, since another has its name; unless its transaction was open for longer than the broker allows.
//!
//! The same machine relays an outbox (what is read comes from a table) and feeds a sink (what is written goes to a store): [`machine`] asks for
//! effects and says nothing of who carries them out. [`decide`] holds the decisions, [`dedupe`] what a sink remembers of messages, [`outbox`] how a
//! table of records that wait lies in a store.
//!
//! Source: KIP-98, KIP-360, KIP-447, KIP-890; the error classes of Kafka's TransactionManager.

pub mod decide;
pub mod dedupe;
pub mod machine;
pub mod outbox;

pub use decide::{Class, Fault, Phase, Reaction};
pub use machine::{Arrived, Effect, Input, Machine, Metrics, PartitionId, Reading, Settings, Why};
