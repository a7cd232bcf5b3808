//! What real and hostile files do to any format's log: every byte keeps its one fate, and the grid does not matter.

use exfiltrace::model::block::CELL_BYTES;
use exfiltrace::model::layout::{Framing, Layout, Run};

use crate::formats::{Account, Row, account, fixture_bytes, gaps, layout_of};

/// Reads bytes on several grids, which must agree; [`account`] checks the sums.
fn read(bytes: &[u8], layout: &Layout) -> (Account, Vec<Row>) {
    let want = account(bytes, layout, CELL_BYTES, usize::MAX);
    let between = gaps(bytes, layout, CELL_BYTES, usize::MAX);
    let steps = if bytes.len() > 100_000 { [(4096, 70_000), (100_000, 9000)] } else { [(7, 1), (64, 10)] };
    for (cell, step) in steps {
        assert_eq!(account(bytes, layout, cell, step), want, "{}: cell {cell}", layout.format);
        assert_eq!(gaps(bytes, layout, cell, step), between, "{}: cell {cell}", layout.format);
    }
    want
}

/// The samples of all formats of text with their layouts; all end with a line end.
fn samples() -> Vec<(Vec<u8>, Layout)> {
    let mut all = fixture_bytes();
    all.retain(|bytes| std::str::from_utf8(bytes).is_ok_and(|text| !text.contains('\0')));
    all.iter_mut().filter(|bytes| !bytes.ends_with(b"\n")).for_each(|bytes| bytes.push(b'\n'));
    all.into_iter().map(|bytes| (layout_of(&bytes), bytes)).map(|(layout, bytes)| (bytes, layout)).collect()
}

fn texts(rows: &[Row]) -> Vec<&[u8]> {
    rows.iter().map(|row| &*row.4).collect()
}

/// Records of one line each.
fn by_line(layout: &Layout) -> bool {
    matches!(layout.framing, Framing::Lines | Framing::Directives)
}

#[test]
fn the_same_log_twice_has_the_records_twice() {
    for (bytes, layout) in samples() {
        let (once, rows) = read(&bytes, &layout);
        let (twice, more) = read(&bytes.repeat(2), &layout);
        let counts = |a: &Account| (a.parsed, a.rejected, a.untimed);
        assert_eq!(counts(&twice), (once.parsed * 2, once.rejected * 2, once.untimed * 2), "{}", layout.format);
        assert_eq!(texts(&more), [texts(&rows), texts(&rows)].concat(), "{}", layout.format);
    }
}

#[test]
fn line_ends_and_marks_change_no_record() {
    for (bytes, layout) in samples() {
        let want = read(&bytes, &layout);
        let marked = [b"\xef\xbb\xbf", &bytes[..]].concat();
        let bare = bytes[..bytes.len() - 1].to_vec();
        let returned =
            String::from_utf8(bytes.clone()).unwrap().replace("\r\n", "\n").replace('\n', "\r\n").into_bytes();
        for (what, other) in [("mark", marked), ("no last line end", bare), ("returns", returned)] {
            let of = layout_of(&other);
            assert_eq!((of.format, of.framing), (layout.format, layout.framing), "{what}");
            let got = read(&other, &of);
            assert_eq!(got.0, want.0, "{what}");
            let places = |rows: &[Row]| rows.iter().map(|row| (row.2, row.3)).collect::<Vec<_>>();
            assert_eq!(places(&got.1), places(&want.1), "{what}: {}", layout.format);
            if what != "returns" || by_line(&layout) {
                assert_eq!(texts(&got.1), texts(&want.1), "{what}: {}", layout.format);
            }
        }
    }
}

#[test]
fn a_log_that_is_cut_anywhere_keeps_the_records_before_the_cut() {
    for (bytes, layout) in samples() {
        let (_, rows) = read(&bytes, &layout);
        for cut in (1..bytes.len()).step_by(bytes.len() / 23 + 1) {
            let (_, got) = read(&bytes[..cut], &layout);
            let whole = rows.iter().filter(|row| row.0 + row.1 < cut as u64).count();
            assert!(got.len() >= whole, "{} at {cut}", layout.format);
            let (mut got, want) = (texts(&got[..whole]), texts(&rows[..whole]));
            // Of a line that is cut nobody can tell whether it goes on with the record above.
            if let (Framing::Runs(Run::Unnumbered | Run::Begun(_)), Some(got), Some(want)) =
                (&layout.framing, got.last_mut(), want.last())
            {
                assert!(got.starts_with(want), "{} at {cut}", layout.format);
                *got = &got[..want.len()];
            }
            assert_eq!(got, want, "{} at {cut}", layout.format);
        }
    }
}

#[test]
fn bytes_that_are_no_text_cost_the_record_that_they_hit() {
    let long = vec![b'x'; 1 << 20];
    for (bytes, layout) in samples() {
        let (_, rows) = read(&bytes, &layout);
        let Some(hit) = rows.get(rows.len() / 2) else { continue };
        let at = (hit.0 + hit.1 / 2) as usize;
        for junk in [&b"\0\0\0"[..], b"\xff\xfe\x80\xc3(", b"\x1b[31m", &long, b" surplus", b"\t\t\t,,,;;;||"] {
            let damaged = [&bytes[..at], junk, &bytes[at..]].concat();
            let (_, got) = read(&damaged, &layout);
            // Of several lines, those behind the damage may be records of their own.
            let feeds = hit.4.iter().filter(|byte| **byte == b'\n').count() as u64;
            let is_hit = |row: &&Row| (hit.3..=hit.3.map(|line| line + feeds)).contains(&row.3);
            let others =
                |rows: &[Row]| rows.iter().filter(|row| !is_hit(row)).map(|row| row.4.clone()).collect::<Vec<_>>();
            assert_eq!(others(&got), others(&rows), "{}: {}", layout.format, junk[..junk.len().min(8)].escape_ascii());
        }
    }
}

#[test]
fn a_header_alone_is_no_record() {
    for (name, text) in [
        ("w3c", "#Fields: date time c-ip cs-method cs-uri-stem sc-status\n"),
        ("zeek", "#fields\tts\tuid\tid.orig_h\n"),
        ("vpcflow", "version account-id srcaddr dstaddr bytes start action\n"),
        (
            "windows_xml",
            "<?xml version=\"1.0\"?>\n<Events>\n<Event xmlns='x'><System><EventID>1</EventID></System></Event></Events>\n",
        ),
    ] {
        let layout = layout_of(text.as_bytes());
        assert_eq!(layout.format, name);
        assert_eq!(read(text.as_bytes(), &layout).1.len(), usize::from(name == "windows_xml"), "{name}");
    }
    let layout = layout_of(b"<Events><Event><System/></Event></Events>");
    assert_eq!(read(b"<?xml version='1.0'?><Events xmlns='x'>\n<!-- none --></Events>", &layout).1, []);
}
