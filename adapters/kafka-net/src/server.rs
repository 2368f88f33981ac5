//! Connections: frames in, answers out, in order.
//!
//! 1. A frame is read as its bytes arrive: what is announced and does not come takes no memory.
//! 2. One request at a time is worked on. An answer that waits for the disk does not hold up the next request: it waits in line.
//! 3. Answers go out in the order of their requests. So many may wait, then nothing more is read.

use std::collections::VecDeque;
use std::future::{Future, pending};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::api;
use crate::broker::State;
use crate::sasl::Session;
use crate::tls::Acceptor;

/// Answers of one connection that wait.
const ANSWERS_MAX: usize = 64;
/// Bytes that are asked for at first; more once that much has come.
const READ_LEN: usize = 16 << 10;
/// A frame of so many bytes is not copied out of the buffer that it came in.
const HANDED_LEN_MIN: usize = 32 << 10;
/// Half-received requests of all connections together; who goes over it is closed.
const RECEIVED_LEN_MAX: u64 = 1 << 30;
/// Frames before a client has said who it is: nothing that is needed for it is longer. As Kafka's `sasl.server.max.receive.size`.
const ANONYMOUS_FRAME_LEN_MAX: usize = 512 << 10;
/// A reader that takes nothing for so long is dropped.
const SEND_TIMEOUT: Duration = Duration::from_secs(60);
/// A TLS handshake that takes longer is none.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// What was begun has so long to be answered once the broker stops.
const STOP_GRACE: Duration = Duration::from_millis(500);

/// A request as it comes in, or an answer as it goes out, with its length in front.
pub type Frame = Vec<u8>;

/// What comes of a request.
pub enum Reply {
    /// The answer.
    Frame(Frame),
    /// The answer, once the disk has it.
    Later(Pin<Box<dyn Future<Output = Reply> + Send>>),
    /// There is no answer to this request.
    Nothing,
    /// The connection is closed.
    Close,
}

/// A connection as handlers see it.
pub struct Peer {
    /// Its number; a later one has a larger.
    pub number: u64,
    /// Whose it is.
    pub remote: SocketAddr,
    /// Where it came in.
    pub local: SocketAddr,
    /// Who the client has proved to be.
    pub session: Mutex<Session>,
}

/// Accepts until `stop`, then waits for the connections to end.
pub async fn serve(
    state: Arc<State>,
    listener: TcpListener,
    tls: Option<Acceptor>,
    mut stop: watch::Receiver<bool>,
) {
    let (alive, mut ended) = tokio::sync::mpsc::channel::<()>(1);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        match accepted {
            Ok((stream, remote)) => {
                let Some(place) = Place::take(&state, remote.ip()) else { continue };
                let guard = (place, alive.clone());
                let (state, tls, stop) = (state.clone(), tls.clone(), stop.clone());
                tokio::spawn(async move {
                    let result = admit(&state, stream, remote, tls, stop).await;
                    if let Err(error) = result {
                        tracing::debug!(target: "kafka", "{remote}: {error}");
                    }
                    drop(guard);
                });
            }
            // Out of descriptors: room comes when others leave.
            Err(error) => {
                tracing::warn!(target: "kafka", "a connection cannot be taken: {error}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
    state.is_stopping.store(true, Relaxed);
    drop(listener);
    drop(alive);
    let _ = ended.recv().await;
}

/// One of the connections there may be, of all and of one address.
struct Place {
    state: Arc<State>,
    address: IpAddr,
}

impl Place {
    /// `None`: there are as many as there may be.
    fn take(state: &Arc<State>, address: IpAddr) -> Option<Place> {
        let (most, most_of_one) = {
            let known = state.catalog.known();
            let broker = state.settings.broker(&known.topics);
            let most = |name| broker.number(name).unsigned_abs();
            (most("max.connections"), most("max.connections.per.ip"))
        };
        let counters = &state.counters;
        let mut places = counters.places.lock();
        let of_one = places.get(&address).copied().unwrap_or(0);
        if counters.connected.load(Relaxed) >= most || of_one >= most_of_one {
            counters.refused.fetch_add(1, Relaxed);
            return None;
        }
        places.insert(address, of_one + 1);
        counters.connected.fetch_add(1, Relaxed);
        counters.accepted.fetch_add(1, Relaxed);
        Some(Place { state: state.clone(), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let counters = &self.state.counters;
        counters.connected.fetch_sub(1, Relaxed);
        let mut places = counters.places.lock();
        if let Some(of_one) = places.get_mut(&self.address) {
            *of_one -= 1;
            if *of_one == 0 {
                places.remove(&self.address);
            }
        }
    }
}

async fn admit(
    state: &Arc<State>,
    stream: TcpStream,
    remote: SocketAddr,
    tls: Option<Acceptor>,
    stop: watch::Receiver<bool>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let number = state.connections.fetch_add(1, Relaxed);
    let session = Mutex::new(Session::new(!state.settings.mechanisms.is_empty()));
    let peer = Arc::new(Peer { number, remote, local: stream.local_addr()?, session });
    match tls {
        None => {
            let (read, write) = stream.into_split();
            talk(state, peer, read, write, stop).await
        }
        Some(acceptor) => {
            let stream = timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await??;
            let (read, write) = tokio::io::split(stream);
            talk(state, peer, read, write, stop).await
        }
    }
}

type Work = Pin<Box<dyn Future<Output = Reply> + Send>>;

/// One connection, until it or the broker ends.
async fn talk(
    state: &Arc<State>,
    peer: Arc<Peer>,
    read: impl AsyncRead + Unpin,
    mut write: impl AsyncWrite + Unpin,
    mut stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let frame_len_max = usize::try_from(state.settings.int("socket.request.max.bytes")).unwrap_or(usize::MAX);
    let mut frames = Frames { state, peer: &peer, read, frame_len_max, buffer: Vec::new(), booked: 0 };
    let idle = state.settings.number("connections.max.idle.ms");
    let idle = Duration::from_millis(u64::try_from(idle).ok().filter(|ms| *ms > 0).unwrap_or(1 << 40));
    let (mut working, mut waiting): (Option<Work>, VecDeque<Work>) = (None, VecDeque::new());
    let mut late = stop.clone();
    loop {
        let reads = working.is_none() && waiting.len() < ANSWERS_MAX;
        tokio::select! {
            biased;
            reply = front(&mut waiting) => {
                waiting.pop_front();
                tokio::select! {
                    sent = send(state, &mut write, reply) => if !sent? {
                        return Ok(());
                    },
                    () = stopped_for_long(&mut late) => return Ok(()),
                }
            }
            reply = current(&mut working) => {
                working = None;
                match reply {
                    Reply::Close if waiting.is_empty() => return Ok(()),
                    Reply::Frame(_) | Reply::Nothing if waiting.is_empty() => {
                        tokio::select! {
                            sent = send(state, &mut write, reply) => drop(sent?),
                            () = stopped_for_long(&mut late) => return Ok(()),
                        }
                    }
                    Reply::Later(later) => waiting.push_back(later),
                    reply => waiting.push_back(Box::pin(async { reply })),
                }
            }
            frame = timeout(idle, frames.next()), if reads => {
                let Ok(Some(frame)) = frame.unwrap_or(Ok(None)) else { return Ok(()) };
                working = Some(Box::pin(api::handle(state.clone(), peer.clone(), frame)));
            }
            () = stopped(&mut stop), if working.is_none() && waiting.is_empty() => return Ok(()),
            () = stopped_for_long(&mut late) => return Ok(()),
        }
    }
}

/// Some time behind the stop: who still waits then, waits for other clients.
async fn stopped_for_long(stop: &mut watch::Receiver<bool>) {
    stopped(stop).await;
    tokio::time::sleep(STOP_GRACE).await;
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // Nobody is left who could say it: that is a stop too.
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn front(waiting: &mut VecDeque<Work>) -> Reply {
    match waiting.front_mut() {
        Some(work) => work.await,
        None => pending().await,
    }
}

async fn current(working: &mut Option<Work>) -> Reply {
    match working {
        Some(work) => work.await,
        None => pending().await,
    }
}

/// Sends an answer; false if the connection is to be closed.
async fn send(state: &State, write: &mut (impl AsyncWrite + Unpin), mut reply: Reply) -> io::Result<bool> {
    loop {
        match reply {
            Reply::Frame(frame) => {
                send_all(write, &frame, SEND_TIMEOUT).await?;
                state.counters.bytes_out.fetch_add(frame.len() as u64, Relaxed);
                return Ok(true);
            }
            Reply::Later(later) => reply = later.await,
            Reply::Nothing => return Ok(true),
            Reply::Close => return Ok(false),
        }
    }
}

/// Sends bytes; the peer is given up if it takes nothing of them for so long, however long all of them take.
async fn send_all(
    write: &mut (impl AsyncWrite + Unpin),
    mut bytes: &[u8],
    patience: Duration,
) -> io::Result<()> {
    while !bytes.is_empty() {
        match timeout(patience, write.write(bytes)).await?? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            len => bytes = &bytes[len..],
        }
    }
    timeout(patience, write.flush()).await?
}

/// The frames of a connection. What has been read stays when the wait for the rest is given up.
struct Frames<'a, R> {
    state: &'a State,
    peer: &'a Peer,
    read: R,
    frame_len_max: usize,
    buffer: Vec<u8>,
    /// Bytes that are booked in the sum of all connections.
    booked: u64,
}

impl<R: AsyncRead + Unpin> Frames<'_, R> {
    /// The next frame, with its length in front; `None` at the end, and for one that is longer than allowed.
    async fn next(&mut self) -> io::Result<Option<Frame>> {
        loop {
            let wanted = match self.buffer.first_chunk() {
                Some(length) => match usize::try_from(i32::from_be_bytes(*length)) {
                    Ok(length) if length <= self.len_max() => 4 + length,
                    _ => return Ok(None),
                },
                None => 4,
            };
            if self.buffer.len() >= wanted {
                return Ok(Some(self.take(wanted)));
            }
            if !self.fill(wanted).await? {
                return Ok(None);
            }
        }
    }

    fn len_max(&self) -> usize {
        if self.peer.session.lock().is_open() { self.frame_len_max } else { ANONYMOUS_FRAME_LEN_MAX }
    }

    /// Reads what is there; false at the end, or when too much is half-received by all.
    async fn fill(&mut self, wanted: usize) -> io::Result<bool> {
        let room = wanted.min(self.buffer.len() * 2).max(READ_LEN);
        self.buffer.reserve_exact(room - self.buffer.len());
        let count = self.read.read_buf(&mut self.buffer).await?;
        self.state.counters.bytes_in.fetch_add(count as u64, Relaxed);
        let held = self.buffer.capacity() as u64;
        let sum = &self.state.counters.received;
        let before = sum.fetch_add(held, Relaxed);
        sum.fetch_sub(self.booked, Relaxed);
        self.booked = held;
        Ok(count > 0 && before <= RECEIVED_LEN_MAX)
    }

    /// The first frame; what follows it stays. A long one is the buffer itself.
    fn take(&mut self, end: usize) -> Frame {
        if end < HANDED_LEN_MIN {
            let frame = self.buffer[..end].to_vec();
            self.buffer.drain(..end);
            return frame;
        }
        let behind = self.buffer[end..].to_vec();
        self.buffer.truncate(end);
        std::mem::replace(&mut self.buffer, behind)
    }
}

impl<R> Drop for Frames<'_, R> {
    fn drop(&mut self) {
        self.state.counters.received.fetch_sub(self.booked, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader that is slow but steady gets all of a long answer; one that takes nothing is given up.
    #[test]
    fn slow_readers_are_served_and_idle_ones_given_up() {
        let patience = Duration::from_secs(1);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (mut ours, mut theirs) = tokio::io::duplex(1 << 10);
            let bytes = vec![7; 64 << 10];
            let reads = async {
                let (mut piece, mut got) = ([0; 1 << 10], 0);
                while got < 64 << 10 {
                    tokio::time::sleep(Duration::from_millis(25)).await;
                    got += theirs.read(&mut piece).await.unwrap();
                }
            };
            let begun = std::time::Instant::now();
            let (sent, ()) = tokio::join!(send_all(&mut ours, &bytes, patience), reads);
            sent.unwrap();
            assert!(begun.elapsed() > patience);
            let given_up = send_all(&mut ours, &bytes, patience).await.unwrap_err();
            assert_eq!(given_up.kind(), io::ErrorKind::TimedOut);
        });
    }
}
