//! Notifications: a webhook that fails, answers 500, hangs and works; order; a process that ends between; the bound; a topic.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use dolmen_s3::state::notify;
use dolmen_sim::Disk;
use parking_lot::Mutex;
use serde_json::Value;

use super::*;

const TIMEOUT: Duration = Duration::from_millis(300);

/// What the webhook does with the next connections or messages.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mood {
    Works,
    Closes,
    Answers500,
    Hangs,
}

/// A webhook.
struct Hook {
    address: SocketAddr,
    mood: Mutex<Mood>,
    /// A key whose messages are never taken.
    unwanted: Mutex<&'static str>,
    /// Messages that were taken.
    taken: Mutex<Vec<Value>>,
    /// Messages that came, whatever became of them.
    seen: AtomicUsize,
}

impl Hook {
    async fn new() -> Arc<Hook> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let hook = Arc::new(Hook {
            address: listener.local_addr().unwrap(),
            mood: Mutex::new(Mood::Works),
            unwanted: Mutex::new(""),
            taken: Mutex::default(),
            seen: AtomicUsize::new(0),
        });
        let serving = hook.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serving.clone().serve(stream));
            }
        });
        hook
    }

    async fn serve(self: Arc<Self>, mut stream: TcpStream) {
        loop {
            let mut bytes = Vec::new();
            let (head, len) = loop {
                if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                    let head = String::from_utf8_lossy(&bytes[..at]).to_ascii_lowercase();
                    let len = head.split_once("content-length: ").unwrap().1;
                    let len: usize = len.split("\r\n").next().unwrap().parse().unwrap();
                    break (at + 4, len);
                }
                if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                    return;
                }
            };
            assert!(bytes.starts_with(b"POST /in?x=1 HTTP/1.1\r\n"));
            while bytes.len() < head + len {
                if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                    return;
                }
            }
            self.seen.fetch_add(1, SeqCst);
            let message: Value = serde_json::from_slice(&bytes[head..]).unwrap();
            let is_unwanted = message["Records"][0]["s3"]["object"]["key"] == *self.unwanted.lock();
            let mood = if is_unwanted { Mood::Answers500 } else { *self.mood.lock() };
            match mood {
                Mood::Works => {
                    self.taken.lock().push(message);
                    stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.ok();
                }
                Mood::Answers500 => {
                    stream.write_all(b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n").await.ok();
                }
                Mood::Closes => return,
                Mood::Hangs => {
                    tokio::time::sleep(Duration::from_secs(60)).await;
                }
            }
        }
    }

    fn wanted(&self, waiting_max: u64) -> Wanted {
        let url = format!("http://{}/in?x=1", self.address);
        Wanted { targets: vec![("hook".into(), url)], waiting_max, timeout: TIMEOUT }
    }

    /// Events and keys that were taken.
    fn lines(&self) -> Vec<String> {
        self.taken.lock().iter().map(line).collect()
    }

    async fn wait(&self, count: usize) {
        until("messages come", || self.taken.lock().len() >= count).await;
    }
}

async fn until(what: &str, mut is: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what}: not within a minute");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// `event key`, with a line's end.
fn line(message: &Value) -> String {
    match message["Event"].as_str() {
        Some(event) => format!("{event} {}\n", message["Bucket"].as_str().unwrap()),
        None => {
            let record = &message["Records"][0];
            let key = record["s3"]["object"]["key"].as_str().unwrap();
            format!("{} {key}\n", record["eventName"].as_str().unwrap())
        }
    }
}

/// What waits for a target.
pub(super) fn lines(world: &World, target: &str) -> Vec<String> {
    let view = world.server.engine.meta.view(dolmen_store::ReadMode::MayBlock);
    let waiting = notify::waiting(&view, target, 10_000).unwrap();
    waiting.iter().map(|message| line(&serde_json::from_slice(&message.text).unwrap())).collect()
}

fn configuration(events: &str) -> String {
    let events: String = events.split(' ').map(|event| format!("<Event>s3:{event}</Event>")).collect();
    format!(
        "<NotificationConfiguration><QueueConfiguration><Id>all</Id><Queue>arn:aws:sqs:us-east-1:1:hook</Queue>{events}\
         </QueueConfiguration></NotificationConfiguration>"
    )
}

const ALL: &str =
    "ObjectCreated:* ObjectRemoved:* ObjectTagging:* ObjectAcl:Put LifecycleExpiration:* ObjectRestore:*";

/// Delivers until the sender goes.
fn deliver(world: &World) -> tokio::sync::watch::Sender<bool> {
    let (sender, receiver) = tokio::sync::watch::channel(false);
    tokio::spawn(crate::notify::run(world.server.engine.clone(), Stop::new(receiver)));
    sender
}

async fn prepare_bucket(world: &World, events: &str) {
    assert_eq!(world.root(Method::Put, "/box", &[], b"").await.status, 200);
    let got = world.root(Method::Put, "/box?notification", &[], configuration(events).as_bytes()).await;
    assert_eq!(got.status, 200, "{}", got.code());
}

fn waiting(world: &World) -> u64 {
    world.server.engine.outbox.totals().0
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_is_told_with_its_event() {
    let hook = Hook::new().await;
    let world = World::telling(Meta::memory().unwrap(), Blobs::memory(), &hook.wanted(1000)).await.unwrap();
    prepare_bucket(&world, ALL).await;
    let _delivering = deliver(&world);
    let root = async |method, target: &str, headers: &[(&str, &str)], body: &[u8]| {
        let got = world.root(method, target, headers, body).await;
        assert!((200..300).contains(&got.status), "{target}: {} {}", got.status, got.code());
        got
    };
    let (put, delete, post) = (Method::Put, Method::Delete, Method::Post);
    root(put, "/box/a%20b", &[], b"hello").await;
    root(put, "/box/c", &[("x-amz-copy-source", "box/a%20b")], b"").await;
    let tags = b"<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>";
    root(put, "/box/c?tagging", &[], tags).await;
    root(delete, "/box/c?tagging", &[], b"").await;
    root(put, "/box/c?acl", &[("x-amz-acl", "private")], b"").await;
    root(delete, "/box/c", &[], b"").await;
    // Nothing is there: nothing happens.
    root(delete, "/box/c", &[], b"").await;
    let many = b"<Delete><Object><Key>a b</Key></Object><Object><Key>none</Key></Object></Delete>";
    root(post, "/box?delete", &[("content-md5", &md5(many))], many).await;
    let versioned = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    root(put, "/box?versioning", &[], versioned).await;
    let id =
        root(put, "/box/v", &[("x-amz-storage-class", "GLACIER")], b"x").await.headers["x-amz-version-id"]
            .clone();
    root(post, "/box/v?restore", &[], b"<RestoreRequest><Days>1</Days></RestoreRequest>").await;
    let marker = root(delete, "/box/v", &[], b"").await.headers["x-amz-version-id"].clone();
    root(delete, &format!("/box/v?versionId={id}"), &[], b"").await;
    let expected = [
        "s3:TestEvent box",
        "ObjectCreated:Put a+b",
        "ObjectCreated:Copy c",
        "ObjectTagging:Put c",
        "ObjectTagging:Delete c",
        "ObjectAcl:Put c",
        "ObjectRemoved:Delete c",
        "ObjectRemoved:Delete a+b",
        "ObjectCreated:Put v",
        "ObjectRestore:Post v",
        "ObjectRestore:Completed v",
        "ObjectRemoved:DeleteMarkerCreated v",
        "ObjectRemoved:Delete v",
    ];
    hook.wait(expected.len()).await;
    // Messages of several objects may overtake each other; those of one do not.
    let mut lines = hook.lines();
    for key in ["a+b", "c", "v"] {
        let of = |line: &&str| line.ends_with(&format!(" {key}"));
        let told: Vec<String> =
            lines.iter().map(|line| line.trim_end().to_owned()).filter(|line| of(&line.as_str())).collect();
        assert_eq!(told, expected.iter().copied().filter(of).collect::<Vec<_>>());
    }
    lines.sort_unstable();
    let mut sorted: Vec<String> = expected.iter().map(|line| format!("{line}\n")).collect();
    sorted.sort_unstable();
    assert_eq!(lines, sorted);
    let taken = hook.taken.lock().clone();
    let of = |event: &str| {
        let is = |message: &&Value| message["Records"][0]["eventName"].as_str() == Some(event);
        taken.iter().find(is).unwrap()["Records"][0].clone()
    };
    let put = of("ObjectCreated:Put");
    assert_eq!(put["userIdentity"]["principalId"], "root");
    assert_eq!(put["requestParameters"]["sourceIPAddress"], "127.0.0.1");
    assert_eq!(put["s3"]["configurationId"], "all");
    assert_eq!(put["s3"]["object"]["size"], 5);
    assert_eq!(put["s3"]["object"]["eTag"], "5d41402abc4b2a76b9719d911017c592");
    assert_eq!(put["s3"]["object"].get("versionId"), None);
    assert_eq!(put["responseElements"]["x-amz-request-id"].as_str().unwrap().len(), 16);
    let made = of("ObjectRemoved:DeleteMarkerCreated");
    assert_eq!(made["s3"]["object"]["versionId"], marker);
    assert!(of("ObjectRestore:Completed")["glacierEventData"]["restoreEventData"].is_object());
    until("all are deleted", || waiting(&world) == 0).await;
    assert!(self::lines(&world, "hook").is_empty());
}

pub(super) fn md5(body: &[u8]) -> String {
    use md5::Digest as _;
    dolmen_s3::encoding::base64(&md5::Md5::digest(body))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lifecycle_tells_what_it_did() {
    let hook = Hook::new().await;
    let world = World::telling(Meta::memory().unwrap(), Blobs::memory(), &hook.wanted(1000)).await.unwrap();
    prepare_bucket(&world, ALL).await;
    world.root(Method::Put, "/box/old", &[], b"x").await;
    let rules =
        b"<LifecycleConfiguration><Rule><ID>r</ID><Filter><Prefix></Prefix></Filter><Status>Enabled</Status>\
        <Expiration><Date>2020-01-01T00:00:00Z</Date></Expiration></Rule></LifecycleConfiguration>";
    let got = world.root(Method::Put, "/box?lifecycle", &[("content-md5", &md5(rules))], rules).await;
    assert_eq!(got.status, 200, "{}", got.code());
    let (_sender, receiver) = tokio::sync::watch::channel(false);
    crate::worker::round(&world.server, &Stop::new(receiver)).await.unwrap();
    let told = ["s3:TestEvent box\n", "ObjectCreated:Put old\n", "LifecycleExpiration:Delete old\n"];
    assert_eq!(lines(&world, "hook"), told);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_webhook_does_not_take_comes_again_in_order() {
    let hook = Hook::new().await;
    let world = World::telling(Meta::memory().unwrap(), Blobs::memory(), &hook.wanted(1000)).await.unwrap();
    prepare_bucket(&world, "ObjectCreated:*").await;
    let _delivering = deliver(&world);
    hook.wait(1).await;
    let mut count = 1;
    for mood in [Mood::Closes, Mood::Answers500, Mood::Hangs] {
        let seen = hook.seen.load(SeqCst);
        *hook.mood.lock() = mood;
        for at in 0..20 {
            let body = vec![b'x'; count + at];
            assert_eq!(world.root(Method::Put, &format!("/box/k{}", at % 3), &[], &body).await.status, 200);
        }
        until("it is asked", || hook.seen.load(SeqCst) > seen).await;
        assert_eq!(hook.taken.lock().len(), count, "{mood:?}");
        *hook.mood.lock() = Mood::Works;
        count += 20;
        hook.wait(count).await;
    }
    until("all are deleted", || waiting(&world) == 0).await;
    // Sizes and sequencers of one key only grow.
    for key in ["k0", "k1", "k2"] {
        let taken = hook.taken.lock();
        let objects = taken.iter().map(|message| &message["Records"][0]["s3"]["object"]);
        let of_key = objects.filter(|object| object["key"] == key);
        let told: Vec<(u64, String)> = of_key
            .map(|object| (object["size"].as_u64().unwrap(), object["sequencer"].as_str().unwrap().into()))
            .collect();
        assert!(told.is_sorted_by(|a, b| a.0 < b.0 && a.1 < b.1), "{key}: {told:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_never_taken_holds_up_no_other_object() {
    let hook = Hook::new().await;
    let world = World::telling(Meta::memory().unwrap(), Blobs::memory(), &hook.wanted(1000)).await.unwrap();
    prepare_bucket(&world, "ObjectCreated:*").await;
    *hook.unwanted.lock() = "bad";
    let _delivering = deliver(&world);
    for at in 0..20 {
        assert_eq!(world.root(Method::Put, "/box/bad", &[], b"x").await.status, 200);
        assert_eq!(world.root(Method::Put, &format!("/box/{at}"), &[], b"x").await.status, 200);
    }
    // The configuration's message, and all of the other objects.
    hook.wait(21).await;
    until("the rest waits", || waiting(&world) == 20).await;
    assert!(hook.lines().iter().all(|line| !line.ends_with("bad\n")));
    *hook.unwanted.lock() = "";
    hook.wait(41).await;
    until("all are deleted", || waiting(&world) == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_outlive_the_process_that_left_them() {
    let hook = Hook::new().await;
    let (store, files) = (Disk::new(), Disk::new());
    let open = async |store: &Disk, files: &Disk| {
        let blobs = Blobs::over(Arc::new(files.clone()));
        World::telling(Meta::over(Arc::new(store.clone())).unwrap(), blobs, &hook.wanted(1000)).await.unwrap()
    };
    let world = open(&store, &files).await;
    prepare_bucket(&world, "ObjectCreated:*").await;
    // It has the messages and is about to say so when the process ends.
    *hook.mood.lock() = Mood::Hangs;
    let _delivering = deliver(&world);
    for at in 0..5 {
        assert_eq!(world.root(Method::Put, &format!("/box/{at}"), &[], b"x").await.status, 200);
    }
    until("it is asked", || hook.seen.load(SeqCst) > 0).await;
    let (store, files) = (store.crash(1), files.crash(2));
    *hook.mood.lock() = Mood::Works;
    // The old process delivers no more.
    drop(_delivering);
    let world = open(&store, &files).await;
    assert_eq!(waiting(&world), 6);
    let last = lines(&world, "hook");
    assert_eq!(last.len(), 6);
    let _delivering = deliver(&world);
    until("all are deleted", || waiting(&world) == 0).await;
    for at in 0..5 {
        assert!(hook.lines().contains(&format!("ObjectCreated:Put {at}\n")), "{at}");
    }
    // Numbers go on above those that are gone, also when the clock stands.
    let next = |world: &World| {
        let view = world.server.engine.meta.view(dolmen_store::ReadMode::MayBlock);
        notify::held(&view).unwrap().last
    };
    let before = next(&world);
    let world = open(&store.crash(3), &files.crash(4)).await;
    assert_eq!((waiting(&world), next(&world)), (0, before));
    assert!(before > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_wait_than_may_and_the_oldest_go() {
    let hook = Hook::new().await;
    *hook.mood.lock() = Mood::Answers500;
    let world = World::telling(Meta::memory().unwrap(), Blobs::memory(), &hook.wanted(10)).await.unwrap();
    prepare_bucket(&world, "ObjectCreated:*").await;
    let _delivering = deliver(&world);
    for at in 0..50 {
        assert_eq!(world.root(Method::Put, &format!("/box/{at:02}"), &[], b"x").await.status, 200);
    }
    until("the oldest go", || world.server.engine.outbox.totals() == (10, 41)).await;
    let left: Vec<String> = (40..50).map(|at| format!("ObjectCreated:Put {at}\n")).collect();
    assert_eq!(lines(&world, "hook"), left);
    let mut metrics = dolmen_host::Metrics::new(false);
    world.server.engine.outbox.write(&mut metrics);
    let text = metrics.finish();
    assert!(text.contains("dolmen_s3_events_dropped_total{target=\"hook\"} 41\n"), "{text}");
    assert!(text.contains("dolmen_s3_events_waiting{target=\"hook\"} 10\n"), "{text}");
    *hook.mood.lock() = Mood::Works;
    until("the rest is delivered", || waiting(&world) == 0).await;
    assert_eq!(hook.taken.lock().len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn destinations_that_nobody_knows_are_refused_where_somebody_knows_any() {
    let hook = Hook::new().await;
    let world = World::telling(Meta::memory().unwrap(), Blobs::memory(), &hook.wanted(10)).await.unwrap();
    assert_eq!(world.root(Method::Put, "/box", &[], b"").await.status, 200);
    let other = configuration("ObjectCreated:*").replace(":hook<", ":other<");
    let got = world.root(Method::Put, "/box?notification", &[], other.as_bytes()).await;
    assert_eq!((got.status, got.code()), (400, "InvalidArgument".into()));
    let text = String::from_utf8_lossy(&got.body).into_owned();
    assert!(text.contains("Unable to validate the following destination configurations"), "{text}");
    assert!(text.contains("arn:aws:sqs:us-east-1:1:other"), "{text}");
    let skips = [("x-amz-skip-destination-validation", "true")];
    assert_eq!(world.root(Method::Put, "/box?notification", &skips, other.as_bytes()).await.status, 200);
    world.root(Method::Put, "/box/k", &[], b"x").await;
    assert_eq!(waiting(&world), 0);
    // Without targets everything is stored.
    let world = World::new().await;
    assert_eq!(world.root(Method::Put, "/box", &[], b"").await.status, 200);
    assert_eq!(world.root(Method::Put, "/box?notification", &[], other.as_bytes()).await.status, 200);
    let got = world.root(Method::Get, "/box?notification", &[], b"").await;
    assert!(String::from_utf8_lossy(&got.body).contains(":other"), "{got:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_takes_messages_in_the_order_of_each_object() {
    let dir = tempfile::tempdir().unwrap();
    let broker = dolmen_kafka_net::Broker::start(dir.path()).await.unwrap();
    let url = format!("kafka://{}/events", broker.address());
    let wanted =
        Wanted { targets: vec![("hook".into(), url)], waiting_max: 1000, timeout: Duration::from_secs(10) };
    let world = World::telling(Meta::memory().unwrap(), Blobs::memory(), &wanted).await.unwrap();
    prepare_bucket(&world, "ObjectCreated:* ObjectRemoved:*").await;
    let _delivering = deliver(&world);
    for at in 0..30 {
        let target = format!("/box/k{}", at % 3);
        assert_eq!(world.root(Method::Put, &target, &[], &vec![b'x'; at + 1]).await.status, 200);
    }
    until("all are taken", || waiting(&world) == 0).await;
    let (_, dropped) = world.server.engine.outbox.totals();
    assert_eq!(dropped, 0);
    let records = crate::notify::kafka::read(&broker.address().to_string(), "events").await.unwrap();
    assert_eq!(records.len(), 31);
    for key in ["k0", "k1", "k2"] {
        let of_key = records.iter().filter(|(name, _)| *name == format!("box/{key}"));
        let sizes: Vec<u64> = of_key
            .map(|(_, text)| {
                let message: Value = serde_json::from_slice(text.as_bytes()).unwrap();
                message["Records"][0]["s3"]["object"]["size"].as_u64().unwrap()
            })
            .collect();
        assert_eq!(sizes.len(), 10, "{key}");
        assert!(sizes.is_sorted(), "{key}: {sizes:?}");
    }
    broker.stop().await.unwrap();
}

#[test]
fn urls_of_targets_are_read_or_refused_by_a_sentence() {
    let meta = Meta::memory().unwrap();
    let open = |name: &str, url: &str| {
        let wanted = Wanted { targets: vec![(name.into(), url.into())], ..Wanted::nobody() };
        Outbox::open(&meta, "us-east-1", &wanted).map(drop)
    };
    for url in ["http://h", "http://h:1/p?q", "https://h/p", "http://[::1]:8/x", "kafka://h:9092/t"] {
        assert_eq!(open("hook", url), Ok(()), "{url}");
    }
    for url in
        ["", "h:1", "ftp://h", "http://", "http://u:p@h/", "kafka://h/t", "kafka://h:9092", "kafka://h:1/a b"]
    {
        assert!(open("hook", url).is_err(), "{url}");
    }
    assert!(open("a b", "http://h").is_err());
}
