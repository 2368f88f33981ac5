//! The steps of the tour that keep keys and values.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use anyhow::{Result, ensure};
use dolmen_base::NoTrace;
use dolmen_base::block::ReadMode;
use dolmen_base::io::FileNumber;
use dolmen_cli::Report;
use dolmen_kv_resp::{Engine, Settings};
use dolmen_lsm::codecs::Codecs;
use dolmen_lsm::key::{self, SequenceNumber, ValueType};
use dolmen_lsm::table::{FileBytes, Table as LsmTable, TableBuilder, TableOptions};
use dolmen_store::{Db, Options, ReadOptions, SyncPolicy, WriteBatch, WriteOptions};

/// The input: this very page.
const SOURCE: &str = include_str!("lib.rs");

/// Every line in a database on disk that is opened again.
///
/// # Errors
///
/// If a line is not there after the reopen, or the directory cannot be written.
pub fn tour(scratch: &Path) -> Result<Report> {
    let dir = &scratch.join("store");
    let key = |i: usize| format!("line {i:05}").into_bytes();
    let db = Db::open(dir, Options::default())?;
    let mut batch = WriteBatch::new();
    for (i, line) in SOURCE.lines().enumerate() {
        batch.put(db.default_family().id, &key(i), line.as_bytes());
    }
    db.write(batch, WriteOptions::default())?;
    db.close()?;
    drop(db);
    let db = Db::open(dir, Options::default())?;
    for (i, line) in SOURCE.lines().enumerate() {
        let found = db.get(&db.default_family(), &key(i), &ReadOptions::default())?;
        ensure!(found.as_deref() == Some(line.as_bytes()), "the database lost line {i}");
    }
    let did = format!("{} lines in one synced batch, each there after a reopen", SOURCE.lines().count());
    Ok(Report { system: "store", did, page: "adapters/store/README.md" })
}

/// Every line as an entry of a table in RocksDB's format, each found again.
///
/// # Errors
///
/// If the table does not give a line back.
pub fn tour_tables(_scratch: &Path) -> Result<Report> {
    let codecs = Codecs::new();
    let mut builder = TableBuilder::new(TableOptions::default(), &codecs);
    let (mut file, mut internal) = (Vec::new(), Vec::new());
    for (i, line) in SOURCE.lines().enumerate() {
        internal.clear();
        let sequence = SequenceNumber::new(i as u64 + 1);
        key::put_internal_key(&mut internal, format!("line {i:05}").as_bytes(), sequence, ValueType::Value);
        builder.add(&internal, line.as_bytes(), &mut file)?;
    }
    let summary = builder.finish(&mut file);
    let source = FileBytes(&file);
    let table = LsmTable::open(&source, FileNumber::new(1), summary.len, &codecs)?;
    let mut lines = 0;
    for (i, line) in SOURCE.lines().enumerate() {
        internal.clear();
        key::put_seek_key(&mut internal, format!("line {i:05}").as_bytes(), key::SEQUENCE_MAX);
        let mut found = false;
        table.get(&source, ReadMode::MayBlock, &internal, &mut NoTrace, &mut |_, value| {
            found = value == line.as_bytes();
            false
        })?;
        ensure!(found, "the table lost line {i}");
        lines += 1;
    }
    let did = format!("{lines} lines in a table of {} bytes, each found again", file.len());
    Ok(Report { system: "lsm", did, page: "core/lsm/README.md" })
}

/// The Redis server itself, on a port of its own: every word counted by a client over its socket, then stopped and its directory opened
/// as the RocksDB database that it is.
///
/// # Errors
///
/// If the server does not answer as Redis does, or what it acknowledged is not in its files.
pub fn tour_server(scratch: &Path) -> Result<Report> {
    let dir = scratch.join("server");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let (words, answers) = runtime.block_on(serve_words(&dir))?;
    drop(runtime);
    let db = Db::open_read_only(&dir, Options::default())?;
    let found = db.get(&db.default_family(), b"fn", &ReadOptions::default())?;
    ensure!(found.is_some(), "what the server acknowledged is not in its files");
    let did = format!(
        "{words} words counted with INCR over a socket, {answers} counts read back, and the files open as RocksDB's"
    );
    Ok(Report { system: "redis", did, page: "core/resp/README.md" })
}

async fn serve_words(dir: &Path) -> Result<(usize, usize)> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let db = Db::open(dir, Options::default())?;
    let engine = Engine::start(db, Settings::new(address, SyncPolicy::Always))?;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let served = tokio::spawn(dolmen_kv_resp::serve(engine.clone(), listener, stopped));
    let counted = tokio::task::spawn_blocking(move || count_words(address)).await?;
    stop.send_replace(true);
    served.await?;
    tokio::task::spawn_blocking(move || engine.close()).await??;
    counted
}

/// One pipeline of INCR, one of GET; each reply is compared with a plain count.
fn count_words(address: SocketAddr) -> Result<(usize, usize)> {
    let is_word = |word: &&str| word.chars().all(|c| c.is_ascii_alphanumeric());
    let words: Vec<&str> = SOURCE.split_whitespace().filter(is_word).collect();
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    words.iter().for_each(|word| *counts.entry(word).or_default() += 1);
    let stream = TcpStream::connect(address)?;
    let (mut to, mut from) = (stream.try_clone()?, BufReader::new(stream));
    let commands: String = words.iter().map(|word| format!("INCR {word}\r\n")).collect();
    to.write_all(commands.as_bytes())?;
    let mut line = String::new();
    for _ in &words {
        line.clear();
        from.read_line(&mut line)?;
        ensure!(line.starts_with(':'), "INCR was answered {line:?}");
    }
    let commands: String = counts.keys().map(|word| format!("GET {word}\r\n")).collect();
    to.write_all(commands.as_bytes())?;
    for (word, count) in &counts {
        let (mut len, mut value) = (String::new(), String::new());
        from.read_line(&mut len)?;
        from.read_line(&mut value)?;
        ensure!(value.trim_end() == count.to_string(), "{word} was counted {value:?} times, not {count}");
    }
    Ok((words.len(), counts.len()))
}
