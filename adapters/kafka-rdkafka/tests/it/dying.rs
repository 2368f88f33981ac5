//! A client that dies before or after some effect, without a word: what a new one makes of it is judged.

use std::time::Duration;

use dolmen_base::Rng;
use dolmen_kafka::eos::{Fault, PartitionId};
use dolmen_kafka_rdkafka::client::Committed;
use dolmen_kafka_rdkafka::{Client, Error, Failure, Outgoing, Pipeline, Read, Stop, Transform, run};

/// The word by which a death is known.
const DEATH: &str = "it dies here";

pub struct Dying<'r, C> {
    inner: C,
    rng: &'r mut Rng,
    one_in: u64,
    is_dead: bool,
}

impl<C: Client> Dying<'_, C> {
    fn act<T>(&mut self, act: impl FnOnce(&mut C) -> Result<T, Failure>) -> Result<T, Failure> {
        let dies = self.one_in > 0 && self.rng.one_in(self.one_in);
        if dies {
            self.is_dead = true;
            if self.rng.one_in(2) {
                // It happens, and nobody hears of it.
                let _ = act(&mut self.inner);
            }
            return Err(Failure::new(Fault::Misconfigured, DEATH));
        }
        act(&mut self.inner)
    }
}

impl<C: Client> Client for Dying<'_, C> {
    fn open(&mut self) -> Result<(), Failure> {
        self.act(C::open)
    }
    fn join(&mut self) -> Result<(), Failure> {
        self.act(C::join)
    }
    fn committed(&mut self, partitions: &[PartitionId]) -> Result<Committed, Failure> {
        self.act(|inner| inner.committed(partitions))
    }
    fn rewind(&mut self, positions: &[(PartitionId, Option<i64>)]) -> Result<(), Failure> {
        self.act(|inner| inner.rewind(positions))
    }
    fn read(&mut self, count_max: usize, wait: Duration) -> Result<Read, Failure> {
        // Reading is what it does most: it dies there no more often than elsewhere.
        self.inner.read(count_max, wait)
    }
    fn begin(&mut self) -> Result<(), Failure> {
        self.act(C::begin)
    }
    fn send(&mut self, records: &[Outgoing]) -> Result<(), Failure> {
        self.act(|inner| inner.send(records))
    }
    fn offsets(&mut self, offsets: &[(PartitionId, i64)]) -> Result<(), Failure> {
        self.act(|inner| inner.offsets(offsets))
    }
    fn commit(&mut self) -> Result<(), Failure> {
        self.act(C::commit)
    }
    fn abort(&mut self) -> Result<(), Failure> {
        self.act(C::abort)
    }
    fn leave(&mut self) -> Result<(), Failure> {
        if self.is_dead { Ok(()) } else { self.inner.leave() }
    }
}

/// Runs one life after the other until one is idle when all is done; only the first lives may die. How many did. `done` and `wanted` count: a slow
/// machine may take as many lives as it likes, as long as some of them get further.
pub fn live<C: Client, T: Transform>(
    rng: &mut Rng,
    pipeline: &Pipeline,
    transform: &mut T,
    mut make: impl FnMut() -> C,
    done: impl Fn() -> u64,
    wanted: impl Fn() -> u64,
) -> u64 {
    let (mut died, mut idle, mut reached) = (0, 0, 0);
    loop {
        let one_in = if died < DEATHS { 8 } else { 0 };
        let mut client = Dying { inner: make(), rng, one_in, is_dead: false };
        match run(&mut client, transform, pipeline, &Stop::default(), |_| {}) {
            Ok(_) => match done() {
                done if done >= wanted() => return died,
                done if done > reached => (idle, reached) = (0, done),
                _ => idle += 1,
            },
            Err(Error::Fatal { why, .. }) if why.contains(DEATH) => died += 1,
            Err(other) => panic!("{other}"),
        }
        assert!(
            idle < IDLE_MAX,
            "{idle} lives were idle one after the other, with {reached} of {} done",
            wanted()
        );
    }
}

/// So many lives in a row that find nothing to do, while there is something, are no slow machine.
const IDLE_MAX: u64 = 60;

/// So many lives may die; how many do depends on how long the work lasts.
const DEATHS: u64 = 8;
