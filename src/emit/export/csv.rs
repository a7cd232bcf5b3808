//! Findings as a table (RFC 4180), safe to open in a spreadsheet.

use std::io::Write;

use super::super::safe;
use super::super::words::word;
use super::{LoadedCase, refused};
use crate::error::Result;
use crate::model::finding::Finding;

const HEAD: &str = "id,kind,rule_id,rule_title,level,route,outcome,scope,first,last,count,source,offset,length,line,\
                    sha256,indicator,excerpt\r\n";

/// Writes one row per finding, with its first record.
pub(super) fn export(case: &LoadedCase, out: &mut dyn Write) -> Result<()> {
    out.write_all(HEAD.as_bytes()).map_err(refused)?;
    for finding in case.shown()? {
        let cells: Vec<String> = row(&finding?).iter().map(|c| safe::csv(c)).collect();
        write!(out, "{}\r\n", cells.join(",")).map_err(refused)?;
    }
    Ok(())
}

fn row(f: &Finding) -> [String; 18] {
    let e = f.evidence.first();
    let text = |value: Option<String>| value.unwrap_or_default();
    [
        f.id.clone(),
        word(&f.kind),
        f.rule.id.clone(),
        f.rule.title.clone(),
        f.level.word().to_owned(),
        text(f.route.map(|r| r.word().to_owned())),
        word(&f.outcome),
        f.scope.clone(),
        text(f.time.first.map(|t| t.to_string())),
        text(f.time.last.map(|t| t.to_string())),
        f.count.to_string(),
        text(e.map(|e| e.source.to_string())),
        text(e.map(|e| e.place.offset.to_string())),
        text(e.map(|e| e.place.length.to_string())),
        text(e.and_then(|e| e.place.line).map(|n| n.to_string())),
        text(e.map(|e| e.sha256.clone())),
        text(f.indicator.as_ref().map(|i| i.value.clone())),
        text(e.map(|e| e.excerpt.clone())),
    ]
}
