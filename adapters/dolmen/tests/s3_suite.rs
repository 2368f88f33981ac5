//! Ceph's suite for S3 (github.com/ceph/s3-tests), judged against the list of tests that fail here, which may only shrink.
//!
//! The suite is Python's and somebody else's: `DOLMEN_S3_TESTS` names a checkout of it, `DOLMEN_S3_TESTS_PYTHON` a python that has its
//! requirements, pytest-xdist and pytest-timeout. Without the first the test is skipped. `DOLMEN_S3_TESTS_WORKERS` (6) run at a time.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

const FAILING: &str = include_str!("../../s3-http/tests/s3-tests-failing.txt");

/// Name, id, mail, access key and secret key of the users that the suite wants, by the section of its configuration.
const USERS: [(&str, &str, &str, &str, &str, &str); 6] = [
    ("s3 main", "main", "testid", "main@example.com", "MAINACCESSKEY0000000", "secret-key-of-main"),
    ("s3 alt", "alt", "altid", "alt@example.com", "ALTACCESSKEY00000000", "secret-key-of-alt"),
    (
        "s3 tenant",
        "tenanted",
        "tenantid",
        "tenant@example.com",
        "TENACCESSKEY00000000",
        "secret-key-of-tenant",
    ),
    ("iam", "iam", "iamid", "iam@example.com", "IAMACCESSKEY00000000", "secret-key-of-iam"),
    (
        "iam root",
        "iamroot",
        "rootid",
        "account1@example.com",
        "ROOTACCESSKEY0000000",
        "secret-key-of-iam-root",
    ),
    (
        "iam alt root",
        "iamaltroot",
        "altrootid",
        "account2@example.com",
        "ALTROOTACCESSKEY0000",
        "secret-key-of-alt-root",
    ),
];

/// The test that cannot run beside others.
const ALONE: &str = "test_list_buckets_paginated";

/// Tests whose bodies and headers awscrt reads or signs otherwise than they mean: they run with botocore's own signer.
const WITHOUT_CRT: [&str; 4] = [
    "test_atomic_dual_conditional_write_1mb",
    "test_atomic_write_bucket_gone",
    "test_bucket_create_bad_expect_mismatch",
    "test_object_create_bad_expect_mismatch",
];

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Makes the users, starts the server with a day of ten seconds, and says on which port.
fn start(data: &Path) -> (Server, u16) {
    let dolmen = env!("CARGO_BIN_EXE_dolmen");
    for (_, name, id, email, access_key, secret_key) in USERS {
        let made = Command::new(dolmen)
            .args([
                "s3",
                "admin",
                "user",
                "add",
                name,
                "--id",
                id,
                "--email",
                email,
                "--access-key",
                access_key,
            ])
            .args(["--secret-key", secret_key, "--quiet", "--data"])
            .arg(data)
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(made.success(), "user {name}");
    }
    let mut child = Command::new(dolmen)
        .args([
            "s3",
            "serve",
            "--addr",
            "127.0.0.1:0",
            "--lifecycle-day",
            "10",
            "--set",
            "s3.signature-v2=true",
        ])
        .arg("--data")
        .arg(data)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let port = lines.map_while(Result::ok).find_map(|line| {
        let address = line.strip_prefix("s3 ")?.split_whitespace().next()?.to_owned();
        address.rsplit(':').next()?.parse().ok()
    });
    (Server(child), port.expect("the server says where it listens"))
}

fn configuration(port: u16) -> String {
    let mut text = format!(
        "[DEFAULT]\nhost = 127.0.0.1\nport = {port}\nis_secure = False\nssl_verify = False\n\
         [fixtures]\nbucket prefix = dolmen-{{random}}-\niam name prefix = s3-tests-\niam path prefix = /s3-tests/\n"
    );
    for (section, name, id, email, access_key, secret_key) in USERS {
        text += &format!(
            "[{section}]\ndisplay_name = {name}\nuser_id = {id}\nemail = {email}\naccess_key = {access_key}\n\
             secret_key = {secret_key}\napi_name = default\ntenant = testx\nlc_debug_interval = 10\n"
        );
    }
    text
}

/// The names after a word at the beginning of a line of pytest's summary.
fn named<'a>(output: &'a str, words: &[&str]) -> BTreeSet<&'a str> {
    let after = |line: &'a str| {
        let rest = words.iter().find_map(|word| line.strip_prefix(word))?;
        let name = rest.split(" - ").next()?;
        name.split_once("::").map(|(_, name)| name.trim())
    };
    output.lines().filter_map(after).collect()
}

#[test]
fn no_test_of_the_suite_fails_that_did_not_fail_before() {
    let Some(suite) = std::env::var_os("DOLMEN_S3_TESTS") else {
        println!("skipped: no data (DOLMEN_S3_TESTS names no checkout of ceph/s3-tests)");
        return;
    };
    let python = std::env::var_os("DOLMEN_S3_TESTS_PYTHON").unwrap_or_else(|| "python3".into());
    let workers = std::env::var("DOLMEN_S3_TESTS_WORKERS").unwrap_or_else(|_| "6".into());
    let data = tempfile::tempdir().unwrap();
    let (_server, port) = start(data.path());
    let file = data.path().join("s3-tests.conf");
    std::fs::write(&file, configuration(port)).unwrap();
    let run = |workers: &str, which: &str, has_crt: bool| {
        let ran = Command::new(&python)
            .args(["-m", "pytest", "-p", "no:cacheprovider", "--timeout", "600", "--tb", "line", "-rA"])
            .args(["-n", workers, "--dist", "worksteal", "-k", which])
            .args(["s3tests/functional/test_s3.py", "s3tests/functional/test_headers.py"])
            .current_dir(&suite)
            .env("S3TEST_CONF", &file)
            .env("BOTO_DISABLE_CRT", if has_crt { "false" } else { "true" })
            .output()
            .unwrap();
        String::from_utf8_lossy(&ran.stdout).into_owned()
    };
    // It expects that its user has no other bucket.
    let plain = WITHOUT_CRT.join(" or ");
    let output = run("1", ALONE, true)
        + &run("1", &plain, false)
        + &run(&workers, &format!("not ({ALONE} or {plain})"), true);
    let (passed, failed) = (named(&output, &["PASSED "]), named(&output, &["FAILED ", "ERROR "]));
    let listed: BTreeSet<&str> =
        FAILING.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    println!("{} passed, {} failed, {} on the list", passed.len(), failed.len(), listed.len());
    assert!(passed.len() >= 520, "only {} passed:\n{output}", passed.len());
    let new: Vec<_> = failed.difference(&listed).collect();
    assert!(new.is_empty(), "these fail and are not on the list: {new:#?}");
    let over: Vec<_> = listed.intersection(&passed).filter(|name| !failed.contains(*name)).collect();
    assert!(over.is_empty(), "these pass now; take them off the list: {over:#?}");
}
