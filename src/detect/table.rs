//! The built-in mapping (`mapping.yml`) as tables.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use super::routing::FORMATS;
use super::yaml::{self, Node};

static TEXT: &str = include_str!("mapping.yml");

type Words = Vec<&'static str>;

/// What a format may hold.
#[derive(Default)]
pub(super) struct OfFormat {
    pub products: Words,
    /// `None` for any.
    pub categories: Option<Words>,
    /// Services that all its records are of.
    pub services: Words,
}

/// All of it. Keys are lower case.
#[derive(Default)]
pub(super) struct Table {
    formats: HashMap<&'static str, OfFormat>,
    /// By channel.
    services: BTreeMap<&'static str, Words>,
    /// By channel and number.
    events: BTreeMap<&'static str, BTreeMap<u64, Words>>,
    fields: HashMap<&'static str, Words>,
}

/// The table.
pub(super) fn table() -> &'static Table {
    static TABLE: LazyLock<Table> = LazyLock::new(Table::read);
    &TABLE
}

impl Table {
    fn read() -> Self {
        let (documents, faults) = yaml::documents(TEXT);
        debug_assert!(faults.is_empty(), "{faults:?}");
        let mut table = Self::default();
        let Some(all) = documents.first() else { return table };
        for (format, of) in pairs(all, "formats") {
            let any = of.get("category").and_then(Node::scalar).is_some_and(|word| word == "any");
            let categories = (!any).then(|| of.get("category").map(words).unwrap_or_default());
            let list = |key: &str| of.get(key).map(words).unwrap_or_default();
            let (products, services) = (list("product"), list("service"));
            table.formats.insert(format, OfFormat { products, categories, services });
        }
        table.services = pairs(all, "channels").map(|(channel, services)| (channel, words(services))).collect();
        for (channel, numbers) in pairs(all, "events") {
            let number = |key: &Node| key.scalar().and_then(|text| text.parse().ok());
            let events = numbers.pairs().iter().filter_map(|(key, of)| Some((number(key)?, words(of))));
            table.events.insert(channel, events.collect());
        }
        table.fields = pairs(all, "fields").map(|(field, names)| (field, words(names))).collect();
        table
    }

    /// What records of each declared format may be.
    pub fn declared(&self) -> impl Iterator<Item = &OfFormat> {
        self.formats.iter().filter(|(name, _)| !FORMATS.contains(name)).map(|(_, of)| of)
    }

    /// What records of a format may be.
    pub fn format(&self, format: &str) -> Option<&OfFormat> {
        self.formats.get(format)
    }

    /// Services of a channel.
    pub fn services(&self, channel: &str) -> &[&'static str] {
        self.services.get(channel).map_or(&[], Vec::as_slice)
    }

    /// Categories of an event of a channel.
    pub fn categories(&self, channel: &str, number: u64) -> &[&'static str] {
        self.events.get(channel).and_then(|numbers| numbers.get(&number)).map_or(&[], Vec::as_slice)
    }

    /// Whether some event is of a category.
    pub fn is_of_events(&self, category: &str) -> bool {
        self.events.values().flat_map(BTreeMap::values).flatten().any(|known| *known == category)
    }

    /// Channels that are a service.
    pub fn channels_of_service(&self, service: &str) -> Words {
        self.services.iter().filter(|(_, known)| known.contains(&service)).map(|(channel, _)| *channel).collect()
    }

    /// Channels of which some event is of a category.
    pub fn channels_of_category(&self, category: &str) -> Words {
        let holds = |numbers: &BTreeMap<u64, Words>| numbers.values().any(|known| known.contains(&category));
        self.events.iter().filter(|(_, numbers)| holds(numbers)).map(|(channel, _)| *channel).collect()
    }

    /// Other names of a field.
    pub fn names(&self, field: &str) -> &[&'static str] {
        self.fields.get(field.to_ascii_lowercase().as_str()).map_or(&[], Vec::as_slice)
    }
}

/// The pairs below a key, with the text of the inner key. The texts live as long as the program: this is read once.
fn pairs<'n>(node: &'n Node, key: &str) -> impl Iterator<Item = (&'static str, &'n Node)> {
    let pairs = node.get(key).map(Node::pairs).unwrap_or_default();
    pairs.iter().filter_map(|(key, value)| Some((&*key.scalar()?.leak(), value)))
}

/// The texts of a list, or the only one.
fn words(node: &Node) -> Words {
    node.elements().iter().filter_map(|word| word.scalar().map(|word| &*word.leak())).collect()
}

#[cfg(test)]
mod tests {
    use super::super::routing::DECLARED;
    use super::*;

    /// Every part is read, and every name is one that comparisons can meet.
    #[test]
    fn the_embedded_mapping_is_whole() {
        let (documents, faults) = yaml::documents(TEXT);
        assert!(faults.is_empty() && documents.len() == 1, "{faults:?}");
        let table = table();
        assert!(FORMATS.iter().all(|format| *format == DECLARED || table.format(format).is_some()));
        assert_eq!(table.format("evtx").map(|of| of.categories.is_none()), Some(true));
        let lower = |word: &&str| !word.chars().any(char::is_uppercase);
        assert!(table.services.keys().chain(table.events.keys()).all(lower));
        assert!(table.fields.keys().all(lower) && table.fields.values().all(|names| !names.is_empty()));
        assert_eq!(table.categories("microsoft-windows-sysmon/operational", 13), ["registry_event", "registry_set"]);
        assert_eq!(table.names("c-URI"), ["cs-uri", "url.full", "url.original", "url", "event.url"]);
    }
}
