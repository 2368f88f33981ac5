//! What can be wrong, as values: numbers and ids in the fields, sentences in one place.

use core::fmt;

use crate::members::NodeId;

/// Why a ring, a change or a file was refused.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum RingError {
    /// Invalid: a node without a name.
    EmptyName,
    /// Invalid: a name, zone or rack longer than the limit, in bytes.
    NameTooLong {
        /// Its length.
        len: usize,
        /// The limit.
        max: usize,
    },
    /// Invalid: a name with a control character, a comma or white space.
    NameCharacter {
        /// Byte offset in the name.
        at: usize,
    },
    /// Invalid: two nodes of one name; the second one's place in the list.
    DuplicateName {
        /// Place of the second, counted from 0.
        index: usize,
    },
    /// Invalid: a weight that is not a number, negative, infinite or above [`crate::limits::WEIGHT_MAX`].
    Weight {
        /// What was given.
        value: f64,
    },
    /// Invalid: a weight that is no number at all.
    WeightSyntax,
    /// Invalid: no node has this name or id.
    UnknownNode,
    /// Invalid: no hash function has this name.
    UnknownHash,
    /// Invalid: no algorithm has this name.
    UnknownAlgorithm,
    /// Invalid: `--hash decimal` needs keys that are decimal numbers below 2^64.
    NotDecimal,
    /// Invalid: nobody can own a key: no nodes, or all weights are zero.
    EmptyRing,
    /// Invalid: more replicas than nodes that can own keys.
    TooManyReplicas {
        /// Replicas asked for.
        wanted: usize,
        /// Nodes with a weight above zero.
        nodes: usize,
    },
    /// Invalid: more replicas than zones, where one replica per zone was demanded.
    TooManyReplicasForZones {
        /// Replicas asked for.
        wanted: usize,
        /// Zones with an owning node.
        zones: usize,
    },
    /// Invalid: fewer racks than the replication factor, so that ownership cannot be balanced per rack.
    TooFewRacks {
        /// Racks in the data centre.
        racks: usize,
        /// Replication factor.
        replicas: usize,
    },
    /// Invalid: an option outside its range.
    Option {
        /// Which option, by its name.
        name: &'static str,
        /// What was given.
        value: u64,
        /// Smallest value.
        min: u64,
        /// Largest value.
        max: u64,
    },
    /// Invalid: a Maglev table whose size is not prime.
    NotPrime {
        /// The size.
        size: u64,
    },
    /// Limit: more nodes than a table has slots, or than an algorithm was built for.
    Capacity {
        /// Nodes asked for.
        nodes: usize,
        /// What there is room for.
        capacity: usize,
    },
    /// Limit: more points than a ring may have.
    TooManyPoints {
        /// Points asked for.
        points: u64,
        /// The limit.
        max: u64,
    },
    /// Unsupported: this algorithm cannot give nodes different weights.
    WeightsDiffer {
        /// A node whose weight differs from the first one's.
        node: NodeId,
    },
    /// Unsupported: the algorithm has no such operation.
    Operation {
        /// What, in the field's words.
        what: &'static str,
    },
    /// Corrupt: a serialised ring or a configuration that is damaged, with the byte offset.
    Corrupt {
        /// Byte offset.
        at: usize,
        /// What was expected there.
        expected: &'static str,
    },
    /// Invalid: a line of a configuration or node list that cannot be understood.
    Line {
        /// Line, counted from 1.
        line: usize,
        /// What was expected there.
        expected: &'static str,
    },
    /// Unsupported: a format version, hash or rule that this build does not know.
    Unsupported {
        /// What, in the field's words.
        what: &'static str,
    },
    /// Invalid: every node is at its bound.
    Full,
}

impl fmt::Display for RingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use RingError as E;
        match self {
            E::EmptyName => f.write_str("a node needs a name"),
            E::NameTooLong { len, max } => write!(f, "a name of {len} bytes is longer than {max}"),
            E::NameCharacter { at } => {
                write!(f, "a name holds a control character, white space, a comma, '=' or '@' at byte {at}")
            }
            E::DuplicateName { index } => {
                write!(f, "node {} of the list has the name of an earlier one", index + 1)
            }
            E::Weight { value } => {
                write!(f, "weight {value} is not a number from 0 to {}", crate::limits::WEIGHT_MAX)
            }
            E::WeightSyntax => f.write_str("a weight must be a number"),
            E::UnknownNode => f.write_str("no node of this name"),
            E::UnknownHash => f.write_str("no hash function of this name"),
            E::UnknownAlgorithm => f.write_str("no algorithm of this name"),
            E::NotDecimal => f.write_str("the key must be a decimal number below 2^64"),
            E::EmptyRing => f.write_str("the ring is empty: no node has a weight above zero"),
            E::TooManyReplicas { wanted, nodes } => {
                write!(f, "{wanted} replicas need {wanted} nodes with a weight above zero, there are {nodes}")
            }
            E::TooManyReplicasForZones { wanted, zones } => {
                write!(f, "{wanted} replicas in distinct zones need {wanted} zones, there are {zones}")
            }
            E::TooFewRacks { racks, replicas } => {
                write!(
                    f,
                    "{racks} racks are fewer than the replication factor {replicas}: allocation refused"
                )
            }
            E::Option { name, value, min, max } => write!(f, "{name} is {value}, expected {min} to {max}"),
            E::NotPrime { size } => write!(f, "a Maglev table needs a prime size, {size} is not prime"),
            E::Capacity { nodes, capacity } => write!(f, "{nodes} nodes exceed the capacity of {capacity}"),
            E::TooManyPoints { points, max } => write!(f, "{points} points exceed the limit of {max}"),
            E::WeightsDiffer { node } => {
                write!(f, "this algorithm gives every node the same weight, node number {node} has another")
            }
            E::Operation { what } => write!(f, "this algorithm cannot {what}"),
            E::Corrupt { at, expected } => write!(f, "damaged at byte {at}: expected {expected}"),
            E::Line { line, expected } => write!(f, "line {line}: expected {expected}"),
            E::Unsupported { what } => write!(f, "not supported: {what}"),
            E::Full => f.write_str("every node is at its bound"),
        }
    }
}

impl core::error::Error for RingError {}
