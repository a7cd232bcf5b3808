//! Reads evidence of a scenario and judges it.

use exfiltrace::discover::{self, Root};
use exfiltrace::indicators::{Builder, pattern::Patterns};
use exfiltrace::model::partial::Partial;
use exfiltrace::model::scopes::Scopes;
use exfiltrace::model::source::Survey;
use exfiltrace::plan::Plan;
use exfiltrace::scan::{self, Outcome};

use tempfile::TempDir;

use super::generated::Scenario;
use crate::support;

/// A plan that is used for many scans: to compile the rules takes longer than one of these.
pub struct Desk {
    plan: Plan,
    /// The evidence of the last scenario.
    folder: TempDir,
}

impl Desk {
    pub fn new() -> Self {
        let scopes: Scopes = toml::from_str("timezone = 'Europe/London'\n").unwrap();
        Self { plan: support::plan(Vec::new(), scopes, Builder::new()), folder: tempfile::tempdir().unwrap() }
    }

    /// What the sources of a scenario tell.
    pub fn read(&mut self, scenario: &Scenario) -> Partial {
        let survey = self.survey(scenario);
        self.read_part(&survey, |_| true)
    }

    /// Writes a scenario and lists it.
    pub fn survey(&mut self, scenario: &Scenario) -> Survey {
        self.folder = tempfile::tempdir().unwrap();
        let mut feed = Builder::new();
        feed.add("feed.txt", "", scenario.truth.listed.join("\n").as_bytes());
        self.plan.indicators = feed.finish().0;
        self.plan.patterns = Patterns::of(&self.plan.indicators);
        scenario.write(self.folder.path()).unwrap();
        self.plan.roots = vec![Root { name: b"evidence".to_vec(), path: Some(self.folder.path().to_owned()) }];
        discover::survey(&self.plan.roots, &[]).unwrap()
    }

    /// What some of the files tell, by their index.
    pub fn read_part(&self, survey: &Survey, takes: impl Fn(usize) -> bool) -> Partial {
        let files = survey.files.iter().enumerate().filter(|(at, _)| takes(*at)).map(|(_, file)| file.clone());
        let part = Survey { files: files.collect(), ..Survey::default() };
        let (partial, _) = scan::sources(&self.plan, &part).unwrap();
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
