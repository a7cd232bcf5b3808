//! The field names of all rules, numbered, and what a rule's text is read with.

use std::collections::BTreeMap;

use super::Placeholders;

/// Field names in the order in which rules first use them; the index is a name's number.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub list: Vec<Box<str>>,
    numbers: BTreeMap<Box<str>, u32>,
}

impl Names {
    /// The number of a name.
    pub fn number(&mut self, name: &str) -> u32 {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        let number = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
        self.list.push(name.into());
        self.numbers.insert(name.into(), number);
        number
    }
}

/// What the reading of one rule needs beside its text.
pub(super) struct Context<'a> {
    pub names: &'a mut Names,
    pub placeholders: &'a Placeholders,
}
