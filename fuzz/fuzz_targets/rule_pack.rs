//! Any bytes as compiled rules.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| exfiltrace_fuzz::rule_pack(bytes));
