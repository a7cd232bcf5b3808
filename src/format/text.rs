//! Bytes that no format understood: lines that are sifted for indicators and never parsed.

use super::{Fit, Format, Sample};
use crate::model::fields::{Canon, Fields, Parsed, Reject, Want};
use crate::model::layout::Layout;

/// The format of last resort.
pub struct PlainText;

impl Format for PlainText {
    fn name(&self) -> &'static str {
        "text"
    }

    fn describe(&self) -> &'static str {
        "any other bytes: sifted for indicators line by line, not parsed"
    }

    fn fields(&self) -> Vec<Canon> {
        Vec::new()
    }

    fn recognise(&self, _: &Sample<'_>) -> Option<Fit> {
        None
    }

    fn parse<'b>(&self, _: &Layout, _: &'b [u8], _: Want, out: &mut Fields<'b>) -> Result<Parsed, Reject> {
        out.clear();
        Err(Reject)
    }
}
