//! What a label of a domain name looks like: a word that somebody chose, or data that was encoded.
//!
//! Names are made of pairs of letters that follow each other in words too. Of hexadecimal digits, base32 and base64 every
//! second pair is one of a letter and a digit, or of two letters that no word has.

/// Shorter labels tell nothing.
const SHORTEST: usize = 8;
/// From so many characters on, so many pairs of ten that are odd are enough: chance levels out.
const ODD_OF_TEN: [(usize, usize); 3] = [(32, 2), (16, 3), (SHORTEST, 4)];
/// A number of fewer digits is a count or a time.
const LONG_NUMBER: usize = 20;

/// For each letter, those that follow it in nine of ten pairs: counted over the labels of the names that are asked for the
/// most (MISP's warninglists of Cisco and Cloudflare, CC0).
const FOLLOWS: [&str; 26] = [
    "bcdfgiklmnprstuvyz",
    "aeilnoprsuy",
    "acdehikloprstu",
    "abcdefgikmnorsuw",
    "abcdefgilmnoprstuvwx",
    "aefilort",
    "acehilnors",
    "aeiotu",
    "abcdefgklmnoprstvx",
    "",
    "aeis",
    "abdeilopstuy",
    "aegimopsy",
    "acdefgiklnost",
    "abcdfgiklmnoprstuvwx",
    "aceiloprstu",
    "u",
    "acdeikmnorstuvy",
    "acdefghiklmnopstuwy",
    "abcehilmoprstuy",
    "abcdeilmnprst",
    "aeio",
    "aeios",
    "",
    "ant",
    "e",
];

/// [`FOLLOWS`] as bits.
const FOLLOWING: [u32; 26] = following();

const fn following() -> [u32; 26] {
    let (mut table, mut row) = ([0; 26], 0);
    while row < 26 {
        let (letters, mut at) = (FOLLOWS[row].as_bytes(), 0);
        while at < letters.len() {
            table[row] |= 1 << (letters[at] - b'a');
            at += 1;
        }
        row += 1;
    }
    table
}

/// What a character is to its neighbours.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Which letter.
    Letter(u8),
    Digit,
    /// What joins words.
    Joint,
    /// What no host name has: signs of base64, bytes that a log writes as an escape.
    Other,
}

/// The characters of a label. A byte that a log writes as `\204` or `\xcc` is one.
fn classes(label: &[u8]) -> impl Iterator<Item = Class> + Clone {
    let mut rest = label;
    std::iter::from_fn(move || {
        let (first, behind) = rest.split_first()?;
        let escape = match behind {
            [b'x', a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => 3,
            [a, b, c, ..] if [a, b, c].iter().all(|digit| digit.is_ascii_digit()) => 3,
            _ => 0,
        };
        rest = if *first == b'\\' { &behind[escape..] } else { behind };
        Some(match first {
            b'a'..=b'z' => Class::Letter(first - b'a'),
            b'A'..=b'Z' => Class::Letter(first - b'A'),
            b'0'..=b'9' => Class::Digit,
            b'-' | b'_' => Class::Joint,
            _ => Class::Other,
        })
    })
}

/// Whether two characters do not follow each other in names.
fn is_odd(first: Class, second: Class) -> bool {
    match (first, second) {
        (Class::Joint, _) | (_, Class::Joint) | (Class::Digit, Class::Digit) => false,
        (Class::Letter(a), Class::Letter(b)) => FOLLOWING[usize::from(a)] >> b & 1 == 0,
        _ => true,
    }
}

/// How many characters a label has where it looks encoded, else 0.
pub fn encoded(label: &[u8]) -> usize {
    // PERF: no escape makes a label longer than its bytes.
    if label.len() < SHORTEST {
        return 0;
    }
    let (mut count, mut odd, mut digits, mut last) = (0, 0, 0, Class::Joint);
    for class in classes(label) {
        count += 1;
        odd += usize::from(is_odd(last, class));
        digits += usize::from(class == Class::Digit);
        last = class;
    }
    let enough = ODD_OF_TEN.iter().find(|(from, _)| count >= *from);
    let is_encoded = enough.is_some_and(|(_, share)| odd * 10 >= (count - 1) * share);
    if is_encoded || digits == count && count >= LONG_NUMBER { count } else { 0 }
}

/// How many characters of a name stand in labels that look encoded.
pub fn carried(name: &[u8]) -> usize {
    name.split(|&b| b == b'.').map(encoded).sum()
}

/// How many bits a character of these labels carries: of hexadecimal digits 4, of base32 5, of bytes that no host name has
/// 7, else 6.
pub fn bits<'l>(labels: impl Iterator<Item = &'l [u8]> + Clone) -> usize {
    let mut bytes = labels.clone().flatten();
    if bytes.clone().all(u8::is_ascii_hexdigit) {
        return 4;
    }
    let within = |low: u8, high: u8, last: u8| {
        bytes.clone().all(|b| (low..=high).contains(b) || (b'a'..=last).contains(&b.to_ascii_lowercase()))
    };
    if within(b'2', b'7', b'z') || within(b'0', b'9', b'v') {
        return 5;
    }
    if bytes.any(|b| *b == b'\\' || !b.is_ascii()) { 7 } else { 6 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_numbers_are_not_encoded_and_data_is() {
        for name in [
            "www",
            "array619.prod.do.dsp.mp",
            "webpermissionpredictions",
            "powerpoint-telemetry.officeapps",
            "onedscolprdeus11.eastus.cloudapp",
            "aks-prod-southeastasia.access-point.cloudmessaging.edge",
            "ec2-52-14-103-7.eu-west-1.compute",
            "4.3.2.1.zen",
            "1.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2",
            "selector1-contoso-com._domainkey",
            "1764360000",
            "",
            "..",
        ] {
            assert_eq!(carried(name.as_bytes()), 0, "{name}");
        }
        for (name, count) in [
            ("0000.939b2ff17acfaf2d251f6e70ff687f5c520cb43cf49d0228b27edf7a9d11.d.t1", 60),
            ("isn5c6ki37lc7y5d4iwbudwvm3lfcacaaacqaaaaaaaaaaaaaaaaaaqaaaaaama", 63),
            ("dnGBgAABAEU4MDE5MDczQTc2NjQxM0YyMDFEODI5RDlBN0Q1NkZFNkU4MzI0MjM.=auth.t1", 63),
            (r"raacd\209\210\xcc\xf4", 9),
            ("31415926535897932384626", 23),
        ] {
            assert_eq!(carried(name.as_bytes()), count, "{name}");
        }
    }

    #[test]
    fn an_alphabet_tells_what_a_character_carries() {
        let of = |labels: &[&'static str]| bits(labels.iter().map(|label| label.as_bytes()));
        assert_eq!((of(&["00ff", "a9"]), of(&["abz27"]), of(&["0v9"]), of(&["0z"])), (4, 5, 5, 6));
        assert_eq!((of(&["a+/="]), of(&[r"a\204"])), (6, 7));
    }
}
