//! Which side of a connection a sensor did not see.

/// A side of a connection of which a sensor saw nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    /// Who opened it.
    Originator,
    /// Who was called.
    Responder,
}

/// The side of which nothing was seen, by the letters of Zeek's `history`: capitals are of the originator, others of the
/// responder. Who acknowledges (`A`) or ends (`F`) a connection was answered; who alone sends may have been left without an answer.
///
/// SOURCE: Zeek, base/protocols/conn, `Conn::Info$history`.
pub fn halves(history: &[u8]) -> Option<Half> {
    let has = |of: fn(&u8) -> bool| history.iter().any(of);
    match (has(u8::is_ascii_uppercase), has(u8::is_ascii_lowercase)) {
        (false, true) => Some(Half::Originator),
        (true, false) if has(|letter| matches!(letter, b'A' | b'F')) => Some(Half::Responder),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_side_without_a_packet_was_not_seen_where_the_other_was_answered() {
        let told = |history: &str| halves(history.as_bytes());
        for seen in ["ShADadFf", "S", "Sr", "SR", "D", "Dd", "DC", "", "-", "^dA"] {
            assert_eq!(told(seen), None, "{seen}");
        }
        assert_eq!(["h", "hadf", "^d"].map(told), [Some(Half::Originator); 3]);
        assert_eq!(["SF", "DA", "SADF", "^A"].map(told), [Some(Half::Responder); 4]);
    }
}
