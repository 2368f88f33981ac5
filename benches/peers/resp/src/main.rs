//! The Redis server as `dolmen up --only kv` runs it, without the rest: `dolmen-peers-resp PORT DIR always|never`. SIGTERM ends it.

use dolmen_kv_resp::{Engine, Settings, serve};
use dolmen_store::{Db, Options, SyncPolicy};
use tokio::signal::unix::{SignalKind, signal};

fn main() {
    let mut args = std::env::args().skip(1);
    let mut next = |what| args.next().expect(what);
    let (port, dir, sync): (u16, _, _) =
        (next("a port").parse().expect("a port"), next("a directory"), next("a policy"));
    let sync = if sync == "always" { SyncPolicy::Always } else { SyncPolicy::Never };
    let threads = std::thread::available_parallelism().map_or(2, |n| n.get().max(2));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .expect("threads");
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.expect("a free port");
        let db = Db::open(dir.as_ref(), Options { sync, ..Options::default() }).expect("a database");
        let settings = Settings::new(listener.local_addr().expect("an address"), sync);
        let engine = Engine::start(db, settings).expect("a database of ours");
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let served = tokio::spawn(serve(engine.clone(), listener, stopped));
        signal(SignalKind::terminate()).expect("signals").recv().await;
        stop.send_replace(true);
        served.await.expect("it ends by itself");
        engine.close().expect("a last sync");
    });
}
