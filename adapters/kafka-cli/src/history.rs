//! `dolmen kafka verify-history`: what clients saw, judged.
//!
//! A history is one JSON object per line, in the order of the clock:
//!
//! ```text
//! {"type":"init","process":1,"id":"pay"}                                              a producer has opened a transactional id
//! {"type":"send","process":1,"txn":"pay/1","topic":"t","partition":0,"value":"a","ok":true,"offset":5}     without txn: a plain write
//! {"type":"committing","txn":"pay/1"}                                                 it has asked; absent: as late as the next line
//! {"type":"commit","txn":"pay/1","ok":true}            {"type":"abort","txn":"pay/1","ok":true}
//! {"type":"poll","process":2,"isolation":"read_committed","txn":null,"records":[{"topic":"t","partition":0,"offset":5,"value":"a"}]}
//! {"type":"seek","process":2,"topic":"t","partition":0}                               it begins anew there; after a rebalance too
//! {"type":"offset_commit","group":"g","topic":"t","partition":0,"offset":6,"txn":"pay/1","ok":true}
//! {"type":"offset_fetch","group":"g","topic":"t","partition":0,"offset":6}            −1: none
//! {"type":"end","topic":"t","partition":0,"last_stable":9,"high_watermark":9}         at the end, when all is quiet
//! ```
//! `ok` is true, false, or null where no answer came. Values are unique. The rules are those of Jepsen's checker for Kafka (aborted and
//! precommitted reads, lost, duplicated and unseen writes, inconsistent offsets, skips and steps back, information that flows in a circle) and
//! what transactions promise besides: all or nothing, offsets with their records, nobody writes who was shut out, nothing stays open.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result};
use dolmen_cli::{Out, Status};
use serde_json::{Value, json};

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A reader of committed data got a record of an aborted transaction, or of a write that failed.
    AbortedRead,
    /// A reader of committed data got a record before anybody asked to commit it.
    PrecommittedRead,
    /// An acknowledged record is not where readers have passed.
    LostWrite,
    /// One value stands at two offsets.
    Duplicate,
    /// One offset holds two values.
    InconsistentOffset,
    /// A record was read at another offset, or in another partition, than was acknowledged.
    Misplaced,
    /// A record was read that nobody wrote.
    Phantom,
    /// Within one poll offsets do not ascend.
    Nonmonotonic,
    /// Within one poll a committed record is passed over.
    PollSkip,
    /// Between two polls of a process a committed record is passed over.
    ReaderSkip,
    /// Between two polls of a process it steps back.
    ReaderStepBack,
    /// Within one transaction acknowledged offsets of a partition do not ascend.
    WriterStepBack,
    /// Of a transaction some records are visible and others are not.
    Torn,
    /// Transactions read from each other in a circle (G1c).
    Circle,
    /// A producer wrote or committed after another one had opened its transactional id.
    Zombie,
    /// A committed offset is gone, or an older one is back.
    LostOffset,
    /// A group has an offset that nobody committed.
    PhantomOffset,
    /// A group has an offset of an aborted transaction.
    AbortedOffset,
    /// A transaction is told to have committed and to have aborted.
    TwoOutcomes,
    /// The last stable offset stays behind when all is quiet.
    Stuck,
    /// The history itself makes no sense.
    Malformed,
}

impl Kind {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::AbortedRead => "aborted-read",
            Kind::PrecommittedRead => "precommitted-read",
            Kind::LostWrite => "lost-write",
            Kind::Duplicate => "duplicate",
            Kind::InconsistentOffset => "inconsistent-offset",
            Kind::Misplaced => "misplaced",
            Kind::Phantom => "phantom",
            Kind::Nonmonotonic => "nonmonotonic-poll",
            Kind::PollSkip => "poll-skip",
            Kind::ReaderSkip => "reader-skip",
            Kind::ReaderStepBack => "reader-step-back",
            Kind::WriterStepBack => "writer-step-back",
            Kind::Torn => "torn-transaction",
            Kind::Circle => "circle",
            Kind::Zombie => "zombie",
            Kind::LostOffset => "lost-offset",
            Kind::PhantomOffset => "phantom-offset",
            Kind::AbortedOffset => "aborted-offset",
            Kind::TwoOutcomes => "two-outcomes",
            Kind::Stuck => "stuck",
            Kind::Malformed => "malformed",
        }
    }
}

/// A finding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// What kind.
    pub kind: Kind,
    /// The line, from 1; 0 for what only the whole shows.
    pub line: usize,
    /// What exactly.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at line {}: {}", self.kind.name(), self.line, self.what)
    }
}

type Place = (String, i64);

/// A write.
#[derive(Debug)]
struct Write {
    line: usize,
    place: Place,
    txn: Option<String>,
    ok: Option<bool>,
    offset: Option<i64>,
}

/// A transaction.
#[derive(Debug, Default)]
struct Txn {
    asked: Option<usize>,
    committed: Option<Option<bool>>,
    aborted: Option<Option<bool>>,
    values: Vec<String>,
    reads: Vec<String>,
}

impl Txn {
    fn is_committed(&self) -> bool {
        self.committed == Some(Some(true))
    }

    fn is_aborted(&self) -> bool {
        self.aborted == Some(Some(true)) || (self.committed == Some(Some(false)) && self.aborted.is_some())
    }
}

/// What is known of a group's offset of one partition.
#[derive(Debug, Default)]
struct Group {
    /// The last one that is acknowledged for good.
    last: Option<i64>,
    tried: BTreeMap<i64, Option<String>>,
}

/// A history that is being read.
#[derive(Debug, Default)]
struct Checker {
    findings: Vec<Finding>,
    writes: BTreeMap<String, Write>,
    txns: BTreeMap<String, Txn>,
    /// Values by where they stand.
    places: BTreeMap<Place, BTreeMap<i64, String>>,
    /// Where readers of committed data have come, by partition: offset and what was read.
    seen: BTreeMap<Place, BTreeSet<i64>>,
    polls: Vec<Poll>,
    /// By process and partition: the last offset that was read.
    positions: BTreeMap<(i64, Place), i64>,
    owners: BTreeMap<String, i64>,
    ends: BTreeMap<Place, (usize, i64, i64)>,
    offsets: BTreeMap<(String, Place), Group>,
    fetched: Vec<(usize, (String, Place), i64)>,
}

/// One run of records of a partition that a reader of committed data got.
#[derive(Debug)]
struct Poll {
    line: usize,
    place: Place,
    /// The last offset before; none if it began anew.
    from: Option<i64>,
    offsets: Vec<i64>,
}

/// Judges a history; what does not parse is a finding too.
pub fn check<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<Finding> {
    let mut checker = Checker::default();
    for (at, line) in lines.enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        match serde_json::from_str::<Value>(line) {
            Ok(event) => checker.event(at + 1, &event),
            Err(error) => checker.find(Kind::Malformed, at + 1, error.to_string()),
        }
    }
    checker.finish();
    checker.findings.sort();
    checker.findings.dedup();
    checker.findings
}

/// Runs the verb.
///
/// # Errors
///
/// If the file cannot be read, or standard output cannot be written.
pub fn run(file: &Path, out: &mut Out) -> Result<Status> {
    let reader = BufReader::new(File::open(file).with_context(|| file.display().to_string())?);
    let lines: std::io::Result<Vec<String>> = reader.lines().collect();
    let lines = lines.with_context(|| file.display().to_string())?;
    let findings = check(lines.iter().map(String::as_str));
    for finding in &findings {
        if out.is_json() {
            out.object(&json!({ "kind": finding.kind.name(), "line": finding.line, "what": finding.what }))?;
        } else {
            out.line(finding)?;
        }
    }
    if !out.is_json() {
        out.line(format_args!("{} lines, {} findings", lines.len(), findings.len()))?;
    }
    Ok(if findings.is_empty() { Status::Success } else { Status::Failure })
}

fn place(event: &Value) -> Option<Place> {
    Some((event["topic"].as_str()?.to_owned(), event["partition"].as_i64()?))
}

fn text(event: &Value, key: &str) -> Option<String> {
    event[key].as_str().map(str::to_owned)
}

impl Checker {
    fn find(&mut self, kind: Kind, line: usize, what: String) {
        self.findings.push(Finding { kind, line, what });
    }

    fn event(&mut self, line: usize, event: &Value) {
        let understood = match event["type"].as_str() {
            Some("init") => self.init(event),
            Some("send") => self.send(line, event),
            Some("committing") => text(event, "txn").map(|txn| {
                self.txns.entry(txn).or_default().asked.get_or_insert(line);
            }),
            Some(outcome @ ("commit" | "abort")) => self.outcome(line, outcome == "commit", event),
            Some("poll") => self.poll(line, event),
            Some("seek") => self.seek(event),
            Some("offset_commit") => self.offset_commit(line, event),
            Some("offset_fetch") => self.offset_fetch(line, event),
            Some("end") => self.end(line, event),
            _ => None,
        };
        if understood.is_none() {
            self.find(Kind::Malformed, line, format!("not understood: {event}"));
        }
    }

    fn init(&mut self, event: &Value) -> Option<()> {
        self.owners.insert(text(event, "id")?, event["process"].as_i64()?);
        Some(())
    }

    /// The transactional id of a transaction is what stands before the last slash of its name.
    fn check_owner(&mut self, line: usize, event: &Value, txn: &str) {
        let Some((id, _)) = txn.rsplit_once('/') else { return };
        let owner = self.owners.get(id).copied();
        let process = event["process"].as_i64();
        if let (Some(owner), Some(process), Some(true)) = (owner, process, event["ok"].as_bool())
            && owner != process
        {
            self.find(Kind::Zombie, line, format!("{process} writes under {id}, which {owner} has opened"));
        }
    }

    fn send(&mut self, line: usize, event: &Value) -> Option<()> {
        let (place, value, txn) = (place(event)?, text(event, "value")?, text(event, "txn"));
        let (ok, offset) = (event["ok"].as_bool(), event["offset"].as_i64());
        if let Some(txn) = &txn {
            self.check_owner(line, event, txn);
            let before = self.txns.entry(txn.clone()).or_default().values.clone();
            let last = before.iter().filter_map(|v| self.writes.get(v)).filter(|w| w.place == place);
            let last = last.filter_map(|write| write.offset).max();
            if let (Some(last), Some(offset), Some(true)) = (last, offset, ok)
                && offset <= last
            {
                self.find(Kind::WriterStepBack, line, format!("{txn}: offset {offset} behind {last}"));
            }
            self.txns.entry(txn.clone()).or_default().values.push(value.clone());
        }
        if let (Some(true), Some(offset)) = (ok, offset) {
            self.stands(line, &place, offset, &value);
        }
        let write = Write { line, place, txn, ok, offset: offset.filter(|_| ok == Some(true)) };
        if self.writes.insert(value.clone(), write).is_some() {
            self.find(Kind::Malformed, line, format!("{value} is written twice: values must be unique"));
        }
        Some(())
    }

    /// A value stands at an offset.
    fn stands(&mut self, line: usize, place: &Place, offset: i64, value: &str) {
        let known = self.places.entry(place.clone()).or_default();
        match known.get(&offset) {
            Some(other) if other != value => {
                let what = format!("{}-{}@{offset} is {other} and {value}", place.0, place.1);
                self.find(Kind::InconsistentOffset, line, what);
            }
            _ => {
                known.insert(offset, value.into());
            }
        }
    }

    fn outcome(&mut self, line: usize, commits: bool, event: &Value) -> Option<()> {
        let name = text(event, "txn")?;
        let ok = event["ok"].as_bool();
        if commits {
            self.check_owner(line, event, &name);
        }
        let txn = self.txns.entry(name.clone()).or_default();
        if commits {
            txn.asked.get_or_insert(line);
            txn.committed = Some(ok);
        } else {
            txn.aborted = Some(ok);
        }
        if txn.is_committed() && txn.aborted == Some(Some(true)) {
            self.find(Kind::TwoOutcomes, line, name);
        }
        Some(())
    }

    fn poll(&mut self, line: usize, event: &Value) -> Option<()> {
        let process = event["process"].as_i64()?;
        let is_committed = event["isolation"].as_str() != Some("read_uncommitted");
        let txn = text(event, "txn");
        let mut runs: BTreeMap<Place, Vec<i64>> = BTreeMap::new();
        for record in event["records"].as_array()? {
            let (place, offset, value) = (place(record)?, record["offset"].as_i64()?, text(record, "value")?);
            self.stands(line, &place, offset, &value);
            if let Some(txn) = &txn {
                self.txns.entry(txn.clone()).or_default().reads.push(value.clone());
            }
            if is_committed {
                self.check_visible(line, &value);
                self.seen.entry(place.clone()).or_default().insert(offset);
            }
            runs.entry(place).or_default().push(offset);
        }
        for (place, offsets) in runs {
            if offsets.windows(2).any(|pair| pair[0] >= pair[1]) {
                self.find(Kind::Nonmonotonic, line, format!("{}-{}: {offsets:?}", place.0, place.1));
            }
            let last = offsets.iter().copied().max()?;
            let from = self.positions.insert((process, place.clone()), last);
            if let Some(from) = from.filter(|from| offsets[0] <= *from) {
                let what = format!("{process} reads {}-{}@{} behind {from}", place.0, place.1, offsets[0]);
                self.find(Kind::ReaderStepBack, line, what);
            }
            if is_committed {
                self.polls.push(Poll { line, place, from, offsets });
            }
        }
        Some(())
    }

    /// Whether a reader of committed data may see a value now.
    fn check_visible(&mut self, line: usize, value: &str) {
        let Some(write) = self.writes.get(value) else { return };
        let Some(txn) = &write.txn else { return };
        if self.txns.get(txn).is_none_or(|txn| txn.asked.is_none()) {
            self.find(Kind::PrecommittedRead, line, format!("{value} of {txn}"));
        }
    }

    fn seek(&mut self, event: &Value) -> Option<()> {
        self.positions.remove(&(event["process"].as_i64()?, place(event)?));
        Some(())
    }

    fn offset_commit(&mut self, line: usize, event: &Value) -> Option<()> {
        let key = (text(event, "group")?, place(event)?);
        let (offset, txn) = (event["offset"].as_i64()?, text(event, "txn"));
        if let Some(txn) = &txn {
            self.check_owner(line, event, txn);
        }
        let group = self.offsets.entry(key).or_default();
        group.tried.insert(offset, txn.clone());
        if txn.is_none() && event["ok"].as_bool() == Some(true) {
            group.last = Some(offset);
        }
        Some(())
    }

    fn offset_fetch(&mut self, line: usize, event: &Value) -> Option<()> {
        let key = (text(event, "group")?, place(event)?);
        self.fetched.push((line, key, event["offset"].as_i64()?));
        Some(())
    }

    fn end(&mut self, line: usize, event: &Value) -> Option<()> {
        let (stable, high) = (event["last_stable"].as_i64()?, event["high_watermark"].as_i64()?);
        self.ends.insert(place(event)?, (line, stable, high));
        Some(())
    }

    // ---- what the whole shows

    fn finish(&mut self) {
        self.check_values();
        self.check_lost();
        self.check_polls();
        self.check_torn();
        self.check_circles();
        self.check_offsets();
        let stuck: Vec<_> = self.ends.iter().filter(|(_, (_, stable, high))| stable < high).collect();
        let stuck: Vec<(usize, String)> = stuck
            .into_iter()
            .map(|(place, (line, stable, high))| {
                (*line, format!("{}-{}: {stable} of {high}", place.0, place.1))
            })
            .collect();
        stuck.into_iter().for_each(|(line, what)| self.find(Kind::Stuck, line, what));
    }

    /// Each value stands once, where it was written, and was written by somebody who did not give it up.
    fn check_values(&mut self) {
        let mut stands: BTreeMap<&String, Vec<(&Place, i64)>> = BTreeMap::new();
        for (place, values) in &self.places {
            for (offset, value) in values {
                stands.entry(value).or_default().push((place, *offset));
            }
        }
        let mut found = Vec::new();
        for (value, at) in &stands {
            let Some(write) = self.writes.get(*value) else {
                found.push((Kind::Phantom, 0, format!("{value} at {at:?}")));
                continue;
            };
            if at.len() > 1 {
                found.push((Kind::Duplicate, write.line, format!("{value} at {at:?}")));
            }
            let is_elsewhere = |(place, offset): &(&Place, i64)| {
                **place != write.place || write.offset.is_some_and(|wanted| wanted != *offset)
            };
            if at.iter().any(is_elsewhere) {
                found.push((
                    Kind::Misplaced,
                    write.line,
                    format!("{value} of {:?}@{:?} at {at:?}", write.place, write.offset),
                ));
            }
            let is_seen =
                at.iter().any(|(place, offset)| self.seen.get(*place).is_some_and(|s| s.contains(offset)));
            let txn = write.txn.as_ref().and_then(|txn| self.txns.get(txn));
            let is_given_up = match txn {
                Some(txn) => txn.is_aborted(),
                None => write.ok == Some(false),
            };
            if is_seen && is_given_up {
                found.push((Kind::AbortedRead, write.line, (*value).clone()));
            }
        }
        for (kind, line, what) in found {
            self.find(kind, line, what);
        }
    }

    /// Whether a write must be visible.
    fn is_owed(&self, write: &Write) -> bool {
        match &write.txn {
            Some(txn) => write.ok == Some(true) && self.txns.get(txn).is_some_and(Txn::is_committed),
            None => write.ok == Some(true),
        }
    }

    /// Up to which offset a partition was read, or at least must be there.
    fn read_until(&self, place: &Place) -> i64 {
        let seen = self.seen.get(place).and_then(|seen| seen.last()).map_or(-1, |last| *last);
        let end = self.ends.get(place).map_or(-1, |(_, stable, _)| stable - 1);
        if self.seen.contains_key(place) { seen.max(end) } else { seen }
    }

    fn check_lost(&mut self) {
        let mut found = Vec::new();
        for (value, write) in &self.writes {
            let Some(offset) = write.offset.filter(|_| self.is_owed(write)) else { continue };
            let is_seen = self.seen.get(&write.place).is_some_and(|seen| seen.contains(&offset));
            if !is_seen && offset <= self.read_until(&write.place) {
                found.push((write.line, format!("{value} at {:?}@{offset}", write.place)));
            }
        }
        found.into_iter().for_each(|(line, what)| self.find(Kind::LostWrite, line, what));
    }

    /// What a reader passes over is nothing that is owed to it.
    fn check_polls(&mut self) {
        let mut owed: BTreeMap<&Place, BTreeSet<i64>> = BTreeMap::new();
        for write in self.writes.values() {
            if let Some(offset) = write.offset.filter(|_| self.is_owed(write)) {
                owed.entry(&write.place).or_default().insert(offset);
            }
        }
        let mut found = Vec::new();
        let none = BTreeSet::new();
        for poll in &self.polls {
            let owed = owed.get(&poll.place).unwrap_or(&none);
            let between = |from: i64, until: i64| {
                if from + 1 < until { owed.range(from + 1..until).next().copied() } else { None }
            };
            for pair in poll.offsets.windows(2) {
                if let Some(offset) = between(pair[0], pair[1]) {
                    found.push((Kind::PollSkip, poll.line, format!("{:?}@{offset}", poll.place)));
                }
            }
            if let Some(offset) = poll.from.and_then(|from| between(from, poll.offsets[0])) {
                found.push((Kind::ReaderSkip, poll.line, format!("{:?}@{offset}", poll.place)));
            }
        }
        found.into_iter().for_each(|(kind, line, what)| self.find(kind, line, what));
    }

    /// A transaction that is visible anywhere is visible everywhere that was read.
    fn check_torn(&mut self) {
        let mut found = Vec::new();
        for (name, txn) in &self.txns {
            let mut is_visible = false;
            let mut missing = None;
            for value in &txn.values {
                let Some(write) = self.writes.get(value) else { continue };
                let Some(offset) = write.offset else { continue };
                let seen = self.seen.get(&write.place);
                if seen.is_some_and(|seen| seen.contains(&offset)) {
                    is_visible = true;
                } else if offset <= self.read_until(&write.place) {
                    missing = Some((write.line, value));
                }
            }
            if let (true, Some((line, value))) = (is_visible, missing) {
                found.push((line, format!("{name}: {value} is missing")));
            }
        }
        found.into_iter().for_each(|(line, what)| self.find(Kind::Torn, line, what));
    }

    /// Who read whose records: in no circle.
    fn check_circles(&mut self) {
        let mut reads: BTreeMap<&String, BTreeSet<&String>> = BTreeMap::new();
        for (name, txn) in &self.txns {
            for value in &txn.reads {
                if let Some(from) = self.writes.get(value).and_then(|write| write.txn.as_ref())
                    && from != name
                {
                    reads.entry(name).or_default().insert(from);
                }
            }
        }
        // Whoever read from nobody that is left is no part of a circle.
        let mut left = reads;
        loop {
            let names: BTreeSet<&String> = left.keys().copied().collect();
            let before = left.len();
            left.retain(|_, from| from.iter().any(|name| names.contains(name)));
            if left.len() == before {
                break;
            }
        }
        let circle: Vec<&String> = left.keys().copied().collect();
        if !circle.is_empty() {
            let what = format!("{circle:?}");
            self.find(Kind::Circle, 0, what);
        }
    }

    fn check_offsets(&mut self) {
        let mut found = Vec::new();
        for (line, key, offset) in &self.fetched {
            let Some(group) = self.offsets.get(key) else {
                if *offset >= 0 {
                    found.push((Kind::PhantomOffset, *line, format!("{key:?}: {offset}")));
                }
                continue;
            };
            let of = |txn: &Option<String>| txn.as_ref().and_then(|txn| self.txns.get(txn));
            let best = group
                .tried
                .iter()
                .filter(|(_, txn)| of(txn).is_some_and(Txn::is_committed))
                .map(|(o, _)| *o)
                .max();
            let owed = best.max(group.last);
            match group.tried.get(offset) {
                None if *offset >= 0 => {
                    found.push((Kind::PhantomOffset, *line, format!("{key:?}: {offset}")))
                }
                Some(txn) if of(txn).is_some_and(Txn::is_aborted) => {
                    found.push((Kind::AbortedOffset, *line, format!("{key:?}: {offset}")));
                }
                _ => {}
            }
            if owed.is_some_and(|owed| *offset < owed) {
                found.push((
                    Kind::LostOffset,
                    *line,
                    format!("{key:?}: {offset} where {owed:?} was committed"),
                ));
            }
        }
        found.into_iter().for_each(|(kind, line, what)| self.find(kind, line, what));
    }
}
