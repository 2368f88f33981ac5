//! Connections: accepted up to a number, each with limits on headers and on time, served by hyper.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep};

use crate::reply::Reply;
use dolmen_host::Stop;

/// Bytes of a request's head, and of what is read of its body at a time.
const BUFFER_LEN: usize = 64 << 10;
/// Header fields of a request.
const HEADERS_MAX: usize = 256;
/// Time for a request's head, idle time before it included.
const HEAD_TIMEOUT: Duration = patience(60);
/// Time that a client may let its side of the connection stand full.
const WRITE_TIMEOUT: Duration = patience(60);
/// Time that requests get to end after a stop was asked for.
const STOP_TIMEOUT: Duration = Duration::from_secs(8);

/// How long a client is waited for; tests have less of it.
pub(crate) const fn patience(seconds: u64) -> Duration {
    Duration::from_secs(if cfg!(test) { 8 } else { seconds })
}

/// Answers requests.
pub(crate) trait Handler: Send + Sync + 'static {
    fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        from: SocketAddr,
    ) -> impl Future<Output = Response<Reply>> + Send;
}

/// Makes TLS of a connection where it is asked for.
pub(crate) type Tls = Option<tokio_rustls::TlsAcceptor>;

/// Serves a listener until `stop`, then lets what was begun end.
pub(crate) async fn serve<H: Handler>(
    handler: Arc<H>,
    listener: TcpListener,
    tls: Tls,
    connections_max: usize,
    mut stop: Stop,
) {
    let permits = Arc::new(Semaphore::new(connections_max));
    let mut connections = JoinSet::new();
    loop {
        // Beyond the number nobody is accepted: the kernel's queue holds them.
        let permit = tokio::select! {
            permit = permits.clone().acquire_owned() => permit,
            () = stop.wait() => break,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.wait() => break,
        };
        let (stream, from) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(target: "s3", "a connection cannot be accepted: {error}");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        while connections.try_join_next().is_some() {}
        let (handler, tls, stop) = (handler.clone(), tls.clone(), stop.clone());
        connections.spawn(async move {
            let _permit = permit;
            connection(handler, stream, from, tls, stop).await;
        });
    }
    drop(listener);
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(STOP_TIMEOUT, all).await.is_err() {
        tracing::warn!(target: "s3", "some requests did not end and are cut off");
    }
}

async fn connection<H: Handler>(handler: Arc<H>, stream: TcpStream, from: SocketAddr, tls: Tls, stop: Stop) {
    let _ = stream.set_nodelay(true);
    match tls {
        None => requests(handler, stream, from, stop).await,
        Some(tls) => match tokio::time::timeout(HEAD_TIMEOUT, tls.accept(stream)).await {
            Ok(Ok(stream)) => requests(handler, stream, from, stop).await,
            Ok(Err(error)) => tracing::debug!(target: "s3", "{from}: no TLS: {error}"),
            Err(_) => tracing::debug!(target: "s3", "{from}: TLS took too long"),
        },
    }
}

async fn requests<H: Handler>(
    handler: Arc<H>,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    from: SocketAddr,
    mut stop: Stop,
) {
    let service = service_fn(move |request| {
        let handler = handler.clone();
        async move { Ok::<_, Infallible>(handler.answer(request, from).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_headers(HEADERS_MAX)
        .max_buf_size(BUFFER_LEN)
        .serve_connection(TokioIo::new(Patient::new(stream)), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.wait() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(target: "s3", "{from}: {error}");
    }
}

/// A stream whose writes do not wait for ever.
struct Patient<S> {
    stream: S,
    until: Option<Pin<Box<Sleep>>>,
}

impl<S> Patient<S> {
    fn new(stream: S) -> Patient<S> {
        Patient { stream, until: None }
    }

    fn watch<T>(&mut self, poll: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if poll.is_ready() {
            self.until = None;
            return poll;
        }
        let deadline = || Box::pin(tokio::time::sleep_until(Instant::now() + WRITE_TIMEOUT));
        let until = self.until.get_or_insert_with(deadline);
        match until.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
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
