//! An outbox in PostgreSQL: a row is inserted in the same transaction as what it tells of.
//!
//! ```sql
//! INSERT INTO outbox (topic, key, value, header_names, header_values) VALUES ('orders', 'k', 'v', '{kind}', '{made}');
//! ```
//! The identity of a row says nothing of when its transaction became visible, so a relay that remembers the last identity loses rows that were
//! inserted before and committed after. The relay numbers what it sees (`seq`), under an advisory lock that one relay holds. Rows that concern one
//! another (one key) are expected to be inserted under a lock on what they tell of: then their identities have the order of their commits.
//!
//! Inserts notify the relay by a trigger; where notifications do not come it looks once a second.

use std::sync::Arc;
use std::time::Duration;

use dolmen_kafka::eos::Fault;
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio_postgres::{AsyncMessage, Client, Connection, NoTls};

use super::Source;
use crate::client::{Failure, Headers, Outgoing};
use crate::error::Error;

/// The table and its trigger; `NAME` is the table's name.
const TABLE: &str = r#"
CREATE TABLE IF NOT EXISTS NAME (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  topic text NOT NULL,
  key bytea,
  value bytea,
  header_names text[] NOT NULL DEFAULT '{}',
  header_values bytea[] NOT NULL DEFAULT '{}',
  made timestamptz NOT NULL DEFAULT now(),
  seq bigint UNIQUE
);
CREATE INDEX IF NOT EXISTS NAME_new ON NAME (id) WHERE seq IS NULL;
CREATE OR REPLACE FUNCTION NAME_notify() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN PERFORM pg_notify('NAME', ''); RETURN NULL; END $$;
CREATE OR REPLACE TRIGGER NAME_notify AFTER INSERT ON NAME FOR EACH STATEMENT EXECUTE FUNCTION NAME_notify();
"#;
/// New rows, in the order of their identities, get the next numbers.
const NUMBER: &str = "WITH new AS (SELECT id FROM NAME WHERE seq IS NULL ORDER BY id LIMIT $2 FOR UPDATE), \
    numbered AS (SELECT id, row_number() OVER (ORDER BY id) AS n FROM new) \
    UPDATE NAME SET seq = $1 + numbered.n - 1 FROM numbered WHERE NAME.id = numbered.id";
const ROWS: &str = "SELECT seq, topic, key, value, header_names, header_values, \
    (extract(epoch FROM made) * 1000)::bigint FROM NAME WHERE seq >= $1 ORDER BY seq LIMIT $2";
/// A numeric lock of the table's name.
const LOCK: &str = "SELECT pg_try_advisory_lock(hashtextextended('dolmen outbox NAME', 0))";

/// How long a relay waits at most before it looks again.
const POLL: Duration = Duration::from_secs(1);
/// How long one statement may take.
const STATEMENT: Duration = Duration::from_secs(30);

/// Makes the table and its trigger, if they are not there.
///
/// # Errors
/// What PostgreSQL says.
pub async fn create_table(client: &Client, table: &str) -> Result<(), Error> {
    let table = checked(table)?;
    client.batch_execute(&TABLE.replace("NAME", table)).await.map_err(|error| Error::fatal(words(&error)))
}

/// A name that needs no quotes, so that it can stand in a statement.
fn checked(table: &str) -> Result<&str, Error> {
    let fits = table.len() <= 48
        && table.starts_with(|c: char| c.is_ascii_lowercase())
        && table.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    let refuse =
        || Error::fatal(format!("{table}: a table's name is of small letters, digits and _, at most 48"));
    if fits { Ok(table) } else { Err(refuse()) }
}

fn words(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(inner) => format!("PostgreSQL: {}", inner.message()),
        None => format!("PostgreSQL: {error}"),
    }
}

/// An outbox, for the relay.
pub struct PostgresSource {
    runtime: Runtime,
    url: String,
    table: String,
    session: Option<Session>,
    next: i64,
}

struct Session {
    client: Client,
    notified: Arc<Notify>,
}

impl PostgresSource {
    /// Nothing is connected yet. `url` is `postgres://…` or `host=… user=…`.
    ///
    /// # Errors
    /// If the table's name cannot be taken, or there can be no runtime.
    pub fn new(url: &str, table: &str) -> Result<PostgresSource, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Error::fatal(format!("starting a runtime: {error}")))?;
        let table = checked(table)?.to_owned();
        Ok(PostgresSource { runtime, url: url.into(), table, session: None, next: 0 })
    }

    /// Does something within a session that holds the lock; after an error the session is given up.
    fn with<T>(
        &mut self,
        act: impl AsyncFnOnce(&Session, &str, &mut i64) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, Failure> {
        let PostgresSource { runtime, url, table, session, next } = self;
        let result = runtime.block_on(async {
            let work = async {
                let known = match session.take() {
                    Some(known) => known,
                    None => open(url, table).await?,
                };
                let value =
                    act(&known, table, next).await.map_err(|e| Failure::new(Fault::Unanswered, words(&e)))?;
                *session = Some(known);
                Ok(value)
            };
            let late = |_| Failure::new(Fault::Unanswered, "PostgreSQL does not answer");
            tokio::time::timeout(STATEMENT, work).await.map_err(late)
        });
        result.and_then(|inner| inner)
    }
}

async fn open(url: &str, table: &str) -> Result<Session, Failure> {
    let fail = |error: tokio_postgres::Error| Failure::new(Fault::Unanswered, words(&error));
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.map_err(fail)?;
    let notified = Arc::new(Notify::new());
    tokio::spawn(serve(connection, notified.clone()));
    client.batch_execute(&format!("LISTEN {table}")).await.map_err(fail)?;
    let row = client.query_one(&LOCK.replace("NAME", table), &[]).await.map_err(fail)?;
    if !row.get::<_, bool>(0) {
        return Err(Failure::new(Fault::Retriable, format!("another relay holds the lock of {table}")));
    }
    Ok(Session { client, notified })
}

/// Moves the connection on and passes notifications on.
async fn serve<S, T>(mut connection: Connection<S, T>, notified: Arc<Notify>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    while let Some(message) = std::future::poll_fn(|context| connection.poll_message(context)).await {
        match message {
            Ok(AsyncMessage::Notification(_)) => notified.notify_one(),
            Ok(_) => {}
            // Whoever asks next is told.
            Err(_) => break,
        }
    }
    notified.notify_one();
}

impl Source for PostgresSource {
    fn rows(&mut self, from: i64, count_max: usize, wait: Duration) -> Result<Vec<(i64, Outgoing)>, Failure> {
        let limit = i64::try_from(count_max).unwrap_or(i64::MAX);
        self.with(async |session, table, next| {
            let client = &session.client;
            *next = from.max(*next);
            let last = format!("SELECT coalesce(max(seq) + 1, 0) FROM {table}");
            *next = client.query_one(&last, &[]).await?.get::<_, i64>(0).max(*next);
            client.execute(&NUMBER.replace("NAME", table), &[next, &limit]).await?;
            let mut found = client.query(&ROWS.replace("NAME", table), &[&from, &limit]).await?;
            if found.is_empty() {
                // The next look finds what has come.
                let _ = tokio::time::timeout(wait.min(POLL), session.notified.notified()).await;
            }
            Ok(found.drain(..).map(|row| outgoing(&row)).collect())
        })
    }

    fn release(&mut self, below: i64) -> Result<(), Failure> {
        self.with(async |session, table, _| {
            session.client.execute(&format!("DELETE FROM {table} WHERE seq < $1"), &[&below]).await.map(drop)
        })
    }
}

fn outgoing(row: &tokio_postgres::Row) -> (i64, Outgoing) {
    let names: Vec<String> = row.get(4);
    let values: Vec<Option<Vec<u8>>> = row.get(5);
    let values = values.into_iter().chain(std::iter::repeat(None));
    let headers: Headers = names.into_iter().zip(values).collect();
    let record = Outgoing {
        topic: row.get(1),
        partition: None,
        key: row.get(2),
        value: row.get(3),
        headers,
        timestamp_ms: row.get(6),
    };
    (row.get(0), record)
}
