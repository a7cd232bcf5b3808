//! Values that show what kind of data a record holds: numbers with check digits, keys, contacts.
//!
//! One detector a kind, in one table. Each knows its value by structure and, where there is one, by its check digits; what
//! these do not tell from any other number counts only beside a telling name ([`Passage::told`]). Better a value that is not
//! known than one that is none.

mod bank;
mod contact;
mod glance;
mod identity;
mod secret;

use std::ops::Range;

use regex::Regex;

use glance::{Glance, NOTHING, Needs};

/// Shorter texts hold no value that is looked for.
const SHORTEST_BYTES: usize = 6;
/// So much of a text is looked at.
const LONGEST_BYTES: usize = 64 << 10;
/// So far before a value a telling name may begin.
const NEAR_BYTES: usize = 48;

/// One kind of value.
pub struct Detector {
    /// What the value is, for people.
    pub what: &'static str,
    /// The kind of data, one of [`CATEGORIES`](crate::model::data::CATEGORIES).
    pub category: &'static str,
    /// Finds the values of a passage.
    find: fn(&Passage<'_>) -> Vec<Found>,
    /// Whether it also looks at free text, in which names stand beside numbers by chance.
    in_prose: bool,
    /// What every text holds in which it finds something.
    needs: Needs,
}

/// A value in a passage.
struct Found {
    /// In one spelling.
    value: String,
    /// Where it stands in the text.
    at: Range<usize>,
}

impl Found {
    fn new(value: String, at: Range<usize>) -> Self {
        Self { value, at }
    }
}

/// All detectors.
pub const DETECTORS: &[Detector] = &[
    detector("payment card number", "payment_card", bank::cards, true, Needs { figures: 13, ..NOTHING }),
    detector("IBAN", "bank_details", bank::ibans, true, Needs { capitals: 15, ..NOTHING }),
    detector(
        "sort code and account number",
        "bank_details",
        bank::accounts,
        true,
        Needs { figures: 8, told: bank::SORT, ..NOTHING },
    ),
    detector(
        "NHS number",
        "special_category_health",
        identity::nhs_numbers,
        true,
        Needs { figures: 10, told: identity::NHS, ..NOTHING },
    ),
    detector(
        "National Insurance number",
        "ni_numbers",
        identity::ni_numbers,
        true,
        Needs { figures: 6, alone: 10, told: identity::INSURANCE, ..NOTHING },
    ),
    detector(
        "Unique Taxpayer Reference",
        "tax_references",
        identity::taxpayer_references,
        true,
        Needs { figures: 10, told: identity::TAXPAYER, ..NOTHING },
    ),
    detector(
        "UK passport number",
        "identity_documents",
        identity::passports,
        true,
        Needs { figures: 9, texts: &["gbr"], told: identity::PASSPORT, ..NOTHING },
    ),
    detector(
        "UK driving licence number",
        "identity_documents",
        identity::driving_licences,
        true,
        Needs { told: identity::LICENCE, ..NOTHING },
    ),
    detector("date of birth", "personal_contact", contact::births, true, Needs { told: contact::BIRTH, ..NOTHING }),
    detector("e-mail address", "personal_contact", contact::mails, false, Needs { texts: &["@"], ..NOTHING }),
    detector(
        "UK telephone number",
        "personal_contact",
        contact::phones,
        false,
        Needs { figures: 9, told: contact::PHONE, ..NOTHING },
    ),
    detector(
        "UK postcode",
        "personal_contact",
        contact::postcodes,
        false,
        Needs { told: contact::POSTCODE, ..NOTHING },
    ),
    detector("private key", "secrets_keys", secret::private_keys, true, Needs { texts: &["private key"], ..NOTHING }),
    detector(
        "cloud key",
        "secrets_keys",
        secret::cloud_keys,
        true,
        Needs { texts: &["akia", "asia", "aiza", "gocspx-", "accountkey="], ..NOTHING },
    ),
    detector("access token", "secrets_keys", secret::tokens, true, Needs { texts: secret::TOKENS, ..NOTHING }),
    detector(
        "password hash",
        "credentials",
        secret::hashes,
        true,
        Needs { texts: secret::HASHES, told: secret::NTLM, ..NOTHING },
    ),
];

const fn detector(
    what: &'static str,
    category: &'static str,
    find: fn(&Passage<'_>) -> Vec<Found>,
    in_prose: bool,
    needs: Needs,
) -> Detector {
    Detector { what, category, find, in_prose, needs }
}

/// Words before values that detectors ask for, as literals by which records with such values are found.
///
/// PERF: each is rare in logs of all sorts, for a record that holds one is read in full: `nhs` alone is in the name of every
/// host of a health service.
pub const TELLING: &[&str] = &[
    "nhs=",
    "nhs_n",
    "nhs-n",
    "nhs+n",
    "nhs n",
    "nhs%20n",
    "nhsn",
    "nino",
    "ni_num",
    "ninum",
    "insurance_n",
    "insurancen",
    "utr=",
    "utr\"",
    "taxpayer",
    "passport",
    "driver_n",
    "drivern",
    "driving",
    "dvla",
    "iban=",
    "iban\"",
    "iban:",
    "sort_code",
    "sort-code",
    "sortcode",
    "card_n",
    "cardn",
    "card=",
    "pan=",
    "dob=",
    "birth",
    "postcode",
    "post_code",
    "mobile=",
    "phone=",
    "telephone",
];

/// A text with the name of its field.
pub struct Passage<'t> {
    /// Name of the field, or empty.
    pub name: &'t str,
    /// The text, unescaped.
    pub text: &'t str,
}

/// Whether a text, in a field of this name, may hold a value at all; false is certain.
pub fn may_hold(name: &[u8], text: &[u8], prose: bool) -> bool {
    let text = &text[..text.len().min(LONGEST_BYTES)];
    text.len() >= SHORTEST_BYTES && Glance::of(name, text).detectors(prose).next().is_some()
}

/// The values that a passage holds, each with the place of its detector in [`DETECTORS`]. `prose` says that it is free text.
pub fn of(passage: &Passage<'_>, prose: bool) -> Vec<(usize, String)> {
    found(passage, prose).into_iter().map(|(number, found)| (number, found.value)).collect()
}

/// Where in a passage values stand, each with the place of its detector in [`DETECTORS`].
pub fn places(passage: &Passage<'_>) -> Vec<(usize, Range<usize>)> {
    found(passage, false).into_iter().map(|(number, found)| (number, found.at)).collect()
}

fn found(passage: &Passage<'_>, prose: bool) -> Vec<(usize, Found)> {
    if passage.text.len() < SHORTEST_BYTES {
        return Vec::new();
    }
    let end = passage.text.floor_char_boundary(LONGEST_BYTES);
    let passage = Passage { text: &passage.text[..end], ..*passage };
    let asked = Glance::of(passage.name.as_bytes(), passage.text.as_bytes()).detectors(prose);
    asked.flat_map(|number| (DETECTORS[number].find)(&passage).into_iter().map(move |found| (number, found))).collect()
}

impl Passage<'_> {
    /// Where a pattern is met as a token of its own: what stands beside it is no letter, digit or sign that goes on.
    fn tokens<'s>(&'s self, shape: &'s Regex) -> impl Iterator<Item = Range<usize>> + 's {
        shape.find_iter(self.text).map(|found| found.range()).filter(|range| self.is_apart(range))
    }

    /// What stands at a place, as it stands there.
    fn found(&self, at: Range<usize>) -> Found {
        Found::new(self.text[at.clone()].to_owned(), at)
    }

    fn is_apart(&self, range: &Range<usize>) -> bool {
        let goes_on = |c: char| c.is_alphanumeric() || "_-/+".contains(c);
        let before = self.text[..range.start].chars().next_back();
        let mut after = self.text[range.end..].chars();
        let next = after.next();
        let decimal = next == Some('.') && after.next().is_some_and(|c| c.is_alphanumeric());
        !before.is_some_and(|c| goes_on(c) || c == '.') && !next.is_some_and(goes_on) && !decimal
    }

    /// Whether the name of the field, or what stands before a value in the same part of the text, begins a word with one of
    /// these. Signs between words count as one blank: `nhs_number=`, `"nhsNumber":`, `NHS no. `.
    fn told(&self, at: usize, by: &[&str]) -> bool {
        let from = self.text.floor_char_boundary(at.saturating_sub(NEAR_BYTES));
        let near = &self.text[from..at];
        let near = near.rfind(['&', ';', '|', '{', '}', ',', '\n', '\t']).map_or(near, |cut| &near[cut + 1..]);
        [self.name, near].iter().any(|context| {
            let words = spaced(context);
            by.iter().any(|word| words.contains(&format!(" {word}")))
        })
    }
}

/// Lower case, with one blank around each word and in place of all other signs; a capital in a word begins a new one.
fn spaced(text: &str) -> String {
    let mut out = String::from(" ");
    let mut small = false;
    for c in text.chars() {
        let begins = small && c.is_uppercase();
        if (begins || !c.is_alphanumeric()) && !out.ends_with(' ') {
            out.push(' ');
        }
        if c.is_alphanumeric() {
            out.extend(c.to_lowercase());
        }
        small = c.is_lowercase();
    }
    if !out.ends_with(' ') {
        out.push(' ');
    }
    out
}

/// The digits of a text.
fn digits(text: &str) -> Vec<u32> {
    text.chars().filter_map(|c| c.to_digit(10)).collect()
}

/// The letters and digits of a text, in capitals.
fn bare(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect()
}

/// A pattern of this program.
fn shape(pattern: &str) -> Regex {
    Regex::new(pattern).expect("it is written in this program, and each is used by a test")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What detectors find in a text of a field without a name.
    pub(super) fn found(text: &str) -> Vec<&'static str> {
        let passage = Passage { name: "", text: &text[..text.floor_char_boundary(LONGEST_BYTES)] };
        let found = of(&passage, false);
        let all = (0usize..).zip(DETECTORS);
        let plainly: Vec<_> = all
            .flat_map(|(at, detector)| (detector.find)(&passage).into_iter().map(move |found| (at, found.value)))
            .collect();
        assert_eq!(found, plainly, "what a glance rules out is not there: {text}");
        assert!(found.is_empty() || may_hold(b"", text.as_bytes(), false), "{text}");
        found.into_iter().map(|(number, _)| DETECTORS[number].what).collect()
    }

    /// Asserts that a text holds the value alone, and that each look-alike holds none.
    pub(super) fn told_apart(what: &str, real: &[&str], others: &[&str]) {
        for text in real {
            assert_eq!(found(text), [what], "{text}");
        }
        for text in others {
            assert!(!found(text).contains(&what), "{text} is no {what}");
        }
    }

    #[test]
    fn a_name_tells_of_what_stands_beside_it_alone() {
        let told = |name, text: &str| Passage { name, text }.told(text.len(), &["nhs"]);
        for text in ["nhs=", "nhs_number=", "\"nhsNumber\":\"", "patient NHS no. "] {
            assert!(told("", text), "{text}");
        }
        assert!(told("patient.nhsNumber", ""));
        for text in ["nhs=1&order=", "{\"nhs\":1,\"order\":", "xnhs=", ""] {
            assert!(!told("", text), "{text}");
        }
    }

    #[test]
    fn every_detector_is_of_a_known_kind_and_no_text_breaks_one() {
        for detector in DETECTORS {
            assert!(crate::model::data::named(detector.category).is_some(), "{}", detector.category);
        }
        for text in ["é1234567890é", "GB\u{301}29", "\u{1F600}4111 1111 1111 1111\u{1F600}", &"9".repeat(100_000)] {
            found(text);
        }
    }

    #[test]
    fn what_logs_are_full_of_is_no_personal_value() {
        for text in [
            "550e8400-e29b-41d4-a716-446655440000",
            "1795368795.947",
            "2026-11-22T17:33:15.123456Z",
            "order=4532015112830366",
            "id=9434765919&ref=1234567890",
            "10.20.30.66",
            "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "session=AB123456C; build 20-26-03 rev 12345678",
            "tel aviv 0712345678",
        ] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }
}
