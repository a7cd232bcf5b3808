//! Values that are met as literals or in fields of their own: vulnerabilities, free texts, registry keys, mutexes,
//! pipes, JA4, addresses of crypto currencies.

use sha2::{Digest, Sha256};

use crate::model::fold::fold;
use crate::model::indicator::IndicatorKind;
use crate::model::typed;

/// The kind that a word of a feed names: a column, a type.
pub(super) fn kind_named(word: &str) -> Option<IndicatorKind> {
    Some(match word.trim().to_ascii_lowercase().replace([' ', '-'], "_").as_str() {
        "cve" | "cves" | "vulnerability" => IndicatorKind::Cve,
        "keyword" | "keywords" => IndicatorKind::Keyword,
        "registry_key" | "regkey" | "registry" | "registry_path" => IndicatorKind::RegistryKey,
        "mutex" | "mutant" => IndicatorKind::Mutex,
        "named_pipe" | "pipe" | "pipe_name" => IndicatorKind::Pipe,
        "ja4" | "ja4_fingerprint" => IndicatorKind::Ja4,
        "crypto_address" | "wallet" | "btc" | "bitcoin" | "xmr" | "dash" => IndicatorKind::Wallet,
        _ => return None,
    })
}

/// The kind of a value that stands alone, where its shape leaves no doubt.
pub(super) fn guess(value: &str) -> Option<IndicatorKind> {
    if cve(value).is_some() {
        return Some(IndicatorKind::Cve);
    }
    // PERF: asked of every value of every list; most end here, without anything made of them.
    if value.contains('.') && !value.contains('\\') || !value.contains(['\\', '_']) && !(25..=90).contains(&value.len())
    {
        return None;
    }
    if value.contains('\\') {
        if value.to_ascii_lowercase().contains("\\pipe\\") && value.starts_with("\\\\") {
            return Some(IndicatorKind::Pipe);
        }
        return typed::canonical(IndicatorKind::RegistryKey, value).map(|_| IndicatorKind::RegistryKey);
    }
    if typed::canonical(IndicatorKind::Ja4, value).is_some() {
        return Some(IndicatorKind::Ja4);
    }
    is_bitcoin(value).then_some(IndicatorKind::Wallet)
}

/// The canonical form of a value of one of these kinds, or why it is refused.
pub(super) fn canonical(kind: IndicatorKind, raw: &str) -> Result<String, &'static str> {
    let value = raw.trim();
    if value.bytes().any(|b| b.is_ascii_control()) {
        return Err("value with a control character");
    }
    match kind {
        IndicatorKind::Cve => cve(value).ok_or("not the number of a vulnerability"),
        IndicatorKind::Keyword => keyword(value),
        _ => typed_value(kind, value),
    }
}

/// `CVE-2021-44228`, upper case.
fn cve(value: &str) -> Option<String> {
    if !value.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("CVE-")) {
        return None;
    }
    let upper = value.to_ascii_uppercase();
    let (year, number) = upper.strip_prefix("CVE-")?.split_once('-')?;
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    (year.len() == 4 && digits(year) && (4..=19).contains(&number.len()) && digits(number)).then_some(upper)
}

/// A free text, which logs may write in either case.
fn keyword(value: &str) -> Result<String, &'static str> {
    if value.chars().filter(|c| c.is_alphanumeric()).count() < 4 {
        return Err("keyword with fewer than 4 letters and digits");
    }
    Ok(fold(value))
}

fn typed_value(kind: IndicatorKind, value: &str) -> Result<String, &'static str> {
    // Beside a registry key its data may be listed: both must be met.
    let (key, data) = match value.split_once('|') {
        Some((key, data)) if kind == IndicatorKind::RegistryKey => (key, Some(data.trim())),
        _ => (value, None),
    };
    if key.contains('*') {
        return Err("value with a wildcard not supported yet");
    }
    let hives = ["hklm\\", "hkcu\\", "hku\\", "hkcr\\", "hkcc\\", "hkey_"];
    let lower = key.to_ascii_lowercase();
    if kind == IndicatorKind::RegistryKey
        && hives.iter().any(|hive| lower.match_indices(hive).any(|(at, _)| at > 0 && lower.as_bytes()[at - 1] == b' '))
    {
        return Err("several registry keys in one value");
    }
    let canonical = typed::canonical(kind, key).ok_or(match kind {
        IndicatorKind::RegistryKey => "registry key without a hive",
        IndicatorKind::Ja4 => "not a JA4 fingerprint",
        _ => "empty name",
    })?;
    if kind == IndicatorKind::RegistryKey && canonical.split('\\').count() < 3 {
        return Err("registry key too high up: it would match most of a hive");
    }
    if kind == IndicatorKind::Wallet && !is_wallet(&canonical) {
        return Err("not an address of a known crypto currency, or its checksum is wrong");
    }
    if typed::core(kind, &canonical).is_none() {
        return Err("fewer than 4 characters in a row that logs write as they stand");
    }
    Ok(match data.filter(|data| !data.is_empty()) {
        Some(data) => format!("{canonical}|{data}"),
        None => canonical,
    })
}

/// Bitcoin and its kin by their checksum; Monero and Ethereum by their shape alone, for theirs need another hash.
fn is_wallet(value: &str) -> bool {
    let base58 = |c: char| BASE58.contains(c);
    let monero = matches!(value.len(), 95 | 106) && value.starts_with(['4', '8']) && value.chars().all(base58);
    let hex = |rest: &str| rest.len() == 40 && rest.bytes().all(|b| b.is_ascii_hexdigit());
    is_bitcoin(value) || monero || value.strip_prefix("0x").is_some_and(hex)
}

/// An address in Base58 with its checksum, or in Bech32.
fn is_bitcoin(value: &str) -> bool {
    let versioned =
        |bytes: Vec<u8>| bytes.len() == 25 && matches!(bytes[0], 0x00 | 0x05 | 0x10 | 0x1E | 0x30 | 0x32 | 0x4C);
    (25..=35).contains(&value.len()) && base58_checked(value).is_some_and(versioned)
        || ["bc1", "ltc1"].iter().any(|head| value.to_ascii_lowercase().starts_with(head)) && is_bech32(value)
}

const BASE58: &str = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// The bytes of a text in Base58 whose last four are the start of the double SHA-256 of the others.
fn base58_checked(text: &str) -> Option<Vec<u8>> {
    let mut bytes: Vec<u8> = Vec::new();
    for c in text.chars() {
        let mut carry = BASE58.find(c)? as u32;
        for byte in bytes.iter_mut().rev() {
            carry += u32::from(*byte) * 58;
            *byte = carry as u8;
            carry >>= 8;
        }
        while carry > 0 {
            bytes.insert(0, carry as u8);
            carry >>= 8;
        }
    }
    let zeros = text.bytes().take_while(|b| *b == b'1').count();
    bytes.splice(0..0, std::iter::repeat_n(0, zeros));
    let (body, sum) = bytes.split_at_checked(bytes.len().checked_sub(4)?)?;
    Sha256::digest(Sha256::digest(body)).starts_with(sum).then_some(bytes)
}

/// SOURCE: BIP 173 and BIP 350.
fn is_bech32(text: &str) -> bool {
    const LETTERS: &str = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    const STEPS: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let lower = text.to_ascii_lowercase();
    if text != lower && text != text.to_ascii_uppercase() || !(14..=90).contains(&text.len()) {
        return false;
    }
    let Some((head, data)) = lower.rsplit_once('1') else { return false };
    let Some(data) = data.chars().map(|c| LETTERS.find(c).map(|at| at as u32)).collect::<Option<Vec<u32>>>() else {
        return false;
    };
    let upper = head.bytes().map(|b| u32::from(b >> 5));
    let under = head.bytes().map(|b| u32::from(b & 31));
    let sum = upper.chain([0]).chain(under).chain(data).fold(1u32, |sum, value| {
        let top = sum >> 25;
        let next = (sum & 0x01ff_ffff) << 5 ^ value;
        STEPS.iter().enumerate().fold(next, |sum, (bit, step)| if top >> bit & 1 == 1 { sum ^ step } else { sum })
    });
    matches!(sum, 1 | 0x2bc8_30a3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_known_by_their_checksum() {
        for sound in [
            "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
            "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy",
            "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
            "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
            "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
        ] {
            assert!(is_bitcoin(sound), "{sound}");
        }
        for wrong in [
            "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb",
            "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5",
            "3adf28a71089acdbab5038f58044c0ab",
            "bc1f28a71089acdbab5038f58044c0ab",
            "",
        ] {
            assert!(!is_bitcoin(wrong), "{wrong}");
        }
    }
}
