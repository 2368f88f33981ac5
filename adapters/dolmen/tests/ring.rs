//! `dolmen ring` end to end, and other programs as judges of where keys go.

#[path = "ring/peers.rs"]
mod peers;

use std::io::Write;
use std::process::{Command, Output, Stdio};

fn dolmen(args: &[&str]) -> Output {
    dolmen_with(args, b"")
}

fn dolmen_with(args: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_dolmen"))
        .arg("ring")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn refused(args: &[&str], sentence: &str) {
    let output = dolmen(args);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{args:?}");
    assert!(error.contains(sentence) && !error.contains("panicked"), "{args:?}: {error}");
}

/// What `owner` says of these keys under `config`.
fn owners_by_config(config: &std::path::Path, keys: &[String]) -> Vec<String> {
    let output =
        dolmen_with(&["owner", "--config", config.to_str().unwrap(), "-"], keys.join("\n").as_bytes());
    text(&output).lines().map(|l| l.rsplit('\t').next().unwrap().to_string()).collect()
}

#[test]
fn owner_prints_key_tab_owner() {
    let nodes: Vec<String> = (0..60).map(|i| format!("n{i}")).collect();
    let nodes = nodes.join(",");
    let jump = ["owner", "--algorithm", "jump", "--hash", "decimal", "--nodes", &nodes, "0", "1"];
    assert_eq!(text(&dolmen(&jump)), "0\tn0\n1\tn55\n");
    let slots = text(&dolmen(&["hash", "--function", "redis-slot", "foo", "bar"]));
    assert_eq!(slots, "foo\t12182\nbar\t5061\n");
    let token = text(&dolmen(&["hash", "--function", "cassandra-token", "123"]));
    assert_eq!(token, "123\t-7468325962851647638\n");
    let replicas = text(&dolmen(&["owner", "--nodes", "a@x,b@x,c@y", "--replicas", "2", "k"]));
    let list: Vec<&str> = replicas.trim_end().split_once('\t').unwrap().1.split(',').collect();
    assert!(list.len() == 2 && list.contains(&"c"), "one replica a zone: {replicas}");
}

#[test]
fn every_algorithm_answers_and_bad_input_gets_a_sentence() {
    for algorithm in [
        "modulo",
        "ring",
        "ketama",
        "jump",
        "rendezvous",
        "weighted-rendezvous",
        "maglev",
        "multi-probe",
        "anchor",
        "dx",
        "bounded",
        "jump-back",
        "flip",
        "libketama",
        "twemproxy",
        "spymemcached",
        "maglev-envoy",
        "redis-slots",
        "token-allocator",
    ] {
        let out = text(&dolmen(&["owner", "--algorithm", algorithm, "--nodes", "a,b,c", "key"]));
        assert!(["key\ta\n", "key\tb\n", "key\tc\n"].contains(&out.as_str()), "{algorithm}: {out}");
    }
    refused(&["owner", "--nodes", "a,a", "k"], "node 2 of the list has the name of an earlier one");
    refused(&["owner", "--nodes", "a,,b", "k"], "a node needs a name");
    refused(&["owner", "--nodes", "a=-1", "k"], "weight -1");
    refused(&["owner", "--nodes", "a=nan", "k"], "weight NaN");
    refused(&["owner", "--nodes", "a=1e99", "k"], "is not a number from 0 to 1000000");
    refused(&["owner", "--nodes", "a=0,b=0", "k"], "the ring is empty");
    refused(&["owner", "--nodes", "a,b", "--replicas", "3", "k"], "3 replicas need 3 nodes");
    refused(&["owner", "--nodes", "a@z,b@z", "--replicas", "2", "--distinct-zones", "k"], "need 2 zones");
    refused(&["owner", "--algorithm", "jump", "--nodes", "a=1,b=2", "k"], "same weight");
    refused(&["owner", "--algorithm", "anchor", "--capacity", "2", "--nodes", "a,b,c", "k"], "capacity of 2");
    refused(
        &["owner", "--algorithm", "maglev", "--table-size", "8", "--nodes", "a,b", "k"],
        "8 is not prime",
    );
    refused(&["owner", "--hash", "decimal", "--algorithm", "jump", "--nodes", "a,b", "x"], "decimal number");
    refused(&["owner", "--algorithm", "nonsense", "--nodes", "a", "k"], "[possible values: modulo, ring, ");
    refused(
        &["owner", "--nodes", "a=1000000,b=1000000", "--vnodes", "65536", "k"],
        "points exceed the limit",
    );
    refused(&["viz", "--algorithm", "jump", "--nodes", "a", "--out", "never.png"], "must end in .svg");
    refused(&["benchmark", "--min-nodes", "9", "--max-nodes", "3"], "is above");
}

#[test]
fn interactive_survives_nonsense() {
    let input = b"status\nadd d=2\nadd d\nremove zz\nblah\nweight a\nweight node-0 -3\nweight node-0 nan\n\xff\x00\n\
        fail node-0\nfail node-0\nrestore node-0\nrestore node-0\nundo\nundo\nundo\nundo\nzone node-1 eu/r1\n\
        load /nonexistent\nadd a,b\nremove node-0\nremove node-1\nremove node-2\nowner x\nstatus\nhelp\nquit\nadd never\n";
    let output = dolmen_with(&["interactive", "--keys", "1000"], input);
    assert_eq!(output.status.code(), Some(1), "not all of the script was done");
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    for sentence in [
        "has the name of an earlier one",
        "no node is called 'zz'",
        "'blah' is no command",
        "weight takes other words",
        "weight -3 is not a number",
        "weight NaN is not a number",
        "owns nothing already",
        "has not failed",
        "nothing to undo",
        "cannot read /nonexistent",
        "a comma, '=' or '@'",
        "the ring is empty",
        "add NAME[=WEIGHT]",
    ] {
        assert!(out.contains(sentence), "{sentence}: {out}");
    }
    assert!(!out.contains("never"));
}

#[test]
fn saved_rings_verify_and_damage_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("x.ring");
    let path = file.to_str().unwrap();
    text(&dolmen(&["save", "--algorithm", "anchor", "--nodes", "a,b,c", "--out", path]));
    assert!(text(&dolmen(&["verify", path, "--nodes", "a,b,c"])).contains("agrees"));
    refused(&["verify", path, "--nodes", "a,b,d"], "do not agree");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[9] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    refused(&["verify", path], "checksum");
    std::fs::write(&file, b"").unwrap();
    refused(&["verify", path], "expected a serialised ring");
}

#[test]
fn scenario_compare_and_viz_report() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("s.toml");
    let scenario = "nodes = \"a@eu,b@eu,c@us,d@us\"\nkeys = 2000\ntrace = \"zipf\"\nalgorithm = \"bounded\"\n\
        [[event]]\nadd = \"e=2@ap\"\n[[event]]\nflap = \"a\"\n[[event]]\nzone_loss = \"us\"\n[[event]]\nremove = \"e\"\n";
    std::fs::write(&file, scenario).unwrap();
    let out = text(&dolmen(&["scenario", file.to_str().unwrap()]));
    assert_eq!(out.lines().count(), 1 + 1 + 5 + 1, "{out}");
    for line in out.lines().filter(|l| l.starts_with("flap")) {
        assert_eq!(line.split_whitespace().nth(6), Some("0"), "nothing over-moves: {line}");
    }
    std::fs::write(&file, "nodes = \"a\"\n[[event]]\nexplode = \"a\"\n").unwrap();
    refused(&["scenario", file.to_str().unwrap()], "unknown variant `explode`");
    std::fs::write(&file, "nodes = \"a\"\n[[event]]\nremove = \"b\"\n").unwrap();
    refused(&["scenario", file.to_str().unwrap()], "event 1: remove b: no node is called 'b'");

    let csv =
        text(&dolmen(&["compare", "--nodes", "5", "--keys", "1000", "--seeds", "1", "--format", "csv"]));
    assert_eq!(csv.lines().count(), 15);
    assert!(csv.lines().all(|l| l.split(',').count() == 12), "{csv}");

    let svg = dir.path().join("r.svg");
    let args =
        ["viz", "--nodes", "a,b,c", "--after", "a,b,c,d", "--vnodes", "8", "--out", svg.to_str().unwrap()];
    text(&dolmen(&args));
    let first = std::fs::read(&svg).unwrap();
    text(&dolmen(&args));
    assert_eq!(first, std::fs::read(&svg).unwrap(), "the same bytes");
    assert!(String::from_utf8(first).unwrap().contains("data-to=\"d\""));
}
