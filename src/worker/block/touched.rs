//! What a record of a conversation shows of data.

use super::super::source::Told;
use super::Pass;
use crate::classify::Look;
use crate::model::data::Touch;
use crate::model::fields::Fields;
use crate::model::rule::Outcome;
use crate::sift::AtomHit;
use crate::tally::Tally;

impl Pass<'_, '_> {
    /// Which literals of data a record holds.
    pub(super) fn look(&self, names: &[AtomHit]) -> Option<Look> {
        names.iter().map(|name| self.plan.classifier.look(name.literal)).max()
    }

    /// Adds the data that a record shows to the conversation that was tallied last. What was refused touched nothing.
    pub(super) fn touched(&self, look: Look, fields: &Fields<'_>, tally: &Tally, told: &mut Told) {
        if Outcome::of(fields) == Outcome::Failed {
            return;
        }
        let data = self.plan.classifier.data(fields, look);
        if data.is_empty() {
            return;
        }
        let conversation = tally.at_hand();
        for datum in data {
            let touch = Touch::of(datum.object, fields.time.map(|stamp| stamp.at));
            told.touched.add((datum.sign, conversation.clone()), &touch);
        }
    }
}
