//! What clients did and heard, and what a database may hold therefore. Each client writes keys of its own, and in every batch a counter, so that
//! what is found names the last batch that is there.

/// Keys of a client, the counter left out.
pub const KEYS: usize = 12;
pub const CLIENTS: usize = 3;
pub const FAMILIES: [&str; 3] = ["default", "other", "cold"];

/// What a client's keys hold: the number of the batch that set them; the counter last.
pub type Found = [Option<u64>; KEYS + 1];

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// No answer, or one that says that nobody knows.
    Unknown,
    /// Written, with this sequence number.
    Written(u64),
    /// It is not there and never will be.
    Refused,
}

#[derive(Clone, Debug)]
pub struct Wrote {
    /// Keys, and whether they are deleted.
    pub ops: Vec<(usize, bool)>,
    pub fate: Fate,
}

/// One client in one life.
#[derive(Clone, Debug, Default)]
pub struct Client {
    /// What was there when the life began.
    pub base: Found,
    /// The number of the first batch of this life.
    pub first: u64,
    pub batches: Vec<Wrote>,
    /// Up to this batch everything that was acknowledged is durable.
    pub durable: u64,
    /// The last batch that was acknowledged.
    pub acknowledged: u64,
}

#[derive(Clone, Debug, Default)]
pub struct Ledger {
    pub clients: [Client; CLIENTS],
    pub submitted: u64,
    pub answered: u64,
}

impl Ledger {
    /// A life begins with this.
    pub fn begin(found: [Found; CLIENTS]) -> Self {
        let client = |base: Found| {
            let last = base[KEYS].unwrap_or(0);
            Client { base, first: last + 1, durable: last, acknowledged: last, ..Client::default() }
        };
        Ledger { clients: found.map(client), ..Ledger::default() }
    }

    /// A client is about to write; the batch's number comes back.
    pub fn add(&mut self, client: usize, ops: Vec<(usize, bool)>) -> u64 {
        let of = &mut self.clients[client];
        of.batches.push(Wrote { ops, fate: Fate::Unknown });
        of.first + of.batches.len() as u64 - 1
    }

    pub fn hear(&mut self, client: usize, number: u64, fate: Fate) {
        let of = &mut self.clients[client];
        let at = (number - of.first) as usize;
        of.batches[at].fate = fate;
        if matches!(fate, Fate::Written(_)) {
            of.acknowledged = of.acknowledged.max(number);
        }
    }

    /// What every client was told so far: what a sync that begins now makes durable.
    pub fn acknowledged(&self) -> [u64; CLIENTS] {
        self.clients.each_ref().map(|client| client.acknowledged)
    }

    pub fn synced(&mut self, acknowledged: [u64; CLIENTS]) {
        for (client, number) in self.clients.iter_mut().zip(acknowledged) {
            client.durable = client.durable.max(number);
        }
    }

    /// Panics unless the database may hold `found` after a loss of power, `then` being what is known later of what was under way.
    pub fn check(&self, found: &[Found; CLIENTS], then: &Ledger, at: &str) {
        let mut newest = 0;
        for (number, (of, later)) in self.clients.iter().zip(&then.clients).enumerate() {
            of.check(&found[number], later, &format!("{at}, client {number}"));
            newest = newest.max(later.newest(of.last(&found[number])));
        }
        // A point in time of all clients together: nothing older than the newest is missing.
        for (number, (of, later)) in self.clients.iter().zip(&then.clients).enumerate() {
            let last = of.last(&found[number]);
            for (n, batch) in (later.first..).zip(&later.batches).filter(|(n, _)| *n > last) {
                let is_older = matches!(batch.fate, Fate::Written(sequence) if sequence <= newest);
                assert!(
                    !is_older,
                    "{at}: batch {n} of client {number} is missing, newer ones of others are there"
                );
            }
        }
    }

    /// What a client's keys hold at a sequence number, if that is certain.
    pub fn at(&self, client: usize, sequence: u64) -> Option<Found> {
        let of = &self.clients[client];
        let mut found = of.base;
        for (n, batch) in (of.first..).zip(&of.batches) {
            match batch.fate {
                Fate::Unknown => return None,
                Fate::Written(number) if number <= sequence => batch.apply(n, &mut found),
                Fate::Written(_) | Fate::Refused => {}
            }
        }
        Some(found)
    }
}

impl Wrote {
    fn apply(&self, number: u64, found: &mut Found) {
        for &(key, is_deletion) in &self.ops {
            found[key] = (!is_deletion).then_some(number);
        }
        found[KEYS] = Some(number);
    }
}

impl Client {
    fn last(&self, found: &Found) -> u64 {
        found[KEYS].unwrap_or(0)
    }

    /// The newest sequence number up to a batch.
    fn newest(&self, last: u64) -> u64 {
        let there = (self.first..).zip(&self.batches).filter(|(n, _)| *n <= last);
        let sequences = there.filter_map(|(_, b)| if let Fate::Written(s) = b.fate { Some(s) } else { None });
        sequences.max().unwrap_or(0)
    }

    fn check(&self, found: &Found, later: &Client, at: &str) {
        let last = self.last(found);
        assert!(last >= self.durable, "{at}: batch {last} is the last, {} was durable", self.durable);
        if last >= self.first {
            let fate = self.batches.get((last - self.first) as usize).map(|batch| batch.fate);
            assert!(
                fate.is_some_and(|fate| fate != Fate::Refused),
                "{at}: the last is {last}, which is {fate:?}"
            );
        }
        // What each key may hold: the last batch that is there for sure, or one behind it of which nobody knows.
        let mut may = self.base.map(|value| vec![value]);
        for ((n, batch), later) in (self.first..=last).zip(&self.batches).zip(&later.batches) {
            let mut set = [None; KEYS + 1];
            batch.apply(n, &mut set);
            let is_sure =
                n == last || matches!(batch.fate, Fate::Written(_)) || matches!(later.fate, Fate::Written(_));
            let is_out = batch.fate == Fate::Refused;
            for &(key, _) in batch.ops.iter().filter(|_| !is_out) {
                if is_sure {
                    may[key].clear();
                }
                may[key].push(set[key]);
            }
        }
        for key in 0..KEYS {
            assert!(
                may[key].contains(&found[key]),
                "{at}: key {key} holds {:?}, expected one of {:?}",
                found[key],
                may[key]
            );
        }
    }
}

/// The key's name.
pub fn key(client: usize, key: usize) -> Vec<u8> {
    format!("c{client}k{key:02}").into_bytes()
}

/// The family that a key lives in: counters are in the first.
pub fn family(key: usize) -> &'static str {
    if key == KEYS { FAMILIES[0] } else { FAMILIES[key % FAMILIES.len()] }
}
