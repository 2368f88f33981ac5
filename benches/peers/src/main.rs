//! Engines side by side on one machine, and the oracle of our bytes.
//!
//! ```text
//! dolmen-peers oracle [PROGRAMS]      batches and logs against librocksdb's and LevelDB's, byte for byte
//! ```

mod ffi;
mod oracle;
mod rocks;

use std::process::ExitCode;

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
        ["oracle"] => tell_oracle(200),
        ["oracle", count] => {
            tell_oracle(count.parse().map_err(|_| format!("{count} is no number of programs"))?)
        }
        _ => Err("dolmen-peers oracle [PROGRAMS]".to_owned()),
    }
}

fn tell_oracle(count: u64) -> Result<(), String> {
    println!(
        "| against | programs | batches equal | operations | log bytes equal | recycled logs |\n|---|---|---|---|---|---|"
    );
    let names = ["librocksdb", "librocksdb, recycled logs", "LevelDB"];
    for (name, c) in names.into_iter().zip(oracle::run(count)?) {
        let (programs, batches, operations) = (c.programs, c.batches, c.operations);
        println!("| {name} | {programs} | {batches} | {operations} | {} | {} |", c.log_bytes, c.recycled);
    }
    Ok(())
}
