//! Hosts that may have put on the wire what others sent: a proxy sends the data of its clients in its own name.

use std::collections::BTreeMap;

use super::cells::APART_HOURS;

/// What of each host the wire shows, of which no log of data tells.
type Hosts = BTreeMap<String, BTreeMap<Option<i64>, u64>>;

/// Bytes on the wire by destination, host and hour. Logs of one host are added up: it may only seem to hold more.
#[derive(Default)]
pub(super) struct Relays<'p>(BTreeMap<&'p str, Hosts>);

impl<'p> Relays<'p> {
    /// Adds what a host put on the wire to a destination in an hour (since the epoch; `None` without a time).
    pub(super) fn add(&mut self, to: &'p str, from: &str, hour: Option<i64>, bytes: u64) {
        let hosts = self.0.entry(to).or_default();
        if !hosts.contains_key(from) {
            hosts.insert(from.to_owned(), BTreeMap::new());
        }
        let Some(hours) = hosts.get_mut(from) else { return };
        let sum = hours.entry(hour).or_default();
        *sum = sum.saturating_add(bytes);
    }

    /// Whether another host put so many bytes on the wire to a destination from an hour on, in the hours that two logs of one
    /// transfer may put its parts apart; of what has no time, at any.
    pub(super) fn may_hold(&self, to: &str, from: &str, hour: Option<i64>, bytes: u64) -> bool {
        let Some(hosts) = self.0.get(to) else { return false };
        let last = hour.map(|hour| hour.saturating_add(APART_HOURS as i64 - 1));
        let sum = |hours: &BTreeMap<Option<i64>, u64>| match hour {
            None => hours.values().fold(0, |sum: u64, bytes| sum.saturating_add(*bytes)),
            Some(_) => hours.range(hour..=last).fold(0, |sum: u64, (_, bytes)| sum.saturating_add(*bytes)),
        };
        hosts.iter().any(|(host, hours)| *host != from && sum(hours) >= bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_host_holds_what_it_sent_there_in_those_hours() {
        let mut relays = Relays::default();
        relays.add("x", "proxy", Some(5), 20);
        relays.add("x", "proxy", Some(6), 10);
        relays.add("x", "own", Some(5), 99);
        let may = |to, from, hour, bytes| relays.may_hold(to, from, hour, bytes);
        assert!(may("x", "own", Some(5), 30) && may("x", "own", Some(4), 30) && may("x", "own", None, 30));
        assert!(!may("x", "own", Some(5), 31), "not so much");
        assert!(!may("x", "own", Some(6), 30) && !may("x", "own", Some(2), 1), "at another time");
        assert!(!may("x", "proxy", Some(6), 1) && !may("y", "own", Some(5), 1), "the host itself, another destination");
    }
}
