//! A setting is declared once, by whoever obeys it; everything else follows from the declaration.
//!
//! ```text
//! Setting::new("kv.max-memory", Kind::Size, "0", "Memory over which writes that grow are refused")
//!     flag       --kv.max-memory 100mb        and its short name, --max-memory
//!     variable   DOLMEN_KV_MAX_MEMORY=100mb   and DOLMEN_MAX_MEMORY
//!     file       [kv] max-memory = "100mb"    and an older spelling of the key, max-memory-bytes
//! ```
//!
//! Flags go over variables over the file over the default ([`Values::decide`]). Every value is checked by its kind before any
//! service sees it, so that reading one cannot fail.

use std::collections::HashSet;
use std::fmt::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::file::{self, File};

/// What a value may be.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// An address that the host binds before any file is changed, and hands to the service.
    Listen,
    /// Text; empty means that there is none.
    Text,
    /// A directory or file.
    Path,
    /// Bytes: `100mb`.
    Size,
    /// A number from the first to the second.
    Count(u64, u64),
    /// A duration: `5s`.
    Duration,
    /// `true` or `false`.
    Switch,
    /// One of these words, each with its meaning.
    Choice(&'static [(&'static str, &'static str)]),
    /// Words separated by commas.
    Names,
    /// `NAME=VALUE` separated by commas; a word without `=` belongs to the value before it. A flag may be given more than once.
    Pairs,
}

impl Kind {
    /// What stands for a value in help.
    pub fn placeholder(self) -> &'static str {
        match self {
            Kind::Listen => "ADDR:PORT",
            Kind::Text => "TEXT",
            Kind::Path => "DIR",
            Kind::Size => "SIZE",
            Kind::Count(..) => "N",
            Kind::Duration => "DURATION",
            Kind::Switch => "BOOL",
            Kind::Choice(_) => "WORD",
            Kind::Names => "NAME,..",
            Kind::Pairs => "NAME=VALUE,..",
        }
    }

    fn parse(self, text: &str) -> Result<Value, String> {
        Ok(match self {
            Kind::Listen => Value::Listen(dolmen_units::address(text).map_err(|e| e.to_string())?),
            Kind::Text => Value::Text(Some(text.to_owned()).filter(|t| !t.is_empty())),
            Kind::Path => Value::Path(text.into()),
            Kind::Size => Value::Number(dolmen_units::size(text).map_err(|e| e.to_string())?),
            Kind::Count(least, most) => {
                let number = text.trim().parse().ok().filter(|n| (least..=most).contains(n));
                Value::Number(number.ok_or_else(|| format!("{text:?} is no number from {least} to {most}"))?)
            }
            Kind::Duration => Value::Duration(dolmen_units::duration(text).map_err(|e| e.to_string())?),
            Kind::Switch => Value::Switch(match text.trim() {
                "true" | "yes" | "on" | "1" => true,
                "false" | "no" | "off" | "0" => false,
                _ => return Err(format!("{text:?} is neither true nor false")),
            }),
            Kind::Choice(words) => {
                let found = words.iter().find(|(word, _)| *word == text.trim());
                let (word, _) = found.ok_or_else(|| {
                    let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                    format!("unknown value `{text}`, expected one of {}", known.join(", "))
                })?;
                Value::Choice(word)
            }
            Kind::Pairs => Value::Pairs(pairs(text)?),
            Kind::Names => {
                Value::Names(text.split(',').map(|n| n.trim().to_owned()).filter(|n| !n.is_empty()).collect())
            }
        })
    }
}

/// Names and values of a text of [`Kind::Pairs`].
fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut out: Vec<(String, String)> = Vec::new();
    for word in text.split(',') {
        match (word.split_once('='), out.last_mut()) {
            (Some((name, value)), _) => out.push((name.trim().to_owned(), value.trim().to_owned())),
            (None, Some((_, value))) => {
                value.push(',');
                value.push_str(word.trim());
            }
            (None, None) if word.trim().is_empty() => {}
            (None, None) => return Err(format!("{word:?} is no NAME=VALUE")),
        }
    }
    Ok(out)
}

/// The declaration of a setting.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// `service.name`; words of a name are joined by hyphens.
    pub key: &'static str,
    /// What it may be.
    pub kind: Kind,
    /// Its value if nobody says anything, as one would write it.
    pub default: &'static str,
    /// One sentence without a full stop.
    pub help: &'static str,
    /// What the default means, where its text does not say so.
    pub unset: &'static str,
    /// Whether the value is never shown.
    pub is_secret: bool,
    /// A flag and variable without the service's name; empty: none.
    pub short: &'static str,
    /// An older spelling of the key; empty: none.
    pub old_key: &'static str,
}

impl Setting {
    /// A setting with a default.
    pub const fn new(key: &'static str, kind: Kind, default: &'static str, help: &'static str) -> Setting {
        Setting { key, kind, default, help, unset: "", is_secret: false, short: "", old_key: "" }
    }

    /// Also `--NAME` and `DOLMEN_NAME`.
    #[must_use]
    pub const fn short(mut self, name: &'static str) -> Setting {
        self.short = name;
        self
    }

    /// Also this key in the file.
    #[must_use]
    pub const fn old_key(mut self, key: &'static str) -> Setting {
        self.old_key = key;
        self
    }

    /// Never shown.
    #[must_use]
    pub const fn secret(mut self) -> Setting {
        self.is_secret = true;
        self
    }

    /// Says what the default means.
    #[must_use]
    pub const fn unset(mut self, meaning: &'static str) -> Setting {
        self.unset = meaning;
        self
    }

    /// The variable of the environment.
    pub fn variable(&self) -> String {
        variable(self.key)
    }

    /// The variable of the short name.
    pub fn short_variable(&self) -> Option<String> {
        Some(variable(self.short)).filter(|name| !self.short.is_empty() && *name != self.variable())
    }

    /// The flag that people type: the short one, if there is one.
    pub fn flag(&self) -> String {
        format!("--{}", if self.short.is_empty() { self.key } else { self.short })
    }

    /// The service that it belongs to, or nothing.
    pub fn section(&self) -> &'static str {
        self.key.split_once('.').map_or("", |(section, _)| section)
    }

    /// Whether a text is a value of it.
    ///
    /// # Errors
    ///
    /// A sentence that says what is expected.
    pub fn check(&self, text: &str) -> Result<(), String> {
        self.kind.parse(text).map(drop)
    }

    /// The default for people.
    pub fn shown_default(&self) -> &'static str {
        match (self.unset, self.default) {
            ("", "") => "none",
            ("", default) => default,
            (meaning, _) => meaning,
        }
    }
}

fn variable(name: &str) -> String {
    format!("DOLMEN_{}", name.to_uppercase().replace(['-', '.'], "_"))
}

#[derive(Clone, Debug)]
enum Value {
    Listen(SocketAddr),
    Text(Option<String>),
    Path(PathBuf),
    Number(u64),
    Duration(Duration),
    Switch(bool),
    Choice(&'static str),
    Names(Vec<String>),
    Pairs(Vec<(String, String)>),
}

/// Why the settings cannot be decided.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SettingError {
    /// A value that its setting refuses.
    Refused {
        /// Where it stands: a flag, a variable, or file and line.
        origin: String,
        /// The key, as written there; empty where the origin names it.
        key: String,
        /// Why.
        reason: String,
    },
    /// A name that looks like a setting and is none.
    Unknown {
        /// Where it stands; empty for a variable.
        origin: String,
        /// The name.
        name: String,
        /// The nearest name that exists.
        nearest: String,
    },
    /// One setting by two of its names.
    Twice {
        /// The first.
        first: String,
        /// The second.
        second: String,
    },
    /// The file is no TOML, or a section is missing.
    File {
        /// File and line.
        origin: String,
        /// Why.
        reason: String,
    },
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { origin, key, reason } if key.is_empty() => write!(f, "{origin}: {reason}"),
            Self::Refused { origin, key, reason } => write!(f, "{origin}: {key}: {reason}"),
            Self::Unknown { origin, name, nearest } => {
                if !origin.is_empty() {
                    write!(f, "{origin}: ")?;
                }
                write!(f, "{name} is no setting of dolmen up; did you mean {nearest}?")
            }
            Self::Twice { first, second } => {
                write!(f, "{first} and {second} are names of one setting; give one of them")
            }
            Self::File { origin, reason } => write!(f, "{origin}: {reason}"),
        }
    }
}

impl std::error::Error for SettingError {}

/// Where values come from besides the defaults.
pub struct Sources<'a> {
    /// What was typed behind `--NAME`.
    pub flag: &'a dyn Fn(&str) -> Option<String>,
    /// The environment.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// The settings file.
    pub file: Option<&'a File>,
}

struct Decided {
    setting: &'static Setting,
    text: String,
    value: Value,
    origin: String,
}

/// Every setting of a process, decided.
pub struct Values {
    all: Vec<Decided>,
}

impl Values {
    /// Decides each setting of `table`: the flag, else the variable, else the file, else the default.
    ///
    /// # Errors
    ///
    /// The first value that its setting refuses, and names in the file that are no settings.
    pub fn decide(table: &[&'static Setting], sources: &Sources<'_>) -> Result<Values, SettingError> {
        if let Some(file) = sources.file {
            check_keys(table, file)?;
        }
        let mut all = Vec::new();
        for setting in table {
            let (text, origin, key) = choose(setting, sources)?;
            let value = setting.kind.parse(&text);
            let value =
                value.map_err(|reason| SettingError::Refused { origin: origin.clone(), key, reason })?;
            let origin = origin.split(':').next().unwrap_or_default().to_owned();
            all.push(Decided { setting, text, value, origin });
        }
        Ok(Values { all })
    }

    /// Key, value and origin of each, for people; secrets are not shown.
    pub fn shown(&self) -> impl Iterator<Item = [&str; 3]> {
        self.all.iter().map(|d| {
            let value = match (d.setting.is_secret, d.text.as_str()) {
                (true, "") => "(none)",
                (true, _) => "(set)",
                (false, text) => text,
            };
            [d.setting.key, value, &d.origin]
        })
    }

    /// A settings file with every setting, its meaning and its default; what somebody has set stands there as a value.
    /// Secrets are left out.
    pub fn sample(&self) -> String {
        let mut out = String::from(
            "# Settings of `dolmen up`. Flags go over DOLMEN_* variables over this file over the defaults.\n",
        );
        let mut sections = Vec::new();
        for decided in &self.all {
            let section = decided.setting.section();
            if !sections.contains(&section) {
                sections.push(section);
            }
        }
        for section in sections {
            if !section.is_empty() {
                let _ = write!(out, "\n[{section}]\n");
            }
            for Decided { setting, text, origin, .. } in
                self.all.iter().filter(|d| d.setting.section() == section)
            {
                let name = setting.key.rsplit('.').next().unwrap_or_default();
                let _ = writeln!(out, "# {}{}", setting.help, words(setting));
                let is_set = origin != DEFAULT && !setting.is_secret;
                let (hash, text) = if is_set { ("", text.as_str()) } else { ("# ", setting.default) };
                let _ = writeln!(out, "{hash}{name} = {}", file::literal(setting.kind, text));
            }
        }
        out
    }

    fn value(&self, key: &str) -> &Value {
        let found = self.all.iter().find(|d| d.setting.key == key);
        &found.unwrap_or_else(|| panic!("{key} is in no table of settings")).value
    }

    /// An address to listen on, as it was asked for.
    pub fn listen(&self, key: &str) -> SocketAddr {
        match self.value(key) {
            Value::Listen(address) => *address,
            other => wrong(key, other),
        }
    }

    /// A text, if there is one.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.value(key) {
            Value::Text(text) => text.as_deref(),
            other => wrong(key, other),
        }
    }

    /// A path.
    pub fn path(&self, key: &str) -> &Path {
        match self.value(key) {
            Value::Path(path) => path,
            other => wrong(key, other),
        }
    }

    /// A size in bytes, or a count.
    pub fn number(&self, key: &str) -> u64 {
        match self.value(key) {
            Value::Number(number) => *number,
            other => wrong(key, other),
        }
    }

    /// A duration.
    pub fn duration(&self, key: &str) -> Duration {
        match self.value(key) {
            Value::Duration(duration) => *duration,
            other => wrong(key, other),
        }
    }

    /// Whether something is switched on.
    pub fn switch(&self, key: &str) -> bool {
        match self.value(key) {
            Value::Switch(on) => *on,
            other => wrong(key, other),
        }
    }

    /// One of the words.
    pub fn choice(&self, key: &str) -> &'static str {
        match self.value(key) {
            Value::Choice(word) => word,
            other => wrong(key, other),
        }
    }

    /// Words.
    pub fn names(&self, key: &str) -> &[String] {
        match self.value(key) {
            Value::Names(names) => names,
            other => wrong(key, other),
        }
    }
}

impl Values {
    /// Names with their values, in the order in which they were given.
    pub fn pairs(&self, key: &str) -> &[(String, String)] {
        match self.value(key) {
            Value::Pairs(pairs) => pairs,
            other => wrong(key, other),
        }
    }
}

fn wrong(key: &str, value: &Value) -> ! {
    panic!("{key} was declared as another kind: {value:?}")
}

/// Where a value comes from that nobody gave.
const DEFAULT: &str = "default";

/// The text of a setting, where it stands, and its name there if the place does not say it.
fn choose(setting: &Setting, sources: &Sources<'_>) -> Result<(String, String, String), SettingError> {
    let one = |found: Vec<(String, String, String)>| {
        if let [(_, first, _), (_, second, _), ..] = &found[..] {
            return Err(SettingError::Twice { first: first.clone(), second: second.clone() });
        }
        Ok(found.into_iter().next())
    };
    let flags = [setting.key, setting.short].into_iter().filter(|name| !name.is_empty());
    let typed = flags.filter_map(|name| Some(((sources.flag)(name)?, format!("--{name}"), String::new())));
    if let Some(found) = one(typed.collect())? {
        return Ok(found);
    }
    let names = std::iter::once(setting.variable()).chain(setting.short_variable());
    let set = names.filter_map(|name| Some(((sources.variable)(&name)?, name, String::new())));
    if let Some(found) = one(set.collect())? {
        return Ok(found);
    }
    let keys = [setting.key, setting.old_key].into_iter();
    let written = keys.filter_map(|key| sources.file.and_then(|file| file.find(key)));
    if let Some(found) = one(written.collect())? {
        return Ok(found);
    }
    Ok((setting.default.to_owned(), DEFAULT.to_owned(), setting.key.to_owned()))
}

/// A key of the file that is no setting would go unnoticed.
fn check_keys(table: &[&'static Setting], file: &File) -> Result<(), SettingError> {
    let known: HashSet<&str> =
        table.iter().flat_map(|s| [s.key, s.old_key]).filter(|k| !k.is_empty()).collect();
    for (key, origin) in file.keys() {
        if known.contains(key) {
            continue;
        }
        if table.iter().any(|s| s.section() == key) {
            let reason = format!("{key} is a section: write [{key}] and its settings below");
            return Err(SettingError::File { origin, reason });
        }
        let nearest = nearest(key, table.iter().map(|s| s.key));
        return Err(SettingError::Unknown { origin, name: key.to_owned(), nearest: nearest.to_owned() });
    }
    Ok(())
}

/// A variable that looks like a setting and is none would go unnoticed. `others` are ours and no settings.
///
/// # Errors
///
/// The first such name, with the nearest one that exists.
pub fn check_variables(
    table: &[&'static Setting],
    others: &[&str],
    names: impl Iterator<Item = String>,
) -> Result<(), SettingError> {
    let known: Vec<String> =
        table.iter().flat_map(|s| s.short_variable().into_iter().chain([s.variable()])).collect();
    for name in names.filter(|name| name.starts_with("DOLMEN_")) {
        if !known.contains(&name) && !others.contains(&&*name) {
            let nearest = nearest(&name, known.iter().map(String::as_str)).to_owned();
            return Err(SettingError::Unknown { origin: String::new(), name, nearest });
        }
    }
    Ok(())
}

/// The name that differs least.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> &'a str {
    known.min_by_key(|k| strsim::damerau_levenshtein(k, name)).unwrap_or_default()
}

fn words(setting: &Setting) -> String {
    match setting.kind {
        Kind::Choice(words) => {
            let all: Vec<String> =
                words.iter().map(|(word, meaning)| format!("{word} = {meaning}")).collect();
            format!(" ({})", all.join("; "))
        }
        _ if setting.unset.is_empty() => String::new(),
        _ => format!(" (default: {})", setting.unset),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_keep_their_order_and_values_their_commas() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            pairs("a=1, cleanup.policy=compact,delete,b=x=y"),
            Ok(vec![pair("a", "1"), pair("cleanup.policy", "compact,delete"), pair("b", "x=y")])
        );
        assert_eq!(pairs(""), Ok(Vec::new()));
        assert!(pairs("a").is_err());
    }

    static TABLE: [Setting; 5] = [
        Setting::new("data", Kind::Path, "./dolmen-data", "Directory"),
        Setting::new("kv.sync", Kind::Choice(&[("always", "a"), ("never", "n")]), "always", "Sync")
            .short("sync"),
        Setting::new("kv.max-clients", Kind::Count(0, 100), "10", "Connections").short("max-clients"),
        Setting::new("kv.max-memory", Kind::Size, "0", "Memory")
            .short("max-memory")
            .old_key("kv.max-memory-bytes"),
        Setting::new("kv.password", Kind::Text, "", "Password").secret().short("kv-password"),
    ];

    fn table() -> Vec<&'static Setting> {
        TABLE.iter().collect()
    }

    fn decide(
        flags: &[(&str, &str)],
        variables: &[(&str, &str)],
        file: &str,
    ) -> Result<Values, SettingError> {
        let look = |pairs: &[(&str, &str)], name: &str| {
            pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned())
        };
        let file = File::parse(file, "dolmen.toml")?;
        let (flag, variable) = (|n: &str| look(flags, n), |n: &str| look(variables, n));
        Values::decide(&table(), &Sources { flag: &flag, variable: &variable, file: Some(&file) })
    }

    fn problem(file: &str) -> String {
        decide(&[], &[], file).err().expect("it is refused").to_string()
    }

    #[test]
    fn flags_go_over_variables_over_the_file_over_defaults() {
        let file = "[kv]\nsync = \"never\"\nmax-clients = 7\nmax-memory-bytes = 9\n";
        let values = decide(&[("sync", "always")], &[("DOLMEN_MAX_CLIENTS", "8")], file).unwrap();
        let rows: Vec<_> = values.shown().collect();
        assert_eq!(rows[0], ["data", "./dolmen-data", "default"]);
        assert_eq!(rows[1], ["kv.sync", "always", "--sync"]);
        assert_eq!(rows[2], ["kv.max-clients", "8", "DOLMEN_MAX_CLIENTS"]);
        assert_eq!(rows[3], ["kv.max-memory", "9", "dolmen.toml"]);
        assert_eq!(rows[4], ["kv.password", "(none)", "default"]);
        assert_eq!((values.choice("kv.sync"), values.number("kv.max-clients")), ("always", 8));
        let values = decide(&[("kv.max-memory", "1mb")], &[("DOLMEN_KV_PASSWORD", "x")], "").unwrap();
        assert_eq!((values.number("kv.max-memory"), values.text("kv.password")), (1 << 20, Some("x")));
        assert_eq!(values.shown().nth(4), Some(["kv.password", "(set)", "DOLMEN_KV_PASSWORD"]));
    }

    #[test]
    fn mistakes_in_the_file_are_named_with_line_and_key() {
        assert_eq!(
            problem("[kv]\nmax-client = 3\n"),
            "dolmen.toml:2: kv.max-client is no setting of dolmen up; did you mean kv.max-clients?"
        );
        assert_eq!(
            problem("[kv]\n\nsync = \"sometimes\"\n"),
            "dolmen.toml:3: sync: unknown value `sometimes`, expected one of always, never"
        );
        assert!(
            problem("[kv]\nmax-clients = -1\n")
                .starts_with("dolmen.toml:2: max-clients: \"-1\" is no number")
        );
        assert!(problem("[kv\n").starts_with("dolmen.toml:1: "));
        assert!(problem("[kx]\na = 1\n").starts_with("dolmen.toml:2: kx.a is no setting"));
        assert_eq!(
            problem("kv = \"127.0.0.1:1\"\n"),
            "dolmen.toml:1: kv is a section: write [kv] and its settings below"
        );
    }

    #[test]
    fn one_setting_by_two_names_is_refused() {
        let error = decide(&[("sync", "always"), ("kv.sync", "never")], &[], "").err().unwrap();
        assert_eq!(error.to_string(), "--kv.sync and --sync are names of one setting; give one of them");
        assert!(decide(&[], &[], "[kv]\nmax-memory = 1\nmax-memory-bytes = 2\n").is_err());
    }

    #[test]
    fn a_mistyped_variable_names_the_nearest_one() {
        let check =
            |name: &str| check_variables(&table(), &["DOLMEN_TESTDATA"], [name.to_owned()].into_iter());
        for known in ["DOLMEN_SYNC", "DOLMEN_KV_SYNC", "DOLMEN_TESTDATA", "PATH"] {
            assert!(check(known).is_ok(), "{known}");
        }
        let problem = check("DOLMEN_MAXCLIENTS").unwrap_err().to_string();
        assert_eq!(problem, "DOLMEN_MAXCLIENTS is no setting of dolmen up; did you mean DOLMEN_MAX_CLIENTS?");
    }

    #[test]
    fn the_sample_reads_back_as_what_it_was_made_from() {
        let set =
            decide(&[("max-memory", "1mb"), ("sync", "never"), ("kv-password", "hush")], &[], "").unwrap();
        let sample = set.sample();
        assert!(!sample.contains("hush") && sample.contains("# max-clients = 10\n"), "{sample}");
        let again = decide(&[], &[], &sample).unwrap();
        assert_eq!((again.choice("kv.sync"), again.number("kv.max-memory")), ("never", 1 << 20));
        let defaults: String = decide(&[], &[], "").unwrap().sample().replace("\n# ", "\n");
        let uncommented: String = defaults
            .lines()
            .filter(|l| l.contains(" = ") || l.starts_with('['))
            .map(|l| format!("{l}\n"))
            .collect();
        let lines: Vec<&str> = uncommented.lines().filter(|l| !l.contains(" (")).collect();
        decide(&[], &[], &lines.join("\n")).unwrap();
    }
}
