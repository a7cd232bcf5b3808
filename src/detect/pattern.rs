//! Strings of Sigma rules: wildcards, escapes and case.
//!
//! ASCII letters fold with ASCII letters only, so that a pattern of plain ASCII can be compared byte by byte.

use std::cell::OnceCell;
use std::fmt;

use super::anchor::Anchor;
use super::grams::{Known, Pairs};
use super::sought::Sought;

/// One step of a pattern piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tok {
    /// This character.
    Char(char),
    /// Any one character.
    One,
    /// Any run of characters.
    Star,
    /// One of the dashes and the slash that command lines use alike.
    Dash,
}

/// The dashes of the `windash` modifier.
const DASHES: [char; 5] = ['-', '/', '–', '—', '―'];
/// The first byte of those of them that are not ASCII.
const DASH_BEGINS: u8 = 0xE2;

/// Reads the text of a rule: `*` and `?` are wildcards, `\` escapes them and itself.
pub(super) fn tokens(text: &str) -> Vec<Tok> {
    let mut out = Vec::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.peek() {
                Some(&next @ ('*' | '?' | '\\')) => {
                    chars.next();
                    out.push(Tok::Char(next));
                }
                _ => out.push(Tok::Char('\\')),
            },
            '*' => out.push(Tok::Star),
            '?' => out.push(Tok::One),
            c => out.push(Tok::Char(c)),
        }
    }
    out
}

/// Tokens of a text without wildcards.
pub(super) fn literal(text: &str) -> Vec<Tok> {
    text.chars().map(Tok::Char).collect()
}

/// Turns each dash or slash that follows no word character and precedes one into [`Tok::Dash`]. Gives how many.
pub(super) fn windash(toks: &mut [Tok]) -> usize {
    let word = |t: Option<&Tok>| matches!(t, Some(Tok::Char(c)) if c.is_alphanumeric() || *c == '_');
    let mut count = 0;
    for i in 0..toks.len() {
        let before = i.checked_sub(1).and_then(|b| toks.get(b)).copied();
        if matches!(toks[i], Tok::Char('-' | '/')) && !word(before.as_ref()) && word(toks.get(i + 1)) {
            toks[i] = Tok::Dash;
            count += 1;
        }
    }
    count
}

/// The part of a pattern between two stars.
#[derive(Debug, Clone)]
pub(super) enum Piece {
    /// Bytes, of which only ASCII letters have a case; those are lower-case where case is ignored.
    Bytes(Box<[u8]>, Sought),
    /// Anything else, step by step, with runs of two bytes that every text has which the steps fit.
    Steps(Box<[Tok]>, Pairs),
}

impl Piece {
    /// Bytes that are lower case where case is ignored.
    pub(super) fn of_bytes(bytes: Box<[u8]>) -> Self {
        let sought = Sought::new(&bytes);
        Self::Bytes(bytes, sought)
    }

    /// Steps, of which letters are lower case where case is ignored.
    pub(super) fn of_steps(toks: Box<[Tok]>) -> Self {
        let pairs = pairs_of(&toks);
        Self::Steps(toks, pairs)
    }
}

/// A compiled string value; it must match the whole field.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    pub pieces: Vec<Piece>,
    pub open_start: bool,
    pub open_end: bool,
    pub cased: bool,
    /// How values look at an end that is not open, where that is told by bytes.
    anchor: Option<Anchor>,
}

impl Pattern {
    /// Compiles tokens.
    pub fn new(toks: &[Tok], cased: bool) -> Self {
        let open_start = toks.first() == Some(&Tok::Star);
        let open_end = toks.last() == Some(&Tok::Star);
        let pieces: Vec<Piece> =
            toks.split(|t| *t == Tok::Star).filter(|p| !p.is_empty()).map(|p| piece(p, cased)).collect();
        Self::of_pieces(pieces, (open_start, open_end), cased)
    }

    /// Of what stands between stars, which may also stand before and behind.
    pub fn of_pieces(pieces: Vec<Piece>, (open_start, open_end): (bool, bool), cased: bool) -> Self {
        let anchor = match (pieces.first(), pieces.last()) {
            (_, Some(Piece::Bytes(bytes, _))) if !open_end => Some(Anchor::tail(bytes)),
            (Some(Piece::Bytes(bytes, _)), _) if !open_start => Some(Anchor::head(bytes)),
            _ => None,
        };
        Self { pieces, open_start, open_end, cased, anchor }
    }

    /// How values look at an end that is not open, where that is told by bytes.
    pub fn anchor(&self) -> Option<Anchor> {
        self.anchor
    }

    /// Whether the whole value matches.
    #[inline]
    pub fn matches(&self, value: &[u8]) -> bool {
        // PERF: of most values the bytes at an end say that they do not.
        self.anchor.is_none_or(|anchor| anchor.may_fit(value)) && self.covers(&Value::of(value))
    }

    /// The same of a value of which this is known.
    pub fn matches_known(&self, value: &[u8], known: Known<'_>) -> bool {
        self.anchor.is_none_or(|anchor| anchor.may_fit(value))
            && self.may_match(known)
            && self.covers(&Value { lowered: known.lowered, ..Value::of(value) })
    }

    fn covers(&self, value: &Value<'_>) -> bool {
        let mut pieces = self.pieces.as_slice();
        let Some((first, rest)) = pieces.split_first() else { return self.open_start || value.bytes.is_empty() };
        let mut at = 0;
        if !self.open_start {
            let Some(end) = self.at(first, value.bytes, 0) else { return false };
            if rest.is_empty() {
                return self.open_end || end == value.bytes.len();
            }
            at = end;
            pieces = rest;
        }
        let last = if self.open_end { None } else { pieces.split_last() };
        let middle = last.map_or(pieces, |(_, middle)| middle);
        for piece in middle {
            let Some(end) = self.find(piece, value, at) else { return false };
            at = end;
        }
        last.is_none_or(|(piece, _)| self.ends(piece, value, at))
    }

    /// Whether any part of the value matches.
    pub fn within(&self, value: &[u8]) -> bool {
        let value = &Value::of(value);
        let mut at = 0;
        for piece in &self.pieces {
            let Some(end) = self.find(piece, value, at) else { return false };
            at = end;
        }
        true
    }

    /// Whether a value of which this is known may match; false is certain.
    pub fn may_match(&self, known: Known<'_>) -> bool {
        self.pieces.iter().all(|piece| match piece {
            Piece::Bytes(bytes, sought) => {
                known.pairs.may_hold(sought.pairs()) && known.grams.is_none_or(|grams| grams.may_hold(bytes))
            }
            Piece::Steps(_, pairs) => known.pairs.may_hold(*pairs),
        })
    }

    /// Whether one place of a value alone decides.
    pub fn is_at_an_end(&self) -> bool {
        self.pieces.len() < 2 && !(self.open_start && self.open_end)
    }

    /// Whether some of it is compared step by step.
    pub fn is_of_steps(&self) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Steps(..)))
    }

    /// The bytes of a pattern that is met wherever they stand in a value.
    pub fn contained(&self) -> Option<&[u8]> {
        self.sole().filter(|_| self.open_start && self.open_end)
    }

    /// The bytes of a pattern that has no wildcard between them.
    pub fn sole(&self) -> Option<&[u8]> {
        match self.pieces.as_slice() {
            [Piece::Bytes(bytes, _)] => Some(bytes),
            _ => None,
        }
    }

    /// Runs of bytes, lower case, that every matching value holds: ASCII and characters that have no case.
    pub fn runs(&self) -> impl Iterator<Item = Vec<u8>> {
        self.pieces.iter().flat_map(|piece| match piece {
            Piece::Bytes(bytes, _) => vec![bytes.to_ascii_lowercase()],
            Piece::Steps(toks, _) => toks.split(|t| !matches!(t, Tok::Char(c) if is_plain(*c))).map(written).collect(),
        })
    }

    /// Whether case counts.
    pub fn is_cased(&self) -> bool {
        self.cased
    }

    fn at(&self, piece: &Piece, value: &[u8], at: usize) -> Option<usize> {
        match piece {
            Piece::Bytes(bytes, _) => {
                let end = at.checked_add(bytes.len())?;
                let seen = value.get(at..end)?;
                // PERF: most differ in their first byte.
                if !seen.first()?.eq_ignore_ascii_case(bytes.first()?) {
                    return None;
                }
                let same = if self.cased { seen == &**bytes } else { seen.eq_ignore_ascii_case(bytes) };
                same.then_some(end)
            }
            Piece::Steps(toks, _) => {
                let mut at = at;
                for tok in toks {
                    let (c, len) = char_at(value, at)?;
                    let fits = match tok {
                        Tok::Char(want) => c == Some(*want) || (!self.cased && c.map(fold) == Some(*want)),
                        Tok::Dash => c.is_some_and(|c| DASHES.contains(&c)),
                        Tok::One | Tok::Star => true,
                    };
                    if !fits {
                        return None;
                    }
                    at += len;
                }
                Some(at)
            }
        }
    }

    fn find(&self, piece: &Piece, value: &Value<'_>, from: usize) -> Option<usize> {
        let Piece::Bytes(bytes, sought) = piece else {
            return self.find_steps(piece, value, from);
        };
        let hay = value.bytes.get(from..)?;
        if self.cased {
            return memchr::memmem::find(hay, bytes).map(|i| from + i + bytes.len());
        }
        if let Some(lowered) = value.lowered {
            return sought.finder(bytes).find(lowered.get(from..)?).map(|i| from + i + bytes.len());
        }
        sought.places(hay).find_map(|i| self.at(piece, value.bytes, from + i))
    }

    /// PERF: most steps begin with a character of one byte or a dash, and only where that stands can they be.
    fn find_steps(&self, piece: &Piece, value: &Value<'_>, from: usize) -> Option<usize> {
        let hay = value.bytes.get(from..)?;
        let toks = if let Piece::Steps(toks, _) = piece { &**toks } else { &[] };
        // PERF: of most places the bytes behind decide.
        let goes_on = |at: &usize| may_go_on(toks, hay.get(*at..).unwrap_or_default());
        match toks.first() {
            Some(Tok::Char(first)) if first.is_ascii() => {
                let first = *first as u8;
                let (small, large) = (first.to_ascii_lowercase(), first.to_ascii_uppercase());
                let mut places = memchr::memchr2_iter(small, large, hay).filter(goes_on);
                return places.find_map(|i| self.at(piece, value.bytes, from + i));
            }
            Some(Tok::Dash) => {
                let places = memchr::memchr3_iter(b'-', b'/', DASH_BEGINS, hay);
                return places
                    .filter(goes_on)
                    .filter(|i| value.is_boundary(from + i))
                    .find_map(|i| self.at(piece, value.bytes, from + i));
            }
            _ => {}
        }
        let starts = (0..=hay.len()).filter(goes_on).map(|i| from + i);
        let mut starts = starts.filter(|i| value.is_boundary(*i));
        starts.find_map(|i| self.at(piece, value.bytes, i))
    }

    fn ends(&self, piece: &Piece, value: &Value<'_>, from: usize) -> bool {
        let bytes_of = value.bytes;
        match piece {
            Piece::Bytes(bytes, _) => bytes_of
                .len()
                .checked_sub(bytes.len())
                .is_some_and(|start| start >= from && self.at(piece, bytes_of, start).is_some()),
            Piece::Steps(toks, _) => {
                let low = from.max(bytes_of.len().saturating_sub(toks.len().saturating_mul(4)));
                (low..=bytes_of.len())
                    .filter(|&i| value.is_boundary(i))
                    .any(|i| self.at(piece, bytes_of, i) == Some(bytes_of.len()))
            }
        }
    }
}

/// As a rule writes it, lower-case where case is ignored; a dash that stands for all of them as `[-]`.
impl fmt::Display for Pattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let star = |is: bool| if is { "*" } else { "" };
        if self.pieces.is_empty() {
            return out.write_str(star(self.open_start));
        }
        for (at, piece) in self.pieces.iter().enumerate() {
            out.write_str(star(at > 0 || self.open_start))?;
            match piece {
                Piece::Bytes(bytes, _) => {
                    String::from_utf8_lossy(bytes).chars().try_for_each(|c| write_char(out, Tok::Char(c)))?;
                }
                Piece::Steps(toks, _) => toks.iter().try_for_each(|tok| write_char(out, *tok))?,
            }
        }
        out.write_str(star(self.open_end))
    }
}

fn write_char(out: &mut fmt::Formatter<'_>, tok: Tok) -> fmt::Result {
    match tok {
        Tok::Char(c @ ('*' | '?')) => write!(out, "\\{c}"),
        Tok::Char(c) => write!(out, "{c}"),
        Tok::One => out.write_str("?"),
        Tok::Star => out.write_str("*"),
        Tok::Dash => out.write_str("[-]"),
    }
}

/// Steps that are looked at by their first bytes.
const FORESEEN: usize = 4;

/// Whether a text may begin with some steps, as far as its first characters of one byte tell; false is certain.
#[inline]
fn may_go_on(toks: &[Tok], text: &[u8]) -> bool {
    for (at, tok) in toks.iter().take(FORESEEN).enumerate() {
        let Some(byte) = text.get(at) else { return false };
        let fits = match tok {
            Tok::Char(c) if c.is_ascii() => byte.eq_ignore_ascii_case(&(*c as u8)),
            Tok::Char(_) => !byte.is_ascii(),
            Tok::Dash => matches!(*byte, b'-' | b'/' | DASH_BEGINS),
            Tok::One | Tok::Star => true,
        };
        if !fits || !byte.is_ascii() {
            return fits;
        }
    }
    true
}

fn piece(toks: &[Tok], cased: bool) -> Piece {
    let plain = toks.iter().all(|t| matches!(t, Tok::Char(c) if cased || is_plain(*c)));
    if plain {
        let text: String = toks.iter().filter_map(|t| if let Tok::Char(c) = t { Some(*c) } else { None }).collect();
        let bytes = if cased { text } else { text.to_ascii_lowercase() }.into_bytes();
        return Piece::of_bytes(bytes.into());
    }
    let fold_tok = |t: &Tok| match t {
        Tok::Char(c) if !cased => Tok::Char(fold(*c)),
        t => *t,
    };
    Piece::of_steps(toks.iter().map(fold_tok).collect())
}

/// Whether only the character itself matches it, but for the case of ASCII: no letter is a symbol's other case. U+FFFD may
/// stand for bytes that are none.
fn is_plain(c: char) -> bool {
    c.is_ascii() || !(c.is_alphabetic() || c == char::REPLACEMENT_CHARACTER)
}

/// Characters as lower-case bytes.
fn written(toks: &[Tok]) -> Vec<u8> {
    let text: String = toks.iter().filter_map(|t| if let Tok::Char(c) = t { Some(*c) } else { None }).collect();
    text.to_ascii_lowercase().into_bytes()
}

/// What every text has which these steps fit.
fn pairs_of(toks: &[Tok]) -> Pairs {
    let plain = |tok: &Tok| if let Tok::Char(c) = tok { u8::try_from(*c).ok().filter(u8::is_ascii) } else { None };
    let next = toks.iter().zip(toks.get(1..).unwrap_or_default());
    let runs = next.filter_map(|(a, b)| Some(Pairs::of(&[plain(a)?, plain(b)?])));
    // Letters outside ASCII fold with their like only.
    let wide = toks.iter().any(|tok| matches!(tok, Tok::Char(c) if !c.is_ascii())).then(Pairs::wide);
    runs.chain(wide).fold(Pairs::default(), Pairs::and)
}

/// Simple case folding in which ASCII and the rest never meet.
pub(super) fn fold(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(l), None) if !l.is_ascii() => match l {
            'ς' => 'σ',
            l => l,
        },
        _ => c,
    }
}

/// Whether two texts are equal with case ignored.
pub(super) fn same(a: &[u8], b: &[u8]) -> bool {
    if a.is_ascii() || b.is_ascii() {
        return a.eq_ignore_ascii_case(b);
    }
    match (std::str::from_utf8(a), std::str::from_utf8(b)) {
        (Ok(a), Ok(b)) => a.chars().map(fold).eq(b.chars().map(fold)),
        _ => a.eq_ignore_ascii_case(b),
    }
}

/// A value under comparison. Whether it is UTF-8 as a whole is asked once, and only if it matters.
struct Value<'v> {
    bytes: &'v [u8],
    /// The same with ASCII letters in lower case, where that is at hand.
    lowered: Option<&'v [u8]>,
    is_text: OnceCell<bool>,
}

impl<'v> Value<'v> {
    fn of(bytes: &'v [u8]) -> Self {
        Self { bytes, lowered: None, is_text: OnceCell::new() }
    }

    /// Whether a character may start here; in a value that is not UTF-8, every byte may.
    fn is_boundary(&self, at: usize) -> bool {
        self.bytes.get(at).is_none_or(|b| b & 0xC0 != 0x80)
            || !*self.is_text.get_or_init(|| std::str::from_utf8(self.bytes).is_ok())
    }
}

/// The character at a byte and its length; an invalid byte counts as one character without a meaning.
fn char_at(value: &[u8], at: usize) -> Option<(Option<char>, usize)> {
    let rest = value.get(at..)?;
    let first = *rest.first()?;
    if first.is_ascii() {
        return Some((Some(char::from(first)), 1));
    }
    let len = match first {
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => return Some((None, 1)),
    };
    let decoded = rest.get(..len).and_then(|b| std::str::from_utf8(b).ok()).and_then(|s| s.chars().next());
    Some(decoded.map_or((None, 1), |c| (Some(c), len)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(rule: &str, value: &str) -> bool {
        Pattern::new(&tokens(rule), false).matches(value.as_bytes())
    }

    #[test]
    fn steps_are_found_wherever_they_fit() {
        let toks = |text: &str| -> Vec<Tok> { text.chars().map(step).collect() };
        let step_lists = ["-e", " -e", "?-e ", "a?-", "é-x", "-é", "ß", "a?????b", "--", "?"];
        let values =
            ["", "-", "a -e ", "A –E x", "aé-X", "é", "É", "-É", "/é", "ab12345B", "a-—/", "\u{e2}-e", "xß", "SS"];
        for (steps, value) in step_lists.iter().flat_map(|steps| values.iter().map(move |value| (steps, value))) {
            for (cased, broken) in [(false, false), (true, false), (false, true)] {
                let mut bytes = value.as_bytes().to_vec();
                bytes.extend(broken.then_some(0xE2));
                let piece = Piece::of_steps(toks(steps).into());
                let pattern = Pattern::of_pieces(vec![piece], (true, true), cased);
                let value = Value::of(&bytes);
                let piece = &pattern.pieces[0];
                let plainly = (0..=bytes.len()).filter(|at| value.is_boundary(*at));
                let plainly = plainly.filter_map(|at| pattern.at(piece, &bytes, at)).next();
                assert_eq!(pattern.find_steps(piece, &value, 0), plainly, "{steps} in {bytes:?}");
            }
        }
        assert!(hit("*-é*", "x -É"));
    }

    fn step(c: char) -> Tok {
        match c {
            '-' => Tok::Dash,
            '?' => Tok::One,
            c => Tok::Char(fold(c)),
        }
    }

    #[test]
    fn wildcards_and_escapes() {
        assert!(hit("a*c", "ABBC") && !hit("a*c", "abcd") && hit("*", "") && hit("a?c", "aéc") && !hit("a?c", "ac"));
        assert!(
            hit(r"\cmd", r"\cmd") && hit(r"\\cmd", r"\cmd") && hit(r"\\\\srv", r"\\srv") && hit(r"\\\srv", r"\\srv")
        );
        assert!(
            hit(r"dir\*", "dir*") && !hit(r"dir\*", "dirx") && hit(r"dir\\*", r"dir\x") && hit(r"dir\\\*", r"dir\*")
        );
        assert!(hit("*ab", "aab") && hit("a*a", "aa") && !hit("a*a", "a") && hit("*a*", "xax") && hit("*é", "xÉ"));
        assert!(!hit("*?x", "x") && hit("*?x", "éx") && hit("", "") && !hit("", "a"));
    }

    /// Whether some part of the value matches one piece, by trying every start and asking each time what a start is.
    fn twin(toks: &[Tok], value: &[u8]) -> bool {
        let boundary = |i: usize| value.get(i).is_none_or(|b| b & 0xC0 != 0x80) || std::str::from_utf8(value).is_err();
        let pattern = Pattern::new(toks, false);
        (0..=value.len()).filter(|&i| boundary(i)).any(|i| pattern.at(&pattern.pieces[0], value, i).is_some())
    }

    #[test]
    fn starts_are_those_of_a_plain_twin() {
        let values: [&[u8]; 8] =
            ["é–x".as_bytes(), b"\xc3\xa9x", b"\xa9x", b"\xff\xa9x", b"", "–éé".as_bytes(), b"ax", b"\xe2\x80"];
        for rule in ["?x", "é?", "??", "é", "?\u{2013}", "x?"] {
            for value in values {
                let found = Pattern::new(&tokens(rule), false).within(value);
                assert_eq!(found, twin(&tokens(rule), value), "{rule} in {value:?}");
            }
        }
        let dashed: [&[u8]; 7] =
            [b"a -x", "a –x".as_bytes(), "é―x".as_bytes(), b"/y-X", b"\xff\xe2\x80\x93x", b"\xe2\x80\x93", b"-"];
        for tail in [None, Some(Tok::Char('x'))] {
            let toks: Vec<Tok> = std::iter::once(Tok::Dash).chain(tail).collect();
            for value in dashed.into_iter().chain(values) {
                assert_eq!(Pattern::new(&toks, false).within(value), twin(&toks, value), "{value:?}");
            }
        }
    }

    /// Asking at each byte whether all of it is UTF-8 takes hours on a value of this size.
    #[test]
    fn a_long_value_that_is_not_ascii_takes_one_pass() {
        let value = "é".repeat(1 << 20);
        assert!(!hit("*?x*", &value) && !hit("*?x", &value));
        assert!(!Pattern::new(&tokens("?x"), false).within(value.as_bytes()));
    }

    #[test]
    fn windash_takes_only_leading_dashes() {
        let mut toks = tokens("*a-b /c --d*");
        assert_eq!(windash(&mut toks), 2);
        let p = Pattern::new(&toks, false);
        assert!(p.matches("a-b –c -/d".as_bytes()));
        assert!(!p.matches("a/b -c --d".as_bytes()));
    }

    #[test]
    fn runs_hold_what_has_no_case() {
        let runs = |rule: &str| Pattern::new(&tokens(rule), false).runs().collect::<Vec<_>>();
        assert_eq!(runs("*Ab\u{1f600}c*é?D*"), ["ab\u{1f600}c".as_bytes(), b"", b"", b"d"]);
        assert!(hit("*\u{1f600}*", "x\u{1f600}") && !hit("*\u{1f600}*", "x\u{1f601}"));
        let folds_to_another = |c: char| !c.is_alphabetic() && ('\0'..=char::MAX).any(|x| x != c && fold(x) == c);
        assert!(!['\u{1f600}', '\u{2620}', '\u{fe0f}', '\u{200d}', '€'].into_iter().any(folds_to_another));
        assert!(('\u{80}'..=char::MAX).map(|c| (c, fold(c))).all(|(c, folded)| c == folded || folded.is_alphabetic()));
    }

    #[test]
    fn case() {
        assert!(!Pattern::new(&tokens("Ab*"), true).matches(b"abc"));
        assert!(hit("straße", "STRAßE") && hit("ÄB", "äb") && !hit("k", "\u{212a}"));
    }
}
