//! J-92: what a host sent beside what its peers did, so that one of which there is no history is judged too.
//!
//! Peers are hosts of one scope that the inventory gives one role, or, where it gives none, of one network of 256 addresses. What
//! they sent on their busiest days is held against each other by median and median deviation, which one host that sends much
//! does not move. What sanctioned entries explain is left out of both: who is allowed to send much says nothing of what is usual.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::model::rule::Route;
use crate::model::scopes::Host;
use crate::model::time::Instant;
use crate::model::transfer::{Together, Transfer};
use crate::model::whose::{Whose, address, same_host};
use crate::model::words::{Round, size};

use super::intrusion::{BASELINE_DAYS, DAY_SECS};
use super::{Bench, joined, movement};

/// Of fewer others it is not known what is usual.
const PEERS: usize = 5;
/// So many deviations above the median are more than peers do.
const APART: u64 = 6;
/// Smaller deviations are none.
const LEAST_SPREAD: u64 = 1 << 20;

/// What hosts sent.
#[derive(Default)]
pub(super) struct Peers<'a> {
    hosts: BTreeMap<&'a str, Sent>,
    /// The hosts of each group.
    groups: BTreeMap<String, Vec<&'a str>>,
    inventory: Inventory<'a>,
}

/// The hosts of the inventory by the first label of their names, each with its name in lower case, in the order of the file.
#[derive(Default)]
struct Inventory<'a>(BTreeMap<String, Vec<(String, &'a Host)>>);

/// What one host sent.
#[derive(Default)]
struct Sent {
    together: Together,
    first: Option<Instant>,
}

impl<'a> Peers<'a> {
    fn of(bench: &Bench<'a>) -> Self {
        let mut all = Self { inventory: Inventory::of(bench.whose), ..Self::default() };
        let is_explained = |t: &Transfer| t.sanctioned.is_some() && !movement::guilty(bench, t);
        for t in bench.transfers.iter().copied().filter(|t| is_sent(t) && !is_explained(t)) {
            let sent = all.hosts.entry(joined::holder(bench.whose, t)).or_default();
            sent.together.add(t);
            sent.first = [sent.first, t.time.map(|time| time.first)].into_iter().flatten().min();
        }
        for host in all.hosts.keys() {
            all.groups.entry(all.inventory.group(host)).or_default().push(host);
        }
        all
    }

    /// What a host sent on its busiest day, beside what its peers did; `None` where they are too few.
    fn beside(&self, host: &str) -> Option<Beside> {
        let sent = self.hosts.get(host)?.together.busiest_day();
        let group = self.inventory.group(host);
        let others = self.groups.get(&group)?.iter().filter(|other| **other != host);
        let mut days: Vec<u64> = others.map(|other| self.hosts[other].together.busiest_day()).collect();
        let usual = median(&mut days)?;
        let mut apart: Vec<u64> = days.iter().map(|day| day.abs_diff(usual)).collect();
        let spread = median(&mut apart)?.saturating_mul(3) / 2;
        let spread = spread.max(usual / 10).max(LEAST_SPREAD);
        let range = (days.first().copied()?, days.last().copied()?);
        (days.len() >= PEERS && !group.is_empty()).then_some(Beside {
            group,
            peers: days.len(),
            sent,
            usual,
            spread,
            range,
        })
    }
}

/// Whether a host sent it by itself, and not in answer.
fn is_sent(t: &Transfer) -> bool {
    !matches!(t.route, Route::WebResponse | Route::SaasDownload | Route::RemoteAccess | Route::DnsTunnel)
}

impl<'a> Inventory<'a> {
    fn of(whose: &'a Whose) -> Self {
        let mut all = Self::default();
        for host in &whose.scopes.host {
            let name = host.name.to_ascii_lowercase();
            all.0.entry(label(&name).to_owned()).or_default().push((name, host));
        }
        all
    }

    /// Those with whom a host is compared; empty where nothing tells.
    fn group(&self, host: &str) -> String {
        let of_label = self.0.get(label(host)).into_iter().flatten();
        let listed = of_label.filter(|(name, _)| same_host(name, host)).map(|(_, listed)| *listed).next();
        if let Some(role) = listed.and_then(|known| known.role.as_deref()) {
            return format!("role {role}");
        }
        let listed = listed.and_then(|known| known.ip.first());
        match address(host).or_else(|| address(listed?)) {
            Some(IpAddr::V4(ip)) => {
                let [a, b, c, _] = ip.octets();
                format!("{a}.{b}.{c}.0/24")
            }
            Some(IpAddr::V6(ip)) => {
                let [a, b, c, d, ..] = ip.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
            }
            None => String::new(),
        }
    }
}

/// The first label of a name: those of one host have it in common.
fn label(name: &str) -> &str {
    name.split_once('.').map_or(name, |(label, _)| label)
}

/// The one in the middle; sorts them.
fn median(of: &mut [u64]) -> Option<u64> {
    of.sort_unstable();
    of.get(of.len() / 2).copied()
}

/// A host beside its peers.
struct Beside {
    group: String,
    peers: usize,
    sent: u64,
    usual: u64,
    spread: u64,
    /// What the one sent that sent least, and the one that sent most.
    range: (u64, u64),
}

impl Beside {
    fn is_apart(&self) -> bool {
        self.sent > self.usual.saturating_add(self.spread.saturating_mul(APART))
    }

    fn told(&self, host: &str, history: &str) -> String {
        let (sent, peers) = (size(self.sent, Round::Down), format!("{} peers ({})", self.peers, self.group));
        let theirs = match (size(self.range.0, Round::Nearest), size(self.range.1, Round::Nearest)) {
            (least, most) if least == most => format!("{most} each on theirs"),
            (least, most) => format!("between {least} and {most} each on theirs"),
        };
        match self.is_apart() {
            true => format!("{host} sent {sent} on its busiest day, and its {peers} sent {theirs}; {history}"),
            false => format!(
                "{host} sent {sent} on its busiest day, which is not unusual: its {peers} sent {theirs}; {history}"
            ),
        }
    }
}

/// J-92: holds what is unexplained of a host against what its peers send.
pub(super) fn compare(bench: &mut Bench<'_>, transfers: &[&Transfer]) {
    let hosts: BTreeSet<&str> = transfers.iter().map(|t| joined::holder(bench.whose, t)).collect();
    let Some(host) = hosts.first().filter(|_| hosts.len() == 1 && transfers.iter().any(|t| is_sent(t))) else { return };
    if bench.peers.is_none() {
        bench.peers = Some(Peers::of(bench));
    }
    let Some(peers) = &bench.peers else { return };
    let Some(beside) = peers.beside(host) else { return };
    let began = transfers.iter().filter_map(|t| t.time).map(|time| time.first).min();
    let text = beside.told(host, &history(peers.hosts.get(*host).and_then(|sent| sent.first), began));
    let ids = transfers.iter().map(|t| t.id.to_string()).collect();
    match beside.is_apart() {
        true => bench.reason("J-92", text, ids),
        false => bench.against("J-92", text, ids),
    }
}

/// How long the logs tell of a host before something that it sent.
fn history(first: Option<Instant>, began: Option<Instant>) -> String {
    let days = first.zip(began).map(|(first, began)| (began.micros() - first.micros()) / 1_000_000 / DAY_SECS);
    match days {
        Some(days) if days >= BASELINE_DAYS => format!("it has a history of {days} days"),
        _ => "it has no history of its own".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_are_of_one_role_or_one_network() {
        let text = "[[host]]\nname='a'\nip=['10.2.0.5']\nrole='file server'\n[[host]]\nname='b'\nip=['10.2.0.6']\n";
        let whose = Whose { scopes: toml::from_str(text).unwrap(), ..Whose::default() };
        let inventory = Inventory::of(&whose);
        let of = |host| inventory.group(host);
        assert_eq!(
            [of("a"), of("a.hc.example"), of("b"), of("10.2.0.99"), of("2001:db8:1:2::3"), of("pc07")],
            ["role file server", "role file server", "10.2.0.0/24", "10.2.0.0/24", "2001:db8:1:2::/64", ""]
        );
    }
}
