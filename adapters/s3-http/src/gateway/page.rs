//! Pages of listings out of keys that come in any order.

use std::collections::BTreeMap;

use dolmen_s3::state::keys::Order;
use dolmen_s3::state::list::{Item, Page, Query, Start, What};
use dolmen_s3::state::record::Listed;

/// The least items of a listing that stand behind its start: one more than a page has, so that it is known whether there is more.
pub(super) struct Gather<'q> {
    query: &'q Query,
    found: BTreeMap<Vec<u8>, Option<Box<Listed>>>,
}

impl<'q> Gather<'q> {
    pub fn new(query: &'q Query) -> Gather<'q> {
        Gather { query, found: BTreeMap::new() }
    }

    /// An object.
    pub fn object(&mut self, key: &[u8], listed: impl FnOnce() -> Listed) {
        if !key.starts_with(&self.query.prefix) || !self.is_behind_start(key) {
            return;
        }
        match common_prefix(key, self.query) {
            Some(len) => self.take(&key[..len], None),
            None => self.take(key, Some(Box::new(listed()))),
        }
    }

    /// Keys that start so, as the other store has rolled them up.
    pub fn prefix(&mut self, prefix: &[u8]) {
        let is_asked = prefix.len() > self.query.prefix.len() && prefix.starts_with(&self.query.prefix);
        // Of a prefix that the start lies in, some keys stand behind it.
        let behind = match &self.query.start {
            Start::First => true,
            Start::Prefix(seen) => prefix > &seen[..] && !prefix.starts_with(seen),
            Start::Key(seen) | Start::Version(seen, _) | Start::Upload(seen, _) => {
                prefix > &seen[..] || seen.starts_with(prefix)
            }
        };
        if is_asked && behind {
            self.take(prefix, None);
        }
    }

    fn is_behind_start(&self, key: &[u8]) -> bool {
        match &self.query.start {
            Start::First => true,
            Start::Prefix(seen) => key > &seen[..] && !key.starts_with(seen),
            Start::Key(seen) | Start::Version(seen, _) | Start::Upload(seen, _) => key > &seen[..],
        }
    }

    fn take(&mut self, name: &[u8], listed: Option<Box<Listed>>) {
        let is_full = self.found.len() > self.query.max;
        if is_full && self.found.last_key_value().is_some_and(|(last, _)| &last[..] < name) {
            return;
        }
        self.found.insert(name.to_vec(), listed);
        if self.found.len() > self.query.max + 1 {
            self.found.pop_last();
        }
    }

    /// Whether the page is full and one more is known.
    pub fn is_full(&self) -> bool {
        self.found.len() > self.query.max
    }

    pub fn page(self) -> Page {
        let more = self.is_full();
        let item = |(key, listed): (Vec<u8>, Option<Box<Listed>>)| match listed {
            None => Item::Prefix(key),
            Some(listed) => Item::Object { key, order: Order(0), listed, latest: true },
        };
        let items: Vec<Item> = self.found.into_iter().take(self.query.max).map(item).collect();
        let next = items.last().filter(|_| more).map(|last| last.end(What::Objects));
        Page { items, next }
    }
}

/// How long the common prefix of a key is, if the delimiter stands behind the prefix.
fn common_prefix(key: &[u8], query: &Query) -> Option<usize> {
    let (from, delimiter) = (query.prefix.len(), &query.delimiter[..]);
    if delimiter.is_empty() {
        return None;
    }
    let at = key[from..].windows(delimiter.len()).position(|window| window == delimiter)?;
    Some(from + at + delimiter.len())
}

/// Behind which text the other store is to begin: what sorts before everything that is asked for.
pub(super) fn offset(start: &Start) -> Option<String> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    match start {
        Start::First => None,
        // The last character stands behind all keys with the prefix that people have.
        Start::Prefix(prefix) => text(prefix).map(|prefix| prefix + "\u{10FFFF}"),
        Start::Key(key) | Start::Version(key, _) | Start::Upload(key, _) => text(key),
    }
}

#[cfg(test)]
mod tests {
    use dolmen_s3::ETag;
    use dolmen_s3::state::record::{Version, VersionKind};

    use super::*;

    fn listed() -> Listed {
        Listed {
            kind: VersionKind::Object,
            version: Version::Null,
            modified_ms: 0,
            size: 0,
            etag: ETag::default(),
            owner: String::new(),
            storage_class: "STANDARD".into(),
            checksum: None,
        }
    }

    /// All names of a listing, page by page, whatever the order of keys.
    fn all(keys: &[&str], prefix: &str, delimiter: &str, max: usize) -> Vec<String> {
        let mut query = Query {
            what: What::Objects,
            prefix: prefix.into(),
            delimiter: delimiter.into(),
            start: Start::First,
            max,
        };
        let mut names = Vec::new();
        loop {
            let mut gather = Gather::new(&query);
            keys.iter().for_each(|key| gather.object(key.as_bytes(), listed));
            let page = gather.page();
            assert!(page.items.len() <= max);
            names.extend(page.items.iter().map(|item| String::from_utf8(item.name().to_vec()).unwrap()));
            match page.next {
                Some(next) => query.start = next,
                None => return names,
            }
        }
    }

    #[test]
    fn pages_of_any_size_show_the_same() {
        let keys = ["b/2", "a", "c", "b/1", "b", "b/x/1", "é", "d/1"];
        for max in [1, 2, 3, 100] {
            assert_eq!(all(&keys, "", "", max), ["a", "b", "b/1", "b/2", "b/x/1", "c", "d/1", "é"]);
            assert_eq!(all(&keys, "", "/", max), ["a", "b", "b/", "c", "d/", "é"]);
            assert_eq!(all(&keys, "b/", "/", max), ["b/1", "b/2", "b/x/"]);
            assert_eq!(all(&keys, "b", "", max), ["b", "b/1", "b/2", "b/x/1"]);
            assert_eq!(all(&keys, "zz", "/", max), [""; 0]);
        }
    }

    #[test]
    fn prefixes_that_are_told_count_once_and_only_behind_the_start() {
        let mut query = Query {
            what: What::Objects,
            prefix: Vec::new(),
            delimiter: b"/".to_vec(),
            start: Start::Key(b"b/1".to_vec()),
            max: 10,
        };
        let names = |query: &Query| {
            let mut gather = Gather::new(query);
            ["a/", "b/", "c/"].iter().for_each(|prefix| gather.prefix(prefix.as_bytes()));
            gather.object(b"b/2", listed);
            gather.page().items.iter().map(|item| item.name().to_vec()).collect::<Vec<_>>()
        };
        assert_eq!(names(&query), [b"b/".to_vec(), b"c/".to_vec()]);
        query.start = Start::Prefix(b"b/".to_vec());
        assert_eq!(names(&query), [b"c/".to_vec()]);
        assert_eq!(offset(&query.start), Some("b/\u{10FFFF}".into()));
        assert_eq!(offset(&Start::First), None);
    }
}
