//! From topics to topics.

use std::time::Duration;

use dolmen_kafka::ErrorCode;
use dolmen_kafka::eos::{Fault, PartitionId};

use super::{Config, Reader, Writer};
use crate::client::{Client, Committed, Failure, Outgoing, Partitions, Read};
use crate::error::Error;

/// A member of a group and a transactional producer.
pub struct Pipe {
    config: Config,
    names: Partitions,
    reader: Option<Reader>,
    writer: Option<Writer>,
}

impl Pipe {
    /// Neither is made yet: the machine asks for them.
    ///
    /// # Errors
    /// If a setting is given that the runner depends on.
    pub fn new(config: Config) -> Result<Pipe, Error> {
        config.check()?;
        Ok(Pipe { config, names: Partitions::default(), reader: None, writer: None })
    }

    fn reader(&mut self) -> Result<(&mut Reader, &mut Partitions), Failure> {
        let reader = self.reader.as_mut();
        let missing =
            || Failure::new(Fault::Broker(ErrorCode::UNKNOWN_MEMBER_ID), "not a member of the group");
        Ok((reader.ok_or_else(missing)?, &mut self.names))
    }

    fn writer(&mut self) -> Result<&mut Writer, Failure> {
        self.writer.as_mut().ok_or_else(|| Failure::new(Fault::Broken, "there is no producer"))
    }
}

impl Client for Pipe {
    fn open(&mut self) -> Result<(), Failure> {
        self.writer = None;
        self.writer = Some(Writer::open(&self.config.writer())?);
        Ok(())
    }

    fn join(&mut self) -> Result<(), Failure> {
        self.reader = None;
        self.reader = Some(Reader::join(&self.config.reader(), &self.config.topics)?);
        Ok(())
    }

    fn committed(&mut self, partitions: &[PartitionId]) -> Result<Committed, Failure> {
        let (reader, names) = self.reader()?;
        reader.committed(names, partitions)
    }

    fn rewind(&mut self, positions: &[(PartitionId, Option<i64>)]) -> Result<(), Failure> {
        let (reader, names) = self.reader()?;
        reader.rewind(names, positions)
    }

    fn read(&mut self, count_max: usize, wait: Duration) -> Result<Read, Failure> {
        let (reader, names) = self.reader()?;
        reader.read(names, count_max, wait)
    }

    fn begin(&mut self) -> Result<(), Failure> {
        self.writer()?.begin()
    }

    fn send(&mut self, records: &[Outgoing]) -> Result<(), Failure> {
        self.writer()?.send(records)
    }

    fn offsets(&mut self, offsets: &[(PartitionId, i64)]) -> Result<(), Failure> {
        let membership = self.reader.as_ref().and_then(Reader::membership);
        let lost = || Failure::new(Fault::Broker(ErrorCode::ILLEGAL_GENERATION), "the partitions are lost");
        let membership = membership.ok_or_else(lost)?;
        let writer =
            self.writer.as_mut().ok_or_else(|| Failure::new(Fault::Broken, "there is no producer"))?;
        writer.offsets(membership, &self.names, offsets)
    }

    fn commit(&mut self) -> Result<(), Failure> {
        self.writer()?.commit()
    }

    fn abort(&mut self) -> Result<(), Failure> {
        self.writer()?.abort()
    }

    fn leave(&mut self) -> Result<(), Failure> {
        if let Some(writer) = self.writer.take() {
            writer.close();
        }
        self.reader = None;
        Ok(())
    }
}
