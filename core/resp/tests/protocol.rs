//! Frames and limits, seen from outside, and the clever functions beside their twins.

use dolmen_base::rng::Rng;
use dolmen_resp::check::{check_resp, converse};
use dolmen_resp::reply::{Out, Proto, Reply};
use dolmen_resp::value::{LARGE_LEN, NewValue};
use dolmen_resp::{command, fault, float80::Float80, glob, naive};

fn answer(request: &str) -> String {
    let (out, closed) = converse(request.as_bytes(), request.len().max(1));
    String::from_utf8_lossy(&out).replace("\r\n", "|") + if closed { "closed" } else { "" }
}

#[test]
fn known_faults_redis_07_09_10() {
    assert_eq!(answer("PING\n"), "+PONG|");
    assert_eq!(answer("\r\n\r\nPING\r\n"), "+PONG|");
    assert_eq!(answer("SET a \"b\r\nPING\r\n"), "-ERR Protocol error: unbalanced quotes in request|closed");
    assert_eq!(answer("ECHO \"\\x41\\n\"\r\n"), "$2|A\n|");
    assert_eq!(answer("*1\n$4\nPING\n"), "");
    let longer = "*3\r\n$3\r\nSET\r\n$5\r\nabcd\r\n$1\r\nv\r\nPING\r\nPING\r\nPING\r\nSET x 1\r\n";
    assert_eq!(answer(longer), "-ERR Protocol error: expected '$', got '1'|closed");
    assert_eq!(answer("*2\r\n$4\r\nECHO\r\n$0\r\n\r\n"), "$0||");
    let mut many = String::new();
    for _ in 0..100 {
        many.push_str("*3\r\n$3\r\nSET\r\n$1\r\ne\r\n$0\r\n\r\n");
    }
    assert_eq!(answer(&many), "+OK|".repeat(100));
    assert_eq!(answer("SET e \"\"\r\nGET e\r\nSTRLEN e\r\nEXISTS e\r\n"), "+OK|$0||:0|:1|");
}

#[test]
fn known_faults_redis_01_and_05() {
    let tail = "EXISTS leak\r\n";
    let abort = "-EXECABORT Transaction discarded because of previous errors.|:0|";
    let unknown = "-ERR unknown command 'NOSUCH', with args beginning with: |";
    let run = |text: &str| answer(&format!("{text}{tail}"));
    assert_eq!(run("MULTI\r\nNOSUCH\r\nSET leak 1\r\nEXEC\r\n"), format!("+OK|{unknown}+QUEUED|{abort}"));
    let arity = "-ERR wrong number of arguments for 'get' command|";
    assert_eq!(run("MULTI\r\nGET\r\nSET leak 1\r\nEXEC\r\n"), format!("+OK|{arity}+QUEUED|{abort}"));
    assert_eq!(run("MULTI\r\nNOSUCH\r\nSET leak 1\r\nDISCARD\r\n"), format!("+OK|{unknown}+QUEUED|+OK|:0|"));
    assert_eq!(
        run("MULTI\r\nMULTI\r\nSET leak 1\r\nEXEC\r\n"),
        "+OK|-ERR MULTI calls can not be nested|+QUEUED|*1|+OK|:1|"
    );
    let empty = "SET \"\" v\r\nTYPE \"\"\r\nSCAN 0\r\nGET \"\"\r\n";
    assert_eq!(answer(empty), "+OK|+string|*2|$1|0|*1|$0||$1|v|");
}

#[test]
fn known_fault_redis_04_the_scan_is_complete() {
    use dolmen_resp::keyspace::Keyspace;
    let mut host = naive::Memory::default();
    for i in 0..5000 {
        host.put(0, format!("key:{i}").as_bytes(), NewValue::Copy(b"v"), None).unwrap();
    }
    let mut session = dolmen_resp::session::Session::new(1, true);
    let (mut cursor, mut found, mut turn) = (String::from("0"), std::collections::BTreeSet::new(), 0);
    loop {
        let words = ["SCAN", &cursor, "MATCH", "*7*", "COUNT", "10"].map(str::as_bytes);
        let request = dolmen_resp::request::Request::new(words);
        let mut out = Out::default();
        session.handle(&request.words(), &mut host, &mut out);
        let text = String::from_utf8(out.to_vec()).unwrap();
        let lines: Vec<&str> = text.split("\r\n").collect();
        found.extend(lines[5..].iter().filter(|l| l.starts_with("key:")).map(ToString::to_string));
        cursor = lines[2].to_string();
        if cursor.parse::<u64>().unwrap() == 0 {
            break;
        }
        turn += 1;
        host.put(0, format!("new:{turn}").as_bytes(), NewValue::Copy(b"v"), None).unwrap();
        host.delete(0, format!("new:{}", turn - 1).as_bytes()).unwrap();
    }
    let wanted = (0..5000).filter(|i| i.to_string().contains('7')).map(|i| format!("key:{i}"));
    assert!(wanted.clone().all(|k| found.contains(&k)));
    assert!(answer("SCAN abc\r\n").starts_with("-ERR invalid cursor"));
    // Numbers in the range that we give out, but not remembered: an error, never a silent end.
    assert!(answer("SCAN 12345\r\n").starts_with("-ERR invalid cursor"));
}

#[test]
fn announced_sizes_are_not_allocated() {
    let mut parser = dolmen_resp::request::Parser::default();
    parser.buffer().extend_from_slice(b"*2147483647\r\n$536870912\r\nabc");
    assert_eq!(parser.parse(true), Ok(false));
    assert!(parser.weight() < 4096);
}

#[test]
fn long_lines_and_http_close() {
    let long = |head: &str| format!("{head}{}", "1".repeat(65_600));
    assert!(answer(&long("PING ")).ends_with("too big inline request|closed"));
    assert!(answer(&long("*")).ends_with("too big mbulk count string|closed"));
    assert!(answer(&long("*1\r\n$")).ends_with("too big bulk count string|closed"));
    for line in ["POST / HTTP/1.1", "host: x", "GET / HTTP/1.1", "PUT /k HTTP/1.0", "DELETE / HTTP/1.1"] {
        assert_eq!(answer(&format!("{line}\r\nSET x 1\r\n")), "closed", "{line}");
    }
}

#[test]
fn random_bytes_never_panic_and_pieces_do_not_matter() {
    let seeds: [&[u8]; 8] = [
        b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$2\r\n10\r\n*2\r\n$4\r\nINCR\r\n$1\r\na\r\n",
        b"SET k \"v\\x41\" EX 10\r\nGETEX k PERSIST\r\nTTL k\r\n",
        b"MULTI\r\nSET a 1\r\nINCRBYFLOAT a 1e3\r\nEXEC\r\n",
        b"WATCH a\r\nMULTI\r\nAPPEND a x\r\nSETRANGE a 5 y\r\nEXEC\r\n",
        b"SCAN 0 MATCH [a-z]* COUNT 5\r\nKEYS *\r\nCLIENT REPLY SKIP\r\nPING\r\n",
        b"HELLO 3 SETNAME x\r\nCOMMAND INFO get config|get\r\nCONFIG GET *\r\n",
        b"*1\r\n$4\r\nPING??*2\r\n$4\r\nECHO\r\n$-1\r\n",
        b"WAITAOF 1 0 0\r\nEXPIRE k 10 NX GT\r\nCOPY a b DB 3 REPLACE\r\n",
    ];
    let mut rng = Rng::new(7);
    for round in 0..4000 {
        let mut bytes = seeds[round % seeds.len()].to_vec();
        for _ in 0..rng.below(6) {
            let at = rng.below(bytes.len() as u64) as usize;
            match rng.below(3) {
                0 => bytes[at] = rng.next_u32() as u8,
                1 => bytes.insert(at, b"*$\r\n\"'1\\ "[rng.below(9) as usize]),
                _ => drop(bytes.remove(at)),
            }
        }
        check_resp(&bytes);
    }
}

#[test]
fn glob_equals_its_twin() {
    let mut rng = Rng::new(3);
    for _ in 0..60_000 {
        let mut pick = |set: &[u8], len: u64| -> Vec<u8> {
            (0..rng.below(len)).map(|_| set[rng.below(set.len() as u64) as usize]).collect()
        };
        let (pattern, text) = (pick(b"ab*?[]^-\\", 8), pick(b"ab]-", 6));
        assert_eq!(glob::matches(&pattern, &text), naive::glob(&pattern, &text), "{pattern:?} {text:?}");
        if glob::matches(&pattern, &text) {
            assert!(text.starts_with(glob::Pattern::new(&pattern).prefix()));
        }
    }
    assert!(!glob::matches(b"*a*a*a*a*a*b", &vec![b'a'; 100_000]));
}

/// Segments that are long enough for the failure table and the bits, made of pieces of the text so that they often fit.
#[test]
fn long_globs_equal_their_twin() {
    let mut rng = Rng::new(4);
    let (mut hits, mut misses) = (0, 0);
    for _ in 0..2_000 {
        let text: Vec<u8> = (0..rng.range(100, 400)).map(|_| b"aab"[rng.below(3) as usize]).collect();
        let (mut pattern, mut at) = (Vec::new(), 0);
        while at < text.len() && rng.below(4) > 0 {
            let len = (rng.range(1, 150) as usize).min(text.len() - at);
            let classes = rng.one_in(2);
            for &byte in &text[at..at + len] {
                match rng.below(if classes { 8 } else { 1 }) {
                    1 => pattern.push(b'?'),
                    2 => pattern.extend_from_slice(b"[a-b]"),
                    _ => pattern.push(byte),
                }
            }
            at += len;
            if rng.one_in(2) {
                pattern.push(b'*');
                at += rng.below(40) as usize;
            }
        }
        if rng.one_in(3) && !pattern.is_empty() {
            let at = rng.below(pattern.len() as u64) as usize;
            pattern[at] = b"abc*"[rng.below(4) as usize];
        }
        let found = glob::matches(&pattern, &text);
        assert_eq!(found, naive::glob_in_order(&pattern, &text), "{:?}", String::from_utf8_lossy(&pattern));
        *(if found { &mut hits } else { &mut misses }) += 1;
    }
    assert!(hits > 200 && misses > 200, "{hits} {misses}");
}

/// A class of 40,000 bytes against a key of 60,000, and worse: each was read again for every byte of the key (11 s). Steps are what
/// counts, so the text is matched a hundred times: with a step for each pair of pattern and text this would not end.
#[test]
fn case_3_long_patterns_cost_pattern_plus_text() {
    let key = vec![b'a'; 60_000];
    let class = [&b"*["[..], &vec![b'z'; 40_000], b"]"].concat();
    let literal = [&b"*"[..], &vec![b'a'; 30_000], b"b*"].concat();
    let any = [&b"*"[..], &vec![b'?'; 400], b"b*"].concat();
    for pattern in [class, literal, any] {
        let pattern = glob::Pattern::new(&pattern);
        assert!((0..100).all(|_| !pattern.matches(&key)));
    }
    let too_long = format!("KEYS {}\r\n", "x".repeat(60_000));
    assert_eq!(answer(&too_long), "*0|");
    assert!(glob::Pattern::bounded(&vec![b'x'; (128 << 10) + 1]).is_err());
}

#[test]
fn keys_goes_in_steps_and_misses_none() {
    use dolmen_resp::keyspace::Keyspace;
    let mut host = naive::Memory::default();
    for i in 0..20_000 {
        host.put(0, format!("key:{i:05}").as_bytes(), NewValue::Copy(b"v"), None).unwrap();
    }
    let mut session = dolmen_resp::session::Session::new(1, true);
    let request = dolmen_resp::request::Request::new(["KEYS", "*7"].map(str::as_bytes));
    let mut out = Out::default();
    let mut after = session.handle(&request.words(), &mut host, &mut out).after;
    let mut steps = 0;
    while after == dolmen_resp::session::After::Again {
        assert!(out.is_empty() && session.is_walking());
        after = session.go_on(&mut host, &mut out).after;
        steps += 1;
    }
    assert_eq!(steps, 2);
    assert_eq!(String::from_utf8(out.to_vec()).unwrap().matches("key:").count(), 2000);
}

#[test]
fn large_arguments_are_held_and_large_values_are_sent_from_where_they_lie() {
    let value = "v".repeat(LARGE_LEN);
    let request =
        format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${}\r\n{value}\r\nGET k\r\nSTRLEN k\r\n", value.len());
    let wanted = format!("+OK|${0}|{value}|:{0}|", value.len());
    assert_eq!(answer(&request), wanted);
    for step in [1, 1000, LARGE_LEN - 1, LARGE_LEN + 40, LARGE_LEN + 50] {
        let (out, closed) = converse(request.as_bytes(), step);
        assert!(
            !closed && String::from_utf8_lossy(&out).replace("\r\n", "|") == wanted,
            "in pieces of {step}"
        );
    }
    let queued = answer(&format!("MULTI\r\n{request}EXEC\r\n"));
    assert!(queued.starts_with("+OK|+QUEUED|+QUEUED|+QUEUED|*3|+OK|$65536|vvv"));
}

#[test]
fn refused_replies_are_replaced_and_their_values_let_go() {
    let mut out = Out::default();
    let mut ranges = Vec::new();
    for i in 0..6 {
        let start = out.mark();
        let mut reply = Reply { out: &mut out, proto: Proto::Resp2 };
        match i {
            0 | 5 => reply.simple("keep"),
            1 => reply.int(1),
            _ => reply.value(vec![b'0' + i; LARGE_LEN]),
        }
        if matches!(i, 1 | 3 | 4) {
            ranges.push(start..out.mark());
        }
    }
    let (len, kept) = (out.len(), "2".repeat(LARGE_LEN));
    out.replace(&ranges, &fault::SYNTAX);
    let wanted = format!("+keep|-ERR syntax error|$65536|{kept}|-ERR syntax error|-ERR syntax error|+keep|");
    assert_eq!(String::from_utf8(out.to_vec()).unwrap().replace("\r\n", "|"), wanted);
    assert!(out.len() < len && out.len() == out.to_vec().len());
    out.clear();
    assert!(out.is_empty());
}

#[test]
fn a_pair_over_its_limit_leaves_nothing_of_the_command() {
    let mut host = naive::Memory::default();
    (host.lengths.key_max, host.lengths.value_max) = (4, 6);
    let mut session = dolmen_resp::session::Session::new(1, true);
    for line in ["MSET a 1 longer 2", "MSETNX a 1 b 1234567", "MSET a 1 b 1234567", "SETNX longer 1"] {
        let request = dolmen_resp::request::Request::new(line.split(' ').map(str::as_bytes));
        let mut out = Out::default();
        session.handle(&request.words(), &mut host, &mut out);
        assert!(out.bytes().starts_with(b"-ERR the "), "{line}");
        assert!(host.keys.is_empty(), "{line}");
    }
}

#[test]
fn one_client_that_walks_without_end_forgets_its_own_cursors_only() {
    let mut cursors = dolmen_resp::scan::Cursors::new(1);
    let mine = cursors.add(1, 0, b"mine");
    assert_eq!(cursors.add(1, 0, b"mine"), mine, "the same place has one number");
    let first = cursors.add(2, 0, b"0");
    for i in 1..100_000 {
        cursors.add(2, 0, format!("{i}").as_bytes());
    }
    assert_eq!(cursors.find(0, mine), Some(&b"mine"[..]));
    assert_eq!((cursors.find(1, mine), cursors.find(0, first)), (None, None));
    for owner in 3..3000 {
        for i in 0..9 {
            cursors.add(owner, 0, &vec![i; 60_000]);
        }
    }
    assert!(cursors.weight() <= 16 << 20);
}

/// Very many keys in one command: with a look through all of them for each this would not end.
#[test]
fn watching_many_keys_costs_their_number() {
    let count = 300_000;
    let mut request = format!("*{}\r\n$5\r\nWATCH\r\n", count + 1);
    (0..count).for_each(|i| request += &format!("$9\r\nk{i:08}\r\n"));
    request += "MULTI\r\nPING\r\nEXEC\r\n";
    assert_eq!(answer(&request), "+OK|+OK|+QUEUED|*1|+PONG|");
}

#[test]
fn names_of_connections_are_bounded() {
    let name = "n".repeat(4096);
    assert_eq!(answer(&format!("CLIENT SETNAME {name}\r\nCLIENT GETNAME\r\n")), format!("+OK|$4096|{name}|"));
    let long = "-ERR the name is longer than this server allows (4096 bytes)|";
    for request in ["CLIENT SETNAME", "HELLO 2 SETNAME", "CLIENT SETINFO LIB-NAME"] {
        assert_eq!(answer(&format!("{request} {name}n\r\n")), long, "{request}");
    }
}

#[test]
fn helps_and_small_admin_commands() {
    for (name, word) in [
        ("ACL", "WHOAMI"),
        ("CLIENT", "KILL"),
        ("COMMAND", "DOCS"),
        ("CONFIG", "RESETSTAT"),
        ("FUNCTION", "FLUSH"),
        ("LATENCY", "LATEST"),
        ("MEMORY", "USAGE"),
        ("OBJECT", "ENCODING"),
        ("SLOWLOG", "LEN"),
    ] {
        let text = answer(&format!("{name} HELP\r\n"));
        assert!(text.contains(&format!("|+{word}")), "{text}");
        let count: usize = text[1..text.find('|').unwrap()].parse().unwrap();
        assert_eq!(text.matches("|+").count(), count, "{text}");
        assert!(answer(&format!("{name} NOSUCH\r\n")).ends_with(&format!("Try {name} HELP.|")));
    }
    assert_eq!(answer("ACL WHOAMI\r\nROLE\r\n"), "$7|default|*3|$6|master|:0|*0|");
    assert_eq!(
        answer("SAVE\r\nBGSAVE\r\nBGSAVE SCHEDULE\r\nBGSAVE x\r\n"),
        "+OK|+Background saving started|+Background saving started|-ERR syntax error|"
    );
    assert_eq!(
        answer("SHUTDOWN BAD\r\nSHUTDOWN SAVE NOSAVE\r\nSHUTDOWN ABORT\r\n"),
        "-ERR syntax error|-ERR syntax error|-ERR No shutdown in progress|"
    );
    assert_eq!(
        answer("MULTI\r\nSAVE\r\nEXEC\r\n"),
        "+OK|-ERR Command not allowed inside a transaction|-EXECABORT Transaction discarded because of previous errors.|"
    );
    assert_eq!(answer("LASTSAVE\r\nMONITOR\r\n"), ":1700000000|+OK|");
}

#[test]
fn every_command_is_found_by_its_name() {
    for spec in command::COMMANDS {
        let upper = spec.name.to_ascii_uppercase();
        assert!(std::ptr::eq(command::find(upper.as_bytes()).unwrap(), spec), "{}", spec.name);
    }
    assert!(command::COMMANDS.is_sorted_by_key(|c| c.name));
}

/// Numbers that a u64 mantissa holds exactly: their sum and text are known without rounding.
#[test]
fn float80_equals_exact_arithmetic() {
    let mut rng = Rng::new(11);
    for _ in 0..20_000 {
        // Multiples of 2^-17 have at most 17 decimals, so that the text is exact: numerator × 5^17 / 10^17.
        let (a, b) = (rng.next_u64() as i64 >> 3, rng.next_u64() as i64 >> 3);
        let text = |n: i64| {
            let scaled = i128::from(n).unsigned_abs() * 5u128.pow(17);
            let (whole, part) = (scaled / 10u128.pow(17), scaled % 10u128.pow(17));
            let text = format!("{whole}.{part:017}");
            let text = text.trim_end_matches('0').trim_end_matches('.');
            if n < 0 { format!("-{text}") } else { text.to_string() }
        };
        let (x, y) =
            (Float80::parse(text(a).as_bytes()).unwrap(), Float80::parse(text(b).as_bytes()).unwrap());
        assert_eq!(x.print(), text(a));
        assert_eq!(x.checked_add(y).unwrap().print(), text(a + b));
    }
}

#[test]
fn random_key_reaches_every_key_of_a_large_database() {
    use dolmen_resp::keyspace::Keyspace;
    let mut host = naive::Memory::default();
    let mut left = std::collections::BTreeSet::new();
    for i in 0..1000 {
        left.insert(format!("key:{i:06}"));
    }
    left.extend(["", "k", "key:", "key:000", "\u{1}", "zebra"].map(String::from));
    for key in &left {
        host.put(0, key.as_bytes(), NewValue::Copy(b"v"), None).unwrap();
    }
    host.put(0, b"zzz", NewValue::Copy(b"v"), Some(1)).unwrap();
    let (all, mut session) = (left.clone(), dolmen_resp::session::Session::new(1, true));
    let request = dolmen_resp::request::Request::new([&b"RANDOMKEY"[..]]);
    for _ in 0..60_000 {
        let mut out = Out::default();
        session.handle(&request.words(), &mut host, &mut out);
        let text = String::from_utf8(out.to_vec()).unwrap();
        let key = text.split("\r\n").nth(1).unwrap();
        assert!(all.contains(key), "{text:?}");
        left.remove(key);
    }
    assert!(left.is_empty(), "never drawn: {left:?}");
}

#[test]
fn pauses_hold_back_what_they_say() {
    use dolmen_resp::keyspace::Pause;
    let mut session = dolmen_resp::session::Session::new(1, true);
    let (mut host, mut out) = (naive::Memory::default(), Out::default());
    let mut waits = |line: &str, what, run: bool| {
        let request = dolmen_resp::request::Request::new(line.split(' ').map(str::as_bytes));
        let waits = session.waits_for(&session.look_up(&request.words()), &request.words(), what);
        if run {
            session.handle(&request.words(), &mut host, &mut out);
        }
        waits
    };
    assert!(!waits("CLIENT UNPAUSE", Pause::All, false));
    for line in ["GET a", "PING", "CLIENT LIST", "EXEC", "SET a 1", "NOSUCH"] {
        assert!(waits(line, Pause::All, false));
        assert_eq!(waits(line, Pause::Write, false), line.starts_with("SET"), "{line}");
    }
    waits("MULTI", Pause::Write, true);
    waits("GET a", Pause::Write, true);
    assert!(!waits("EXEC", Pause::Write, false));
    waits("SET a 1", Pause::Write, true);
    assert!(waits("EXEC", Pause::Write, false));
    assert!(answer("CLIENT PAUSE 1 READ\r\n").starts_with("-ERR CLIENT PAUSE mode must be WRITE or ALL|"));
}

#[test]
fn config_set_changes_all_or_nothing_and_memory_ends() {
    assert_eq!(
        answer("CONFIG SET maxmemory 1\r\nSET a 1\r\nGET a\r\n"),
        "+OK|-OOM command not allowed when used memory > 'maxmemory'.|$-1|"
    );
    let failed = "-ERR CONFIG SET failed (possibly related to argument 'maxmemory') - argument must be a memory value|";
    assert_eq!(answer("CONFIG SET maxmemory 1 maxmemory x\r\nSET a 1\r\n"), format!("{failed}+OK|"));
    assert_eq!(
        answer("MULTI\r\nSET a 1\r\nCONFIG SET maxmemory 1\r\nEXEC\r\nMULTI\r\nSET a 2\r\nEXEC\r\nDEL a\r\n"),
        "+OK|+QUEUED|+QUEUED|*2|+OK|+OK|+OK|-OOM command not allowed when used memory > 'maxmemory'.|\
         -EXECABORT Transaction discarded because of previous errors.|:1|"
    );
    let fixed =
        "-ERR CONFIG SET failed (possibly related to argument 'databases') - can't set immutable config|";
    assert_eq!(answer("CONFIG SET databases 16\r\nCONFIG SET databases 17\r\n"), format!("+OK|{fixed}"));
}
