//! Bodies of answers: nothing, bytes, or an object that is read piece by piece while the client takes it.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::task::JoinHandle;

use crate::blobs::BlobFault;

/// Reads the next piece of an object: at most 256 KiB, in parts as they lie in memory. Empty: there is no more.
pub(crate) trait Pieces: Send + 'static {
    fn next(&mut self) -> Result<Vec<Bytes>, BlobFault>;
}

/// A body.
pub(crate) enum Reply {
    Empty,
    Bytes(Bytes),
    Stream(Stream),
    /// An object that another store sends.
    #[cfg(feature = "gateway")]
    Relay(Relay),
    /// A body that ends early and takes the connection with it.
    Cut {
        body: Box<Reply>,
        left: u64,
    },
}

type Step = (Box<dyn Pieces>, Result<Vec<Bytes>, BlobFault>);

/// An object on its way.
pub(crate) struct Stream {
    ready: VecDeque<Bytes>,
    source: Option<Box<dyn Pieces>>,
    reading: Option<JoinHandle<Step>>,
    left: u64,
}

impl Stream {
    /// A body of `len` bytes, of which `ready` are there and the rest comes from `source`.
    pub fn new(ready: Vec<Bytes>, source: Box<dyn Pieces>, len: u64) -> Stream {
        Stream { ready: ready.into(), source: Some(source), reading: None, left: len }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<std::io::Result<Bytes>>> {
        loop {
            if self.left == 0 {
                return Poll::Ready(None);
            }
            if let Some(mut bytes) = self.ready.pop_front() {
                if bytes.is_empty() {
                    continue;
                }
                bytes.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
                self.left -= bytes.len() as u64;
                return Poll::Ready(Some(Ok(bytes)));
            }
            if let Some(mut source) = self.source.take() {
                self.reading = Some(tokio::task::spawn_blocking(move || {
                    let step = source.next();
                    (source, step)
                }));
            }
            let Some(reading) = &mut self.reading else { return Poll::Ready(None) };
            let (source, step) = ready!(Pin::new(reading).poll(context))?;
            self.reading = None;
            match step {
                Ok(pieces) if pieces.is_empty() => {
                    return Poll::Ready(Some(Err(std::io::Error::other(
                        "the object is shorter than its record says",
                    ))));
                }
                Ok(pieces) => {
                    self.source = Some(source);
                    self.ready = pieces.into();
                }
                Err(fault) => {
                    // The status is out: what is left is to end the connection, so that nobody takes it for whole.
                    tracing::error!(target: "s3", "an object cannot be read: {fault}");
                    return Poll::Ready(Some(Err(std::io::Error::other(fault))));
                }
            }
        }
    }
}

/// An object that another store sends, as it comes.
#[cfg(feature = "gateway")]
pub(crate) struct Relay {
    pieces: tokio::sync::mpsc::Receiver<std::io::Result<Bytes>>,
    left: u64,
}

#[cfg(feature = "gateway")]
impl Relay {
    /// A body of `len` bytes.
    pub fn new(pieces: tokio::sync::mpsc::Receiver<std::io::Result<Bytes>>, len: u64) -> Relay {
        Relay { pieces, left: len }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<std::io::Result<Bytes>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let cut = || std::io::Error::other("the other store sends less than it said");
        let mut piece = match ready!(self.pieces.poll_recv(context)).unwrap_or_else(|| Err(cut())) {
            Ok(piece) => piece,
            Err(error) => {
                // The status is out: what is left is to end the connection, so that nobody takes it for whole.
                tracing::error!(target: "s3", "an object cannot be read behind the gateway: {error}");
                return Poll::Ready(Some(Err(error)));
            }
        };
        piece.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left -= piece.len() as u64;
        Poll::Ready(Some(Ok(piece)))
    }
}

impl Reply {
    /// Bytes in the body.
    pub fn len(&self) -> u64 {
        match self {
            Reply::Empty => 0,
            Reply::Bytes(bytes) => bytes.len() as u64,
            Reply::Stream(stream) => stream.left,
            #[cfg(feature = "gateway")]
            Reply::Relay(relay) => relay.left,
            Reply::Cut { body, .. } => body.len(),
        }
    }
}

impl From<String> for Reply {
    fn from(text: String) -> Reply {
        Reply::Bytes(text.into())
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        match &mut *self {
            Reply::Empty => Poll::Ready(None),
            Reply::Bytes(bytes) if bytes.is_empty() => Poll::Ready(None),
            Reply::Bytes(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Reply::Stream(stream) => {
                Poll::Ready(ready!(stream.poll(context)).map(|step| step.map(Frame::data)))
            }
            #[cfg(feature = "gateway")]
            Reply::Relay(relay) => Poll::Ready(ready!(relay.poll(context)).map(|step| step.map(Frame::data))),
            Reply::Cut { body, left } => {
                if *left == 0 {
                    return Poll::Ready(Some(Err(std::io::Error::other(
                        "a test ordered the end of the connection",
                    ))));
                }
                let frame = ready!(Pin::new(&mut **body).poll_frame(context));
                Poll::Ready(frame.map(|frame| {
                    frame.map(|frame| {
                        let mut data = frame.into_data().unwrap_or_default();
                        data.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
                        *left -= data.len() as u64;
                        Frame::data(data)
                    })
                }))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        !matches!(self, Reply::Cut { .. }) && self.len() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len())
    }
}
