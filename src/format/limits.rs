//! Sizes at which exports are known to end, whatever more there was: products give so many records of a query and no more, and
//! spreadsheets have so many rows and characters in a cell.
//!
//! Only limits that the makers state are here, and only of what is exported: a log that a system writes may have any number of
//! records.

use super::csv::{Cell, Cells};
use crate::model::layout::{Framing, Layout};

/// A number of records at which an export may have been cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// So many records.
    pub records: u64,
    /// What gives no more than that, for people.
    pub of: &'static str,
}

/// A format, and the numbers of records at which its exports end.
type OfFormat = (&'static str, &'static [u64], &'static str);

/// SOURCE: the reference of `Search-UnifiedAuditLog` (`ResultSize`, `SessionCommand`) and the page on audit searches; the quotas of
/// advanced hunting, as they were one after the other in the portal and are in the API; the page on downloads of Entra ID; the
/// setting `index.max_result_window` of Elasticsearch; `maxresultrows` in the `limits.conf` of Splunk.
const OF_FORMATS: &[OfFormat] = &[
    ("m365", &[5_000, 50_000], "a search of the unified audit log"),
    ("defender", &[10_000, 30_000, 100_000], "a query of advanced hunting"),
    ("entra_csv", &[100_000, 250_000], "a download of Entra ID"),
    ("elastic_export", &[10_000], "a search of Elasticsearch"),
    ("splunk_export", &[50_000], "a search of Splunk"),
];

/// The column of time in tables of Log Analytics and Sentinel, however the portal names its zone.
const LOG_ANALYTICS: &str = "TimeGenerated";
/// SOURCE: service limits of Azure Monitor, log queries in the portal and by the API.
const OF_LOG_ANALYTICS: &[u64] = &[30_000, 500_000];

/// Rows of a spreadsheet, with and without the one of the header, which is no record. SOURCE: specifications and limits of Excel,
/// of today and up to 2003.
const OF_SHEET: &[u64] = &[65_535, 65_536, 1_048_575, 1_048_576];

/// Characters that a cell of a spreadsheet holds, as UTF-16 counts them. SOURCE: specifications and limits of Excel.
const CELL_CHARS: usize = 32_767;

/// The numbers of records at which a source of this layout may have been cut as it was exported.
pub fn limits(layout: &Layout) -> Vec<Limit> {
    let limit = |of| move |records: &u64| Limit { records: *records, of };
    let own = OF_FORMATS.iter().filter(|(format, ..)| *format == layout.format);
    let mut all: Vec<Limit> = own.flat_map(|(_, records, of)| records.iter().map(limit(of))).collect();
    if is_table(layout) {
        if layout.columns.iter().any(|column| column.starts_with(LOG_ANALYTICS)) {
            all.extend(OF_LOG_ANALYTICS.iter().map(limit("a query of Log Analytics")));
        }
        all.extend(OF_SHEET.iter().map(limit("a spreadsheet")));
    }
    all
}

/// Whether a record is one of results that a search of Splunk gave before it was done.
#[inline]
pub fn is_preview(layout: &Layout, record: &[u8]) -> bool {
    layout.format == SPLUNK && record.starts_with(PREVIEW)
}

const SPLUNK: &str = "splunk_export";
/// How Splunk begins them. SOURCE: the reference of `search/jobs/export`.
const PREVIEW: &[u8] = b"{\"preview\":true";

/// Whether a record of this layout has a cell that is as long as one of a spreadsheet can be, so that its end may be lost.
///
/// PERF: records that are shorter than such a cell are not looked into.
#[inline]
pub fn has_cut_cell(layout: &Layout, record: &[u8]) -> bool {
    record.len() >= CELL_CHARS && is_table(layout) && is_cut(layout, record)
}

#[cold]
fn is_cut(layout: &Layout, record: &[u8]) -> bool {
    let cells = Cells { rest: Some(record), delimiter: layout.delimiter };
    cells.filter_map(Result::ok).any(|cell| cell.raw.len() >= CELL_CHARS && chars(&cell) == CELL_CHARS)
}

/// The characters of a cell.
fn chars(cell: &Cell<'_>) -> usize {
    String::from_utf8_lossy(&cell.plain()).encode_utf16().count()
}

fn is_table(layout: &Layout) -> bool {
    matches!(layout.framing, Framing::Csv { .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(columns: &[&str]) -> Layout {
        let columns = columns.iter().map(|name| (*name).into()).collect();
        Layout { framing: Framing::Csv { delimiter: b',' }, delimiter: b',', format: "csv", columns, ..Layout::plain() }
    }

    fn sizes(layout: &Layout) -> Vec<u64> {
        limits(layout).into_iter().map(|limit| limit.records).collect()
    }

    #[test]
    fn tables_end_where_sheets_and_queries_do_and_logs_of_lines_anywhere() {
        assert_eq!(sizes(&table(&["time", "user"])), OF_SHEET);
        assert_eq!(sizes(&table(&["TimeGenerated [UTC]", "user"]))[..2], *OF_LOG_ANALYTICS);
        let of = |format| Layout { format, ..Layout::plain() };
        assert_eq!(sizes(&of("m365")), [5_000, 50_000]);
        assert_eq!(sizes(&of("syslog3164")), [0; 0]);
    }

    #[test]
    fn a_cell_is_cut_at_the_characters_of_a_sheet_and_not_at_its_bytes() {
        let layout = table(&["a", "b"]);
        let cell = |text: String| format!("x,\"{text}\"").into_bytes();
        assert!(has_cut_cell(&layout, &cell("y".repeat(CELL_CHARS))));
        assert!(!has_cut_cell(&layout, &cell("y".repeat(CELL_CHARS - 1))));
        assert!(!has_cut_cell(&layout, &cell("y".repeat(CELL_CHARS + 1))));
        assert!(has_cut_cell(&layout, &cell("\"\"".repeat(CELL_CHARS))), "a quote that is written twice is one");
        assert!(has_cut_cell(&layout, &cell("é".repeat(CELL_CHARS))));
        assert!(has_cut_cell(&layout, &cell(format!("{}y", "😀".repeat(CELL_CHARS / 2)))), "as UTF-16 counts");
        assert!(!has_cut_cell(&Layout::plain(), &cell("y".repeat(CELL_CHARS))), "no table");
    }
}
