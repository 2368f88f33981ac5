//! The part of `rocksdb/c.h` and `leveldb/c.h` that is used here, and owners of what those functions hand out.

use std::ffi::{CStr, CString, c_char, c_int, c_uchar, c_void};
use std::path::Path;
use std::ptr::{self, NonNull};

/// A thing that the C side made.
pub type Opaque = c_void;
type Made = *mut Opaque;
type Error = *mut *mut c_char;

macro_rules! c_functions {
    ($($name:ident($($arg:ident: $kind:ty),*) $(-> $out:ty)?;)*) => {
        // SAFETY: these are the declarations of the installed headers, with every handle as `void*`.
        unsafe extern "C" { $(pub(crate) fn $name($($arg: $kind),*) $(-> $out)?;)* }
    };
}

c_functions! {
    rocksdb_open_column_families(options: Made, name: *const c_char, count: c_int, names: *const *const c_char,
        all: *const Made, handles: *mut Made, error: Error) -> Made;
    rocksdb_close(db: Made);
    rocksdb_column_family_handle_destroy(family: Made);
    rocksdb_write(db: Made, options: Made, batch: Made, error: Error);
    rocksdb_get_pinned(db: Made, options: Made, key: *const u8, key_len: usize, error: Error) -> Made;
    rocksdb_pinnableslice_value(value: Made, len: *mut usize) -> *const u8;
    rocksdb_pinnableslice_destroy(value: Made);
    rocksdb_flush(db: Made, options: Made, error: Error);
    rocksdb_flushoptions_create() -> Made;
    rocksdb_flushoptions_destroy(options: Made);
    rocksdb_property_value(db: Made, name: *const c_char) -> *mut c_char;
    rocksdb_free(memory: *mut c_void);
    rocksdb_options_create() -> Made;
    rocksdb_options_destroy(options: Made);
    rocksdb_options_set_create_if_missing(options: Made, yes: c_uchar);
    rocksdb_options_set_create_missing_column_families(options: Made, yes: c_uchar);
    rocksdb_options_set_compression(options: Made, kind: c_int);
    rocksdb_options_set_write_buffer_size(options: Made, bytes: usize);
    rocksdb_options_set_max_background_jobs(options: Made, count: c_int);
    rocksdb_options_set_recycle_log_file_num(options: Made, count: usize);
    rocksdb_options_set_wal_recovery_mode(options: Made, mode: c_int);
    rocksdb_options_set_uint64add_merge_operator(options: Made);
    rocksdb_options_set_block_based_table_factory(options: Made, table: Made);
    rocksdb_block_based_options_create() -> Made;
    rocksdb_block_based_options_destroy(options: Made);
    rocksdb_block_based_options_set_filter_policy(options: Made, policy: Made);
    rocksdb_block_based_options_set_block_cache(options: Made, cache: Made);
    rocksdb_filterpolicy_create_bloom_full(bits_per_key: f64) -> Made;
    rocksdb_cache_create_lru(bytes: usize) -> Made;
    rocksdb_cache_destroy(cache: Made);
    rocksdb_writebatch_create() -> Made;
    rocksdb_writebatch_destroy(batch: Made);
    rocksdb_writebatch_clear(batch: Made);
    rocksdb_writebatch_put(batch: Made, key: *const u8, key_len: usize, value: *const u8, value_len: usize);
    rocksdb_writebatch_put_cf(batch: Made, family: Made, key: *const u8, key_len: usize, value: *const u8,
        value_len: usize);
    rocksdb_writebatch_merge_cf(batch: Made, family: Made, key: *const u8, key_len: usize, value: *const u8,
        value_len: usize);
    rocksdb_writebatch_delete_cf(batch: Made, family: Made, key: *const u8, key_len: usize);
    rocksdb_writebatch_singledelete_cf(batch: Made, family: Made, key: *const u8, key_len: usize);
    rocksdb_writebatch_delete_range_cf(batch: Made, family: Made, begin: *const u8, begin_len: usize,
        end: *const u8, end_len: usize);
    rocksdb_writebatch_put_log_data(batch: Made, blob: *const u8, len: usize);
    rocksdb_writebatch_data(batch: Made, len: *mut usize) -> *const u8;
    rocksdb_create_iterator(db: Made, options: Made) -> Made;
    rocksdb_iter_destroy(iter: Made);
    rocksdb_iter_valid(iter: Made) -> c_uchar;
    rocksdb_iter_seek(iter: Made, key: *const u8, key_len: usize);
    rocksdb_iter_next(iter: Made);
    rocksdb_iter_key(iter: Made, len: *mut usize) -> *const u8;
    rocksdb_iter_value(iter: Made, len: *mut usize) -> *const u8;
    rocksdb_writeoptions_create() -> Made;
    rocksdb_writeoptions_destroy(options: Made);
    rocksdb_writeoptions_set_sync(options: Made, yes: c_uchar);
    rocksdb_readoptions_create() -> Made;
    rocksdb_readoptions_destroy(options: Made);
    leveldb_open(options: Made, name: *const c_char, error: Error) -> Made;
    leveldb_close(db: Made);
    leveldb_write(db: Made, options: Made, batch: Made, error: Error);
    leveldb_options_create() -> Made;
    leveldb_options_destroy(options: Made);
    leveldb_options_set_create_if_missing(options: Made, yes: c_uchar);
    leveldb_writebatch_create() -> Made;
    leveldb_writebatch_destroy(batch: Made);
    leveldb_writebatch_put(batch: Made, key: *const u8, key_len: usize, value: *const u8, value_len: usize);
    leveldb_writebatch_delete(batch: Made, key: *const u8, key_len: usize);
    leveldb_writeoptions_create() -> Made;
    leveldb_writeoptions_destroy(options: Made);
    leveldb_free(memory: *mut c_void);
}

/// Something that the C side made, with the function that ends it.
pub(crate) struct Owned {
    made: NonNull<Opaque>,
    end: unsafe extern "C" fn(Made),
}

// SAFETY: databases, options and batches of RocksDB and LevelDB may move between threads; a database may be shared, the others are used
// by one thread at a time behind `&mut` or only read.
unsafe impl Send for Owned {}
// SAFETY: as above.
unsafe impl Sync for Owned {}

impl Owned {
    /// Takes what `make` has made; `end` is its own destroy function.
    pub(crate) fn new(made: Made, end: unsafe extern "C" fn(Made)) -> Owned {
        Owned { made: NonNull::new(made).expect("the C side answers with memory or an error"), end }
    }

    pub(crate) fn get(&self) -> Made {
        self.made.as_ptr()
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: `end` is the destroy function of what `made` is, and this is its only owner.
        unsafe { (self.end)(self.made.as_ptr()) }
    }
}

/// Calls a function that reports through an error string, which is freed with `free`.
pub(crate) fn checked<R>(
    free: unsafe extern "C" fn(*mut c_void),
    call: impl FnOnce(Error) -> R,
) -> Result<R, String> {
    let mut error = ptr::null_mut();
    let answer = call(&mut error);
    if error.is_null() {
        return Ok(answer);
    }
    // SAFETY: a set error is a C string that belongs to the caller, who frees it with the library's function.
    let text = unsafe { CStr::from_ptr(error) }.to_string_lossy().into_owned();
    // SAFETY: as above; it is not used behind this.
    unsafe { free(error.cast()) };
    Err(text)
}

/// A path as C wants it.
pub(crate) fn c_path(path: &Path) -> CString {
    CString::new(path.as_os_str().as_encoded_bytes()).expect("a path holds no zero byte")
}

/// Bytes that the C side lends until its next call on the same thing.
///
/// # Safety
/// `bytes` points to `len` readable bytes that stay for `'a`, or `len` is 0.
pub(crate) unsafe fn lent<'a>(bytes: *const u8, len: usize) -> &'a [u8] {
    if len == 0 {
        return &[];
    }
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(bytes, len) }
}
