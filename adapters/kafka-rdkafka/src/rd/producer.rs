//! A transactional producer for async programs: every call is done by one thread, in order, and awaited without blocking the runtime.

use std::sync::mpsc;

use dolmen_kafka::eos::Phase;
use tokio::sync::oneshot;

use super::{Config, Reader, Writer};
use crate::client::{Failure, Outgoing, Partitions};
use crate::error::Error;

type Tell = oneshot::Sender<Result<(), Error>>;

enum Call {
    Begin,
    Send(Vec<Outgoing>),
    Offsets(Vec<(String, i32, i64)>),
    Commit,
    Abort,
}

/// A producer. What it is asked after the last clone is dropped is nothing: an open transaction is then aborted.
#[derive(Clone, Debug)]
pub struct Producer {
    calls: mpsc::Sender<(Call, Tell)>,
}

impl Producer {
    /// Opens one; a transaction that an older producer of the same id left open is ended first.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn open(config: Config) -> Result<Producer, Error> {
        config.check()?;
        let (calls, asked) = mpsc::channel();
        let (tell, opened) = oneshot::channel();
        let body = move || work(&config, tell, &asked);
        let thread = std::thread::Builder::new().name("kafka-producer".into()).spawn(body);
        thread.map_err(|error| Error::fatal(format!("starting a thread: {error}")))?;
        opened.await.unwrap_or_else(|_| Err(gone()))?;
        Ok(Producer { calls })
    }

    async fn ask(&self, call: Call) -> Result<(), Error> {
        let (tell, told) = oneshot::channel();
        self.calls.send((call, tell)).map_err(|_| gone())?;
        told.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Begins a transaction.
    ///
    /// # Errors
    /// [`Error`], as for every call here.
    pub async fn begin(&self) -> Result<(), Error> {
        self.ask(Call::Begin).await
    }

    /// Writes records and waits until all are acknowledged.
    ///
    /// # Errors
    /// As [`Producer::begin`].
    pub async fn send(&self, records: Vec<Outgoing>) -> Result<(), Error> {
        self.ask(Call::Send(records)).await
    }

    /// Adds offsets of the configured group, which has no members, to the transaction: topic, partition, next offset.
    ///
    /// # Errors
    /// As [`Producer::begin`].
    pub async fn offsets(&self, offsets: Vec<(String, i32, i64)>) -> Result<(), Error> {
        self.ask(Call::Offsets(offsets)).await
    }

    /// Commits the transaction.
    ///
    /// # Errors
    /// As [`Producer::begin`]. After [`Error::Retry`] nobody knows whether it is committed: ask again.
    pub async fn commit(&self) -> Result<(), Error> {
        self.ask(Call::Commit).await
    }

    /// Aborts the transaction.
    ///
    /// # Errors
    /// As [`Producer::begin`].
    pub async fn abort(&self) -> Result<(), Error> {
        self.ask(Call::Abort).await
    }
}

fn gone() -> Error {
    Error::fatal("the producer's thread has ended")
}

fn work(config: &Config, opened: Tell, asked: &mpsc::Receiver<(Call, Tell)>) {
    let mut writer = match Writer::open(&config.writer()) {
        Ok(writer) => writer,
        Err(failure) => {
            // Nobody may wait for it any more.
            let _ = opened.send(Err(Error::of(Phase::Open, failure)));
            return;
        }
    };
    let _ = opened.send(Ok(()));
    let mut group = None;
    while let Ok((call, tell)) = asked.recv() {
        let (phase, result) = match call {
            Call::Begin => (Phase::Begin, writer.begin()),
            Call::Send(records) => (Phase::Send, writer.send(&records)),
            Call::Offsets(offsets) => (Phase::Offsets, add(config, &mut group, &mut writer, &offsets)),
            Call::Commit => (Phase::Commit, writer.commit()),
            Call::Abort => (Phase::Abort, writer.abort()),
        };
        let _ = tell.send(result.map_err(|failure| Error::of(phase, failure)));
    }
    writer.close();
}

fn add(
    config: &Config,
    group: &mut Option<Reader>,
    writer: &mut Writer,
    offsets: &[(String, i32, i64)],
) -> Result<(), Failure> {
    let reader = match group.take() {
        Some(reader) => reader,
        None => Reader::outside(&config.reader())?,
    };
    let reader = group.insert(reader);
    let mut names = Partitions::default();
    let list: Vec<_> = offsets.iter().map(|(topic, at, offset)| (names.id(topic, *at), *offset)).collect();
    match reader.membership() {
        Some(membership) => writer.offsets(membership, &names, &list),
        None => Err(Failure::new(dolmen_kafka::eos::Fault::Misconfigured, "the group has no name")),
    }
}
