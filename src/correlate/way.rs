//! The way out that a conversation takes: whose data, from where, to where, by which route and in which direction.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::model::observation::{Hour, Key, Seen, Sum};
use crate::model::partial::{Partial, SourcePartial};
use crate::model::place::Locator;
use crate::model::rule::{Outcome, Route};
use crate::model::subject::Subject;
use crate::model::whose::{Side, UNATTRIBUTED, Whose, address, is_private};

use super::assigned::Held;
use super::{World, digest, held, routes};

/// Stands for the destination of files that a client's tool sent, where its log does not say which.
const NOT_NAMED: &str = "(not named)";

/// What makes two observations one transfer.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Way<'a> {
    pub(super) scope: &'a str,
    pub(super) from: Cow<'a, str>,
    pub(super) to: &'a str,
    pub(super) route: Route,
    /// Who may have held the address of the client then; of nobody where no log says so.
    pub(super) held: Option<Box<(&'a str, Held)>>,
}

impl Way<'_> {
    /// Id of the transfer.
    pub(super) fn id(&self, world: &World<'_>) -> String {
        let way = ["transfer", self.scope, &self.from, self.to, self.route.word()];
        let held = self.held.iter().flat_map(|of| std::iter::once(of.0).chain(world.assigned.texts(of.0, &of.1)));
        format!("t-{}", digest(&way.into_iter().chain(held).collect::<Vec<_>>()))
    }
}

/// Whether records are CloudTrail's of calls that name no bucket: they serve no data whose bytes could be missing.
pub(super) fn is_management(source: &SourcePartial, key: &Key<'_>) -> bool {
    key.name.is_empty() && source.is_of(&["cloudtrail"])
}

/// How many records of a source could state the bytes that leave by a route, and how many do not.
#[derive(Default)]
pub(super) struct Told {
    records: u64,
    missing: u64,
    /// Those that state no more than the bytes of both ways together.
    joint: u64,
    /// Of one missing in so many on, the source does not state it.
    share: u64,
}

impl Told {
    /// Whether the log as a whole does not state it: single records (session starts, unanswered packets) may lack it.
    /// A proxy writes when a request ends, so that few of its records may.
    pub(super) fn is_missing(&self) -> bool {
        self.missing > self.records / self.share.max(1)
    }

    /// How many records state the bytes of both ways together and no more.
    pub(super) fn joint(&self) -> u64 {
        self.joint
    }
}

/// What a source states of the bytes that leave, by route, with the way that they take.
pub(super) fn told(world: &World<'_>, source: &SourcePartial) -> BTreeMap<Route, (Direction, Told)> {
    let mut routes: BTreeMap<Route, (Direction, Told)> = BTreeMap::new();
    // Most logs state it all: whose the traffic is need not be asked then.
    let lacks = |key: Key<'_>, sum: Sum| {
        sum.joint_records > 0
            || sum.up_unlogged > 0 && Direction::Up.counts(&key)
            || sum.down_unlogged > 0 && key.seen != Seen::Dns
    };
    if !source.observations.kept.iter().any(|(key, seen)| lacks(key, seen.sum())) {
        return routes;
    }
    for (key, seen) in source.observations.kept.iter() {
        let Some((way, direction)) = out(world, &source.entry.source, &key) else { continue };
        if !direction.counts(&key) || is_management(source, &key) {
            continue;
        }
        let sum = seen.sum();
        let (_, told) = routes.entry(way.route).or_insert((direction, Told::default()));
        told.records = told.records.saturating_add(sum.records);
        told.missing = told.missing.saturating_add(direction.unlogged(&sum)).saturating_add(sum.joint_records);
        told.joint = told.joint.saturating_add(sum.joint_records);
        // Of a sampled flow it is always missing, however many others are whole.
        told.share = told.share.max(match key.seen {
            _ if source.covered.sampled > 0 => u64::MAX,
            Seen::Proxy => 20,
            _ => 2,
        });
    }
    routes
}

/// What is told of conversations of which records state the bytes of both ways together, whatever their clients' addresses were
/// translated to: an ASA names that where a connection is opened, and not where it ends.
pub(super) fn joint(source: &SourcePartial) -> HashMap<Key<'_>, Sum> {
    let kept = || source.observations.kept.iter();
    let mut all: HashMap<Key<'_>, Sum> = HashMap::new();
    for (key, _) in kept().filter(|(_, told)| told.sum().joint_records > 0) {
        all.insert(key.untranslated(), Sum::default());
    }
    if all.is_empty() {
        return all;
    }
    for (key, told) in kept() {
        if let Some(sum) = all.get_mut(&key.untranslated()) {
            sum.add(&told.sum());
        }
    }
    all
}

/// Logs ([`Locator::log`]) of servers that say which of their files went to whom, by folder, sorted: a server of these writes several
/// logs of the same transfers side by side.
pub fn file_servers(merged: &Partial) -> BTreeMap<String, BTreeSet<String>> {
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in merged.sources.values() {
        if source.observations.kept.keys().any(|key| key.seen.is_of_files() && !is_of_client(&key)) {
            let log = source.entry.source.log();
            all.entry(folder(&log).to_owned()).or_default().insert(log);
        }
    }
    all
}

/// The folder that a log lies in.
fn folder(log: &str) -> &str {
    log.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The web server of each scope of which firewalls and flow records show exactly one. A web log that does not say on
/// which server it was written is taken for that one's; were it another's, the bounds would still hold.
pub fn web_servers(merged: &Partial, whose: &Whose) -> BTreeMap<String, String> {
    let mut seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in merged.sources.values() {
        for key in source.observations.kept.keys() {
            let edge = matches!(key.seen, Seen::Firewall | Seen::Flow) && key.outcome != Outcome::Failed;
            if edge
                && routes::served(&key) == Route::WebResponse
                && !key.server.is_empty()
                && !key.client.is_empty()
                && whose.side(key.client) == Side::Outside
                && whose.side(key.server) == Side::Inside
            {
                let scope = home(whose, &key, Side::Outside, &source.entry.source);
                seen.entry(scope.to_owned()).or_default().insert(whose.entity(key.server));
            }
        }
    }
    let single = seen.into_iter().filter(|(_, servers)| servers.len() == 1);
    single.filter_map(|(scope, servers)| Some((scope, servers.into_iter().next()?))).collect()
}

/// Which of the two ways bytes took is the way out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// From client to server.
    Up,
    /// From server to client.
    Down,
}

/// Whether a record is of the edge, where what asks and what sends cannot be told apart.
pub(super) fn is_edge(key: &Key<'_>) -> bool {
    matches!(key.seen, Seen::Flow | Seen::Firewall)
}

/// Whether a record does not name the other side.
pub(super) fn is_bare(key: &Key<'_>) -> bool {
    key.name.is_empty() || address(key.name).is_some()
}

/// What left in one hour.
pub(super) struct Left {
    pub(super) hour: Hour,
    pub(super) bytes: u64,
    /// Bytes that may have left as well, of records that tell of both ways together.
    pub(super) more: u64,
    /// Whether all of it was logged.
    pub(super) logged: bool,
}

impl Direction {
    /// Whether a conversation whose size is not logged may have carried data this way.
    fn counts(self, key: &Key<'_>) -> bool {
        match self {
            // Who changes an object of a store, or puts a file on a server, is given none.
            Self::Down => !matches!(key.seen, Seen::Cloud | Seen::FileServer) || !key.sends,
            Self::Up => key.sends || is_edge(key),
        }
    }

    fn unlogged(self, sum: &Sum) -> u64 {
        match self {
            Self::Up => sum.up_unlogged,
            Self::Down => sum.down_unlogged,
        }
    }

    /// What left in one hour; `None` where nothing did. Where `open`, what is not logged may have.
    pub(super) fn left(self, key: &Key<'_>, hour: Hour, open: bool) -> Option<Left> {
        let bytes = match self {
            Self::Up => hour.sum.up,
            Self::Down => hour.sum.down,
        };
        let more = hour.sum.joint;
        let unlogged = open && self.counts(key) && self.unlogged(&hour.sum) > 0;
        (bytes > 0 || more > 0 || unlogged).then_some(Left { hour, bytes, more, logged: !unlogged })
    }

    /// Whether records of a conversation lack the bytes that left, and no other one tells of them: that a connection was opened is one
    /// record, and how much it moved both ways another one.
    pub(super) fn is_open(self, sum: &Sum) -> bool {
        self.unlogged(sum) > sum.joint_records
    }
}

/// From where to where bytes may have left in a conversation; `None` where it does not lead outside.
pub(super) fn out<'w>(world: &'w World<'_>, locator: &Locator, key: &Key<'w>) -> Option<(Way<'w>, Direction)> {
    out_of(world, locator, key, None)
}

/// The same of the part of a conversation in which these held the client's address.
pub(super) fn out_of<'w>(
    world: &'w World<'_>,
    locator: &Locator,
    key: &Key<'w>,
    held: Option<&Held>,
) -> Option<(Way<'w>, Direction)> {
    let held = held.filter(|held| !held.is_empty());
    if let Some(held) = held {
        let scope = world.home(locator, |whose, place| home(whose, key, Side::Outside, place));
        let held = held::known_to(world, scope, held::name(world, key), held);
        if let Some(to) = held::session(world, key, &held) {
            let from = answering(world, locator, key, scope);
            let held = Some(Box::new((held::name(world, key), held)));
            return Some((Way { scope, from, to, route: Route::RemoteAccess, held }, Direction::Down));
        }
    }
    let refused = key.outcome == Outcome::Failed && !matches!(key.seen, Seen::Flow | Seen::Dns);
    if refused {
        return None;
    }
    match mailed(world, locator, key) {
        Mailed::Left(way) => return Some((way, Direction::Up)),
        Mailed::Stayed => return None,
        Mailed::Untold => {}
    }
    let side = |text: &str| (!text.is_empty()).then(|| world.whose.side(text));
    let behind = held.and_then(|held| behind(world, held::name(world, key), held));
    let client = side(key.client)
        .map(|known| {
            let is_ours = known == Side::Outside && (behind.is_some() || is_forgotten(world, key));
            if is_ours { Side::Inside } else { known }
        })
        .or_else(|| is_of_client(key).then_some(Side::Inside))?;
    let client = if client == Side::Inside && is_asked_by_others(world, locator, key) { Side::Outside } else { client };
    let is_answered = (is_of_server(key) || is_tunnel(key)) && client == Side::Outside;
    let own_service = is_answered || is_own_file_server(world, locator, key);
    let asked_for = (key.seen == Seen::Dns).then(|| side(key.name));
    let server = if own_service { Some(Side::Inside) } else { side(key.server).or_else(|| side(key.name)) };
    let server = asked_for.unwrap_or(server).or_else(|| is_unnamed_upload(key).then_some(Side::Outside));
    let scope = world.home(locator, |whose, place| home(whose, key, client, place));
    let scope = behind.filter(|_| scope == UNATTRIBUTED && client == Side::Inside).unwrap_or(scope);
    let tool = world.clients.host(locator).filter(|_| is_of_client(key));
    let of_tool = || tool.and_then(|host| world.whose.scope_of_client(host, key.account, "").first().copied());
    let scope = if scope == UNATTRIBUTED { of_tool().unwrap_or(scope) } else { scope };
    let first = |choices: &[&'w str]| choices.iter().find(|t| !t.is_empty()).copied();
    let (from, to, route, direction) = match (client, server?) {
        (Side::Inside, Side::Outside) => {
            let server = if key.server.is_empty() { key.name } else { key.server };
            let known = || world.aliases.name_of(world.whose, scope, server).unwrap_or_default();
            let name = if is_bare(key) { known() } else { named(key) };
            let to = first(&[name, key.server, named(key)]).unwrap_or(NOT_NAMED);
            let from = first(&[key.client, key.host]).or(tool);
            let from = from.map_or_else(
                || writer(world, key, locator, (scope, client)).into(),
                |text| world.whose.entity_of(text),
            );
            (from, to, routes::outward(key, name), Direction::Up)
        }
        (Side::Outside, Side::Inside) if key.seen != Seen::Dns => {
            let route = if is_tunnel(key) { Route::RemoteAccess } else { routes::served(key) };
            (answering(world, locator, key, scope), key.client, route, Direction::Down)
        }
        _ => return None,
    };
    let held =
        held.map(|held| held::known_to(world, scope, held::name(world, key), held)).filter(|held| !held.is_empty());
    let held = held.map(|held| Box::new((held::name(world, key), held)));
    Some((Way { scope, from, to, route, held }, direction))
}

/// Of an address to which a firewall translates those of hosts, whose these are: nobody's where they are of several scopes.
fn behind<'w>(world: &'w World<'_>, address: &str, held: &Held) -> Option<&'w str> {
    let owner = |host| world.whose.scopes_of_entity(host).first().copied().unwrap_or(UNATTRIBUTED);
    let mut owners = world.assigned.behind(address, held).map(owner);
    let first = owners.next()?;
    Some(if owners.all(|other| other == first) { first } else { UNATTRIBUTED })
}

/// What the domains of a mail's sender and recipients say of its way.
enum Mailed<'w> {
    /// It left, and which way.
    Left(Way<'w>),
    /// It did not leave.
    Stayed,
    /// That is to be seen from addresses: it is no mail, or nobody told which mail domains are whose and the record does not say
    /// that it left.
    Untold,
}

/// The way of a mail whose record tells from whose mail system to whose it went.
fn mailed<'w>(world: &'w World<'_>, locator: &Locator, key: &Key<'w>) -> Mailed<'w> {
    if key.seen != Seen::Mail || key.name.is_empty() {
        return Mailed::Untold;
    }
    let sender = key.account.rsplit_once('@').map(|(_, domain)| domain);
    let from = sender.and_then(|domain| world.whose.mail_side(domain));
    // One that went to several leads to the first of them outside.
    let outside = names(key).find(|domain| world.whose.mail_side(domain) != Some(Side::Inside));
    let Some(to) = outside else { return Mailed::Stayed };
    let is_ours = from == Some(Side::Inside) && world.whose.mail_side(to) == Some(Side::Outside);
    if !key.sends && !is_ours {
        return Mailed::Untold;
    }
    let inside = |host: &&str| !host.is_empty() && world.whose.side(host) == Side::Inside;
    let host = [key.client, key.host].into_iter().find(inside);
    let scope = world.home(locator, |whose, place| home(whose, key, Side::Inside, place));
    let from = host.or(Some(key.account).filter(|account| !account.is_empty()));
    let writer = || writer(world, key, locator, (scope, Side::Inside)).into();
    let from = from.map_or_else(writer, |text| world.whose.entity_of(text));
    Mailed::Left(Way { scope, from, to, route: Route::Email, held: None })
}

/// The names of the other side: a mail has one for each domain that it went to.
pub(super) fn names<'k>(key: &Key<'k>) -> impl Iterator<Item = &'k str> + use<'k> {
    let is_mail = key.seen == Seen::Mail;
    key.name.split(move |letter| is_mail && letter == ',')
}

/// The name of the other side; of a mail to several that of the first.
fn named<'k>(key: &Key<'k>) -> &'k str {
    names(key).next().unwrap_or_default()
}

/// The inside system that answered.
fn answering<'w>(world: &'w World<'_>, locator: &Locator, key: &Key<'w>, scope: &str) -> Cow<'w, str> {
    let alias = world.aliases.address_of(world.whose, scope, key.name).unwrap_or_default();
    let only = world.web_server_of.get(scope).filter(|_| key.seen == Seen::Web);
    let only = only.map(String::as_str).unwrap_or_default();
    let choices = [key.server, alias, only, key.name, key.host];
    let from = choices.into_iter().find(|text| !text.is_empty());
    from.map_or_else(|| writer(world, key, locator, (scope, Side::Outside)).into(), |text| world.whose.entity_of(text))
}

/// What stands for a host that no record names: the log, of those of one scope that hold the same records, or that tell of the files
/// of one server in one folder, the first.
fn writer(world: &World<'_>, key: &Key<'_>, locator: &Locator, (scope, client): (&str, Side)) -> String {
    let log = locator.log();
    let is_own = |of: &Locator| world.home(of, |whose, place| home(whose, key, client, place)) == scope;
    let log = world.overlaps.named(&log).iter().find(|of| is_own(of)).map_or(log, |first| first.as_str().to_owned());
    if !key.seen.is_of_files() || is_of_client(key) {
        return log;
    }
    let mut beside = world.file_servers.get(folder(&log)).into_iter().flatten();
    beside.find(|of| is_own(&Locator::from_encoded(of))).cloned().unwrap_or(log)
}

/// Whether a log is that of the server, whatever address it has: by what wrote it; or, where a log of transfers does not say so,
/// because it names nobody but its clients.
pub(super) fn is_of_server(key: &Key<'_>) -> bool {
    let is_alone = key.server.is_empty() && key.name.is_empty();
    matches!(key.seen, Seen::Web | Seen::Cloud | Seen::FileServer) || key.seen == Seen::FileTransfer && is_alone
}

/// Whether the server of files that wrote a log is the organisation's, whoever asked it: it saw a client's private address, a scope claims
/// its log, or it is no other by its own. Whom an organisation's public address asked may be anybody's, a partner's too.
fn is_own_file_server(world: &World<'_>, locator: &Locator, key: &Key<'_>) -> bool {
    key.seen == Seen::FileServer && {
        let is_near = key.client.is_empty() || address(key.client).is_none_or(is_private);
        is_near || key.server.is_empty() && key.name.is_empty() || !world.whose.of_path(locator.as_str()).is_empty()
    }
}

/// Whether who asked a service of one scope, by the log of that service, is inside another scope: what it was given left the first.
fn is_asked_by_others(world: &World<'_>, locator: &Locator, key: &Key<'_>) -> bool {
    let is_of_service = world.whose.tenants.len() > 1 && matches!(key.seen, Seen::Web | Seen::Cloud | Seen::FileServer);
    is_of_service && {
        let scope = world.home(locator, |whose, place| home(whose, key, Side::Outside, place));
        world.whose.is_of_others(key.client, scope)
    }
}

/// Whether a gateway tells of all that passed through a tunnel, and not what was asked for in it.
pub(super) fn is_tunnel(key: &Key<'_>) -> bool {
    key.seen == Seen::Firewall && key.server.is_empty() && key.name.is_empty()
}

/// Whether a log of transfers is that of a client's own tool: it names nobody but the server.
pub(super) fn is_of_client(key: &Key<'_>) -> bool {
    key.seen == Seen::FileTransfer && key.client.is_empty()
}

/// Whether a client's tool sent files, and does not say to whom.
fn is_unnamed_upload(key: &Key<'_>) -> bool {
    is_of_client(key) && key.sends && key.server.is_empty() && key.name.is_empty()
}

/// Whether a client has a private address that the list of own networks does not have, and asks, at the edge, a proxy or a name
/// server, for one that is not private: it is a system behind the same edge, and that nobody claims it must not hide what it
/// sends.
fn is_forgotten(world: &World<'_>, key: &Key<'_>) -> bool {
    let private = |text: &str| address(text).map(|ip| Whose::default().is_own(ip));
    let own = |text: &str| address(text).is_some_and(|ip| world.whose.is_own(ip));
    let leads_out = match key.seen {
        Seen::Flow | Seen::Firewall => private(key.server) == Some(false) && !own(key.server),
        Seen::Proxy => {
            let to = if key.name.is_empty() { key.server } else { key.name };
            private(to) != Some(true) && world.whose.side(to) == Side::Outside
        }
        Seen::Dns => world.whose.side(key.name) == Side::Outside,
        _ => false,
    };
    leads_out && private(key.client) == Some(true)
}

/// The scope whose data a conversation is about.
pub(super) fn home<'w>(whose: &'w Whose, key: &Key<'_>, client: Side, locator: &Locator) -> &'w str {
    if whose.tenants.is_empty() {
        return UNATTRIBUTED;
    }
    if is_mail_of_a_scope(whose, key) {
        let sender = Subject { account: Some(key.account.into()), ..Subject::default() };
        return whose.home(&sender, locator.as_str());
    }
    of_side(whose, key, client, locator).first().copied().unwrap_or(UNATTRIBUTED)
}

/// The scopes of the inside half of an observation, whose data it is.
fn of_side<'w>(whose: &'w Whose, key: &Key<'_>, client: Side, locator: &Locator) -> Vec<&'w str> {
    match client {
        Side::Inside => whose.scope_of_client(key.client, key.account, locator.as_str()),
        Side::Outside => whose.scope_of(&asked(key), locator.as_str()),
    }
}

/// All scopes whose a conversation is, wherever its source was delivered.
pub(super) fn owners<'w>(whose: &'w Whose, key: &Key<'_>, source: &SourcePartial) -> BTreeSet<&'w str> {
    let client = if key.client.is_empty() { Side::Inside } else { whose.side(key.client) };
    let places = std::iter::once(&source.entry.source).chain(&source.copies);
    places.flat_map(|place| of_side(whose, key, client, place)).collect()
}

/// Whether a mail is from a mailbox that a scope claims: that one's data it is, and the server is only where it passed.
pub(super) fn is_mail_of_a_scope(whose: &Whose, key: &Key<'_>) -> bool {
    key.seen == Seen::Mail && whose.is_of_a_realm(key.account)
}

/// Who was asked from outside.
fn asked(key: &Key<'_>) -> Subject {
    let some = |text: &str| (!text.is_empty()).then(|| text.into());
    Subject {
        destination_ip: some(key.server),
        vhost: some(key.name),
        container: some(key.name).filter(|_| key.seen == Seen::Cloud),
        host: some(key.host),
        account: some(key.account),
        ..Subject::default()
    }
}
