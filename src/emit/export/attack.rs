//! MITRE ATT&CK ids of a finding, told apart.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::finding::Finding;
use crate::model::rule::Stage;

/// The enterprise tactics by id.
const TACTICS: &[(&str, &str)] = &[
    ("TA0001", "Initial Access"),
    ("TA0002", "Execution"),
    ("TA0003", "Persistence"),
    ("TA0004", "Privilege Escalation"),
    ("TA0005", "Defense Evasion"),
    ("TA0006", "Credential Access"),
    ("TA0007", "Discovery"),
    ("TA0008", "Lateral Movement"),
    ("TA0009", "Collection"),
    ("TA0010", "Exfiltration"),
    ("TA0011", "Command and Control"),
    ("TA0040", "Impact"),
    ("TA0042", "Resource Development"),
    ("TA0043", "Reconnaissance"),
];

/// Tactics, techniques and sub-techniques, each sorted.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Attack<'a> {
    /// Tactic ids with their names.
    pub(super) tactics: BTreeMap<&'static str, &'static str>,
    /// Techniques without the sub-technique: `T1567`; those of [`subtechniques`](Self::subtechniques) too.
    pub(super) techniques: BTreeSet<&'a str>,
    /// Whole sub-technique ids: `T1567.002`.
    pub(super) subtechniques: BTreeSet<&'a str>,
}

impl<'a> Attack<'a> {
    /// Reads the ids and stages of a finding. Ids that are of neither form (groups, software) are left out.
    pub(super) fn of(f: &'a Finding) -> Self {
        let mut attack = Self::default();
        for id in f.stage.iter().filter_map(|stage| tactic_of(*stage)).chain(f.attack.iter().map(String::as_str)) {
            if let Some((id, name)) = TACTICS.iter().find(|(known, _)| *known == id) {
                attack.tactics.insert(id, name);
                continue;
            }
            let (technique, sub) = id.split_once('.').map_or((id, None), |(technique, sub)| (technique, Some(sub)));
            let digits = |text: &str, many: usize| text.len() == many && text.bytes().all(|b| b.is_ascii_digit());
            if !technique.strip_prefix('T').is_some_and(|number| digits(number, 4)) {
                continue;
            }
            match sub {
                None => {
                    attack.techniques.insert(technique);
                }
                Some(sub) if digits(sub, 3) => {
                    attack.techniques.insert(technique);
                    attack.subtechniques.insert(id);
                }
                Some(_) => {}
            }
        }
        attack
    }

    /// Whether there is nothing to say.
    pub(super) fn is_empty(&self) -> bool {
        self.tactics.is_empty() && self.techniques.is_empty()
    }
}

/// The tactic of a stage. `execution` stands for persistence and privilege as well, so it names no tactic; staging is
/// a technique of Collection.
fn tactic_of(stage: Stage) -> Option<&'static str> {
    Some(match stage {
        Stage::InitialAccess => "TA0001",
        Stage::Execution => return None,
        Stage::CredentialAccess => "TA0006",
        Stage::Discovery => "TA0007",
        Stage::LateralMovement => "TA0008",
        Stage::CommandAndControl => "TA0011",
        Stage::Collection | Stage::Staging => "TA0009",
        Stage::Exfiltration => "TA0010",
        Stage::Impact => "TA0040",
        Stage::DefenceEvasion => "TA0005",
    })
}
