//! The five calls of libhs that searching for literals needs. Hyperscan and Vectorscan have the same.

use std::ffi::{c_char, c_int, c_uint, c_ulonglong, c_void};
use std::ptr;

type OnMatch = extern "C" fn(c_uint, c_ulonglong, c_ulonglong, c_uint, *mut c_void) -> c_int;

unsafe extern "C" {
    fn hs_compile_lit_multi(
        literals: *const *const c_char,
        flags: *const c_uint,
        ids: *const c_uint,
        lengths: *const usize,
        count: c_uint,
        mode: c_uint,
        platform: *const c_void,
        database: *mut *mut c_void,
        error: *mut *mut c_void,
    ) -> c_int;
    fn hs_alloc_scratch(database: *const c_void, scratch: *mut *mut c_void) -> c_int;
    fn hs_scan(
        database: *const c_void,
        text: *const c_char,
        length: c_uint,
        flags: c_uint,
        scratch: *mut c_void,
        on_match: OnMatch,
        context: *mut c_void,
    ) -> c_int;
    fn hs_free_scratch(scratch: *mut c_void) -> c_int;
    fn hs_free_database(database: *mut c_void) -> c_int;
}

const BLOCK_MODE: c_uint = 1;
const CASELESS: c_uint = 1;

/// A compiled set of literals and the room that a scan needs.
pub struct Database {
    database: *mut c_void,
    scratch: *mut c_void,
}

impl Database {
    /// Compiles literals.
    pub fn new(literals: &[&[u8]], caseless: bool) -> Self {
        let count = c_uint::try_from(literals.len()).expect("fewer than 2^32 literals");
        let starts: Vec<*const c_char> = literals.iter().map(|literal| literal.as_ptr().cast()).collect();
        let lengths: Vec<usize> = literals.iter().map(|literal| literal.len()).collect();
        let flags = vec![if caseless { CASELESS } else { 0 }; literals.len()];
        let ids: Vec<c_uint> = (0..count).collect();
        let (mut database, mut scratch, mut error) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        // SAFETY: four arrays of `count` entries, whose literals outlive the call; places for two pointers.
        let failed = unsafe {
            hs_compile_lit_multi(
                starts.as_ptr(),
                flags.as_ptr(),
                ids.as_ptr(),
                lengths.as_ptr(),
                count,
                BLOCK_MODE,
                ptr::null(),
                &raw mut database,
                &raw mut error,
            )
        };
        assert_eq!(failed, 0, "libhs compiles literals");
        // SAFETY: the database was compiled above.
        let failed = unsafe { hs_alloc_scratch(database, &raw mut scratch) };
        assert_eq!(failed, 0, "libhs has memory");
        Self { database, scratch }
    }

    /// Calls `met` with the end of each match.
    pub fn scan<F: FnMut(usize)>(&self, text: &[u8], mut met: F) {
        extern "C" fn hand_over<F: FnMut(usize)>(_: c_uint, _: u64, to: u64, _: c_uint, context: *mut c_void) -> c_int {
            // SAFETY: `context` is the `met` of the scan below, which outlives it and is used by nobody else.
            unsafe { (*context.cast::<F>())(to as usize) };
            0
        }
        let length = c_uint::try_from(text.len()).expect("texts come in pieces");
        // SAFETY: database and scratch belong together; `text` and `met` outlive the call.
        let failed = unsafe {
            hs_scan(self.database, text.as_ptr().cast(), length, 0, self.scratch, hand_over::<F>, (&raw mut met).cast())
        };
        assert_eq!(failed, 0, "libhs scans");
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // SAFETY: both were made by `new` and are freed once.
        unsafe {
            hs_free_scratch(self.scratch);
            hs_free_database(self.database);
        }
    }
}
