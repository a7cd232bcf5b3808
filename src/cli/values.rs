//! Numbers and sizes on the command line: what cannot be meant is refused with what can. The name of the flag and the
//! value as typed are added by the parser of the arguments.

use std::fmt;

/// Most worker threads.
const THREADS_MOST: u64 = 1024;
/// Most containers inside containers.
const DEPTH_MOST: u64 = 64;

/// A size in bytes, with the text that it was given as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Size {
    /// Bytes.
    pub bytes: u64,
    text: String,
}

impl fmt::Display for Size {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

/// Bytes with an optional unit in powers of 1024, as `512M`, `1.5G` or `64 KiB`; a fraction of a byte is dropped.
///
/// # Errors
/// What was expected.
pub fn size(text: &str) -> Result<Size, String> {
    let end = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match text[end.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => return Err(SIZE_EXPECTED.to_owned()),
    };
    let number = end.trim();
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(part) {
        return Err(SIZE_EXPECTED.to_owned());
    }
    let too_large = || "too large; a size is less than 16777216T".to_owned();
    let whole = whole.parse::<u64>().ok().and_then(|n| n.checked_mul(1 << shift)).ok_or_else(too_large)?;
    // More digits than these change nothing: a byte of a terabyte is its twelfth.
    let part = &part[..part.len().min(18)];
    let scale = 10u128.pow(u32::try_from(part.len()).unwrap_or(0));
    let part = (part.parse::<u128>().unwrap_or(0) << shift) / scale;
    let bytes = u64::try_from(part).ok().and_then(|part| whole.checked_add(part)).ok_or_else(too_large)?;
    Ok(Size { bytes, text: text.to_owned() })
}

const SIZE_EXPECTED: &str = "expected a size in bytes, or with a unit as in 512K, 1.5G or 2T";

/// [`size`], but not 0.
///
/// # Errors
/// What was expected.
pub fn some_bytes(text: &str) -> Result<Size, String> {
    match size(text)? {
        Size { bytes: 0, .. } => Err("expected a size of at least 1 byte".to_owned()),
        size => Ok(size),
    }
}

/// A whole number of at least 1.
///
/// # Errors
/// What was expected.
pub fn at_least_one(text: &str) -> Result<u64, String> {
    whole(text, 1, u64::MAX)
}

/// Worker threads.
///
/// # Errors
/// What was expected.
pub fn threads(text: &str) -> Result<usize, String> {
    whole(text, 1, THREADS_MOST).map(|n| usize::try_from(n).expect("at most 1024"))
}

/// Containers inside containers; 0 opens none.
///
/// # Errors
/// What was expected.
pub fn depth(text: &str) -> Result<u32, String> {
    whole(text, 0, DEPTH_MOST).map(|n| u32::try_from(n).expect("at most 64"))
}

fn whole(text: &str, least: u64, most: u64) -> Result<u64, String> {
    let number = text.parse::<u64>().ok().filter(|n| (least..=most).contains(n) && !text.starts_with('+'));
    number.ok_or_else(|| match most {
        u64::MAX => format!("expected a whole number of at least {least}"),
        _ => format!("expected a whole number from {least} to {most}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_exact_in_powers_of_1024() {
        for (text, bytes) in [
            ("0", 0),
            ("17", 17),
            ("17b", 17),
            ("5KB", 5120),
            ("5 KiB", 5120),
            ("1.5G", 3 << 29),
            ("0.5", 0),
            ("2t", 2 << 40),
            ("0.000000000001T", 1),
            ("18446744073709551615", u64::MAX),
            ("16777215.999T", 18_446_742_974_197_923_840 + 1_098_412_116_148),
        ] {
            assert_eq!(size(text).unwrap().bytes, bytes, "{text}");
            assert_eq!(size(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_size_is_refused_with_what_is_one() {
        for text in
            ["", " ", "-1", "-1G", "+1", "G", ".5G", "1.G", "1.2.3", "0x10", "1e9", "5iB", "5BB", "5X", "lots", "١"]
        {
            assert!(size(text).unwrap_err().contains(SIZE_EXPECTED), "{text}");
        }
        for text in ["16777216T", "18446744073709551616", "99999999999999999999G"] {
            assert!(size(text).unwrap_err().contains("too large"), "{text}");
        }
        assert!(some_bytes("0.1").is_err() && some_bytes("0").is_err() && some_bytes("1").is_ok());
    }

    #[test]
    fn counts_have_edges() {
        assert_eq!((at_least_one("1"), at_least_one("18446744073709551615")), (Ok(1), Ok(u64::MAX)));
        assert_eq!((threads("1024"), depth("0"), depth("64")), (Ok(1024), Ok(0), Ok(64)));
        for text in ["0", "-1", "+1", "", "1.0", "1K", "18446744073709551616"] {
            assert_eq!(at_least_one(text).unwrap_err(), "expected a whole number of at least 1", "{text}");
        }
        assert_eq!(threads("1025").unwrap_err(), "expected a whole number from 1 to 1024");
        assert_eq!(depth("65").unwrap_err(), "expected a whole number from 0 to 64");
    }
}
