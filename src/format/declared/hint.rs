//! A text that a pattern needs, read off it without compiling it.
//!
//! PERF: to recognise a file, its first lines are held against the patterns of all formats, and to compile these is most of what a
//! short scan costs. Most lines lack the text that most patterns need.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};

/// The longest text that stands in every line which is written so, as far as the outermost level of a pattern shows it; empty
/// where it shows none. Groups and classes are passed over.
pub(super) fn of(pattern: &str) -> Vec<u8> {
    let bytes = pattern.as_bytes();
    let (mut best, mut run, mut at) = (Vec::new(), Vec::new(), 0);
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        let literal = match byte {
            b'|' => return Vec::new(),
            b'(' if is_flag(&bytes[at..]) => return Vec::new(),
            b'(' => {
                at = behind_group(bytes, at);
                None
            }
            b'[' => {
                at = behind_class(bytes, at);
                None
            }
            b'?' | b'*' | b'{' => {
                // What it repeats may not be there at all.
                run.pop();
                at = if byte == b'{' { behind(bytes, at, b'}') } else { at };
                None
            }
            b'\\' => {
                let escaped = bytes.get(at).copied().unwrap_or_default();
                at += 1;
                match escaped {
                    b'x' | b'u' | b'U' | b'p' | b'P' => return Vec::new(),
                    _ => Some(escaped).filter(u8::is_ascii_punctuation),
                }
            }
            b'.' | b'^' | b'$' | b'+' => None,
            other => Some(other),
        };
        match literal {
            Some(byte) => run.push(byte),
            None => keep(&mut best, &mut run),
        }
    }
    keep(&mut best, &mut run);
    best
}

/// The bytes that a line may begin with which is written so, where it must have one; `None` where the pattern cannot be read or begins
/// with anything.
pub(super) fn begins(pattern: &str) -> Option<[bool; 256]> {
    let mut parser = ParserBuilder::new().unicode(false).utf8(false).nest_limit(64).build();
    let mut bytes = [false; 256];
    (!begin(&parser.parse(pattern).ok()?, &mut bytes)?).then_some(bytes)
}

/// Adds the bytes that a part may begin with; whether it may have none. `None` where its characters are more than bytes.
fn begin(part: &Hir, bytes: &mut [bool; 256]) -> Option<bool> {
    Some(match part.kind() {
        HirKind::Empty | HirKind::Look(_) => true,
        HirKind::Literal(literal) => match literal.0.first() {
            Some(first) => {
                bytes[usize::from(*first)] = true;
                false
            }
            None => true,
        },
        HirKind::Class(Class::Bytes(class)) => {
            class.iter().for_each(|range| bytes[range.start().into()..=range.end().into()].fill(true));
            false
        }
        HirKind::Class(Class::Unicode(_)) => return None,
        HirKind::Repetition(of) => begin(&of.sub, bytes)? || of.min == 0,
        HirKind::Capture(group) => begin(&group.sub, bytes)?,
        HirKind::Concat(parts) => {
            for part in parts {
                if !begin(part, bytes)? {
                    return Some(false);
                }
            }
            true
        }
        HirKind::Alternation(ways) => {
            let mut may_be_empty = false;
            for way in ways {
                may_be_empty |= begin(way, bytes)?;
            }
            may_be_empty
        }
    })
}

/// Ends a run of literals.
fn keep(best: &mut Vec<u8>, run: &mut Vec<u8>) {
    if run.len() > best.len() {
        std::mem::swap(best, run);
    }
    run.clear();
}

/// Whether what follows a parenthesis sets flags for all that comes after it: `?i)`.
fn is_flag(rest: &[u8]) -> bool {
    let flags = rest.strip_prefix(b"?").unwrap_or_default();
    let end = flags.iter().position(|byte| !(byte.is_ascii_alphabetic() || *byte == b'-'));
    end.is_some_and(|end| flags[end] == b')')
}

/// Where a group ends that was opened before `at`.
fn behind_group(bytes: &[u8], mut at: usize) -> usize {
    let mut open = 1;
    while let Some(&byte) = bytes.get(at).filter(|_| open > 0) {
        at += 1;
        match byte {
            b'\\' => at += 1,
            b'[' => at = behind_class(bytes, at),
            b'(' => open += 1,
            b')' => open -= 1,
            _ => {}
        }
    }
    at
}

/// Where a class ends that was opened before `at`. A bracket that comes first is one of its members.
fn behind_class(bytes: &[u8], mut at: usize) -> usize {
    at += usize::from(bytes.get(at) == Some(&b'^'));
    at += usize::from(bytes.get(at) == Some(&b']'));
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'\\' => at += 1,
            b'[' => at = behind_class(bytes, at),
            b']' => break,
            _ => {}
        }
    }
    at
}

/// Behind the next byte of this value.
fn behind(bytes: &[u8], at: usize, byte: u8) -> usize {
    bytes.get(at..).and_then(|rest| memchr::memchr(byte, rest)).map_or(bytes.len(), |found| at + found + 1)
}

#[cfg(test)]
mod tests {
    use super::super::named;
    use super::{begins, of};
    use crate::format::Format;

    #[test]
    fn bytes_that_a_line_begins_with() {
        let of = |pattern: &str| {
            let bytes = begins(pattern)?;
            Some((0..=u8::MAX).filter(|byte| bytes[usize::from(*byte)]).map(char::from).collect::<String>())
        };
        assert_eq!(of(r"(?:<\d+>)?(?<time>[A-C]\d|2\d)").as_deref(), Some("2<ABC"));
        assert_eq!(of(r"^(?:x{0,2}|y)(?i:b)c?").as_deref(), Some("Bbxy"));
        assert_eq!((of("(?:a|b?)"), of("a*"), of("(")), (None, None, None));
    }

    #[test]
    fn what_no_line_of_a_format_begins_with_is_not_held_against_it() {
        let may_begin = |name: &str, first: &[u8]| {
            let format = named(name).unwrap();
            first.iter().filter(|byte| format.may_begin(**byte)).map(|byte| char::from(*byte)).collect::<String>()
        };
        assert_eq!(may_begin("cisco_asa", b"{<M2x"), "<M2");
        assert_eq!(may_begin("wazuh", b"{<M2x"), "{2");
        assert_eq!(may_begin("fluentd_web", b"{<M2x"), "{");
        assert_eq!(may_begin("paloalto", b"{<M2x"), "{<M2x", "rows begin with anything");
        assert_eq!(may_begin("tomcat", b"{<M2x"), "{<M2x", "any line of a record may tell what it is");
    }

    #[test]
    fn the_longest_text_that_a_pattern_cannot_do_without() {
        for (pattern, wanted) in [
            (r"(?<time>\S+) LOG:  (?<text>.*)", " LOG:  "),
            (r"\[error\] a", "[error] a"),
            ("abc?de", "ab"),
            ("abc*|de", ""),
            ("abcd{0,3}x", "abc"),
            ("a+b", "a"),
            ("(?i)abc", ""),
            ("(?i:x)abc", "abc"),
            ("[]abc]+de[^]x[:alpha:]]f", "de"),
            (r"(a[)]b\)c)de", "de"),
            (r"\x41b", ""),
        ] {
            assert_eq!(of(pattern), wanted.as_bytes(), "{pattern}");
        }
    }
}
