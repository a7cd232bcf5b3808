//! Any bytes as evidence.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| exfiltrace_fuzz::scan(bytes));
