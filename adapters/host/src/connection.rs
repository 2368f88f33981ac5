//! Connections: accepted up to a number; those of HTTP with limits on head and time, served by hyper.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::HttpService;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep};

use crate::Stop;

/// What connections may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Who is told in the log.
    pub name: &'static str,
    /// Connections at a time; more wait in the kernel's queue.
    pub connections: usize,
    /// Bytes of a request's head, and of what is read of its body at a time.
    pub buffer: usize,
    /// Header fields of a request.
    pub headers: usize,
    /// Time for a request's head, idle time before it included.
    pub head: Duration,
    /// Time that a client may let its side of the connection stand full.
    pub write: Duration,
    /// Time that requests get to end after a stop was asked for.
    pub stop: Duration,
}

impl Limits {
    /// The usual ones, for the service `name`.
    pub const fn new(name: &'static str) -> Limits {
        Limits {
            name,
            connections: 512,
            buffer: 32 << 10,
            headers: 128,
            head: Duration::from_secs(60),
            write: Duration::from_secs(60),
            stop: Duration::from_secs(5),
        }
    }
}

/// Serves a listener until `stop`, then lets what was begun end for a while.
pub async fn serve(app: Router, listener: TcpListener, limits: Limits, stop: impl Future<Output = ()>) {
    let connection =
        |stream, from, stop| requests(TowerToHyperService::new(app.clone()), stream, from, limits, stop);
    accept(listener, limits, stop, connection).await;
}

/// Accepts until `stop`, gives each stream to `connection`, then lets what was begun end for a while.
pub async fn accept<C: Future<Output = ()> + Send + 'static>(
    listener: TcpListener,
    limits: Limits,
    stop: impl Future<Output = ()>,
    connection: impl Fn(TcpStream, SocketAddr, Stop) -> C,
) {
    let name = limits.name;
    let permits = Arc::new(Semaphore::new(limits.connections));
    let (stopping, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    tokio::pin!(stop);
    loop {
        let accepted = async {
            let permit = permits.clone().acquire_owned().await;
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            accepted = accepted => accepted,
            () = stop.as_mut() => break,
        };
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, from)) => {
                let _ = stream.set_nodelay(true);
                let talk = connection(stream, from, Stop::new(stopped.clone()));
                connections.spawn(async move {
                    let _permit = permit;
                    talk.await;
                });
            }
            Err(error) => {
                tracing::warn!(target: "http", "{name}: a connection cannot be accepted: {error}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    let _ = stopping.send(true);
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(limits.stop, all).await.is_err() {
        tracing::warn!(target: "http", "{name}: some answers did not end and are cut off");
    }
}

/// Answers the requests of one stream, until it ends or the listener stops.
pub async fn requests<S, H>(service: H, stream: S, from: SocketAddr, limits: Limits, mut stop: Stop)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: HttpService<Incoming>,
    H::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    H::ResBody: 'static,
    <H::ResBody as Body>::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let connection = http1::Builder::new()
        .timer(Heads::default())
        .header_read_timeout(limits.head)
        .max_headers(limits.headers)
        .max_buf_size(limits.buffer)
        .serve_connection(TokioIo::new(Patient { stream, patience: limits.write, until: None }), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.wait() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(target: "http", "{}, {from}: {error}", limits.name);
    }
}

/// Timers of hyper's, which has one for each head: all of a connection are one of the runtime's, which is moved. To move one to later is a
/// store, while to set one wakes whoever waits for the next.
#[derive(Default)]
struct Heads(Kept);

/// A timer that runs for nobody.
type Kept = Arc<Mutex<Option<Pin<Box<Sleep>>>>>;

/// The timer while it runs; it stays with its connection.
struct Head {
    sleep: Option<Pin<Box<Sleep>>>,
    kept: Kept,
}

impl hyper::rt::Timer for Heads {
    fn sleep(&self, time: Duration) -> Pin<Box<dyn hyper::rt::Sleep>> {
        self.sleep_until((Instant::now() + time).into())
    }

    fn sleep_until(&self, deadline: std::time::Instant) -> Pin<Box<dyn hyper::rt::Sleep>> {
        let deadline = Instant::from(deadline);
        let sleep = match self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            None => Box::pin(tokio::time::sleep_until(deadline)),
            Some(mut sleep) => {
                sleep.as_mut().reset(deadline);
                sleep
            }
        };
        Box::pin(Head { sleep: Some(sleep), kept: self.0.clone() })
    }

    fn now(&self) -> std::time::Instant {
        Instant::now().into()
    }
}

impl hyper::rt::Sleep for Head {}

impl Future for Head {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.sleep.as_mut().map_or(Poll::Ready(()), |sleep| sleep.as_mut().poll(context))
    }
}

impl Drop for Head {
    fn drop(&mut self) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = self.sleep.take();
    }
}

/// A stream whose writes do not wait for ever.
struct Patient<S> {
    stream: S,
    patience: Duration,
    until: Option<Pin<Box<Sleep>>>,
}

impl<S> Patient<S> {
    fn watch<T>(&mut self, poll: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if poll.is_ready() {
            self.until = None;
            return poll;
        }
        let patience = self.patience;
        let deadline = || Box::pin(tokio::time::sleep_until(Instant::now() + patience));
        let until = self.until.get_or_insert_with(deadline);
        until.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(poll, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.watch(poll, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.stream).poll_flush(context);
        self.watch(poll, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.stream).poll_shutdown(context);
        self.watch(poll, context)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use axum::routing::get;

    use super::*;

    const LEN: usize = 32 << 20;

    /// A server under these limits, where it is, and what ends it.
    fn start(limits: Limits) -> (tokio::runtime::Runtime, SocketAddr, watch::Sender<bool>) {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, mut stopped) = watch::channel(false);
        let app = Router::new()
            .route("/", get(|| async { "here" }))
            .route("/large", get(|| async { vec![b'x'; LEN] }));
        runtime.spawn(serve(app, listener, limits, async move {
            let _ = stopped.wait_for(|stop| *stop).await;
        }));
        (runtime, address, stop)
    }

    fn connect(address: SocketAddr, sent: &str) -> TcpStream {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.write_all(sent.as_bytes()).unwrap();
        stream
    }

    const WHOLE: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

    /// Clients that never end their request's head are dropped, and who comes after them is served.
    #[test]
    fn heads_without_an_end_keep_nobody_out() {
        let limits = Limits { connections: 4, head: Duration::from_millis(300), ..Limits::new("test") };
        let (_runtime, address, _stop) = start(limits);
        let slow: Vec<_> = (0..8).map(|_| connect(address, "GET / HTTP/1.1\r\nX: ")).collect();
        let mut text = String::new();
        connect(address, WHOLE).read_to_string(&mut text).unwrap();
        assert!(text.starts_with("HTTP/1.1 200") && text.ends_with("here"), "{text}");
        for mut stream in slow {
            // Closed, or told so and closed: either way it ends.
            let mut rest = Vec::new();
            assert!(stream.read_to_end(&mut rest).is_ok_and(|len| len < 1000), "a slow client was kept");
        }
    }

    /// The next head of a connection has its own time, after an answer and an idle while, and no more than that.
    #[test]
    fn every_head_of_a_connection_has_its_time() {
        let limits = Limits { head: Duration::from_millis(600), ..Limits::new("test") };
        let (_runtime, address, _stop) = start(limits);
        let mut stream = connect(address, "");
        for _ in 0..4 {
            std::thread::sleep(Duration::from_millis(250));
            stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
            let mut answer = Vec::new();
            while !answer.ends_with(b"here") {
                let mut byte = [0];
                stream.read_exact(&mut byte).expect("it was in time");
                answer.push(byte[0]);
            }
        }
        let begun = Instant::now();
        stream.write_all(b"GET / HTTP/1.1\r\nX: ").unwrap();
        let mut rest = Vec::new();
        assert!(stream.read_to_end(&mut rest).is_ok_and(|len| len < 1000), "a slow client was kept");
        assert!(begun.elapsed() > Duration::from_millis(300), "it had its time: {:?}", begun.elapsed());
    }

    /// A reader that takes nothing is dropped, one that is slow but steady is served to the end.
    #[test]
    fn slow_readers_are_served_and_idle_ones_dropped() {
        let limits = Limits { write: Duration::from_secs(1), ..Limits::new("test") };
        let (_runtime, address, _stop) = start(limits);
        let large = WHOLE.replace("GET /", "GET /large");
        let (mut slow, mut idle) = (connect(address, &large), connect(address, &large));
        let (mut piece, mut got, begun) = (vec![0; 1 << 20], 0, Instant::now());
        while let Ok(len @ 1..) = slow.read(&mut piece) {
            got += len;
            std::thread::sleep(Duration::from_millis(40));
        }
        assert!(
            got > LEN && begun.elapsed() > Duration::from_secs(1),
            "{got} bytes in {:?}",
            begun.elapsed()
        );
        std::thread::sleep(Duration::from_secs(4).saturating_sub(begun.elapsed()));
        let mut rest = Vec::new();
        let _ = idle.read_to_end(&mut rest);
        assert!(rest.len() < LEN, "a reader that took nothing was kept");
    }
}
