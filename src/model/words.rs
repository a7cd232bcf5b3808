//! Words for people that more than one stage writes.

/// A number with what is counted, in the singular where it is one.
pub fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}
