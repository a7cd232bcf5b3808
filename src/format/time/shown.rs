//! Stamps as pages show them to people, which exports of these pages keep.

use super::civil::Civil;
use super::cursor::Cursor;
use crate::model::layout::Layout;
use crate::model::time::Stamp;

/// Reads `Mar 28, 2026 @ 23:10:04.123`, as Kibana and OpenSearch Dashboards write times into CSV: in the zone of whoever exported it, which
/// is not told.
pub(super) fn discover(bytes: &[u8], layout: &Layout) -> Option<Stamp> {
    let mut cursor = Cursor { bytes, at: 0 };
    let month = cursor.month_name()?;
    cursor.eat(b' ')?;
    let day = cursor.digits(1, 2)?;
    ", ".bytes().try_for_each(|byte| cursor.eat(byte))?;
    let year = cursor.digits(4, 4)?;
    " @ ".bytes().try_for_each(|byte| cursor.eat(byte))?;
    let (second, micro) = cursor.clock()?;
    let civil = Civil { year, month, day, second, micro };
    (cursor.at == bytes.len()).then(|| civil.in_zone(layout))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_of_discover_is_read_whole_or_not_at_all() {
        let read = |text: &str| discover(text.as_bytes(), &Layout::plain()).map(|stamp| stamp.at.to_string());
        assert_eq!(read("Mar 28, 2026 @ 23:10:04.123").as_deref(), Some("2026-03-28T23:10:04.123Z"));
        assert_eq!(read("Mar 8, 2026 @ 03:10:04").as_deref(), Some("2026-03-08T03:10:04Z"));
        for bad in
            ["Mar 32, 2026 @ 23:10:04", "Mar 28 2026 @ 23:10:04", "Mar 28, 2026 @ 23:10:04 x", "Mar 28, 2026 23:10:04"]
        {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
