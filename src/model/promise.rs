//! Logs that were promised, and what of them is not there.

use super::coverage::{Gap, GapReason, SourceCoverage};
use super::rule::Route;
use super::time::Instant;
use super::whose::Whose;

/// A promised log, compiled.
#[derive(Debug, Clone)]
pub struct Promise {
    /// Whose; `None` for everybody's.
    pub scope: Option<String>,
    /// Kind of log.
    pub source: String,
    /// From.
    pub from: Option<Instant>,
    /// To, inclusive.
    pub to: Option<Instant>,
}

/// Whether a source is of the kind that an `[[expect]]` names. A kind that is not known fits a format of that name.
pub fn is_kind(source: &SourceCoverage, kind: &str) -> bool {
    let shows = |route| source.observes.contains(&route);
    match kind {
        "proxy" => shows(Route::HttpsUpload) && !shows(Route::Network),
        "firewall" | "flow" => shows(Route::Network),
        "web" => shows(Route::WebResponse),
        "dns" => shows(Route::DnsTunnel),
        "cloud" => shows(Route::SaasDownload),
        "mail" => shows(Route::Email) && !shows(Route::Network),
        "windows" => matches!(&*source.format, "evtx" | "windows_json" | "windows_xml"),
        other => source.format == other,
    }
}

/// The routes that a promised kind of log would have shown.
pub fn shown_by(kind: &str) -> &'static [Route] {
    match kind {
        "proxy" => &[Route::HttpsUpload, Route::CloudStorage],
        "firewall" | "flow" => {
            &[Route::HttpsUpload, Route::CloudStorage, Route::SftpFtp, Route::Email, Route::Smb, Route::Network]
        }
        "web" => &[Route::WebResponse],
        "dns" => &[Route::DnsTunnel],
        "cloud" => &[Route::SaasDownload],
        "mail" => &[Route::Email],
        "windows" | "vpn" => &[Route::RemoteAccess],
        _ => &[Route::Network],
    }
}

impl Whose {
    /// The first part of a promise's period that the sources do not cover; `None` where it is kept.
    pub fn broken(&self, promise: &Promise, sources: &[SourceCoverage]) -> Option<Gap> {
        let gap = |from, to| {
            Some(Gap { source: promise.source.clone(), from, to, reason: GapReason::NotDelivered, log: None })
        };
        let fits = |s: &&SourceCoverage| {
            is_kind(s, &promise.source) && promise.scope.as_ref().is_none_or(|name| s.scopes.contains(name))
        };
        let given = || sources.iter().filter(fits);
        let Some(first) = given().filter_map(|s| s.from).min() else { return gap(promise.from, promise.to) };
        let last = given().filter_map(|s| s.to).max().unwrap_or(first);
        // A log need not hold a record in the first and last hours of the day that was promised.
        let day = 86_400;
        if let Some(from) = promise.from.filter(|from| first > from.plus_secs(day)) {
            return gap(Some(from), Some(first));
        }
        let (begin, end) = (promise.from.unwrap_or(first), promise.to.unwrap_or(last));
        let mut parts: Vec<(Instant, Instant)> = given().flat_map(SourceCoverage::delivered).collect();
        parts.sort_unstable();
        let mut reached = begin.max(first);
        for (from, to) in parts {
            if from > reached.plus_secs(day) && reached < end {
                return gap(Some(reached), Some(from.min(end)));
            }
            reached = reached.max(to);
        }
        promise.to.filter(|to| reached < to.plus_secs(-day)).and_then(|to| gap(Some(reached), Some(to)))
    }

    /// Gaps of all promises that were not kept.
    pub fn missing(&self, sources: &[SourceCoverage]) -> Vec<Gap> {
        self.promises.iter().filter_map(|p| self.broken(p, sources)).collect()
    }
}
