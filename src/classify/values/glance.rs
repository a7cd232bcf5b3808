//! A glance at a text: which detectors may find anything in it.
//!
//! PERF: patterns of all detectors over all fields of a record cost tens of microseconds, and nearly no field holds a value.
//! One pass tells most of them off: by rows of figures or capitals, and by texts and telling names.

use std::sync::LazyLock;

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

/// How many different three bytes are told apart.
const ENDS: usize = 1 << 15;
/// No detector looks at shorter rows of figures, or of capitals.
const SHORTEST: [usize; 2] = [6, 15];

/// Nothing at all.
pub(super) const NOTHING: Needs = Needs { figures: 0, alone: usize::MAX, capitals: 0, texts: &[], told: &[] };

/// Texts and names that are looked for in one pass; a bit of a `u64` is for each.
struct Marks {
    /// A bit for each three bytes, five bits of each, with which a mark ends.
    ends: Box<[u64; ENDS / 64]>,
    /// Those of two bytes and more: how much of the end counts, that end, and which one it is. Sorted by the first two.
    by_end: Vec<(usize, usize, u32)>,
    list: Vec<&'static str>,
    /// By byte: the bit of the mark that is this byte alone.
    alone: [u64; 256],
    /// By detector: the marks of which one is needed; 0 where none is.
    needed: Vec<u64>,
}

/// What counts of the end of a mark: of two bytes, and of three.
const SHORT: usize = (1 << 10) - 1;
const LONG: usize = ENDS - 1;

static MARKS: LazyLock<Marks> = LazyLock::new(|| {
    let mut list: Vec<&str> = DETECTORS.iter().flat_map(|detector| marks(&detector.needs)).collect();
    list.sort_unstable();
    list.dedup();
    assert!(list.len() <= 64, "there is a bit for each");
    let bit = |mark: &str| list.binary_search(&mark).map_or(u64::MAX, |at| 1 << at);
    let needed = |needs: &Needs| marks(needs).map(bit).fold(0, |all, bit| all | bit);
    let needed = DETECTORS.iter().map(|detector| needed(&detector.needs)).collect();
    let (mut ends, mut alone, mut by_end) = (Box::new([0; ENDS / 64]), [0; 256], Vec::new());
    let mut keep = |end: usize| ends[end / 64] |= 1 << (end % 64);
    for (number, mark) in (0u32..).zip(&list) {
        let end = mark.bytes().fold(0, follow);
        match mark.as_bytes() {
            [only] => {
                assert!(!only.is_ascii_alphabetic(), "a letter has two cases");
                alone[usize::from(*only)] = 1 << number;
                continue;
            }
            // Whatever stands before them.
            [_, _] => (0..ENDS).step_by(SHORT + 1).map(|before| before | end).for_each(&mut keep),
            _ => keep(end),
        }
        by_end.push((if mark.len() > 2 { LONG } else { SHORT }, end, number));
    }
    by_end.sort_unstable();
    Marks { ends, by_end, list, alone, needed }
});

/// The three bytes that end with this one, of each of which five bits count: letters of either case are one.
#[inline]
fn follow(end: usize, byte: u8) -> usize {
    (end << 5 | usize::from(byte & 31)) % ENDS
}

impl Marks {
    /// Those that a text holds.
    ///
    /// PERF: nearly no three bytes end a mark, and of those that do the mark is compared.
    fn of(&self, text: &[u8]) -> u64 {
        let (mut end, mut marks) = (0, 0);
        for (at, &byte) in text.iter().enumerate() {
            end = follow(end, byte);
            marks |= self.alone[usize::from(byte)];
            if self.ends[end / 64] >> (end % 64) & 1 == 1 {
                marks |= self.ending(&text[..=at], end);
            }
        }
        marks
    }

    /// Those with which a text ends, of more than one byte; its last three bytes are given.
    fn ending(&self, text: &[u8], end: usize) -> u64 {
        let of = |counts: usize| {
            let end = end & counts;
            let from = self.by_end.partition_point(|known| (known.0, known.1) < (counts, end));
            self.by_end[from..].iter().take_while(move |known| (known.0, known.1) == (counts, end))
        };
        let ends_so = |mark: &str| {
            let at = text.len().checked_sub(mark.len());
            at.is_some_and(|at| text[at..].eq_ignore_ascii_case(mark.as_bytes()))
        };
        let met = of(SHORT).chain(of(LONG)).filter(|(_, _, number)| ends_so(self.list[*number as usize]));
        met.fold(0, |marks, (_, _, number)| marks | 1 << number)
    }
}

/// How long the longest row of bytes of a class is; 0 where none is as long as it must be.
fn longest(text: &[u8], class: usize) -> usize {
    let (shortest, is) = (SHORTEST[class], |byte: &u8| CLASSES[usize::from(*byte)] >> class & 1 == 1);
    let (mut longest, mut at) = (0, shortest - 1);
    // A row that is long enough has one of these places, wherever it begins.
    while let Some(byte) = text.get(at) {
        if is(byte) {
            let from = text[..at].iter().rposition(|byte| !is(byte)).map_or(0, |before| before + 1);
            let to = text[at..].iter().position(|byte| !is(byte)).map_or(text.len(), |behind| at + behind);
            longest = longest.max(to - from);
            at = to;
        }
        at += shortest;
    }
    if longest < shortest { 0 } else { longest }
}

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
        Self { figures: longest(text, 0), capitals: longest(text, 1), marks: MARKS.of(name) | MARKS.of(text) }
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
    fn rows_and_marks_are_those_of_a_plain_twin() {
        let twin = |text: &[u8], class: usize| {
            let rows = text.split(|byte| CLASSES[usize::from(*byte)] >> class & 1 == 0);
            rows.map(<[u8]>::len).max().filter(|row| *row >= SHORTEST[class]).unwrap_or(0)
        };
        let mut seed = 1u64;
        for length in 0..3_000 {
            let text: Vec<u8> = (0..length % 90)
                .map(|_| {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    b"0123456789-  ABCDx@"[(seed >> 40) as usize % if length % 2 == 0 { 17 } else { 19 }]
                })
                .collect();
            assert_eq!([0, 1].map(|class| longest(&text, class)), [0, 1].map(|class| twin(&text, class)), "{text:?}");
        }
        for mark in DETECTORS.iter().flat_map(|detector| marks(&detector.needs)) {
            for text in [mark.to_owned(), format!("x{mark}"), format!("{}y", mark.to_ascii_uppercase())] {
                let at = MARKS.list.iter().position(|known| *known == mark).unwrap();
                assert_ne!(MARKS.of(text.as_bytes()) & 1 << at, 0, "{text}");
            }
        }
        let twin = |text: &str| {
            let text = text.to_ascii_lowercase();
            (0u32..).zip(&MARKS.list).filter(|(_, mark)| text.contains(&***mark)).fold(0, |all, (at, _)| all | 1 << at)
        };
        for text in ["AwsApiCall", "requestParameters.roleName", "PostCode of the Cardholder's account", "a@b", "Sort"]
        {
            assert_eq!(MARKS.of(text.as_bytes()), twin(text), "{text}");
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
