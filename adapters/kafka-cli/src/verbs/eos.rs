//! `dolmen kafka eos`: reads, transforms, writes; every record once, whatever fails.
//!
//! 1. A member of the input's group reads what it owns, from where the group has committed.
//! 2. Each record is transformed. One that cannot be, after some tries, goes to the dead-letter topic with headers that say why and where it came from.
//! 3. Results and the offsets of what was read are committed in one transaction. If anything fails the transaction is aborted, and reading begins
//!    again where the group has committed.
//! 4. A member that has lost partitions, or a producer that was shut out, gives up what it did not commit. On interrupt or termination the open
//!    transaction is committed and the group is left.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use dolmen_cli::{Out, Status};
use serde::Deserialize;
use serde_json::json;

use super::{now_ms, stop_flag};
use crate::client::consumer::{EARLIEST, Incoming, Positions, fetch, offset_for};
use crate::client::group::{Member, committed};
use crate::client::producer::{Options, Outgoing, Producer, is_fenced};
use crate::client::{Cluster, code_of};

/// A pipeline, as its TOML file says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pipeline {
    /// A broker, as HOST:PORT.
    bootstrap: String,
    /// The group that reads.
    group: String,
    /// Topics that are read.
    input: Vec<String>,
    /// The topic that is written.
    output: String,
    /// Where records go that cannot be transformed; without one such a record stops the pipeline.
    dead_letter: Option<String>,
    /// The producer's transactional id; one per running pipeline.
    transactional_id: String,
    /// What is done with each record.
    #[serde(default)]
    transform: Transform,
    /// A transaction is committed after so many records.
    #[serde(default = "default_records")]
    records: usize,
    /// And after so many milliseconds.
    #[serde(default = "default_interval")]
    interval_ms: u64,
    /// How often a record is tried.
    #[serde(default = "default_attempts")]
    attempts: u32,
    /// Stop when nothing has come for so many milliseconds.
    idle_exit_ms: Option<u64>,
}

const fn default_records() -> usize {
    500
}

const fn default_interval() -> u64 {
    200
}

const fn default_attempts() -> u32 {
    3
}

/// What is done with a record's value.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Transform {
    /// Nothing.
    #[default]
    Copy,
    /// ASCII letters become capitals.
    Upper,
    /// Only records whose value contains this text go on.
    Contains(String),
    /// A program that answers each line of its input with one line; one that begins with `!` refuses the record, and what follows says why.
    Command(Vec<String>),
}

/// A transformation that runs.
enum Running {
    Built(Transform),
    Program { command: Vec<String>, child: Option<(Child, ChildStdin, BufReader<ChildStdout>)> },
}

impl Running {
    fn new(transform: Transform) -> Running {
        match transform {
            Transform::Command(command) => Running::Program { command, child: None },
            built => Running::Built(built),
        }
    }

    /// The record's new value; `None` leaves it out.
    fn apply(&mut self, value: &[u8]) -> Result<Option<Vec<u8>>> {
        match self {
            Running::Built(Transform::Upper) => Ok(Some(value.to_ascii_uppercase())),
            Running::Built(Transform::Contains(text)) => {
                let needle = text.as_bytes();
                let has = needle.is_empty() || value.windows(needle.len()).any(|window| window == needle);
                Ok(has.then(|| value.to_vec()))
            }
            Running::Built(_) => Ok(Some(value.to_vec())),
            Running::Program { command, child } => {
                let answer = ask(command, child, value);
                if answer.is_err() {
                    end(child);
                }
                answer.map(Some)
            }
        }
    }
}

type Pipes = Option<(Child, ChildStdin, BufReader<ChildStdout>)>;

/// One line to the program, one line back. A program that has ended is started again.
fn ask(command: &[String], child: &mut Pipes, value: &[u8]) -> Result<Vec<u8>> {
    ensure!(!value.contains(&b'\n'), "the value has a line end: a program is asked by lines");
    if child.is_none() {
        let (name, args) = command.split_first().context("transform.command is empty")?;
        let mut started = Command::new(name)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {name}"))?;
        let stdin = started.stdin.take().context("the program has no input")?;
        let stdout = BufReader::new(started.stdout.take().context("the program has no output")?);
        *child = Some((started, stdin, stdout));
    }
    let (_, stdin, stdout) = child.as_mut().context("the program does not run")?;
    stdin.write_all(value)?;
    stdin.write_all(b"\n")?;
    stdin.flush()?;
    let mut line = Vec::new();
    stdout.read_until(b'\n', &mut line)?;
    ensure!(line.ends_with(b"\n"), "the program has ended");
    line.pop();
    if let Some(why) = line.strip_prefix(b"!") {
        bail!("refused: {}", String::from_utf8_lossy(why));
    }
    Ok(line)
}

fn end(child: &mut Pipes) {
    if let Some((mut child, stdin, _)) = child.take() {
        drop(stdin);
        // It may have ended by itself.
        let _ = child.kill();
        let _ = child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Running::Program { child, .. } = self {
            end(child);
        }
    }
}

/// What was done.
#[derive(Clone, Copy, Debug, Default)]
struct Metrics {
    read: u64,
    written: u64,
    left_out: u64,
    dead_letters: u64,
    commits: u64,
    aborts: u64,
    rebalances: u64,
}

/// Runs a pipeline until it is stopped.
///
/// # Errors
///
/// If the file cannot be read or says what is not understood, or the broker refuses for good.
pub fn run(file: &Path, out: &mut Out) -> Result<Status> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let pipeline: Pipeline = toml::from_str(&text).with_context(|| file.display().to_string())?;
    ensure!(!pipeline.input.is_empty(), "input names no topic");
    let stop = stop_flag()?;
    let mut runner = Runner::start(pipeline)?;
    let result = runner.run(&stop);
    let metrics = runner.metrics;
    if out.is_json() {
        out.object(&json!({
            "read": metrics.read, "written": metrics.written, "left_out": metrics.left_out, "dead_letters": metrics.dead_letters,
            "commits": metrics.commits, "aborts": metrics.aborts, "rebalances": metrics.rebalances,
        }))?;
    } else {
        out.line(format_args!(
            "{} read, {} written, {} left out, {} dead letters, {} commits, {} aborts, {} rebalances",
            metrics.read,
            metrics.written,
            metrics.left_out,
            metrics.dead_letters,
            metrics.commits,
            metrics.aborts,
            metrics.rebalances
        ))?;
    }
    result.map(|()| Status::Success)
}

struct Runner {
    pipeline: Pipeline,
    cluster: Cluster,
    member: Option<Member>,
    producer: Producer,
    running: Running,
    positions: Positions,
    metrics: Metrics,
}

impl Runner {
    fn start(mut pipeline: Pipeline) -> Result<Runner> {
        let mut cluster = Cluster::connect(&pipeline.bootstrap)?;
        cluster.topic(&pipeline.output, true)?;
        if let Some(topic) = &pipeline.dead_letter {
            cluster.topic(topic, true)?;
        }
        let options =
            Options { transactional_id: Some(pipeline.transactional_id.clone()), ..Options::default() };
        // First the producer: what an earlier run left open is aborted before its offsets are read.
        let producer = Producer::open(&mut cluster, options)?;
        let member = Member::join(&mut cluster, &pipeline.group, &pipeline.input)?;
        let running = Running::new(std::mem::take(&mut pipeline.transform));
        let mut runner = Runner {
            pipeline,
            cluster,
            member: Some(member),
            producer,
            running,
            positions: Positions::new(),
            metrics: Metrics::default(),
        };
        runner.rewind()?;
        Ok(runner)
    }

    /// Reading begins where the group has committed.
    fn rewind(&mut self) -> Result<()> {
        let Some(member) = &self.member else { return Ok(()) };
        let wanted = member.partitions(&mut self.cluster)?;
        self.positions = match wanted.is_empty() {
            true => Positions::new(),
            false => committed(&mut self.cluster, &self.pipeline.group, &wanted)?,
        };
        for (topic, partition) in wanted {
            if let std::collections::btree_map::Entry::Vacant(entry) =
                self.positions.entry((topic, partition))
            {
                let (topic, partition) = entry.key().clone();
                entry.insert(offset_for(&mut self.cluster, &topic, partition, EARLIEST, true)?);
            }
        }
        Ok(())
    }

    fn run(&mut self, stop: &AtomicBool) -> Result<()> {
        let mut idle_since = Instant::now();
        let mut failures = 0;
        while !stop.load(Ordering::Relaxed) {
            match self.round() {
                Ok(0) => {
                    let idle_ms = self.pipeline.idle_exit_ms.map(Duration::from_millis);
                    if idle_ms.is_some_and(|limit| idle_since.elapsed() >= limit) {
                        break;
                    }
                }
                Ok(_) => {
                    idle_since = Instant::now();
                    failures = 0;
                }
                Err(error) => {
                    failures += 1;
                    if failures > FAILURES_MAX {
                        return Err(error.context("nothing has worked for many tries"));
                    }
                    self.recover(error)?;
                    idle_since = Instant::now();
                }
            }
        }
        match self.member.take() {
            Some(member) => member.leave(&mut self.cluster),
            None => Ok(()),
        }
    }

    /// After an error: what can be tried again is, from where the group has committed.
    fn recover(&mut self, error: anyhow::Error) -> Result<()> {
        let is_broken = error.chain().any(|cause| cause.is::<std::io::Error>());
        match code_of(&error) {
            Some(code) if is_fenced(code) => {
                return Err(error.context("another pipeline runs under this transactional id"));
            }
            None if !is_broken => return Err(error),
            _ => {}
        }
        self.metrics.aborts += 1;
        self.producer.abort(&mut self.cluster)?;
        self.cluster.forget();
        if let Some(member) = &mut self.member {
            member.keep(&mut self.cluster)?;
        }
        self.rewind()
    }

    /// One transaction, if there is something to read; how many records it read.
    fn round(&mut self) -> Result<usize> {
        let Some(member) = &mut self.member else { return Ok(0) };
        if member.keep(&mut self.cluster)? {
            self.metrics.rebalances += 1;
            self.rewind()?;
        }
        if self.positions.is_empty() {
            std::thread::sleep(Duration::from_millis(50));
            return Ok(0);
        }
        let until = Instant::now() + Duration::from_millis(self.pipeline.interval_ms);
        let mut read = Vec::new();
        let mut next = self.positions.clone();
        while read.len() < self.pipeline.records {
            let wait_ms = i32::try_from(self.pipeline.interval_ms.min(200)).unwrap_or(200);
            read.extend(fetch(&mut self.cluster, &mut next, true, wait_ms)?);
            if Instant::now() >= until {
                break;
            }
        }
        if next == self.positions {
            return Ok(0);
        }
        self.transact(&read, &next)?;
        self.positions = next;
        self.metrics.read += read.len() as u64;
        Ok(read.len())
    }

    fn transact(&mut self, read: &[Incoming], next: &Positions) -> Result<()> {
        let before = self.metrics;
        let result = self.write(read, next);
        if result.is_err() {
            // Counted again when it is done again.
            self.metrics = before;
        }
        result
    }

    fn write(&mut self, read: &[Incoming], next: &Positions) -> Result<()> {
        let outputs = i32::try_from(self.cluster.topic(&self.pipeline.output, false)?.leaders.len())?;
        let mut by_partition: BTreeMap<(String, i32), Vec<Outgoing>> = BTreeMap::new();
        for record in read {
            match self.transform(record)? {
                None => self.metrics.left_out += 1,
                Some((topic, outgoing)) => {
                    let partition = self.producer.partition_for(outgoing.key.as_deref(), outputs);
                    // Dead letters keep their input's order in one partition.
                    let partition = if topic == self.pipeline.output { partition } else { 0 };
                    by_partition.entry((topic, partition)).or_default().push(outgoing);
                }
            }
        }
        self.producer.begin();
        for ((topic, partition), records) in &by_partition {
            self.producer.send(&mut self.cluster, topic, *partition, records)?;
            self.metrics.written += if *topic == self.pipeline.output { records.len() as u64 } else { 0 };
        }
        let Some(member) = &self.member else { return Ok(()) };
        self.producer.send_offsets(&mut self.cluster, &member.membership, next)?;
        self.producer.end(&mut self.cluster, true)?;
        self.metrics.commits += 1;
        Ok(())
    }

    /// What a record becomes, and where it goes; `None` for nothing.
    fn transform(&mut self, record: &Incoming) -> Result<Option<(String, Outgoing)>> {
        let mut attempt = 0;
        let outgoing = |value: Option<Vec<u8>>, headers: Vec<(String, Option<Vec<u8>>)>| Outgoing {
            key: record.key.clone(),
            value,
            headers,
            timestamp_ms: record.timestamp_ms,
        };
        // A tombstone goes on as one.
        let Some(value) = &record.value else {
            return Ok(Some((self.pipeline.output.clone(), outgoing(None, record.headers.clone()))));
        };
        let error = loop {
            attempt += 1;
            match self.running.apply(value) {
                Ok(None) => return Ok(None),
                Ok(Some(value)) => {
                    let result = outgoing(Some(value), record.headers.clone());
                    return Ok(Some((self.pipeline.output.clone(), result)));
                }
                Err(error) if attempt >= self.pipeline.attempts.max(1) => break error,
                Err(_) => std::thread::sleep(Duration::from_millis(20 * u64::from(attempt))),
            }
        };
        let place = format!("{}-{}@{}", record.topic, record.partition, record.offset);
        let Some(topic) = self.pipeline.dead_letter.clone() else {
            bail!("{place} cannot be transformed, and there is no dead_letter topic: {error:#}");
        };
        let mut headers = record.headers.clone();
        for (name, text) in [
            ("dlq.error", format!("{error:#}")),
            ("dlq.topic", record.topic.clone()),
            ("dlq.partition", record.partition.to_string()),
            ("dlq.offset", record.offset.to_string()),
            ("dlq.attempts", attempt.to_string()),
            ("dlq.time_ms", now_ms().to_string()),
        ] {
            headers.push((name.into(), Some(text.into_bytes())));
        }
        self.metrics.dead_letters += 1;
        Ok(Some((topic, outgoing(Some(value.clone()), headers))))
    }
}

/// Transactions in a row that may fail before the pipeline gives up.
const FAILURES_MAX: u32 = 20;
