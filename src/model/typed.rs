//! Kinds of indicators that are met in fields of their own only: in which fields, and in which spelling both sides are
//! compared.

use super::indicator::IndicatorKind;

/// Names of fields by the kind of what they hold, lower case; of a dotted name the end is enough.
const FIELDS: &[(&str, IndicatorKind)] = &[
    ("targetobject", IndicatorKind::RegistryKey),
    ("registry.path", IndicatorKind::RegistryKey),
    ("registry.key", IndicatorKind::RegistryKey),
    ("registrykey", IndicatorKind::RegistryKey),
    ("registry_key", IndicatorKind::RegistryKey),
    ("registrykeypath", IndicatorKind::RegistryKey),
    ("registry_path", IndicatorKind::RegistryKey),
    ("regkey", IndicatorKind::RegistryKey),
    // The object of an audited access (4656, 4657, 4663) may be any; a value that begins with no hive is no key.
    ("objectname", IndicatorKind::RegistryKey),
    ("mutex", IndicatorKind::Mutex),
    ("mutexname", IndicatorKind::Mutex),
    ("mutex_name", IndicatorKind::Mutex),
    ("mutant", IndicatorKind::Mutex),
    ("pipename", IndicatorKind::Pipe),
    ("pipe_name", IndicatorKind::Pipe),
    ("named_pipe", IndicatorKind::Pipe),
    ("namedpipe", IndicatorKind::Pipe),
    ("pipe.name", IndicatorKind::Pipe),
    ("ja4", IndicatorKind::Ja4),
    ("tls_ja4", IndicatorKind::Ja4),
    ("client_ja4", IndicatorKind::Ja4),
    ("ja4_fingerprint", IndicatorKind::Ja4),
    ("wallet", IndicatorKind::Wallet),
    ("wallet_address", IndicatorKind::Wallet),
    ("crypto_address", IndicatorKind::Wallet),
    ("btc_address", IndicatorKind::Wallet),
    ("bitcoin_address", IndicatorKind::Wallet),
    ("btc", IndicatorKind::Wallet),
    ("xmr", IndicatorKind::Wallet),
    ("eth_address", IndicatorKind::Wallet),
];

/// Whether a kind is met in fields of its own only.
pub fn is_typed(kind: IndicatorKind) -> bool {
    use IndicatorKind::{Ja4, Mutex, Pipe, RegistryKey, Wallet};
    matches!(kind, RegistryKey | Mutex | Pipe | Ja4 | Wallet)
}

/// What the field of this name holds, where that is one of these kinds.
pub fn kind_of_field(name: &str) -> Option<IndicatorKind> {
    let is = |known: &str| {
        let Some(head) = name.len().checked_sub(known.len()) else { return false };
        let end = name.as_bytes()[head..].eq_ignore_ascii_case(known.as_bytes());
        end && (head == 0 || name.as_bytes()[head - 1] == b'.')
    };
    FIELDS.iter().find(|(known, _)| is(known)).map(|(_, kind)| *kind)
}

/// The spelling in which values of a typed kind are compared; nothing where the value is none of the kind.
pub fn canonical(kind: IndicatorKind, value: &str) -> Option<String> {
    let value = value.trim();
    match kind {
        IndicatorKind::RegistryKey => registry(value),
        IndicatorKind::Mutex => Some(without(value, MUTEX_SPACES).to_owned()).filter(|name| !name.is_empty()),
        IndicatorKind::Pipe => Some(pipe(value)).filter(|name| !name.is_empty()),
        IndicatorKind::Ja4 => ja4(value),
        IndicatorKind::Wallet => Some(wallet(value)),
        _ => None,
    }
}

/// What stands before the name of a mutex.
const MUTEX_SPACES: &[&str] = &["\\BaseNamedObjects\\", "Global\\", "Local\\"];

/// A name without the spaces that stand before it, in this order, each once at most.
fn without<'v>(value: &'v str, spaces: &[&str]) -> &'v str {
    let mut rest = value;
    // Of a session: `\Sessions\1\BaseNamedObjects\name`.
    if let Some((number, after)) = strip(rest, "\\Sessions\\").and_then(|after| after.split_once('\\'))
        && number.bytes().all(|b| b.is_ascii_digit())
    {
        rest = strip(after, "BaseNamedObjects\\").unwrap_or(after);
    }
    for space in spaces {
        rest = strip(rest, space).unwrap_or(rest);
    }
    rest
}

/// The rest behind a head, ASCII case ignored.
fn strip<'v>(value: &'v str, head: &str) -> Option<&'v str> {
    let (begin, rest) = value.split_at_checked(head.len())?;
    begin.eq_ignore_ascii_case(head).then_some(rest)
}

/// Names of pipes ignore case. Logs write them with the device, with one backslash or with none.
fn pipe(value: &str) -> String {
    let bare = ["\\\\.\\pipe\\", "\\Device\\NamedPipe\\", "\\pipe\\"].into_iter().find_map(|head| strip(value, head));
    let remote = || value.strip_prefix("\\\\")?.split_once('\\').and_then(|(_, rest)| strip(rest, "pipe\\"));
    let bare = bare.or_else(remote).unwrap_or(value);
    bare.trim_start_matches('\\').to_ascii_lowercase()
}

/// Hives by their names, longer names before their beginnings.
const HIVES: &[(&str, &str)] = &[
    ("\\registry\\machine", "hklm"),
    ("hkey_local_machine", "hklm"),
    ("hklm", "hklm"),
    ("\\registry\\user", "hku"),
    ("hkey_users", "hku"),
    ("hku", "hku"),
    ("hkey_current_user", "hkcu"),
    ("hkcu", "hkcu"),
    ("hkey_classes_root", "hklm\\software\\classes"),
    ("hkcr", "hklm\\software\\classes"),
    ("hkey_current_config", "hklm\\system\\currentcontrolset\\hardware profiles\\current"),
    ("hkcc", "hklm\\system\\currentcontrolset\\hardware profiles\\current"),
];

/// A key by its hive: `hklm\…`, `hkcu\…`, `hku\…`; lower case, the numbered control sets as the current one, the view
/// of 32-bit programs as the common one, the hive of a user's id as that of the current user.
fn registry(value: &str) -> Option<String> {
    let lower = value.to_ascii_lowercase();
    let lower = match lower.strip_prefix('<').and_then(|rest| rest.split_once('>')) {
        Some((hive, rest)) => format!("{hive}{rest}"),
        None => lower,
    };
    let lower = lower.strip_prefix("computer\\").unwrap_or(&lower);
    let (hive, rest) = HIVES.iter().find_map(|(name, hive)| {
        let rest = lower.strip_prefix(name)?;
        (rest.is_empty() || rest.starts_with(['\\', ':'])).then(|| (*hive, rest.trim_start_matches(':')))
    })?;
    let mut parts = rest.split('\\').filter(|part| !part.is_empty()).peekable();
    let mut made = hive.to_owned();
    if hive == "hku" && parts.peek().is_some_and(|part| part.starts_with("s-1-5-21-")) {
        made = "hkcu".to_owned();
        if parts.next().is_some_and(|sid| sid.ends_with("_classes")) {
            made.push_str("\\software\\classes");
        }
    }
    for part in parts.filter(|part| *part != "wow6432node") {
        let numbered = part.strip_prefix("controlset").is_some_and(|n| n.len() == 3 && n.parse::<u16>().is_ok());
        made.push('\\');
        made.push_str(if numbered { "currentcontrolset" } else { part });
    }
    Some(made)
}

/// `t13d1516h2_8daaf6152771_b186095e22b6`, or its first two parts.
fn ja4(value: &str) -> Option<String> {
    let lower = value.to_ascii_lowercase();
    let mut parts = lower.split('_');
    let head = parts.next()?.as_bytes();
    let hash = |part: &str| part.len() == 12 && part.bytes().all(|b| b.is_ascii_hexdigit());
    let sound = head.len() == 10
        && matches!(head[0], b't' | b'q' | b'd')
        && matches!(head[1], b'0'..=b'9' | b's' | b'd')
        && head[2].is_ascii_alphanumeric()
        && matches!(head[3], b'd' | b'i')
        && head[4..8].iter().all(u8::is_ascii_digit)
        && head[8..].iter().all(u8::is_ascii_alphanumeric);
    let hashes: Vec<&str> = parts.collect();
    (sound && (1..=2).contains(&hashes.len()) && hashes.into_iter().all(hash)).then_some(lower)
}

/// Addresses whose letters all stand for the same in both cases are lower case: those of Bech32 and of hex digits.
fn wallet(value: &str) -> String {
    let lower = value.to_ascii_lowercase();
    let folds = ["bc1", "tb1", "ltc1", "0x"].iter().any(|head| lower.starts_with(head));
    if folds { lower } else { value.to_owned() }
}

/// The part of a typed value that every spelling of it holds as it stands, ASCII case ignored: what is looked for in the
/// raw text before fields are read. Nothing where none is long enough.
pub fn core(kind: IndicatorKind, value: &str) -> Option<&str> {
    const SHORTEST: usize = 4;
    let own = match kind {
        // The hive and the control set are written in several ways.
        IndicatorKind::RegistryKey => value.split_once('\\').map_or("", |(_, rest)| rest),
        _ => value,
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ' | '{' | '}');
    let runs = own.split(|c| !plain(c)).filter(|run| *run != "currentcontrolset");
    runs.max_by_key(|run| run.len()).filter(|run| run.len() >= SHORTEST)
}

/// What a value of a field is looked up by: itself, and what it lies under. Each with whether it is the value itself.
pub fn lookups(kind: IndicatorKind, value: &str) -> impl Iterator<Item = (&str, bool)> {
    let (between, least) = match kind {
        IndicatorKind::RegistryKey => ('\\', 2),
        IndicatorKind::Ja4 => ('_', 2),
        _ => ('\0', usize::MAX),
    };
    let cuts = value.match_indices(between).skip(least - 1).map(|(at, _)| (&value[..at], false));
    cuts.chain([(value, true)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_key_are_one() {
        let canonical = |value| canonical(IndicatorKind::RegistryKey, value);
        let run = Some("hklm\\software\\microsoft\\windows\\currentversion\\run".to_owned());
        for value in [
            "HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Run",
            "HKEY_LOCAL_MACHINE\\Software\\Wow6432Node\\Microsoft\\Windows\\CurrentVersion\\Run\\",
            "\\REGISTRY\\MACHINE\\software\\microsoft\\windows\\currentversion\\run",
            "<HKLM>\\Software\\Microsoft\\Windows\\CurrentVersion\\Run",
            "HKLM:\\Software\\Microsoft\\Windows\\CurrentVersion\\Run",
        ] {
            assert_eq!(canonical(value), run, "{value}");
        }
        assert_eq!(canonical("HKU\\S-1-5-21-1-2-3-1001\\Software\\X").as_deref(), Some("hkcu\\software\\x"));
        assert_eq!(canonical("HKU\\.DEFAULT\\Software\\X").as_deref(), Some("hku\\.default\\software\\x"));
        assert_eq!(canonical("HKCU\\Software\\Classes\\X"), canonical("HKU\\S-1-5-21-1_Classes\\X"));
        let service = canonical("HKLM\\SYSTEM\\CurrentControlSet\\Services\\X");
        assert_eq!(canonical("HKLM\\System\\ControlSet001\\Services\\X"), service);
        assert_eq!(canonical("HKLMX\\Software"), None);
        assert_eq!(canonical("C:\\Windows"), None);
    }

    #[test]
    fn names_lose_the_space_they_stand_in() {
        for value in
            ["Global\\Mx1", "Local\\Mx1", "\\Sessions\\1\\BaseNamedObjects\\Mx1", "\\BaseNamedObjects\\Global\\Mx1"]
        {
            assert_eq!(canonical(IndicatorKind::Mutex, value).as_deref(), Some("Mx1"), "{value}");
        }
        for value in
            ["\\\\.\\pipe\\MSSE-1", "\\Device\\NamedPipe\\MSSE-1", "\\MSSE-1", "\\\\host\\pipe\\msse-1", "msse-1"]
        {
            assert_eq!(canonical(IndicatorKind::Pipe, value).as_deref(), Some("msse-1"), "{value}");
        }
    }

    #[test]
    fn lookups_stop_at_borders_and_before_the_hive() {
        let all: Vec<_> = lookups(IndicatorKind::RegistryKey, "hklm\\software\\a\\b").collect();
        assert_eq!(all, [("hklm\\software", false), ("hklm\\software\\a", false), ("hklm\\software\\a\\b", true)]);
        let all: Vec<_> = lookups(IndicatorKind::Ja4, "t13d1516h2_8daaf6152771_b186095e22b6").collect();
        assert_eq!(all, [("t13d1516h2_8daaf6152771", false), ("t13d1516h2_8daaf6152771_b186095e22b6", true)]);
        assert_eq!(lookups(IndicatorKind::Mutex, "a\\b_c").count(), 1);
    }
}
