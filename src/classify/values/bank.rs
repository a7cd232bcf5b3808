//! Payment cards, IBANs, UK bank accounts.

use std::sync::LazyLock;

use regex::Regex;

use super::{Found, Passage, bare, digits, shape};

/// Names before a card number.
const CARD: &[&str] = &["card", "pan ", "ccn", "cc num", "cc no"];
/// Names before a sort code, and before an account number.
pub(super) const SORT: &[&str] = &["sort"];
const ACCOUNT: &[&str] = &["account", "acct", "acc "];
/// So far behind its sort code an account number may stand.
const BESIDE_BYTES: usize = 80;

/// Payment card numbers: the ranges of the issuers with their lengths, and the check digit.
///
/// SOURCE: ISO/IEC 7812-1, annex B (Luhn); ranges as the card schemes publish them. One number in about forty passes both,
/// so a bare one counts beside a telling name only; written in groups as on the card it counts by itself.
pub(super) fn cards(passage: &Passage<'_>) -> Vec<Found> {
    static SHAPE: LazyLock<Regex> = LazyLock::new(|| {
        shape(r"\d{4}([ -])\d{4}[ -]\d{4}[ -]\d{4}(?:[ -]\d{3})?|\d{4}[ -]\d{6}[ -]\d{4,5}|\d{13,19}")
    });
    let found = passage.tokens(&SHAPE).filter_map(|range| {
        let text = &passage.text[range.clone()];
        let grouped = text.contains([' ', '-']);
        let alike = !(text.contains(' ') && text.contains('-'));
        let number = digits(text);
        let counts = alike && is_issued(&number) && luhn(&number) && (grouped || passage.told(range.start, CARD));
        counts.then(|| Found::new(bare(text), range))
    });
    found.collect()
}

/// Whether a number lies in a range of an issuer and is as long as its numbers are.
fn is_issued(number: &[u32]) -> bool {
    let head = |digits: usize| number.iter().take(digits).fold(0, |sum, digit| sum * 10 + digit);
    match (number.len(), head(2), head(4)) {
        (13 | 16 | 19, 40..=49, _) => true,              // Visa
        (16, 51..=55, _) | (16, _, 2221..=2720) => true, // Mastercard
        (15, 34 | 37, _) => true,                        // American Express
        (14, 36 | 38 | 39, _) => true,                   // Diners Club
        (14, _, 3000..=3059) => true,
        (16..=19, 65, _) | (16..=19, _, 6011 | 6440..=6499) => true, // Discover
        (16..=19, _, 3528..=3589) => true,                           // JCB
        (16..=19, 62, _) => true,                                    // UnionPay
        (16..=19, _, 6759) => true,                                  // Maestro of the UK
        _ => false,
    }
}

/// The check of Luhn: from the right, every second digit doubled, the digits of all add up to a multiple of ten.
fn luhn(number: &[u32]) -> bool {
    let sum: u32 = number
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| match (at % 2, digit * 2) {
            (0, _) => *digit,
            (_, twice) if twice > 9 => twice - 9,
            (_, twice) => twice,
        })
        .sum();
    sum.is_multiple_of(10) && number.iter().any(|digit| *digit != number[0])
}

/// International bank account numbers: the length of the country, and the check digits.
///
/// SOURCE: ISO 13616-1 and the IBAN registry of SWIFT; ISO/IEC 7064, MOD 97-10.
pub(super) fn ibans(passage: &Passage<'_>) -> Vec<Found> {
    static SHAPE: LazyLock<Regex> =
        LazyLock::new(|| shape(r"[A-Z]{2}\d{2}(?:[A-Z0-9]{11,30}|(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,3})?)"));
    let found = passage.tokens(&SHAPE).map(|range| Found::new(bare(&passage.text[range.clone()]), range));
    let is_iban = |iban: &str| country_bytes(&iban[..2]) == Some(iban.len()) && mod_97(iban) == 1;
    found.filter(|found| is_iban(&found.value)).collect()
}

/// How long the IBANs of a country are.
fn country_bytes(country: &str) -> Option<usize> {
    const LENGTHS: &[(usize, &str)] = &[
        (15, "NO"),
        (16, "BE"),
        (18, "DK FI FO GL NL SD"),
        (19, "MK SI"),
        (20, "AT BA EE KZ LT LU MN XK"),
        (21, "CH CR HR LI LV"),
        (22, "BG BH DE GB GE IE ME RS VA"),
        (23, "AE GI IL IQ OM SO TL"),
        (24, "AD CZ ES MD PK RO SA SE SK TN VG"),
        (25, "LY PT ST"),
        (26, "IS TR"),
        (27, "BI DJ FR GR IT MC MR SM"),
        (28, "AL AZ BY CY DO GT HU LB NI PL SV"),
        (29, "BR EG PS QA UA"),
        (30, "JO KW MU"),
        (31, "MT SC"),
        (32, "LC"),
        (33, "RU"),
    ];
    let (length, _) = LENGTHS.iter().find(|(_, countries)| countries.split(' ').any(|c| c == country))?;
    Some(*length)
}

/// The remainder by 97 of an IBAN whose first four characters go to its end, letters as 10 to 35.
fn mod_97(iban: &str) -> u32 {
    let (head, rest) = iban.split_at(4);
    let numbers = rest.chars().chain(head.chars()).filter_map(|c| c.to_digit(36));
    numbers.fold(0, |rest, number| (rest * if number > 9 { 100 } else { 10 } + number) % 97)
}

/// UK bank accounts: a sort code of three pairs and, behind it, an account number of eight digits, each with its name.
///
/// SOURCE: the structure as Pay.UK describes it for modulus checking; the check itself takes the bank's own weights, which
/// change every month, so that only both together count.
pub(super) fn accounts(passage: &Passage<'_>) -> Vec<Found> {
    static SORT_CODE: LazyLock<Regex> = LazyLock::new(|| shape(r"\d{2}([- ]?)\d{2}[- ]?\d{2}"));
    static NUMBER: LazyLock<Regex> = LazyLock::new(|| shape(r"\d{8}"));
    let codes: Vec<_> = passage.tokens(&SORT_CODE).filter(|range| passage.told(range.start, SORT)).collect();
    let beside = |end: usize| {
        let near = move |start: usize| start >= end && start <= end + BESIDE_BYTES;
        passage.tokens(&NUMBER).find(|number| near(number.start) && passage.told(number.start, ACCOUNT))
    };
    let found = codes.into_iter().filter_map(|code| {
        let number = beside(code.end)?;
        let value = format!("{} {}", bare(&passage.text[code.clone()]), &passage.text[number.clone()]);
        Some(Found::new(value, code.start..number.end))
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{found, told_apart};

    #[test]
    fn cards_are_known_by_issuer_length_and_check_digit() {
        let real = [
            "card=4111111111111111",
            "5555 5555 5555 4444",
            "cardNumber: 378282246310005",
            "3782-822463-10005",
            "pan=2223003122003222",
            "credit_card=6011111111111117",
            "pay 4111-1111-1111-1111.",
        ];
        let others = [
            "card=4111111111111112",
            "order 4111111111111111",
            "card=94111111111111111",
            "card=x4111111111111111",
            "card=9111111111111111",
            "4111-1111 1111-1111",
            "card=0000000000000000",
            "card=411111111111111",
        ];
        told_apart("payment card number", &real, &others);
    }

    #[test]
    fn ibans_are_known_by_country_length_and_check_digits() {
        let real = ["GB82WEST12345698765432", "to GB82 WEST 1234 5698 7654 32", "iban=DE89370400440532013000"];
        let others = [
            "GB83WEST12345698765432",
            "GB82WEST1234569876543",
            "ZZ82WEST12345698765432",
            "xGB82WEST12345698765432",
            "gb82west12345698765432",
        ];
        told_apart("IBAN", &real, &others);
    }

    #[test]
    fn an_account_takes_both_numbers_with_their_names() {
        let real = ["sort_code=12-34-56&account_number=12345678", "Sort code 12 34 56, account no. 12345678"];
        let others = [
            "sort_code=12-34-56&reference=12345678",
            "date=12-34-56&account_number=12345678",
            "sort_code=12-34-56",
            "account_number=12345678",
            "sort_code=12-34-56&account_number=123456789",
        ];
        told_apart("sort code and account number", &real, &others);
        assert_eq!(found("sort=asc&acc=12345678"), [""; 0]);
    }
}
