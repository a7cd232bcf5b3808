//! How the text of a record may differ from the values that parsers take from it: what literals may be made of, and
//! when they need not show.
//!
//! A parser gives a run of bytes of the record as it stands, or writes it anew without escapes. Bytes that a simple escape
//! stands for (`\n`, `\"`, `""`), or that a parser puts in or takes out between parts, are never part of a literal; an
//! escape that may stand for any byte makes the gate blind for that record, if what it stands for can be in a literal.
//! No parser decodes `%41` or `&#65;`: values hold them as they were written.

use std::sync::LazyLock;

use memchr::memmem::Finder;

/// The bytes that literals of one set are made of, either case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Bytes([u64; 4]);

impl Bytes {
    /// All bytes of some literals.
    pub(super) fn of<'a>(literals: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut bytes = Self::default();
        for byte in literals.flatten() {
            for byte in [byte.to_ascii_lowercase(), byte.to_ascii_uppercase()] {
                bytes.0[usize::from(byte / 64)] |= 1 << (byte % 64);
            }
        }
        bytes
    }

    fn hold(&self, byte: u8) -> bool {
        self.0[usize::from(byte / 64)] >> (byte % 64) & 1 == 1
    }
}

/// What a format makes of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Spelling {
    /// Parts of the record as they stand.
    AsIs,
    /// As it stands, but for names in a header: squid and web logs do not have it, Zeek does.
    Headed,
    /// W3C: `+` may stand for a blank, and path and query are joined with `?`.
    Joined,
    /// URLs of W3C logs: a proxy may log their parts only, which are joined with `://`, `:`, `/` and `?`.
    Composed,
    /// `\"`, `\\` and `\x41` of access logs.
    Hexed,
    /// The escapes of JSON strings, of pairs and of quoted cells; containers without their blanks.
    Json,
    /// CEF: `\|`, `\=` and `\\`, and no others.
    Barred,
    /// XML: entities, and text in parts.
    Xml,
    /// Audit records: some values in hex.
    Audit,
    /// Declared formats: text, tables or JSON, and messages of programs.
    Declared,
    /// Channels of Windows events: Hayabusa abbreviates them.
    Abbreviated,
    /// Command lines of audit records, made of arguments.
    Argued,
    /// Syslog may hold JSON, CEF, pairs, XML, requests and audit records.
    Nested,
}

impl Spelling {
    /// How a format writes values; formats that are not known here get the most careful answer.
    pub(super) fn of(format: &str) -> Self {
        match format {
            "bind" | "checkpoint" | "leef" | "squid" | "text" | "vpcflow" => Self::AsIs,
            "zeek" => Self::Headed,
            "w3c" => Self::Joined,
            "access" => Self::Hexed,
            // What may be escaped in one of them is left out for all.
            super::routing::DECLARED => Self::Declared,
            "azure" | "azure_flow" | "cloudtrail" | "csv" | "evtx" | "evtxecmd" | "gcp" | "json" | "kv" | "m365"
            | "windows_json" | "zeek_json" => Self::Json,
            "auditd" => Self::Audit,
            "windows_xml" => Self::Xml,
            "cef" => Self::Barred,
            _ => Self::Nested,
        }
    }

    /// How a format writes the values of one field, by the name that a rule gives it.
    pub(super) fn of_field(self, name: &str) -> Self {
        let url = ["c-uri", "cs-uri"].iter().any(|known| known.eq_ignore_ascii_case(name));
        let channel = ["Channel", "winlog.channel"].iter().any(|known| known.eq_ignore_ascii_case(name));
        match self {
            Self::Declared if channel => Self::Abbreviated,
            Self::Joined if url => Self::Composed,
            Self::Audit | Self::Nested | Self::Declared if name.eq_ignore_ascii_case("CommandLine") => Self::Argued,
            _ => self,
        }
    }

    /// How a format writes values of any field, which keywords look at.
    pub(super) fn of_keyword(self) -> Self {
        if self == Self::Joined { Self::Composed } else { self }
    }

    /// Whether a byte of a value always stands for itself in the record, next to the same bytes as in the value.
    pub(super) fn keeps(self, byte: u8) -> bool {
        let printed = byte.is_ascii_graphic() || byte == b' ';
        self != Self::Abbreviated && !byte.is_ascii()
            || printed
                && match self {
                    Self::Abbreviated => false,
                    Self::AsIs | Self::Headed | Self::Audit => true,
                    Self::Joined => !b" +?\"".contains(&byte),
                    Self::Composed => !b" +?\":/".contains(&byte),
                    Self::Hexed => !b"\"\\".contains(&byte),
                    // Also without what writers of JSON like to escape, so that fewer records are blind.
                    Self::Argued => !b" \"\\/:,[]{}<>&'|=".contains(&byte),
                    Self::Json | Self::Declared => !b"\"\\:,[]{}<>&'".contains(&byte),
                    Self::Nested => !b"\"\\:,[]{}<>&'|=".contains(&byte),
                    Self::Xml => !b"<>&\"'".contains(&byte),
                    Self::Barred => !b"\\|=".contains(&byte),
                }
    }

    /// How a literal stands in records: one of these it is. Writers of JSON escape all slashes or none.
    pub(super) fn forms(self, literal: &[u8]) -> Vec<Vec<u8>> {
        let mut forms = vec![literal.to_vec()];
        if matches!(self, Self::Json | Self::Declared | Self::Nested) && literal.contains(&b'/') {
            forms.push(
                literal.iter().flat_map(|&byte| [b'\\', byte].into_iter().skip(usize::from(byte != b'/'))).collect(),
            );
        }
        forms
    }

    /// Whether keywords may match what is not in the record: values out of a header.
    pub(super) fn invents_values(self) -> bool {
        self == Self::Headed
    }

    /// Whether a literal of these bytes may be in a value of a record without showing in its text.
    pub(super) fn is_blind(self, record: &[u8], bytes: &Bytes) -> bool {
        match self {
            Self::AsIs | Self::Headed | Self::Joined | Self::Composed | Self::Barred | Self::Abbreviated => false,
            Self::Hexed => hexed(record, bytes),
            Self::Json => escaped(record, bytes) || bytes.hold(b'/') && slashes_differ(record),
            Self::Xml => in_entities(record),
            Self::Audit => in_hex(record),
            Self::Declared => escaped(record, bytes) || bytes.hold(b'/') && slashes_differ(record) || in_hex(record),
            Self::Nested | Self::Argued => {
                // PERF: most messages have no escape.
                let has_escape = memchr::memchr(b'\\', record).is_some();
                let is_xml = EVENT.find(record).is_some();
                has_escape
                    && (escaped(record, bytes) || bytes.hold(b'/') && slashes_differ(record) || hexed(record, bytes))
                    || in_hex(record)
                    || in_numbers(record)
                    || is_xml && in_entities(record)
            }
        }
    }
}

/// What XML of Windows events, audit records, and those whose kind is a number, have in them.
static EVENT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("<Event"));
static AUDIT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("audit("));
static NUMBERED: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("audit: type=1"));

/// Whether XML gives any character but a control by its number, or joins a text from parts.
fn in_entities(record: &[u8]) -> bool {
    let control = |rest: &[u8]| {
        [&b"9;"[..], b"10;", b"13;", b"x9;", b"xA;", b"xD;", b"xa;", b"xd;"].iter().any(|code| rest.starts_with(code))
    };
    memchr::memchr2_iter(b'&', b'<', record).any(|at| match record[at..].get(..2) {
        Some(b"&#") => !control(&record[at + 2..]),
        other => other == Some(b"<!"),
    })
}

/// Whether an access log's `\x41` stands for a byte of a literal. Read as the parser reads it.
fn hexed(record: &[u8], bytes: &Bytes) -> bool {
    after(record, b'x', |rest| {
        let code = rest.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        code.and_then(|hex| u8::from_str_radix(hex, 16).ok()).is_some_and(|byte| bytes.hold(byte))
    })
}

/// Whether a JSON `\u0041` stands for a byte of a literal, or for one that an escape inside of the string (a string that
/// holds JSON) may be made of. Read as the parser reads it.
fn escaped(record: &[u8], bytes: &Bytes) -> bool {
    after(record, b'u', |rest| {
        let code = rest.get(..4).and_then(|hex| std::str::from_utf8(hex).ok());
        let Some(code) = code.and_then(|hex| u16::from_str_radix(hex, 16).ok()) else { return false };
        match (u8::try_from(code), char::from_u32(u32::from(code))) {
            (Ok(byte @ 0..=0x7F), _) => {
                bytes.hold(byte) || byte.is_ascii_alphanumeric() || matches!(byte, b'\\' | b'+')
            }
            (_, Some(c)) => bytes.hold(c.encode_utf8(&mut [0; 4]).as_bytes()[0]),
            // Half of a pair: a character of four bytes.
            (_, None) => (0xF0..=0xF4).any(|byte| bytes.hold(byte)),
        }
    })
}

/// Whether a record escapes some slashes and others not, or as a string in a string does.
fn slashes_differ(record: &[u8]) -> bool {
    if memchr::memmem::find(record, b"\\/").is_none() {
        return false;
    }
    let escapes = |at: usize| record[..at].iter().rev().take(2).take_while(|&&byte| byte == b'\\').count();
    let mut seen = [false; 3];
    memchr::memchr_iter(b'/', record).for_each(|at| seen[escapes(at)] = true);
    seen[2] || seen[0] && seen[1]
}

/// Whether `holds` is true of what stands behind any backslash that is followed by `mark`.
fn after(record: &[u8], mark: u8, holds: impl Fn(&[u8]) -> bool) -> bool {
    memchr::memmem::find_iter(record, &[b'\\', mark]).any(|at| holds(&record[at + 2..]))
}

/// Whether the kernel tells the kind of an audit record by its number.
fn in_numbers(record: &[u8]) -> bool {
    NUMBERED.find(record).is_some()
}

/// The keys whose values an audit record may give in hex; the arguments `a0`, `a1`, … of a command too.
const IN_HEX: [&[u8]; 8] = [b"proctitle", b"comm", b"exe", b"name", b"cwd", b"acct", b"key", b"data"];

/// Whether an audit record holds a value in hex: four upper-case digits or more behind such a key.
fn in_hex(record: &[u8]) -> bool {
    if AUDIT.find(record).is_none() {
        return false;
    }
    memchr::memchr_iter(b'=', record).any(|at| {
        let digits = record[at + 1..].iter().take_while(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F')).take(4).count();
        digits == 4 && {
            let part_of_key = |b: &&u8| b.is_ascii_alphanumeric() || b"_.-@/".contains(b);
            let key = &record[at - record[..at].iter().rev().take_while(part_of_key).count()..at];
            let argument = key.strip_prefix(b"a").is_some_and(|n| !n.is_empty() && n.iter().all(u8::is_ascii_digit));
            argument || IN_HEX.contains(&key)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blind(spelling: Spelling, record: &str, literal: &str) -> bool {
        spelling.is_blind(record.as_bytes(), &Bytes::of([literal.as_bytes()].into_iter()))
    }

    #[test]
    fn slashes_are_escaped_all_or_none_or_the_gate_is_blind() {
        use Spelling::{Hexed, Json};
        assert!(!blind(Json, r#"{"a":"/b/c"}"#, "b/c") && !blind(Json, r#"{"a":"\/b\/c"}"#, "b/c"));
        assert!(blind(Json, r#"{"a":"\/b/c"}"#, "b/c") && !blind(Json, r#"{"a":"\/b/c"}"#, "bc"));
        assert!(blind(Json, r#"{"a":"{\"b\":\"x\\/y\"}"}"#, "x/y"), "a string in a string");
        assert_eq!(Json.forms(b"a/b/"), [&b"a/b/"[..], br"a\/b\/"]);
        assert_eq!((Json.forms(b"ab").len(), Hexed.forms(b"a/b").len()), (1, 1));
    }

    #[test]
    fn only_escapes_that_may_hide_a_literal_make_the_gate_blind() {
        use Spelling::{AsIs, Audit, Hexed, Json, Nested};
        assert!(blind(Json, r#"{"a":"\u0072clone"}"#, "rclone") && blind(Json, r#"{"a":"\u0052clone"}"#, "rclone"));
        assert!(!blind(Json, r#"{"a":"\u003ca\u003e \n C:\\users"}"#, "rclone"));
        assert!(blind(Json, r#"{"a":"\u003d"}"#, "x=y") && !blind(Json, r#"{"a":"\u003d"}"#, "xyz"));
        assert!(
            blind(Json, r#"{"a":"{\"b\":\"\\u0072\"}"}"#, "rclone") && blind(Json, r#"{"a":"\u005cu0072"}"#, "xyz")
        );
        assert!(blind(Json, r#"{"a":"\u+072"}"#, "rclone") && !blind(Json, r#"{"a":"\u00"#, "rclone"));
        assert!(!blind(Json, r#"{"a":"%72 &#114; \x72"}"#, "rclone"));
        assert!(
            blind(Json, r#"{"a":"\ud83d\ude00"}"#, "\u{1f600}") && !blind(Json, r#"{"a":"\ud83d\ude00"}"#, "rclone")
        );
        assert!(blind(Json, r#"{"a":"\u20ac"}"#, "€") && !blind(Json, r#"{"a":"\u00e9"}"#, "€"));
        assert!(
            blind(Hexed, r#""GET /\x72clone""#, "rclone") && !blind(Hexed, r#""\x16\x03\x22%72 &#114;""#, "rclone")
        );
        assert!(!blind(AsIs, r"%72 \x72 \u0072", "rclone"));
        let audit = "type=EXECVE msg=audit(1774739404.500:1): argc=2";
        for (rest, hidden) in [
            (" a0=72636C6F6E65", true),
            (" proctitle=72636C6F", true),
            (" acct=ABCD", true),
            (" msg='op=x acct=72636C6F'", true),
            (" a0=\"rclone\" pid=8120 inode=131072 auid=4294967295", false),
            (" comm=\"ABCD\" a1=10 xname=ABCD", false),
        ] {
            assert_eq!(blind(Audit, &format!("{audit}{rest}"), "rclone"), hidden, "{rest}");
            assert_eq!(blind(Nested, &format!("Mar 28 h audisp: {audit}{rest}"), "rclone"), hidden, "{rest}");
        }
    }
}
