//! Connections: accepted up to a number, each with limits on its head and on time, served by hyper.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use dolmen_host::axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep};

/// Connections at a time; more wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 512;
/// Bytes of a request's head, and of what is read of its body at a time.
const BUFFER_LEN: usize = 32 << 10;
/// Header fields of a request.
const HEADERS_MAX: usize = 128;
/// Time for a request's head, idle time before it included.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);
/// Time that a client may let its side of the connection stand full.
const WRITE_TIMEOUT: Duration = Duration::from_secs(60);
/// Time that requests get to end after a stop was asked for.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Serves a listener until `stop`, then lets what was begun end for a while.
pub async fn serve(app: Router, listener: TcpListener, stop: impl Future<Output = ()>) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
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
                let (app, stopped) = (app.clone(), stopped.clone());
                connections.spawn(async move {
                    let _permit = permit;
                    requests(app, stream, from, stopped).await;
                });
            }
            Err(error) => {
                tracing::warn!(target: "llm", "a connection cannot be accepted: {error}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    let _ = stopping.send(true);
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(STOP_TIMEOUT, all).await.is_err() {
        tracing::warn!(target: "llm", "some answers did not end and are cut off");
    }
}

async fn requests(app: Router, stream: TcpStream, from: SocketAddr, mut stopped: watch::Receiver<bool>) {
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_headers(HEADERS_MAX)
        .max_buf_size(BUFFER_LEN)
        .serve_connection(TokioIo::new(Patient { stream, until: None }), TowerToHyperService::new(app));
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(target: "llm", "{from}: {error}");
    }
}

/// A stream whose writes do not wait for ever.
struct Patient {
    stream: TcpStream,
    until: Option<Pin<Box<Sleep>>>,
}

impl Patient {
    fn watch<T>(&mut self, poll: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if poll.is_ready() {
            self.until = None;
            return poll;
        }
        let deadline = || Box::pin(tokio::time::sleep_until(Instant::now() + WRITE_TIMEOUT));
        let until = self.until.get_or_insert_with(deadline);
        until.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(poll, context)
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
