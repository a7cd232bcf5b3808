//! What people read: the summary and the report say what was not examined and not read, and are safe to show.

use exfiltrace::emit::{self, safe::is_steering};
use exfiltrace::model::ledger::{Note, Reason};
use exfiltrace::model::verdict::State;

use super::sample::{Sample, of, sample};

/// The page up to its second heading.
fn first_paragraph(s: &Sample) -> String {
    let html = emit::report_html(&s.input());
    html.split("</p>").next().unwrap().to_owned()
}

#[test]
fn hostile_content_reaches_no_terminal_and_no_markup() {
    let s = sample();
    let text = emit::summary(&s.input(), false, 200);
    assert!(!text.chars().any(|c| c != '\n' && is_steering(c)), "{text:?}");
    let html = emit::report_html(&s.input());
    assert!(!html.contains("<script") && !html.contains('\u{202e}') && !html.contains('\u{1b}'));
    let markdown = emit::report_markdown(&s.input());
    assert!(!markdown.contains("<script") && !markdown.contains("](http"), "{markdown}");
}

#[test]
fn no_line_of_the_summary_is_wider_than_asked_and_no_escape_is_left_open() {
    let s = sample();
    for width in [40, 63, 100] {
        let text = emit::summary(&s.input(), false, width);
        let wide: Vec<&str> = text.lines().filter(|l| l.chars().count() > width).collect();
        assert!(wide.is_empty(), "{width}: {wide:#?}");
        assert_eq!(text, emit::summary(&s.input(), false, width));
    }
    let colored = emit::summary(&s.input(), true, 100);
    assert_eq!(colored.matches("\u{1b}[1;").count(), colored.matches("\u{1b}[0m").count());
}

#[test]
fn the_summary_answers_first_and_carries_every_part() {
    let s = sample();
    let text = emit::summary(&s.input(), false, 400);
    assert!(text.starts_with("ANSWER: exfiltrated\n"), "{text}");
    for part in [
        "highly likely (80 to 90 %)",
        "SCOPE riverside: exfiltrated",
        "dns_tunnel cannot be told",
        "confidentiality: yes; of integrity: no sign; of availability: cannot tell",
        "J-12",
        "cloud_storage: exfiltrated, at least 1 bytes, no upper bound, 2026-03-28T23:10:04Z to 2026-03-28T23:10:04Z",
        "from hosts h; by accounts u",
        "a → b (c), network, at least 1 bytes",
        "sanctioned: backup",
        "against it:",
        "ask:",
        "evidence of the reasons:",
        "e/a.log:2, event record 7  =cmd|",
        "collect next:",
        "e/a.log: cleared, from 2026-03-28T23:10:04Z on",
        "usb: x",
        "NOT READ in full: 1 item\n",
        "signs AFTER containment",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

#[test]
fn the_first_paragraph_says_what_was_not_examined_from_the_routes_themselves() {
    let mut s = sample();
    let first = first_paragraph(&s);
    assert!(
        first.contains("No way out that was judged is in state not_examined. Not judged in any scope: https_upload,")
    );
    assert!(!first.contains("NOT examined"), "{first}");
    let mut route = s.verdict.scopes[0].routes[0].clone();
    route.route = of(serde_json::json!("usb"));
    route.state = State::NotExamined;
    let told = std::mem::take(&mut route.findings);
    s.verdict.scopes[0].routes.push(route);
    let unseen = "NOT examined, because no log in the evidence observes it: usb.";
    assert!(first_paragraph(&s).contains(unseen), "{}", first_paragraph(&s));
    assert!(emit::summary(&s.input(), false, 400).contains(unseen));
    s.verdict.scopes[0].routes.last_mut().unwrap().findings = told;
    assert!(
        first_paragraph(&s).contains("observes it: usb (of which findings tell in part)."),
        "{}",
        first_paragraph(&s)
    );
    s.verdict.scopes[0].routes.clear();
    assert!(first_paragraph(&s).contains("No way out was examined."));
}

#[test]
fn everything_was_read_is_said_only_without_a_single_note() {
    let mut s = sample();
    assert!(first_paragraph(&s).contains("NOT everything was read: damaged (1)"), "{}", first_paragraph(&s));
    s.ledger[0].notes = vec![Note::new(Reason::Empty, "zero bytes")];
    assert!(first_paragraph(&s).contains("Everything was read: 1 source,"), "{}", first_paragraph(&s));
    s.ledger[0].notes = vec![Note::new(Reason::FindingsCapped, "x").counted(9)];
    let text = first_paragraph(&s);
    assert!(!text.contains("verything was read") && text.contains("findings capped (1)"), "{text}");
    s.ledger.clear();
    assert!(first_paragraph(&s).contains("Nothing was read"));
}

/// Everything between `begin` and the next `end`.
fn between<'h>(html: &'h str, begin: &str, end: &str) -> &'h str {
    let rest = html.split_once(begin).unwrap_or_else(|| panic!("{begin} is not in {html}")).1;
    rest.split_once(end).map_or(rest, |(found, _)| found)
}

#[test]
fn the_page_answers_in_words_for_every_state() {
    for (state, words) in [
        (State::Exfiltrated, "Yes, data left"),
        (State::Accessed, "Yes, data was reached; that it left is not shown"),
        (State::Unexplained, "Perhaps: data moved out"),
        (State::CannotTell, "These logs cannot tell"),
        (State::IntrusionOnly, "No sign of it in these logs, but there was an intrusion"),
        (State::Attempted, "No sign of it in these logs; there were attacks"),
        (State::NoEvidence, "No sign of it in these logs</h1>"),
        (State::NotExamined, "This was not examined"),
    ] {
        let mut s = sample();
        s.verdict.overall.state = state;
        let html = emit::report_html(&s.input());
        assert!(html.contains(&format!("<h1>Was data compromised? {words}")), "{state:?}");
        assert!(html.contains(&format!("<p class=\"answer {}\">", state.word())), "{state:?}");
    }
}

#[test]
fn references_lead_to_what_is_on_the_page_and_to_nothing_else() {
    let mut s = sample();
    let shown = s.findings.list()[0].id.clone();
    s.verdict.scopes[0].reasons[0].findings = vec![shown.clone(), "f-elsewhere".into()];
    let html = emit::report_html(&s.input());
    assert!(html.contains(&format!("<a href=\"#{shown}\">")) && html.contains(&format!("id=\"{shown}\"")));
    assert!(html.contains("f-elsewhere") && !html.contains("#f-elsewhere"));
    for target in html.split("href=\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(html.contains(&format!("id=\"{target}\"")), "{target} leads nowhere");
    }
    let rests_on = between(&html, "<h3>What the answer rests on</h3>", "<h3>");
    assert!(rests_on.contains(&*shown) && rests_on.matches("<tr>").count() == 1, "{rests_on}");
    assert!(!between(&html, "<h3>Other findings</h3>", "<h2").contains(&format!("id=\"{shown}\"")));
}

#[test]
fn ways_out_have_names_and_what_no_log_observes_is_no_row() {
    let mut s = sample();
    let mut unseen = s.verdict.scopes[0].routes[0].clone();
    unseen.route = of(serde_json::json!("usb"));
    unseen.state = State::NotExamined;
    unseen.findings.clear();
    s.verdict.scopes[0].routes.push(unseen);
    let html = emit::report_html(&s.input());
    let table = between(&html, "<h3>Ways out</h3>", "</table>");
    assert!(table.contains("cloud storage (cloud_storage)") && table.contains("data-state=\"exfiltrated\""), "{table}");
    assert!(!table.contains("usb"), "{table}");
    assert!(html.contains("Not examined, because no log in the evidence observes it: USB media (usb)."));
}

#[test]
fn a_column_in_which_nothing_stands_is_left_out() {
    let mut s = sample();
    let with = emit::report_html(&s.input());
    assert!(between(&with, "<h3>Transfers, the largest first</h3>", "</tr>").contains("<th>Sanctioned</th>"));
    s.transfers.iter_mut().for_each(|t| t.sanctioned = None);
    let without = emit::report_html(&s.input());
    assert!(!between(&without, "<h3>Transfers, the largest first</h3>", "</tr>").contains("Sanctioned"));
    assert!(between(&without, "<h3>Transfers, the largest first</h3>", "</tr>").contains("<th>Bytes out</th>"));
}
