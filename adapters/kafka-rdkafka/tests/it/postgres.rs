//! An outbox in a PostgreSQL that this test starts; without its programs it says "skipped".

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dolmen_base::Rng;
use dolmen_kafka_rdkafka::outbox::postgres::{PostgresSource, create_table};
use dolmen_kafka_rdkafka::outbox::{Relay, Source, forward};
use tokio_postgres::NoTls;

use crate::dying::live;
use crate::world::{Served, by_key, pipeline};

/// A server of its own, on a free port of loopback.
struct Postgres {
    child: Child,
    url: String,
    _dir: tempfile::TempDir,
}

impl Postgres {
    fn start() -> Option<Postgres> {
        let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
        let mut places: Vec<PathBuf> = versions.filter_map(|e| Some(e.ok()?.path().join("bin"))).collect();
        places.sort();
        let bin = places.into_iter().rfind(|bin| bin.join("initdb").is_file());
        let Some(bin) = bin else {
            println!("skipped: no PostgreSQL");
            return None;
        };
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        // PostgreSQL refuses to be root.
        let is_root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n");
        let command = |program: &str| {
            let path = bin.join(program);
            if !is_root {
                return Command::new(path);
            }
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(path);
            command
        };
        if is_root {
            let owns = Command::new("chown").arg("postgres").arg(dir.path()).status();
            if !owns.is_ok_and(|status| status.success()) {
                println!("skipped: no user postgres");
                return None;
            }
        }
        let made = command("initdb")
            .args(["-U", "dolmen", "-A", "trust", "--no-sync", "-D"])
            .arg(&data)
            .current_dir("/")
            .stdout(Stdio::null())
            .status();
        assert!(made.unwrap().success());
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let child = command("postgres")
            .arg("-D")
            .arg(&data)
            .args(["-p", &port.to_string(), "-h", "127.0.0.1", "-k", "", "-c", "fsync=off"])
            .current_dir("/")
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Some(Postgres {
            child,
            url: format!("host=127.0.0.1 port={port} user=dolmen dbname=postgres"),
            _dir: dir,
        })
    }

    async fn connect(&self) -> tokio_postgres::Client {
        for _ in 0..600 {
            if let Ok((client, connection)) = tokio_postgres::connect(&self.url, NoTls).await {
                tokio::spawn(connection);
                return client;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("PostgreSQL does not start");
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

const INSERT: &str = "INSERT INTO outbox (topic, key, value, header_names, header_values) VALUES ('out', $1, $2, '{h,g}', '{NULL,x}')";

#[test]
fn an_outbox_in_postgresql_is_published_once_and_in_order_whatever_dies() {
    let Some(postgres) = Postgres::start() else { return };
    let served = Served::start();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let client = runtime.block_on(async {
        let client = postgres.connect().await;
        create_table(&client, "outbox").await.unwrap();
        create_table(&client, "outbox").await.unwrap();
        client
    });
    let insert = |client: &tokio_postgres::Client, n: u64| {
        let (key, value) = (format!("k{}", n % 5).into_bytes(), n.to_string().into_bytes());
        runtime.block_on(client.execute(INSERT, &[&key, &value])).unwrap();
    };
    // Inserted first, committed last: whoever remembers identities would lose it.
    let slow = runtime.block_on(postgres.connect());
    runtime.block_on(slow.batch_execute("BEGIN")).unwrap();
    runtime.block_on(slow.execute(INSERT, &[&b"slow".to_vec(), &b"4711".to_vec()])).unwrap();
    (0..100).for_each(|n| insert(&client, n));
    let mut source = PostgresSource::new(&postgres.url, "outbox").unwrap();
    let rows = source.rows(0, 10, Duration::ZERO).unwrap();
    assert_eq!(rows.iter().map(|(n, _)| *n).collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
    assert_eq!(rows[0].1.headers, [("h".to_owned(), None), ("g".to_owned(), Some(b"x".to_vec()))]);
    // Another one has to wait for it.
    let mut other = PostgresSource::new(&postgres.url, "outbox").unwrap();
    assert!(other.rows(0, 10, Duration::ZERO).unwrap_err().why.contains("another relay"));
    drop((source, other));
    let lives = std::cell::Cell::new(0);
    let config = served.config("relay", &["out"]);
    let make = || {
        lives.set(lives.get() + 1);
        if lives.get() == 3 {
            runtime.block_on(slow.batch_execute("COMMIT")).unwrap();
        }
        Relay::new(config.clone(), PostgresSource::new(&postgres.url, "outbox").unwrap()).unwrap()
    };
    let done = || served.count("out");
    let died = live(&mut Rng::new(11), &pipeline(15), &mut forward, make, done, || 101);
    assert!(died > 1, "it died {died} times");
    let mut found = by_key(served.committed("out"));
    assert_eq!(found.remove("slow"), Some(vec![4711]));
    assert_eq!(found.len(), 5);
    for (key, numbers) in found {
        let expected: Vec<u64> = (0..100).filter(|n| format!("k{}", n % 5) == key).collect();
        assert_eq!(numbers, expected, "{key}: each once, in order");
    }
    let left = runtime.block_on(client.query_one("SELECT count(*) FROM outbox", &[])).unwrap();
    assert_eq!(left.get::<_, i64>(0), 0, "published rows are deleted");
}

#[test]
fn names_that_need_quotes_are_refused() {
    for name in ["Outbox", "a b", "x; DROP TABLE y", "", "1a"] {
        assert!(PostgresSource::new("host=localhost", name).is_err(), "{name:?}");
    }
}
