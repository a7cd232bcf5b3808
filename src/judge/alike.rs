//! What is given to everybody alike: pages of a web server, and what a store gives without asking for an account.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::rule::Route;
use crate::model::transfer::Transfer;

/// Of fewer others who were served as much it is no use of everybody.
const ALIKE: usize = 5;

/// What each visitor was served of a web server's pages, or of a store's objects, without an account.
#[derive(Default)]
pub(super) struct Alike<'a>(BTreeMap<(&'a str, Route), Vec<&'a Transfer>>);

impl<'a> Alike<'a> {
    /// Of the visitors of those that served one of these addresses.
    pub(super) fn of(transfers: &[&'a Transfer], is_met: impl Fn(&Transfer) -> bool) -> Self {
        let open = transfers.iter().filter(|t| is_open(t));
        let servers: BTreeSet<(&str, Route)> =
            open.clone().filter(|t| is_met(t)).map(|t| (&*t.from, t.route)).collect();
        let mut all: BTreeMap<(&str, Route), Vec<&Transfer>> = BTreeMap::new();
        for t in open.filter(|t| servers.contains(&(&*t.from, t.route)) && !is_met(t)) {
            all.entry((&t.from, t.route)).or_default().push(t);
        }
        Self(all)
    }

    /// In words, that others were served as much: five or more, and half of them, with the same kinds of data where it shows any.
    /// What most visitors get is no sign.
    pub(super) fn told(&self, t: &Transfer) -> Option<String> {
        let others = self.0.get(&(&*t.from, t.route)).filter(|_| is_open(t))?;
        let is_as_much = |other: &&&Transfer| other.bytes.lower >= t.bytes.lower && shows(other, t);
        let as_much = others.iter().filter(is_as_much).count();
        let is_usual = as_much >= ALIKE && as_much.saturating_mul(2) >= others.len();
        is_usual.then(|| format!("{as_much} of {} others were served as much by {}", others.len(), t.from))
    }
}

/// Whether one transfer shows all kinds of data that another shows.
fn shows(one: &Transfer, other: &Transfer) -> bool {
    other.data.iter().all(|(sign, _)| one.data.iter().any(|(own, _)| own == sign))
}

/// Whether anybody may be served so: pages, and what a store gives, without an account being asked for.
fn is_open(t: &Transfer) -> bool {
    matches!(t.route, Route::WebResponse | Route::SaasDownload) && t.accounts.is_empty()
}
