//! A glance at a text: which detectors may find anything in it.
//!
//! PERF: patterns of all detectors over all fields of a record cost tens of microseconds, and nearly no field holds a value.
//! One pass tells most of them off: by rows of figures or capitals, and by texts and telling names.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use super::DETECTORS;

/// What stands in every text in which a detector finds something.
#[derive(Clone, Copy)]
pub(super) struct Needs {
    /// So many digits, blanks and hyphens in a row.
    pub figures: usize,
    /// So many of them need neither a text nor a name.
    pub alone: usize,
    /// So many capitals, digits and blanks in a row.
    pub capitals: usize,
    /// One of these texts, or one of the telling names; nothing where both are empty.
    pub texts: &'static [&'static str],
    /// Telling names, as [`Passage::told`](super::Passage::told) takes them.
    pub told: &'static [&'static str],
}

/// Nothing at all.
pub(super) const NOTHING: Needs = Needs { figures: 0, alone: usize::MAX, capitals: 0, texts: &[], told: &[] };

/// Texts and names that are looked for in one pass; a bit of a `u64` is for each.
struct Marks {
    matcher: AhoCorasick,
    /// By detector: the marks of which one is needed; 0 where none is.
    needed: Vec<u64>,
}

static MARKS: LazyLock<Marks> = LazyLock::new(|| {
    let mut list: Vec<&str> = DETECTORS.iter().flat_map(|detector| marks(&detector.needs)).collect();
    list.sort_unstable();
    list.dedup();
    assert!(list.len() <= 64, "there is a bit for each");
    let bit = |mark: &str| list.binary_search(&mark).map_or(u64::MAX, |at| 1 << at);
    let needed = |needs: &Needs| marks(needs).map(bit).fold(0, |all, bit| all | bit);
    let needed = DETECTORS.iter().map(|detector| needed(&detector.needs)).collect();
    let mut builder = AhoCorasick::builder();
    let matcher = builder.ascii_case_insensitive(true).kind(Some(AhoCorasickKind::DFA)).build(&list);
    Marks { matcher: matcher.expect("the marks are few"), needed }
});

/// What is looked for of what a detector needs: of a name of several words the longest, for what stands between them varies.
fn marks(needs: &Needs) -> impl Iterator<Item = &'static str> {
    let longest = |name: &&'static str| name.split(' ').max_by_key(|word| word.len()).unwrap_or_default();
    needs.texts.iter().copied().chain(needs.told.iter().map(longest))
}

/// What a text and the name of its field hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Glance {
    figures: usize,
    capitals: usize,
    marks: u64,
}

impl Glance {
    /// Takes a glance. Of what is not ASCII anything may be.
    pub(super) fn of(name: &[u8], text: &[u8]) -> Self {
        if !(name.is_ascii() && text.is_ascii()) {
            return Self { figures: usize::MAX, capitals: usize::MAX, marks: u64::MAX };
        }
        let (mut longest, mut row) = ([0; 2], [0; 2]);
        for byte in text {
            let class = CLASSES[usize::from(*byte)];
            for (at, row) in row.iter_mut().enumerate() {
                *row = (*row + 1) * usize::from(class >> at & 1);
                longest[at] = longest[at].max(*row);
            }
        }
        let met = [name, text].into_iter().flat_map(|part| MARKS.matcher.find_overlapping_iter(part));
        let marks = met.fold(0, |marks, met| marks | 1 << met.pattern().as_u32());
        Self { figures: longest[0], capitals: longest[1], marks }
    }

    /// The detectors that may find something, by their places in [`DETECTORS`].
    pub(super) fn detectors(self, prose: bool) -> impl Iterator<Item = usize> {
        let may = move |number: &usize| {
            let (detector, needed) = (&DETECTORS[*number], MARKS.needed[*number]);
            (detector.in_prose || !prose)
                && self.figures >= detector.needs.figures
                && self.capitals >= detector.needs.capitals
                && (needed == 0 || needed & self.marks != 0 || self.figures >= detector.needs.alone)
        };
        (0..DETECTORS.len()).filter(may)
    }
}

/// Of each byte: whether it may stand in a row of figures, and of capitals.
static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let ascii = byte as u8;
        let both = ascii.is_ascii_digit() || ascii == b' ';
        classes[byte] = (both || ascii == b'-') as u8 | ((both || ascii.is_ascii_uppercase()) as u8) << 1;
        byte += 1;
    }
    classes
};

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(name: &str, text: &str) -> Vec<&'static str> {
        let glance = Glance::of(name.as_bytes(), text.as_bytes());
        glance.detectors(false).map(|number| DETECTORS[number].what).collect()
    }

    #[test]
    fn what_most_fields_hold_is_asked_for_nothing() {
        for text in ["C:\\Windows\\System32\\cmd.exe", "T17:33:15.123Z", "eu-west-2", "S-1-5-18", "0x3e7"] {
            assert_eq!(asked("Image", text), [""; 0], "{text}");
        }
    }

    #[test]
    fn rows_texts_and_names_ask_for_their_detectors() {
        assert_eq!(asked("", "jane@x.example"), ["e-mail address"]);
        assert_eq!(asked("", "GB82WEST12345698765432"), ["payment card number", "IBAN", "National Insurance number"]);
        assert_eq!(asked("patientNHSNumber", "x"), [""; 0]);
        assert!(asked("patientNHSNumber", "943 476 5919").contains(&"NHS number"));
        assert_eq!(asked("", "é").len(), DETECTORS.len());
    }
}
