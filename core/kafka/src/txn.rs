//! The transaction coordinator: who may write under a transactional id, and how each transaction ends.
//!
//! ```text
//!                       AddPartitions                EndTxn                markers everywhere
//!        Init   Empty ────────────────▶ Ongoing ─────────────▶ PrepareX ─────────────────────▶ CompleteX
//!       ┌──────▶  ▲                     ▲  │                                                       │ │
//!       │         │                     │  └── fence: epoch + 1, abort ──▶ PrepareAbort            │ │
//!       │         └──────── Init ───────┼──────────────────────────────────────────────────────────┘ │
//!       └ expired: Dead                 └────────────────────── AddPartitions ───────────────────────┘
//! ```
//! [`state`] is what is remembered of one id and how it is logged; [`decide`] holds every decision as a function of that and of one request;
//! [`machine`] orders them: append first, then remember, then answer.
//!
//! Source: KIP-98, KIP-360, KIP-447, KIP-890, and the answers of Kafka 3.9.2 and 4.4.0.

pub mod decide;
pub mod machine;
pub mod state;

pub use machine::{Coordinator, Effect, Input, Settings};
pub use state::{Entry, Producer, Status, TransactionVersion};
