//! Any bytes as a compiled file.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| exfiltrace_fuzz::ioc_db(bytes));
