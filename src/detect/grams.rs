//! Which runs of two and three bytes a value holds, so that most texts that it does not hold need not be looked for.

/// Bits of one table, as a power of two.
const BITS: u32 = 15;
/// Shorter values are searched as they are.
const SHORTEST: usize = 48;
/// Of shorter values the runs of two bytes deny as much as a table does.
const SPREAD: usize = 192;
/// Longer ones are searched as they are.
const LONGEST: usize = 1 << 20;
/// How many texts are looked for in a value before its table is made.
const OFTEN: u8 = 4;
/// Most tables of one record.
const MOST: usize = 32;

/// A bit for each hash of three bytes of a value, ASCII letters in lower case.
#[derive(Debug)]
pub(super) struct Grams(Box<[u64; (1 << BITS) / 64]>);

impl Grams {
    fn empty() -> Self {
        Self(Box::new([0; (1 << BITS) / 64]))
    }

    fn fill(&mut self, value: &[u8]) {
        self.0.fill(0);
        each_hash(value, |hash| {
            self.0[hash / 64] |= 1 << (hash % 64);
            true
        });
    }

    /// Whether the value may hold this text, case ignored; false is certain.
    pub fn may_hold(&self, text: &[u8]) -> bool {
        each_hash(text, |hash| self.0[hash / 64] >> (hash % 64) & 1 == 1)
    }
}

/// Hands on the hash of every three bytes, as long as these are taken; false where one is not.
fn each_hash(text: &[u8], mut take: impl FnMut(usize) -> bool) -> bool {
    text.windows(3).all(|run| {
        let run = [run[0], run[1], run[2]].map(|byte| byte.to_ascii_lowercase());
        let number = u32::from_le_bytes([run[0], run[1], run[2], 0]);
        take((number.wrapping_mul(0x9E37_79B1) >> (u32::BITS - BITS)) as usize)
    })
}

/// The bit of [`Pairs`] that says whether a byte is not ASCII, beside what runs have it.
const WIDE: usize = 255;

/// Which runs of two bytes a text has, by a bit for each hash, and whether it is ASCII; ASCII letters in lower case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Pairs([u64; 4]);

impl Pairs {
    /// Those of a text.
    pub fn of(text: &[u8]) -> Self {
        let mut bits = [0; 4];
        for run in text.windows(2) {
            let [a, b] = [run[0], run[1]].map(|byte| u32::from(byte.to_ascii_lowercase()));
            let hash = ((a << 8 | b).wrapping_mul(0x9E37_79B1) >> 24) as usize;
            bits[hash / 64] |= 1 << (hash % 64);
        }
        if !text.is_ascii() {
            bits[WIDE / 64] |= 1 << (WIDE % 64);
        }
        Self(bits)
    }

    /// Those of any text with a byte that is not ASCII.
    pub fn wide() -> Self {
        let mut bits = [0; 4];
        bits[WIDE / 64] |= 1 << (WIDE % 64);
        Self(bits)
    }

    /// These and those.
    pub fn and(self, those: Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at] | those.0[at]))
    }

    /// Whether a text with these runs may hold one with those; false is certain.
    #[inline]
    pub fn may_hold(self, those: Self) -> bool {
        self.0.iter().zip(those.0).all(|(has, needed)| needed & !has == 0)
    }
}

/// What is known of a value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'t> {
    /// Its runs of two bytes.
    pub pairs: Pairs,
    /// A long value with ASCII letters in lower case.
    pub lowered: Option<&'t [u8]>,
    /// Its table, once texts are looked for in it often.
    pub grams: Option<&'t Grams>,
}

/// One value.
#[derive(Debug)]
struct Table {
    lowered: Vec<u8>,
    /// Filled once it is asked for often.
    grams: Grams,
    is_filled: bool,
}

/// The values of one record in which texts are looked for.
#[derive(Debug, Default)]
pub(super) struct Tables {
    turn: u32,
    /// By field.
    asked: Vec<Asked>,
    tables: Vec<Table>,
    used: usize,
}

/// A value in which texts are looked for.
#[derive(Debug, Clone, Copy, Default)]
struct Asked {
    /// The turn in which it was asked for last.
    turn: u32,
    /// How often in that.
    times: u8,
    pairs: Pairs,
    table: Option<u8>,
}

impl Tables {
    /// What is known of a field's value in the record of this turn; `None` where the value is too long for that.
    pub fn of(&mut self, turn: u32, field: u32, value: &[u8]) -> Option<Known<'_>> {
        if value.len() > LONGEST {
            return None;
        }
        if self.turn != turn {
            (self.turn, self.used) = (turn, 0);
        }
        let field = field as usize;
        if self.asked.len() <= field {
            self.asked.resize(field + 1, Asked::default());
        }
        if self.asked[field].turn != turn {
            let table = if value.len() < SHORTEST { None } else { self.begin(value) };
            self.asked[field] = Asked { turn, times: 0, pairs: Pairs::of(value), table };
        }
        let Asked { times, pairs, table, .. } = &mut self.asked[field];
        let pairs = *pairs;
        let Some(table) = table.and_then(|table| self.tables.get_mut(usize::from(table))) else {
            return Some(Known { pairs, lowered: None, grams: None });
        };
        if *times < OFTEN {
            *times += 1;
        } else if !table.is_filled && value.len() >= SPREAD {
            table.grams.fill(value);
            table.is_filled = true;
        }
        let Table { lowered, grams, is_filled } = table;
        Some(Known { pairs, lowered: Some(lowered), grams: is_filled.then_some(grams) })
    }

    /// Begins a table; gives its number, if there is room for one more.
    fn begin(&mut self, value: &[u8]) -> Option<u8> {
        let number = u8::try_from(self.used).ok().filter(|_| self.used < MOST)?;
        if self.tables.len() == self.used {
            self.tables.push(Table { lowered: Vec::new(), grams: Grams::empty(), is_filled: false });
        }
        let table = &mut self.tables[self.used];
        table.is_filled = false;
        table.lowered.clear();
        table.lowered.extend_from_slice(value);
        table.lowered.make_ascii_lowercase();
        self.used += 1;
        Some(number)
    }

    /// Forgets which turns there were.
    pub fn forget(&mut self) {
        (self.turn, self.used) = (0, 0);
        self.asked.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_value_holds_is_never_denied_and_most_of_the_rest_is() {
        let value: Vec<u8> = (0..900u32).map(|n| b"aBc-d\xe2\x80\x93e \\Xyz"[(n * n % 15) as usize]).collect();
        let mut grams = Grams::empty();
        grams.fill(&[b'q'; 99]);
        grams.fill(&value);
        for start in 0..value.len() {
            for end in start..value.len().min(start + 9) {
                let text = &value[start..end];
                assert!(grams.may_hold(text) && grams.may_hold(&text.to_ascii_uppercase()), "{text:?}");
            }
        }
        let pairs = Pairs::of(&value);
        assert!((0..value.len()).all(|at| pairs.may_hold(Pairs::of(&value[at..].to_ascii_uppercase()))));
        assert!(!pairs.may_hold(Pairs::of(b"powershell")) && pairs.may_hold(Pairs::of(b"q")));
        assert!(!grams.may_hold(b"qqq") && !grams.may_hold(b"invoke-") && grams.may_hold(b"qq"));
    }

    #[test]
    fn tables_are_of_one_turn_and_made_for_values_that_are_asked_often() {
        let (mut tables, value) = (Tables::default(), [b'v'; SPREAD]);
        let mut asked = |turn, field, value: &[u8]| {
            let held = (0..=OFTEN)
                .map(|_| tables.of(turn, field, value).and_then(|known| Some(known.grams?.may_hold(b"vvv"))));
            held.collect::<Vec<_>>()
        };
        let often = |held| [vec![None; OFTEN.into()], vec![held]].concat();
        assert_eq!(asked(1, 3, &value), often(Some(true)));
        assert_eq!(asked(2, 3, &[b'w'; SPREAD]), often(Some(false)));
        assert_eq!(asked(2, 0, &value[1..]), often(None));
        assert!((0..MOST as u32 + 8).filter(|field| asked(3, *field, &value) == often(Some(true))).count() == MOST);
        assert_eq!(tables.of(4, 0, &[b'V'; SPREAD]).and_then(|known| known.lowered), Some(&value[..]));
    }
}
