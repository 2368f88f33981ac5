//! Engines side by side on one machine, and the oracle of our bytes.

mod bench;
mod engine;
mod ffi;
mod lists;
mod measure;
mod oracle;
mod rocks;
mod workload;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bench::Plan;

const HELP: &str = "\
dolmen-peers oracle [PROGRAMS]          batches and logs against librocksdb's and LevelDB's, byte for byte
dolmen-peers bench [--rounds N] [--shrink N] [--set NAME].. [--engine NAME].. [--dir DIR] [--out FILE]
                                        every engine in turn, the page to FILE (standard output)
dolmen-peers lists ROUNDS                memtables alone
dolmen-peers repeat ENGINE SET hit|miss|seek10|scan|put SECONDS DIR
                                        one phase on a filled set, for a profiler";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match dispatch(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(args: &[&str]) -> Result<(), String> {
    match args {
        ["oracle"] => tell(&oracle::table(200)?),
        ["oracle", count] => tell(&oracle::table(number(count)?)?),
        ["bench", rest @ ..] => bench(rest),
        ["lists", rounds] => tell(&lists::run(number(rounds)?, 1)),
        // What `bench` starts.
        ["one", contender, set, shrink, dir] => {
            let contender =
                engine::CONTENDERS.iter().find(|c| c.name == *contender).ok_or("no such engine")?;
            let set = workload::SETS.iter().find(|s| s.name == *set).ok_or("no such set")?;
            workload::run(*contender, *set, number(shrink)?, Path::new(dir));
            Ok(())
        }
        ["repeat", contender, set, phase, seconds, dir] => {
            workload::repeat(*known(contender)?, *known_set(set)?, phase, number(seconds)?, Path::new(dir))
        }
        _ => Err(format!("what is to be done?\n{HELP}")),
    }
}

fn known(name: &str) -> Result<&'static engine::Contender, String> {
    engine::CONTENDERS.iter().find(|c| c.name == name).ok_or_else(|| format!("there is no engine {name}"))
}

fn known_set(name: &str) -> Result<&'static workload::Set, String> {
    workload::SETS.iter().find(|s| s.name == name).ok_or_else(|| format!("there is no set {name}"))
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text} is not such a number"))
}

fn tell(text: &str) -> Result<(), String> {
    print!("{text}");
    Ok(())
}

fn bench(args: &[&str]) -> Result<(), String> {
    let (sets, contenders) = (Vec::new(), Vec::new());
    let mut plan = Plan { rounds: 3, shrink: 1, sets, contenders, whole: true, dir: std::env::temp_dir() };
    let mut out = None;
    for pair in args.chunks(2) {
        match pair {
            ["--rounds", n] => plan.rounds = number(n)?,
            ["--shrink", n] => plan.shrink = number(n)?,
            ["--set", name] => plan.sets.push((*name).to_owned()),
            ["--engine", name] => plan.contenders.push((*name).to_owned()),
            ["--dir", dir] => plan.dir = PathBuf::from(dir),
            ["--out", file] => out = Some(PathBuf::from(file)),
            _ => return Err(format!("{} is not known here\n{HELP}", pair[0])),
        }
    }
    plan.whole = plan.sets.is_empty() && plan.contenders.is_empty();
    let page = bench::run(&plan)?;
    match out {
        Some(file) => std::fs::write(&file, page).map_err(|e| format!("{}: {e}", file.display())),
        None => tell(&page),
    }
}
