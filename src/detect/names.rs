//! The field names of all rules, numbered, and what a rule's text is read with.

use std::collections::BTreeMap;

use super::Placeholders;
use super::mapping::{Applied, Mapping};

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
    pub mapping: &'a Mapping,
    /// What the mapping does to this rule.
    pub applied: Applied<'a>,
    /// The first of its steps that is for what is being read.
    pub from: usize,
}

impl Context<'_> {
    /// The names in place of a field's; none where its item is dropped.
    pub fn fields(&self, name: &str) -> Result<Vec<String>, String> {
        self.applied.names(self.from, name, true)
    }

    /// Numbers of the names in place of a field's that a value refers to.
    pub fn referred(&mut self, name: &str) -> Result<Vec<u32>, String> {
        let names = self.applied.names(self.from, name, false)?;
        Ok(names.iter().map(|name| self.names.number(name)).collect())
    }
}
