//! Which runs of three bytes a value holds, so that most texts that it does not hold need not be looked for.

/// Bits of one table, as a power of two.
const BITS: u32 = 15;
/// Shorter values are searched as fast.
const SHORTEST: usize = 48;
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

/// What is known of a long value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'t> {
    /// The value with ASCII letters in lower case.
    pub lowered: &'t [u8],
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

/// The long values of one record in which texts are looked for.
#[derive(Debug, Default)]
pub(super) struct Tables {
    turn: u32,
    /// By field: the turn in which it was asked for last, how often in that, and its table.
    asked: Vec<(u32, u8, Option<u8>)>,
    tables: Vec<Table>,
    used: usize,
}

impl Tables {
    /// What is known of a field's value in the record of this turn; `None` where it is not worth while.
    pub fn of(&mut self, turn: u32, field: u32, value: &[u8]) -> Option<Known<'_>> {
        if !(SHORTEST..=LONGEST).contains(&value.len()) {
            return None;
        }
        if self.turn != turn {
            (self.turn, self.used) = (turn, 0);
        }
        let field = field as usize;
        if self.asked.len() <= field {
            self.asked.resize(field + 1, (0, 0, None));
        }
        if self.asked[field].0 != turn {
            self.asked[field] = (turn, 0, self.begin(value));
        }
        let (_, times, table) = &mut self.asked[field];
        let table = self.tables.get_mut(usize::from((*table)?))?;
        if *times < OFTEN {
            *times += 1;
        } else if !table.is_filled {
            table.grams.fill(value);
            table.is_filled = true;
        }
        let Table { lowered, grams, is_filled } = table;
        Some(Known { lowered, grams: is_filled.then_some(grams) })
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
        assert!(!grams.may_hold(b"qqq") && !grams.may_hold(b"invoke-") && grams.may_hold(b"qq"));
    }

    #[test]
    fn tables_are_of_one_turn_and_made_for_values_that_are_asked_often() {
        let (mut tables, value) = (Tables::default(), [b'v'; SHORTEST]);
        let mut asked = |turn, field, value: &[u8]| {
            let held = (0..=OFTEN)
                .map(|_| tables.of(turn, field, value).and_then(|known| Some(known.grams?.may_hold(b"vvv"))));
            held.collect::<Vec<_>>()
        };
        let often = |held| [vec![None; OFTEN.into()], vec![held]].concat();
        assert_eq!(asked(1, 3, &value), often(Some(true)));
        assert_eq!(asked(2, 3, &[b'w'; SHORTEST]), often(Some(false)));
        assert_eq!(asked(2, 0, &value[1..]), often(None));
        assert_eq!(tables.of(4, 0, &[b'V'; SHORTEST]).map(|known| known.lowered), Some(&value[..]));
        let mut asked = |turn, field, value: &[u8]| {
            let held = (0..=OFTEN)
                .map(|_| tables.of(turn, field, value).and_then(|known| Some(known.grams?.may_hold(b"vvv"))));
            held.collect::<Vec<_>>()
        };
        assert!((0..MOST as u32 + 8).filter(|field| asked(3, *field, &value) == often(Some(true))).count() == MOST);
    }
}
