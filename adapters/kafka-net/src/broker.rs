//! A broker: what it consists of, its start and its end.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use dolmen_host::Fault;
use dolmen_kafka::ErrorCode;
use dolmen_kafka::topics::{CONSUMER_OFFSETS, NewTopic, TRANSACTION_STATE, id_text};
use dolmen_kafka::txn::{self, TransactionVersion};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::catalog::{Catalog, random_id};
use crate::groups::GroupDriver;
use crate::metrics::Counters;
use crate::sasl::Users;
use crate::settings::Settings;
use crate::storage::checkpoint::replace;
use crate::tls::acceptor;
use crate::transactions::{Transactions, replay};
use crate::{server, tasks};

/// Everything that requests need.
pub struct State {
    /// What the broker was told.
    pub settings: Arc<Settings>,
    /// Topics and logs.
    pub catalog: Catalog,
    /// The transaction coordinator.
    pub transactions: Transactions,
    /// The group coordinator.
    pub groups: GroupDriver,
    /// Who may come in.
    pub users: Users,
    /// The cluster's id.
    pub cluster_id: String,
    /// Counts.
    pub counters: Counters,
    /// Connections so far: each has its number.
    pub connections: AtomicU64,
    /// Whether nothing new is taken.
    pub is_stopping: AtomicBool,
}

impl State {
    /// Opens a log directory and reads the internal topics. Blocks.
    ///
    /// # Errors
    /// A sentence about what cannot be read.
    pub fn open(dir: &Path, settings: Settings) -> Result<Arc<State>, Fault> {
        let settings = Arc::new(settings);
        let catalog = Catalog::open(dir, settings.clone())?;
        let cluster_id = cluster_id(dir, settings.node_id)?;
        let users = Users::new(&settings.users);
        let state = Arc::new(State {
            transactions: Transactions::new(transaction_settings(&settings)),
            groups: GroupDriver::new(&settings, &catalog),
            users,
            cluster_id,
            counters: Counters::default(),
            connections: AtomicU64::new(0),
            is_stopping: AtomicBool::new(false),
            catalog,
            settings,
        });
        state.load()?;
        Ok(state)
    }

    /// What the internal topics remember.
    fn load(self: &Arc<Self>) -> Result<(), Fault> {
        let mut unknown = 0u64;
        replay(self, TRANSACTION_STATE, |_, batch, expanded| {
            let Ok(records) = batch.records(expanded) else { return };
            for record in records.filter(|_| !batch.is_control()) {
                let loaded = self.transactions.machine().load(record.key.unwrap_or_default(), record.value);
                unknown += u64::from(loaded.is_err());
            }
        })?;
        if unknown > 0 {
            tracing::warn!(target: "kafka", "{TRANSACTION_STATE}: {unknown} records are not understood and left out");
        }
        self.groups.load(self)?;
        self.transactions.start(self);
        Ok(())
    }

    /// How many partitions an internal topic has; it is made if it is not there. Blocks then.
    ///
    /// # Errors
    /// [`ErrorCode::KAFKA_STORAGE_ERROR`].
    pub fn internal_topic(&self, name: &str) -> Result<i32, ErrorCode> {
        let count =
            |state: &State| state.catalog.known().topics.topic(name).map(|topic| topic.partition_count);
        if let Some(count) = count(self) {
            // Its logs follow its record, under the same lock.
            return Ok(count);
        }
        let setting = match name {
            CONSUMER_OFFSETS => "offsets.topic.num.partitions",
            _ => "transaction.state.log.num.partitions",
        };
        let configs = [("cleanup.policy", Some("compact"))];
        let new = NewTopic {
            name,
            partition_count: self.settings.int(setting),
            replication_factor: -1,
            configs: &configs,
            ..NewTopic::default()
        };
        match self.catalog.create(&new, false) {
            Ok(topic) => Ok(topic.partition_count),
            Err(ErrorCode::TOPIC_ALREADY_EXISTS) => count(self).ok_or(ErrorCode::UNKNOWN_SERVER_ERROR),
            Err(code) => Err(code),
        }
    }

    /// Closes it: everything is synced. Blocks.
    ///
    /// # Errors
    /// What could not be kept.
    pub fn close(&self) -> Result<(), Fault> {
        self.catalog.close()
    }
}

fn transaction_settings(settings: &Settings) -> txn::Settings {
    txn::Settings {
        timeout_ms_max: settings.int("transaction.max.timeout.ms"),
        expiration_ms: settings.number("transactional.id.expiration.ms"),
        feature: TransactionVersion::from_code(settings.int("transaction.version") as i16),
        ..txn::Settings::default()
    }
}

/// The cluster's id in `meta.properties`, which is made at the first start.
fn cluster_id(dir: &Path, node_id: i32) -> Result<String, Fault> {
    let path = dir.join("meta.properties");
    if let Ok(text) = std::fs::read_to_string(&path) {
        let id = text.lines().find_map(|line| line.strip_prefix("cluster.id="));
        return Ok(id.unwrap_or_default().to_owned());
    }
    let (cluster, directory) = (id_text(random_id()), id_text(random_id()));
    let text = format!("node.id={node_id}\nversion=1\ndirectory.id={directory}\ncluster.id={cluster}\n");
    let root = dolmen_fs::Dir::open(dir)?;
    replace(&root, "meta.properties", text.as_bytes())?;
    Ok(cluster)
}

/// A broker that runs in this process, for tests and for programs that bring their own.
pub struct Broker {
    state: Arc<State>,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    served: JoinHandle<()>,
}

impl Broker {
    /// Starts one on a free port of loopback, with its files in `dir`.
    ///
    /// # Errors
    /// A sentence about what cannot be opened.
    pub async fn start(dir: &Path) -> Result<Broker, Fault> {
        Broker::start_with(dir, Settings::default(), "127.0.0.1:0").await
    }

    /// Starts one with these settings on this address; over TLS if `ssl.keystore.location` names a PEM file with certificate chain and key.
    ///
    /// # Errors
    /// As [`Broker::start`].
    pub async fn start_with(dir: &Path, settings: Settings, address: &str) -> Result<Broker, Fault> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let tls = settings.text("ssl.keystore.location").map(|path| acceptor(Path::new(path))).transpose()?;
        let dir = dir.to_owned();
        let state = tokio::task::spawn_blocking(move || State::open(&dir, settings)).await??;
        let (stop, stopped) = watch::channel(false);
        let served = tokio::spawn(run(state.clone(), listener, tls, stopped));
        Ok(Broker { state, address, stop, served })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops it: what was begun is finished, everything is synced.
    ///
    /// # Errors
    /// What could not be kept.
    pub async fn stop(self) -> Result<(), Fault> {
        self.stop.send_replace(true);
        self.served.await?;
        let state = self.state;
        tokio::task::spawn_blocking(move || state.close()).await?
    }
}

/// Serves until `stop`.
pub async fn run(
    state: Arc<State>,
    listener: TcpListener,
    tls: Option<crate::tls::Acceptor>,
    stop: watch::Receiver<bool>,
) {
    let ticking = tokio::spawn(tasks::run(state.clone(), stop.clone()));
    server::serve(state, listener, tls, stop).await;
    ticking.abort();
    let _ = ticking.await;
}
