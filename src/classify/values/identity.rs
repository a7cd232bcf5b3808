//! Numbers of the United Kingdom that stand for a person: NHS, National Insurance, tax, passport, driving licence.

use std::sync::LazyLock;

use regex::{Match, Regex};

use super::{Found, Passage, bare, digits, shape};

pub(super) const NHS: &[&str] = &["nhs"];
pub(super) const INSURANCE: &[&str] =
    &["nino", "ni num", "ni no", "ninumber", "national insurance", "nationalinsurance"];
pub(super) const TAXPAYER: &[&str] = &["utr", "unique taxpayer", "self assessment", "taxpayer"];
pub(super) const PASSPORT: &[&str] = &["passport"];
pub(super) const LICENCE: &[&str] = &["driv", "licence", "license", "dvla"];

/// Prefixes that are not allocated.
const NO_PREFIX: &[&str] = &["BG", "GB", "KN", "NK", "NT", "TN", "ZZ"];

/// NHS numbers: ten digits, the last of which checks the others.
///
/// SOURCE: NHS Data Dictionary, attribute NHS NUMBER: weights 10 to 2, modulus 11. One number in eleven passes, so that a
/// telling name must stand beside it.
pub(super) fn nhs_numbers(passage: &Passage<'_>) -> Vec<Found> {
    static SHAPE: LazyLock<Regex> = LazyLock::new(|| shape(r"\d{3}[ -]\d{3}[ -]\d{4}|\d{10}"));
    let told = passage.tokens(&SHAPE).filter(|range| passage.told(range.start, NHS));
    let found = told.map(|range| Found::new(bare(&passage.text[range.clone()]), range));
    found.filter(|number| is_nhs(&digits(&number.value))).collect()
}

fn is_nhs(number: &[u32]) -> bool {
    let Some((check, body)) = number.split_last() else { return false };
    let sum: u32 = body.iter().zip((2..=10).rev()).map(|(digit, weight)| digit * weight).sum();
    let wanted = (11 - sum % 11) % 11;
    wanted == *check && body.iter().any(|digit| digit != check)
}

/// National Insurance numbers: two letters, six digits, a letter from A to D.
///
/// SOURCE: HMRC manual NIM39110. There is no check digit: it counts in its groups of two, or beside a telling name.
pub(super) fn ni_numbers(passage: &Passage<'_>) -> Vec<Found> {
    static SHAPE: LazyLock<Regex> = LazyLock::new(|| {
        shape(r"(?i)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z](?:\d{6}[A-D]| \d\d \d\d \d\d [A-D]|-\d\d-\d\d-\d\d-[A-D])")
    });
    let found = passage.tokens(&SHAPE).filter_map(|range| {
        let text = &passage.text[range.clone()];
        let number = bare(text);
        let grouped = text.len() > number.len() && !text.contains(char::is_lowercase);
        let allocated = !NO_PREFIX.contains(&&number[..2]);
        (allocated && (grouped || passage.told(range.start, INSURANCE))).then(|| Found::new(number, range))
    });
    found.collect()
}

/// Unique Taxpayer References: ten digits, the first of which checks the others. A `K` may follow.
///
/// SOURCE: HMRC's specification of modulus checks for tax references: weights 6, 7, 8, 9, 10, 5, 4, 3, 2, modulus 11, the
/// remainder told by 2 1 9 8 7 6 5 4 3 2 1. One number in ten passes, so that a telling name must stand beside it.
pub(super) fn taxpayer_references(passage: &Passage<'_>) -> Vec<Found> {
    static SHAPE: LazyLock<Regex> = LazyLock::new(|| shape(r"\d{5} \d{5}|\d{10}[Kk]?"));
    let told = passage.tokens(&SHAPE).filter(|range| passage.told(range.start, TAXPAYER));
    let found = told.map(|range| Found::new(bare(&passage.text[range.clone()]), range));
    found.filter(|number| is_taxpayer(&digits(&number.value))).collect()
}

fn is_taxpayer(number: &[u32]) -> bool {
    const CHECKS: [u32; 11] = [2, 1, 9, 8, 7, 6, 5, 4, 3, 2, 1];
    let Some((check, body)) = number.split_first() else { return false };
    let sum: u32 = body.iter().zip([6, 7, 8, 9, 10, 5, 4, 3, 2]).map(|(digit, weight)| digit * weight).sum();
    CHECKS[(sum % 11) as usize] == *check && body.iter().any(|digit| digit != check)
}

/// UK passports: nine digits beside a telling name, or the second line of the machine-readable zone.
///
/// SOURCE: ICAO Doc 9303, parts 3 and 4: number, nationality, dates and their check digits by weights 7, 3, 1.
pub(super) fn passports(passage: &Passage<'_>) -> Vec<Found> {
    static NUMBER: LazyLock<Regex> = LazyLock::new(|| shape(r"\d{9}"));
    static ZONE: LazyLock<Regex> = LazyLock::new(|| shape(r"\d{10}GBR\d{7}[MFX<]\d{7}[A-Z0-9<]{14}[0-9<]\d"));
    let told = passage.tokens(&NUMBER).filter(|range| passage.told(range.start, PASSPORT));
    let mut found: Vec<Found> = told.map(|range| passage.found(range)).collect();
    let zones = ZONE.find_iter(passage.text);
    let holds = |zone: &Match<'_>| [0..10, 13..20, 21..28].into_iter().all(|part| is_checked(&zone.as_str()[part]));
    found.extend(zones.filter(holds).map(|zone| Found::new(zone.as_str()[..9].to_owned(), zone.range())));
    found
}

/// Whether the last of these digits checks the others as in a machine-readable zone.
fn is_checked(part: &str) -> bool {
    let number = digits(part);
    let Some((check, body)) = number.split_last() else { return false };
    let sum: u32 = body.iter().zip([7, 3, 1].into_iter().cycle()).map(|(digit, weight)| digit * weight).sum();
    sum % 10 == *check
}

/// Driving licences of Great Britain: five letters of the name, the date of birth in its order (year's ten, month, day,
/// year's one; a woman's month has 50 added), two initials, three characters that DVLA adds.
///
/// SOURCE: DVLA, INF 45/1, "what your driver number means". How the last two check the others is not published, so that
/// a telling name must stand beside it.
pub(super) fn driving_licences(passage: &Passage<'_>) -> Vec<Found> {
    static SHAPE: LazyLock<Regex> = LazyLock::new(|| {
        shape(
            r"(?i)[A-Z]{1,5}9{0,4}[ -]?\d(?:0[1-9]|1[0-2]|5[1-9]|6[0-2])(?:0[1-9]|[12]\d|3[01])\d[ -]?[A-Z][A-Z9][A-Z0-9][A-Z]{2}",
        )
    });
    let told = passage.tokens(&SHAPE).filter(|range| passage.told(range.start, LICENCE));
    let found = told.map(|range| Found::new(bare(&passage.text[range.clone()]), range));
    found.filter(|number| number.value.len() == 16).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::told_apart;

    #[test]
    fn an_nhs_number_has_its_check_digit_and_its_name() {
        let real = ["nhs_number=9434765919", "NHS no. 943 476 5919", "{\"nhsNumber\":\"9434765919\"}"];
        let others = [
            "nhs_number=9434765918",
            "order=9434765919",
            "9434765919",
            "nhs=19434765919",
            "nhs_number=0000000000",
            "nhs=1&phone=9434765919",
        ];
        told_apart("NHS number", &real, &others);
    }

    #[test]
    fn a_national_insurance_number_has_an_allocated_prefix() {
        let real = ["nino=AB123456C", "AB 12 34 56 C", "national_insurance_number: ab123456c"];
        let others =
            ["nino=GB123456C", "nino=QQ123456C", "nino=AB123456E", "sku AB123456C", "nino=XAB123456C", "ab 12 34 56 c"];
        told_apart("National Insurance number", &real, &others);
    }

    #[test]
    fn a_taxpayer_reference_has_its_check_digit_and_its_name() {
        let real = ["utr=1123456789", "UTR: 11234 56789"];
        let others = ["utr=2123456789", "invoice=1123456789", "utr=11234567890"];
        told_apart("Unique Taxpayer Reference", &real, &others);
    }

    #[test]
    fn a_passport_has_its_name_or_the_checks_of_its_zone() {
        let zone = "9250764733GBR8809117F2007162<<<<<<<<<<<<<<08";
        let real = ["passport_no=925076473", zone];
        let others =
            ["id=925076473", "passport_scan_04", "9250764743GBR8809117F2007162<<<<<<<<<<<<<<08", "passport=9250764731"];
        told_apart("UK passport number", &real, &others);
    }

    #[test]
    fn a_driving_licence_has_a_date_and_its_name() {
        let real = ["licence=MORGA657054SM9IJ", "driver_number=FOX99712158AB9XY"];
        let others =
            ["licence=MORGA693054SM9IJ", "licence=MORGA657004SM9IJ", "key MORGA657054SM9IJ", "licence=MORGA657054SM9I"];
        told_apart("UK driving licence number", &real, &others);
    }
}
