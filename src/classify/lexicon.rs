//! Names that sound like a kind of data. What they give is a hint of where to look, never that such data is there.
//!
//! A word counts between signs (`payroll_05.sql.gz`, not `payrolling`), and where the object may hold data: a share, a
//! bucket, a table or a column of one, a mailbox, a file with an ending of data, or a folder by its own name. A page of a web site does not
//! count by its name, nor by that in the query of another one.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};
use hashbrown::HashSet;

use super::objects::{Kind, Object};

/// How a name tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tell {
    /// A word in the name of an object that may hold data; `_` is any one sign.
    Word,
    /// The end of a name, after a `/` where it does not begin with a sign.
    End,
}

/// Word, how it tells, kind of data.
type Entry = (&'static str, Tell, &'static str);

const ENTRIES: &[Entry] = &[
    ("payroll", Tell::Word, "hr_payroll"),
    ("payslips", Tell::Word, "hr_payroll"),
    ("salary", Tell::Word, "hr_payroll"),
    ("salaries", Tell::Word, "hr_payroll"),
    ("personnel", Tell::Word, "hr_payroll"),
    ("employees", Tell::Word, "hr_payroll"),
    ("disciplinary", Tell::Word, "hr_payroll"),
    ("grievances", Tell::Word, "hr_payroll"),
    ("safeguarding", Tell::Word, "social_care_children"),
    ("child_protection", Tell::Word, "social_care_children"),
    ("looked_after_children", Tell::Word, "social_care_children"),
    ("childrens_services", Tell::Word, "social_care_children"),
    ("foster_carers", Tell::Word, "social_care_children"),
    ("patient", Tell::Word, "special_category_health"),
    ("patients", Tell::Word, "special_category_health"),
    ("medical", Tell::Word, "special_category_health"),
    ("diagnoses", Tell::Word, "special_category_health"),
    ("vaccinations", Tell::Word, "special_category_health"),
    ("occupational_health", Tell::Word, "special_category_health"),
    ("adult_social_care", Tell::Word, "special_category_health"),
    ("nino", Tell::Word, "ni_numbers"),
    ("ni_number", Tell::Word, "ni_numbers"),
    ("ni_numbers", Tell::Word, "ni_numbers"),
    ("national_insurance", Tell::Word, "ni_numbers"),
    ("bank_details", Tell::Word, "bank_details"),
    ("direct_debits", Tell::Word, "bank_details"),
    ("direct_debit", Tell::Word, "bank_details"),
    ("sort_codes", Tell::Word, "bank_details"),
    ("cardholder", Tell::Word, "payment_card"),
    ("cardholders", Tell::Word, "payment_card"),
    ("card_numbers", Tell::Word, "payment_card"),
    ("tenants", Tell::Word, "housing_records"),
    ("tenancies", Tell::Word, "housing_records"),
    ("rent_arrears", Tell::Word, "housing_records"),
    ("homelessness", Tell::Word, "housing_records"),
    ("housing", Tell::Word, "housing_records"),
    ("benefits", Tell::Word, "benefits"),
    ("benefit_claims", Tell::Word, "benefits"),
    ("housing_benefit", Tell::Word, "benefits"),
    ("universal_credit", Tell::Word, "benefits"),
    ("council_tax", Tell::Word, "council_tax"),
    ("counciltax", Tell::Word, "council_tax"),
    ("planning_applications", Tell::Word, "planning_documents"),
    ("planning_application", Tell::Word, "planning_documents"),
    ("call_recordings", Tell::Word, "call_recordings"),
    ("call_recording", Tell::Word, "call_recordings"),
    ("recordings", Tell::Word, "call_recordings"),
    ("voicemail", Tell::Word, "call_recordings"),
    ("customers", Tell::Word, "personal_contact"),
    ("residents", Tell::Word, "personal_contact"),
    ("citizens", Tell::Word, "personal_contact"),
    ("contacts", Tell::Word, "personal_contact"),
    ("electoral_roll", Tell::Word, "personal_contact"),
    ("address_book", Tell::Word, "personal_contact"),
    ("passport", Tell::Word, "identity_documents"),
    ("passports", Tell::Word, "identity_documents"),
    ("driving_licence", Tell::Word, "identity_documents"),
    ("right_to_work", Tell::Word, "identity_documents"),
    ("passwords", Tell::Word, "credentials"),
    ("credentials", Tell::Word, "credentials"),
    ("lsass", Tell::Word, "credentials"),
    ("ntds.dit", Tell::End, "credentials"),
    ("/etc/shadow", Tell::End, "credentials"),
    (".kdbx", Tell::End, "credentials"),
    ("sam.save", Tell::End, "credentials"),
    (".htpasswd", Tell::End, "credentials"),
    ("id_rsa", Tell::End, "secrets_keys"),
    ("id_dsa", Tell::End, "secrets_keys"),
    ("id_ecdsa", Tell::End, "secrets_keys"),
    ("id_ed25519", Tell::End, "secrets_keys"),
    ("/.env", Tell::End, "secrets_keys"),
    (".aws/credentials", Tell::End, "secrets_keys"),
    (".pfx", Tell::End, "secrets_keys"),
    (".p12", Tell::End, "secrets_keys"),
    (".ppk", Tell::End, "secrets_keys"),
    (".pst", Tell::End, "email_content"),
    (".ost", Tell::End, "email_content"),
    (".mbox", Tell::End, "email_content"),
];

/// Endings of files that may hold records of people.
const DATA: &[&str] = &[
    "csv", "tsv", "xls", "xlsx", "xlsm", "xlsb", "ods", "doc", "docx", "odt", "rtf", "pdf", "ppt", "pptx", "txt",
    "zip", "7z", "rar", "gz", "tgz", "tar", "bz2", "xz", "zst", "sql", "bak", "bkf", "dump", "dmp", "mdb", "accdb",
    "db", "sqlite", "json", "jsonl", "xml", "parquet", "eml", "msg", "wav", "mp3", "m4a", "ogg", "vhdx", "backup",
];

/// No [`ending`] of data, and none of an end of the lexicon, is longer.
const LONGEST: usize = 16;

/// What stands between the words of a name.
const SIGNS: &[&str] = &["_", "-", " ", ".", "+", "%20"];

/// The lexicon as a matcher.
pub struct Lexicon {
    words: AhoCorasick,
}

/// One hint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hint {
    /// The entry, by its place in the lexicon.
    pub number: usize,
    /// Kind of data.
    pub category: &'static str,
    /// The word or ending.
    pub word: &'static str,
}

impl Lexicon {
    /// Builds it.
    pub fn new() -> Self {
        let words = ENTRIES
            .iter()
            .map(|(word, tell, _)| if *tell == Tell::Word { word.replace('_', " ") } else { (*word).to_owned() });
        let words = AhoCorasick::builder().match_kind(MatchKind::Standard).build(words);
        Self { words: words.expect("the lexicon is small") }
    }

    /// Literals of which one stands in every name that gives a hint, as far as one sign stands between all its words.
    ///
    /// PERF: words of two are looked for as a whole. A part of one (`direct` of `direct_debit`) stands in every line of a proxy.
    pub fn literals() -> impl Iterator<Item = String> {
        ENTRIES.iter().flat_map(|(word, tell, _)| match tell {
            Tell::Word if word.contains('_') => SIGNS.iter().map(|sign| word.replace('_', sign)).collect(),
            Tell::Word => vec![(*word).to_owned()],
            Tell::End => vec![word.trim_start_matches('/').rsplit('/').next().unwrap_or(word).to_owned()],
        })
    }

    /// How many entries there are.
    pub const fn len() -> usize {
        ENTRIES.len()
    }

    /// What entry has this place.
    pub fn hint(number: usize) -> Hint {
        let (word, _, category) = ENTRIES[number];
        Hint { number, category, word }
    }

    /// All hints that the name of an object gives.
    pub fn hints(&self, object: &Object) -> Vec<Hint> {
        let named = match object.kind {
            Kind::Url => object.name.rsplit('/').next().unwrap_or_default(),
            Kind::Path if !object.is_asked => folder(&object.name).unwrap_or(&object.name),
            _ => &object.name,
        };
        let mut found = Vec::new();
        if may_hold_data(object) {
            let spaced: String = named.chars().map(|c| if c.is_alphanumeric() { c } else { ' ' }).collect();
            for met in self.words.find_overlapping_iter(&spaced) {
                let number = met.pattern().as_usize();
                if ENTRIES[number].1 == Tell::Word && is_word(&spaced, met.start(), met.end()) {
                    found.push(Self::hint(number));
                }
            }
        }
        let ends = (0..ENTRIES.len()).filter(|number| ENTRIES[*number].1 == Tell::End);
        found.extend(ends.filter(|number| is_end(&object.name, ENTRIES[*number].0)).map(Self::hint));
        found.sort_by_key(|hint| hint.number);
        found.dedup();
        found
    }
}

/// Whether the path of a page may give a hint: whether its last name has an ending of data, or may be one of the lexicon's ends.
///
/// PERF: nearly all pages have neither, and nothing is made of them to know that.
pub fn may_be_hint(path: &[u8]) -> bool {
    static ENDINGS: LazyLock<HashSet<&[u8]>> = LazyLock::new(|| {
        let ends = ENTRIES.iter().filter(|(_, tell, _)| *tell == Tell::End);
        ends.map(|(word, ..)| ending(word.as_bytes())).chain(DATA.iter().map(|data| data.as_bytes())).collect()
    });
    let ending = ending(path);
    let mut lower = [0; LONGEST];
    let Some(lower) = lower.get_mut(..ending.len()) else { return false };
    lower.copy_from_slice(ending);
    lower.make_ascii_lowercase();
    ENDINGS.contains(&*lower)
}

/// What stands behind the last dot or slash of a path.
fn ending(path: &[u8]) -> &[u8] {
    memchr::memrchr2(b'.', b'/', path).map_or(path, |at| &path[at + 1..])
}

/// Whether no letter stands beside a part of a text.
fn is_word(text: &str, start: usize, end: usize) -> bool {
    let before = text[..start].chars().next_back();
    let after = text[end..].chars().next();
    !before.is_some_and(char::is_alphabetic) && !after.is_some_and(char::is_alphabetic)
}

/// Whether a name ends in this, as a whole segment where it does not begin with a sign.
fn is_end(name: &str, end: &str) -> bool {
    let Some(before) = name.strip_suffix(end) else { return false };
    match end.starts_with(['.', '/']) {
        // `.pst` alone is a hidden file, `/etc/shadow` may be the whole path.
        true => end.starts_with('/') || !before.is_empty(),
        false => before.is_empty() || before.ends_with('/'),
    }
}

/// The own name of a folder: what has no ending, or stands before a star, and is no key of a registry.
fn folder(path: &str) -> Option<&str> {
    let path = path.trim_end_matches(['/', '*']);
    let last = path.rsplit_once('/')?.1;
    let is_key = path.starts_with("/registry/");
    (!last.is_empty() && !last.contains('.') && !is_key).then_some(last)
}

fn may_hold_data(object: &Object) -> bool {
    match object.kind {
        Kind::Share | Kind::Table | Kind::Column | Kind::Mailbox => true,
        Kind::Path if !object.is_asked && folder(&object.name).is_some() => true,
        Kind::Bucket | Kind::Path | Kind::Url => {
            let last = object.name.rsplit('/').next().unwrap_or_default();
            let ending = last.rsplit_once('.').map(|(_, ending)| ending);
            ending.is_some_and(|ending| DATA.contains(&ending))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hints(kind: Kind, name: &str) -> Vec<&'static str> {
        let object = Object { kind, name: name.to_owned(), with_host: None, is_asked: false };
        Lexicon::new().hints(&object).into_iter().map(|hint| hint.category).collect()
    }

    #[test]
    fn a_name_of_data_gives_a_hint_and_a_page_does_not() {
        for (kind, name, category) in [
            (Kind::Url, "/up/passport_scan_04.xlsx", "identity_documents"),
            (Kind::Url, "/up/payroll_05.sql.gz", "hr_payroll"),
            (Kind::Path, "c:/finance/council tax/2026.csv", "council_tax"),
            (Kind::Path, "c:/windows/ntds/ntds.dit", "credentials"),
            (Kind::Path, "/home/a/.ssh/id_rsa", "secrets_keys"),
            (Kind::Path, "/etc/shadow", "credentials"),
            (Kind::Share, "//fs01/safeguarding", "social_care_children"),
            (Kind::Table, "public.tenants", "housing_records"),
            (Kind::Path, "d:/hr/personnel files", "hr_payroll"),
            (Kind::Path, "//fs01/hr/personnel files/*", "hr_payroll"),
            (Kind::Column, "s.nino", "ni_numbers"),
            (Kind::Column, "ni_number", "ni_numbers"),
        ] {
            assert_eq!(hints(kind, name), [category], "{name}");
        }
        for (kind, name) in [
            (Kind::Url, "/payroll"),
            (Kind::Url, "/benefits/index.html"),
            (Kind::Url, "/housing/form.pdf"),
            (Kind::Url, "/js/customers.js"),
            (Kind::Path, "c:/apps/payrolling.csv"),
            (Kind::Path, "/home/a/.ssh/id_rsa.pub"),
            (Kind::Path, "/srv/grid_rsa"),
            (Kind::Path, "c:/payroll/setup.exe"),
            (Kind::Path, "/opt/payroll/bin/start"),
            (Kind::Path, "/var/log/customers/.cache"),
            (Kind::Path, "/registry/machine/software/credentials"),
            (Kind::Column, "hrefs"),
            (Kind::Column, "union_id"),
            (Kind::Column, "junior"),
            (Kind::Column, "pianino"),
        ] {
            assert_eq!(hints(kind, name), [""; 0], "{name}");
        }
    }

    #[test]
    fn a_page_that_gives_a_hint_may_be_one() {
        let endings = DATA.iter().map(|data| format!(".{data}")).chain([String::new(), ".html".into(), ".PHP".into()]);
        let (mut told, mut spared) = (0, 0);
        for (ending, (word, ..)) in endings.flat_map(|ending| ENTRIES.iter().map(move |entry| (ending.clone(), entry)))
        {
            for path in [
                format!("/a/{word}{ending}"),
                format!("/{word}{ending}/b"),
                format!("/a.b/X{word}{}", ending.to_uppercase()),
            ] {
                let is_hint = !Lexicon::new().hints(&super::super::objects::of_page(path.as_bytes())).is_empty();
                let may_be = may_be_hint(path.as_bytes());
                assert!(may_be || !is_hint, "{path}");
                (told, spared) = (told + u32::from(is_hint), spared + u32::from(!may_be));
            }
        }
        assert!(told > 2_000 && spared > 2_000, "{told} {spared}");
        assert!(DATA.iter().all(|data| data.len() <= LONGEST));
        assert!(ENTRIES.iter().all(|(word, tell, _)| *tell != Tell::End || ending(word.as_bytes()).len() <= LONGEST));
    }

    #[test]
    fn every_name_that_gives_a_hint_holds_a_literal() {
        let literals: Vec<String> = Lexicon::literals().collect();
        assert!(literals.iter().all(|literal| literal.len() >= 3), "{literals:?}");
        for (word, ..) in ENTRIES {
            assert!(literals.iter().any(|literal| word.contains(literal.as_str())), "{word}");
        }
    }
}
