//! Settings of `dolmen up`: flags over `DOLMEN_*` over `dolmen.toml` over defaults, each with where it came from.

use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use dolmen_host::LogFormat;
use dolmen_host::config::{HttpConfig, LogConfig, LogLevel};
use dolmen_kv_resp::config::{Config, Sync};
use serde::Deserialize;

use super::Args;

/// The file that is read if it is there and none is named.
const FILE: &str = "dolmen.toml";
/// Variables of ours that are no settings of `up`.
const OTHER_VARIABLES: &[&str] = &["DOLMEN_CONFIG", "DOLMEN_TESTDATA", "DOLMEN_SOAK", "DOLMEN_FUZZ_ONLY"];

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    data: Option<PathBuf>,
    kv: Config,
    http: HttpConfig,
    log: LogConfig,
}

/// All of them, decided.
pub(super) struct Settings {
    pub data: PathBuf,
    pub kv: SocketAddr,
    pub sync: Sync,
    pub kv_password: Option<String>,
    pub max_clients: u32,
    pub idle_timeout_s: u32,
    pub max_memory_bytes: u64,
    pub max_key_bytes: usize,
    pub max_value_bytes: usize,
    pub http: SocketAddr,
    pub http_password: Option<String>,
    pub allow_host: Vec<String>,
    pub log_format: LogFormat,
    pub log_level: LogLevel,
    /// Name, value and origin of each, for people.
    pub shown: Vec<[String; 3]>,
}

impl Settings {
    /// Decides; the file is read here.
    pub fn decide(args: &Args) -> Result<Settings> {
        check_variables(std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()))?;
        let (file, name) = match &args.config {
            Some(path) => (read(path)?, path.display().to_string()),
            None if Path::new(FILE).exists() => (read(Path::new(FILE))?, FILE.to_string()),
            None => (File::default(), String::new()),
        };
        let mut pick = Pick { file: name, shown: Vec::new() };
        let default =
            dolmen_kv_resp::Settings::new(([127, 0, 0, 1], 6379).into(), dolmen_store::SyncPolicy::Always);
        let (kv, http, log) = (file.kv, file.http, file.log);
        let path = |p: &PathBuf| p.display().to_string();
        let text = |t: &SocketAddr| t.to_string();
        let secret = |p: &Option<String>| if p.is_some() { "(set)" } else { "(none)" }.to_string();
        Ok(Settings {
            data: pick.of("data", args.data.clone(), file.data, "./dolmen-data".into(), path),
            kv: pick.of("kv", args.kv, kv.listen, default.listen, text),
            sync: pick.of("sync", args.sync.map(Into::into), kv.sync, Sync::Always, |s| {
                format!("{s:?}").to_lowercase()
            }),
            kv_password: pick.of(
                "kv-password",
                args.kv_password.clone().map(Some),
                kv.password.map(Some),
                None,
                secret,
            ),
            max_clients: pick.of(
                "max-clients",
                args.max_clients,
                kv.max_clients,
                default.clients_max,
                u32::to_string,
            ),
            idle_timeout_s: pick.of(
                "idle-timeout",
                args.idle_timeout,
                kv.idle_timeout_s,
                default.idle_timeout_s,
                u32::to_string,
            ),
            max_memory_bytes: pick.of(
                "max-memory",
                args.max_memory,
                kv.max_memory_bytes,
                default.memory_max,
                u64::to_string,
            ),
            max_key_bytes: pick.of(
                "max-key",
                args.max_key,
                kv.max_key_bytes,
                default.key_len_max,
                usize::to_string,
            ),
            max_value_bytes: pick.of(
                "max-value",
                args.max_value,
                kv.max_value_bytes,
                default.value_len_max,
                usize::to_string,
            ),
            http: pick.of("http", args.http, http.listen, ([127, 0, 0, 1], 7000).into(), text),
            http_password: pick.of(
                "http-password",
                args.http_password.clone().map(Some),
                http.password.map(Some),
                None,
                secret,
            ),
            allow_host: pick.of(
                "allow-host",
                Some(args.allow_host.clone()).filter(|names| !names.is_empty()),
                http.allow_host,
                Vec::new(),
                |names: &Vec<String>| names.join(" "),
            ),
            log_format: pick.of(
                "log-format",
                args.log_format.map(Into::into),
                log.format,
                LogFormat::Text,
                |f| format!("{f:?}").to_lowercase(),
            ),
            log_level: pick.of("log", args.log.map(Into::into), log.level, LogLevel::Info, |l| {
                format!("{l:?}").to_lowercase()
            }),
            shown: pick.shown,
        })
    }
}

struct Pick {
    file: String,
    shown: Vec<[String; 3]>,
}

impl Pick {
    /// The first that there is: what clap found, what the file says, the default.
    fn of<T>(
        &mut self,
        name: &str,
        given: Option<T>,
        file: Option<T>,
        default: T,
        show: impl Fn(&T) -> String,
    ) -> T {
        let flag = format!("--{name}");
        let typed =
            |word: String| word == flag || word.strip_prefix(&flag).is_some_and(|rest| rest.starts_with('='));
        let origin = match (&given, &file) {
            (Some(_), _) if std::env::args().any(typed) => flag,
            (Some(_), _) => variable(name),
            (None, Some(_)) => self.file.clone(),
            (None, None) => "default".into(),
        };
        let value = given.or(file).unwrap_or(default);
        self.shown.push([name.into(), show(&value), origin]);
        value
    }
}

fn variable(name: &str) -> String {
    format!("DOLMEN_{}", name.to_uppercase().replace('-', "_"))
}

fn read(path: &Path) -> Result<File> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    parse(&text).map_err(|problem| anyhow::anyhow!("{}:{problem}", path.display()))
}

/// The file's contents; or line, key and reason.
fn parse(text: &str) -> Result<File, String> {
    toml::from_str(text).map_err(|error| {
        let Range { start, .. } = error.span().unwrap_or_default();
        let line = text[..start.min(text.len())].matches('\n').count();
        let key = text.lines().nth(line).unwrap_or("").split('=').next().unwrap_or("").trim();
        let reason = error.message().replace('\n', " ");
        let key = if key.is_empty() || reason.contains(key) { String::new() } else { format!(" {key}:") };
        format!("{}:{key} {reason}", line + 1)
    })
}

/// A variable that looks like a setting and is none is a mistake that would go unnoticed.
fn check_variables(names: impl Iterator<Item = String>) -> Result<()> {
    let command = <Args as clap::Args>::augment_args(clap::Command::new("up"));
    let known: Vec<String> =
        command.get_arguments().filter_map(|a| a.get_env()?.to_str().map(String::from)).collect();
    for name in names.filter(|name| name.starts_with("DOLMEN_")) {
        if !known.contains(&name) && !OTHER_VARIABLES.contains(&&*name) {
            let nearest = known.iter().min_by_key(|k| distance(k, &name)).map_or("", String::as_str);
            bail!("{name} is no setting of dolmen up; did you mean {nearest}?");
        }
    }
    Ok(())
}

/// Levenshtein's edit distance.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.bytes().enumerate() {
            let change = corner + usize::from(x != y);
            corner = row[j + 1];
            row[j + 1] = change.min(corner + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_in_the_file_are_named_with_line_and_key() {
        let problem = |text: &str| parse(text).err().unwrap();
        let file = parse(
            "data = \"/d\"\n[kv]\nlisten = \"127.0.0.1:1\"\nsync = \"never\"\n[log]\nformat = \"json\"\n",
        )
        .ok()
        .unwrap();
        assert_eq!((file.kv.sync, file.log.format), (Some(Sync::Never), Some(LogFormat::Json)));
        assert!(
            problem("[kv]\nmax-client = 3\n").starts_with("2: unknown field `max-client`, expected one of")
        );
        assert!(problem("[kv]\n\nlisten = \"here\"\n").starts_with("3: listen: invalid socket address"));
        assert!(problem("[kv]\nmax-clients = -1\n").starts_with("2: max-clients: "));
        assert!(problem("[kv\n").starts_with("1: "));
        assert!(problem("[kx]\n").contains("unknown field `kx`"));
    }

    #[test]
    fn a_mistyped_variable_names_the_nearest_one() {
        let check = |name: &str| check_variables([name.to_string()].into_iter());
        assert!(check("DOLMEN_SYNC").is_ok() && check("DOLMEN_TESTDATA").is_ok() && check("PATH").is_ok());
        let problem = check("DOLMEN_MAXCLIENTS").unwrap_err().to_string();
        assert_eq!(problem, "DOLMEN_MAXCLIENTS is no setting of dolmen up; did you mean DOLMEN_MAX_CLIENTS?");
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
