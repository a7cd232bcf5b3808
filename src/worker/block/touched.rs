//! What a record of a conversation shows of data.

use super::super::source::Told;
use super::Pass;
use crate::model::data::Touch;
use crate::model::fields::Fields;
use crate::model::rule::Outcome;
use crate::tally::Tally;

impl Pass<'_, '_> {
    /// Adds the data that a record shows to the conversation that was tallied last. What was refused touched nothing.
    pub(super) fn touched(&self, fields: &Fields<'_>, tally: &Tally, told: &mut Told) {
        if Outcome::of(fields) == Outcome::Failed {
            return;
        }
        let data = self.plan.classifier.data(fields);
        if data.is_empty() {
            return;
        }
        let conversation = tally.at_hand();
        for datum in data {
            let touch = Touch::of(datum.object, fields.time.map(|stamp| stamp.at));
            told.touched.add((conversation.clone(), datum.sign), &touch);
        }
    }
}
