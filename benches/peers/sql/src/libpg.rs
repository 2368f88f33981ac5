//! libpg_query's C functions, the raw parser among them.

use std::ffi::{CStr, CString, c_char, c_int, c_void};

/// `PgQueryError`.
#[repr(C)]
struct PgQueryError {
    message: *mut c_char,
    funcname: *mut c_char,
    filename: *mut c_char,
    lineno: c_int,
    cursorpos: c_int,
    context: *mut c_char,
}

#[repr(C)]
struct Parsetree {
    tree: *mut c_void,
    stderr_buffer: *mut c_char,
    error: *mut PgQueryError,
}

#[repr(C)]
struct ScanTokens {
    tokens: *mut c_void,
    n_tokens: c_int,
    error: *mut PgQueryError,
}

#[repr(C)]
struct JsonTree {
    parse_tree: *mut c_char,
    stderr_buffer: *mut c_char,
    error: *mut PgQueryError,
}

unsafe extern "C" {
    fn pg_query_init();
    fn pg_query_enter_memory_context() -> *mut c_void;
    fn pg_query_exit_memory_context(context: *mut c_void);
    fn pg_query_raw_parse(input: *const c_char, options: c_int) -> Parsetree;
    fn pg_query_free_error(error: *mut PgQueryError);
    fn pg_query_scan_tokens(input: *const c_char) -> ScanTokens;
    fn pg_query_free_scan_tokens_result(result: ScanTokens);
    fn pg_query_parse(input: *const c_char) -> JsonTree;
    fn pg_query_free_parse_result(result: JsonTree);
}

/// The C parser alone: message and cursor in bytes where it refuses. Nothing is made of the tree.
pub fn raw_parse(text: &CStr) -> Result<(), (String, usize)> {
    // SAFETY: the text ends with NUL and outlives the call; the context is left on the same thread that entered it, and the
    // error is read before it is freed.
    unsafe {
        pg_query_init();
        let context = pg_query_enter_memory_context();
        let parsed = pg_query_raw_parse(text.as_ptr(), 0);
        let refused = parsed.error.as_ref().map(|error| {
            let message = CStr::from_ptr(error.message).to_string_lossy().into_owned();
            (message, error.cursorpos as usize)
        });
        if !parsed.error.is_null() {
            pg_query_free_error(parsed.error);
        }
        pg_query_exit_memory_context(context);
        refused.map_or(Ok(()), Err)
    }
}

/// The C scanner alone: how many tokens.
pub fn scan_tokens(text: &CStr) -> usize {
    // SAFETY: the text ends with NUL and outlives the call; the result is freed once.
    unsafe {
        let result = pg_query_scan_tokens(text.as_ptr());
        let count = result.n_tokens as usize;
        pg_query_free_scan_tokens_result(result);
        count
    }
}

/// The tree as JSON, where the text parses.
pub fn json(text: &str) -> Option<String> {
    let text = CString::new(text).ok()?;
    // SAFETY: as above; the JSON is copied before the result is freed.
    unsafe {
        let result = pg_query_parse(text.as_ptr());
        let tree =
            result.error.is_null().then(|| CStr::from_ptr(result.parse_tree).to_string_lossy().into_owned());
        pg_query_free_parse_result(result);
        tree
    }
}
