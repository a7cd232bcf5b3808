//! Words for people that more than one stage writes.

/// A number with what is counted, in the singular where it is one.
pub fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// Which way a figure for people is rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Round {
    /// At least so much: never more than there is.
    Down,
    /// A figure that is known: half a digit counts as one.
    Nearest,
    /// At most so much: never less than there is.
    Up,
}

/// Decimal units of bytes, the largest first.
const UNITS: [(u64, &str); 4] = [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
/// Digits behind the point: as few as do, which is where a figure is off by no more than one part in so many.
const DIGITS: [u32; 3] = [1, 2, 3];
const OFF_SHARE: u128 = 200;

/// So many bytes in the unit that fits.
pub fn size(bytes: u64, round: Round) -> String {
    let Some((unit, name)) = UNITS.iter().find(|(unit, _)| bytes >= *unit) else { return format!("{bytes} bytes") };
    let (exact, unit) = (u128::from(bytes), u128::from(*unit));
    let rounded = |digits: u32| {
        let step = unit / 10u128.pow(digits);
        let steps = match round {
            Round::Down => exact / step,
            Round::Nearest => (exact + step / 2) / step,
            Round::Up => exact.div_ceil(step),
        };
        (steps, steps * step)
    };
    let is_near = |digits: &u32| rounded(*digits).1.abs_diff(exact) * OFF_SHARE <= exact;
    let digits = DIGITS.into_iter().find(is_near).unwrap_or(DIGITS[DIGITS.len() - 1]);
    let (steps, parts) = (rounded(digits).0, 10u128.pow(digits));
    format!("{}.{:0width$} {name}", steps / parts, steps % parts, width = digits as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_rounded_to_the_side_that_they_are_a_bound_of_and_no_further_than_they_must_be() {
        let of = |bytes| [Round::Down, Round::Nearest, Round::Up].map(|round| size(bytes, round));
        assert_eq!(of(3_000_000_210), ["3.0 GB", "3.0 GB", "3.01 GB"]);
        assert_eq!(of(1_999), ["1.99 kB", "2.0 kB", "2.0 kB"]);
        assert_eq!(of(2_001), ["2.0 kB", "2.0 kB", "2.01 kB"]);
        assert_eq!(of(41_260_000_000), ["41.2 GB", "41.3 GB", "41.3 GB"]);
        assert_eq!(of(999_999), ["999.9 kB", "1000.0 kB", "1000.0 kB"]);
        assert_eq!(of(1_000), ["1.0 kB"; 3]);
        assert_eq!(size(u64::MAX, Round::Down), "18446744.0 TB");
        assert_eq!(size(999, Round::Up), "999 bytes");
    }

    #[test]
    fn no_bound_says_more_than_there_is() {
        for bytes in (1_000..3_000_000u64).step_by(997).chain([u64::MAX, 1_000_499, 9_999_999_999]) {
            let read = |round| {
                let text = size(bytes, round);
                let (figure, unit) = text.split_once(' ').unwrap();
                let unit = UNITS.iter().find(|(_, name)| *name == unit).unwrap().0;
                let (whole, part) = figure.split_once('.').unwrap();
                let parts = u128::from(unit) / 10u128.pow(part.len() as u32);
                whole.parse::<u128>().unwrap() * u128::from(unit) + part.parse::<u128>().unwrap() * parts
            };
            let bytes = u128::from(bytes);
            assert!(read(Round::Down) <= bytes && bytes <= read(Round::Up), "{bytes}");
            assert!(read(Round::Nearest).abs_diff(bytes) * OFF_SHARE <= bytes, "{bytes}");
        }
    }
}
