//! A network between nodes: datagrams that are delayed, reordered, doubled and lost, and connections that keep their order
//! until they break.
//!
//! A connection that breaks loses a tail of what is under way in each direction; what comes before that tail still arrives,
//! perhaps after messages of a later connection, as bytes in a receiver's socket do. Both ends are told, after their last
//! message. Nothing arrives between nodes that are cut off from each other, and what is under way then is lost.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use dolmen_base::{Rng, Time, time::Duration};

dolmen_base::id_type! {
    /// A machine on the network.
    pub struct NodeId(u32);
}

dolmen_base::id_type! {
    /// A connection; never used again after it broke.
    pub struct LinkId(u64);
}

/// What may happen to messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weather {
    /// The least time under way, in nanoseconds.
    pub delay_ns_min: u64,
    /// The longest time under way, in nanoseconds; at least `delay_ns_min`.
    pub delay_ns_max: u64,
    /// Of a thousand datagrams and messages, how many take up to `stalled_ns_max` longer, as behind a full queue.
    pub stalled_per_mille: u32,
    /// The longest stall, in nanoseconds.
    pub stalled_ns_max: u64,
    /// Of a thousand datagrams, how many never arrive.
    pub lost_per_mille: u32,
    /// Of a thousand datagrams, how many arrive twice.
    pub doubled_per_mille: u32,
    /// Of a thousand messages on connections, how many break theirs.
    pub broken_per_mille: u32,
}

impl Weather {
    /// Nothing is lost; half a millisecond to two.
    pub const FAIR: Weather = Weather {
        delay_ns_min: 500_000,
        delay_ns_max: 2_000_000,
        stalled_per_mille: 0,
        stalled_ns_max: 0,
        lost_per_mille: 0,
        doubled_per_mille: 0,
        broken_per_mille: 0,
    };
    /// Everything happens often; a fifth of a second under way, now and then five.
    pub const HOSTILE: Weather = Weather {
        delay_ns_min: 100_000,
        delay_ns_max: 200_000_000,
        stalled_per_mille: 50,
        stalled_ns_max: 5_000_000_000,
        lost_per_mille: 100,
        doubled_per_mille: 100,
        broken_per_mille: 20,
    };
}

/// What a node learns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<M> {
    /// A datagram arrived.
    Datagram {
        /// Who sent it.
        from: NodeId,
        /// Where it arrived.
        to: NodeId,
        /// What it says.
        message: M,
    },
    /// A message arrived on a connection.
    Message {
        /// The connection.
        link: LinkId,
        /// Where it arrived.
        to: NodeId,
        /// What it says.
        message: M,
    },
    /// A connection broke; nothing more comes from it.
    Closed {
        /// The connection.
        link: LinkId,
        /// Who learns it.
        to: NodeId,
    },
}

/// How messages fared so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fates {
    /// Datagrams and messages that were sent.
    pub sent: u64,
    /// Those that arrived, each copy counted.
    pub arrived: u64,
    /// Those that will not arrive.
    pub lost: u64,
    /// Datagrams that were doubled.
    pub doubled: u64,
    /// Connections that broke.
    pub broken: u64,
}

#[derive(Debug)]
struct Link {
    ends: [NodeId; 2],
    /// When the last message to each end arrives: a later one arrives no sooner.
    last: [Time; 2],
}

/// The network. All chance comes from its seed.
#[derive(Debug)]
pub struct Network<M> {
    rng: Rng,
    weather: Weather,
    next: u64,
    links: BTreeMap<LinkId, Link>,
    under_way: BTreeMap<(Time, u64), Event<M>>,
    cuts: BTreeSet<(NodeId, NodeId)>,
    fates: Fates,
}

impl<M: Clone> Network<M> {
    /// An empty network.
    pub fn new(seed: u64, weather: Weather) -> Self {
        Network {
            rng: Rng::new(seed),
            weather,
            next: 0,
            links: BTreeMap::new(),
            under_way: BTreeMap::new(),
            cuts: BTreeSet::new(),
            fates: Fates::default(),
        }
    }

    /// Changes the weather for what is sent from now on.
    pub fn set_weather(&mut self, weather: Weather) {
        self.weather = weather;
    }

    /// How messages fared so far.
    pub fn fates(&self) -> Fates {
        self.fates
    }

    /// Sends a datagram. It may arrive late, twice, behind later ones, or never.
    pub fn post(&mut self, now: Time, from: NodeId, to: NodeId, message: M) {
        self.fates.sent += 1;
        if self.is_cut(from, to) || self.chance(self.weather.lost_per_mille) {
            self.fates.lost += 1;
            return;
        }
        if self.chance(self.weather.doubled_per_mille) {
            self.fates.doubled += 1;
            let at = now + self.delay();
            self.put(at, Event::Datagram { from, to, message: message.clone() });
        }
        let at = now + self.delay();
        self.put(at, Event::Datagram { from, to, message });
    }

    /// Opens a connection; `None` while the nodes are cut off from each other.
    pub fn connect(&mut self, now: Time, from: NodeId, to: NodeId) -> Option<LinkId> {
        if self.is_cut(from, to) {
            return None;
        }
        let link = LinkId::new(self.number());
        self.links.insert(link, Link { ends: [from, to], last: [now; 2] });
        Some(link)
    }

    /// Sends on a connection, to its other end. False if it broke: the message is lost.
    pub fn send(&mut self, now: Time, link: LinkId, from: NodeId, message: M) -> bool {
        self.fates.sent += 1;
        let delay = self.delay();
        let Some(state) = self.links.get_mut(&link) else {
            self.fates.lost += 1;
            return false;
        };
        let side = usize::from(state.ends[0] == from);
        let at = (now + delay).max(state.last[side]);
        state.last[side] = at;
        let to = state.ends[side];
        self.put(at, Event::Message { link, to, message });
        if self.chance(self.weather.broken_per_mille) {
            self.close(now, link);
        }
        true
    }

    /// Breaks a connection: some of what is under way still arrives, then each end is told. Broken already: nothing.
    pub fn close(&mut self, now: Time, link: LinkId) {
        let Some(state) = self.links.remove(&link) else { return };
        self.fates.broken += 1;
        for to in state.ends {
            let mine = |event: &Event<M>| matches!(event, Event::Message { link: l, to: t, .. } if (*l, *t) == (link, to));
            let keys: Vec<_> = self.under_way.iter().filter(|(_, e)| mine(e)).map(|(key, _)| *key).collect();
            let kept = self.rng.range(0, keys.len() as u64) as usize;
            for key in &keys[kept..] {
                self.under_way.remove(key);
                self.fates.lost += 1;
            }
            let last = keys[..kept].last().map_or(now, |(at, _)| *at);
            self.put(last.max(now), Event::Closed { link, to });
        }
    }

    /// Cuts two nodes off from each other: connections between them break, and what is under way is lost.
    pub fn cut(&mut self, now: Time, a: NodeId, b: NodeId) {
        self.cuts.insert(pair(a, b));
        let between = |link: &Link| pair(link.ends[0], link.ends[1]) == pair(a, b);
        let broken: Vec<_> = self.links.iter().filter(|(_, link)| between(link)).map(|(id, _)| *id).collect();
        broken.iter().for_each(|&link| self.close(now, link));
        let before = self.under_way.len();
        self.under_way.retain(|_, event| match event {
            Event::Datagram { from, to, .. } => pair(*from, *to) != pair(a, b),
            Event::Message { link, .. } => !broken.contains(link),
            Event::Closed { .. } => true,
        });
        self.fates.lost += (before - self.under_way.len()) as u64;
    }

    /// Lets two nodes reach each other again.
    pub fn heal(&mut self, a: NodeId, b: NodeId) {
        self.cuts.remove(&pair(a, b));
    }

    /// Lets all nodes reach each other again.
    pub fn heal_all(&mut self) {
        self.cuts.clear();
    }

    /// A node's memory is gone: its connections break and what is under way to it is lost. What it sent still arrives.
    pub fn crash(&mut self, now: Time, node: NodeId) {
        let broken: Vec<_> =
            self.links.iter().filter(|(_, l)| l.ends.contains(&node)).map(|(id, _)| *id).collect();
        broken.iter().for_each(|&link| self.close(now, link));
        let before = self.under_way.len();
        self.under_way.retain(|_, event| match event {
            Event::Datagram { to, .. } | Event::Message { to, .. } | Event::Closed { to, .. } => *to != node,
        });
        self.fates.lost += (before - self.under_way.len()) as u64;
    }

    /// When the next event happens.
    pub fn next_at(&self) -> Option<Time> {
        self.under_way.keys().next().map(|(at, _)| *at)
    }

    /// Takes the next event that happens no later than `now`.
    pub fn poll(&mut self, now: Time) -> Option<Event<M>> {
        let entry = self.under_way.first_entry().filter(|entry| entry.key().0 <= now)?;
        let event = entry.remove();
        self.fates.arrived += u64::from(!matches!(event, Event::Closed { .. }));
        Some(event)
    }

    fn is_cut(&self, a: NodeId, b: NodeId) -> bool {
        self.cuts.contains(&pair(a, b))
    }

    fn chance(&mut self, per_mille: u32) -> bool {
        per_mille > 0 && self.rng.below(1000) < u64::from(per_mille)
    }

    fn delay(&mut self) -> Duration {
        let low = self.weather.delay_ns_min;
        let delay = self.rng.range(low, self.weather.delay_ns_max.max(low));
        let is_stalled = self.chance(self.weather.stalled_per_mille);
        let stall = if is_stalled { self.rng.range(0, self.weather.stalled_ns_max) } else { 0 };
        Duration::from_nanos(delay.saturating_add(stall))
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn put(&mut self, at: Time, event: Event<M>) {
        let number = self.number();
        self.under_way.insert((at, number), event);
    }
}

/// The pair in one order, whoever is named first.
fn pair(a: NodeId, b: NodeId) -> (NodeId, NodeId) {
    if a <= b { (a, b) } else { (b, a) }
}
