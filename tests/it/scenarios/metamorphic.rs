//! What must not change an answer, and what must only weaken it. No truth is needed for that.

use exfiltrace::merge;
use exfiltrace::model::chain::Step;
use exfiltrace::model::partial::Partial;
use exfiltrace::model::verdict::{ScopeVerdict, State, Verdict};
use exfiltrace::scan::Outcome;

use super::desk::Desk;
use super::generated::{Kind, Params, Role, STORIES, Scenario, scenario};
use super::is_full;
use super::score::{route, scope, word};

/// Every `stride`th story, and where `twins` its twin; all of three seeds where all is asked for.
fn each(stride: usize, twins: bool, mut look: impl FnMut(&mut Desk, &str, bool, Params)) {
    let mut desk = Desk::new();
    let stride = if is_full() { 1 } else { stride };
    for story in if is_full() { 1..=3 } else { 2..=2 } {
        for (name, _) in STORIES.iter().skip(story as usize % stride).step_by(stride) {
            for twin in [false, true].into_iter().filter(|twin| !twin || twins || is_full()) {
                look(&mut desk, name, twin, Params { story, names: story + 4, rate: 1, ..Params::default() });
            }
        }
    }
}

/// How much is claimed: what is not known, and that nothing is, claim least.
fn claimed(state: State) -> u8 {
    match state {
        State::Exfiltrated => 6,
        State::Accessed => 5,
        State::Unexplained => 4,
        State::IntrusionOnly => 3,
        State::Attempted => 2,
        _ => 0,
    }
}

/// The sources of a partial that come from files of other kinds.
fn without(scenario: &Scenario, partial: &Partial, kind: Kind) -> Partial {
    let mut rest = partial.clone();
    let paths: Vec<String> =
        scenario.files.iter().filter(|f| f.kind == kind).map(|f| format!("evidence/{}", f.path)).collect();
    rest.sources.retain(|(locator, _, _), _| !paths.iter().any(|path| locator.as_str().starts_with(path.as_str())));
    rest
}

/// Whether a figure lies below another one, but for what is sent around data on the wire.
fn at_most(figure: u64, other: u64) -> bool {
    figure <= other.saturating_add(other / 20)
}

/// Removing a source never strengthens an answer.
pub fn without_a_source_no_more_is_claimed(desk: &mut Desk, told: &Scenario, partial: &Partial, what: &str) {
    let scopes = told.scopes(true);
    let whole = desk.judge(&scopes, partial.clone());
    let mut kinds: Vec<Kind> = told.files.iter().map(|file| file.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    for kind in kinds {
        let less = desk.judge(&scopes, without(told, partial, kind));
        assert!(longest(&less) <= longest(&whole), "{what} without {kind:?}: a longer chain");
        for one in &less.verdict.scopes {
            let Some(all) = whole.verdict.scopes.iter().find(|s| s.scope == one.scope) else { continue };
            weaker(one, all, &format!("{what} without {kind:?}, {}", one.scope));
        }
    }
}

/// Steps of the longest chain.
fn longest(of: &Outcome) -> usize {
    of.findings.list().iter().filter_map(|f| f.chain.as_ref()).map(|chain| chain.steps.len()).max().unwrap_or(0)
}

fn weaker(less: &ScopeVerdict, all: &ScopeVerdict, what: &str) {
    // What a removed log showed to be sanctioned is no longer explained.
    let asks = less.state == State::Unexplained && all.counter_evidence.iter().any(|given| given.clause == "J-21");
    assert!(asks || claimed(less.state) <= claimed(all.state), "{what}: {:?} from {:?}", less.state, all.state);
    // What is open because somebody got in is not where no log shows that.
    let silenced = less.state == State::NoEvidence && all.state == State::CannotTell && less.intrusion == all.intrusion;
    assert!(!silenced, "{what}: no evidence where more logs cannot tell");
    if asks {
        return;
    }
    let same = less.routes.iter().zip(&all.routes).filter(|(l, a)| l.state == a.state && l.state <= State::Unexplained);
    for (less, all) in same {
        let bounded = less.bytes.upper.is_some_and(|less| all.bytes.upper.is_none_or(|all| !at_most(all, less)));
        let narrower = !at_most(less.bytes.lower, all.bytes.lower) || bounded;
        assert!(!narrower, "{what} {:?}: {:?} from {:?}", less.route, less.bytes, all.bytes);
    }
}

/// A verdict without names, and with times since an instant.
fn nameless(verdict: &Verdict, begin: i64) -> Vec<String> {
    let since = |at: Option<exfiltrace::model::time::Instant>| at.map(|at| at.micros() - begin * 1_000_000);
    let of = |s: &ScopeVerdict| {
        let clauses: Vec<&str> = s.reasons.iter().chain(&s.counter_evidence).map(|r| r.clause.as_str()).collect();
        let routes = s.routes.iter().map(|r| {
            let counts = (r.destinations.len(), r.hosts.len(), r.accounts.len(), r.findings.len(), r.transfers.len());
            // The names asked for of a name server are as long as they are.
            let bytes = (r.route.word() != "dns_tunnel").then_some(r.bytes);
            format!("{:?} {:?} {:?} {:?} {bytes:?} {counts:?}", r.route, r.state, since(r.first), since(r.last))
        });
        let head = format!("{:?} {:?} {:?} {:?} {clauses:?}", s.state, s.likelihood, s.confidence, s.open_routes);
        std::iter::once(head).chain(routes).collect::<Vec<_>>().join("\n")
    };
    verdict.scopes.iter().map(of).collect()
}

/// The steps of all chains without names, with times since an instant.
fn steps(of: &Outcome, begin: i64) -> Vec<String> {
    let chains = of.findings.list().iter().filter_map(|f| f.chain.as_ref());
    let step = |step: &Step| {
        let since = step.time.first.map(|at| at.micros() - begin * 1_000_000);
        let kinds = (&step.stage, step.route, step.order, step.by.len());
        format!("{:?} {since:?} {} {kinds:?}", step.level, step.count)
    };
    chains.flat_map(|chain| &chain.steps).map(step).collect()
}

fn told(desk: &mut Desk, scenario: &Scenario) -> Outcome {
    let partial = desk.read(scenario);
    desk.judge(&scenario.scopes(true), partial)
}

#[test]
fn other_names_and_other_weeks_change_nothing_else() {
    each(4, false, |desk, name, twin, params| {
        let one = scenario(name, twin, params);
        let other = scenario(name, twin, Params { names: params.names + 17, weeks: 5, ..params });
        let (said, same) = (told(desk, &one), told(desk, &other));
        assert_eq!(steps(&said, one.begin()), steps(&same, other.begin()), "{name} twin {twin}");
        let (said, same) = (nameless(&said.verdict, one.begin()), nameless(&same.verdict, other.begin()));
        assert_eq!(said, same, "{name} twin {twin}");
    });
}

#[test]
fn nothing_left_without_an_intrusion_and_nothing_without_a_transfer() {
    let mut turn = 0;
    each(2, false, |desk, name, twin, params| {
        turn += 1;
        let roles = [Role::Intrusion, Role::Transfer];
        for role in if is_full() { &roles[..] } else { &roles[turn % 2..][..1] } {
            let role = *role;
            let told = told(desk, &scenario(name, twin, Params { without: Some(role), ..params }));
            for scope in &told.verdict.scopes {
                assert_ne!(scope.state, State::Exfiltrated, "{name} without {role:?}, {}", scope.scope);
            }
        }
    });
}

#[test]
fn ten_times_the_background_changes_no_answer() {
    each(6, false, |desk, name, twin, params| {
        let (one, more) = (scenario(name, twin, params), scenario(name, twin, Params { rate: 10, ..params }));
        let (few, many) = (told(desk, &one), told(desk, &more));
        for known in &one.truth.told {
            let (few, many) = (scope(&few.verdict, &known.scope), scope(&many.verdict, &known.scope));
            assert_eq!(few.state, many.state, "{name} twin {twin}, {}", known.scope);
            for way in known.ways.iter().filter(|_| !twin) {
                let (few, many) = (route(few, way.route), route(many, way.route));
                assert_eq!((few.state, &few.destinations), (many.state, &many.destinations), "{name}");
                assert_eq!((few.first, few.last), (many.first, many.last), "{name}");
            }
        }
    });
}

/// The attacker's platform on the list of what is sanctioned changes nothing.
pub fn an_attacker_on_a_sanctioned_platform_is_an_attacker(
    desk: &mut Desk,
    told: &Scenario,
    partial: &Partial,
    what: &str,
) {
    let ways = told.truth.told.iter().flat_map(|t| &t.ways).filter(|way| way.state == "exfiltrated");
    let destinations: Vec<&String> = ways.flat_map(|way| &way.destinations).collect();
    if destinations.is_empty() {
        return;
    }
    let entry = format!("\n[[sanctioned]]\ndestination = {destinations:?}\nwhy = \"platform in use\"\n");
    let (plain, sanctioned) = (told.scopes(true), told.scopes(true) + &entry);
    let plain = desk.judge(&plain, partial.clone());
    let sanctioned = desk.judge(&sanctioned, partial.clone());
    for known in &told.truth.told {
        let (plain, sanctioned) = (scope(&plain.verdict, &known.scope), scope(&sanctioned.verdict, &known.scope));
        assert_eq!(plain.state, sanctioned.state, "{what}");
    }
}

/// All that a case shows.
fn bytes(outcome: &Outcome) -> String {
    let parts =
        (&outcome.verdict, &outcome.findings, &outcome.transfers, &outcome.coverage, &outcome.ledger, &outcome.partial);
    serde_json::to_string(&parts).unwrap()
}

#[test]
fn shards_in_any_order_and_later_additions_come_to_the_same_case() {
    let mut turn = 0;
    each(3, false, |desk, name, twin, params| {
        turn += 1;
        let told = scenario(name, twin, params);
        let scopes = told.scopes(true);
        let survey = desk.survey(&told);
        let whole = desk.read_part(&survey, |_| true);
        let whole = bytes(&desk.judge(&scopes, whole));
        let splits = if is_full() { 2..=5 } else { 2 + turn % 4..=2 + turn % 4 };
        for shards in splits {
            let mut parts: Vec<Partial> =
                (0..shards).map(|shard| desk.read_part(&survey, |at| at % shards == shard)).collect();
            parts.rotate_left(turn % shards);
            if turn % 2 == 0 {
                parts.reverse();
            }
            let merged = merge::all(parts);
            assert!(bytes(&desk.judge(&scopes, merged)) == whole, "{name} twin {twin}, {shards} shards");
        }
    });
}

#[test]
fn a_file_that_is_delivered_twice_counts_once() {
    let mut turn = 0;
    each(6, true, |desk, name, twin, params| {
        turn += 1;
        let told = scenario(name, twin, params);
        let mut twice = scenario(name, twin, params);
        let copies: Vec<_> = told.files.iter().skip(turn % 3).step_by(3).collect();
        twice.files.extend(copies.into_iter().map(|file| file.again("later")));
        let scopes = told.scopes(true);
        let (once, twice) = (desk.read(&told), desk.read(&twice));
        let (once, twice) = (desk.judge(&scopes, once).verdict, desk.judge(&scopes, twice).verdict);
        assert_eq!(nameless(&once, 0), nameless(&twice, 0), "{name} twin {twin}");
    });
}

#[test]
fn a_proxy_that_is_missing_opens_what_refers_to_it() {
    let mut desk = Desk::new();
    let told = scenario("attempted", true, Params { story: 2, rate: 1, ..Params::default() });
    let town = &told.truth.told[0].scope;
    let partial = desk.read(&told);
    // No other log of the way out.
    let partial = without(&told, &partial, Kind::Firewall);
    let missing = without(&told, &partial, Kind::Proxy);
    let plain = told.scopes(true);
    let expected = format!("{plain}\n[[expect]]\nscope = \"{town}\"\nsource = \"proxy\"\n");
    let mut state = |scopes: &str, partial: &Partial| {
        let outcome = desk.judge(scopes, partial.clone());
        let told = scope(&outcome.verdict, town);
        (word(route(told, "https_upload").state), told.coverage.collect_next.clone())
    };
    assert_eq!(state(&expected, &partial).0, "no_evidence");
    assert_eq!(state(&expected, &missing), ("cannot_tell".to_owned(), vec!["proxy log".to_owned()]));
    assert_eq!(state(&plain, &missing).0, "not_examined");
}

#[test]
fn a_proxy_that_flows_lead_to_opens_what_is_behind_it_where_its_log_is_missing() {
    let mut desk = Desk::new();
    let params = Params { story: 2, rate: 1, explicit: true, ..Params::default() };
    let told = scenario("attempted", true, params);
    let town = &told.truth.told[0].scope;
    let whole = desk.read(&told);
    let missing = without(&told, &whole, Kind::Proxy);
    let neither = without(&told, &missing, Kind::Firewall);
    let mut state = |partial: &Partial| {
        let outcome = desk.judge(&told.scopes(true), partial.clone());
        let (told, referred) = (scope(&outcome.verdict, town), &outcome.coverage.referred);
        let proxy = referred.iter().find(|r| r.scope == *town).map(|r| format!("the log of the proxy {}", r.system));
        assert_eq!(told.coverage.collect_next, Vec::from_iter(proxy.clone()));
        let cited = told.reasons.iter().any(|r| r.clause == "J-83");
        (word(route(told, "https_upload").state), word(route(told, "cloud_storage").state), proxy.is_some(), cited)
    };
    assert_eq!(state(&whole), ("no_evidence".to_owned(), "no_evidence".to_owned(), false, false));
    assert_eq!(state(&missing), ("cannot_tell".to_owned(), "cannot_tell".to_owned(), true, true));
    assert_eq!(state(&neither), ("not_examined".to_owned(), "not_examined".to_owned(), false, false));
}

#[test]
fn a_windows_log_that_was_cleared_weakens_the_verdict() {
    let mut desk = Desk::new();
    let params = Params { story: 2, rate: 1, ..Params::default() };
    let (kept, cleared) =
        (scenario("https_upload", false, params), scenario("https_upload", false, Params { cleared: true, ..params }));
    let town = &kept.truth.told[0].scope;
    let (kept, cleared) = (told(&mut desk, &kept), told(&mut desk, &cleared));
    let (kept, cleared) = (scope(&kept.verdict, town), scope(&cleared.verdict, town));
    assert!(claimed(cleared.state) < claimed(kept.state), "{:?} from {:?}", cleared.state, kept.state);
    assert!(cleared.coverage.gaps.iter().any(|gap| word(gap.reason) == "cleared"));
    assert!(!cleared.complete && kept.complete);
}
