//! Who gets which partitions in a newer group: `uniform` and `range`.
//!
//! Both give every partition of a topic to one of the members that read it. `range` gives each topic's partitions in runs, in the order of names;
//! `uniform` gives everyone as many as the others, and leaves with a member what it has.
//!
//! Source: KIP-848.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use crate::wire::Uuid;

use super::consumer::Targets;

/// Names of the assignors; the first is the default.
pub const NAMES: &[&str] = &["uniform", "range"];

/// A member as an assignor sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subscriber {
    /// Its id.
    pub id: String,
    /// What it is sorted by: its name across restarts, or its id.
    pub order: String,
    /// What it reads.
    pub topics: BTreeSet<Uuid>,
}

/// What each member is to own. `before` is what it was to own so far.
pub fn assign(
    name: &str,
    subscribers: &[Subscriber],
    partition_counts: &BTreeMap<Uuid, i32>,
    before: &BTreeMap<String, Targets>,
) -> BTreeMap<String, Targets> {
    match name {
        "range" => range(subscribers, partition_counts),
        _ => uniform(subscribers, partition_counts, before),
    }
}

fn range(subscribers: &[Subscriber], partition_counts: &BTreeMap<Uuid, i32>) -> BTreeMap<String, Targets> {
    let mut out: BTreeMap<String, Targets> =
        subscribers.iter().map(|subscriber| (subscriber.id.clone(), Targets::new())).collect();
    let mut sorted: Vec<&Subscriber> = subscribers.iter().collect();
    sorted.sort_by(|a, b| (&a.order, &a.id).cmp(&(&b.order, &b.id)));
    for (topic, count) in partition_counts {
        let readers: Vec<&&Subscriber> = sorted.iter().filter(|s| s.topics.contains(topic)).collect();
        let Ok(reader_count) = i32::try_from(readers.len()) else { continue };
        let mut next = 0;
        for (at, reader) in (0..reader_count).zip(readers) {
            let len = count / reader_count + i32::from(at < count % reader_count);
            if len > 0 {
                out.entry(reader.id.clone()).or_default().insert(*topic, (next..next + len).collect());
            }
            next += len;
        }
    }
    out
}

/// A work sheet: loads by member, and who has what.
struct Sheet<'a> {
    subscribers: &'a [Subscriber],
    loads: Vec<usize>,
    owners: BTreeMap<Uuid, BTreeMap<i32, usize>>,
}

fn uniform(
    subscribers: &[Subscriber],
    partition_counts: &BTreeMap<Uuid, i32>,
    before: &BTreeMap<String, Targets>,
) -> BTreeMap<String, Targets> {
    let mut sheet = Sheet { subscribers, loads: [0].repeat(subscribers.len()), owners: BTreeMap::new() };
    sheet.keep(partition_counts, before);
    // Topics that few read first: their readers have the least choice.
    let mut topics: Vec<(usize, Uuid, i32)> = partition_counts
        .iter()
        .map(|(topic, count)| {
            (subscribers.iter().filter(|s| s.topics.contains(topic)).count(), *topic, *count)
        })
        .filter(|(readers, ..)| *readers > 0)
        .collect();
    topics.sort_unstable();
    for (_, topic, count) in &topics {
        sheet.give(*topic, *count);
    }
    for _ in 0..ROUNDS_MAX {
        let moved: usize = topics.iter().map(|(_, topic, _)| sheet.level(*topic)).sum();
        if moved == 0 {
            break;
        }
    }
    let mut out: BTreeMap<String, Targets> =
        subscribers.iter().map(|subscriber| (subscriber.id.clone(), Targets::new())).collect();
    for (topic, owners) in sheet.owners {
        for (partition, at) in owners {
            let targets = out.entry(subscribers[at].id.clone()).or_default();
            targets.entry(topic).or_default().insert(partition);
        }
    }
    out
}

impl Sheet<'_> {
    /// What members had and may still have.
    fn keep(&mut self, partition_counts: &BTreeMap<Uuid, i32>, before: &BTreeMap<String, Targets>) {
        for (at, subscriber) in self.subscribers.iter().enumerate() {
            let had = before.get(&subscriber.id).into_iter().flatten();
            for (topic, partitions) in had.filter(|(topic, _)| subscriber.topics.contains(*topic)) {
                let count = partition_counts.get(topic).copied().unwrap_or(0);
                for partition in partitions.iter().filter(|partition| **partition < count) {
                    let owners = self.owners.entry(*topic).or_default();
                    if !owners.contains_key(partition) {
                        owners.insert(*partition, at);
                        self.loads[at] += 1;
                    }
                }
            }
        }
    }

    /// Readers of a topic, the least loaded first.
    fn readers(&self, topic: Uuid) -> BTreeSet<(usize, usize)> {
        let reads = |(_, subscriber): &(usize, &Subscriber)| subscriber.topics.contains(&topic);
        self.subscribers.iter().enumerate().filter(reads).map(|(at, _)| (self.loads[at], at)).collect()
    }

    /// Partitions that nobody has go to the least loaded.
    fn give(&mut self, topic: Uuid, count: i32) {
        let mut readers = self.readers(topic);
        let owners = self.owners.entry(topic).or_default();
        for partition in 0..count {
            if owners.contains_key(&partition) {
                continue;
            }
            let Some((load, at)) = readers.pop_first() else { return };
            owners.insert(partition, at);
            self.loads[at] = load + 1;
            readers.insert((load + 1, at));
        }
    }

    /// Partitions of a topic move from who has two more than another reader; how many did.
    fn level(&mut self, topic: Uuid) -> usize {
        let mut readers = self.readers(topic);
        let mut owned: BTreeMap<usize, Vec<i32>> = BTreeMap::new();
        for (partition, at) in self.owners.get(&topic).into_iter().flatten() {
            owned.entry(*at).or_default().push(*partition);
        }
        let mut moved = 0;
        let mut done = BTreeSet::new();
        // The most loaded first; one that has nothing more of this topic is passed over.
        while let Some((load, at)) = readers.iter().rev().find(|(_, at)| !done.contains(at)).copied() {
            let Some((least, other)) = readers.first().copied() else { break };
            if load < least + 2 {
                break;
            }
            let Some(partition) = owned.get_mut(&at).and_then(Vec::pop) else {
                done.insert(at);
                continue;
            };
            readers.remove(&(load, at));
            readers.remove(&(least, other));
            readers.insert((load - 1, at));
            readers.insert((least + 1, other));
            self.loads[at] -= 1;
            self.loads[other] += 1;
            if let Some(owners) = self.owners.get_mut(&topic) {
                owners.insert(partition, other);
            }
            owned.entry(other).or_default().push(partition);
            moved += 1;
        }
        moved
    }
}

/// How often topics are levelled against each other; one round is enough where all members read the same.
const ROUNDS_MAX: usize = 16;
