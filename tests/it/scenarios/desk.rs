//! Reads evidence of a scenario and judges it.

use exfiltrace::discover::{self, Root};
use exfiltrace::indicators::Builder;
use exfiltrace::model::partial::Partial;
use exfiltrace::model::scopes::Scopes;
use exfiltrace::model::source::Survey;
use exfiltrace::plan::Plan;
use exfiltrace::scan::{self, Outcome};

use super::generated::{Artefact, Scenario};
use crate::support;

/// A plan that is used for many scans: to compile the rules takes longer than one of these.
pub struct Desk {
    plan: Plan,
}

impl Desk {
    pub fn new() -> Self {
        let scopes: Scopes = toml::from_str("timezone = 'Europe/London'\n").unwrap();
        Self { plan: support::plan(Vec::new(), scopes, Builder::new()) }
    }

    /// What the sources of a scenario tell.
    pub fn read(&mut self, scenario: &Scenario) -> Partial {
        self.read_files(scenario, |_, _| true)
    }

    /// The same of some files: by their index and what they are.
    pub fn read_files(&mut self, scenario: &Scenario, keeps: impl Fn(usize, &Artefact) -> bool) -> Partial {
        let temp = tempfile::tempdir().unwrap();
        scenario.write(temp.path(), keeps).unwrap();
        self.plan.roots = vec![Root { name: b"evidence".to_vec(), path: Some(temp.path().to_owned()) }];
        let survey = discover::survey(&self.plan.roots, &[]).unwrap();
        self.of_survey(&survey)
    }

    fn of_survey(&self, survey: &Survey) -> Partial {
        let (partial, _) = scan::sources(&self.plan, survey).unwrap();
        assert!(partial.sources.values().all(|s| !s.entry.has_loss()), "all of a scenario is read");
        partial
    }

    /// The answer under a scopes file.
    pub fn judge(&mut self, scopes: &str, partial: Partial) -> Outcome {
        let scopes: Scopes = toml::from_str(scopes).unwrap_or_else(|cause| panic!("{cause}\n{scopes}"));
        self.plan.whose = exfiltrace::scope::compile(&scopes).unwrap();
        scan::conclude(&self.plan, partial)
    }
}
