//! Verdicts, messages and cursors beside the server's.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::io::Read;

use dolmen_sql::{Depth, Options, Version, Workspace};

use crate::Done;
use crate::corpus::{self, Random};
use crate::libpg;
use crate::server::{Server, Verdict};

enum Judge {
    Server(Server),
    Library,
}

impl Judge {
    fn verdict(&mut self, text: &str) -> Result<Verdict, Box<dyn std::error::Error>> {
        match self {
            Judge::Server(server) => server.judge(text),
            Judge::Library => Ok(match libpg::raw_parse(&CString::new(text)?) {
                Ok(()) => Verdict::Accepted,
                Err((message, cursor)) => Verdict::Refused { sqlstate: "42601".into(), message, cursor },
            }),
        }
    }
}

fn ours(workspace: &mut Workspace, text: &str, options: Options) -> Verdict {
    match workspace.parse_with(text, options) {
        Ok(_) => Verdict::Accepted,
        Err(error) => Verdict::Refused {
            sqlstate: error.sqlstate.into(),
            message: error.message.clone(),
            cursor: error.cursor(text),
        },
    }
}

/// `judge`.
pub fn run(mut arguments: Vec<String>) -> Done {
    let mut take = |name: &str| {
        let at = arguments.iter().position(|a| a == name)?;
        arguments.remove(at);
        Some(arguments.remove(at))
    };
    let number: u8 = take("--pg").map_or(Ok(18), |n| n.parse())?;
    let version = Version::from_number(number).ok_or("versions are 14 to 19")?;
    let mutants: usize = take("--mutants").map_or(Ok(0), |n| n.parse())?;
    let mut random = Random(take("--seed").map_or(Ok(1), |n| n.parse::<u64>())? | 1 << 40);
    let shown: usize = take("--show").map_or(Ok(20), |n| n.parse())?;
    let mut judge = match take("--server") {
        Some(socket) => Judge::Server(Server::connect(&socket)?),
        None => Judge::Library,
    };
    let mut texts = corpus::read(&arguments, version)?;
    println!("{} statements", texts.len());
    if mutants > 0 {
        let mut workspace = Workspace::new();
        let options = Options { version, ..Options::default() };
        texts.retain(|text| workspace.parse_with(text, options).is_ok());
        let mut made = Vec::new();
        while made.len() < mutants {
            made.extend(corpus::mutant(&texts, &mut random).filter(|text| !text.contains('\0')));
        }
        texts = made;
    }
    compare(&texts, &mut judge, version, shown)
}

fn compare(texts: &[String], judge: &mut Judge, version: Version, shown: usize) -> Done {
    let options = Options { version, depth: Depth::Server, ..Options::default() };
    let mut workspace = Workspace::new();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut left = shown;
    for text in texts {
        let theirs = judge.verdict(text)?;
        let ours = ours(&mut workspace, text, options);
        let mut add = |name| *counts.entry(name).or_default() += 1;
        let same = match (&theirs, &ours) {
            (Verdict::Accepted, Verdict::Accepted) => {
                add("accepted by both");
                true
            }
            (Verdict::Accepted, _) => {
                add("WRONGLY REFUSED");
                false
            }
            (_, Verdict::Accepted) => {
                add("WRONGLY ACCEPTED");
                false
            }
            (
                Verdict::Refused { sqlstate, message, cursor },
                Verdict::Refused { sqlstate: s, message: m, cursor: c },
            ) => {
                add("refused by both");
                if cursor == c {
                    add("  cursor equal");
                }
                if message == m && sqlstate == s {
                    add("  message equal");
                }
                cursor == c && message == m
            }
        };
        if !same && left > 0 {
            left -= 1;
            println!("--- {}\n    theirs {theirs:?}\n    ours   {ours:?}", text.trim());
        }
    }
    for (name, count) in &counts {
        println!("{name:<18} {count}");
    }
    let wrong = counts.get("WRONGLY REFUSED").unwrap_or(&0) + counts.get("WRONGLY ACCEPTED").unwrap_or(&0);
    println!("agreement          {:.3} %", 100.0 - 100.0 * wrong as f64 / texts.len() as f64);
    let refused = *counts.get("refused by both").unwrap_or(&0) as f64;
    for name in ["  cursor equal", "  message equal"] {
        println!(
            "{name:<18} {:.3} % of the refused",
            100.0 * *counts.get(name).unwrap_or(&0) as f64 / refused
        );
    }
    Ok(())
}

/// `record`: what each server says of each statement (one a line), as JSON lines.
pub fn record(sockets: &[String]) -> Done {
    let mut servers: Vec<Server> = sockets.iter().map(|s| Server::connect(s)).collect::<Result<_, _>>()?;
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    for sql in text.lines().filter(|line| !line.trim().is_empty()) {
        let mut answers = Vec::new();
        for server in &mut servers {
            answers.push(match server.judge(sql)? {
                Verdict::Accepted => serde_json::json!(true),
                Verdict::Refused { sqlstate, message, cursor } => {
                    serde_json::json!([sqlstate, message, cursor])
                }
            });
        }
        println!("{}", serde_json::json!({ "sql": sql, "answers": answers }));
    }
    Ok(())
}
