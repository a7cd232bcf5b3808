//! Personal data and secrets in a text, written as their kind: `[NHS number]`.

use std::ops::Range;

use super::values::{DETECTORS, Passage, places};
use crate::model::fields::Fields;

/// What stands behind the first line of a private key is the key.
const KEY_BEGINS: &str = "PRIVATE KEY";
const KEY_ENDS: &str = "-----END";

/// The start of a record's text, up to `end`, in which each value that the detectors know is written as its kind. A value that
/// goes on behind the end is known by all of the text. What a table or an object shows by the names of its columns is known
/// by the `fields`.
pub fn masked(text: &str, end: usize, fields: &Fields<'_>) -> String {
    let (mut out, mut at) = (String::new(), 0);
    for (range, what) in masks(text, fields) {
        if range.start >= end {
            break;
        }
        if range.start > at {
            out.push_str(&text[at..range.start]);
        }
        if range.end > at {
            if range.start >= at {
                out.push_str(&format!("[{what}]"));
            }
            at = range.end;
        }
    }
    out.push_str(text.get(at..end).unwrap_or_default());
    out
}

/// What is masked, by place; the longest first of what begins at one.
fn masks(text: &str, fields: &Fields<'_>) -> Vec<(Range<usize>, &'static str)> {
    let mut all: Vec<(Range<usize>, &'static str)> = Vec::new();
    let mut add = |range: Range<usize>, number: usize| {
        let Some(value) = text.get(range.clone()) else { return };
        let range = if value.contains(KEY_BEGINS) { range.start..end_of_key(text, range.end) } else { range };
        all.push((range, DETECTORS[number].what));
    };
    places(&Passage { name: "", text }).into_iter().for_each(|(number, range)| add(range, number));
    let (plain, origins) = unescaped(text);
    for (number, range) in places(&Passage { name: "", text: &plain }) {
        add(origins[range.start]..origins[range.end], number);
    }
    for field in fields.iter() {
        let (name, value) =
            (String::from_utf8_lossy(fields.bytes(field.name)), String::from_utf8_lossy(fields.bytes(field.value)));
        for (number, range) in places(&Passage { name: &name, text: &value }) {
            let value = &value[range];
            text.match_indices(value).for_each(|(at, value)| add(at..at + value.len(), number));
        }
    }
    all.sort_by_key(|(range, what)| (range.start, std::cmp::Reverse(range.end), *what));
    all
}

fn end_of_key(text: &str, from: usize) -> usize {
    text[from..].find(KEY_ENDS).map_or(text.len(), |at| from + at)
}

/// A text with what is written `%40`, `\u0040` or `+` as what it stands for, as far as that is ASCII; and of each byte, and of the
/// end, where it came from.
fn unescaped(text: &str) -> (String, Vec<usize>) {
    let (mut plain, mut origins, mut at) = (String::with_capacity(text.len()), Vec::with_capacity(text.len() + 1), 0);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let coded = |mark: &str, digits: usize| {
            let digits = rest.strip_prefix(mark)?.get(..digits)?;
            let code = u8::try_from(u32::from_str_radix(digits, 16).ok()?).ok()?;
            code.is_ascii().then_some((char::from(code), mark.len() + digits.len()))
        };
        let own = rest.chars().next().unwrap_or_default();
        let own = (if own == '+' { ' ' } else { own }, own.len_utf8());
        let (read, length) = coded("%", 2).or_else(|| coded("\\u", 4)).unwrap_or(own);
        plain.push(read);
        origins.resize(plain.len(), at);
        at += length;
    }
    origins.push(text.len());
    (plain, origins)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::fields::Kind;

    /// A text masked to its end, with one field.
    fn told(text: &str, (name, value): (&str, &str)) -> String {
        let mut fields = Fields::default();
        fields.push(None, name.as_bytes(), value.as_bytes(), Kind::Str);
        masked(text, text.len(), &fields)
    }

    #[test]
    fn a_value_is_written_as_its_kind() {
        let plain = |text: &str| told(text, ("", ""));
        assert_eq!(plain("GET /p?nhs_number=9434765919&x=1"), "GET /p?nhs_number=[NHS number]&x=1");
        assert_eq!(plain("to jane.doe@council.example, ok"), "to [e-mail address], ok");
        assert_eq!(plain("q=jane.doe%40council.example&z"), "q=[e-mail address]&z");
        assert_eq!(plain(r#"{"q":"jane\u0040council.example"}"#), r#"{"q":"[e-mail address]"}"#);
        assert_eq!(plain("q=sort+code+12-34-56,+account+12345678"), "q=sort+code+[sort code and account number]");
        assert_eq!(plain("order=9434765919"), "order=9434765919");
    }

    #[test]
    fn a_cell_is_known_by_the_name_of_its_column() {
        assert_eq!(told("7,9434765919,x", ("nhs_number", "9434765919")), "7,[NHS number],x");
        assert_eq!(told("7,9434765919,x", ("order", "9434765919")), "7,9434765919,x");
    }

    #[test]
    fn of_a_key_nothing_is_left_and_what_is_cut_off_is_masked_as_well() {
        let key = "k=-----BEGIN RSA PRIVATE KEY-----\\nMIIEabc\\nMIIEdef\\n-----END RSA PRIVATE KEY-----;";
        assert_eq!(told(key, ("", "")), "k=[private key]-----END RSA PRIVATE KEY-----;");
        let card = "pay 4111-1111-1111-1111.";
        assert_eq!(masked(card, 12, &Fields::default()), "pay [payment card number]");
        assert_eq!(masked(card, 3, &Fields::default()), "pay");
    }

    #[test]
    fn no_text_breaks_it() {
        for text in ["%", "%4", "%zz", "\\u00", "é%40é@é.é", "+%2B\\u0000", "%ff%fe", "a@b.cc%"] {
            told(text, ("é@x.example", text));
        }
    }
}
