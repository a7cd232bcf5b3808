//! What is packed comes back as it was.

use data_encoding::BASE64;

use super::*;

fn key(at: u32) -> ObservationKey {
    ObservationKey {
        seen: Seen::ALL[at as usize % Seen::ALL.len()],
        client: format!("10.0.{}.{}", at / 256, at % 256).into(),
        server: "ü".repeat(at as usize % 3).into(),
        name: "".into(),
        account: "RV\\a".into(),
        host: "h".into(),
        port: u16::MAX - at as u16,
        sends: at.is_multiple_of(2),
        outcome: Outcome::ALL[at as usize % Outcome::ALL.len()],
        nat: "n".repeat(at as usize % 2).into(),
    }
}

fn seen(at: u32) -> Observed {
    let time = |hour: u32| Instant::from_secs(i64::from(hour) * 3600 - 7);
    let place = |offset: u64| Place {
        offset,
        length: 9,
        line: at.is_multiple_of(2).then_some(offset),
        record: at.is_multiple_of(3).then_some(u64::MAX),
        event_record_id: at.is_multiple_of(5).then_some(3),
        in_doubt: false,
    };
    let hour = |hour: u32| Hour {
        span: time(hour).filter(|_| hour > 0).map(Span::at),
        sum: Sum {
            records: 1,
            up: u64::MAX,
            up_unlogged: u64::from(hour) % 2,
            down: 5,
            down_unlogged: 1,
            joint: u64::from(hour) / 3,
            joint_records: u64::from(hour) / 3,
        },
    };
    let cited = |n: u64| Cited {
        bytes: 9 - n,
        up: n.is_multiple_of(2),
        span: time(at).filter(|_| n > 1).map(|last| Span { first: last.plus_secs(-60 * i64::from(at % 3)), last }),
        place: place(n),
        sha256: RecordDigest([n as u8; 32]),
    };
    let mut names = Names::default();
    (0..at % 3).for_each(|n| {
        names.add(&format!("{n}.ü"), Kinds(n as u8));
    });
    let hours = (at % 2..at % 7 + 2).map(hour).collect();
    Observed { hours, cited: (0..u64::from(at) % 5).map(cited).collect(), names }
}

#[test]
fn a_conversation_is_found_in_whatever_part_it_lies() {
    let all: Conversations = (0..6_000).map(|at| (key(at), seen(at))).collect();
    assert!(all.parts.len() > 9, "{} parts", all.parts.len());
    for (key, told) in all.iter() {
        assert_eq!(all.find(&key).map(Told::unpack), Some(told.unpack()), "{key:?}");
        assert!(all.find(&Key { host: "h and no other", ..key }).is_none());
    }
    assert!(all.find(&Key { account: "", ..key(0).as_key() }).is_none(), "before the first of its kind");
    assert!(Conversations::default().find(&key(0).as_key()).is_none());
}

#[test]
fn conversations_come_back_from_their_packed_form_and_from_the_state() {
    let all: BTreeMap<ObservationKey, Observed> = (0..3000).map(|at| (key(at), seen(at))).collect();
    let packed: Conversations = all.clone().into_iter().collect();
    assert!(packed.parts.len() > 2, "several parts");
    let back: BTreeMap<ObservationKey, Observed> = packed.iter().map(|(k, t)| (k.to_owned(), t.unpack())).collect();
    assert_eq!((back, packed.len()), (all, 3000));
    let text = serde_json::to_string(&packed).unwrap();
    assert_eq!(serde_json::from_str::<Conversations>(&text).unwrap(), packed);
    let halves = packed.iter().map(|(key, told)| (key.to_owned(), told.unpack()));
    assert_eq!(halves.clone().chain(halves).map(|(key, _)| (key, seen(1))).collect::<Conversations>().len(), 3000);
}

#[test]
fn a_state_that_was_changed_is_refused_or_sound() {
    let packed: Conversations = (0..6).map(|at| (key(at), seen(at))).collect();
    let part = [&[VERSION], &packed.parts[0][..]].concat();
    let read = |part: &[u8]| serde_json::from_value::<Conversations>(serde_json::json!([BASE64.encode(part)]));
    assert_eq!(read(&part).unwrap(), packed);
    for cut in 0..part.len() {
        if let Ok(fewer) = read(&part[..cut]) {
            assert!(fewer.len() < packed.len(), "cut at {cut}");
        }
        for flip in [1, 0x80, 0xff] {
            let mut changed = part.clone();
            changed[cut] ^= flip;
            if let Ok(all) = read(&changed) {
                let again = serde_json::to_value(&all).and_then(serde_json::from_value::<Conversations>);
                assert_eq!(again.unwrap(), all, "what was taken at {cut} is sound");
            }
        }
    }
    let twice = [&part[..], &part[1..]].concat();
    assert!(read(&twice).unwrap_err().to_string().contains("not sorted"));
    let newer = read(&[VERSION + 1, 0]).unwrap_err().to_string();
    assert!(newer.contains("another version"), "{newer}");
}
