//! J-35: what logs of clouds tell of management alone, and what is to be collected where somebody may have read the stores.

use std::collections::BTreeSet;

use crate::model::coverage::{SIGNED_IN_TO, SourceCoverage};
use crate::model::finding::Finding;
use crate::model::place::Locator;
use crate::model::rule::{Outcome, Route};

use super::Bench;

/// A cloud whose log of management says nothing of what was read.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cloud {
    /// Formats of its logs; of those of another one none tells what was read of it.
    formats: &'static [&'static str],
    /// What logs reads of the data in its stores, and is to be switched on.
    pub(super) needs: &'static str,
}

/// SOURCE: the documentation of these services on what their audit logs hold unless more is switched on.
const CLOUDS: &[Cloud] = &[
    Cloud {
        formats: &["cloudtrail", "s3access"],
        needs: "CloudTrail's data events of S3 (GetObject), if a trail logs them, or the server access logs of the buckets",
    },
    Cloud {
        formats: &["gcp"],
        needs: "Data Access audit logs of Google Cloud (DATA_READ of Cloud Storage), or the usage logs of the buckets",
    },
    Cloud {
        formats: &["azure", "azure_activity_csv"],
        needs: "StorageRead of the diagnostic settings of Azure's storage accounts (StorageBlobLogs)",
    },
    Cloud {
        formats: &["m365"],
        needs: "the audit log of Microsoft 365 with MailItemsAccessed and the records of SharePoint",
    },
];

impl Cloud {
    /// The cloud of a log that tells of its management alone, and not of sign-ins alone, which may be to any service.
    pub(super) fn managed(source: &SourceCoverage) -> Option<&'static Self> {
        let is_silent = !source.not_logged.iter().any(|what| what == SIGNED_IN_TO)
            && source.unlogged.contains(&Route::SaasDownload)
            && !source.observes.contains(&Route::SaasDownload);
        CLOUDS.iter().find(|cloud| is_silent && cloud.is_of(source))
    }

    /// Whether a log is one of this cloud.
    pub(super) fn is_of(&self, source: &SourceCoverage) -> bool {
        source.formats().any(|format| self.formats.contains(&format))
    }
}

/// The logs of which records say that somebody listed was let in: who may manage a cloud may be given what they do not tell of.
pub(super) fn letting_in<'a>(bench: &Bench<'a>) -> BTreeSet<&'a Locator> {
    let is_let_in = |f: &&&Finding| f.outcome == Outcome::Succeeded;
    let sightings = bench.visitors.values().flatten().filter(is_let_in);
    sightings.flat_map(|f| &f.evidence).map(|e| &e.source).collect()
}
