//! Debian's librocksdb behind safe functions: one database, its families, batches.

use std::ffi::{CStr, CString, c_char, c_int};
use std::path::Path;
use std::ptr;

use crate::ffi::*;

/// How a database is opened.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// Logs that are kept for reuse; 0: none.
    pub recycle_count: usize,
    /// Bytes of a memtable and of the block cache, with ten filter bits a key and no compression; `None`: RocksDB's defaults.
    pub budgets: Option<(usize, usize)>,
}

/// An open database.
pub struct Rocks {
    // Before the database: a family's handle must go first.
    families: Vec<Owned>,
    db: Owned,
    _options: Owned,
    write: Owned,
    write_synced: Owned,
    read: Owned,
}

fn options(settings: Settings) -> Owned {
    // SAFETY: each call takes options that were made by the create function just before; the policy and the cache are handed over as
    // the header says (the table options take the policy, the cache is counted).
    unsafe {
        let all = Owned::new(rocksdb_options_create(), rocksdb_options_destroy);
        rocksdb_options_set_create_if_missing(all.get(), 1);
        rocksdb_options_set_create_missing_column_families(all.get(), 1);
        rocksdb_options_set_uint64add_merge_operator(all.get());
        if settings.recycle_count > 0 {
            rocksdb_options_set_recycle_log_file_num(all.get(), settings.recycle_count);
            // kSkipAnyCorruptedRecords: every other mode switches recycling off in 7.8.3.
            rocksdb_options_set_wal_recovery_mode(all.get(), 3);
        }
        if let Some((memtable, cache)) = settings.budgets {
            rocksdb_options_set_compression(all.get(), 0);
            rocksdb_options_set_write_buffer_size(all.get(), memtable);
            rocksdb_options_set_max_background_jobs(all.get(), 2);
            let table = Owned::new(rocksdb_block_based_options_create(), rocksdb_block_based_options_destroy);
            rocksdb_block_based_options_set_filter_policy(
                table.get(),
                rocksdb_filterpolicy_create_bloom_full(10.0),
            );
            let cache = Owned::new(rocksdb_cache_create_lru(cache), rocksdb_cache_destroy);
            rocksdb_block_based_options_set_block_cache(table.get(), cache.get());
            rocksdb_options_set_block_based_table_factory(all.get(), table.get());
        }
        all
    }
}

impl Rocks {
    /// Opens or creates; the families are `default` and those named, in this order.
    pub fn open(path: &Path, more: &[&str], settings: Settings) -> Result<Rocks, String> {
        let options = options(settings);
        let names: Vec<CString> =
            [&["default"], more].concat().iter().map(|n| CString::new(*n).expect("no zero byte")).collect();
        let names_c: Vec<*const c_char> = names.iter().map(|n| n.as_ptr()).collect();
        let all = vec![options.get(); names.len()];
        let mut handles = vec![ptr::null_mut(); names.len()];
        let path = c_path(path);
        // SAFETY: the three arrays have `names.len()` elements each and live over the call, as do path and options.
        let db = checked(rocksdb_free, |error| unsafe {
            rocksdb_open_column_families(
                options.get(),
                path.as_ptr(),
                names.len() as c_int,
                names_c.as_ptr(),
                all.as_ptr(),
                handles.as_mut_ptr(),
                error,
            )
        })?;
        let families =
            handles.into_iter().map(|h| Owned::new(h, rocksdb_column_family_handle_destroy)).collect();
        // SAFETY: plain constructors, and a setter on what they made.
        let (write, write_synced, read) = unsafe {
            let synced = Owned::new(rocksdb_writeoptions_create(), rocksdb_writeoptions_destroy);
            rocksdb_writeoptions_set_sync(synced.get(), 1);
            (
                Owned::new(rocksdb_writeoptions_create(), rocksdb_writeoptions_destroy),
                synced,
                Owned::new(rocksdb_readoptions_create(), rocksdb_readoptions_destroy),
            )
        };
        Ok(Rocks {
            families,
            db: Owned::new(db, rocksdb_close),
            _options: options,
            write,
            write_synced,
            read,
        })
    }

    /// Writes a batch.
    pub fn write(&self, batch: &Batch, sync: bool) -> Result<(), String> {
        let options = if sync { &self.write_synced } else { &self.write };
        // SAFETY: database, options and batch are alive.
        checked(rocksdb_free, |error| unsafe {
            rocksdb_write(self.db.get(), options.get(), batch.0.get(), error);
        })
    }

    /// Hands the value to `look`, if there is one.
    pub fn get<R>(&self, key: &[u8], look: impl FnOnce(&[u8]) -> R) -> Result<Option<R>, String> {
        // SAFETY: database and options are alive, the key is a slice.
        let found = checked(rocksdb_free, |error| unsafe {
            rocksdb_get_pinned(self.db.get(), self.read.get(), key.as_ptr(), key.len(), error)
        })?;
        if found.is_null() {
            return Ok(None);
        }
        let found = Owned::new(found, rocksdb_pinnableslice_destroy);
        let mut len = 0;
        // SAFETY: the slice lives as long as `found`, which outlives the call of `look`.
        let value = unsafe { lent(rocksdb_pinnableslice_value(found.get(), &mut len), len) };
        Ok(Some(look(value)))
    }

    /// Visits entries from `from` on until `visit` returns false.
    pub fn scan(&self, from: &[u8], visit: &mut dyn FnMut(&[u8], &[u8]) -> bool) {
        // SAFETY: the iterator is made and ended here, between which the database lives; key and value are used before the next move.
        unsafe {
            let iter =
                Owned::new(rocksdb_create_iterator(self.db.get(), self.read.get()), rocksdb_iter_destroy);
            rocksdb_iter_seek(iter.get(), from.as_ptr(), from.len());
            while rocksdb_iter_valid(iter.get()) != 0 {
                let (mut key_len, mut value_len) = (0, 0);
                let key = rocksdb_iter_key(iter.get(), &mut key_len);
                let value = rocksdb_iter_value(iter.get(), &mut value_len);
                if !visit(lent(key, key_len), lent(value, value_len)) {
                    break;
                }
                rocksdb_iter_next(iter.get());
            }
        }
    }

    /// Writes the default family's memtable to a table and waits.
    pub fn flush(&self) -> Result<(), String> {
        // SAFETY: plain calls on living things.
        unsafe {
            let options = Owned::new(rocksdb_flushoptions_create(), rocksdb_flushoptions_destroy);
            checked(rocksdb_free, |error| rocksdb_flush(self.db.get(), options.get(), error))
        }
    }

    /// A property that is a number.
    pub fn number(&self, property: &str) -> Option<u64> {
        let name = CString::new(property).expect("no zero byte");
        // SAFETY: the answer is null or a C string that is freed here after it was read.
        unsafe {
            let text = rocksdb_property_value(self.db.get(), name.as_ptr());
            if text.is_null() {
                return None;
            }
            let number = CStr::from_ptr(text).to_str().ok().and_then(|t| t.parse().ok());
            rocksdb_free(text.cast());
            number
        }
    }
}

/// A batch of librocksdb's.
pub struct Batch(Owned);

impl Default for Batch {
    fn default() -> Self {
        // SAFETY: a plain constructor.
        Batch(Owned::new(unsafe { rocksdb_writebatch_create() }, rocksdb_writebatch_destroy))
    }
}

impl Batch {
    fn raw(&mut self) -> *mut Opaque {
        self.0.get()
    }

    /// Empties it.
    pub fn clear(&mut self) {
        // SAFETY: the batch is alive and not shared.
        unsafe { rocksdb_writebatch_clear(self.raw()) }
    }

    /// Sets a key of the default family.
    pub fn put_default(&mut self, key: &[u8], value: &[u8]) {
        // SAFETY: the batch is alive and not shared; it copies both slices.
        unsafe { rocksdb_writebatch_put(self.raw(), key.as_ptr(), key.len(), value.as_ptr(), value.len()) }
    }

    /// Sets a key of the family at `family` in the order of [`Rocks::open`], as all functions below.
    pub fn put(&mut self, db: &Rocks, family: usize, key: &[u8], value: &[u8]) {
        let family = db.families[family].get();
        // SAFETY: as above; the family's handle lives as long as the database.
        unsafe {
            rocksdb_writebatch_put_cf(
                self.raw(),
                family,
                key.as_ptr(),
                key.len(),
                value.as_ptr(),
                value.len(),
            );
        }
    }

    /// Adds a merge operand.
    pub fn merge(&mut self, db: &Rocks, family: usize, key: &[u8], operand: &[u8]) {
        let family = db.families[family].get();
        // SAFETY: as above.
        unsafe {
            rocksdb_writebatch_merge_cf(
                self.raw(),
                family,
                key.as_ptr(),
                key.len(),
                operand.as_ptr(),
                operand.len(),
            );
        }
    }

    /// Deletes.
    pub fn delete(&mut self, db: &Rocks, family: usize, key: &[u8]) {
        let family = db.families[family].get();
        // SAFETY: as above.
        unsafe { rocksdb_writebatch_delete_cf(self.raw(), family, key.as_ptr(), key.len()) }
    }

    /// Deletes a key that was put once.
    pub fn single_delete(&mut self, db: &Rocks, family: usize, key: &[u8]) {
        let family = db.families[family].get();
        // SAFETY: as above.
        unsafe { rocksdb_writebatch_singledelete_cf(self.raw(), family, key.as_ptr(), key.len()) }
    }

    /// Deletes a range.
    pub fn delete_range(&mut self, db: &Rocks, family: usize, begin: &[u8], end: &[u8]) {
        let family = db.families[family].get();
        // SAFETY: as above.
        unsafe {
            rocksdb_writebatch_delete_range_cf(
                self.raw(),
                family,
                begin.as_ptr(),
                begin.len(),
                end.as_ptr(),
                end.len(),
            );
        }
    }

    /// Adds bytes for the log only.
    pub fn put_log_data(&mut self, blob: &[u8]) {
        // SAFETY: as above.
        unsafe { rocksdb_writebatch_put_log_data(self.raw(), blob.as_ptr(), blob.len()) }
    }

    /// The wire form.
    pub fn bytes(&mut self) -> &[u8] {
        let mut len = 0;
        // SAFETY: the bytes belong to the batch and stay until it changes, which `&mut self` excludes.
        unsafe { lent(rocksdb_writebatch_data(self.raw(), &mut len), len) }
    }
}
