//! What a host sent beside what its peers did.

use exfiltrace::model::transfer::{Bounds, Transfer};

use crate::judge::{GIB, at, cites, hc, whose};

/// What 10.2.0.7 sent at noon that nothing explains, beside five others that sent so much.
fn beside(more: &[Transfer], usual: u64) -> (bool, bool) {
    let of = |from: &str, bytes: u64| sent(from, bytes, None);
    let others = (0..5).map(|n| of(&format!("10.2.0.{}", 30 + n), usual));
    let all: Vec<Transfer> = others.chain([of("10.2.0.7", GIB)]).chain(more.iter().cloned()).collect();
    let told = hc(&[], &all, &whose(""));
    let is_reason = told.reasons.iter().any(|r| r.clause == "J-92");
    (is_reason, cites(&told, "J-92") && !is_reason)
}

fn sent(from: &str, bytes: u64, sanctioned: Option<&str>) -> Transfer {
    let mut t = crate::judge::transfer(
        exfiltrace::model::rule::Route::HttpsUpload,
        from,
        if sanctioned.is_some() { "203.0.113.250" } else { "198.51.100.7" },
        bytes,
        2,
        &whose(""),
    );
    t.id = format!("t-{from}{}", sanctioned.is_some()).as_str().into();
    t.bytes = Bounds::exact(bytes);
    t.hours = vec![at("2026-03-02T12:00:00Z").hour()].into();
    t.hour_bytes = vec![bytes].into();
    t.sanctioned = sanctioned.map(Into::into);
    t
}

#[test]
fn what_sanctioned_entries_explain_says_nothing_of_what_is_usual() {
    assert_eq!(beside(&[], 1 << 20), (true, false));
    assert_eq!(beside(&[], GIB), (false, true));
    let backups: Vec<Transfer> = (0..5).map(|n| sent(&format!("10.2.0.{}", 30 + n), 9 * GIB, Some("backup"))).collect();
    assert_eq!(beside(&backups, 1 << 20), (true, false), "peers that are allowed to send much");
    assert_eq!(beside(&[sent("10.2.0.7", 900 * GIB, Some("backup"))], GIB), (false, true), "the host itself");
}
