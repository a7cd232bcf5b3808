//! What a record of a conversation shows of data.

use super::super::source::Told;
use super::Pass;
use super::dataless::Dataless;
use crate::classify::Look;
use crate::model::data::Touch;
use crate::model::fields::Fields;
use crate::model::observation::ObservationKey;
use crate::model::rule::Outcome;
use crate::sift::AtomHit;

impl Pass<'_, '_> {
    /// Which literals of data a record holds.
    pub(super) fn look(&self, names: &[AtomHit]) -> Option<Look> {
        names.iter().map(|name| self.plan.classifier.look(name.literal)).max()
    }

    /// Adds the data that a record shows to its conversation. What was refused touched nothing.
    pub(super) fn touched(
        &self,
        look: Look,
        fields: &Fields<'_>,
        conversation: impl FnOnce() -> ObservationKey,
        (dataless, told): (&mut Dataless, &mut Told),
    ) {
        let is_refused = Outcome::of(fields) == Outcome::Failed;
        let data = if is_refused { Vec::new() } else { self.plan.classifier.data(fields, look) };
        if data.is_empty() {
            return dataless.keep();
        }
        let conversation = conversation();
        for datum in data {
            let touch = Touch::of(datum.object, fields.time.map(|stamp| stamp.at));
            told.touched.add((datum.sign, conversation.clone()), &touch);
        }
    }
}
