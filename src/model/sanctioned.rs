//! Which sanctioned entry explains what a finding tells, where no log counts what moved as a transfer: files on a stick.

use super::finding::Finding;
use super::rule::Route;
use super::whose::{Sanction, Side, Whose, hits, leads, same_account};

/// What a sanctioned entry calls removable storage where it names it as a destination.
const STICK: &str = "usb";

impl Whose {
    /// The entry of which all keys match a finding: its accounts, hosts and time, and as its destination the outside addresses and names
    /// that it names, or `usb`. Findings carry neither bytes nor the tool, so that an entry with these explains none.
    pub fn sanction_of(&self, f: &Finding) -> Option<&Sanction> {
        let is_stick = f.route == Some(Route::Usb);
        let named = f.entities.sources.iter().chain(&f.entities.destinations).map(String::as_str);
        let outside = named.filter(|text| self.side(text) == Side::Outside);
        let to: Vec<&str> = outside.chain(is_stick.then_some(STICK)).collect();
        let is_of = |entry: &&Sanction| {
            let (accounts, hosts) = (&f.entities.accounts, &f.entities.hosts);
            let by_account = |own: &String| entry.account.iter().any(|listed| same_account(own, listed));
            let by_host = |own: &String| self.names_of(own).iter().any(|name| hits(&entry.host, name));
            let is_whole = entry.max_bytes.is_none() && entry.tool.is_empty();
            let in_time = (entry.from.is_none() && entry.to.is_none())
                || f.time.first.zip(f.time.last).is_some_and(|(first, last)| {
                    entry.from.is_none_or(|from| from <= first) && entry.to.is_none_or(|to| last <= to)
                });
            let leads_there = !to.is_empty() && to.iter().all(|to| leads(&entry.destination, to));
            is_whole
                && in_time
                && leads_there
                && (entry.account.is_empty() || !accounts.is_empty() && accounts.iter().all(by_account))
                && (entry.host.is_empty() || !hosts.is_empty() && hosts.iter().all(by_host))
        };
        self.sanctions.iter().find(is_of)
    }
}
