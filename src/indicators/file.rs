//! File names and paths as they are matched.

use super::value::{Canonical, Reason};
use crate::model::fold::{fold, folded};
use crate::model::indicator::{IndicatorKind, tail};

/// The canonical form of a file name or path, or why it is refused.
pub(super) fn canonical(kind: IndicatorKind, value: &str) -> Result<Canonical, Reason> {
    if value.bytes().any(|b| b.is_ascii_control()) {
        return Err("file name with a control character");
    }
    let path = value.contains(['/', '\\']);
    let kind = if kind == IndicatorKind::FilePath && !path { IndicatorKind::FileName } else { kind };
    if kind == IndicatorKind::FileName && path {
        return canonical(IndicatorKind::FilePath, value);
    }
    ending(value)?;
    if kind == IndicatorKind::FileName {
        return Ok(Canonical { kind, value: fold(value).into(), exact_only: false });
    }
    // The leading drive is free; Windows paths ignore case, others do not.
    let value = without_device(value);
    let bytes = value.as_bytes();
    let rest = if bytes.len() > 2 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':' { &value[2..] } else { value };
    let mut made = String::with_capacity(rest.len());
    for c in rest.chars() {
        let c = if rest.starts_with('/') {
            c
        } else if c == '/' {
            '\\'
        } else {
            folded(c)
        };
        if !(matches!(c, '/' | '\\') && made.ends_with(c)) {
            made.push(c);
        }
    }
    Ok(Canonical { kind, value: made.into(), exact_only: false })
}

/// Whether the scan meets the end of a file name, which is a run of letters and digits of ASCII with a dot in it. What
/// stands before the run may be anything.
fn ending(value: &str) -> Result<(), Reason> {
    let name = value.rsplit(['/', '\\']).next().unwrap_or(value);
    let run = tail(value);
    match () {
        () if name.ends_with('.') || !name.contains('.') => Err("file name without an ending is not matched yet"),
        () if !run.contains('.') => {
            Err("file name whose ending has other characters than letters and digits of ASCII is not matched yet")
        }
        () if run.len() == name.len() && !run.trim_start_matches('.').contains('.') => {
            Err("file name that is an ending alone is not matched yet")
        }
        () => Ok(()),
    }
}

/// A path without the prefix of a Windows device: `\\?\`, `\??\`, `\Device\HarddiskVolume3`.
fn without_device(value: &str) -> &str {
    let bare = value.strip_prefix("\\\\?\\").or_else(|| value.strip_prefix("\\??\\")).unwrap_or(value);
    const VOLUME: &str = "\\device\\harddiskvolume";
    match bare.split_at_checked(VOLUME.len()) {
        Some((head, rest)) if head.eq_ignore_ascii_case(VOLUME) => {
            let path = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            if path.len() < rest.len() && path.starts_with('\\') { path } else { bare }
        }
        _ => bare,
    }
}
