//! Whose systems and data: the scopes file, compiled for matching. Built by `scope`, read after the merge.

use std::borrow::Cow;
use std::net::IpAddr;

use globset::GlobMatcher;
use ipnet::IpNet;

use super::assigned::Joined;
use super::promise::Promise;
use super::scopes::Scopes;
use super::subject::Subject;
use super::time::{Instant, Span};
use super::transfer::Transfer;

/// Name of what fits no scope.
pub const UNATTRIBUTED: &str = "unattributed";

/// One scope, compiled.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// Name in output.
    pub name: String,
    /// A service that several scopes use.
    pub shared: bool,
    /// Scopes for which this one acts.
    pub processor_of: Vec<String>,
    /// Networks.
    pub nets: Vec<IpNet>,
    /// Globs over host names, lower case.
    pub hosts: Vec<GlobMatcher>,
    /// Account domains, lower case.
    pub accounts: Vec<String>,
    /// Globs over virtual hosts, lower case.
    pub vhosts: Vec<GlobMatcher>,
    /// Globs over source locators.
    pub paths: Vec<GlobMatcher>,
    /// Globs over buckets, lower case.
    pub buckets: Vec<GlobMatcher>,
    /// Mail domains, lower case.
    pub mail: Vec<String>,
}

/// One host of the inventory, compiled.
#[derive(Debug, Clone)]
pub struct Known {
    /// Name, lower case.
    pub name: String,
    /// Its addresses.
    pub ips: Vec<IpAddr>,
    /// Index of its scope.
    pub scope: Option<usize>,
}

/// One destination of a sanctioned entry.
#[derive(Debug, Clone)]
pub enum Place {
    /// An address or network.
    Net(IpNet),
    /// A domain with what is below it, lower case.
    Name(String),
}

/// One sanctioned entry, compiled. An empty list or `None` is a key that was not given.
#[derive(Debug, Clone)]
pub struct Sanction {
    /// Where to.
    pub destination: Vec<Place>,
    /// By which accounts.
    pub account: Vec<String>,
    /// From which hosts: globs over names and addresses, lower case.
    pub host: Vec<GlobMatcher>,
    /// With which tools. Transfers do not carry the tool, so an entry that gives one explains nothing by itself.
    pub tool: Vec<String>,
    /// From.
    pub from: Option<Instant>,
    /// To, inclusive.
    pub to: Option<Instant>,
    /// Up to this many bytes.
    pub max_bytes: Option<u64>,
    /// Why.
    pub why: String,
    /// Whether only the destination is given, or a very wide one: named as broad where it is used.
    pub broad: bool,
}

/// A key of a sanctioned entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// Where to.
    Destination,
    /// By which accounts.
    Account,
    /// From which hosts.
    Host,
    /// Up to how much.
    MaxBytes,
    /// From when to when.
    Period,
    /// With which tools.
    Tool,
}

impl Key {
    /// The name of the key in the scopes file.
    pub fn word(self) -> &'static str {
        match self {
            Self::Destination => "destination",
            Self::Account => "account",
            Self::Host => "host",
            Self::MaxBytes => "max_bytes",
            Self::Period => "from, to",
            Self::Tool => "tool",
        }
    }
}

/// The scopes file, ready to answer.
#[derive(Debug, Clone, Default)]
pub struct Whose {
    /// As the user wrote it.
    pub scopes: Scopes,
    /// Scopes in the order of the file.
    pub tenants: Vec<Tenant>,
    /// The inventory.
    pub known: Vec<Known>,
    /// What may carry data out.
    pub sanctions: Vec<Sanction>,
    /// What was promised.
    pub promises: Vec<Promise>,
    /// When it was noticed.
    pub aware: Option<Instant>,
    /// When it was contained.
    pub contained: Option<Instant>,
    /// Own networks; where empty, the private ranges are.
    pub own: Vec<IpNet>,
    /// Domains that the scopes file claims, lower case: what is below them is the organisation's.
    pub domains: Vec<String>,
}

/// On which side of the organisation's border something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The organisation's.
    Inside,
    /// Everybody else's.
    Outside,
}

impl Whose {
    /// Whether an address is the organisation's. Without any own network given, private, loopback and link-local
    /// ranges are; with one, nothing else is.
    pub fn is_own(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        if !self.own.is_empty() {
            return self.own.iter().any(|net| net.contains(&ip));
        }
        is_private(ip)
    }

    /// Whether anybody may bear this name: it is a full one, and of no domain that the scopes file claims. A bare name in
    /// the inventory and a glob without a dot say nothing of it, for whoever owns a domain chooses the names below it.
    fn is_foreign(&self, name: &str) -> bool {
        name.contains('.') && !self.domains.iter().any(|domain| below(name, domain))
    }

    /// Whether a glob over host names takes a name (lower case).
    fn takes(&self, globs: &[GlobMatcher], name: &str) -> bool {
        let foreign = self.is_foreign(name);
        globs.iter().any(|glob| glob.is_match(name) && (!foreign || glob.glob().glob().contains('.')))
    }

    /// Whether a host of the inventory has this name (lower case).
    fn is_named(&self, known: &Known, name: &str) -> bool {
        known.name == name || same_host(&known.name, name) && !self.is_foreign(name)
    }

    /// On which side an address or a name is. A name is inside if a scope, the inventory or a virtual host claims it,
    /// or if it is a bare host name without a dot.
    pub fn side(&self, entity: &str) -> Side {
        if let Some(ip) = address(entity) {
            return if self.is_own(ip) { Side::Inside } else { Side::Outside };
        }
        if self.known.is_empty() && self.tenants.is_empty() {
            return if entity.contains('.') { Side::Outside } else { Side::Inside };
        }
        let name = entity.to_ascii_lowercase();
        let claimed = self.known.iter().any(|k| self.is_named(k, &name))
            || self.tenants.iter().any(|t| self.takes(&t.hosts, &name) || self.takes(&t.vhosts, &name));
        if claimed || !name.contains('.') { Side::Inside } else { Side::Outside }
    }

    /// On which side a mail domain is; `None` where nobody told any domain.
    pub fn mail_side(&self, domain: &str) -> Option<Side> {
        let own = || self.domains.iter().any(|own| below(domain, own));
        (!self.domains.is_empty()).then(|| if own() { Side::Inside } else { Side::Outside })
    }

    /// Whether somebody is not a scope's, nor of a service that several share: outside, or inside of other scopes alone.
    pub fn is_of_others(&self, entity: &str, scope: &str) -> bool {
        self.side(entity) == Side::Outside || self.are_others(&self.of_entity(entity), scope)
    }

    /// Whether these are scopes, all of them others than this one and none of them shared, and this one is none that is.
    fn are_others(&self, owners: &[usize], scope: &str) -> bool {
        let is_own = |t: &Tenant| t.shared || t.name == scope;
        let is_tenant = self.tenants.iter().any(|t| t.name == scope && !t.shared);
        is_tenant && !owners.is_empty() && !owners.iter().any(|&at| is_own(&self.tenants[at]))
    }

    /// The scopes of a record, the most telling trait first: bucket, virtual host, addresses (in traffic) or host (in
    /// a host's own log), account, mail domain, and last the path of its source. In a log that names nobody but who asked, the
    /// path goes before their address: it is the log of what they asked. Empty if none fits.
    pub fn scope_of(&self, subject: &Subject, locator: &str) -> Vec<&str> {
        if self.tenants.is_empty() {
            return Vec::new();
        }
        let by_ip = |text: &Option<Box<str>>| text.as_deref().map(|t| self.of_entity(t)).unwrap_or_default();
        let traffic = subject.destination_ip.is_some() || subject.destination_domain.is_some();
        let addresses = [by_ip(&subject.destination_ip), by_ip(&subject.source_ip)].concat();
        let host = subject.host.as_deref().map(|host| self.of_host(host)).unwrap_or_default();
        let name = by_ip(&subject.destination_domain);
        let lower = |text: &Option<Box<str>>| text.as_deref().map(str::to_ascii_lowercase);
        let bucket = lower(&subject.container).map(|b| self.of_store(&b)).unwrap_or_default();
        let vhost = lower(&subject.vhost)
            .map(|v| self.where_(|t| self.takes(&t.vhosts, &v) || self.takes(&t.hosts, &v)))
            .unwrap_or_default();
        let account = subject.account.as_deref().map(|a| self.of_account(a)).unwrap_or_default();
        let path = self.of_path(locator);
        let names_asker_alone = subject.host.is_none() && subject.vhost.is_none();
        let is_of_service = !path.iter().any(|&at| self.tenants[at].shared);
        let order = if traffic {
            [bucket, vhost, name, addresses, host, account, path]
        } else if names_asker_alone && is_of_service {
            [bucket, vhost, host, account, path, addresses, name]
        } else {
            [bucket, vhost, host, addresses, account, name, path]
        };
        self.first_of(order)
    }

    /// The scopes of who asked, inside: by its address, its account, and last the path of the record's source.
    pub fn scope_of_client(&self, client: &str, account: &str, locator: &str) -> Vec<&str> {
        if self.tenants.is_empty() {
            return Vec::new();
        }
        let known = |text: &str, of: &dyn Fn(&str) -> Vec<usize>| if text.is_empty() { Vec::new() } else { of(text) };
        let address = known(client, &|client| self.of_entity(client));
        let account = known(account, &|account| self.of_account(account));
        self.first_of([address, account, self.of_path(locator)])
    }

    /// The names of the first of these that there are, each once.
    fn first_of<const N: usize>(&self, order: [Vec<usize>; N]) -> Vec<&str> {
        let first = order.into_iter().find(|found| !found.is_empty()).unwrap_or_default();
        let mut names: Vec<&str> = Vec::new();
        for index in first {
            let name = self.tenants[index].name.as_str();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// The scopes of a store, in lower case: of a bucket, or of a mailbox by its domain.
    fn of_store(&self, name: &str) -> Vec<usize> {
        let named = self.where_(|t| holds(&t.buckets, name));
        if named.is_empty() && name.contains('@') { self.of_account(name) } else { named }
    }

    /// The one scope that a record is counted under.
    pub fn home(&self, subject: &Subject, locator: &str) -> &str {
        self.scope_of(subject, locator).first().copied().unwrap_or(UNATTRIBUTED)
    }

    /// A scope, and the shared ones that act for it.
    pub fn acting_for<'s>(&'s self, scope: &'s str) -> Vec<&'s str> {
        let acts = |t: &&Tenant| t.shared && t.processor_of.iter().any(|of| of == scope);
        std::iter::once(scope).chain(self.tenants.iter().filter(acts).map(|t| t.name.as_str())).collect()
    }

    /// Indexes of the scopes that claim a source by its locator.
    pub fn of_path(&self, locator: &str) -> Vec<usize> {
        self.where_(|t| hits(&t.paths, locator))
    }

    fn where_(&self, test: impl Fn(&Tenant) -> bool) -> Vec<usize> {
        (0..self.tenants.len()).filter(|&i| test(&self.tenants[i])).collect()
    }

    /// Indexes of the scopes of an address or name, as anybody may write it: the inventory first, then networks and globs.
    fn of_entity(&self, entity: &str) -> Vec<usize> {
        let name = entity.to_ascii_lowercase();
        self.of_known(entity, |k| self.is_named(k, &name), |t| self.takes(&t.hosts, &name))
    }

    /// The same of the host that wrote a record, which no outsider names: of a full name the first label may do.
    fn of_host(&self, host: &str) -> Vec<usize> {
        let name = host.to_ascii_lowercase();
        self.of_known(host, |k| same_host(&k.name, &name), |t| hits(&t.hosts, &name))
    }

    fn of_known(&self, entity: &str, is: impl Fn(&Known) -> bool, takes: impl Fn(&Tenant) -> bool) -> Vec<usize> {
        let ip = address(entity);
        let listed = self.known.iter().find(|k| match ip {
            Some(ip) => k.ips.contains(&ip),
            None => is(k),
        });
        if let Some(scope) = listed.and_then(|k| k.scope) {
            return vec![scope];
        }
        match ip {
            Some(ip) => {
                let fit = |t: &Tenant| t.nets.iter().filter(|n| n.contains(&ip)).map(IpNet::prefix_len).max();
                let best = self.tenants.iter().filter_map(fit).max();
                (0..self.tenants.len()).filter(|&i| best.is_some() && fit(&self.tenants[i]) == best).collect()
            }
            None => self.where_(takes),
        }
    }

    /// The scopes that an address, a host or a virtual host belongs to.
    pub fn scopes_of_entity(&self, entity: &str) -> Vec<&str> {
        let mut found = self.of_entity(entity);
        if found.is_empty() && address(entity).is_none() {
            let name = entity.to_ascii_lowercase();
            found = self.where_(|t| self.takes(&t.vhosts, &name));
        }
        found.into_iter().map(|i| self.tenants[i].name.as_str()).collect()
    }

    fn of_account(&self, account: &str) -> Vec<usize> {
        let Some(domain) = realm_of(account).map(|d| d.to_ascii_lowercase()) else { return Vec::new() };
        self.where_(|t| t.accounts.iter().chain(&t.mail).any(|a| below(&domain, a)))
    }

    /// Whether an account is of a realm that some scope claims.
    pub fn is_of_a_realm(&self, account: &str) -> bool {
        !self.of_account(account).is_empty()
    }

    /// The scopes whose realm an account is of.
    pub fn scopes_of_account(&self, account: &str) -> Vec<&str> {
        self.of_account(account).into_iter().map(|i| self.tenants[i].name.as_str()).collect()
    }

    /// One name for a host and its addresses: the inventory's name where it is listed, else the text in lower case.
    pub fn entity(&self, text: &str) -> String {
        self.entity_of(text).into_owned()
    }

    /// The same without a copy where none is needed.
    pub fn entity_of<'t>(&'t self, text: &'t str) -> Cow<'t, str> {
        let is_lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
        let name = if is_lower { Cow::Borrowed(text) } else { Cow::Owned(text.to_ascii_lowercase()) };
        if self.known.is_empty() {
            return name;
        }
        let ip = address(text);
        let listed = self.known.iter();
        let mut listed = listed.filter(|k| ip.map_or_else(|| same_host(&k.name, &name), |ip| k.ips.contains(&ip)));
        match listed.next() {
            Some(known) => Cow::Borrowed(&known.name),
            None => name,
        }
    }

    /// The join by which an address was another host's for sure, where it is this one's (by [`Whose::entity`]) by the inventory alone:
    /// what a log says of that very time goes before what somebody wrote down of any.
    pub fn denied<'j>(&self, host: &str, joined: &'j [Joined]) -> Option<&'j Joined> {
        self.contradicted(host, joined, true)
    }

    /// The same of a join that is sure, or of one by which an address may have been another host's.
    pub fn contradicted<'j>(&self, host: &str, joined: &'j [Joined], sure: bool) -> Option<&'j Joined> {
        let is_by_inventory =
            |of: &Joined| self.entity_of(&of.address) == host && !host.eq_ignore_ascii_case(&of.address);
        let is_another = |of: &Joined| !of.host.is_empty() && !same_host(&self.entity_of(&of.host), host);
        joined.iter().find(|of| of.is_lent() && of.sure == sure && is_by_inventory(of) && is_another(of))
    }

    /// The first sanctioned entry that explains a transfer: all keys that it gives match. An entry that gives a tool
    /// explains none, for no observation carries the tool.
    pub fn sanction(&self, transfer: &Transfer) -> Option<&Sanction> {
        self.sanctions.iter().find(|s| self.unmatched(s, transfer).is_empty())
    }

    /// The entries that come near to explaining a transfer, each with the keys that do not match: those for its destination, and those
    /// for its host or account of which all else matches. None does where it is for a part of a destination that is named in part.
    pub fn considered(&self, transfer: &Transfer) -> Vec<(&Sanction, Vec<Key>)> {
        let with_keys = self.sanctions.iter().map(|s| (s, self.unmatched(s, transfer)));
        let comes_near = |entry: &Sanction, keys: &[Key]| match keys {
            [] => transfer.partly_named,
            [Key::Destination] => !entry.host.is_empty() || !entry.account.is_empty(),
            keys => !keys.contains(&Key::Destination),
        };
        with_keys.filter(|(entry, keys)| comes_near(entry, keys)).collect()
    }

    /// The keys of an entry that a transfer does not match.
    fn unmatched(&self, entry: &Sanction, t: &Transfer) -> Vec<Key> {
        // One sanctioned name on a shared address does not sanction what else lies there.
        let all = |ip: bool| {
            let mut to = t.destinations().filter(|to| address(to).is_some() == ip).peekable();
            to.peek().is_some() && to.all(|to| leads(&entry.destination, to))
        };
        let destination = entry.destination.is_empty() || all(false) || all(true);
        let account = entry.account.is_empty()
            || (!t.accounts.is_empty() && t.accounts.iter().all(|a| entry.account.iter().any(|e| same_account(a, e))));
        let names = || match self.denied(&t.from, &t.joined) {
            Some(of) => vec![of.address.to_ascii_lowercase(), self.entity(&of.host), of.host.to_ascii_lowercase()],
            None => self.names_of(&t.from),
        };
        let host = entry.host.is_empty() || names().iter().any(|f| hits(&entry.host, f));
        let volume = entry.max_bytes.is_none_or(|max| t.bytes.upper.is_some_and(|upper| upper <= max));
        let time = (entry.from.is_none() && entry.to.is_none())
            || t.time.is_some_and(|Span { first, last }| {
                entry.from.is_none_or(|from| from <= first) && entry.to.is_none_or(|to| last <= to)
            });
        let matched = [
            (destination, Key::Destination),
            (account, Key::Account),
            (host, Key::Host),
            (volume, Key::MaxBytes),
            (time, Key::Period),
            (entry.tool.is_empty(), Key::Tool),
        ];
        matched.into_iter().filter(|(fits, _)| !fits).map(|(_, key)| key).collect()
    }

    /// All names and addresses that the inventory has for a host, and the text itself, in lower case.
    pub(super) fn names_of(&self, text: &str) -> Vec<String> {
        let entity = self.entity(text);
        let addresses = self.known.iter().filter(|k| k.name == entity).flat_map(|k| &k.ips).map(ToString::to_string);
        [text.to_ascii_lowercase(), entity.clone()].into_iter().chain(addresses).collect()
    }

    /// Whether a file that was not read could hold logs of a scope: its `paths` take the file or what lies in it, or
    /// no scope's do.
    pub fn could_hold(&self, locator: &str, scope: &str) -> bool {
        let member = format!("{locator}!/log");
        let claimed = self.where_(|t| hits(&t.paths, locator) || hits(&t.paths, &member));
        claimed.is_empty() || claimed.iter().any(|&i| self.tenants[i].name == scope)
    }
}

/// Whether an address or name is one of these places.
pub(super) fn leads(places: &[Place], to: &str) -> bool {
    let ip = address(to);
    let name = to.trim_end_matches('.').to_ascii_lowercase();
    places.iter().any(|place| match place {
        Place::Net(net) => ip.is_some_and(|ip| net.contains(&ip)),
        Place::Name(listed) => ip.is_none() && below(&name, listed),
    })
}

/// Whether `name` is `parent` or a name below it.
pub fn below(name: &str, parent: &str) -> bool {
    name.strip_suffix(parent).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Whether an address is private, loopback or link-local: nobody outside has it.
///
/// Source: RFC 1918, RFC 4193, RFC 6890.
pub fn is_private(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(v4) => v4.is_private() || v4.is_loopback() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_loopback() || v6.is_unicast_link_local(),
    }
}

/// The address that a text is, brackets and port of IPv6 aside.
pub fn address(text: &str) -> Option<IpAddr> {
    let bare =
        if text.starts_with(['[', ']']) || text.ends_with(['[', ']']) { text.trim_matches(['[', ']']) } else { text };
    bare.parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}

pub(super) fn hits(globs: &[GlobMatcher], text: &str) -> bool {
    globs.iter().any(|g| g.is_match(text))
}

/// Whether a bucket is one of these. A container of an account is by its own name, by that of the account, and by both.
fn holds(buckets: &[GlobMatcher], name: &str) -> bool {
    let parts = name.split_once('/').filter(|_| !name.starts_with('\\'));
    hits(buckets, name) || parts.is_some_and(|(account, own)| hits(buckets, account) || hits(buckets, own))
}

/// Whether two host names are one: equal, or one is the other's first label. Both in lower case.
pub fn same_host(a: &str, b: &str) -> bool {
    let [first, other] = [a, b].map(|name| name.split_once('.').map_or(name, |(first, _)| first));
    a == b || (first == other && !first.is_empty() && (!a.contains('.') || !b.contains('.')))
}

/// The domain of an account, where it names one: of `DOMAIN\user` and of `user@domain`.
pub fn realm_of(account: &str) -> Option<&str> {
    account.split_once('\\').map(|(d, _)| d).or_else(|| account.rsplit_once('@').map(|(_, d)| d))
}

/// Whether two accounts are one wherever they are met: user and realm are the same. A bare user name can be anybody's.
pub fn same_named_account(a: &str, b: &str) -> bool {
    realm_of(a).is_some() && realm_of(b).is_some() && same_account(a, b)
}

/// Whether two spellings (`user`, `DOMAIN\user`, `user@domain`) can be one account: the user parts are equal, and so
/// are the first labels of the domains where both have one.
pub fn same_account(a: &str, b: &str) -> bool {
    let user = |text: &str| {
        let text = text.to_ascii_lowercase();
        match text.split_once('\\') {
            Some((_, user)) => user.to_owned(),
            None => text.rsplit_once('@').map_or(text.clone(), |(user, _)| user.to_owned()),
        }
    };
    let realm = |text: &str| realm_of(text).map(|d| d.split('.').next().unwrap_or(d).to_ascii_lowercase());
    !user(a).is_empty() && user(a) == user(b) && realm(a).zip(realm(b)).is_none_or(|(x, y)| x == y)
}
