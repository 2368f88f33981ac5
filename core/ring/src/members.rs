//! Nodes: names, weights, zones and racks, and the list that gives them ids.
//!
//! A name is the node's identity on the wire; an id is its place in this list and never leaves the process. Ids of removed
//! nodes stay vacant, so that an id that a reader still holds never means another node.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::error::RingError;
use crate::limits::{NAME_LEN_MAX, NODES_MAX, WEIGHT_MAX};

dolmen_base::id_type! {
    /// A node's place in its [`Members`].
    pub struct NodeId(u32);
}

/// A share of the keys relative to the other nodes': finite, from 0 to [`WEIGHT_MAX`]. Zero owns nothing.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Weight(f64);

impl Weight {
    /// The weight of a node that says nothing.
    pub const ONE: Weight = Weight(1.0);

    /// Checks the number.
    ///
    /// # Errors
    /// [`RingError::Weight`] for NaN, negative numbers and what lies above [`WEIGHT_MAX`].
    pub fn new(value: f64) -> Result<Self, RingError> {
        if (0.0..=WEIGHT_MAX).contains(&value) {
            Ok(Weight(value + 0.0))
        } else {
            Err(RingError::Weight { value })
        }
    }

    /// The number.
    #[inline]
    pub const fn get(self) -> f64 {
        self.0
    }

    /// Whether the node owns nothing.
    #[inline]
    pub fn is_zero(self) -> bool {
        self.0 == 0.0
    }
}

impl core::str::FromStr for Weight {
    type Err = RingError;

    fn from_str(text: &str) -> Result<Self, RingError> {
        Weight::new(text.parse().map_err(|_| RingError::WeightSyntax)?)
    }
}

/// A node that keys can be given to.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    name: String,
    weight: Weight,
    zone: String,
    rack: String,
}

impl Node {
    /// A node of weight 1 in no zone.
    ///
    /// # Errors
    /// [`RingError::EmptyName`], [`RingError::NameTooLong`] or [`RingError::NameCharacter`].
    pub fn new(name: &str) -> Result<Self, RingError> {
        if name.is_empty() {
            return Err(RingError::EmptyName);
        }
        check_word(name)?;
        Ok(Node { name: name.to_string(), weight: Weight::ONE, zone: String::new(), rack: String::new() })
    }

    /// The node with this weight.
    #[must_use]
    pub fn with_weight(mut self, weight: Weight) -> Self {
        self.weight = weight;
        self
    }

    /// The node in this zone and rack; empty means none.
    ///
    /// # Errors
    /// As for the name, but both may be empty; a zone holds no `/`.
    pub fn with_place(mut self, zone: &str, rack: &str) -> Result<Self, RingError> {
        check_word(zone)?;
        check_word(rack)?;
        if let Some(at) = zone.find('/') {
            return Err(RingError::NameCharacter { at });
        }
        self.zone = zone.to_string();
        self.rack = rack.to_string();
        Ok(self)
    }

    /// Reads `name[=weight][@zone[/rack]]`.
    ///
    /// # Errors
    /// What the parts say.
    pub fn parse(text: &str) -> Result<Self, RingError> {
        let (rest, place) = text.rsplit_once('@').unwrap_or((text, ""));
        let (name, weight) =
            rest.rsplit_once('=').map_or((rest, None), |(name, weight)| (name, Some(weight)));
        let (zone, rack) = place.split_once('/').unwrap_or((place, ""));
        let weight = weight.map_or(Ok(Weight::ONE), str::parse)?;
        Node::new(name)?.with_weight(weight).with_place(zone, rack)
    }

    /// Its name: the identity that is hashed.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its share.
    pub fn weight(&self) -> Weight {
        self.weight
    }

    /// Its zone; empty means none.
    pub fn zone(&self) -> &str {
        &self.zone
    }

    /// Its rack within the zone; empty means none.
    pub fn rack(&self) -> &str {
        &self.rack
    }
}

impl core::fmt::Display for Node {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.name)?;
        if self.weight != Weight::ONE {
            write!(f, "={}", self.weight.get())?;
        }
        if !self.zone.is_empty() || !self.rack.is_empty() {
            write!(f, "@{}", self.zone)?;
        }
        if !self.rack.is_empty() {
            write!(f, "/{}", self.rack)?;
        }
        Ok(())
    }
}

/// The nodes of a ring, in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Members {
    slots: Vec<Option<Node>>,
    by_name: BTreeMap<String, NodeId>,
}

impl Members {
    /// Nobody.
    pub fn new() -> Self {
        Members::default()
    }

    /// These nodes, ids counted from 0 in their order.
    ///
    /// # Errors
    /// [`RingError::DuplicateName`], [`RingError::Capacity`].
    pub fn from_nodes(nodes: impl IntoIterator<Item = Node>) -> Result<Self, RingError> {
        let mut members = Members::new();
        for node in nodes {
            members.insert(node)?;
        }
        Ok(members)
    }

    /// Reads `a,b=2,c=0.5@zone/rack`.
    ///
    /// # Errors
    /// What [`Node::parse`] and [`Members::from_nodes`] say.
    pub fn parse(text: &str) -> Result<Self, RingError> {
        let mut members = Members::new();
        for part in text.split(',') {
            members.insert(Node::parse(part.trim())?)?;
        }
        Ok(members)
    }

    /// `count` nodes called `node-0`, `node-1` …, weight 1.
    pub fn numbered(count: usize) -> Self {
        let node = |i: usize| Node {
            name: alloc::format!("node-{i}"),
            weight: Weight::ONE,
            zone: String::new(),
            rack: String::new(),
        };
        let slots: Vec<_> = (0..count.min(NODES_MAX)).map(|i| Some(node(i))).collect();
        let by_name =
            slots.iter().flatten().zip(0..).map(|(n, i)| (n.name.clone(), NodeId::new(i))).collect();
        Members { slots, by_name }
    }

    /// Adds a node behind all others.
    ///
    /// # Errors
    /// [`RingError::DuplicateName`], [`RingError::Capacity`].
    pub fn insert(&mut self, node: Node) -> Result<NodeId, RingError> {
        let index = self.slots.len();
        if self.by_name.contains_key(&node.name) {
            return Err(RingError::DuplicateName { index });
        }
        if index >= NODES_MAX {
            return Err(RingError::Capacity { nodes: index + 1, capacity: NODES_MAX });
        }
        let id = NodeId::new(index as u32);
        self.by_name.insert(node.name.clone(), id);
        self.slots.push(Some(node));
        Ok(id)
    }

    /// Takes a node away; its id stays vacant.
    ///
    /// # Errors
    /// [`RingError::UnknownNode`].
    pub fn remove(&mut self, id: NodeId) -> Result<Node, RingError> {
        let node =
            self.slots.get_mut(id.get() as usize).and_then(Option::take).ok_or(RingError::UnknownNode)?;
        self.by_name.remove(&node.name);
        Ok(node)
    }

    /// Takes back the newest node as if it had never come.
    pub(crate) fn undo_insert(&mut self, id: NodeId) {
        if id.get() as usize + 1 == self.slots.len()
            && let Some(Some(node)) = self.slots.pop()
        {
            self.by_name.remove(&node.name);
        }
    }

    /// Gives a node another weight; the old one comes back.
    ///
    /// # Errors
    /// [`RingError::UnknownNode`].
    pub fn set_weight(&mut self, id: NodeId, weight: Weight) -> Result<Weight, RingError> {
        let slot = self.slots.get_mut(id.get() as usize).and_then(Option::as_mut);
        Ok(core::mem::replace(&mut slot.ok_or(RingError::UnknownNode)?.weight, weight))
    }

    /// Moves a node to another zone and rack.
    ///
    /// # Errors
    /// [`RingError::UnknownNode`], and what [`Node::with_place`] says.
    pub fn set_place(&mut self, id: NodeId, zone: &str, rack: &str) -> Result<(), RingError> {
        let slot =
            self.slots.get_mut(id.get() as usize).and_then(Option::as_mut).ok_or(RingError::UnknownNode)?;
        *slot = slot.clone().with_place(zone, rack)?;
        Ok(())
    }

    /// The node with this id.
    pub fn get(&self, id: NodeId) -> Option<&Node> {
        self.slots.get(id.get() as usize)?.as_ref()
    }

    /// The name of a node, empty for a vacant id.
    pub fn name(&self, id: NodeId) -> &str {
        self.get(id).map_or("", Node::name)
    }

    /// The id of this name.
    pub fn find(&self, name: &str) -> Option<NodeId> {
        self.by_name.get(name).copied()
    }

    /// All nodes in the order of their ids.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (NodeId, &Node)> {
        self.slots.iter().enumerate().filter_map(|(i, n)| Some((NodeId::new(i as u32), n.as_ref()?)))
    }

    /// Nodes that can own keys (weight above zero), in the order of their ids.
    pub fn owning(&self) -> impl DoubleEndedIterator<Item = (NodeId, &Node)> {
        self.iter().filter(|(_, node)| !node.weight.is_zero())
    }

    /// Ids in the order of the nodes' names (bytes), which is the same whatever the order they came in.
    pub fn by_name(&self) -> impl DoubleEndedIterator<Item = (NodeId, &Node)> {
        self.by_name.values().filter_map(|&id| Some((id, self.get(id)?)))
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// One more than the largest id ever given: the length of a table with a place for every id.
    pub fn id_bound(&self) -> usize {
        self.slots.len()
    }

    /// Sum of all weights.
    pub fn total_weight(&self) -> f64 {
        self.iter().map(|(_, n)| n.weight.get()).sum()
    }

    /// Refuses weights that differ among the nodes that own keys.
    pub(crate) fn check_equal_weights(&self) -> Result<(), RingError> {
        let mut owning = self.owning();
        let Some((_, first)) = owning.next() else { return Ok(()) };
        match owning.find(|(_, n)| n.weight != first.weight) {
            Some((node, _)) => Err(RingError::WeightsDiffer { node }),
            None => Ok(()),
        }
    }
}

fn check_word(word: &str) -> Result<(), RingError> {
    if word.len() > NAME_LEN_MAX {
        return Err(RingError::NameTooLong { len: word.len(), max: NAME_LEN_MAX });
    }
    match word.find(|c: char| c.is_control() || c.is_whitespace() || matches!(c, ',' | '=' | '@')) {
        Some(at) => Err(RingError::NameCharacter { at }),
        None => Ok(()),
    }
}
