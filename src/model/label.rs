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
        rest = if *first == b'\\' { &behind[escape(behind)..] } else { behind };
        Some(match first {
            b'a'..=b'z' => Class::Letter(first - b'a'),
            b'A'..=b'Z' => Class::Letter(first - b'A'),
            b'0'..=b'9' => Class::Digit,
            b'-' | b'_' => Class::Joint,
            _ => Class::Other,
        })
    })
}

/// How long the escape is that follows a backslash: `204`, `xcc`.
fn escape(behind: &[u8]) -> usize {
    match behind {
        [b'x', a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => 3,
        [a, b, c, ..] if [a, b, c].iter().all(|digit| digit.is_ascii_digit()) => 3,
        _ => 0,
    }
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

/// How many bits a character of a label carries at least, by the alphabet that nearly all of its characters are of: of
/// hexadecimal digits 4, of base32 5, where a quarter are bytes that no host name has 7, else 6. A mark of another alphabet
/// before the data does not make it richer. Of base64 a third are hexadecimal digits, of base32 at most half.
fn bits(label: &[u8]) -> usize {
    let (mut all, mut hex, mut escaped, mut base32, mut base32hex) = (0, 0, 0, 0, 0);
    let mut rest = label;
    while let Some((first, behind)) = rest.split_first() {
        let is_byte = *first == b'\\' || !first.is_ascii();
        rest = if *first == b'\\' { &behind[escape(behind)..] } else { behind };
        let letter = |last: u8| (b'a'..=last).contains(&first.to_ascii_lowercase());
        all += 1;
        escaped += usize::from(is_byte);
        hex += usize::from(first.is_ascii_hexdigit());
        base32 += usize::from(letter(b'z') || (b'2'..=b'7').contains(first));
        base32hex += usize::from(letter(b'v') || first.is_ascii_digit());
    }
    match () {
        () if hex * 4 >= all * 3 => 4,
        () if base32.max(base32hex) * 16 >= all * 15 => 5,
        () if escaped * 4 >= all => 7,
        () => 6,
    }
}

/// How many bits the labels of a name that look encoded carry: at least, but for what a protocol of a tunnel adds to the data.
pub fn carried_bits(name: &[u8]) -> usize {
    name.split(|&b| b == b'.').map(|label| encoded(label) * bits(label)).sum()
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
    fn an_alphabet_tells_what_a_character_carries_at_least() {
        for (label, wanted) in [
            ("939b2ff17acfaf2d251f6e70ff687f5c", 4),
            ("s-939b2ff17acfaf2d251f6e70ff687f5c", 4),
            ("isn5c6ki37lc7y5d4iwbudwvm3lfcaca", 5),
            ("0tn5c6ki37lc1v5d4i9budgvm3lfcaca", 5),
            ("q8isn5c6ki37lc7y5d4iwbudwvm3lfcacaisn5c6ki37lc7y5d4iwbudwvm3lfca", 5),
            ("dngbgaabaeu4mde5mdczqtc2njqxm0yymdfeodi5rdlbn0q1nkzfnku4mzi0m9m=", 6),
            (r"raacd\209\210\xcc\xf4", 7),
            (r"raacdk8lmnqzt9y\209", 6),
        ] {
            assert_eq!(bits(label.as_bytes()), wanted, "{label}");
        }
        assert_eq!(carried_bits(b"0000.939b2ff17acfaf2d251f6e70ff687f5c.d"), 32 * 4);
    }
}
