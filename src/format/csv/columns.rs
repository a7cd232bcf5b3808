//! What the columns of a table are, by their names.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use crate::format::m365;
use crate::format::remembered::Remembered;
use crate::format::roles::{Role, Roles};
use crate::format::sketch::Part;
use crate::model::layout::Layout;

/// What a column is.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// What its name means.
    pub role: Option<Role>,
    /// What it is to the outline of a row.
    pub part: Part,
    /// What more it is.
    pub special: Option<Special>,
    /// Whether its name says that its times are UTC.
    pub is_utc: bool,
}

/// Columns that are more than what their name means.
#[derive(Debug, Clone, Copy)]
pub enum Special {
    /// A date, whose time of day may stand in another.
    Date,
    /// That time of day.
    Clock,
    /// The zone of the two.
    Zone,
    /// The record is the JSON in it.
    Record,
    /// FortiGate's number of ten digits, of which a spreadsheet takes those that are 0 at the front.
    LogId,
}

/// What the columns of a table are.
#[derive(Debug, Default)]
pub struct Columns {
    /// All, in their order.
    pub all: Vec<Column>,
    /// Those of which an outline has something, by their number.
    pub asked: Vec<usize>,
}

/// What the columns of a layout are.
pub fn columns(roles: &Roles, layout: &Layout) -> Rc<Columns> {
    thread_local! {
        static LAST: RefCell<Remembered<Rc<Columns>>> = RefCell::default();
    }
    let made = || {
        // Other products have a column of that name too, and none beside it that names the device so.
        let is_fortigate = layout.columns.iter().any(|name| matches!(&**name, "devname" | "devid"));
        let special = |name: &str| match name {
            "logid" if is_fortigate => Some(Special::LogId),
            "date" | "Date" => Some(Special::Date),
            "time" | "Time" => Some(Special::Clock),
            "tz" | "timezone" | "Timezone" | "Time Zone" => Some(Special::Zone),
            m365::COLUMN => Some(Special::Record),
            _ => None,
        };
        let column = |name: &Arc<str>| {
            let (bare, is_utc) = without_utc(name);
            let role = roles.get_loose(name.as_bytes()).or_else(|| roles.get_loose(bare.as_bytes()).filter(|_| is_utc));
            Column { role, part: Part::of(role), special: special(bare), is_utc }
        };
        let all: Vec<Column> = layout.columns.iter().map(column).collect();
        let asked = all.iter().enumerate().filter(|(_, column)| column.is_asked()).map(|(at, _)| at).collect();
        Rc::new(Columns { all, asked })
    };
    LAST.with_borrow_mut(|last| last.of(roles.id, &layout.columns, made))
}

/// The name of a column without `(UTC)`, `[UTC]`, `_utc` or `GMT` at its end, and whether it has that.
fn without_utc(name: &str) -> (&str, bool) {
    let open = name.trim_end_matches([')', ']']).trim_end();
    let is_zone = |end: &str| end.eq_ignore_ascii_case("utc") || end.eq_ignore_ascii_case("gmt");
    let cut = open.len().checked_sub(3).and_then(|at| open.split_at_checked(at)).filter(|(_, end)| is_zone(end));
    match cut {
        Some((bare, _)) if bare.ends_with([' ', '_', '-', '(', '[']) => {
            (bare.trim_end_matches([' ', '_', '-', '(', '[']), true)
        }
        _ => (name, false),
    }
}
