//! Compiled indicators: what is read is what was written, whatever happened to the file in between.

use std::collections::BTreeMap;
use std::path::Path;

use exfiltrace::indicators::{Builder, db};
use exfiltrace::model::flat::Flat;
use exfiltrace::model::indicator::Indicators;
use proptest::prelude::*;

use crate::determinism::case_files;
use crate::indicators::{build, hits};
use crate::support::{exfiltrace, project};

const STIX: &str = r#"{"type":"bundle","id":"bundle--1","objects":[
  {"type":"indicator","id":"indicator--1","pattern":"[domain-name:value = 'h.bad.org']","pattern_type":"stix",
   "confidence":70,"valid_from":"2026-01-01T00:00:00Z","valid_until":"2027-01-01T00:00:00Z","labels":["a","b"]},
  {"type":"indicator","id":"indicator--2","pattern":"[domain-name:value = 'evil.com']","pattern_type":"stix",
   "confidence":0,"labels":["b"]}]}"#;

const LIST: &str = "evil.com\nxn--bcher-kva.example\n203.0.113.4\n198.51.100.0/24\n2001:db8::1\n2001:db8:7::/48\n\
    http://evil.com/a?b=1\nhttps://203.0.113.9/x\nbob@evil.com\n0123456789abcdef0123456789abcde0\nbad.exe\n";

const AGENTS: &str = "#fields\tindicator\tindicator_type\nEvilBot/1.0 (x)\tIntel::SOFTWARE\n";

const TEXT: &[u8] = b"h.bad.org x.evil.com b\xc3\xbccher.example 203.0.113.4 198.51.100.7 2001:db8::1 2001:db8:7::5 \
    http://evil.com/a?b=1 https://203.0.113.9/x <bob@evil.com> 0123456789ABCDEF0123456789abcde0 c:\\bad.exe \
    \"EvilBot/1.0 (x)\" \n";

/// One of everything, of three feeds.
fn sample() -> Indicators {
    let mut builder = Builder::new();
    builder.add("bundle", "00", STIX.as_bytes());
    builder.add("list", "01", LIST.as_bytes());
    builder.add("zeek", "02", AGENTS.as_bytes());
    let (set, refused) = builder.finish();
    assert_eq!((set.list.len(), refused.len()), (13, 0), "{refused:?}");
    set
}

fn written(set: &Indicators) -> Vec<u8> {
    let mut file = Vec::new();
    db::write(set, &mut file).unwrap();
    file
}

fn read(file: &[u8]) -> Result<Indicators, String> {
    db::read(&Flat::from(file.to_vec())).map_err(|fault| format!("{}: {}", fault.place, fault.what))
}

/// Uses all of a set: no table may lead anywhere that makes a reader panic.
fn use_all(set: &Indicators) -> usize {
    let metas = (0..set.list.len() as u32 + 2).map(|index| set.meta(index).feeds.len()).sum::<usize>();
    metas + set.list.iter().count() + hits(set, TEXT).len()
}

#[test]
fn what_is_read_is_what_was_written() {
    let set = sample();
    let file = written(&set);
    assert_eq!(file, written(&sample()), "the same feeds give the same bytes");
    let back = read(&file).unwrap();
    assert!(back == set);
    assert_eq!(hits(&set, TEXT).len(), 15);
    assert_eq!(hits(&back, TEXT), hits(&set, TEXT));
    let all = |set: &Indicators| (0..14).map(|index| set.meta(index)).collect::<Vec<_>>();
    assert_eq!(all(&back), all(&set));
    assert!(all(&set).iter().any(|meta| meta.confidence == Some(70) && meta.labels.len() == 2));
    assert_eq!(written(&back), file, "a set that was read is written as it was");
    let empty = Indicators::compile([].into_iter().collect(), Vec::new());
    assert!(read(&written(&empty)).unwrap() == empty);
}

/// Whoever changes how values are spelt, hashed or laid out changes these bytes, and must raise `db::VERSION`: older
/// files would be read and not be met.
#[test]
fn a_change_of_the_bytes_needs_a_new_version() {
    let digest = blake3::hash(&written(&sample())).to_hex();
    assert_eq!((db::VERSION, &digest[..16]), (2, "8382732030df26e4"));
}

/// Every byte of header and table, and many others, is changed in several ways: an error, or the same set.
#[test]
fn damage_is_an_error() {
    let (set, file) = (sample(), written(&sample()));
    let head = 64 + 96 * u32::from_le_bytes(file[12..16].try_into().unwrap()) as usize;
    let step = file.len() / 2000 + 1;
    let mut refused = 0;
    for at in (0..head).chain((head..file.len()).step_by(step)) {
        for change in [1, 0x80, 0xFF] {
            let mut damaged = file.clone();
            damaged[at] ^= change;
            match read(&damaged) {
                Ok(back) => assert!(back == set, "byte {at} with {change:#x} is another set"),
                Err(_) => refused += 1,
            }
        }
    }
    assert!(refused > 3 * head * 9 / 10, "{refused} of {head} bytes three times");
}

#[test]
fn a_file_that_is_cut_or_too_long_is_an_error() {
    let file = written(&sample());
    let count = u32::from_le_bytes(file[12..16].try_into().unwrap()) as usize;
    let mut borders = vec![0, 1, 7, 8, 63, 64, 65, 64 + 96 * count];
    for number in 0..count {
        let at = 64 + 96 * number + 32;
        let place = |at: usize| u64::from_le_bytes(file[at..at + 8].try_into().unwrap()) as usize;
        borders.extend([place(at), place(at) + place(at + 8)]);
    }
    for border in borders {
        for end in [border.saturating_sub(1), border, border + 1] {
            if end < file.len() {
                assert!(read(&file[..end]).is_err(), "cut at {end}");
            }
        }
    }
    assert!(read(&[&file[..], &[0; 64]].concat()).is_err());
}

/// The file with the digests that its bytes ought to have: what somebody would write who means harm.
fn forged(mut file: Vec<u8>) -> Vec<u8> {
    let count = u32::from_le_bytes(file[12..16].try_into().unwrap()) as usize;
    for number in 0..count {
        let at = 64 + 96 * number;
        let place = |at: usize| u64::from_le_bytes(file[at..at + 8].try_into().unwrap()) as usize;
        let (from, length) = (place(at + 32), place(at + 40));
        let end = from.saturating_add(length).checked_next_multiple_of(64).unwrap_or(usize::MAX);
        if let Some(bytes) = file.get(from..end) {
            let digest = *blake3::hash(bytes).as_bytes();
            file[at + 64..at + 96].copy_from_slice(&digest);
        }
    }
    let table = [&file[..32], &file[64..64 + 96 * count]].concat();
    let digest = *blake3::hash(&table).as_bytes();
    file[32..64].copy_from_slice(&digest);
    file
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Digests keep out damage, not intent: bytes that were changed on purpose may be accepted, and then nothing panics.
    #[test]
    fn a_forged_file_is_refused_or_safe(
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        numbers in any::<bool>(),
    ) {
        let mut file = written(&sample());
        let length = file.len();
        for (place, value) in places {
            let at = 64 + place.index(length - 64);
            file[at] = value;
            // Numbers of four bytes that are far too large.
            if numbers && let Some(word) = file.get_mut(at & !3..(at & !3) + 4) {
                word.fill(value | 0xF0);
            }
        }
        if let Ok(set) = read(&forged(file)) {
            use_all(&set);
            let mut builder = Builder::new();
            builder.add_compiled(&set);
            use_all(&builder.finish().0);
        }
    }

    /// Written, read, searched: the same hits as the set in memory.
    #[test]
    fn a_set_survives_the_file(
        names in prop::collection::btree_set("[a-c]{1,2}\\.[d-f]{1,2}\\.(com|net|co\\.uk)", 0..40),
        addresses in prop::collection::btree_set(any::<[u8; 4]>(), 0..40),
        digests in prop::collection::btree_set("[0-9a-f]{32}|[0-9a-f]{64}", 0..20),
    ) {
        let lines = names.into_iter().chain(digests).chain(addresses.into_iter().map(|[a, b, c, d]| format!("{a}.{b}.{c}.{d}")));
        let list: String = lines.map(|line| line + "\n").collect();
        let (set, _) = build(&list);
        let back = read(&written(&set)).unwrap();
        prop_assert!(back == set);
        let text = list.to_uppercase();
        let found = hits(&set, text.as_bytes());
        prop_assert!(found.len() >= set.list.len());
        prop_assert_eq!(hits(&back, text.as_bytes()), found);
    }
}

fn text_of(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Scans two logs of the incident with these arguments more; the files of the case without its manifest, and what was
/// said on standard error.
fn case(folder: &Path, name: &str, more: &[&str]) -> (BTreeMap<String, Vec<u8>>, String) {
    let out = folder.join(name);
    let evidence = ["web", "proxy"].map(|name| project("fixtures/incident/evidence").join(name));
    let mut args = vec!["scan", "--no-builtin", "--out", text_of(&out)];
    args.extend(evidence.iter().map(|path| text_of(path)));
    args.extend(more);
    let output = exfiltrace(&args);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    let files = case_files(&out);
    assert!(files["findings.jsonl"].len() > 1000);
    (files, said)
}

#[test]
fn a_scan_with_compiled_feeds_writes_the_same_case() {
    let temp = tempfile::tempdir().unwrap();
    let (db, again) = (temp.path().join("ioc.db"), temp.path().join("again.db"));
    let feed = project("fixtures/incident/indicators.txt");
    for to in [&db, &again] {
        let output = exfiltrace(&["indicators", "compile", text_of(&feed), "-o", text_of(to)]);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(std::fs::read(&db).unwrap() == std::fs::read(&again).unwrap());
    assert_eq!(std::fs::read_dir(temp.path()).unwrap().count(), 2, "nothing else is left");
    let plain = case(temp.path(), "plain", &["--indicators", text_of(&feed)]).0;
    assert!(plain == case(temp.path(), "mapped", &["--indicators", text_of(&db)]).0);

    // Beside other feeds, the same as all feeds as texts.
    let other = temp.path().join("other.txt");
    std::fs::write(&other, "192.0.2.200\n").unwrap();
    let both = |feed: &Path, name| {
        case(temp.path(), name, &["--indicators", text_of(feed), "--indicators", text_of(&other)]).0
    };
    assert!(both(&feed, "texts") == both(&db, "mixed"));
}

#[test]
fn a_damaged_compiled_file_stops_the_scan_and_says_what_to_do() {
    let temp = tempfile::tempdir().unwrap();
    let (db, log) = (temp.path().join("ioc.db"), temp.path().join("a.log"));
    std::fs::write(&log, "text\n").unwrap();
    let mut file = written(&sample());
    let middle = file.len() / 2;
    file[middle] ^= 1;
    std::fs::write(&db, &file).unwrap();
    for args in
        [vec!["scan", "-q", text_of(&log), "--indicators", text_of(&db)], vec!["indicators", "check", text_of(&db)]]
    {
        let output = exfiltrace(&args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        for part in [text_of(&db), "digest", "indicators compile"] {
            assert!(said.contains(part), "{said}");
        }
    }
}

#[test]
fn a_cache_changes_nothing_cold_warm_or_damaged() {
    let temp = tempfile::tempdir().unwrap();
    let feed = temp.path().join("feed.txt");
    let mut list = std::fs::read_to_string(project("fixtures/incident/indicators.txt")).unwrap();
    list.push_str("10.0.0.1\n");
    std::fs::write(&feed, &list).unwrap();
    let cache = temp.path().join("cache");
    let entries = || {
        let list = std::fs::read_dir(&cache).into_iter().flatten().map(|entry| entry.unwrap().path());
        // The rules are kept beside them.
        list.filter(|path| path.extension().is_none_or(|ending| ending != "pack")).collect::<Vec<_>>()
    };
    let given = ["--indicators", text_of(&feed)];
    let cached = [&given[..], &["--cache", text_of(&cache)]].concat();
    let (without, _) = case(temp.path(), "without", &given);
    let (cold, said) = case(temp.path(), "cold", &cached);
    assert!(cold == without && said.contains("10.0.0.1"), "{said}");
    let kept = entries();
    assert_eq!(kept.len(), 1);
    let bytes = std::fs::read(&kept[0]).unwrap();
    let (warm, said) = case(temp.path(), "warm", &cached);
    assert!(warm == without);
    assert!(said.contains("1 indicator was refused when feeds were compiled"), "{said}");

    std::fs::write(&kept[0], &bytes[..bytes.len() - 1]).unwrap();
    let (mended, said) = case(temp.path(), "damaged", &cached);
    assert!(mended == without && said.contains("warning") && said.contains(text_of(&kept[0])), "{said}");
    assert_eq!((entries(), std::fs::read(&kept[0]).unwrap()), (kept.clone(), bytes));

    // Another content is another entry.
    std::fs::write(&feed, list + "192.0.2.201\n").unwrap();
    case(temp.path(), "changed", &cached);
    assert_eq!(entries().len(), 2);
}

#[test]
fn values_given_more_than_once_are_told_with_their_places() {
    let temp = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = temp.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (one, two) =
        (write("one.txt", "evil.com\nbad.org\nEVIL[.]com\n10.0.0.1\n"), write("two.txt", "# list\nbad.org\n"));
    let output = exfiltrace(&["indicators", "check", &one, &two]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    for line in [
        "one.txt:4: \"10.0.0.1\": private",
        "one.txt:1: \"evil.com\": given again: one.txt:3\n",
        "one.txt:2: \"bad.org\": given again: two.txt:2\n",
        "2  in all, 1 refused, 2 given more than once",
    ] {
        assert!(said.contains(line), "{line} in\n{said}");
    }
}
