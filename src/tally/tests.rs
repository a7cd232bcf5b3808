//! Accounts of several threads and of any cap.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::model::fields::{Canon, Kind};
use crate::model::time::{Instant, Stamp};

fn record(tally: &mut Tally, client: &str, hour: i64, bytes: u64, offset: u64) {
    let mut fields = Fields::default();
    let bytes = bytes.to_string();
    for (canon, value) in [(Canon::SourceIp, client), (Canon::DestinationBytes, &bytes)] {
        fields.push(Some(canon), b"x", value.as_bytes(), Kind::Str);
    }
    fields.time = Instant::from_secs(hour * 3600).map(Stamp::certain);
    let place = Place { offset, length: 9, line: None, record: None, event_record_id: None, in_doubt: false };
    tally.observe("access", (&mut fields, None), place, &|_| RecordDigest([offset as u8; 32]));
    tally.settle(&|_| RecordDigest([offset as u8; 32]));
}

/// The accounts of so many threads, with this cap.
fn sharing(threads: usize, cap: usize) -> Vec<Tally> {
    accounts(threads).into_iter().map(|account| Tally { cap: Cap::of(cap, threads), ..account }).collect()
}

/// What is kept of these records, by the plain rule: all in one tree, the smallest keys up to the cap.
fn plainly(records: &[(String, i64, u64)], cap: usize) -> (Vec<(String, u64)>, u64) {
    let mut all: BTreeMap<&str, (BTreeSet<i64>, u64)> = BTreeMap::new();
    for (client, hour, bytes) in records {
        let (hours, sum) = all.entry(client).or_default();
        hours.insert(*hour);
        *sum += bytes;
    }
    let (mut weight, mut kept, mut rest) = (0, Vec::new(), 0);
    for (client, (hours, sum)) in all {
        weight += CONVERSATION_WEIGHT + hours.len();
        if weight > cap {
            rest += sum;
        } else {
            kept.push((client.to_owned(), sum));
        }
    }
    (kept, rest)
}

#[test]
fn what_the_cap_leaves_is_the_same_for_any_number_of_threads() {
    let mut seed = 7u64;
    let mut random = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    for cap in [0, 3, 60, 500, 100_000] {
        // Few clients with very many hours lie among those with one.
        let records: Vec<(String, i64, u64)> = (0..3000)
            .map(|_| {
                let client = random(150);
                let hours = if client % 40 == 0 { 90 } else { 3 };
                (format!("192.0.2.{client}"), random(hours) as i64, random(9))
            })
            .collect();
        let (kept, rest) = plainly(&records, cap);
        for threads in [1, 2, 5] {
            let mut tallies = sharing(threads as usize, cap);
            for (offset, (client, hour, bytes)) in (0..).zip(&records) {
                record(&mut tallies[random(threads) as usize], client, *hour, *bytes, offset);
            }
            let (_, seen) = gather(tallies);
            let told: Vec<(String, u64)> =
                seen.kept.iter().map(|(key, told)| (key.client.to_owned(), told.sum().down)).collect();
            assert_eq!((told, seen.rest.down), (kept.clone(), rest), "cap {cap}, {threads} threads");
            let records = seen.kept.values().map(|told| told.sum().records).sum::<u64>();
            assert_eq!(records + seen.rest.records, 3000);
        }
    }
}

/// One question of a client.
fn question(tally: &mut Tally, client: u64, name: &str, offset: u64) {
    let mut fields = Fields::default();
    let client = format!("192.0.2.{client}");
    for (canon, value) in [(Canon::SourceIp, &*client), (Canon::DnsQuestion, name), (Canon::DnsType, "TXT")] {
        fields.push(Some(canon), b"x", value.as_bytes(), Kind::Str);
    }
    let place = Place { offset, length: 9, line: None, record: None, event_record_id: None, in_doubt: false };
    let digest = |place: Place| RecordDigest([(place.offset % 250) as u8 + 1; 32]);
    tally.observe("bind", (&mut fields, None), place, &digest);
    tally.settle(&digest);
}

#[test]
fn names_that_are_kept_are_the_same_for_any_number_of_threads_and_weigh() {
    let names: Vec<(u64, String)> =
        (0..4000u64).map(|n| (n * n % 7, format!("{:016x}.t.evil.example", n % 1500 * 0x9e37_79b9_7f4a))).collect();
    for cap in [600, 2000, 100_000] {
        let told = |threads: usize| {
            let mut tallies = sharing(threads, cap);
            for (at, (client, name)) in names.iter().enumerate() {
                question(&mut tallies[at * 7 % threads], *client, name, at as u64);
            }
            gather(tallies).1
        };
        let (one, five) = (told(1), told(5));
        assert!(one == told(2) && one == five, "cap {cap}");
        let kept: Vec<usize> = one.kept.values().map(|told| told.names().unwrap().kept().len()).collect();
        let fits = kept.iter().map(|names| CONVERSATION_WEIGHT + 1 + NAME_WEIGHT * names).sum::<usize>() <= cap;
        assert!(fits && kept.contains(&names::NAMES_KEPT), "cap {cap}: {kept:?}");
    }
}

#[test]
fn the_records_that_moved_the_most_are_cited_whatever_is_cut() {
    for cap in [20, 1000] {
        let mut tally = Tally { cap: Cap::of(cap, 1), ..Tally::default() };
        for at in 0..600u64 {
            record(&mut tally, "192.0.2.1", (at % 3) as i64, at * 7 % 600, at);
            record(&mut tally, &format!("192.0.3.{}", at % 250), 1, 1, at);
        }
        let (_, seen) = gather([tally]);
        let told = seen.kept.values().next().unwrap();
        let cited: Vec<u64> = told.cited().map(|cited| cited.bytes).collect();
        assert_eq!((cited, told.sum().records, told.hours().count()), (vec![599, 598, 597, 596], 600, 3));
    }
}

/// A tally of these hours, one record each, in this order.
fn told(hours: &[i64]) -> (Covered, Observations) {
    let mut tally = Tally::default();
    for (at, hour) in (0u64..).zip(hours) {
        let mut fields = Fields::default();
        for (canon, value) in [(Canon::SourceIp, "192.0.2.1"), (Canon::DestinationBytes, "18446744073709551615")] {
            fields.push(Some(canon), b"x", value.as_bytes(), Kind::Str);
        }
        fields.time = Instant::from_secs(hour * 3600).map(Stamp::certain);
        let place =
            Place { offset: at * 10, length: 9, line: None, record: Some(at), event_record_id: None, in_doubt: false };
        tally.cover("access", &fields);
        tally.observe("access", (&mut fields, None), place, &|_| RecordDigest([1; 32]));
        tally.settle(&|_| RecordDigest([1; 32]));
    }
    gather([tally])
}

#[test]
fn a_log_that_runs_backwards_adds_up_to_the_same_and_sums_do_not_wrap() {
    let forward: Vec<i64> = (0..500).flat_map(|hour| [hour, hour]).collect();
    let backward: Vec<i64> = forward.iter().rev().copied().collect();
    let ((covered, seen), (covered_back, back)) = (told(&forward), told(&backward));
    assert_eq!(covered, covered_back);
    let hours = |o: &Observations| o.kept.values().next().unwrap().hours().collect::<Vec<_>>();
    assert_eq!((hours(&seen), hours(&seen).len()), (hours(&back), 500));
    assert_eq!(hours(&seen)[0].sum.down, u64::MAX);
    assert_eq!(seen.kept.values().next().unwrap().sum().records, 1000);
}
