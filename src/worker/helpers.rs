//! The other threads of a scan, as the reader of a file sees them.

use std::sync::atomic::Ordering;

use rayon::Scope;

use super::Engine;
use crate::model::hands::{Hands, Job};

pub(super) struct Helpers<'e, 's, 't> {
    pub engine: &'s Engine<'e>,
    pub tasks: &'t Scope<'s>,
}

impl<'e: 's, 's> Hands for Helpers<'e, 's, '_> {
    fn count(&self) -> usize {
        self.engine.plan.threads
    }

    fn offer(&self, job: Job) {
        self.tasks.spawn(move |_| job());
    }

    fn other_work(&self) -> bool {
        self.engine.work_waiting()
    }

    fn reserve(&self, bytes: usize) -> bool {
        let before = self.engine.ahead_bytes.fetch_add(bytes, Ordering::Relaxed);
        let held = before.saturating_add(bytes) <= self.engine.plan.ahead_bytes;
        if !held {
            self.give_back(bytes);
        }
        held
    }

    fn give_back(&self, bytes: usize) {
        self.engine.ahead_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}
