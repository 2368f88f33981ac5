//! Serving every system from one data directory: the command line around `dolmen_host::life`. It knows no service.

use std::io::Write;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail};
use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint};
use dolmen_cli::{Out, Status};
use dolmen_host::{File, Kind, Registered, Setting, Sources, Values, check_variables, life};

/// The file that is read if it is there and none is named.
const FILE: &str = "dolmen.toml";
/// Variables of ours that are no settings of `up`.
const OTHER_VARIABLES: &[&str] = &["DOLMEN_CONFIG", "DOLMEN_TESTDATA", "DOLMEN_SOAK", "DOLMEN_FUZZ_ONLY"];

/// `dolmen up` with the settings of a list of services.
pub fn command(list: &[Registered]) -> Command {
    let base = Command::new("up").about("Serve every system from one data directory").after_help(EXAMPLES);
    let base = base.next_help_heading("What to do").args([
        Arg::new("settings")
            .long("settings")
            .action(ArgAction::SetTrue)
            .help("Print each setting with where it came from, and end"),
        Arg::new("show-password")
            .long("show-password")
            .action(ArgAction::SetTrue)
            .help("Print the password of the data directory, and end"),
        Arg::new("write-config")
            .long("write-config")
            .value_name("FILE")
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value(FILE)
            .value_hint(ValueHint::FilePath)
            .help("Write a settings file that explains every setting, and end [-: to standard output]"),
        Arg::new("config")
            .long("config")
            .env("DOLMEN_CONFIG")
            .value_name("FILE")
            .value_hint(ValueHint::FilePath)
            .help("Settings file [default: dolmen.toml, if it is there]"),
    ]);
    life::table(list).into_iter().fold(base, |command, setting| {
        let titles = list.iter().find(|entry| entry.name == setting.section());
        let heading = match (setting.section(), titles) {
            ("", _) => "Settings".to_owned(),
            ("http", _) => "Settings of port 7000".to_owned(),
            ("log", _) => "Settings of the log".to_owned(),
            (name, entry) => format!("Settings of {name}: {}", entry.map_or("", |entry| entry.title)),
        };
        let command =
            command.next_help_heading(heading).arg(argument(setting, setting.key, &setting.variable()));
        match setting.short {
            "" => command,
            short => {
                let variable = setting.short_variable().unwrap_or_default();
                command.arg(argument(setting, short, &variable).hide(true))
            }
        }
    })
}

const EXAMPLES: &str = "Examples:
  dolmen up --data ./dolmen-data --kv 6379       then: redis-cli SET tree oak
  dolmen up --only kv --kv.max-memory 100mb
  dolmen up --settings                           each setting and where it came from
  dolmen up --write-config                       dolmen.toml with every setting and what it means

Each setting is a flag, a variable and a key of the settings file: --kv.sync never, DOLMEN_KV_SYNC=never, and
  [kv]
  sync = \"never\"
Flags go over variables over the file over the defaults. Exits with 0 once it was stopped and everything is written, with 1
if it could not start or run, with 2 for wrong usage.";

/// The flag of a setting under one of its names.
fn argument(setting: &'static Setting, name: &'static str, variable: &str) -> Arg {
    let mut help = format!("{} [default: {}]", setting.help, setting.shown_default());
    if !setting.short.is_empty() {
        help.push_str(&format!(" [short: --{}]", setting.short));
    }
    let arg = Arg::new(name)
        .long(name)
        .value_name(setting.kind.placeholder())
        .help(help)
        .hide_env_values(setting.is_secret);
    let arg = if variable.is_empty() { arg } else { arg.env(variable.to_owned()) };
    match setting.kind {
        Kind::Choice(words) => {
            let words = words.iter().map(|(word, meaning)| PossibleValue::new(*word).help(*meaning));
            arg.value_parser(PossibleValuesParser::new(words))
        }
        kind => {
            let arg = if matches!(kind, Kind::Pairs) { arg.action(ArgAction::Append) } else { arg };
            let arg = if matches!(kind, Kind::Path) { arg.value_hint(ValueHint::DirPath) } else { arg };
            arg.value_parser(move |text: &str| setting.check(text).map(|()| text.to_owned()))
        }
    }
}

/// Runs `dolmen up`.
pub fn run(list: &[Registered], matches: &ArgMatches, out: &mut Out) -> Result<Status> {
    let started = Instant::now();
    let values = decide(list, matches)?;
    if matches.get_flag("settings") {
        show(&values, out)?;
        return Ok(Status::Success);
    }
    if matches.get_flag("show-password") {
        let data = values.path("data").display();
        let password = life::password(&values).map_err(|error| anyhow!(error))?;
        out.line(
            password.with_context(|| format!("{data} has no password yet; it is made at the first start"))?,
        )?;
        return Ok(Status::Success);
    }
    if let Some(file) = matches.get_one::<String>("write-config") {
        write_config(&values, Path::new(file), out)?;
        return Ok(Status::Success);
    }
    life::init_log(&values);
    let threads = std::thread::available_parallelism().map_or(2, |n| n.get().max(2));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    let result = runtime.block_on(life::serve(list, &values, started, out, std::future::pending()));
    runtime.shutdown_background();
    result.map_err(|error| anyhow!(error))?;
    Ok(Status::Success)
}

fn decide(list: &[Registered], matches: &ArgMatches) -> Result<Values> {
    let table = life::table(list);
    check_variables(
        &table,
        OTHER_VARIABLES,
        std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()),
    )?;
    let file = match matches.get_one::<String>("config") {
        Some(path) => Some(read(Path::new(path))?),
        None if Path::new(FILE).exists() => Some(read(Path::new(FILE))?),
        None => None,
    };
    let given = |name: &str, from: ValueSource| {
        let is_known = matches.ids().any(|id| id.as_str() == name);
        let value = || {
            let all: Vec<&str> = matches.get_many::<String>(name)?.map(String::as_str).collect();
            Some(all.join(","))
        };
        if is_known && matches.value_source(name) == Some(from) { value() } else { None }
    };
    let flag = |name: &str| given(name, ValueSource::CommandLine);
    let variable = |variable: &str| {
        let names = table.iter().flat_map(|s| [(s.key, Some(s.variable())), (s.short, s.short_variable())]);
        let (name, _) = names.into_iter().find(|(_, v)| v.as_deref() == Some(variable))?;
        given(name, ValueSource::EnvVariable)
    };
    Ok(Values::decide(&table, &Sources { flag: &flag, variable: &variable, file: file.as_ref() })?)
}

fn read(path: &Path) -> Result<File> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(File::parse(&text, &path.display().to_string())?)
}

/// A setting as `--settings --json` prints it.
#[derive(serde::Serialize)]
struct Shown<'a> {
    key: &'a str,
    value: &'a str,
    origin: &'a str,
}

fn show(values: &Values, out: &mut Out) -> Result<()> {
    let width = values.shown().map(|[key, ..]| key.len()).max().unwrap_or(0);
    for [key, value, origin] in values.shown() {
        if out.is_json() {
            out.object(&Shown { key, value, origin })?;
        } else {
            out.line(format_args!("{key:<width$} {value:<24} {origin}"))?;
        }
    }
    Ok(())
}

fn write_config(values: &Values, file: &Path, out: &mut Out) -> Result<()> {
    let text = values.sample();
    if file == Path::new("-") {
        return Ok(out.bytes(text.as_bytes())?);
    }
    let shown = file.display();
    let made = std::fs::OpenOptions::new().write(true).create_new(true).open(file);
    let mut made = match made {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            bail!("{shown} is there already; name another file: --write-config=FILE")
        }
        made => made.with_context(|| format!("cannot create {shown}"))?,
    };
    made.write_all(text.as_bytes()).with_context(|| format!("cannot write {shown}"))?;
    Ok(out.line(format_args!("{shown}: every setting, with what it means"))?)
}

#[cfg(test)]
mod tests;
