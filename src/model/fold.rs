//! Letters without their case, one for one, so that feeds and logs fold alike.

/// The lower case of a letter where that is one letter and as much ASCII as it was; any other character as it is.
pub fn folded(c: char) -> char {
    match single(c.to_lowercase()) {
        Some(lower) if lower.is_ascii() == c.is_ascii() => lower,
        _ => c,
    }
}

/// A text with each of its letters [`folded`].
pub fn fold(text: &str) -> String {
    if text.is_ascii() { text.to_ascii_lowercase() } else { text.chars().map(folded).collect() }
}

/// The other case of a folded letter outside ASCII; nothing where there is none that folds to it.
fn raised(c: char) -> Option<char> {
    let upper = single(c.to_uppercase()).filter(|upper| *upper != c && !c.is_ascii())?;
    (folded(upper) == c).then_some(upper)
}

fn single(mut letters: impl Iterator<Item = char>) -> Option<char> {
    letters.next().filter(|_| letters.next().is_none())
}

/// Letters of which every choice of cases is spelled out; with more of them all are lower, all upper, or the first of
/// each word upper.
const CHOICES: usize = 4;

/// The ways to write a folded text whose letters outside ASCII have two cases; those of ASCII stay as they are.
pub fn spellings(text: &str) -> Vec<String> {
    let at: Vec<usize> = text.char_indices().filter(|(_, c)| raised(*c).is_some()).map(|(at, _)| at).collect();
    let written = |is_upper: &dyn Fn(usize) -> bool| -> String {
        let case = |(at, c): (usize, char)| if is_upper(at) { raised(c).unwrap_or(c) } else { c };
        text.char_indices().map(case).collect()
    };
    if at.len() <= CHOICES {
        let bit = |place: usize| at.iter().position(|other| *other == place);
        return (0u32..1 << at.len())
            .map(|set| written(&|place| bit(place).is_some_and(|n| set >> n & 1 == 1)))
            .collect();
    }
    let begins = |place: usize| text[..place].chars().next_back().is_none_or(|before| !before.is_alphanumeric());
    let mut made = vec![written(&|_| false), written(&|_| true), written(&begins)];
    made.dedup();
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_fold_one_for_one() {
        for (text, expected) in [
            ("\u{dc}BEL.exe", "\u{fc}bel.exe"),
            ("STRA\u{df}E", "stra\u{df}e"),
            ("\u{130}\u{212a}", "\u{130}\u{212a}"),
            ("\u{65e5}\u{672c}.DOCX", "\u{65e5}\u{672c}.docx"),
        ] {
            assert_eq!(fold(text), expected);
        }
    }

    #[test]
    fn every_case_is_spelled() {
        assert_eq!(spellings("plain"), ["plain"]);
        assert_eq!(spellings("k\u{fc}rbis \u{f6}l").len(), 4);
        assert!(spellings("k\u{fc}rbis \u{f6}l").contains(&"k\u{fc}rbis \u{d6}l".to_owned()));
        let long = "\u{434}\u{430}\u{43d}\u{43d}\u{44b}\u{435} \u{443}";
        let upper: String = long.to_uppercase();
        assert!(spellings(long).contains(&upper) && spellings(long).len() == 3);
        assert!(spellings(long).contains(&"\u{414}\u{430}\u{43d}\u{43d}\u{44b}\u{435} \u{423}".to_owned()));
    }
}
