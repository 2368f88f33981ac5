//! Power cuts: the disks under a server stop at a write, a sync, a new name or one that goes, and lose, tear or reorder what was not synced.
//! The server that opens what is left shows everything that was acknowledged, its messages included, the one request that was under way
//! either whole or not at all,
//! and after its sweep no file that nothing names.

use std::any::Any;
use std::collections::BTreeMap;

use dolmen_base::io::{Directory, Entry, File, IoError, OpenMode};
use dolmen_sim::{Disk, EIO};
use parking_lot::{Mutex, MutexGuard};

use super::*;

/// The two disks of a server, the store's and that of the files, and how many steps are left until both lose power.
struct Power {
    store: Disk,
    blobs: Disk,
    seed: u64,
    left: Mutex<Left>,
}

struct Left {
    steps: u64,
    /// What the cut left of both.
    remains: Option<(Disk, Disk)>,
}

impl Power {
    fn new(store: Disk, blobs: Disk, steps: u64, seed: u64) -> Arc<Power> {
        Arc::new(Power { store, blobs, seed, left: Mutex::new(Left { steps, remains: None }) })
    }

    /// One step: it is over before anybody else does one. After the cut there is none.
    fn step(&self) -> Result<MutexGuard<'_, Left>, IoError> {
        let mut left = self.left.lock();
        if left.remains.is_none() && left.steps == 0 {
            left.remains = Some((self.store.crash(self.seed), self.blobs.crash(self.seed ^ 0xff)));
        }
        if left.remains.is_some() {
            return Err(EIO);
        }
        left.steps -= 1;
        Ok(left)
    }

    /// What is left, now if the cut has not come before.
    fn remains(&self) -> (Disk, Disk) {
        self.left.lock().steps = 0;
        drop(self.step());
        self.left.lock().remains.clone().expect("the power is cut")
    }

    fn directories(self: &Arc<Self>) -> (Arc<dyn Directory>, Arc<dyn Directory>) {
        let wired = |disk: &Disk| Arc::new(Wired { power: self.clone(), disk: disk.clone() });
        (wired(&self.store), wired(&self.blobs))
    }
}

struct Wired {
    power: Arc<Power>,
    disk: Disk,
}

impl Directory for Wired {
    fn open(&self, name: &str, mode: OpenMode) -> Result<Arc<dyn File>, IoError> {
        let _step = if mode == OpenMode::CreateNew { Some(self.power.step()?) } else { None };
        let file = self.disk.open(name, mode)?;
        Ok(Arc::new(WiredFile { power: self.power.clone(), file }))
    }

    fn list(&self) -> Result<Vec<Entry>, IoError> {
        self.disk.list()
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), IoError> {
        let _step = self.power.step()?;
        self.disk.rename(from, to)
    }

    fn delete(&self, name: &str) -> Result<(), IoError> {
        let _step = self.power.step()?;
        self.disk.delete(name)
    }

    fn sync(&self) -> Result<(), IoError> {
        let _step = self.power.step()?;
        self.disk.sync()
    }

    fn link_into(&self, _: &str, _: &dyn Directory, _: &str) -> Result<(), IoError> {
        Err(IoError::Denied)
    }

    fn display(&self) -> String {
        String::new()
    }

    fn lock(&self, name: &str) -> Result<Box<dyn Send + Sync>, IoError> {
        self.disk.lock(name)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

struct WiredFile {
    power: Arc<Power>,
    file: Arc<dyn File>,
}

impl File for WiredFile {
    fn read_exact_at(&self, offset: u64, out: &mut [u8]) -> Result<(), IoError> {
        self.file.read_exact_at(offset, out)
    }

    fn append(&self, bytes: &[u8]) -> Result<(), IoError> {
        let _step = self.power.step()?;
        self.file.append(bytes)
    }

    fn write_all_at(&self, offset: u64, bytes: &[u8]) -> Result<(), IoError> {
        let _step = self.power.step()?;
        self.file.write_all_at(offset, bytes)
    }

    fn sync(&self) -> Result<(), IoError> {
        let _step = self.power.step()?;
        self.file.sync()
    }

    fn len(&self) -> Result<u64, IoError> {
        self.file.len()
    }

    fn truncate(&self, len: u64) -> Result<(), IoError> {
        let _step = self.power.step()?;
        self.file.truncate(len)
    }

    fn preallocate(&self, len: u64) -> Result<(), IoError> {
        let _step = self.power.step()?;
        self.file.preallocate(len)
    }
}

/// Keys and what they hold.
type Model = BTreeMap<&'static str, Vec<u8>>;

/// Bytes that go into the store, or into a file of their own.
fn bytes(mark: u8, len: usize) -> Vec<u8> {
    (0..len).map(|at| mark.wrapping_add((at % 251) as u8)).collect()
}

const NOTIFICATION: &str = "<NotificationConfiguration><QueueConfiguration><Queue>arn:aws:sqs:us-east-1:1:hook</Queue>\
    <Event>s3:ObjectCreated:*</Event><Event>s3:ObjectRemoved:*</Event></QueueConfiguration></NotificationConfiguration>";
const SHORT: usize = 300;
const LONG: usize = 150_000;

/// A request, and what it makes of the model.
struct Act {
    method: Method,
    target: &'static str,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    change: fn(&mut Model, Vec<u8>),
    /// The messages that it leaves, a line each.
    tells: &'static str,
}

fn act(method: Method, target: &'static str, body: Vec<u8>, change: fn(&mut Model, Vec<u8>)) -> Act {
    Act { method, target, headers: Vec::new(), body, change, tells: "" }
}

impl Act {
    fn with(mut self, name: &'static str, value: impl Into<String>) -> Act {
        self.headers.push((name, value.into()));
        self
    }

    fn tells(mut self, lines: &'static str) -> Act {
        self.tells = lines;
        self
    }
}

fn acts() -> Vec<Act> {
    use Method::{Delete, Put};
    vec![
        act(Put, "/box", Vec::new(), |_, _| {}),
        act(Put, "/box?notification", NOTIFICATION.into(), |_, _| {}).tells("s3:TestEvent box\n"),
        act(Put, "/box/short", bytes(1, SHORT), |model, body| drop(model.insert("short", body)))
            .tells("ObjectCreated:Put short\n"),
        act(Put, "/box/long", bytes(2, LONG), |model, body| drop(model.insert("long", body)))
            .tells("ObjectCreated:Put long\n"),
        act(Put, "/box/long", bytes(3, LONG + 1), |model, body| drop(model.insert("long", body)))
            .tells("ObjectCreated:Put long\n"),
        act(Put, "/box/short", bytes(4, SHORT), |model, body| drop(model.insert("short", body)))
            .tells("ObjectCreated:Put short\n"),
        // A copy shares the file.
        act(Put, "/box/copy", Vec::new(), |model, _| drop(model.insert("copy", model["long"].clone())))
            .with("x-amz-copy-source", "box/long")
            .tells("ObjectCreated:Copy copy\n"),
        act(Delete, "/box/long", Vec::new(), |model, _| drop(model.remove("long")))
            .tells("ObjectRemoved:Delete long\n"),
        act(Put, "/box/short", bytes(5, LONG), |model, body| {
            model.get_mut("short").expect("it is there").extend(body);
        })
        .with("x-amz-write-offset-bytes", SHORT.to_string())
        .tells("ObjectCreated:Put short\n"),
        act(Put, "/box/other?renameObject", Vec::new(), |model, _| {
            let held = model.remove("copy").expect("it is there");
            model.insert("other", held);
        })
        .with("x-amz-rename-source", "box/copy")
        .tells("ObjectCreated:Copy other\nObjectRemoved:Delete copy\n"),
        act(Put, "/box/sealed", bytes(6, LONG), |model, body| drop(model.insert("sealed", body)))
            .with("x-amz-server-side-encryption", "AES256")
            .tells("ObjectCreated:Put sealed\n"),
        act(Delete, "/box/other", Vec::new(), |model, _| drop(model.remove("other")))
            .tells("ObjectRemoved:Delete other\n"),
        act(Put, "/box/sealed", bytes(7, SHORT), |model, body| drop(model.insert("sealed", body)))
            .tells("ObjectCreated:Put sealed\n"),
    ]
}

/// What the keys of the bucket hold, each read whole; none where there is no bucket.
async fn shown(world: &World) -> Model {
    let mut model = Model::new();
    for key in ["short", "long", "copy", "other", "sealed", "parts"] {
        let got = world.root(Method::Get, &format!("/box/{key}"), &[], b"").await;
        match got.status {
            200 => drop(model.insert(key, got.body)),
            404 => {}
            status => panic!("{key}: {status} {}", got.code()),
        }
    }
    told(&mut model, &super::notify::lines(world, "hook").concat());
    model
}

/// Messages that wait stand in the model too: they are there if and only if the change is.
fn told(model: &mut Model, lines: &str) {
    if !lines.is_empty() {
        model.entry("messages").or_default().extend_from_slice(lines.as_bytes());
    }
}

/// Runs the requests until one fails; what was acknowledged, and what the one that failed may have made of it.
async fn run(world: &World) -> (Model, Model) {
    let mut model = Model::new();
    for act in acts() {
        let mut after = model.clone();
        (act.change)(&mut after, act.body.clone());
        told(&mut after, act.tells);
        let headers: Vec<(&str, &str)> =
            act.headers.iter().map(|(name, value)| (*name, &value[..])).collect();
        let got = world.root(act.method, act.target, &headers, &act.body).await;
        if !matches!(got.status, 200 | 204) {
            assert!(got.status >= 500 || got.status == 0, "{}: {} {}", act.target, got.status, got.code());
            return (model, after);
        }
        model = after;
    }
    let (after, is_whole) = upload(world, &model).await;
    if is_whole { (after.clone(), after) } else { (model, after) }
}

/// An upload in two parts that is completed; what the model is then, and whether every request was acknowledged.
async fn upload(world: &World, model: &Model) -> (Model, bool) {
    let (first, second) = (bytes(8, 5 << 20), bytes(9, LONG));
    let mut after = model.clone();
    after.insert("parts", [&first[..], &second[..]].concat());
    told(&mut after, "ObjectCreated:CompleteMultipartUpload parts\n");
    let begun = world.root(Method::Post, "/box/parts?uploads", &[], b"").await;
    let text = String::from_utf8_lossy(&begun.body).into_owned();
    let Some((id, _)) = text.split_once("<UploadId>").and_then(|(_, rest)| rest.split_once("</UploadId>"))
    else {
        return (after, false);
    };
    let mut list = String::from("<CompleteMultipartUpload>");
    for (number, part) in [(1, &first), (2, &second)] {
        let target = format!("/box/parts?partNumber={number}&uploadId={id}");
        let got = world.root(Method::Put, &target, &[], part).await;
        if got.status != 200 {
            return (after, false);
        }
        let etag = &got.headers["etag"];
        list += &format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>");
    }
    list += "</CompleteMultipartUpload>";
    let got = world.root(Method::Post, &format!("/box/parts?uploadId={id}"), &[], list.as_bytes()).await;
    (after, got.status == 200)
}

/// A target that nobody delivers to.
fn hook() -> Wanted {
    Wanted { targets: vec![("hook".into(), "http://127.0.0.1:9/".into())], ..Wanted::nobody() }
}

/// A life that ends with a cut after so many steps, and what the next one finds. Whether the cut came before the end.
async fn check_cut(steps: u64, seed: u64) -> bool {
    let power = Power::new(Disk::new(), Disk::new(), steps, seed);
    let (store, files) = power.directories();
    let (mut acknowledged, mut maybe) = (Model::new(), Model::new());
    // A store that the cut keeps from opening has acknowledged nothing.
    if let Ok(meta) = Meta::over(store)
        && let Ok(world) = World::telling(meta, Blobs::over(files), &hook()).await
    {
        (acknowledged, maybe) = run(&world).await;
        let _ = world.server.engine.meta.db().close();
    }
    let was_cut = power.left.lock().remains.is_some();
    let (store, files) = power.remains();
    let at = format!("{steps} steps, seed {seed}");
    let meta = Meta::over(Arc::new(store)).unwrap_or_else(|error| panic!("{at}: {error}"));
    let world = World::telling(meta, Blobs::over(Arc::new(files.clone())), &hook()).await.unwrap();
    let found = shown(&world).await;
    assert!(found == acknowledged || found == maybe, "{at}: {:?}", found.keys());
    crate::sweep::sweep(&world.server.engine).unwrap();
    assert_eq!(shown(&world).await, found, "{at}: the sweep took something");
    // Parts of the upload that was not completed are named as well.
    let parts = if found.contains_key("parts") { 0 } else { 2 };
    let files = files.list().unwrap().len();
    let long = found.values().map(|held| usize::from(held.len() > LONG / 2)).sum::<usize>();
    let most = long + parts + usize::from(found.contains_key("parts"));
    assert!(files <= most, "{at}: {files} files where {most} are named at most");
    was_cut
}

#[test]
fn a_power_cut_at_any_step_loses_nothing_acknowledged_and_shows_nothing_half() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut cuts = 0;
    for steps in 0.. {
        let was_cut = runtime.block_on(check_cut(steps, steps.wrapping_mul(0x9e37_79b9)));
        if !was_cut {
            break;
        }
        cuts += 1;
    }
    assert!(cuts > 60, "only {cuts} cuts");
    println!("{cuts} cuts");
}
