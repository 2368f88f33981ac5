//! Connections: the host's, with TLS where it is asked for, each request given to a handler.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use dolmen_host::Stop;
use dolmen_host::connection::{self, Limits};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use tokio::net::TcpListener;

use crate::reply::Reply;

/// Connections may take what is usual, but more of a head, for signed requests carry long ones, and larger pieces of a body.
const LIMITS: Limits =
    Limits { buffer: 64 << 10, headers: 256, stop: Duration::from_secs(8), ..Limits::new("s3") };

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
    let limits = Limits { connections: connections_max, ..LIMITS };
    connection::accept(listener, limits, stop.wait(), |stream, from, stop| {
        let (handler, tls) = (handler.clone(), tls.clone());
        async move {
            let service = service_fn(move |request| {
                let handler = handler.clone();
                async move { Ok::<_, Infallible>(handler.answer(request, from).await) }
            });
            match tls {
                None => connection::requests(service, stream, from, limits, stop).await,
                Some(tls) => match tokio::time::timeout(limits.head, tls.accept(stream)).await {
                    Ok(Ok(stream)) => connection::requests(service, stream, from, limits, stop).await,
                    Ok(Err(error)) => tracing::debug!(target: "s3", "{from}: no TLS: {error}"),
                    Err(_) => tracing::debug!(target: "s3", "{from}: TLS took too long"),
                },
            }
        }
    })
    .await;
}
