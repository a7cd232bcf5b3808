//! How a person is reached, and when born.

use std::sync::LazyLock;

use regex::Regex;

use super::{Found, Passage, bare, shape};

pub(super) const PHONE: &[&str] =
    &["phone", "tel no", "tel num", "telephone", "mobile", "msisdn", "contact no", "contact num", "cell"];
pub(super) const POSTCODE: &[&str] = &["postcode", "post code", "postal", "zip", "address", "addr"];
pub(super) const BIRTH: &[&str] = &["dob", "date of birth", "dateofbirth", "birth", "born"];

/// E-mail addresses at a name that could be one.
///
/// SOURCE: RFC 5322, section 3.4.1, the unquoted form; the domain by RFC 1123.
pub(super) fn mails(passage: &Passage<'_>) -> Vec<Found> {
    static SHAPE: LazyLock<Regex> = LazyLock::new(|| {
        shape(r"(?i)[a-z0-9][a-z0-9._%+-]{0,63}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,8}[a-z]{2,24}")
    });
    let apart = passage.tokens(&SHAPE).map(|range| Found::new(passage.text[range.clone()].to_ascii_lowercase(), range));
    // `user:password@host` and `git@host:path` name a machine.
    apart.filter(|mail| !mail.value.starts_with("git@")).collect()
}

/// Telephone numbers of the United Kingdom, beside a telling name.
///
/// SOURCE: Ofcom, the National Telephone Numbering Plan: 0 or +44, then 1, 2, 3, 5, 7 or 8 and nine or eight digits more.
pub(super) fn phones(passage: &Passage<'_>) -> Vec<Found> {
    static SHAPE: LazyLock<Regex> = LazyLock::new(|| shape(r"(?:\+44 ?(?:\(0\) ?)?|0044 ?|0)[123578](?:[ -]?\d){8,9}"));
    let told = passage.tokens(&SHAPE).filter(|at| passage.told(at.start, PHONE));
    let found = told.filter_map(|range| {
        let number = bare(&passage.text[range.clone()]);
        let national = number.trim_start_matches("0044").trim_start_matches("44").trim_start_matches('0');
        let enough = if national.starts_with('7') { national.len() == 10 } else { (9..=10).contains(&national.len()) };
        enough.then(|| Found::new(format!("+44{national}"), range))
    });
    found.collect()
}

/// Postcodes of the United Kingdom, beside a telling name.
///
/// SOURCE: Royal Mail, Programmers' Guide to PAF: six shapes of the outward code with the letters that stand in each place,
/// then a digit and two letters without C, I, K, M, O, V.
pub(super) fn postcodes(passage: &Passage<'_>) -> Vec<Found> {
    static SHAPE: LazyLock<Regex> = LazyLock::new(|| {
        const OUTWARD: &str =
            "GIR|[A-PR-UWYZ](?:[0-9]{1,2}|[A-HK-Y][0-9]{1,2}|[0-9][A-HJKPSTUW]|[A-HK-Y][0-9][ABEHMNPRVWXY])";
        shape(&format!(r"(?i)(?:{OUTWARD})[ +]?[0-9][ABD-HJLNP-UW-Z]{{2}}"))
    });
    let told = passage.tokens(&SHAPE).filter(|range| passage.told(range.start, POSTCODE));
    let found = told.map(|range| Found::new(bare(&passage.text[range.clone()]), range));
    found.filter(|code| !code.value.starts_with("GIR") || code.value == "GIR0AA").collect()
}

/// Dates of birth: a date that can be, beside a telling name.
///
/// SOURCE: ISO 8601, and day, month, year as British forms have them.
pub(super) fn births(passage: &Passage<'_>) -> Vec<Found> {
    static SHAPE: LazyLock<Regex> =
        LazyLock::new(|| shape(r"(?:19|20)\d\d[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](?:19|20)\d\d"));
    let told = passage.tokens(&SHAPE).filter(|range| passage.told(range.start, BIRTH));
    let found = told.filter_map(|range| {
        let text = &passage.text[range.clone()];
        let parts: Vec<i16> = text.split(['-', '/', '.']).filter_map(|part| part.parse().ok()).collect();
        let (year, month, day) = match parts[..] {
            [year, month, day] | [day, month, year] if year >= 1900 => (year, month, day),
            _ => return None,
        };
        let date = jiff::civil::Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
        Some(Found::new(date.to_string(), range))
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::told_apart;

    #[test]
    fn a_mail_address_has_a_domain() {
        let real = ["q=jane.doe@council.example", "<jane@x.example>"];
        let others = ["jane@localhost", "git@github.com", "@council.example", "jane@@x.example", "jane@10.0.0.1"];
        told_apart("e-mail address", &real, &others);
    }

    #[test]
    fn a_telephone_number_has_its_name() {
        let real =
            ["phone=07700900123", "mobile: +44 7700 900123", "telephone=020 7946 0018", "phone=0044 1632 960001"];
        let others = ["id=07700900123", "phone=077009001", "phone=09912345678", "mobile=1700900123"];
        told_apart("UK telephone number", &real, &others);
    }

    #[test]
    fn a_postcode_has_the_shape_of_royal_mail_and_its_name() {
        let real = ["postcode=SW1A 1AA", "postcode=m11ae", "address: 1 High St CR2 6XH", "post_code=DN55+1PT"];
        let others = ["postcode=QW1A 1AA", "postcode=SW1A 1CA", "sku=SW1A 1AA", "postcode=SW1A 11A", "zip=90210"];
        told_apart("UK postcode", &real, &others);
    }

    #[test]
    fn a_date_of_birth_can_be_one_and_has_its_name() {
        let real = ["dob=1984-02-29", "date_of_birth=29/02/1984", "{\"birthDate\":\"1984-02-29\"}"];
        let others = ["dob=1983-02-29", "date=1984-02-29", "dob=1984-13-01", "dob=84-02-29", "dob=99/99/1984"];
        told_apart("date of birth", &real, &others);
    }
}
