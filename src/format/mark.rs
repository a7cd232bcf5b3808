//! Words that parsers look for in every record.

/// A word with the byte by which it is found: the one that is least common in logs.
///
/// PERF: a searcher of `memmem` that is made for each record costs more than the search in its two hundred bytes.
pub struct Mark {
    word: &'static [u8],
    /// Index of the byte that is looked for.
    rare: usize,
}

impl Mark {
    /// A word that is found by its byte at `rare`.
    pub const fn new(word: &'static [u8], rare: usize) -> Self {
        assert!(rare < word.len(), "the byte is one of the word");
        Self { word, rare }
    }

    /// Bytes of the word.
    pub const fn len(&self) -> usize {
        self.word.len()
    }

    /// Where the word first stands.
    pub fn find(&self, text: &[u8]) -> Option<usize> {
        let rare = self.word[self.rare];
        let from = self.rare.min(text.len());
        let starts = memchr::memchr_iter(rare, &text[from..]);
        starts.into_iter().find(|&at| text[at..].starts_with(self.word))
    }

    /// Whether the word stands in a text.
    pub fn is_in(&self, text: &[u8]) -> bool {
        self.find(text).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_where_the_library_finds_it() {
        let texts = ["", "a", "(", "audit", "audit(", "audi(audit((", "xxaudit(1)audit(", "(audit", "auditaudit("];
        for text in texts {
            for rare in 0..6 {
                let found = Mark::new(b"audit(", rare).find(text.as_bytes());
                assert_eq!(found, memchr::memmem::find(text.as_bytes(), b"audit("), "{text} {rare}");
            }
        }
    }
}
